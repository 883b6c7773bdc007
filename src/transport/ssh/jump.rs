//! Jump hosts. ssh starts one more ssh for them, which hears neither of our host-key policy nor of our time limits and may
//! ask questions on the terminal; so the command for it is written here.

use super::arguments::policy;
use super::destination::Destination;
use crate::transport::error::Cause;
use crate::transport::limits::Limits;
use crate::transport::name;
use crate::transport::quote::quote;

/// One host to go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hop {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

/// Reads `[user@]host[:port]`, several with commas; an IPv6 address with a port stands in brackets.
pub(super) fn parse(text: &str) -> Result<Vec<Hop>, Cause> {
    text.split(',').map(hop).collect()
}

fn hop(text: &str) -> Result<Hop, Cause> {
    let (user, rest) = match text.rsplit_once('@') {
        Some((user, rest)) => (Some(user.to_owned()), rest),
        None => (None, text),
    };
    user.as_deref().map_or(Ok(()), name::user)?;
    let bracketed = rest.strip_prefix('[').and_then(|r| r.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, after)) => (host, after.strip_prefix(':')),
        None if rest.matches(':').count() == 1 => {
            rest.split_once(':').map_or((rest, None), |(h, p)| (h, Some(p)))
        }
        None => (rest, None),
    };
    if bracketed.is_some_and(|(_, after)| !after.is_empty() && port.is_none()) {
        return Err(refused(text));
    }
    name::host(host)?;
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            let number = digits.parse().map_err(|_| refused(text))?;
            name::port(number)?;
            Some(number)
        }
        Some(_) => return Err(refused(text)),
    };
    Ok(Hop { user, host: host.to_owned(), port })
}

fn refused(text: &str) -> Cause {
    let text = text.chars().take(80).flat_map(char::escape_debug).collect();
    Cause::Name { what: "jump host", text, why: "write `[user@]host[:port]`, several with commas" }
}

/// The value of `ProxyCommand` that goes through these hosts; only words that have passed the rules stand in it.
pub(super) fn proxy_command(hops: &[Hop], destination: &Destination, limits: &Limits, log: &str) -> String {
    let Some((last, before)) = hops.split_last() else { return "none".into() };
    let mut words = vec!["ssh".to_owned()];
    words.extend(policy(destination, limits, log));
    if !before.is_empty() {
        let inner = proxy_command(before, destination, limits, log);
        words.extend(["-o".into(), format!("ProxyCommand={}", inner.replace('%', "%%"))]);
    }
    if let Some(user) = &last.user {
        words.extend(["-l".into(), user.clone()]);
    }
    if let Some(port) = last.port {
        words.extend(["-p".into(), port.to_string()]);
    }
    words.extend(["-W".into(), "[%h]:%p".into(), "--".into(), last.host.clone()]);
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Hop, parse, proxy_command};
    use crate::transport::{Destination, Limits};

    #[test]
    fn hops() {
        let hop = |user: Option<&str>, host: &str, port| Hop {
            user: user.map(Into::into),
            host: host.into(),
            port,
        };
        assert_eq!(parse("gw").unwrap(), [hop(None, "gw", None)]);
        let two = [hop(Some("me"), "gw", Some(2222)), hop(None, "::1", Some(22))];
        assert_eq!(parse("me@gw:2222,[::1]:22").unwrap(), two);
        assert_eq!(parse("::1").unwrap(), [hop(None, "::1", None)]);
        for bad in [
            "",
            "gw,",
            "-oProxyCommand=x",
            "a b",
            "gw:x",
            "gw:0",
            "gw:99999",
            "@gw",
            "ssh://gw",
            "[::1]x",
            "gw:+22",
            "a;b",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_further_hop_escapes_the_tokens_once_more() {
        let command =
            proxy_command(&parse("a,b").unwrap(), &Destination::new("w", "w"), &Limits::default(), "/l");
        assert!(command.contains("[%%h]:%%p") && command.ends_with("'-W' '[%h]:%p' '--' 'b'"), "{command}");
    }
}
