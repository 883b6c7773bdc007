//! Whether the daemon judges the certificates of a registry at all.

use std::net::IpAddr;

use serde_json::Value;

use crate::certs::RegistryHost;

/// The entry by which `/info` (`RegistryConfig`) shows that certificates of the registry are not judged: its name, or a
/// network in which it lies. `addresses` are those that the host resolves its name to, as the daemon does.
#[must_use]
pub fn entry(config: &Value, registry: &RegistryHost, addresses: &[IpAddr]) -> Option<String> {
    let name = registry.to_string();
    // Entries count for exactly this spelling of the name.
    if config["IndexConfigs"][&name]["Secure"] == Value::Bool(false) {
        return Some(name);
    }
    let addresses = || registry.address().into_iter().chain(addresses.iter().copied());
    let within = |range: &&str| addresses().any(|address| contains(range, address));
    let ranges = config["InsecureRegistryCIDRs"].as_array().map_or(&[][..], Vec::as_slice);
    ranges.iter().filter_map(Value::as_str).find(within).map(str::to_owned)
}

/// Whether a list of a daemon.json names the registry: what a daemon that does not run will do.
#[must_use]
pub fn listed(config: &Value, registry: &RegistryHost, addresses: &[IpAddr]) -> Option<String> {
    let items = config["insecure-registries"].as_array().map_or(&[][..], Vec::as_slice);
    let all = || registry.address().into_iter().chain(addresses.iter().copied());
    let names = |item: &&str| {
        let bare = item.split_once("://").map_or(*item, |(_, rest)| rest);
        bare == registry.to_string() || all().any(|address| contains(bare, address))
    };
    items.iter().filter_map(Value::as_str).find(names).map(str::to_owned)
}

/// Whether an address lies in a range such as `10.0.0.0/8`.
fn contains(range: &str, address: IpAddr) -> bool {
    let Some((base, length)) = range.split_once('/') else { return false };
    let (Ok(base), Ok(length)) = (base.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    let (base, address, width) = match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            (u128::from(base.to_bits()), u128::from(address.to_bits()), 32)
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let Some(shift) = u32::checked_sub(width, length) else { return false };
    base.checked_shr(shift).unwrap_or(0) == address.checked_shr(shift).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ranges_cover_addresses_by_their_leading_bits() {
        let inside = |range: &str, address: &str| contains(range, address.parse().unwrap());
        assert!(
            inside("10.0.0.0/8", "10.1.2.3") && inside("0.0.0.0/0", "192.0.2.1") && inside("::1/128", "::1")
        );
        assert!(inside("::/0", "fd00::1") && inside("fd00::/8", "fd12::1"));
        assert!(
            !inside("10.0.0.0/8", "11.0.0.1")
                && !inside("10.0.0.0/33", "10.0.0.1")
                && !inside("::/0", "10.0.0.1")
        );
        assert!(!inside("10.0.0.0", "10.0.0.0") && !inside("x/8", "10.0.0.0"));
    }

    #[test]
    fn an_entry_counts_by_its_spelling_and_a_network_by_the_address() {
        let by = |text: &str| text.parse::<RegistryHost>().unwrap();
        let shown = json!({
            "IndexConfigs": {"dtr.corp:5000": {"Secure": false}, "docker.io": {"Secure": true}},
            "InsecureRegistryCIDRs": ["127.0.0.0/8", "10.0.0.0/8"],
        });
        let found = |name: &str, addresses: &[IpAddr]| entry(&shown, &by(name), addresses);
        assert_eq!(found("dtr.corp:5000", &[]).as_deref(), Some("dtr.corp:5000"));
        assert_eq!(found("dtr.corp", &[]), None);
        assert_eq!(found("DTR.corp:5000", &[]), None);
        assert_eq!(found("10.2.3.4:5000", &[]).as_deref(), Some("10.0.0.0/8"));
        assert_eq!(found("other.corp", &["10.9.9.9".parse().unwrap()]).as_deref(), Some("10.0.0.0/8"));
        assert_eq!(found("other.corp", &["192.0.2.1".parse().unwrap()]), None);
        assert_eq!(entry(&Value::Null, &by("dtr.corp"), &[]), None);
        let file = json!({"insecure-registries": ["https://dtr.corp:5000", "10.0.0.0/8"]});
        assert!(listed(&file, &by("dtr.corp:5000"), &[]).is_some());
        assert_eq!(listed(&file, &by("10.1.1.1"), &[]).as_deref(), Some("10.0.0.0/8"));
        assert_eq!(listed(&file, &by("dtr.corp"), &[]), None);
    }
}
