//! What is to be said of a host, and what to do about it.

use crate::certs::{Certificate, Path};
use crate::daemon_view::DaemonView;
use crate::trouble::Trouble;

use super::found::{Held, Place};
use super::judge::{self, Standing};
use super::renewal::{self, Renewal};
use super::report::Report;

/// What is to be said of a host.
pub struct Verdict {
    pub status: Status,
    pub reason: String,
    pub next: Option<String>,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Trusted,
    Untrusted,
    Insecure,
    Unknown,
}

impl Status {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Untrusted => "untrusted",
            Self::Insecure => "insecure",
            Self::Unknown => "unknown",
        }
    }
}

impl Report<'_> {
    pub fn verdict(&self) -> Verdict {
        let found = self.found();
        if let Some(entry) = found.insecure(&self.arguments.registry) {
            return Verdict {
                status: Status::Insecure,
                reason: format!("the daemon has `{entry}` among its insecure registries and judges no certificate of it"),
                next: Some(
                    "install its anchor (playbooks/trust-registry.yml), then take the entry out (playbooks/insecure-registry.yml with `-e state=absent`)"
                        .to_owned(),
                ),
            };
        }
        if let Some(DaemonView::Fault(said)) = self.daemon() {
            let trouble = Trouble::of(&said);
            if trouble.is_distrust() || trouble == Trouble::CertsD {
                return self.contradicted(&said, trouble);
            }
        }
        match &self.standing {
            Some(standing) => self.by_files(standing),
            None => self.without_a_chain(),
        }
    }

    /// The daemon's own word counts, whatever its files say.
    fn contradicted(&self, said: &str, trouble: Trouble) -> Verdict {
        let files = matches!(self.standing, Some(Standing::Trusted(_)));
        let although = if files { ", although its files vouch for what the controller sees" } else { "" };
        let next = if files && trouble == Trouble::UnknownAuthority {
            "the daemon may see another certificate than the controller: look for a proxy or another address between (`getent hosts`, HTTPS_PROXY of the daemon)".to_owned()
        } else {
            trouble.help(&self.arguments.registry)
        };
        Verdict {
            status: Status::Untrusted,
            reason: format!("the daemon refuses it{although}: `{said}`"),
            next: Some(next),
        }
    }

    fn by_files(&self, standing: &Standing) -> Verdict {
        let registry = &self.arguments.registry;
        let verdict = |status, reason, next| Verdict { status, reason, next };
        match standing {
            Standing::Trusted(paths) => {
                verdict(Status::Trusted, self.vouched(paths), self.renewal_help(paths))
            }
            Standing::Pending(paths) => verdict(Status::Unknown, self.pending(paths), Some(self.pay())),
            _ if self.found().owed_for(registry).is_some() => {
                let reason = self.found().owed_for(registry).map(|record| record.reason.clone());
                verdict(
                    Status::Unknown,
                    format!(
                        "its files do not vouch for it, and the daemon has to be restarted: {}",
                        reason.unwrap_or_default()
                    ),
                    Some(self.pay()),
                )
            }
            Standing::Undecided(_) if matches!(self.daemon(), Some(DaemonView::Reached(_))) => {
                verdict(Status::Trusted, "the daemon reaches it, by what `hosts.toml` names".to_owned(), None)
            }
            Standing::Undecided(why) => {
                verdict(Status::Unknown, why.clone(), Some("try a pull on the host".to_owned()))
            }
            Standing::Broken(fault) => verdict(
                Status::Untrusted,
                format!("a file breaks the daemon's reader: {fault}"),
                Some("remove or repair that file: dtrctl leaves what is not its own alone".to_owned()),
            ),
            Standing::Refused(refusal) => {
                let help = Trouble::of(&refusal.to_string()).help(registry);
                verdict(Status::Untrusted, refusal.with_note(), Some(help))
            }
        }
    }

    fn without_a_chain(&self) -> Verdict {
        let why = self.seen.chain.as_ref().err().map_or("", String::as_str);
        let registry = &self.arguments.registry;
        let holds = self.found().holds(registry);
        if matches!(self.daemon(), Some(DaemonView::Reached(_))) {
            return Verdict {
                status: Status::Trusted,
                reason: "the daemon reaches it and accepts its certificate, which the controller cannot see"
                    .to_owned(),
                next: None,
            };
        }
        let held = if holds.is_empty() {
            "nothing is installed for it".to_owned()
        } else {
            "see what is installed for it".to_owned()
        };
        Verdict {
            status: Status::Unknown,
            reason: format!("the certificate that it serves is not known ({why}); {held}"),
            next: Some(format!(
                "with its certificate in a file, `dtrctl cert check FILE --for {registry}` tells without it; else: {}",
                Trouble::of(why).help(registry)
            )),
        }
    }

    fn vouched(&self, paths: &[Path]) -> String {
        let anchors = self.anchors(paths);
        let word = |(anchor, held): &(Certificate, Vec<Held>)| {
            let store = if held.iter().any(|held| held.place == Place::Docker) {
                "Docker's store"
            } else {
                "the system's store"
            };
            format!("`{}` in {store}", anchor.facts().subject)
        };
        format!("{} vouches for it", anchors.iter().map(word).collect::<Vec<_>>().join(" and "))
    }

    pub fn pending(&self, paths: &[Path]) -> String {
        let anchors = self.anchors(paths);
        let name = anchors.first().map(|(anchor, _)| anchor.facts().subject.clone()).unwrap_or_default();
        let because = match self.found().owed_for(&self.arguments.registry) {
            Some(record) => format!("a restart is owed: {}", record.reason),
            None => "that store has been written since the daemon started, which reads it once in its life"
                .to_owned(),
        };
        format!("`{name}` stands in the system's store alone, and the daemon may not have read it: {because}")
    }

    fn pay(&self) -> String {
        format!(
            "restart the daemon (playbooks/trust-registry.yml with `-e registry={} -e stores=system -e restart=true`), or install the anchor in Docker's store (`-e stores=docker`), where it counts at once",
            self.arguments.registry
        )
    }

    fn renewal_help(&self, paths: &[Path]) -> Option<String> {
        let renewal = Renewal::of(paths)?;
        match self.expiring(paths) {
            Some(ends) => Some(format!(
                "`{}` ends on {}: {}",
                ends.facts().subject,
                ends.facts().not_after.date(),
                renewal.help().unwrap_or("renew it: what vouches for it stays good")
            )),
            None => renewal.help().map(str::to_owned),
        }
    }

    /// What ends soon, and trust with it.
    pub fn expiring(&self, paths: &[Path]) -> Option<Certificate> {
        let first = renewal::until(paths)?;
        (self.days(first) < i64::from(self.arguments.expires_within)).then(|| first.clone())
    }

    pub fn days(&self, certificate: &Certificate) -> i64 {
        (certificate.facts().not_after - self.found().now).whole_days()
    }

    /// The anchors of accepted ways, and where each stands.
    pub fn anchors(&self, paths: &[Path]) -> Vec<(Certificate, Vec<Held>)> {
        let registry = &self.arguments.registry;
        let found = self.found();
        let name = registry.to_string();
        let readers = judge::readers(found);
        let mut local: Vec<Held> = Vec::new();
        for held in readers.iter().flat_map(|reader| found.docker(&name, *reader)) {
            if !local.iter().any(|known| known.file == held.file && known.certificate == held.certificate) {
                local.push(held);
            }
        }
        let mut all: Vec<(Certificate, Vec<Held>)> = Vec::new();
        for anchor in paths.iter().map(Path::anchor) {
            if all.iter().any(|(known, _)| known == anchor) {
                continue;
            }
            let holds = local.iter().chain(&found.system).filter(|held| held.certificate == *anchor);
            all.push((anchor.clone(), holds.cloned().collect()));
        }
        all
    }
}
