//! Which names may be handed to ssh at all. Stricter than ssh itself, which takes `%h`, `root@host` and the empty name:
//! nothing here can be an option, a shell's word of more than itself, or one of ssh's own tokens.

use std::net::Ipv6Addr;
use std::path::Path;

use super::error::Cause;

const LONGEST_NAME: usize = 253;

/// A host name, an alias of ssh's configuration, or an IP address.
pub(super) fn host(text: &str) -> Result<(), Cause> {
    match host_fault(text) {
        None => Ok(()),
        Some(why) => Err(refuse("host name", text, why)),
    }
}

fn host_fault(text: &str) -> Option<&'static str> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return None;
    }
    if text.contains('@') {
        return Some("a user belongs in `ansible_user`");
    }
    if text.contains(':') {
        return Some("a port belongs in `ansible_port`, and an IPv6 address stands without brackets or zone");
    }
    if text.len() > LONGEST_NAME {
        return Some("a host name has at most 253 characters");
    }
    if !text.split('.').all(label) {
        return Some("write letters, digits, `-`, `_` and single dots, beginning with a letter or digit");
    }
    numeric_fault(text)
}

fn label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// `127.1`, `0x7f` and `2130706433` are addresses to the resolver: another host than the one that was written.
fn numeric_fault(text: &str) -> Option<&'static str> {
    let last = text.rsplit('.').next().unwrap_or(text);
    let numeric = last.bytes().all(|b| b.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .or_else(|| last.strip_prefix("0X"))
            .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if numeric && text.parse::<std::net::Ipv4Addr>().is_err() {
        return Some("a number is read as an IPv4 address: write it as four decimals with dots");
    }
    None
}

/// A user name, of the login or of `become_user`.
pub(super) fn user(text: &str) -> Result<(), Cause> {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._@+-$".contains(&b));
    let dollar = text.trim_end_matches('$');
    if first && rest && text.len() <= 64 && text.len() - dollar.len() <= 1 && !dollar.contains('$') {
        return Ok(());
    }
    Err(refuse("user name", text, "write letters, digits, `.`, `_`, `-`, `+` and `@`, at most 64"))
}

/// A port; 0 stands for none.
pub(super) fn port(number: u16) -> Result<(), Cause> {
    if number == 0 { Err(refuse("port", "0", "write a number from 1 to 65535")) } else { Ok(()) }
}

/// A file that ssh is told to read. ssh expands `%` and `$`, so they are not taken.
pub(super) fn file(what: &'static str, path: &Path) -> Result<(), Cause> {
    let shown = path.to_string_lossy();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b" _./+@=,:~-".contains(&b);
    let fault = match path.to_str() {
        None => Some("it is not UTF-8"),
        Some("") => Some("it is empty"),
        Some(text) if text.starts_with('-') => Some("write `./` before a name that begins with `-`"),
        Some(text) if !text.bytes().all(plain) => Some("write letters, digits, spaces and `_./+@=,:~-`"),
        Some(text) if text.len() > 1024 => Some("it has more than 1024 characters"),
        Some(_) => None,
    };
    fault.map_or(Ok(()), |why| Err(refuse(what, &shown, why)))
}

fn refuse(what: &'static str, text: &str, why: &'static str) -> Cause {
    Cause::Name { what, text: shown(text), why }
}

/// The start of a foreign name, with nothing in it that a terminal would obey.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().count() > 80 { format!("{start}…") } else { start }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{file, host, port, user};

    #[test]
    fn hosts() {
        for good in [
            "web1",
            "web-1.example.org",
            "10.0.0.1",
            "::1",
            "fe80::1",
            "a_b",
            "1and1.com",
            "xn--mnchen-3ya.de",
        ] {
            assert!(host(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-v",
            "-oProxyCommand=x",
            "a b",
            "a;b",
            "%h",
            "$(id)",
            "root@host",
            "host:22",
            "[::1]",
            ".host",
            "host.",
            "a..b",
            "127.1",
            "2130706433",
            "0x7f000001",
            "1.2.3.256",
            "münchen.de",
            "host\n",
            "fe80::1%eth0",
            "a-",
            "~root",
            "a/b",
            "*",
            "a,b",
            "'a'",
        ] {
            assert!(host(bad).is_err(), "{bad}");
        }
        assert!(host(&"a".repeat(64)).is_err());
    }

    #[test]
    fn users() {
        for good in ["root", "deploy-bot", "_apt", "alice@corp.example", "host$", "1user"] {
            assert!(user(good).is_ok(), "{good}");
        }
        for bad in ["", "-l", "a b", "#0", "%u", "a$b", "$a", "a;b", "ünder", "a\n", "a'b", "CORP\\alice"] {
            assert!(user(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files_and_ports() {
        assert!(file("key", Path::new("~/.ssh/id ed25519")).is_ok());
        for bad in ["", "-F", "a%h", "a$HOME", "a`id`", "a\nb", "a'b"] {
            assert!(file("key", Path::new(bad)).is_err(), "{bad}");
        }
        assert!(port(22).is_ok() && port(0).is_err());
    }
}
