//! Which names may reach ssh: a rule of our own, stricter than what ssh accepts.
//!
//! ssh takes `%h`, `root@host` or `host/../../etc` for a host, and expands some of them. Here a name is letters, digits,
//! `-`, `_` and `.`, or an IPv6 address; nothing else is ever handed on, so no name can be an option, a user, a path or
//! a piece of shell text.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::yaml::{Place, Problem};

/// The longest name that DNS has.
const MAX_NAME: usize = 253;
/// The longest name of a user.
const MAX_USER: usize = 64;

/// Checks the name of a host in the inventory.
///
/// # Errors
/// The rule that the name breaks, as the end of a sentence.
pub fn check_host(name: &str) -> Result<(), String> {
    if name.parse::<Ipv6Addr>().is_ok() {
        return Ok(());
    }
    if name.is_empty() {
        return Err("it is empty".to_owned());
    }
    if name.len() > MAX_NAME {
        return Err(format!("it is longer than {MAX_NAME} bytes"));
    }
    if matches!(name, "all" | "ungrouped") {
        return Err("it is the name of a group that always exists".to_owned());
    }
    characters(name, "-_.")?;
    if name.split('.').any(str::is_empty) {
        return Err("a dot begins or ends it, or follows another dot".to_owned());
    }
    Ok(())
}

/// Checks a name or address that is going to be connected to.
///
/// # Errors
/// The rule that the address breaks, as the end of a sentence.
pub fn check_address(address: &str) -> Result<(), String> {
    check_host(address)?;
    let last = address.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    if numeric && address.parse::<Ipv4Addr>().is_err() {
        return Err("it is a number, which ssh would turn into another address".to_owned());
    }
    Ok(())
}

/// Checks the name of a user, by the rule of whoever hands it to ssh and sudo: it may have a domain (`joe@corp.example.com`) and
/// be a machine's account (`web1$`).
///
/// # Errors
/// The rule that the name breaks, as the end of a sentence.
pub fn check_user(name: &str) -> Result<(), String> {
    let bare = name.strip_suffix('$').unwrap_or(name);
    if bare.is_empty() {
        return Err("it is empty".to_owned());
    }
    if name.len() > MAX_USER {
        return Err(format!("it is longer than {MAX_USER} bytes"));
    }
    characters(bare, "-_.@+")
}

/// Checks the name of a user on a jump host, which ssh hands to a shell.
///
/// # Errors
/// The rule that the name breaks, as the end of a sentence.
pub(super) fn check_jump_user(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("it is empty".to_owned());
    }
    if name.len() > MAX_NAME {
        return Err(format!("it is longer than {MAX_NAME} bytes"));
    }
    characters(name, "-_.")
}

/// Checks the path of a key file. ssh expands `%` and `$` in it, so neither may be there.
///
/// # Errors
/// The rule that the path breaks, as the end of a sentence.
pub fn check_key_path(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("it is empty".to_owned());
    }
    let rest = path.strip_prefix("~/").or_else(|| path.strip_prefix('/')).unwrap_or(path);
    characters(rest, "-_./+@,=")
}

/// The first character is a letter, a digit or `_` (or, for a path, a dot); the others may be of the list as well.
fn characters(name: &str, others: &str) -> Result<(), String> {
    let first_allowed = if others.contains('/') { "_." } else { "_" };
    for (position, character) in name.chars().enumerate() {
        let allowed = if position == 0 { first_allowed } else { others };
        if !character.is_ascii_alphanumeric() && !allowed.contains(character) {
            let shown = character.escape_debug();
            let place = if position == 0 { "begin it" } else { "be in it" };
            return Err(format!("`{shown}` may not {place}"));
        }
    }
    Ok(())
}

/// A refused name as a problem.
pub(super) fn refused(what: &str, name: &str, why: &str, at: Place) -> Problem {
    let shown: String = name.chars().take(60).collect();
    Problem::new(format!("`{}` cannot be {what}: {why}", shown.escape_debug()), at)
        .help("allowed are ASCII letters, digits, `-`, `_` and `.`, and for hosts IPv6 addresses")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_ssh_would_read_otherwise_are_refused() {
        for name in [
            "-oProxyCommand=x",
            "%h",
            "root@host",
            "a/../b",
            "a b",
            "a;b",
            ".a",
            "a..b",
            "ünï",
            "fe80::1%eth0",
        ] {
            assert!(check_host(name).is_err(), "{name}");
        }
        for name in ["web01", "web_1.example.com", "10.0.0.1", "::1", "2001:db8::1", "0"] {
            assert!(check_host(name).is_ok(), "{name}");
        }
        for name in ["root", "joe@corp.example.com", "a+b", "web1$", "_apt", "1user"] {
            assert!(check_user(name).is_ok(), "{name}");
        }
        for name in ["", "-l", "a b", "%u", "a$b", "CORP\\joe", "$", "@a", "a$$", &"u".repeat(65)] {
            assert!(check_user(name).is_err(), "{name}");
        }
        assert!(check_jump_user("joe@corp").is_err() && check_jump_user("web1$").is_err());
        for address in ["0", "127.1", "0x7f000001", "2130706433", "1.2.3.04"] {
            assert!(check_address(address).is_err(), "{address}");
        }
    }
}
