//! Seals: digests of what a change will run, by which an applied plan is held to the reviewed one.
//!
//! A seal covers the call with all that it is given, the change as data, who makes it and where. It is a plain digest, so
//! that anyone can compare; where a secret is in it, it is a keyed one.

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use modules::{Arg, Before, Change, Content, Replaced, digest};
use serde_json::Value;

use super::key::{Key, KeyFile};
use crate::event::Sealed;
use crate::vault;

/// Before a digest that anyone can make.
const PLAIN: &str = "sha256:";
/// Before a digest for which the key is needed.
pub const KEYED: &str = "hmac-sha256:";
/// Where nothing is.
pub const ABSENT: &str = "absent";
/// A variable of the command line that is shorter than this stands in every other text.
const SHORTEST: usize = 4;

/// Who makes a change, and where.
#[derive(Debug, Clone, Copy)]
pub struct Maker<'a> {
    /// The user of the host; none for the one of the login.
    pub user: Option<&'a str>,
    /// The host that does it in another's stead.
    pub site: Option<&'a str>,
    /// Whether its values are secrets.
    pub no_log: bool,
}

/// Makes seals.
pub struct Sealer {
    file: KeyFile,
    key: OnceLock<Result<Key, String>>,
    /// Variables of the command line, which would stand in a plan.
    given: Vec<(String, String)>,
    /// Those of them that were found in a secret.
    found: Mutex<BTreeSet<String>>,
}

impl Sealer {
    /// A sealer with the key of this file, which is made where one is needed first. The variables are those that the command
    /// line gives as they are.
    #[must_use]
    pub fn new(file: KeyFile, given: Vec<(String, String)>) -> Self {
        Self { file, key: OnceLock::new(), given, found: Mutex::default() }
    }

    /// The name of the key; none where none was needed.
    ///
    /// # Errors
    /// One was needed, and there is none.
    pub fn key_name(&self) -> Result<Option<String>, String> {
        match self.key.get() {
            None => Ok(None),
            Some(Ok(key)) => Ok(Some(key.name())),
            Some(Err(why)) => Err(why.clone()),
        }
    }

    /// The variables of the command line whose values are in secrets.
    #[must_use]
    pub fn secrets_given(&self) -> Vec<String> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The seal of a change.
    #[must_use]
    pub fn seal(&self, change: &Change, maker: Maker<'_>) -> Sealed {
        let material = material(change, maker);
        let secret = maker.no_log || holds_secret(change);
        if secret {
            self.look_for_given(&material);
        }
        let ends = ends(change);
        let end = |end: Option<End<'_>>| {
            end.map(|end| match end {
                End::Bytes(content) => self.digest(&content.bytes, secret || is_secret(content)),
                // What is known by its digest alone is kept from whoever could try out what it is a digest of.
                End::Digest(known) if secret => self.digest(known.as_bytes(), true),
                End::Digest(known) => format!("{PLAIN}{known}"),
                End::Absent => ABSENT.to_owned(),
                End::Link(_) if secret => "link".to_owned(),
                End::Link(target) => format!("link to {target}"),
            })
        };
        let (from, to) = (end(ends.0), end(ends.1));
        Sealed { seal: self.digest(&material, secret), from, to }
    }

    fn digest(&self, bytes: &[u8], secret: bool) -> String {
        if !secret {
            return format!("{PLAIN}{}", digest(bytes));
        }
        match self.key.get_or_init(|| self.file.read_or_make()) {
            Ok(key) => format!("{KEYED}{}", key.digest(bytes)),
            // Nothing is saved or applied by it: `key_name` says why.
            Err(_) => "none".to_owned(),
        }
    }

    fn look_for_given(&self, material: &[u8]) {
        for (name, value) in self.given.iter().filter(|(_, value)| value.len() >= SHORTEST) {
            if material.windows(value.len()).any(|window| window == value.as_bytes()) {
                self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
            }
        }
    }
}

/// All that decides what a change does, each part with its length, so that none can pass for two.
fn material(change: &Change, maker: Maker<'_>) -> Vec<u8> {
    let mut all = Vec::new();
    let mut add = |kind: &str, bytes: &[u8]| {
        all.extend_from_slice(format!("{kind} {}\n", bytes.len()).as_bytes());
        all.extend_from_slice(bytes);
    };
    add("as", maker.user.unwrap_or_default().as_bytes());
    add("at", maker.site.unwrap_or_default().as_bytes());
    add("change", without_reasons(change).to_string().as_bytes());
    if let Some(call) = change.call() {
        add("call", call.function.as_bytes());
        for arg in &call.args {
            match arg {
                Arg::Path(path) => add("path", path.as_str().as_bytes()),
                Arg::Word(word) => add("word", word.as_bytes()),
                Arg::Bytes(bytes) => add("bytes", bytes),
                Arg::Number(number) => add("number", &number.to_be_bytes()),
            }
        }
    }
    contents(change).into_iter().for_each(|content| add("content", &content.bytes));
    all
}

/// The change as data. Why it is made is told by what else there is, in words that may differ from day to day.
fn without_reasons(change: &Change) -> Value {
    let mut data = serde_json::to_value(change).unwrap_or_default();
    if let Some(data) = data.as_object_mut() {
        data.shift_remove("reason");
        data.shift_remove("reasons");
    }
    data
}

/// The contents that a change holds, old ones and new ones.
fn contents(change: &Change) -> Vec<&Content> {
    fn old(before: Option<&Before>) -> Option<&Content> {
        before.map(|before| &before.content)
    }
    match change {
        Change::WriteFile(write) => old(write.before.as_ref()).into_iter().chain([&write.content]).collect(),
        Change::Remove(remove) => vec![&remove.before.content],
        Change::BackUp(copy) => vec![&copy.before.content],
        Change::MakeLink(link) => match &link.before {
            Replaced::File(before) => vec![&before.content],
            _ => Vec::new(),
        },
        Change::ReplaceRegistryTls(replace) => {
            let (certificate, key) = (&replace.certificate, &replace.key);
            old(certificate.before.as_ref()).into_iter().chain([&certificate.content, &key.content]).collect()
        }
        Change::SetDtrTls(set) => {
            [set.before.as_ref(), Some(&set.certificate), Some(&set.key), set.ca.as_ref()]
                .into_iter()
                .flatten()
                .collect()
        }
        Change::GenerateCertificate(generate) => {
            let signer = generate.signer.as_ref().map(|signer| &signer.key);
            old(generate.before.as_ref())
                .into_iter()
                .chain(old(generate.key_before.as_ref()))
                .chain(signer)
                .collect()
        }
        Change::Own(own) => vec![&own.before, &own.after],
        Change::Request(request) => request.request.body.iter().collect(),
        Change::Run(run) => run.script.iter().map(|script| &script.content).collect(),
        _ => Vec::new(),
    }
}

/// Whether a reader of a plan must not be able to try out what is in a change.
fn holds_secret(change: &Change) -> bool {
    let asks = match change {
        Change::ReplaceRegistryTls(_) | Change::SetDtrTls(_) | Change::GenerateCertificate(_) => true,
        Change::Request(request) => request.request.user.is_some() || !request.request.headers.is_empty(),
        Change::Download(download) => download.request.user.is_some() || !download.request.headers.is_empty(),
        _ => false,
    };
    let in_url = |request: &modules::Request| modules::Request::shown(&request.url) != request.url;
    let address = match change {
        Change::Request(request) => in_url(&request.request),
        Change::Download(download) => in_url(&download.request),
        _ => false,
    };
    let in_call = || {
        change.call().is_some_and(|call| {
            call.args.into_iter().any(|arg| match arg {
                Arg::Word(word) => is_secret(&Content::new(word.into_bytes())),
                Arg::Bytes(bytes) => is_secret(&Content::new(bytes)),
                Arg::Path(path) => is_masked(path.as_str()),
                Arg::Number(_) => false,
            })
        })
    };
    asks || address || contents(change).into_iter().any(is_secret) || in_call()
}

fn is_secret(content: &Content) -> bool {
    content.is_secret() || std::str::from_utf8(&content.bytes).is_ok_and(is_masked)
}

fn is_masked(text: &str) -> bool {
    matches!(vault::masked(text), std::borrow::Cow::Owned(_))
}

/// What is at one end of a change.
enum End<'a> {
    Bytes(&'a Content),
    Digest(&'a str),
    Absent,
    Link(&'a str),
}

/// What a change starts from and leads to, where that is one thing.
fn ends(change: &Change) -> (Option<End<'_>>, Option<End<'_>>) {
    fn was(before: Option<&Before>) -> End<'_> {
        before.map_or(End::Absent, |before| End::Bytes(&before.content))
    }
    match change {
        Change::WriteFile(write) => {
            let from = match &write.over_link {
                Some(target) => Some(End::Link(target)),
                None => Some(was(write.before.as_ref())),
            };
            (from, Some(End::Bytes(&write.content)))
        }
        Change::Remove(remove) => (Some(was(Some(&remove.before))), Some(End::Absent)),
        Change::RemoveLink(remove) => (Some(End::Link(&remove.target)), Some(End::Absent)),
        Change::RemoveTree(remove) => (Some(End::Digest(&remove.digest)), Some(End::Absent)),
        Change::RemoveOther(_) | Change::RemoveDir(_) => (None, Some(End::Absent)),
        Change::MakeLink(link) => {
            let from = match &link.before {
                Replaced::Nothing => Some(End::Absent),
                Replaced::Link(target) => Some(End::Link(target)),
                Replaced::File(before) => Some(was(Some(before))),
                Replaced::Directory => None,
            };
            (from, (!link.hard).then_some(End::Link(&link.target)))
        }
        Change::BackUp(copy) => (Some(was(Some(&copy.before))), None),
        Change::ReplaceRegistryTls(replace) => {
            let file = &replace.certificate;
            (Some(was(file.before.as_ref())), Some(End::Bytes(&file.content)))
        }
        Change::SetDtrTls(set) => {
            (Some(set.before.as_ref().map_or(End::Absent, End::Bytes)), Some(End::Bytes(&set.certificate)))
        }
        Change::GenerateCertificate(generate) => (Some(was(generate.before.as_ref())), None),
        Change::Own(own) => (Some(End::Bytes(&own.before)), Some(End::Bytes(&own.after))),
        Change::Download(download) => {
            (Some(download.before.as_ref().map_or(End::Absent, |(_, sum)| End::Digest(sum))), None)
        }
        _ => (None, None),
    }
}
