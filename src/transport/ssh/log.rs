//! What ssh's own log says of a connection that did not come about.

use crate::transport::error::{Cause, HostKeyFault};
use crate::transport::verdict::words;

type Class = fn(String) -> Cause;

/// Words of ssh and what they mean; the first that is found counts.
const KNOWN: [(&str, Class); 31] = [
    ("REVOKED HOST KEY", |d| key(HostKeyFault::Revoked, d)),
    ("marked as revoked", |d| key(HostKeyFault::Revoked, d)),
    ("host key is revoked", |d| key(HostKeyFault::Revoked, d)),
    ("HOST IDENTIFICATION HAS CHANGED", |d| key(HostKeyFault::Changed, d)),
    ("POSSIBLE DNS SPOOFING", |d| key(HostKeyFault::Changed, d)),
    ("has changed and you have requested strict checking", |d| key(HostKeyFault::Changed, d)),
    ("host key is known for", |d| key(HostKeyFault::Unknown, d)),
    ("Host key verification failed", |d| key(HostKeyFault::Refused, d)),
    ("Could not resolve hostname", |detail| Cause::Dns { detail }),
    ("Bad configuration option", |detail| Cause::Master { detail }),
    ("Bad owner or permissions", |detail| Cause::Master { detail }),
    ("terminating, ", |detail| Cause::Master { detail }),
    ("Permission denied (", |detail| Cause::Authentication { detail }),
    ("Too many authentication failures", |detail| Cause::Authentication { detail }),
    ("No supported authentication methods", |detail| Cause::Authentication { detail }),
    ("UNPROTECTED PRIVATE KEY", |detail| Cause::Authentication { detail }),
    ("password has expired", |detail| Cause::Authentication { detail }),
    ("Connection refused", |detail| Cause::Tcp { detail }),
    ("No route to host", |detail| Cause::Tcp { detail }),
    ("Network is unreachable", |detail| Cause::Tcp { detail }),
    ("Host is down", |detail| Cause::Tcp { detail }),
    ("Connection timed out", |detail| Cause::Tcp { detail }),
    ("Operation timed out", |detail| Cause::Tcp { detail }),
    ("timed out", |detail| Cause::Tcp { detail }),
    ("Connection reset", |detail| Cause::Tcp { detail }),
    ("Connection closed", |detail| Cause::Tcp { detail }),
    ("closed by remote host", |detail| Cause::Tcp { detail }),
    ("banner line contains invalid", |detail| Cause::Tcp { detail }),
    ("Broken pipe", |detail| Cause::Tcp { detail }),
    ("Unable to negotiate", |detail| Cause::Master { detail }),
    ("No space left on device", |detail| Cause::DiskFull { local: true, started: false, detail }),
];

fn key(fault: HostKeyFault, detail: String) -> Cause {
    Cause::HostKey { fault, detail }
}

/// The cause in the logs of the host's ssh and of its jump hosts'. A jump host's comes first: the other only says that
/// the connection through it closed.
pub(super) fn classify(host: &str, jump: &str) -> Cause {
    for log in [jump, host] {
        if let Some((text, class)) = KNOWN.iter().find(|(text, _)| log.contains(text)) {
            let line = log.lines().find(|line| line.contains(text)).unwrap_or_default();
            return class(words(&[&fingerprint(log, line)]));
        }
    }
    Cause::Master { detail: words(&[jump, host]) }
}

/// For a host key, ssh prints the offending line and the fingerprint elsewhere.
fn fingerprint(log: &str, line: &str) -> String {
    let more = log.lines().filter(|l| l.starts_with("SHA256:") || l.starts_with("Offending"));
    std::iter::once(line.trim_matches(['@', ' '])).chain(more).collect::<Vec<_>>().join("\n")
}

/// A server under load drops connections before it has said who it is (`MaxStartups`): that is worth a second try.
pub(super) fn was_dropped(host: &str, jump: &str) -> bool {
    [host, jump].iter().any(|log| {
        log.contains("kex_exchange_identification: ")
            && (log.contains("Connection closed by remote host")
                || log.contains("Connection reset by peer")
                || log.contains("read: Connection reset"))
            || log.contains("Not allowed at this time")
            || log.contains("Exceeded MaxStartups")
    }) && !was_refused(host)
        && !was_refused(jump)
}

fn was_refused(log: &str) -> bool {
    log.contains("Permission denied (")
        || log.contains("Host key verification failed")
        || log.contains("connect to host")
}

#[cfg(test)]
mod tests {
    use super::{classify, was_dropped};
    use crate::transport::{Cause, HostKeyFault};

    #[test]
    fn words_of_ssh() {
        let tcp = "ssh: connect to host 127.0.0.1 port 1: Connection refused\r\n";
        assert!(matches!(classify(tcp, ""), Cause::Tcp { .. }) && !was_dropped(tcp, ""));
        let dns = "ssh: Could not resolve hostname x.invalid: Name or service not known\r\n";
        assert!(matches!(classify(dns, ""), Cause::Dns { .. }));
        let changed = "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nSHA256:abc.\r\nHost key verification failed.\r\n";
        let Cause::HostKey { fault: HostKeyFault::Changed, detail } = classify(changed, "") else { panic!() };
        assert_eq!(detail, "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!; SHA256:abc.");
        let unknown = "No ED25519 host key is known for x and you have requested strict checking.\r\nHost key verification failed.\r\n";
        assert!(matches!(classify(unknown, ""), Cause::HostKey { fault: HostKeyFault::Unknown, .. }));
        assert!(matches!(classify("", ""), Cause::Master { .. }));
    }

    #[test]
    fn a_jump_host_s_own_words_count() {
        let host = "Connection closed by UNKNOWN port 65535\r\n";
        let jump = "me@gw: Permission denied (publickey).\r\n";
        assert!(matches!(classify(host, jump), Cause::Authentication { .. }));
    }

    #[test]
    fn dropped_by_a_server_under_load() {
        assert!(was_dropped("kex_exchange_identification: read: Connection reset by peer\r\n", ""));
        assert!(was_dropped("kex_exchange_identification: Connection closed by remote host\r\n", ""));
        assert!(!was_dropped("me@x: Permission denied (publickey).\r\n", ""));
    }
}
