//! Names that a certificate is to have, and bounds on them.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::host::{HostError, RegistryHost};

/// A name for subjectAltName: a host, `*.` and a domain, or an address. `DNS:` and `IP:`, as OpenSSL writes them, may
/// stand before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum San {
    /// A host name in lower case, or a wildcard.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

/// Why a text is no such name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SanError {
    /// No host name.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A certificate is for a host, whatever its port.
    #[error("`{0}` has a port: a certificate names hosts and addresses alone")]
    Port(String),
    /// `*` somewhere else, or with too little behind it.
    #[error(
        "`{0}`: a `*` stands for the whole first label, with two labels or more behind it: `*.example.com`"
    )]
    Wildcard(String),
    /// Neither an address nor its prefix.
    #[error("`{0}` is no domain and no range of addresses: write `example.com` or `10.0.0.0/8`")]
    Range(String),
}

impl San {
    /// A host that the name is good for, to be judged by.
    ///
    /// # Panics
    /// Never: a name that was read is a host's.
    #[must_use]
    pub fn host(&self) -> RegistryHost {
        let text = match self {
            Self::Dns(name) => name.replacen('*', "any", 1),
            Self::Ip(IpAddr::V4(address)) => address.to_string(),
            Self::Ip(IpAddr::V6(address)) => format!("[{address}]"),
        };
        text.parse().expect("a name that was read is a host's")
    }
}

impl FromStr for San {
    type Err = SanError;

    fn from_str(text: &str) -> Result<Self, SanError> {
        let name = text.strip_prefix("DNS:").or_else(|| text.strip_prefix("IP:")).unwrap_or(text);
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        if let Ok(address) = bare.parse() {
            return Ok(Self::Ip(address));
        }
        let host = name.strip_prefix("*.");
        if name.contains('*') && host.is_none_or(|rest| rest.contains('*') || !rest.contains('.')) {
            return Err(SanError::Wildcard(text.to_owned()));
        }
        let read: RegistryHost = host.unwrap_or(name).parse()?;
        if read.to_string() != read.host() {
            return Err(SanError::Port(text.to_owned()));
        }
        Ok(Self::Dns(name.to_ascii_lowercase()))
    }
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "DNS:{name}"),
            Self::Ip(address) => write!(f, "IP:{address}"),
        }
    }
}

/// What a CA may sign for: a domain with all below it, or a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subtree {
    /// A domain in lower case.
    Domain(String),
    /// The first address of a range, and the bits that all of it share.
    Range(IpAddr, u8),
}

impl FromStr for Subtree {
    type Err = SanError;

    fn from_str(text: &str) -> Result<Self, SanError> {
        let range = || SanError::Range(text.to_owned());
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| range())?;
            let bits: u8 = bits.parse().map_err(|_| range())?;
            return Self::range(address, bits).ok_or_else(range);
        }
        match text.parse()? {
            San::Dns(name) if name.starts_with("*.") => Err(range()),
            San::Dns(name) => Ok(Self::Domain(name)),
            San::Ip(address) => Ok(Self::Range(address, if address.is_ipv4() { 32 } else { 128 })),
        }
    }
}

impl Subtree {
    /// The range, where its address has no bit set beyond those that all of it share.
    fn range(address: IpAddr, bits: u8) -> Option<Self> {
        let (number, width) = match address {
            IpAddr::V4(four) => (u128::from(u32::from(four)) << 96, 32),
            IpAddr::V6(six) => (u128::from(six), 128),
        };
        let host_bits = number.checked_shl(bits.into()).unwrap_or(0);
        (bits <= width && host_bits == 0).then_some(Self::Range(address, bits))
    }
}

impl fmt::Display for Subtree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => f.write_str(domain),
            Self::Range(address, bits) => write!(f, "{address}/{bits}"),
        }
    }
}

/// What has to be excluded beside these bounds, so that they bound all: a constraint on names says nothing of
/// addresses, and the other way round. None stands for all names.
#[must_use]
pub fn excluded_beside(permitted: &[Subtree]) -> Vec<Option<Subtree>> {
    let all = |address: IpAddr| Some(Subtree::Range(address, 0));
    let any = |kind: fn(&Subtree) -> bool| permitted.iter().any(kind);
    let mut excluded = Vec::new();
    if !any(|tree| matches!(tree, Subtree::Domain(_))) {
        excluded.push(None);
    }
    if !any(|tree| matches!(tree, Subtree::Range(..))) {
        excluded.extend([all(Ipv4Addr::UNSPECIFIED.into()), all(Ipv6Addr::UNSPECIFIED.into())]);
    }
    excluded
}

/// Text that a type reads and prints.
macro_rules! as_text {
    ($($type:ident, $description:literal;)*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": $description })
            }
        }
    )*};
}

as_text! {
    San, "a host name, `*.` and a domain, or an IP address";
    Subtree, "a domain, or a range of addresses such as `10.0.0.0/8`";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_every_usual_form() {
        let read = |text: &str| text.parse::<San>().map(|name| name.to_string());
        for (text, name) in [
            ("DTR.corp", "DNS:dtr.corp"),
            ("DNS:dtr.corp", "DNS:dtr.corp"),
            ("*.dtr.corp", "DNS:*.dtr.corp"),
            ("IP:192.0.2.1", "IP:192.0.2.1"),
            ("2001:DB8::1", "IP:2001:db8::1"),
            ("[::1]", "IP:::1"),
            ("localhost", "DNS:localhost"),
        ] {
            assert_eq!(read(text), Ok(name.to_owned()));
        }
        for text in
            ["", "dtr.corp:5000", "*", "*.corp", "a.*.corp", "d*.corp.x", "my_reg", "https://x", "a b", "x."]
        {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read("dtr:5000"), Err(SanError::Port("dtr:5000".to_owned())));
        assert_eq!("*.a.b".parse::<San>().unwrap().host().to_string(), "any.a.b");
        assert_eq!("::1".parse::<San>().unwrap().host().to_string(), "[::1]");
    }

    #[test]
    fn bounds_are_domains_and_ranges() {
        let read = |text: &str| text.parse::<Subtree>().map(|tree| tree.to_string());
        for (text, tree) in [
            ("Corp.Example", "corp.example"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(read(text), Ok(tree.to_owned()));
        }
        for text in ["*.corp.example", "10.0.0.1/8", "10.0.0.0/33", "x/8", "", "10.0.0.0/"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
