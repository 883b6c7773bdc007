//! What is the matter with a registry, from the words of whoever tried it, and what to do about it.

use crate::certs::RegistryHost;

/// What is the matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The name is not known.
    Name,
    /// Nothing listens.
    Refused,
    /// Nothing answers in time.
    Timeout,
    /// There is no way to it.
    Unreachable,
    /// A proxy stands between.
    Proxy,
    /// It speaks HTTP without TLS.
    Plain,
    /// No trusted certificate vouches for it.
    UnknownAuthority,
    /// Its name stands in the common name alone.
    CommonName,
    /// Its certificate is another host's.
    OtherName,
    /// Its certificate is not valid at this time.
    Time,
    /// A signature that no engine of today accepts.
    WeakSignature,
    /// Another fault of its certificate.
    Certificate,
    /// It wants a client's certificate.
    ClientCertificate,
    /// A foreign file in certs.d breaks the reader.
    CertsD,
    /// The system's store does not vouch for it; what docker trusts is another question.
    SystemStore,
    /// Something answers that is no registry.
    NotARegistry,
    /// None of these.
    Other,
}

/// What each says, in lower case; the first that is found counts.
const WORDS: &[(Trouble, &[&str])] = &[
    (Trouble::Plain, &["http response to https client"]),
    (Trouble::CommonName, &["legacy common name field"]),
    (Trouble::Time, &["has expired or is not yet valid"]),
    (
        Trouble::OtherName,
        &["certificate is valid for ", "certificate is not valid for", "doesn't contain any ip sans"],
    ),
    (Trouble::WeakSignature, &["insecure algorithm"]),
    (Trouble::UnknownAuthority, &["signed by unknown authority"]),
    (Trouble::Proxy, &["proxyconnect", "proxy authentication required"]),
    (Trouble::NotARegistry, &["error parsing http", "received unexpected http status"]),
    (Trouble::ClientCertificate, &["bad certificate", "certificate required", "client's certificate"]),
    (
        Trouble::CertsD,
        &["for client certificate", "missing client certificate", "unable to load ca cert", "is a directory"],
    ),
    (Trouble::Certificate, &["x509: ", "certificate"]),
    (
        Trouble::Name,
        &[
            "no such host",
            "cannot be resolved",
            "could not resolve",
            "server misbehaving",
            "name or service",
            "has no address",
        ],
    ),
    (
        Trouble::Refused,
        &["connection refused", "refused the connection", "failed to connect", "couldn't connect"],
    ),
    (Trouble::Unreachable, &["no route to host", "unreachable", "cannot be reached"]),
    (
        Trouble::Timeout,
        &["timeout", "timed out", "deadline exceeded", "awaiting headers", "within ", "no connection to"],
    ),
];

impl Trouble {
    /// What a message means.
    #[must_use]
    pub fn of(message: &str) -> Self {
        let message = message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        WORDS.iter().find(|(_, words)| says(words)).map_or(Self::Other, |(trouble, _)| *trouble)
    }

    /// Whether the registry answered with a certificate that is not accepted.
    #[must_use]
    pub const fn is_distrust(self) -> bool {
        matches!(
            self,
            Self::UnknownAuthority
                | Self::CommonName
                | Self::OtherName
                | Self::Time
                | Self::WeakSignature
                | Self::Certificate
                | Self::SystemStore
        )
    }

    /// Whether the registry was not reached at all.
    #[must_use]
    pub const fn is_away(self) -> bool {
        matches!(self, Self::Name | Self::Refused | Self::Timeout | Self::Unreachable | Self::Proxy)
    }

    /// What to do about it.
    #[must_use]
    pub fn help(self, registry: &RegistryHost) -> String {
        let (host, port) = (registry.host(), registry.port());
        match self {
            Self::Name => format!("is `{host}` spelled right, and does the resolver there know it?"),
            Self::Refused => {
                format!("nothing listens on port {port} of `{host}`: start the registry, or name its port (`-e registry={host}:PORT`)")
            }
            Self::Timeout => format!(
                "port {port} of `{host}` does not answer in time: look for a firewall between, and whether the registry is overloaded"
            ),
            Self::Unreachable => format!("there is no route to `{host}`: look at the network between"),
            Self::Proxy => format!(
                "the request goes through a proxy that does not let it pass: add `{host}` to NO_PROXY (`proxies.no-proxy` in daemon.json)"
            ),
            Self::Plain => format!(
                "`{registry}` speaks HTTP without TLS, so there is nothing to trust: give it a certificate, or accept the risk with playbooks/insecure-registry.yml (`-e registry={registry}`)"
            ),
            Self::NotARegistry => format!(
                "something else than a registry answers on port {port} of `{host}`, or a proxy between: name the registry's own port (`-e registry={host}:PORT`), and look at what `curl -v https://{registry}/v2/` shows"
            ),
            Self::UnknownAuthority | Self::SystemStore => format!(
                "install its anchor with playbooks/trust-registry.yml (`-e registry={registry}`); where only the system's store has it, the daemon needs a restart first (`-e restart=true`)"
            ),
            Self::CommonName => format!(
                "trust cannot mend it: have the certificate issued again with subjectAltName `{}` (for DTR: set the domain, then upload a certificate of your own), or accept the risk with playbooks/insecure-registry.yml",
                alternative_name(registry)
            ),
            Self::OtherName => format!(
                "trust cannot mend it: use a name that the certificate has, or have it issued again with subjectAltName `{}`",
                alternative_name(registry)
            ),
            Self::Time => {
                "trust cannot mend it: renew the certificate; if it is in its time, set the clock of the machine that says so".to_owned()
            }
            Self::WeakSignature => {
                "trust cannot mend it: have the certificate issued again with a SHA-256 signature".to_owned()
            }
            Self::Certificate => "have the registry's certificate replaced by one that the engine accepts".to_owned(),
            Self::ClientCertificate => format!(
                "`{registry}` wants a client's certificate: put CLIENT.cert and CLIENT.key beside the anchor in its directory of certs.d"
            ),
            Self::CertsD => format!(
                "a file in the directory of certs.d for `{registry}` breaks the daemon's reader: look at the warnings of `install_anchor`, and remove or repair it"
            ),
            Self::Other => format!("look at the registry's own log, and try `curl -v https://{registry}/v2/`"),
        }
    }
}

/// The entry of subjectAltName that the registry's certificate needs.
fn alternative_name(registry: &RegistryHost) -> String {
    let kind = if registry.address().is_some() { "IP" } else { "DNS" };
    format!("{kind}:{}", registry.host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_daemons_and_curl_are_understood() {
        let of = Trouble::of;
        assert_eq!(
            of("Get \"https://r/v2/\": x509: certificate signed by unknown authority"),
            Trouble::UnknownAuthority
        );
        assert_eq!(
            of(
                "tls: failed to verify certificate: x509: certificate relies on legacy Common Name field, use SANs instead"
            ),
            Trouble::CommonName
        );
        assert_eq!(of("x509: certificate is valid for a, not b"), Trouble::OtherName);
        assert_eq!(of("x509: certificate has expired or is not yet valid: current time 2026"), Trouble::Time);
        assert_eq!(of("http: server gave HTTP response to HTTPS client"), Trouble::Plain);
        assert_eq!(of("dial tcp 10.0.0.1:5000: connect: connection refused"), Trouble::Refused);
        assert_eq!(of("dial tcp: lookup r on 10.0.0.2:53: no such host"), Trouble::Name);
        assert_eq!(
            of("net/http: request canceled (Client.Timeout exceeded while awaiting headers)"),
            Trouble::Timeout
        );
        assert_eq!(of("missing key ca.key for client certificate ca.cert"), Trouble::CertsD);
        assert_eq!(of("remote error: tls: bad certificate"), Trouble::ClientCertificate);
        assert_eq!(of("curl: (60) SSL certificate problem: self-signed certificate"), Trouble::Certificate);
        assert_eq!(of("what?"), Trouble::Other);
        assert!(of("x509: certificate signed by unknown authority").is_distrust());
        assert!(!of("connection refused").is_distrust());
    }
}
