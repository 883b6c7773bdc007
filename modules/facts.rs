//! A host's facts under the names that Ansible's users know.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use crate::contract::Facts;
use crate::platform::{distribution, family, release, version};

/// `ansible_facts`: what is there of Ansible's facts. What changes by itself, such as `date_time` or the free memory, is left out, because
/// facts are remembered from run to run.
#[must_use]
pub fn ansible_facts(facts: &Facts) -> Map<String, Value> {
    let mut named = Map::new();
    for group in [system(facts), user(facts), machine(facts), network(facts)] {
        if let Value::Object(group) = group {
            named.extend(group.into_iter().filter(|(_, value)| !value.is_null()));
        }
    }
    named
}

/// The same as variables of their own: `ansible_distribution` and so on. What says how a host is reached is none of them.
#[must_use]
pub fn injected_facts(facts: &Facts) -> Vec<(String, Value)> {
    ansible_facts(facts).into_iter().map(|(name, value)| (format!("ansible_{name}"), value)).collect()
}

/// A text that is there.
fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn system(facts: &Facts) -> Value {
    let version = version(facts);
    let mut parts = version.split('.');
    let major = parts.next().unwrap_or_default();
    let manager = match facts.init.as_str() {
        "sysvinit-redhat" | "boot2docker" => "sysvinit",
        "none" => "service",
        other => other,
    };
    json!({
        "distribution": distribution(facts),
        "distribution_version": version,
        "distribution_major_version": major,
        "distribution_minor_version": parts.next(),
        "distribution_release": release(facts),
        "os_family": family(facts),
        "architecture": facts.machine,
        "machine": facts.machine,
        "userspace_architecture": facts.machine,
        "kernel": facts.kernel,
        "system": facts.kernel_name,
        "service_mgr": manager,
        "pkg_mgr": given(&facts.package_manager),
        "machine_id": given(&facts.machine_id),
        "selinux": selinux(facts),
    })
}

fn selinux(facts: &Facts) -> Value {
    if facts.selinux {
        json!({"status": "enabled", "mode": facts.selinux_mode.to_ascii_lowercase()})
    } else {
        json!({"status": "disabled"})
    }
}

fn user(facts: &Facts) -> Value {
    let environment: Map<String, Value> =
        facts.environment.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    json!({
        "user_id": facts.user,
        "user_uid": facts.uid,
        "user_gid": facts.gid,
        "user_dir": facts.home,
        "user_shell": given(&facts.login_shell),
        "user_gecos": facts.gecos,
        "real_user_id": facts.uid,
        "effective_user_id": facts.uid,
        "real_group_id": facts.gid,
        "effective_group_id": facts.gid,
        "env": environment,
    })
}

fn machine(facts: &Facts) -> Value {
    let virtualization = match facts.virtualization.as_str() {
        "" | "none" => ("NA", "NA"),
        "oracle" => ("virtualbox", "guest"),
        "microsoft" => ("VirtualPC", "guest"),
        other => (other, "guest"),
    };
    let count = |number: u64| (number > 0).then_some(number);
    json!({
        "memtotal_mb": count(facts.memory_kb / 1024),
        "swaptotal_mb": count(facts.memory_kb).map(|_| facts.swap_kb / 1024),
        "processor_vcpus": count(facts.processors.into()),
        "processor_nproc": count(facts.processors.into()),
        "virtualization_type": virtualization.0,
        "virtualization_role": virtualization.1,
    })
}

fn network(facts: &Facts) -> Value {
    let short = facts.hostname.split('.').next().unwrap_or_default();
    let fqdn = given(&facts.fqdn).unwrap_or(&facts.hostname);
    let mut named = json!({
        "nodename": facts.hostname,
        "hostname": short,
        "fqdn": fqdn,
        "domain": fqdn.split_once('.').map_or("", |(_, domain)| domain),
        "dns": {"nameservers": facts.nameservers},
        "default_ipv4": {},
    });
    let found: Vec<(&String, Value)> =
        facts.addresses.iter().filter_map(|(device, text)| Some((device, address(text)?))).collect();
    let outside =
        found.iter().filter(|(_, address)| !address["address"].as_str().unwrap_or("").starts_with("127."));
    named["all_ipv4_addresses"] = outside.map(|(_, address)| address["address"].clone()).collect();
    for (device, address) in &found {
        let name = device.replace(['-', '.', ':'], "_");
        // One such as `user` would be taken for a variable that says how the host is reached.
        let plain = name == "lo" || name.contains(|c: char| c.is_ascii_digit());
        if plain && named.get(&name).is_none() {
            named[name] = json!({"device": device, "active": true, "ipv4": address});
        }
    }
    let mut devices: Vec<&str> = Vec::new();
    for (device, _) in &found {
        if !devices.contains(&device.as_str()) {
            devices.push(device);
        }
    }
    named["interfaces"] = json!(devices);
    if let Some((device, gateway)) = &facts.default_route
        && let Some((_, address)) = found.iter().find(|(found, _)| *found == device)
    {
        named["default_ipv4"] = address.clone();
        named["default_ipv4"]["interface"] = device.clone().into();
        named["default_ipv4"]["gateway"] = gateway.clone().into();
    }
    named
}

/// An address with its network, as Ansible's facts have it.
fn address(text: &str) -> Option<Value> {
    let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
    let (address, prefix): (Ipv4Addr, u32) = (address.parse().ok()?, prefix.parse().ok()?);
    let mask = u32::MAX.checked_shl(32_u32.checked_sub(prefix)?).unwrap_or(0);
    let whole = u32::from(address);
    Some(json!({
        "address": address.to_string(),
        "prefix": prefix.to_string(),
        "netmask": Ipv4Addr::from(mask).to_string(),
        "network": Ipv4Addr::from(whole & mask).to_string(),
        "broadcast": Ipv4Addr::from(whole | !mask).to_string(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_with_its_network() {
        let facts = Facts {
            hostname: "web1".into(),
            fqdn: "web1.corp.example".into(),
            addresses: vec![("lo".into(), "127.0.0.1/8".into()), ("eth0".into(), "192.0.2.2/24".into())],
            default_route: Some(("eth0".into(), "192.0.2.1".into())),
            ..Facts::default()
        };
        let named = ansible_facts(&facts);
        assert_eq!(named["all_ipv4_addresses"], json!(["192.0.2.2"]));
        assert_eq!(named["interfaces"], json!(["lo", "eth0"]));
        assert_eq!(
            named["default_ipv4"],
            json!({"address": "192.0.2.2", "prefix": "24", "netmask": "255.255.255.0", "network": "192.0.2.0",
                "broadcast": "192.0.2.255", "interface": "eth0", "gateway": "192.0.2.1"})
        );
        assert_eq!(named["eth0"]["ipv4"]["address"], "192.0.2.2");
        assert_eq!((&named["domain"], &named["hostname"]), (&json!("corp.example"), &json!("web1")));
        assert_eq!(address("10.0.0.1/0").unwrap()["netmask"], "0.0.0.0");
        assert_eq!(address("10.0.0.1/33"), None);
    }

    #[test]
    fn what_is_not_known_is_not_there() {
        let named = ansible_facts(&Facts::default());
        assert!(!named.contains_key("memtotal_mb") && !named.contains_key("pkg_mgr"), "{named:?}");
        assert_eq!(named["selinux"]["status"], "disabled");
        assert!(injected_facts(&Facts::default()).iter().any(|(name, _)| name == "ansible_os_family"));
    }
}
