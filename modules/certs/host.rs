//! The name of a registry as an image reference spells it: `HOST[:PORT]`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest name that a host's file systems take as one directory.
const LONGEST: usize = 255;
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;
const HTTPS: u16 = 443;

/// A registry, as the part of an image reference before the first `/`: `HOST`, `HOST:PORT`,
/// `192.0.2.1:5000` or `[2001:db8::1]:5000`. Letters keep their case, because dockerd looks for
/// the directory in certs.d under exactly the spelling of the reference.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistryHost {
    text: String,
    /// Without brackets.
    host: String,
    address: Option<IpAddr>,
    port: Option<u16>,
}

/// Why a text names no registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// Nothing there.
    #[error("the registry's name is empty: write `HOST` or `HOST:PORT`")]
    Empty,
    /// It does not fit a directory's name.
    #[error("the registry's name has {0} bytes, {LONGEST} at most (a host name {LONGEST_NAME})")]
    TooLong(usize),
    /// A URL instead of a name.
    #[error("`{0}` has a scheme: write only `HOST` or `HOST:PORT`, as in an image reference")]
    Scheme(String),
    /// A repository, or a step out of the directory.
    #[error("`{0}` has a slash: write only the part of the image reference before the first `/`")]
    Slash(String),
    /// `user@host`.
    #[error("`{0}` has an `@`: a registry's name carries no user")]
    User(String),
    /// An address that needs brackets.
    #[error("`{0}` is an IPv6 address without brackets: write `[{0}]` or `[{0}]:PORT`")]
    BareV6(String),
    /// The brackets hold something else.
    #[error("`{0}` is no IPv6 address in brackets: write `[2001:db8::1]:PORT`, without a zone")]
    BadV6(String),
    /// Digits and dots that are no address.
    #[error(
        "`{0}` looks like an IPv4 address and is none: four numbers from 0 to 255, without leading zeros"
    )]
    BadV4(String),
    /// The part after the colon.
    #[error("`{0}` is no port: a number from 1 to 65535 without leading zeros")]
    Port(String),
    /// A character that no image reference can have there.
    #[error("{found:?} in `{name}` can stand in no registry's name: letters, digits, `-` and `.` only")]
    Character {
        /// The whole name.
        name: String,
        /// The character.
        found: char,
    },
    /// An underscore, which resolvers take and Docker does not.
    #[error(
        "`{0}` has an underscore: Docker takes none in a registry's name; give the host another name in DNS"
    )]
    Underscore(String),
    /// Two dots, a dot at an end, or a label that is too long or begins or ends with `-`.
    #[error(
        "`{label}` in `{name}` is no part of a host name: 1 to {LONGEST_LABEL} letters, digits or `-`, no `-` at its ends"
    )]
    Label {
        /// The whole name.
        name: String,
        /// The part between two dots.
        label: String,
    },
}

impl RegistryHost {
    /// The host alone, without port and brackets: what the certificate has to be valid for.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address, when the registry is named by one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The name to send in the handshake: none for an address.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.address.is_none().then_some(self.host.as_str())
    }

    /// The port, 443 when none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(HTTPS)
    }

    /// The directories of certs.d that dockerd looks into for this registry. `HOST` and `HOST:443`
    /// are two directories for one registry, so both are named, whichever is written here; and so
    /// is the lower-case spelling, because dockerd compares letters exactly.
    #[must_use]
    pub fn certs_d_names(&self) -> Vec<String> {
        let bare = match self.address {
            Some(IpAddr::V6(_)) => format!("[{}]", self.host),
            _ => self.host.clone(),
        };
        let mut names = match self.port() {
            HTTPS => vec![bare.clone(), format!("{bare}:{HTTPS}")],
            port => vec![format!("{bare}:{port}")],
        };
        for index in 0..names.len() {
            let lower = names[index].to_ascii_lowercase();
            if lower != names[index] {
                names.push(lower);
            }
        }
        names
    }
}

impl FromStr for RegistryHost {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        refuse_foreign_forms(text)?;
        let (host, address, port) = match text.strip_prefix('[') {
            Some(rest) => bracketed(text, rest)?,
            None => plain(text)?,
        };
        let port = port.map(parse_port).transpose()?;
        let registry = Self { text: text.to_owned(), host, address, port };
        match registry.certs_d_names().iter().map(String::len).find(|&length| length > LONGEST) {
            Some(length) => Err(HostError::TooLong(length)),
            None => Ok(registry),
        }
    }
}

fn refuse_foreign_forms(text: &str) -> Result<(), HostError> {
    let owned = || text.to_owned();
    if text.is_empty() {
        return Err(HostError::Empty);
    }
    if text.len() > LONGEST {
        return Err(HostError::TooLong(text.len()));
    }
    if text.contains("://") {
        return Err(HostError::Scheme(owned()));
    }
    if text.contains('/') {
        return Err(HostError::Slash(owned()));
    }
    if text.contains('@') {
        return Err(HostError::User(owned()));
    }
    Ok(())
}

type Parts<'a> = (String, Option<IpAddr>, Option<&'a str>);

fn bracketed<'a>(text: &str, rest: &'a str) -> Result<Parts<'a>, HostError> {
    let bad = || HostError::BadV6(text.to_owned());
    let (inside, after) = rest.split_once(']').ok_or_else(bad)?;
    let address: Ipv6Addr = inside.parse().map_err(|_| bad())?;
    let port = match after {
        "" => None,
        _ => Some(after.strip_prefix(':').ok_or_else(bad)?),
    };
    Ok((inside.to_owned(), Some(IpAddr::V6(address)), port))
}

fn plain(text: &str) -> Result<Parts<'_>, HostError> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(HostError::BareV6(text.to_owned()));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    if host.is_empty() {
        return Err(HostError::Empty);
    }
    Ok((host.to_owned(), check_name(host)?.map(IpAddr::V4), port))
}

/// Docker's rule for a domain: labels of letters, digits and inner hyphens.
fn check_name(host: &str) -> Result<Option<Ipv4Addr>, HostError> {
    if host.len() > LONGEST_NAME {
        return Err(HostError::TooLong(host.len()));
    }
    for found in host.chars() {
        match found {
            '_' => return Err(HostError::Underscore(host.to_owned())),
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' => {}
            _ => return Err(HostError::Character { name: host.to_owned(), found }),
        }
    }
    for label in host.split('.') {
        let edges = label.starts_with('-') || label.ends_with('-');
        if label.is_empty() || label.len() > LONGEST_LABEL || edges {
            return Err(HostError::Label { name: host.to_owned(), label: label.to_owned() });
        }
    }
    address_if_numeric(host)
}

/// A name whose last label is a number is read as an address by resolvers, or by none of them.
fn address_if_numeric(host: &str) -> Result<Option<Ipv4Addr>, HostError> {
    let last = host.rsplit('.').next().unwrap_or(host);
    if !last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    host.parse().map(Some).map_err(|_| HostError::BadV4(host.to_owned()))
}

fn parse_port(port: &str) -> Result<u16, HostError> {
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(number) if digits && number != 0 && !port.starts_with('0') => Ok(number),
        _ => Err(HostError::Port(port.to_owned())),
    }
}

impl fmt::Display for RegistryHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for RegistryHost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for RegistryHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for RegistryHost {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RegistryHost".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A registry as an image reference names it: `HOST`, `HOST:PORT`, \
                `192.0.2.1:5000` or `[2001:db8::1]:5000`; port 443 when none is written",
            "minLength": 1,
            "maxLength": LONGEST,
            "pattern": r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[1-9][0-9]{0,4})?$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.parse::<RegistryHost>().unwrap().certs_d_names()
    }

    #[test]
    fn both_directories_for_the_default_port() {
        assert_eq!(names("dtr.example.com"), ["dtr.example.com", "dtr.example.com:443"]);
        assert_eq!(names("dtr.example.com:443"), ["dtr.example.com", "dtr.example.com:443"]);
        assert_eq!(names("dtr.example.com:5000"), ["dtr.example.com:5000"]);
        assert_eq!(names("192.0.2.1:5000"), ["192.0.2.1:5000"]);
        assert_eq!(names("[::1]:5000"), ["[::1]:5000"]);
        assert_eq!(names("[2001:db8::1]"), ["[2001:db8::1]", "[2001:db8::1]:443"]);
    }

    #[test]
    fn upper_case_is_kept_and_lower_case_added() {
        assert_eq!(names("DTR.example.com:5000"), ["DTR.example.com:5000", "dtr.example.com:5000"]);
    }

    #[test]
    fn an_address_sends_no_server_name() {
        let by = |text: &str| text.parse::<RegistryHost>().unwrap();
        assert_eq!(by("192.0.2.1").server_name(), None);
        assert_eq!(by("[::1]:5000").server_name(), None);
        assert_eq!(by("[::1]:5000").host(), "::1");
        assert_eq!(by("reg.example:5000").server_name(), Some("reg.example"));
        assert_eq!(by("reg.example").port(), 443);
    }

    #[test]
    fn what_is_no_registry_is_refused_with_its_reason() {
        use HostError as E;
        let error = |text: &str| text.parse::<RegistryHost>().unwrap_err();
        assert_eq!(error(""), E::Empty);
        assert_eq!(error(":5000"), E::Empty);
        assert!(matches!(error("https://dtr"), E::Scheme(_)));
        assert!(matches!(error("dtr/repo"), E::Slash(_)));
        assert!(matches!(error("../../etc"), E::Slash(_)));
        assert!(matches!(error(".."), E::Label { .. }));
        assert!(matches!(error("."), E::Label { .. }));
        assert!(matches!(error("a..b"), E::Label { .. }));
        assert!(matches!(error(".a"), E::Label { .. }));
        assert!(matches!(error("a."), E::Label { .. }));
        assert!(matches!(error("-a"), E::Label { .. }));
        assert!(matches!(error("a-.b"), E::Label { .. }));
        assert!(matches!(error("a\0b"), E::Character { found: '\0', .. }));
        assert!(matches!(error("a b"), E::Character { found: ' ', .. }));
        assert!(matches!(error("a\n"), E::Character { found: '\n', .. }));
        assert!(matches!(error("a\\b"), E::Character { .. }));
        assert!(matches!(error("$(id)"), E::Character { .. }));
        assert!(matches!(error("*.example.com"), E::Character { found: '*', .. }));
        assert!(matches!(error("dtr.exämple.com"), E::Character { .. }));
        assert!(matches!(error("my_reg.local"), E::Underscore(_)));
        assert!(matches!(error("root@dtr"), E::User(_)));
        assert!(matches!(error("::1"), E::BareV6(_)));
        assert!(matches!(error("[::1"), E::BadV6(_)));
        assert!(matches!(error("[::1]x"), E::BadV6(_)));
        assert!(matches!(error("[fe80::1%eth0]:5000"), E::BadV6(_)));
        assert!(matches!(error("[dtr]:5000"), E::BadV6(_)));
        assert!(matches!(error("999.1.1.1"), E::BadV4(_)));
        assert!(matches!(error("1.2.3"), E::BadV4(_)));
        assert!(matches!(error("010.1.1.1"), E::BadV4(_)));
        for port in ["", "0", "65536", "+1", "0443", "x", "1:2", " 1"] {
            assert!(matches!(error(&format!("dtr:{port}")), E::Port(_)), "{port}");
        }
        assert!(matches!(error(&"a".repeat(256)), E::TooLong(256)));
        assert!(matches!(error(&"a.".repeat(127)), E::TooLong(254)));
        assert!(matches!(error(&format!("{}.b", "a".repeat(64))), E::Label { .. }));
    }

    #[test]
    fn the_schema_and_the_reader_agree_that_it_is_text() {
        let read: RegistryHost = serde_json::from_str("\"dtr:5000\"").unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"dtr:5000\"");
        let error = serde_json::from_str::<RegistryHost>("\"https://dtr\"").unwrap_err();
        assert!(error.to_string().contains("has a scheme"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn no_accepted_name_leaves_its_directory(text in "[\\PC\\x00.:/\\[\\]a-z0-9-]{0,40}") {
            if let Ok(host) = text.parse::<RegistryHost>() {
                for name in host.certs_d_names() {
                    proptest::prop_assert!(!name.contains(['/', '\\', '\0', ' ', '\n']));
                    proptest::prop_assert!(!name.starts_with('.') && name.len() <= LONGEST);
                }
            }
        }
    }
}
