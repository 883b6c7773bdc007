//! Whether a certificate is valid for a host, by Go's rules: subjectAltName only.

use std::net::IpAddr;

use super::certificate::Certificate;
use super::host::RegistryHost;
use super::verdict::Fault;

/// Go stops listing names beyond this number.
const MOST_NAMES: usize = 100;

pub(super) fn check(leaf: &Certificate, host: &RegistryHost) -> Result<(), Fault> {
    let facts = leaf.facts();
    let valid = match host.address() {
        Some(address) => facts.ip_addresses.iter().any(|found| same_address(*found, address)),
        None => facts.dns_names.iter().any(|pattern| matches(pattern, host.host())),
    };
    if valid { Ok(()) } else { Err(fault(leaf, host)) }
}

fn fault(leaf: &Certificate, host: &RegistryHost) -> Fault {
    let facts = leaf.facts();
    let wanted = host.host().to_owned();
    let by_common_name = facts.common_name.as_deref().is_some_and(|name| matches_hosts(name, &wanted));
    if !facts.has_alt_names && by_common_name {
        return Fault::CommonNameOnly;
    }
    let names = match host.address() {
        Some(_) if facts.ip_addresses.is_empty() => return Fault::NoIpNames { wanted },
        // As Go prints them.
        Some(_) => facts.ip_addresses.iter().map(|address| address.to_canonical().to_string()).collect(),
        None => facts.dns_names.clone(),
    };
    match names.len() {
        0 => Fault::NoNames { wanted },
        1 if names[0].is_empty() => Fault::NoNames { wanted },
        count if count >= MOST_NAMES => {
            Fault::ManyNames { count, addresses: host.address().is_some(), wanted }
        }
        _ => Fault::OtherNames { names, wanted },
    }
}

/// An IPv4 address and the IPv6 form that maps it are one.
fn same_address(left: IpAddr, right: IpAddr) -> bool {
    left.to_canonical() == right.to_canonical()
}

/// Wildcards work only where both sides are proper host names; anything else has to be equal.
fn matches(pattern: &str, host: &str) -> bool {
    if is_host_name(host, false) && is_host_name(pattern, true) {
        matches_hosts(pattern, host)
    } else {
        !matches!(pattern, "" | ".") && !matches!(host, "" | ".") && pattern.eq_ignore_ascii_case(host)
    }
}

/// A `*` stands for exactly one label, and only for the whole first one.
fn matches_hosts(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if pattern.is_empty() || host.is_empty() {
        return false;
    }
    let (patterns, labels): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), host.split('.').collect());
    patterns.len() == labels.len()
        && patterns.iter().zip(&labels).enumerate().all(|(index, (pattern, label))| {
            (index == 0 && *pattern == "*") || pattern.eq_ignore_ascii_case(label)
        })
}

fn is_host_name(name: &str, pattern: bool) -> bool {
    let name = if pattern { name } else { name.strip_suffix('.').unwrap_or(name) };
    let label = |(index, label): (usize, &str)| {
        let wildcard = pattern && index == 0 && label == "*";
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        wildcard || (!label.is_empty() && !label.starts_with('-') && label.bytes().all(good))
    };
    name != "*" && name.split('.').enumerate().all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_as_in_go() {
        for (pattern, host, good) in [
            ("dtr.example.com", "DTR.example.com", true),
            ("*.example.com", "dtr.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("d*.example.com", "dtr.example.com", false),
            ("*", "localhost", false),
            ("www.*.com", "www.example.com", false),
            ("dtr_1.example.com", "dtr_1.example.com", true),
            ("dtr.example.com.", "dtr.example.com", false),
            ("", "", false),
            ("xn--dtr-.example", "xn--dtr-.example", true),
        ] {
            assert_eq!(matches(pattern, host), good, "{pattern} {host}");
        }
    }
}
