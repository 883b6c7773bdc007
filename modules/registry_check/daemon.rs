//! What the docker daemon says of a registry.

use std::net::IpAddr;

use serde_json::Value;

use crate::certs::RegistryHost;
use crate::contract::{DaemonInfo, Distribution};

use super::RegistryCheck;
use super::outcome::Outcome;

/// Words of a registry that was reached over a connection that the daemon accepts; lower case.
const REACHED: &[&str] = &[
    "manifest unknown",
    "name unknown",
    "no basic auth credentials",
    "unauthorized",
    "authentication required",
    "denied: ",
    "access denied",
    "is denied",
];

/// Words of a request that came to nothing before the registry could answer; lower case.
const CUT_OFF: &[&str] = &["x509: ", "tls: ", "dial tcp", "http response to https client"];

/// Reads its answer, and whether its configuration lets it judge certificates at all.
pub fn outcome(check: &RegistryCheck, answer: &Distribution, info: Option<&DaemonInfo>) -> Outcome {
    if answer.status == 0 {
        return Outcome::Skipped("no docker daemon runs on this host".to_owned());
    }
    let insecure = info.map(|info| is_insecure(&info.json["RegistryConfig"], &check.registry));
    match insecure {
        None if check.insecure => {
            return Outcome::failed(
                "the daemon does not answer `GET /info`, so its insecure registries are not known",
                "look at the daemon's log (`journalctl -u docker`)",
            );
        }
        Some(false) if check.insecure => {
            return Outcome::failed(
                format!("`{}` is not among its insecure registries", check.registry),
                "it may not have read its configuration again: let `restart_docker` pay what is owed, and look at `docker info`",
            );
        }
        _ => {}
    }
    // The API has this request since 17.06; an older one knows no such page.
    if answer.message.contains("page not found") {
        return Outcome::Skipped(
            "the daemon is older than 17.06 and cannot be asked without a pull".to_owned(),
        );
    }
    let said = first_line(&answer.message);
    if !is_reached(answer) {
        return Outcome::fault(check, &said);
    }
    if insecure == Some(true) {
        return Outcome::Insecure(format!(
            "it has the registry among its insecure ones and reaches it without judging a certificate (`{said}`)"
        ));
    }
    Outcome::Trusted(format!("it reaches the registry, which says `{said}`"))
}

fn is_reached(answer: &Distribution) -> bool {
    let message = answer.message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    // The name that was pulled where the API could not be asked.
    let pulled = message.contains("dtrctl-probe") && message.contains("not found");
    !says(CUT_OFF) && (matches!(answer.status, 200 | 401 | 403 | 404) || pulled || says(REACHED))
}

fn first_line(message: &str) -> String {
    message.trim().lines().next().unwrap_or_default().to_owned()
}

/// Whether `/info` shows that certificates of the registry are not judged.
fn is_insecure(config: &Value, registry: &RegistryHost) -> bool {
    let indexes = config["IndexConfigs"].as_object();
    // Entries count for exactly this spelling of the name.
    let named = indexes
        .and_then(|indexes| indexes.get(&registry.to_string()))
        .is_some_and(|index| index["Secure"] == Value::Bool(false));
    let ranges = config["InsecureRegistryCIDRs"].as_array();
    let address = registry.address();
    let within =
        |range: &Value| address.zip(range.as_str()).is_some_and(|(address, range)| contains(range, address));
    named || ranges.is_some_and(|ranges| ranges.iter().any(within))
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
}
