//! `ansible_ssh_common_args` and its like: the options of ssh that an inventory may set.
//!
//! A list of what is allowed, not of what is forbidden: ssh has options that run commands (`ProxyCommand`,
//! `LocalCommand`, `Match exec`, `KnownHostsCommand`), and gets new ones.

use super::{name, shell_words};

/// An option of ssh, as `-o NAME=VALUE` takes it. Both parts are of harmless characters only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshOption {
    /// The option, in ssh's own spelling.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

/// Options that neither run a command nor weaken the check of the host's key.
const ALLOWED: [&str; 27] = [
    "AddressFamily",
    "BindAddress",
    "BindInterface",
    "CASignatureAlgorithms",
    "CheckHostIP",
    "Ciphers",
    "Compression",
    "ConnectionAttempts",
    "ConnectTimeout",
    "GSSAPIAuthentication",
    "GSSAPIDelegateCredentials",
    "HostbasedAuthentication",
    "HostKeyAlgorithms",
    "HostKeyAlias",
    "IdentitiesOnly",
    "IPQoS",
    "KbdInteractiveAuthentication",
    "KexAlgorithms",
    "LogLevel",
    "MACs",
    "PreferredAuthentications",
    "ProxyJump",
    "PubkeyAuthentication",
    "RekeyLimit",
    "ServerAliveCountMax",
    "ServerAliveInterval",
    "TCPKeepAlive",
];

/// Options under an older name, or ones that only some of their values make safe.
const PUBKEY_ALGORITHMS: &str = "PubkeyAcceptedAlgorithms";
const HOST_KEY_CHECKING: &str = "StrictHostKeyChecking";

/// Reads a line of arguments.
///
/// # Errors
/// The first argument that is not allowed, and why; with what to do instead if there is something.
pub(super) fn parse(line: &str) -> Result<Vec<SshOption>, (String, Option<&'static str>)> {
    let words = shell_words::split(line, false).map_err(|why| (why.to_owned(), None))?;
    let mut words = words.into_iter().map(|word| word.text);
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        let mut argument = |flag: &str| match word.strip_prefix(flag).filter(|rest| !rest.is_empty()) {
            Some(rest) => Ok(rest.to_owned()),
            None => words.next().ok_or_else(|| (format!("`{flag}` has no argument"), None)),
        };
        let option = match word.get(..2) {
            Some("-o") => assignment(&argument("-o")?)?,
            Some("-J") => checked("ProxyJump", argument("-J")?)?,
            Some("-C") if word.len() == 2 => checked("Compression", "yes".to_owned())?,
            Some("-4") if word.len() == 2 => checked("AddressFamily", "inet".to_owned())?,
            Some("-6") if word.len() == 2 => checked("AddressFamily", "inet6".to_owned())?,
            Some("-i") => return Err(instead(&word, "set `ansible_ssh_private_key_file`")),
            Some("-p") => return Err(instead(&word, "set `ansible_port`")),
            Some("-l") => return Err(instead(&word, "set `ansible_user`")),
            _ => {
                return Err((
                    format!("`{}` is not one of the arguments that are allowed", shown(&word)),
                    None,
                ));
            }
        };
        options.push(option);
    }
    Ok(options)
}

fn instead(word: &str, help: &'static str) -> (String, Option<&'static str>) {
    (format!("`{}` is not one of the arguments that are allowed", shown(word)), Some(help))
}

fn shown(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

fn assignment(text: &str) -> Result<SshOption, (String, Option<&'static str>)> {
    let (name, value) = text
        .split_once('=')
        .or_else(|| text.split_once(' '))
        .ok_or_else(|| (format!("`{}` is not `NAME=VALUE`", shown(text)), None))?;
    let (name, value) = (name.trim(), value.trim().to_owned());
    let same = |known: &&str| known.eq_ignore_ascii_case(name);
    if let Some(known) = ALLOWED.iter().find(|known| same(known)) {
        return checked(known, value);
    }
    if same(&PUBKEY_ALGORITHMS) || same(&"PubkeyAcceptedKeyTypes") {
        return checked(PUBKEY_ALGORITHMS, value);
    }
    if same(&HOST_KEY_CHECKING) && matches!(&*value, "yes" | "ask" | "accept-new") {
        return checked(HOST_KEY_CHECKING, value);
    }
    Err((format!("the option `{}` is not allowed", shown(text)), Some(help_for(name))))
}

fn help_for(name: &str) -> &'static str {
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    if is(HOST_KEY_CHECKING) || is("UserKnownHostsFile") || is("GlobalKnownHostsFile") {
        return "the host's key is always checked; `--host-key-checking accept-new` takes those of new hosts";
    }
    if is("ProxyCommand") {
        return "it would run a command here; use `-o ProxyJump=HOST`, or put it into `~/.ssh/config`";
    }
    if is("IdentityFile") {
        return "set `ansible_ssh_private_key_file`";
    }
    if name.to_ascii_lowercase().starts_with("control") {
        return "connections are shared already; `--ssh-persist` says for how long";
    }
    "put it into `~/.ssh/config`, which is read"
}

fn checked(name: &'static str, value: String) -> Result<SshOption, (String, Option<&'static str>)> {
    let bad = |why: String| (format!("`{}` is no value of `{name}`: {why}", shown(&value)), None);
    if name == "ProxyJump" {
        jumps(&value).map_err(bad)?;
    } else if name == "HostKeyAlias" {
        name::check_host(&value).map_err(bad)?;
    } else {
        let harmless =
            |character: char| character.is_ascii_alphanumeric() || "-_.,:+*@=/^".contains(character);
        if value.is_empty() || value.starts_with('-') || !value.chars().all(harmless) {
            // A list of algorithms may begin with `-`, to take some away.
            let taken_away = name.ends_with("lgorithms") || matches!(name, "Ciphers" | "MACs");
            if !taken_away || value.is_empty() || !value.chars().all(harmless) {
                return Err(bad("it has characters that none needs".to_owned()));
            }
        }
    }
    Ok(SshOption { name, value })
}

/// `[USER@]HOST[:PORT]`, several of them with commas, or `none`.
fn jumps(value: &str) -> Result<(), String> {
    if value == "none" {
        return Ok(());
    }
    for jump in value.split(',') {
        let (user, rest) = jump.rsplit_once('@').map_or((None, jump), |(user, rest)| (Some(user), rest));
        if let Some(user) = user {
            name::check_jump_user(user)?;
        }
        let split = super::range::split_port(rest);
        name::check_address(split.name)?;
        if split.port.is_some_and(|port| port.parse::<u16>().is_err() || port == "0") {
            return Err("its port is not between 1 and 65535".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_options_pass() {
        let jump = parse("-C -o ServerAliveInterval=30 -o 'ProxyJump=ops@bastion:2222'").unwrap();
        assert_eq!(jump[2], SshOption { name: "ProxyJump", value: "ops@bastion:2222".to_owned() });
        for line in [
            "-o ProxyCommand=id",
            "-oProxyCommand='ssh -W %h:%p x'",
            "-o ProxyJump=-oProxyCommand=id",
            "-o StrictHostKeyChecking=no",
            "-o LocalCommand=id",
            "-F /tmp/x",
            "-o HostKeyAlias=%h",
            "-o 'Ciphers=a b'",
            "host",
            "'open",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
