//! The names of the files that are dtrctl's own: they carry the fingerprint, so that old and new can stand together.

use crate::certs::{Certificate, RegistryHost};

const PREFIX: &str = "dtrctl-";
const DIGITS: usize = 8;

/// The beginning of a certificate's fingerprint.
pub fn short(certificate: &Certificate) -> &str {
    let digest = &certificate.facts().sha256;
    &digest[..DIGITS.min(digest.len())]
}

/// Its file in a registry's directory of certs.d.
pub fn in_certs_d(certificate: &Certificate) -> String {
    format!("{PREFIX}{}.crt", short(certificate))
}

/// Its file in the system's drop directory.
pub fn in_system(registry: &RegistryHost, certificate: &Certificate, suffix: &str) -> String {
    format!("{}{}{suffix}", system_prefix(registry), short(certificate))
}

/// The fingerprint in the name of a file of ours in certs.d.
pub fn of_certs_d(name: &str) -> Option<&str> {
    digits(name.strip_prefix(PREFIX)?.strip_suffix(".crt")?)
}

/// The fingerprint in the name of a file that is ours for this registry, or of the link that the tool makes of it.
pub fn of_registry<'a>(registry: &RegistryHost, name: &'a str) -> Option<&'a str> {
    digits(stem(name.strip_prefix(&system_prefix(registry))?)?)
}

/// The fingerprint in the name of a file that is ours for any registry, or of the link that the tool makes of it.
pub fn of_any_registry(name: &str) -> Option<&str> {
    digits(stem(name.strip_prefix(PREFIX)?)?.rsplit('-').next()?)
}

fn stem(name: &str) -> Option<&str> {
    name.strip_suffix(".crt").or_else(|| name.strip_suffix(".pem"))
}

fn digits(text: &str) -> Option<&str> {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == DIGITS && text.bytes().all(hex)).then_some(text)
}

/// A host's name holds no underscore, so the port cannot be taken for a part of it.
fn system_prefix(registry: &RegistryHost) -> String {
    let host = registry.host().to_ascii_lowercase().replace(':', ".");
    match registry.port() {
        443 => format!("{PREFIX}{host}-"),
        port => format!("{PREFIX}{host}_{port}-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_our_own_for_this_very_registry_are_ours() {
        let by = |text: &str| text.parse::<RegistryHost>().unwrap();
        let ours = |name: &str| of_registry(&by("dtr.example.com"), name).is_some();
        assert!(ours("dtrctl-dtr.example.com-0a1b2c3d.crt") && ours("dtrctl-dtr.example.com-0a1b2c3d.pem"));
        for other in [
            "dtrctl-dtr.example.com_5000-0a1b2c3d.crt",
            "dtrctl-dtr.example.com-x-0a1b2c3d.crt",
            "dtrctl-dtr.example.com-0A1B2C3D.crt",
            "dtrctl-dtr.example.com-0a1b2c3d.crt.bak",
            "dtr.example.com.crt",
        ] {
            assert!(!ours(other), "{other}");
        }
        assert!(of_registry(&by("DTR.example.com:443"), "dtrctl-dtr.example.com-0a1b2c3d.crt").is_some());
        assert!(of_registry(&by("[::1]:5000"), "dtrctl-..1_5000-0a1b2c3d.crt").is_some());
        assert_eq!(of_any_registry("dtrctl-a-b_5000-0a1b2c3d.crt"), Some("0a1b2c3d"));
        assert_eq!(of_certs_d("dtrctl-0a1b2c3d.crt"), Some("0a1b2c3d"));
        assert_eq!(of_certs_d("dtrctl-0a1b2c3.crt"), None);
    }
}
