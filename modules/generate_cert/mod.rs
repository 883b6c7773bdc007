//! `generate_cert`: a CA, a server's certificate, or a request for one, each with its key.

mod current;
mod signer;

use schemars::JsonSchema;
use serde::Deserialize;
use time::OffsetDateTime;

use crate::arguments::{Listed, filled};
use crate::certs::{San, Subtree};
use crate::contract::{
    Account, AskFile, AskNow, Before, CertificateKind, Change, Content, File, FileKind, GenerateCertificate,
    Host, HostPath, KeyType, Mode, Module, Ownership, Plan, PlanError, Probe, SetMode, Signer,
    WantedCertificate,
};
use current::Current;

/// Longest common name that X.509 takes (RFC 5280, `ub-common-name`).
const LONGEST_COMMON_NAME: usize = 64;
/// A CA's own: what it has signed needs it to the end, and each of its renewals is a roll-out.
const CA_DAYS: u16 = 3650;
/// A year, which a yearly run renews. Go and OpenSSL have no limit, browsers none for a private CA.
const SERVER_DAYS: u16 = 365;
/// Apple's systems take at most 825 days from whatever CA (support.apple.com/103769); one of them is the day that a
/// certificate is dated back.
const LONGEST_SERVER_DAYS: u16 = 824;
/// No file with a key or a certificate is longer.
const LIMIT: u64 = 64 << 10;

/// Makes a key with a CA, a server's certificate, or a request for the PKI of the enterprise, on the host of the task; with
/// `delegate_to: localhost`, or in a play for `localhost`, on the controller. The key is made there and then, 0600 from its
/// first byte; it is in no plan, event, diff, log or command line, and leaves that machine in no way.
///
/// What is there is kept as long as it is valid for what is asked: names, uses, key, signer; it is renewed where it is not, or
/// ends soon. A renewal keeps the key unless `new_key` says otherwise, so that a pin of the key holds. A certificate never
/// stands beside a foreign key, whatever cuts a run short. What is made is judged as dockerd judges it before it is written.
///
/// It registers `path`, `key`, `kind`, and of a certificate `certificate` (PEM), `fingerprint`, `spki`, `subject`, `issuer`,
/// `not_after`, `san`; of a request, `request` (PEM), `subject` and `san`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GenerateCert {
    /// What to make: `ca`; `server`, signed by `ca`; `self_signed`, a server's certificate without a CA, for Docker's own
    /// store only (RHEL, SUSE and Arch drop it from theirs); `request`, to be signed elsewhere.
    kind: CertificateKind,
    /// The certificate's file (PEM, mode 0644), or the request's. Its directory has to be there.
    path: HostPath,
    /// The private key's file (PEM, PKCS#8). Its directory has to be there.
    key: HostPath,
    /// The common name: needed for a `ca`; otherwise for readers alone, by default the first of `names`.
    #[serde(default, deserialize_with = "filled")]
    name: Option<String>,
    /// The subject's organisation. Default: none.
    #[serde(default, deserialize_with = "filled")]
    organization: Option<String>,
    /// Host names, wildcards (`*.dtr.corp`) and IP addresses that the certificate is for: every name and address under which
    /// images are pulled, without port. One, a list, or text with commas.
    #[serde(default)]
    names: Listed<San>,
    /// The file of the CA that signs a `server` (PEM, on the same host); CAs above it that are no roots may follow it.
    #[serde(default, deserialize_with = "filled")]
    ca: Option<HostPath>,
    /// The file of that CA's private key (PEM, on the same host, not encrypted).
    #[serde(default, deserialize_with = "filled")]
    ca_key: Option<HostPath>,
    /// What a `ca` may sign for: domains, with all below them, and ranges of addresses (`10.0.0.0/8`); where it is given, all
    /// other names and addresses are forbidden to it. Default: no bounds.
    #[serde(default)]
    permitted: Listed<Subtree>,
    /// The kind of a new key: `ecdsa-p256`, `rsa-2048`, `rsa-3072`, `rsa-4096`. Given, a key of another kind is replaced; not
    /// given, a key that is there is used as it is, and a new one is `ecdsa-p256`.
    #[serde(default)]
    key_type: Option<KeyType>,
    /// How long it is valid, in days from now: 1 to 824 (Apple's limit) for a server's, to 36500 for a CA's, and never longer
    /// than the CA that signs it. Default: 3650 for a CA, 365 otherwise.
    #[serde(default)]
    #[schemars(range(min = 1, max = 36500))]
    days: Option<u16>,
    /// How many days before its end it is renewed. Default: 30.
    #[serde(default = "thirty")]
    renew_before: u16,
    /// Whether a renewal makes a new key, too; not for a `ca`. The old certificate is taken away before the new key comes, so
    /// that for a moment there is none. Default: false.
    #[serde(default)]
    new_key: bool,
    /// The owner of both files. Default: as it is; for new files the user that the task runs as.
    #[serde(default)]
    owner: Option<Account>,
    /// The group of both files. Default: as it is; for new files that of the user.
    #[serde(default)]
    group: Option<Account>,
    /// Permission bits of the key's file: nothing for others. Default: 0600.
    #[serde(default = "private")]
    key_mode: Mode,
}

const fn thirty() -> u16 {
    30
}

const fn private() -> Mode {
    Mode::new(0o600)
}

/// What was found.
pub struct Found {
    now: OffsetDateTime,
    file: File,
    key: File,
    directories: Vec<File>,
    ca: Option<File>,
    ca_key: Option<File>,
}

impl Module for GenerateCert {
    const NAME: &'static str = "generate_cert";
    const EXAMPLE: &'static str = "- generate_cert:\n    kind: server\n    path: /etc/pki/dtr/dtr.pem\n    key: /etc/pki/dtr/dtr.key\n    names: [dtr.corp, 192.0.2.10]\n    ca: /etc/pki/dtr/ca.pem\n    ca_key: /etc/pki/dtr/ca.key\n  delegate_to: localhost\n";
    type State = Found;

    fn probe(&self, _host: &Host) -> Probe<Found> {
        let file = |path: &HostPath| Probe::ask(AskFile { path: path.clone(), limit: LIMIT });
        let maybe = |path: &Option<HostPath>| match path {
            Some(path) => file(path).map(Some),
            None => Probe::ready(None),
        };
        let directory = |path: &HostPath| path.parent().map(|parent| Probe::ask(AskFile::stat(parent)));
        let directories = [directory(&self.path), directory(&self.key)];
        let directories = Probe::all(directories.into_iter().flatten().collect());
        let pair = file(&self.path).zip(file(&self.key));
        let authority = maybe(&self.ca).zip(maybe(&self.ca_key));
        let all = pair.zip(authority).zip(directories).zip(Probe::ask(AskNow));
        all.map(|((((file, key), (ca, ca_key)), directories), now)| Found {
            now,
            file,
            key,
            directories,
            ca,
            ca_key,
        })
    }

    fn plan(&self, _host: &Host, found: Found) -> Result<Plan, PlanError> {
        let wanted = self.wanted()?;
        if let Some(missing) =
            found.directories.iter().find(|directory| !matches!(directory.kind, FileKind::Directory(_)))
        {
            return Err(PlanError::new(format!("`{}` is not a directory on this host", missing.path))
                .help("make it first, with `file` and `state: directory`"));
        }
        let signer = signer::read(self, &wanted, &found)?;
        let current = Current::read(self, &found)?;
        let (reasons, new_key) = current.reasons(self, &wanted, signer.as_ref(), found.now)?;
        let mut plan = Plan::default();
        if reasons.is_empty() {
            plan.changes.extend(self.permissions(&found));
            current.register(&mut plan);
        } else {
            let before = |file: &File| before(file);
            plan.changes.push(Change::GenerateCertificate(Box::new(GenerateCertificate {
                path: self.path.clone(),
                key: self.key.clone(),
                wanted,
                new_key,
                reasons,
                ownership: self.ownership(None),
                key_ownership: self.ownership(Some(self.key_mode)),
                before: before(&found.file),
                key_before: before(&found.key),
                signer: signer.as_ref().map(|signer| Signer::clone(&signer.signer)),
                made: None,
            })));
            if new_key.is_none() {
                plan.changes.extend(self.key_permissions(&found));
            }
            self.remark(&current, new_key, &mut plan);
        }
        if let Some(signer) = &signer {
            signer.remark(self.renew_before, found.now, &mut plan);
        }
        plan.set("path", self.path.as_str());
        plan.set("key", self.key.as_str());
        plan.set("kind", serde_json::to_value(self.kind).unwrap_or_default());
        Ok(plan)
    }
}

impl GenerateCert {
    /// What is asked for, where its parts go together.
    fn wanted(&self) -> Result<WantedCertificate, PlanError> {
        use CertificateKind as Kind;
        let refuse = |message: &str, help: &str| Err(PlanError::new(message).help(help));
        let mut names = self.names.0.clone();
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        let is_ca = self.kind == Kind::Ca;
        if self.path == self.key {
            return refuse(
                "`path` and `key` are one file",
                "a key has a file of its own, which is handed on to nobody",
            );
        }
        if is_ca && self.name.is_none() {
            return refuse("a CA needs a `name`", "such as `name: Example Corp registry CA`");
        }
        if is_ca && !names.is_empty() {
            return refuse(
                "a CA has no `names`",
                "its own name is `name`; what it may sign for is bounded by `permitted`",
            );
        }
        if !is_ca && names.is_empty() {
            return refuse(
                "`names` is empty, and no engine since 20.10.8 accepts a certificate whose only name is the common name",
                "give every name and address under which images are pulled",
            );
        }
        if !is_ca && !self.permitted.0.is_empty() {
            return refuse("`permitted` bounds what a CA signs", "leave it out, or make a `ca`");
        }
        if is_ca && self.new_key {
            return refuse(
                "a CA keeps its key: with another one, nothing that it has signed would be trusted",
                "to begin anew, make another CA in other files, roll its anchor out, and then retire this one",
            );
        }
        self.mode()?;
        Ok(WantedCertificate {
            kind: self.kind,
            common_name: self.common_name(&names)?,
            organization: self.organization.clone(),
            names,
            permitted: self.permitted.0.clone(),
            days: self.days()?,
        })
    }

    fn mode(&self) -> Result<(), PlanError> {
        let mode = self.key_mode.to_string();
        if mode.ends_with('0') {
            return Ok(());
        }
        Err(PlanError::new(format!("`key_mode` {mode} lets everybody read or change the key"))
            .help("0600, or 0640 with a `group`"))
    }

    fn common_name(&self, names: &[San]) -> Result<Option<String>, PlanError> {
        if let Some(name) = &self.name {
            if name.chars().count() > LONGEST_COMMON_NAME || name.chars().any(char::is_control) {
                return Err(PlanError::new("`name` is longer than 64 characters, or has control characters"));
            }
            return Ok(Some(name.clone()));
        }
        let first = names.first().map(|name| match name {
            San::Dns(name) => name.clone(),
            San::Ip(address) => address.to_string(),
        });
        Ok(first.filter(|name| name.len() <= LONGEST_COMMON_NAME))
    }

    fn days(&self) -> Result<Option<u16>, PlanError> {
        let (default, most) = match self.kind {
            CertificateKind::Request => return Ok(None),
            CertificateKind::Ca => (CA_DAYS, 36500),
            _ => (SERVER_DAYS, LONGEST_SERVER_DAYS),
        };
        let days = self.days.unwrap_or(default);
        if days == 0 || days > most {
            return Err(PlanError::new(format!("`days` is {days}; it can be 1 to {most} here"))
                .help("a server's certificate is renewed by running the same task again"));
        }
        if self.renew_before >= days {
            return Err(PlanError::new(format!(
                "`renew_before` is {} and the certificate is valid for {days} days: it would be renewed at every run",
                self.renew_before
            ))
            .help("give more `days`, or a smaller `renew_before`"));
        }
        Ok(Some(days))
    }

    fn ownership(&self, mode: Option<Mode>) -> Ownership {
        Ownership { mode, owner: self.owner.clone(), group: self.group.clone() }
    }

    fn permissions(&self, found: &Found) -> Vec<Change> {
        let file = set_mode(&found.file, self.ownership(None));
        file.into_iter().chain(self.key_permissions(found)).collect()
    }

    fn key_permissions(&self, found: &Found) -> Option<Change> {
        set_mode(&found.key, self.ownership(Some(self.key_mode)))
    }

    /// What the reader ought to know of what is about to be made.
    fn remark(&self, current: &Current, new_key: Option<KeyType>, plan: &mut Plan) {
        match self.kind {
            CertificateKind::Ca if current.certificate().is_some() => {
                plan.warn("what trusts this CA has to be given its new certificate; what it has signed stays good, as its key and, where it is unchanged, its name stay");
            }
            CertificateKind::Ca if self.permitted.0.is_empty() => {
                plan.info("this CA may sign for every name: `permitted` bounds it to your own domains");
            }
            CertificateKind::SelfSigned => {
                plan.info("a self-signed certificate is its own anchor: each renewal has to be rolled out, and RHEL, SUSE and Arch take it in Docker's own store only");
            }
            _ => {}
        }
        if let (Some(_), Some(kind)) = (new_key, current.key_name()) {
            plan.warn(format!("the key in {} ({kind}) is overwritten", self.key));
        }
    }
}

fn before(file: &File) -> Option<Before> {
    match &file.kind {
        FileKind::File(attributes, Some(content)) => {
            Some(Before { content: Content::new(content.clone()), attributes: attributes.clone() })
        }
        _ => None,
    }
}

fn set_mode(file: &File, ownership: Ownership) -> Option<Change> {
    let FileKind::File(attributes, _) = &file.kind else { return None };
    let set = SetMode { path: file.path.clone(), before: attributes.clone(), ownership };
    (!set.ownership.holds(attributes)).then_some(Change::SetMode(set))
}

/// The content of a file that has to be a regular one; none where there is none.
fn content(file: &File) -> Result<Option<&[u8]>, PlanError> {
    match &file.kind {
        FileKind::Absent => Ok(None),
        FileKind::File(_, Some(content)) => Ok(Some(content)),
        FileKind::File(_, None) => Err(PlanError::new(format!("`{}` could not be read", file.path))),
        FileKind::Directory(_) | FileKind::Other => {
            Err(PlanError::new(format!("`{}` is no regular file", file.path)))
        }
    }
}
