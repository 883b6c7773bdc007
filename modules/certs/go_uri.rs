//! Whether Go's net/url parses a text, and crypto/x509 takes the host in it.

use std::net::Ipv6Addr;

use super::constraints::is_domain;

/// Go parses every URI of a certificate, and refuses the certificate with one that it cannot.
pub(super) fn parses(text: &str) -> bool {
    let (address, fragment) = text.split_once('#').unwrap_or((text, ""));
    let controls = address.bytes().any(|byte| byte.is_ascii_control());
    !controls && has_whole_escapes(fragment) && parses_address(address)
}

fn parses_address(text: &str) -> bool {
    let Some((scheme, rest)) = split_scheme(text) else { return false };
    // A query is not looked into.
    let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
    if !rest.starts_with('/') {
        let segment = rest.split('/').next().unwrap_or_default();
        // Behind a scheme it is opaque, and what begins without one has no colon in its first part.
        return scheme || (!segment.contains(':') && has_whole_escapes(rest));
    }
    let authority = rest.strip_prefix("//").filter(|_| scheme || !rest.starts_with("///"));
    let (authority, path) = match authority {
        Some(after) => after.split_at(after.find('/').unwrap_or(after.len())),
        None => ("", rest),
    };
    has_whole_escapes(path) && is_authority(authority)
}

/// Whether there is a scheme, and what follows it; none where a colon stands first.
fn split_scheme(text: &str) -> Option<(bool, &str)> {
    let scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let end = text.find(|c| !scheme(c)).unwrap_or(text.len());
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    match &text[end..] {
        rest if rest.starts_with(':') && end == 0 => None,
        rest if rest.starts_with(':') && begins => Some((true, &rest[1..])),
        _ => Some((false, text)),
    }
}

fn has_whole_escapes(text: &str) -> bool {
    let whole = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|digit| digit.is_ascii_hexdigit());
    text.split('%').skip(1).all(whole)
}

fn is_authority(text: &str) -> bool {
    let (user, host) = text.rsplit_once('@').map_or((None, text), |(user, host)| (Some(user), host));
    let in_user = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    let good = |user: &str| user.chars().all(in_user) && has_whole_escapes(user);
    user.is_none_or(good) && (host.is_empty() || is_host(host))
}

/// A host and its port. An escape in a host stands for what is no part of a domain. What stands in brackets Go from 1.25.2
/// on reads as an address, and before did not look into: the stricter reading.
fn is_host(text: &str) -> bool {
    let in_host = |c: char| c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:<>\"".contains(c);
    if let Some(inner) = text.strip_prefix('[') {
        let Some((address, port)) = inner.rsplit_once(']') else { return false };
        let address = address.split_once("%25").map_or(address, |(address, _)| address);
        return address.parse::<Ipv6Addr>().is_ok() && is_port(port);
    }
    let port = text.rfind(':').map_or("", |at| &text[at..]);
    text.chars().all(in_host) && is_port(port) && is_domain(text)
}

/// Nothing, or a colon and digits, or the colon alone.
fn is_port(text: &str) -> bool {
    text.is_empty()
        || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Go 1.19 answers, but for `http://[bad]`.
    #[test]
    fn uris_are_parsed_as_go_parses_them() {
        for good in [
            "",
            "*",
            "urn:uuid:1-2",
            "urn:a%zz",
            "http://a.example/x?y=%zz",
            "http://a:80/",
            "http://a:/",
            "http://[::1]:80/x",
            "http://[fe80::1%25eth0]/",
            "spiffe://cluster.local/ns/a",
            "http://u:p%20@a/",
            "//a/b",
            "///a:b",
            "a/b:c",
            "http:///x",
            "mailto:a@b",
            "file:///x",
            "http://*.a/",
            "1a",
            "http://a/#%41",
            "http://a?x",
        ] {
            assert!(parses(good), "{good}");
        }
        for bad in [
            "http://[bad",
            "http://[bad]/",
            "http://1.2.3.4:x/",
            "http://a b/",
            "http://a%41/",
            "http://a./",
            "http://a..b/",
            "http://a/%zz",
            "http://a/#%z",
            ":x",
            "1a:b",
            "a:\u{1}",
            "http://u^@a/",
            "http://a:80:x/",
            "http://[::1]x/",
            "http://a\\b/",
            "http://.a",
        ] {
            assert!(!parses(bad), "{bad}");
        }
    }
}
