//! `dtrctl cert generate`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use modules::certs::{RegistryHost, San, Subtree};
use modules::{CertificateKind, KeyType, Level};
use serde_json::{Map, Value as Json, json};

use super::super::options::Format;
use super::super::{Done, output};
use super::task::{self, Ended};
use crate::error::Failure;
use crate::event::Outcome;

/// Makes a CA, a server's certificate, or a request for the PKI of the enterprise, each with its key, on this machine.
///
/// It does what the module `generate_cert` does: what is there is kept while it is valid for what is asked, and renewed before
/// it ends; no key is ever printed. Examples:
///
///   dtrctl cert generate --ca --name 'Example registry CA' --permit corp
///   dtrctl cert generate --for dtr.corp --san 192.0.2.10 --ca ca.pem
///   dtrctl cert generate --for dtr.corp --csr
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[expect(clippy::option_option, reason = "clap's form of an option whose value may be left out")]
pub struct Generate {
    /// Without FILE: makes a CA. With FILE: signs with this CA's certificate.
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with_all = ["csr", "self_signed"])]
    ca: Option<Option<PathBuf>>,
    /// The CA's private key. Default: the CA's FILE with the ending `.key`.
    #[arg(long, value_name = "FILE", requires = "ca")]
    ca_key: Option<PathBuf>,
    /// Makes a certificate that signs itself: to be trusted in Docker's own store only.
    #[arg(long, conflicts_with = "csr")]
    self_signed: bool,
    /// Makes a request, to be signed elsewhere.
    #[arg(long)]
    csr: bool,
    /// The registry that the certificate is for, as image names spell it; a port is left out.
    #[arg(long, value_name = "HOST")]
    r#for: Option<RegistryHost>,
    /// A further name or IP address; `*.DOMAIN` too. May be given again, or as a list with commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    san: Vec<San>,
    /// The common name: a CA's own, or another than the first name.
    #[arg(long)]
    name: Option<String>,
    /// The subject's organisation.
    #[arg(long, value_name = "TEXT")]
    organization: Option<String>,
    /// Bounds a CA to this domain, or this range of addresses. May be given again, or as a list with commas.
    #[arg(long, value_name = "DOMAIN|RANGE", value_delimiter = ',')]
    permit: Vec<Subtree>,
    /// The kind of key: given, a key of another kind is replaced. A new one is `ecdsa-p256` where nothing is said.
    #[arg(long, value_enum)]
    key_type: Option<Key>,
    /// How long it is valid, from now. Default: 3650 for a CA, 365 otherwise.
    #[arg(long)]
    days: Option<u16>,
    /// How many days before its end it is renewed.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    renew_before: u16,
    /// A renewal makes a new key, too.
    #[arg(long)]
    new_key: bool,
    /// The certificate's file, or the request's. Default: `ca.pem`, `HOST.pem`, `HOST.csr`.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The private key's file. Default: the certificate's with the ending `.key`.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Shows what would be made, and makes nothing.
    #[arg(long)]
    check: bool,
    /// With --check: exits with 2 where something would be made.
    #[arg(long)]
    detailed_exitcode: bool,
    #[arg(long, value_enum, default_value_t = Format::Human, hide_possible_values = true, help = "What goes to standard output: `human` or `json`.")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Key {
    #[value(name = "ecdsa-p256")]
    EcdsaP256,
    #[value(name = "rsa-2048")]
    Rsa2048,
    #[value(name = "rsa-3072")]
    Rsa3072,
    #[value(name = "rsa-4096")]
    Rsa4096,
}

impl From<Key> for KeyType {
    fn from(key: Key) -> Self {
        match key {
            Key::EcdsaP256 => Self::EcdsaP256,
            Key::Rsa2048 => Self::Rsa2048,
            Key::Rsa3072 => Self::Rsa3072,
            Key::Rsa4096 => Self::Rsa4096,
        }
    }
}

impl Generate {
    pub fn run(self) -> Done {
        let ended = task::run("generate_cert", &self.arguments()?, self.check)?;
        match &ended.reason {
            Some(reason) if ended.outcome == Outcome::Failed => {
                output::fail(&task::failure(reason));
                // What was refused before anything was touched is a mistake of the command line.
                return Ok(if matches!(reason.kind.as_str(), "plan" | "playbook") { 1 } else { 3 });
            }
            _ => {}
        }
        for note in &ended.notes {
            let level = if note.level == Level::Warning { "warning" } else { "note" };
            output::note(&format!("{level}: {}", note.text));
        }
        match self.format {
            Format::Human => output::print(&self.text(&ended)),
            Format::Json => output::print(&format!("{}\n", json(&ended))),
        }
        let pending = self.check && self.detailed_exitcode && ended.outcome == Outcome::Changed;
        Ok(if pending { 2 } else { 0 })
    }

    fn kind(&self) -> Result<CertificateKind, Failure> {
        match &self.ca {
            _ if self.csr => Ok(CertificateKind::Request),
            _ if self.self_signed => Ok(CertificateKind::SelfSigned),
            Some(Some(_)) => Ok(CertificateKind::Server),
            Some(None) if self.r#for.is_some() => {
                Err(Failure::said("`--ca` alone makes a CA, and a CA is for no host")
                    .help("name the CA's certificate, `--ca FILE`, to sign one for a host"))
            }
            Some(None) => Ok(CertificateKind::Ca),
            None => Err(Failure::said("nothing says who signs")
                .help("`--ca` makes a CA; `--for HOST` with `--ca FILE` has it sign, with `--csr` asks another one, with `--self-signed` does without")),
        }
    }

    fn arguments(&self) -> Result<Json, Failure> {
        let kind = self.kind()?;
        if [&self.output, &self.key].into_iter().flatten().any(|path| path == Path::new("-")) {
            return Err(Failure::said("`-` is no file, and a key is never printed")
                .help("name the files: `-o FILE`, and `--key FILE` for the key"));
        }
        let path = absolute(&self.output.clone().unwrap_or_else(|| self.default_path(kind)))?;
        let key = self.key.clone().unwrap_or_else(|| PathBuf::from(&path).with_extension("key"));
        let mut names: Vec<String> = self.r#for.iter().map(|host| host.host().to_owned()).collect();
        names.extend(self.san.iter().map(ToString::to_string));
        let mut arguments = Map::new();
        let mut set = |name: &str, value: Json| {
            if !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()) {
                arguments.insert(name.to_owned(), value);
            }
        };
        set("kind", json!(kind));
        set("path", json!(path));
        set("key", json!(absolute(&key)?));
        set("names", json!(names));
        set("name", json!(self.name));
        set("organization", json!(self.organization));
        set("permitted", json!(self.permit));
        set("key_type", json!(self.key_type.map(KeyType::from)));
        set("days", json!(self.days));
        set("renew_before", json!(self.renew_before));
        set("new_key", json!(self.new_key));
        if let Some(Some(ca)) = &self.ca {
            let key = self.ca_key.clone().unwrap_or_else(|| ca.with_extension("key"));
            set("ca", json!(absolute(ca)?));
            set("ca_key", json!(absolute(&key)?));
        }
        Ok(Json::Object(arguments))
    }

    fn default_path(&self, kind: CertificateKind) -> PathBuf {
        let host = self.r#for.as_ref().map(|host| host.host().to_owned());
        let host = host.or_else(|| self.san.first().map(|name| name.host().host().to_owned()));
        let stem = host.unwrap_or_else(|| "server".to_owned());
        match kind {
            CertificateKind::Ca => PathBuf::from("ca.pem"),
            CertificateKind::Request => PathBuf::from(format!("{stem}.csr")),
            _ => PathBuf::from(format!("{stem}.pem")),
        }
    }

    fn text(&self, ended: &Ended) -> String {
        let mut text = String::new();
        if self.check {
            for change in &ended.changes {
                _ = writeln!(text, "would {}", change.summary);
            }
            if !ended.changes.is_empty() {
                return text;
            }
        }
        let field = |name: &str| ended.result.get(name).and_then(Json::as_str);
        let state = if ended.outcome == Outcome::Changed { "made" } else { "kept as it is" };
        let what = if self.csr { "request" } else { "certificate" };
        _ = writeln!(text, "{what:<12} {}  ({state})", field("path").unwrap_or_default());
        _ = writeln!(text, "{:<12} {}", "private key", field("key").unwrap_or_default());
        for (label, name) in [
            ("subject", "subject"),
            ("issuer", "issuer"),
            ("valid until", "not_after"),
            ("fingerprint", "fingerprint"),
            ("key pin", "spki"),
        ] {
            if let Some(value) = field(name) {
                _ = writeln!(text, "{label:<12} {value}");
            }
        }
        let names = ended.result.get("san").and_then(Json::as_array).cloned().unwrap_or_default();
        if !names.is_empty() {
            let names: Vec<&str> = names.iter().filter_map(Json::as_str).collect();
            _ = writeln!(text, "{:<12} {}", "names", names.join(", "));
        }
        text
    }
}

fn json(ended: &Ended) -> Json {
    let mut object = ended.result.clone();
    object.insert("changed".to_owned(), (ended.outcome == Outcome::Changed).into());
    object.insert("changes".to_owned(), json!(ended.changes));
    object.insert("notes".to_owned(), json!(ended.notes));
    Json::Object(object)
}

/// The path as the module takes it, without `.` and `..`.
fn absolute(path: &Path) -> Result<String, Failure> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Failure::said(format!("`{}` is no path: {error}", path.display())))?;
    let mut clean = PathBuf::from("/");
    for part in absolute.components() {
        match part {
            std::path::Component::ParentDir => {
                // `a/..` is the directory itself only where `a` is no link.
                clean = std::fs::canonicalize(&clean).unwrap_or(clean);
                clean.pop();
            }
            std::path::Component::Normal(name) => clean.push(name),
            _ => {}
        }
    }
    clean
        .into_os_string()
        .into_string()
        .map_err(|path| Failure::said(format!("`{}` is no UTF-8", Path::new(&path).display())))
}
