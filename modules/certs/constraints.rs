//! Name constraints: which names a CA may sign for, by Go's reading of RFC 5280.

use std::net::IpAddr;

use x509_parser::der_parser::asn1_rs::{Any, FromDer as _};
use x509_parser::extensions::{GeneralName, GeneralSubtree, NameConstraints as Parsed};

use super::extensions::{AltName, MAPPED, address};

/// Go's limit for comparisons while one CA is judged; beyond it the chain is refused.
const MOST_COMPARISONS: usize = 250_000;

#[derive(Clone, Debug, Default)]
struct Subtrees {
    dns: Vec<String>,
    ranges: Vec<Range>,
    emails: Vec<String>,
    uris: Vec<String>,
}

#[derive(Clone, Debug)]
struct Range {
    address: IpAddr,
    mask: Vec<u8>,
}

/// One CA's constraints.
#[derive(Clone, Debug, Default)]
pub(super) struct NameConstraints {
    permitted: Subtrees,
    excluded: Subtrees,
    /// Kinds of names that Go does not constrain are among them.
    pub has_unhandled: bool,
}

impl NameConstraints {
    pub(super) fn read(parsed: &Parsed<'_>, value: &[u8]) -> Result<Self, String> {
        // The parser skips a list of subtrees that it cannot read; what it skipped must not be lost.
        let present = lists(value).ok_or("it cannot be read")?;
        if present.is_empty() {
            return Err("it is empty".to_owned());
        }
        let read = [parsed.permitted_subtrees.is_some(), parsed.excluded_subtrees.is_some()];
        if present != [0, 1].into_iter().filter(|&tag| read[tag]).collect::<Vec<_>>() {
            return Err("it cannot be read".to_owned());
        }
        let mut read = Self::default();
        let (permitted, other) = subtrees(parsed.permitted_subtrees.as_deref().unwrap_or_default())?;
        let (excluded, more) = subtrees(parsed.excluded_subtrees.as_deref().unwrap_or_default())?;
        read.permitted = permitted;
        read.excluded = excluded;
        read.has_unhandled = other || more;
        Ok(read)
    }

    /// One line for each, as `openssl x509 -text` groups them.
    pub(super) fn lines(&self) -> Vec<String> {
        let both = [("permitted", &self.permitted), ("excluded", &self.excluded)];
        both.into_iter().flat_map(|(kind, trees)| trees.lines(kind)).collect()
    }

    /// Whether the CA may sign for all of these names; the detail of Go's error when it may not.
    pub(super) fn check<'a>(&self, names: impl Iterator<Item = &'a AltName>) -> Result<(), String> {
        let mut comparisons = 0;
        for name in names {
            comparisons += self.permitted.len() + self.excluded.len();
            if comparisons > MOST_COMPARISONS {
                return Err("there are too many names and constraints to compare".to_owned());
            }
            self.check_one(name)?;
        }
        Ok(())
    }

    fn check_one(&self, name: &AltName) -> Result<(), String> {
        let (kind, text) = match name {
            AltName::Dns(name) if !is_domain(name) => return Err(format!("cannot parse dnsName {name:?}")),
            AltName::Dns(name) => ("DNS name", name.clone()),
            AltName::Ip(address) => ("IP address", address.to_canonical().to_string()),
            AltName::Email(name) => ("email address", name.clone()),
            AltName::Uri(name) => ("URI", name.clone()),
            AltName::Other(_) | AltName::Malformed(_) => return Ok(()),
        };
        if let Some(constraint) = self.excluded.find(name, true)? {
            return Err(format!("{kind} {text:?} is excluded by constraint {constraint:?}"));
        }
        if self.permitted.concerns(name) && self.permitted.find(name, false)?.is_none() {
            return Err(format!("{kind} {text:?} is not permitted by any constraint"));
        }
        Ok(())
    }
}

/// The tags that stand in the extension's sequence: 0 for permitted, 1 for excluded.
fn lists(value: &[u8]) -> Option<Vec<usize>> {
    let (rest, sequence) = Any::from_der(value).ok()?;
    let mut tags = Vec::new();
    let mut left = sequence.data;
    while !left.is_empty() {
        let (after, list) = Any::from_der(left).ok()?;
        tags.push(usize::try_from(list.tag().0).ok()?);
        left = after;
    }
    rest.is_empty().then_some(tags)
}

fn subtrees(parsed: &[GeneralSubtree<'_>]) -> Result<(Subtrees, bool), String> {
    let mut trees = Subtrees::default();
    let mut unhandled = false;
    for subtree in parsed {
        match &subtree.base {
            GeneralName::DNSName(domain) => trees.dns.push(domain_constraint(domain)?),
            GeneralName::RFC822Name(mailbox) if mailbox.contains('@') => {
                trees.emails.push((*mailbox).to_owned());
            }
            GeneralName::RFC822Name(domain) => trees.emails.push(domain_constraint(domain)?),
            GeneralName::URI(domain) => trees.uris.push(domain_constraint(domain)?),
            GeneralName::IPAddress(bytes) => trees.ranges.push(range(bytes)?),
            GeneralName::Invalid(..) => return Err("it holds a name that cannot be read".to_owned()),
            _ => unhandled = true,
        }
    }
    Ok((trees, unhandled))
}

fn domain_constraint(domain: &str) -> Result<String, String> {
    let labels = domain.strip_prefix('.').unwrap_or(domain);
    if domain.is_empty() || is_domain(labels) {
        return Ok(domain.to_owned());
    }
    Err(format!("{domain:?} is no domain"))
}

fn range(bytes: &[u8]) -> Result<Range, String> {
    let (base, mask) = bytes.split_at(bytes.len() / 2);
    let contiguous = |mask: &[u8]| {
        let ones = mask.iter().map(|byte| byte.count_ones()).sum::<u32>();
        let leading = mask.iter().take_while(|&&byte| byte == 0xff).count();
        let next = mask.get(leading).map_or(0, |byte| byte.leading_ones());
        u32::try_from(leading * 8).is_ok_and(|full| full + next == ones)
    };
    match address(base) {
        Some(IpAddr::V6(six)) if base.len() == 16 && six.to_ipv4_mapped().is_some() => {
            Err(format!("IP constraint contained {MAPPED}"))
        }
        Some(address) if base.len() == mask.len() && contiguous(mask) => {
            Ok(Range { address, mask: mask.to_vec() })
        }
        _ => Err("an address range has the wrong length or mask".to_owned()),
    }
}

impl Range {
    fn contains(&self, address: IpAddr) -> bool {
        let (own, other) = (octets(self.address), octets(address));
        own.len() == other.len()
            && own.iter().zip(&other).zip(&self.mask).all(|((a, b), mask)| a & mask == b & mask)
    }

    fn text(&self) -> String {
        format!("{}/{}", self.address, self.mask.iter().map(|byte| byte.count_ones()).sum::<u32>())
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(four) => four.octets().to_vec(),
        IpAddr::V6(six) => six.octets().to_vec(),
    }
}

impl Subtrees {
    fn len(&self) -> usize {
        self.dns.len() + self.ranges.len() + self.emails.len() + self.uris.len()
    }

    fn lines(&self, kind: &str) -> Vec<String> {
        let ranges: Vec<String> = self.ranges.iter().map(Range::text).collect();
        let groups = [("DNS", &self.dns), ("IP", &ranges), ("email", &self.emails), ("URI", &self.uris)];
        let line = |(what, values): (&str, &Vec<String>)| {
            values.iter().map(|value| format!("{kind} {what}:{value}")).collect::<Vec<_>>()
        };
        groups.into_iter().flat_map(line).collect()
    }

    fn concerns(&self, name: &AltName) -> bool {
        match name {
            AltName::Dns(_) => !self.dns.is_empty(),
            AltName::Ip(_) => !self.ranges.is_empty(),
            AltName::Email(_) => !self.emails.is_empty(),
            AltName::Uri(_) => !self.uris.is_empty(),
            AltName::Other(_) | AltName::Malformed(_) => false,
        }
    }

    /// The first constraint that covers the name.
    fn find(&self, name: &AltName, excluding: bool) -> Result<Option<String>, String> {
        let covering = |list: &[String], covers: &dyn Fn(&str) -> bool| {
            list.iter().find(|constraint| covers(constraint)).cloned()
        };
        Ok(match name {
            AltName::Dns(name) => covering(&self.dns, &|constraint| {
                within(name, constraint) || (excluding && wildcard_reaches(name, constraint))
            }),
            AltName::Ip(address) => {
                self.ranges.iter().find(|range| range.contains(*address)).map(Range::text)
            }
            AltName::Email(mailbox) => covering(&self.emails, &|constraint| mail_within(mailbox, constraint)),
            AltName::Uri(uri) if !self.uris.is_empty() => {
                let host = uri_host(uri).ok_or_else(|| format!("URI {uri:?} has no host name"))?;
                covering(&self.uris, &|constraint| within(host, constraint))
            }
            _ => None,
        })
    }
}

pub(super) fn is_domain(name: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.bytes().all(|byte| (33..=126).contains(&byte));
    name.is_empty() || name.split('.').all(label)
}

/// The empty constraint covers everything; a leading dot asks for at least one label more.
fn within(name: &str, constraint: &str) -> bool {
    if constraint.is_empty() {
        return true;
    }
    let (domain, more) = match constraint.strip_prefix('.') {
        Some(domain) => (domain, true),
        None => (constraint, false),
    };
    let (Some(start), true) = (name.len().checked_sub(domain.len()), name.is_ascii()) else {
        return false;
    };
    let (before, end) = name.split_at(start);
    end.eq_ignore_ascii_case(domain)
        && (if more { before.len() > 1 } else { true })
        && (before.is_empty() || before.ends_with('.'))
}

/// `*.example.com` may become a name below an excluded `a.example.com` (Go ≥ 1.25.5; taken for
/// all, as the stricter reading).
fn wildcard_reaches(name: &str, constraint: &str) -> bool {
    // From the first dot on: of a constraint that begins with one, that is all of it.
    let above = |domain: &str| domain.find('.').map(|at| domain[at..].to_ascii_lowercase());
    name.starts_with('*') && constraint.contains('.') && above(name) == above(constraint)
}

fn mail_within(mailbox: &str, constraint: &str) -> bool {
    let Some((local, domain)) = mailbox.rsplit_once('@') else { return false };
    match constraint.rsplit_once('@') {
        Some((own, at)) => own == local && at.eq_ignore_ascii_case(domain),
        None => within(domain, constraint),
    }
}

/// The host of a URI; none when there is none, or when it is an address.
fn uri_host(uri: &str) -> Option<&str> {
    let authority = uri.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let name = host.split(':').next()?;
    (!name.is_empty() && !name.starts_with('[') && name.parse::<IpAddr>().is_err()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_covers_itself_and_what_is_below() {
        assert!(within("a.example.com", "example.com"));
        assert!(within("EXAMPLE.com", "example.COM"));
        assert!(within("anything", ""));
        assert!(within("a.example.com", ".example.com"));
        assert!(!within("example.com", ".example.com"));
        assert!(!within("badexample.com", "example.com"));
        assert!(!within("com", "example.com"));
    }

    #[test]
    fn a_wildcard_reaches_one_label_deep() {
        assert!(wildcard_reaches("*.example.com", "a.example.com"));
        assert!(!wildcard_reaches("*.example.com", "b.a.example.com"));
        assert!(!wildcard_reaches("a.example.com", "b.example.com"));
    }

    #[test]
    fn ranges_need_a_contiguous_mask() {
        assert!(range(&[10, 0, 0, 0, 255, 0, 0, 0]).unwrap().contains("10.1.2.3".parse().unwrap()));
        assert!(!range(&[10, 0, 0, 0, 255, 0, 0, 0]).unwrap().contains("11.1.2.3".parse().unwrap()));
        assert!(range(&[10, 0, 0, 0, 255, 0, 255, 0]).is_err());
        assert!(range(&[10, 0, 0, 0, 255]).is_err());
        assert!(!range(&[10, 0, 0, 0, 255, 0, 0, 0]).unwrap().contains("::1".parse().unwrap()));
    }

    #[test]
    fn hosts_of_uris() {
        assert_eq!(uri_host("https://u@a.example:1/x"), Some("a.example"));
        assert_eq!(uri_host("https://[::1]/x"), None);
        assert_eq!(uri_host("https://192.0.2.1/"), None);
        assert_eq!(uri_host("mailto:x"), None);
    }
}
