//! The extensions that a judgement needs, and what is wrong with the others.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use x509_parser::certificate::TbsCertificate;
use x509_parser::der_parser::asn1_rs::Oid;
use x509_parser::extensions::{ExtendedKeyUsage, GeneralName, ParsedExtension, PolicyMapping, X509Extension};
use x509_parser::x509::X509Version;

use super::constraints::NameConstraints;
use super::der::{is_oid, sequence};
use super::go_uri;
use super::names;
use super::policies::Policies;

/// A name in subjectAltName.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AltName {
    Dns(String),
    Ip(IpAddr),
    Email(String),
    Uri(String),
    /// Any other kind, as text for a reader.
    Other(String),
    /// Of a known kind, but nothing that Go would read.
    Malformed(String),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Extensions {
    /// CA flag and path length.
    pub basic: Option<(bool, Option<u32>)>,
    pub key_usage: Option<u16>,
    /// As dotted numbers.
    pub extended_usage: Option<Vec<String>>,
    pub alt_names: Vec<AltName>,
    /// The whole value of subjectAltName.
    pub alt_names_raw: Option<Vec<u8>>,
    pub constraints: Option<NameConstraints>,
    pub subject_key: Option<Vec<u8>>,
    pub authority_key: Option<Vec<u8>>,
    pub policies: Policies,
    /// Critical extensions that Go does not handle.
    pub unhandled: Vec<String>,
    /// What Go's parser would stumble over.
    pub malformed: Vec<String>,
}

impl Extensions {
    pub(super) fn read(tbs: &TbsCertificate<'_>) -> Self {
        let mut found = Self::default();
        // Go reads extensions of version 3 alone, whatever stands in others.
        if tbs.version != X509Version::V3 {
            return found;
        }
        let mut seen = HashSet::new();
        for extension in tbs.extensions() {
            let oid = extension.oid.to_id_string();
            if seen.contains(&oid) {
                found.malformed.push(format!("certificate contains duplicate extension with OID {oid:?}"));
            } else {
                found.take(extension, &oid);
                seen.insert(oid);
            }
        }
        found
    }

    fn take(&mut self, extension: &X509Extension<'_>, oid: &str) {
        self.take_policies(extension.parsed_extension());
        match extension.parsed_extension() {
            ParsedExtension::BasicConstraints(basic) => {
                // The parser takes any byte for true.
                let first = sequence(extension.value).and_then(|fields| fields.first().copied());
                let flag = matches!(first, Some((1, flag)) if !matches!(flag, [0 | 0xff]));
                if flag || extension.value.first() != Some(&0x30) {
                    self.malformed.push("invalid basic constraints".to_owned());
                }
                self.basic = Some((basic.ca, basic.path_len_constraint));
            }
            ParsedExtension::KeyUsage(usage) => self.key_usage = Some(usage.flags & 0x1ff),
            ParsedExtension::ExtendedKeyUsage(usage) => {
                // The parser leaves off at what is none.
                if !holds_only_oids(extension.value) {
                    self.malformed.push("invalid extended key usages".to_owned());
                }
                self.extended_usage = Some(usages(usage));
            }
            ParsedExtension::SubjectAlternativeName(names) => {
                self.alt_names_raw = Some(extension.value.to_vec());
                self.alt_names = names.general_names.iter().map(alt_name).collect();
                if names.general_names.iter().any(is_mapped) {
                    self.malformed.push(format!("SAN iPAddress contains {MAPPED}"));
                }
                let handled = |name: &AltName| !matches!(name, AltName::Other(_));
                if extension.critical && !self.alt_names.iter().any(handled) {
                    self.unhandled.push(oid.to_owned());
                }
            }
            ParsedExtension::NameConstraints(constraints) => {
                match NameConstraints::read(constraints, extension.value) {
                    Ok(read) => {
                        if extension.critical && read.has_unhandled {
                            self.unhandled.push(oid.to_owned());
                        }
                        self.constraints = Some(read);
                    }
                    Err(fault) => self.malformed.push(broken(oid, &fault)),
                }
            }
            ParsedExtension::SubjectKeyIdentifier(id) => {
                self.never_critical(extension, "subject key identifier");
                if extension.value.first() != Some(&4) {
                    self.malformed.push("invalid subject key identifier".to_owned());
                }
                self.subject_key = Some(id.0.to_vec());
            }
            ParsedExtension::AuthorityInfoAccess(_) => {
                self.never_critical(extension, "authority info access");
            }
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.never_critical(extension, "authority key identifier");
                if extension.value.first() != Some(&0x30) {
                    self.malformed.push("invalid authority key identifier".to_owned());
                }
                self.authority_key = id.key_identifier.as_ref().map(|key| key.0.to_vec());
            }
            ParsedExtension::ParseError { .. } if is_judged(oid) || is_read(oid) => {
                self.malformed.push(broken(oid, "it cannot be read"));
            }
            _ if extension.critical && !is_handled(oid) => self.unhandled.push(oid.to_owned()),
            _ => {}
        }
    }

    fn take_policies(&mut self, extension: &ParsedExtension<'_>) {
        let policies = &mut self.policies;
        match extension {
            ParsedExtension::CertificatePolicies(list) => {
                policies.ids = list.iter().map(|policy| policy.policy_id.to_id_string()).collect();
            }
            ParsedExtension::PolicyMappings(list) => {
                let pair = |pair: &PolicyMapping<'_>| {
                    (pair.issuer_domain_policy.to_id_string(), pair.subject_domain_policy.to_id_string())
                };
                policies.mappings = list.mappings.iter().map(pair).collect();
            }
            ParsedExtension::PolicyConstraints(constraints) => {
                policies.require = constraints.require_explicit_policy;
                policies.inhibit_mapping = constraints.inhibit_policy_mapping;
            }
            ParsedExtension::InhibitAnyPolicy(inhibit) => policies.inhibit_any = Some(inhibit.skip_certs),
            _ => {}
        }
    }

    fn never_critical(&mut self, extension: &X509Extension<'_>, name: &str) {
        if extension.critical {
            self.malformed.push(format!("{name} {MARKED_CRITICAL}"));
        }
    }

    pub(super) fn dns_names(&self) -> impl Iterator<Item = &str> {
        self.alt_names.iter().filter_map(|name| match name {
            AltName::Dns(name) => Some(name.as_str()),
            _ => None,
        })
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.alt_names.iter().filter_map(|name| match name {
            AltName::Ip(address) => Some(*address),
            _ => None,
        })
    }
}

fn broken(oid: &str, fault: &str) -> String {
    format!("the extension {oid} is malformed: {fault}")
}

/// Extensions that every judgement reads: broken ones make Go refuse the certificate.
fn is_judged(oid: &str) -> bool {
    ["2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.37"].contains(&oid)
}

/// Extensions that decide nothing, and that Go reads all the same.
fn is_read(oid: &str) -> bool {
    ["2.5.29.31", "2.5.29.32", "2.5.29.35"].contains(&oid)
}

fn holds_only_oids(value: &[u8]) -> bool {
    sequence(value).is_some_and(|list| list.iter().all(|(tag, content)| *tag == 6 && is_oid(content)))
}

/// Extensions that every Go in question accepts as critical. Policy constraints and mappings are
/// left out: engines built with Go up to 1.23 refuse them.
fn is_handled(oid: &str) -> bool {
    is_judged(oid) || ["2.5.29.31", "2.5.29.32", "2.5.29.35", "1.3.6.1.5.5.7.1.1"].contains(&oid)
}

/// Mappings, constraints and the ban of `anyPolicy`: critical ones are handled since Go 1.24 only.
pub(super) fn is_about_policies(oid: &str) -> bool {
    ["2.5.29.33", "2.5.29.36", "2.5.29.54"].contains(&oid)
}

fn usages(usage: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let known = [
        (usage.any, "2.5.29.37.0"),
        (usage.server_auth, "1.3.6.1.5.5.7.3.1"),
        (usage.client_auth, "1.3.6.1.5.5.7.3.2"),
        (usage.code_signing, "1.3.6.1.5.5.7.3.3"),
        (usage.email_protection, "1.3.6.1.5.5.7.3.4"),
        (usage.time_stamping, "1.3.6.1.5.5.7.3.8"),
        (usage.ocsp_signing, "1.3.6.1.5.5.7.3.9"),
    ];
    let known = known.iter().filter(|(set, _)| *set).map(|(_, oid)| (*oid).to_owned());
    known.chain(usage.other.iter().map(Oid::to_id_string)).collect()
}

pub(super) fn alt_name(name: &GeneralName<'_>) -> AltName {
    let ascii = |kind: &str, text: &str, wrap: fn(String) -> AltName| {
        if text.is_ascii() { wrap(text.to_owned()) } else { AltName::Malformed(format!("{kind}:{text}")) }
    };
    match name {
        GeneralName::DNSName(text) => ascii("DNS", text, AltName::Dns),
        GeneralName::RFC822Name(text) => ascii("email", text, AltName::Email),
        GeneralName::URI(text) if !go_uri::parses(text) => AltName::Malformed(format!("URI:{text}")),
        GeneralName::URI(text) => ascii("URI", text, AltName::Uri),
        GeneralName::IPAddress(bytes) => match address(bytes) {
            Some(address) => AltName::Ip(address),
            None => AltName::Malformed(format!("an address of {} bytes", bytes.len())),
        },
        GeneralName::DirectoryName(name) => AltName::Other(format!("DirName:{}", names::one_line(name))),
        GeneralName::Invalid(tag, _) if [1, 2, 6].contains(&tag.0) => {
            AltName::Malformed("a name that is no text".to_owned())
        }
        other => AltName::Other(other.to_string()),
    }
}

/// What Go 1.27 and later refuse to read.
pub(super) const MAPPED: &str = "IPv4-mapped IPv6 address";
/// What Go after 1.19 refuses to read.
pub(super) const MARKED_CRITICAL: &str = "incorrectly marked critical";

fn is_mapped(name: &GeneralName<'_>) -> bool {
    matches!(name, GeneralName::IPAddress(bytes) if matches!(address(bytes), Some(IpAddr::V6(six)) if six.to_ipv4_mapped().is_some()))
}

pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::V4(Ipv4Addr::from(four)));
    }
    let sixteen = <[u8; 16]>::try_from(bytes).ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(sixteen)))
}
