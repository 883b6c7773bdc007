//! The options of ssh that an inventory may set: none that runs a program, loads one, forwards anything, or takes the
//! place of what dtrctl itself sets.

use crate::transport::error::Cause;

const TAKEN: [&str; 34] = [
    "AddressFamily",
    "BindAddress",
    "BindInterface",
    "CASignatureAlgorithms",
    "CertificateFile",
    "CheckHostIP",
    "Ciphers",
    "Compression",
    "ConnectionAttempts",
    "GSSAPIAuthentication",
    "GlobalKnownHostsFile",
    "HashKnownHosts",
    "HostKeyAlgorithms",
    "HostKeyAlias",
    "HostbasedAuthentication",
    "IPQoS",
    "IdentitiesOnly",
    "IdentityAgent",
    "IdentityFile",
    "KbdInteractiveAuthentication",
    "KexAlgorithms",
    "MACs",
    "PasswordAuthentication",
    "PreferredAuthentications",
    "PubkeyAcceptedAlgorithms",
    "PubkeyAcceptedKeyTypes",
    "PubkeyAuthentication",
    "RekeyLimit",
    "RequiredRSASize",
    "ServerAliveCountMax",
    "ServerAliveInterval",
    "TCPKeepAlive",
    "UserKnownHostsFile",
    "VerifyHostKeyDNS",
];

pub(super) fn check(key: &str, value: &str) -> Result<(), Cause> {
    let refuse =
        |why| Err(Cause::Option { option: key.chars().take(60).flat_map(char::escape_debug).collect(), why });
    if !TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(key)) {
        return refuse(
            "set it in the ssh configuration; an inventory may choose algorithms, keys, files and keep-alive only",
        );
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b" _./+@=,:~^*-".contains(&b);
    if value.is_empty() || value.starts_with('-') || !value.bytes().all(plain) {
        return refuse("its value may have letters, digits, spaces and `_./+@=,:~^*-`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn harmless_ones_only() {
        assert!(check("ciphers", "+aes128-ctr,aes256-ctr").is_ok());
        assert!(check("UserKnownHostsFile", "/a/b ~/c").is_ok());
        for key in [
            "ProxyCommand",
            "LocalCommand",
            "PermitLocalCommand",
            "KnownHostsCommand",
            "Match",
            "Include",
            "Host",
            "PKCS11Provider",
            "SecurityKeyProvider",
            "ControlPath",
            "StrictHostKeyChecking",
            "ForwardAgent",
            "SendEnv",
            "RemoteCommand",
            "XAuthLocation",
            "",
            "Ciphers=x -oProxyCommand",
            "Ciphers ",
        ] {
            assert!(check(key, "yes").is_err(), "{key}");
        }
        for value in ["", "a\nProxyCommand=id", "$(id)", "%h", "\"x\"", "-x", "${HOME}"] {
            assert!(check("Ciphers", value).is_err(), "{value}");
        }
    }
}
