//! `dtrctl cert inspect`

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use modules::certs::{self, Certificate, Found, Held, Pin};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::super::options::Format;
use super::super::{Done, output};
use super::file;
use crate::event::visible;

/// Says what a file of certificates holds: each certificate, what dockerd and the stores of RHEL's family make of it, and what
/// else stands there. A private key is said aloud and never shown.
#[derive(Debug, Args)]
pub struct Inspect {
    /// PEM or DER; `-` for standard input.
    file: PathBuf,
    #[arg(long, value_enum, default_value_t = Format::Human, hide_possible_values = true, help = "What goes to standard output: `human` or `json`.")]
    format: Format,
}

/// Things beside certificates that are described one by one.
const MOST_OTHERS: usize = 8;
/// A file that holds no certificate at all.
const NOTHING: u8 = 3;

impl Inspect {
    pub fn run(self) -> Done {
        let bytes = file::read(&self.file)?;
        let now = OffsetDateTime::now_utc();
        let found = certs::inspect(&bytes);
        let whole = remarks(&found, &bytes);
        match self.format {
            Format::Human => output::print(&text(&found, &whole, now)),
            Format::Json => output::print(&format!("{:#}\n", as_json(&found, &whole, now))),
        }
        if let Some(key) = found.iter().find(|item| matches!(item.held, Held::PrivateKey(_))) {
            output::note(&format!(
                "WARNING: a private key stands at line {} of `{}`: whoever reads this file can play the server. No part of dtrctl installs such a file; keep the key apart, mode 0600, and replace it if the file was handed on",
                key.line,
                self.file.display()
            ));
        }
        let any = found.iter().any(|item| matches!(item.held, Held::Certificate(_)));
        Ok(if any { 0 } else { NOTHING })
    }
}

/// What is to be said of one certificate.
fn notes(certificate: &Certificate, now: OffsetDateTime) -> Vec<String> {
    let facts = certificate.facts();
    let mut notes = Vec::new();
    let mut say = |text: String| notes.push(text);
    if let Some(refusal) = &facts.go_refuses {
        say(format!("dockerd cannot read it: `{refusal}`; as an anchor it is passed over in silence"));
    }
    if now > facts.not_after {
        say("it has ended: no engine accepts it, and none accepts what it has signed".to_owned());
    } else if now < facts.not_before {
        say(format!("it is not valid before {}", facts.not_before.date()));
    } else if certs::ends_soon(certificate, now).is_some() {
        say("it ends within 30 days: renew it".to_owned());
    }
    if !facts.is_ca {
        let no_names = facts.dns_names.is_empty() && facts.ip_addresses.is_empty();
        if no_names {
            say("dockerd (20.10.8 and later): no host accepts it as a server's, as no DNS name or address stands in subjectAltName".to_owned());
        }
        let for_servers = facts.extended_key_usage.as_ref().is_none_or(|usages| {
            usages.iter().any(|usage| usage == "serverAuth" || usage == "anyExtendedKeyUsage")
        });
        if !for_servers {
            say("dockerd: not for servers (extendedKeyUsage)".to_owned());
        }
    }
    if !certificate.is_self_signed() && certificate_is_weak(facts.signature_algorithm.as_str()) {
        say(format!(
            "dockerd (Go 1.18 and later): its signature, {}, is not accepted",
            facts.signature_algorithm
        ));
    }
    if certs::weak_key(certificate).is_some() {
        say("its RSA key has fewer than 2048 bits: replace it".to_owned());
    }
    if certificate.is_unchecked_root() {
        say(format!(
            "issued by itself by its names; the signature, {} with a key of {}, cannot be checked here",
            facts.signature_algorithm, facts.key_type
        ));
    }
    if !certificate.key().go_knows() {
        say(format!("dockerd (Go) verifies nothing that a key of {} has signed", facts.key_type));
    }
    say(anchor(certificate));
    notes
}

fn certificate_is_weak(algorithm: &str) -> bool {
    algorithm.contains("SHA1") || algorithm.contains("MD5")
}

/// Where it can be trusted.
fn anchor(certificate: &Certificate) -> String {
    let facts = certificate.facts();
    let own = certificate.is_self_signed() || certificate.is_unchecked_root();
    let kind = match (own, facts.is_ca) {
        (true, true) if certificate.is_unchecked_root() => "a root by its names",
        (true, false) if certificate.is_unchecked_root() => "issued by itself by its names, and no CA",
        (true, true) => "a root",
        (false, true) => {
            "an intermediate: dockerd and curl accept it as an anchor, plain OpenSSL and Python do not"
        }
        (true, false) => "a certificate that signs itself and is no CA",
        (false, false) => "a server's certificate, good for nothing after its renewal",
    };
    let p11_kit = if certificate.enters_p11_kit() {
        "RHEL, SUSE and Arch take it into their bundle"
    } else {
        "RHEL, SUSE and Arch drop it from their bundle without a word; there, use Docker's own store"
    };
    format!("as an anchor: {kind}; {p11_kit}")
}

/// What is to be said of the file as a whole.
fn remarks(found: &[Found], bytes: &[u8]) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Err(error) = certs::read(bytes) {
        remarks.push(format!("dtrctl installs nothing from this file: {error}"));
    }
    let certificates: Vec<&Certificate> = found.iter().filter_map(Found::certificate).collect();
    let follows = |pair: &[&Certificate]| pair[0].facts().issuer == pair[1].facts().subject;
    if certificates.len() > 1 {
        let order = if certificates.windows(2).all(follows) {
            "in a server's order: each is followed by its issuer"
        } else {
            "not in a server's order, in which each is followed by its issuer: a registry refuses such a file or sends a broken chain; a file of anchors may have any order"
        };
        remarks.push(format!("{} certificates, {order}", certificates.len()));
    }
    for (certificate, times) in distinct(&certificates) {
        if times > 1 {
            remarks.push(format!("{} stands here more than once: {times} times", Pin::of(certificate)));
        }
    }
    remarks
}

/// Each certificate once, in the file's order, and how often it stands there.
fn distinct<'a>(certificates: &[&'a Certificate]) -> Vec<(&'a Certificate, usize)> {
    let mut found: Vec<(&Certificate, usize)> = Vec::new();
    let mut places: HashMap<&[u8], usize> = HashMap::new();
    for certificate in certificates {
        let place = *places.entry(certificate.der()).or_insert(found.len());
        match found.get_mut(place) {
            Some((_, times)) => *times += 1,
            None => found.push((certificate, 1)),
        }
    }
    found
}

/// The items that are shown, and how many more there are: a certificate once, and no more than the first of other things.
fn shown(found: &[Found]) -> (Vec<&Found>, usize) {
    let (mut seen, mut others, mut shown) = (HashSet::new(), 0, Vec::new());
    for item in found {
        let first = if let Some(certificate) = item.certificate() {
            seen.insert(certificate.der())
        } else {
            others += 1;
            others <= MOST_OTHERS
        };
        shown.extend(first.then_some(item));
    }
    (shown, others.saturating_sub(MOST_OTHERS))
}

fn text(found: &[Found], remarks: &[String], now: OffsetDateTime) -> String {
    let mut text = String::new();
    let (shown, more) = shown(found);
    for item in shown {
        match &item.held {
            Held::Certificate(certificate) => describe(&mut text, item.line, certificate, now),
            Held::PrivateKey(label) => {
                _ = writeln!(text, "line {}: {label} (not shown)\n", item.line);
            }
            Held::Other(why) => _ = writeln!(text, "{}\n", visible::line(why)),
        }
    }
    if more > 0 {
        _ = writeln!(
            text,
            "{more} more lines and blocks are no certificates (`--format json` has all of them)\n"
        );
    }
    for remark in remarks {
        _ = writeln!(text, "{}", visible::line(remark));
    }
    text
}

/// How many days are left, or have gone by since.
pub(super) fn left(end: OffsetDateTime, now: OffsetDateTime) -> String {
    let days = (end - now).whole_days();
    if now > end { format!("ended {} days ago", -days) } else { format!("{days} days left") }
}

fn describe(text: &mut String, line: usize, certificate: &Certificate, now: OffsetDateTime) {
    let facts = certificate.facts();
    let mut names: Vec<String> = facts.dns_names.iter().map(|name| format!("DNS:{name}")).collect();
    names.extend(facts.ip_addresses.iter().map(|address| format!("IP:{address}")));
    names.extend(facts.other_names.iter().cloned());
    let left = left(facts.not_after, now);
    let bits = facts
        .key_bits
        .filter(|_| facts.key_type == "RSA")
        .map(|bits| format!(" of {bits} bits"))
        .unwrap_or_default();
    let ca = match facts.basic_constraints {
        Some(basic) if basic.ca => match basic.path_len {
            Some(length) => format!("yes, with {length} CAs below it at most"),
            None => "yes".to_owned(),
        },
        Some(_) => "no".to_owned(),
        None => "nothing is said".to_owned(),
    };
    _ = writeln!(text, "line {line}: {}", visible::line(&facts.subject));
    let mut row = |label: &str, value: &str| _ = writeln!(text, "  {label:<12} {}", visible::line(value));
    let itself = certificate.is_self_signed() || certificate.is_unchecked_root();
    row("issuer", if itself { "itself" } else { &facts.issuer });
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    row("names", &names);
    row("valid", &format!("{} to {}, {left}", facts.not_before.date(), facts.not_after.date()));
    row("key", &format!("{}{bits}, signed with {}", facts.key_type, facts.signature_algorithm));
    row("CA", &ca);
    for bound in &facts.name_constraints {
        row("bound", bound);
    }
    row("fingerprint", &format!("sha256:{}", facts.sha256));
    row("key pin", &format!("spki:{}", facts.spki_sha256));
    for note in notes(certificate, now) {
        row("-", &note);
    }
    text.push('\n');
}

fn as_json(found: &[Found], remarks: &[String], now: OffsetDateTime) -> Json {
    let certificate = |item: &Found| {
        let certificate = item.certificate()?;
        let mut facts = serde_json::to_value(certificate.facts()).ok()?;
        facts["self_signed"] = certificate.is_self_signed().into();
        facts["line"] = item.line.into();
        facts["fingerprint"] = Pin::of(certificate).to_string().into();
        facts["days_left"] = (certificate.facts().not_after - now).whole_days().into();
        facts["enters_p11_kit"] = certificate.enters_p11_kit().into();
        facts["notes"] = json!(notes(certificate, now));
        Some(facts)
    };
    let other = |item: &Found| match &item.held {
        Held::Other(why) => Some(json!({"line": item.line, "why": why})),
        _ => None,
    };
    json!({
        "certificates": found.iter().filter_map(certificate).collect::<Vec<_>>(),
        "private_keys": found.iter().filter(|item| matches!(item.held, Held::PrivateKey(_))).map(|item| item.line).collect::<Vec<_>>(),
        "other": found.iter().filter_map(other).collect::<Vec<_>>(),
        "remarks": remarks,
    })
}
