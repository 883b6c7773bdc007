//! The values of `insecure-registries` and `registry-mirrors`, as dockerd's registry service reads them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::version::Version;

/// What dockerd makes of one item of `insecure-registries`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Insecure {
    /// A network, its host bits cleared: `10.0.0.0/8`.
    Network(String),
    /// One registry, matched as it is written: `host` or `host:port`.
    Index(String),
}

/// Why dockerd does not start with an item of `insecure-registries`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum BadInsecure {
    #[error("`{0}` is empty or has white space; write `host` or `host:port`")]
    Blank(String),
    #[error("`{0}` begins or ends with a hyphen; write `host` or `host:port`")]
    Hyphen(String),
    #[error("`{0}` has a scheme; write `host` or `host:port`")]
    Scheme(String),
    #[error("`{0}` has a path or ends with `/`; write only `host` or `host:port`")]
    Path(String),
    #[error("`{0}` has a wildcard, which dockerd does not know; name each registry, or give a network")]
    Wildcard(String),
    #[error("`{0}` has a port beyond 65535; correct it")]
    Port(String),
    #[error("an item has a user name or password; remove it, and write `host` or `host:port`")]
    UserInfo,
    #[error("`{0}` is no host name, `host:port`, IP address or network; correct it")]
    Host(String),
}

/// Reads an item of `insecure-registries`. The flag tells whether a scheme was stripped, of which dockerd warns.
///
/// # Errors
/// When dockerd does not start with it.
pub fn insecure(item: &str) -> Result<(Insecure, bool), BadInsecure> {
    // First, so that no other message repeats a password.
    if item.contains('@') {
        return Err(BadInsecure::UserInfo);
    }
    if item.starts_with('-') || item.ends_with('-') {
        return Err(BadInsecure::Hyphen(item.to_owned()));
    }
    let (bare, stripped) = match item.split_once("://") {
        Some((scheme, rest)) if ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) => {
            (rest, true)
        }
        Some(_) => return Err(BadInsecure::Scheme(item.to_owned())),
        None => (item, false),
    };
    if let Some(network) = network(bare) {
        return Ok((Insecure::Network(network), stripped));
    }
    host_and_port(bare).map(|()| (Insecure::Index(bare.to_owned()), stripped))
}

/// A network with its host bits cleared, as dockerd prints it.
pub(crate) fn network(text: &str) -> Option<String> {
    let (address, bits) = text.split_once('/')?;
    if bits.is_empty() || !bits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let bits: u32 = bits.parse().ok()?;
    match address.parse().ok()? {
        IpAddr::V4(address) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            Some(format!("{}/{bits}", Ipv4Addr::from(u32::from(address) & mask)))
        }
        IpAddr::V6(address) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            Some(format!("{}/{bits}", Ipv6Addr::from(u128::from(address) & mask)))
        }
        _ => None,
    }
}

fn host_and_port(text: &str) -> Result<(), BadInsecure> {
    let owned = || text.to_owned();
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(BadInsecure::Blank(owned()));
    }
    if text.contains('/') {
        return Err(BadInsecure::Path(owned()));
    }
    if text.contains('*') {
        return Err(BadInsecure::Wildcard(owned()));
    }
    let (host, port) = split(text);
    let named = is_domain(host) && port.is_none_or(|port| !port.is_empty());
    if !named && host.parse::<IpAddr>().is_err() {
        return Err(BadInsecure::Host(owned()));
    }
    match port {
        None | Some("") => Ok(()),
        Some(port) if !port.bytes().all(|b| b.is_ascii_digit()) => Err(BadInsecure::Host(owned())),
        Some(port) => port.parse::<u16>().map(drop).map_err(|_| BadInsecure::Port(owned())),
    }
}

/// Host and port, as Go splits them: an IPv6 address has a port only in brackets, and in brackets only with one.
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some((host, port)) = text.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        return (host, Some(port));
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

pub(super) fn is_domain(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.split('.').all(label)
}

/// Why dockerd does not start with an item of `registry-mirrors`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum BadMirror {
    #[error("`{0}` has no scheme; write `https://{0}`")]
    NoScheme(String),
    #[error("`{0}` has another scheme than `http` and `https`; use one of them")]
    Scheme(String),
    #[error("`{0}` has no host; write `https://host`")]
    NoHost(String),
    #[error("a mirror has a user name or password, which dockerd refuses; remove it from the address")]
    UserInfo,
    #[error("`{0}` has a query or fragment, which dockerd refuses; remove it")]
    Query(String),
    #[error("`{0}` has a path, which dockerd before 25.0 refuses; remove it")]
    Path(String),
    #[error("`{0}` has white space or a control character; remove it")]
    Blank(String),
    #[error("`{0}` has a port that is no number; correct it")]
    Port(String),
}

const MIRROR_PATHS: Version = Version::new(25, 0, 0);

/// Reads an item of `registry-mirrors` and gives it as dockerd shows it, with a `/` at the end.
///
/// # Errors
/// When dockerd does not start with it.
pub fn mirror(item: &str, engine: Option<Version>) -> Result<String, BadMirror> {
    let owned = || item.to_owned();
    let authority = item.split_once("://").map_or(item, |(_, rest)| rest);
    let authority = &authority[..authority.find(['/', '?', '#']).unwrap_or(authority.len())];
    // First, so that no other message repeats a password.
    if authority.contains('@') {
        return Err(BadMirror::UserInfo);
    }
    let Some((scheme, rest)) = item.split_once("://") else { return Err(BadMirror::NoScheme(owned())) };
    if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return Err(BadMirror::Scheme(owned()));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, tail) = rest.split_at(end);
    if item.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(BadMirror::Blank(owned()));
    }
    if tail.split_once('?').is_some_and(|(_, query)| !query.is_empty())
        || tail.split_once('#').is_some_and(|(_, fragment)| !fragment.is_empty())
    {
        return Err(BadMirror::Query(owned()));
    }
    let port = host.rsplit_once(':').filter(|(_, port)| !port.contains(']'));
    if port.is_some_and(|(_, port)| !port.bytes().all(|b| b.is_ascii_digit())) {
        return Err(BadMirror::Port(owned()));
    }
    // dockerd starts without a host, and then mirrors nothing.
    if port.map_or(host, |(host, _)| host).is_empty() {
        return Err(BadMirror::NoHost(owned()));
    }
    let path = tail.trim_end_matches(['?', '#']);
    if !path.is_empty() && path != "/" && engine.is_none_or(|engine| engine < MIRROR_PATHS) {
        return Err(BadMirror::Path(owned()));
    }
    Ok(format!("{}/", item.strip_suffix('/').unwrap_or(item)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(name: &str) -> (Insecure, bool) {
        (Insecure::Index(name.to_owned()), false)
    }

    #[test]
    fn insecure_registries_that_dockerd_was_seen_to_take() {
        for name in
            ["h", "h:5000", "H.Example:5000", "[fd00::1]:5000", "fd00::1", "10.0.0.1", "10.0.0.1:80", "a-b.c"]
        {
            assert_eq!(insecure(name), Ok(index(name)), "{name}");
        }
        for (text, shown) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("fd00:1::/8", "fd00::/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::1/128", "::1/128"),
            ("10.0.0.1/32", "10.0.0.1/32"),
        ] {
            assert_eq!(insecure(text), Ok((Insecure::Network(shown.to_owned()), false)), "{text}");
        }
        assert_eq!(insecure("https://h:5000"), Ok((Insecure::Index("h:5000".to_owned()), true)));
    }

    #[test]
    fn insecure_registries_that_dockerd_was_seen_to_refuse() {
        let bad = |text: &str| insecure(text).expect_err(text);
        let owned = str::to_owned;
        assert_eq!(bad("h/path"), BadInsecure::Path(owned("h/path")));
        assert_eq!(bad("h:5000/"), BadInsecure::Path(owned("h:5000/")));
        assert_eq!(bad("https://h/"), BadInsecure::Path(owned("h/")));
        assert_eq!(bad("*.h"), BadInsecure::Wildcard(owned("*.h")));
        assert_eq!(bad(""), BadInsecure::Blank(owned("")));
        assert_eq!(bad(" h"), BadInsecure::Blank(owned(" h")));
        assert_eq!(bad("h_1"), BadInsecure::Host(owned("h_1")));
        assert_eq!(bad("h:65536"), BadInsecure::Port(owned("h:65536")));
        assert_eq!(bad("10.0.0.0/99"), BadInsecure::Path(owned("10.0.0.0/99")));
        assert_eq!(bad("-h"), BadInsecure::Hyphen(owned("-h")));
        assert_eq!(bad("ftp://h"), BadInsecure::Scheme(owned("ftp://h")));
        assert_eq!(bad("https://u:secret@h"), BadInsecure::UserInfo);
        assert_eq!(bad("h:"), BadInsecure::Host(owned("h:")));
        assert_eq!(bad("h:5000:1"), BadInsecure::Host(owned("h:5000:1")));
    }

    #[test]
    fn mirrors() {
        let old = Some(Version::new(20, 10, 24));
        let new = Some(Version::new(28, 5, 2));
        assert_eq!(mirror("https://m", old), Ok("https://m/".to_owned()));
        assert_eq!(mirror("http://m:5000/", old), Ok("http://m:5000/".to_owned()));
        assert_eq!(mirror("https://m/p", old), Err(BadMirror::Path("https://m/p".to_owned())));
        assert_eq!(mirror("https://m/p", new), Ok("https://m/p/".to_owned()));
        assert_eq!(mirror("m:5000", old), Err(BadMirror::NoScheme("m:5000".to_owned())));
        assert_eq!(mirror("ftp://m", old), Err(BadMirror::Scheme("ftp://m".to_owned())));
        assert_eq!(mirror("https://u:secret@m", old), Err(BadMirror::UserInfo));
        assert_eq!(mirror("u:secret@m", old), Err(BadMirror::UserInfo));
        assert_eq!(mirror("https://m?q=1", new), Err(BadMirror::Query("https://m?q=1".to_owned())));
        assert_eq!(mirror("https://[fd00::1]:5000", new), Ok("https://[fd00::1]:5000/".to_owned()));
        assert_eq!(mirror("https:///x", new), Err(BadMirror::NoHost("https:///x".to_owned())));
    }
}
