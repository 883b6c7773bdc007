//! What is registered and said.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::certs::{Certificate, Path, Pin};
use crate::contract::{Plan, PlanError};
use crate::daemon_view::DaemonView;
use crate::stores::certs_d;
use crate::trouble::Trouble;

use super::found::{Found, Held, Place};
use super::judge::{self, Standing, standing_of};
use super::renewal::{self, Renewal};
use super::verdict::{Status, Verdict};
use super::{Expect, RegistryTrust, Seen};

/// The plan: it changes nothing.
pub fn plan(arguments: &RegistryTrust, seen: &Seen) -> Result<Plan, PlanError> {
    let report = Report { arguments, seen, standing: standing(arguments, seen) };
    let verdict = report.verdict();
    let mut plan = Plan { result: report.result(&verdict), ..Plan::default() };
    report.notes(&verdict, &mut plan);
    let accepted = matches!(verdict.status, Status::Trusted | Status::Insecure);
    if arguments.expect == Some(Expect::Accepted) && !accepted {
        let mut error = PlanError::new(format!("{}: {}", report.complaint(verdict.status), verdict.reason));
        error.help = verdict.next;
        error.result = Box::new(plan.result);
        return Err(error);
    }
    Ok(plan)
}

fn standing(arguments: &RegistryTrust, seen: &Seen) -> Option<Standing> {
    let chain = seen.chain.as_ref().ok()?;
    Some(judge::standing(&arguments.registry, chain, &seen.found))
}

/// All that a report is made from.
pub struct Report<'a> {
    pub arguments: &'a RegistryTrust,
    pub seen: &'a Seen,
    /// None where the chain is not known.
    pub standing: Option<Standing>,
}

impl Report<'_> {
    pub const fn found(&self) -> &Found {
        &self.seen.found
    }

    pub fn paths(&self) -> &[Path] {
        self.standing.as_ref().map_or(&[], Standing::paths)
    }

    pub fn daemon(&self) -> Option<DaemonView> {
        self.seen.daemon.as_ref().map(DaemonView::of)
    }

    fn result(&self, verdict: &Verdict) -> Map<String, Value> {
        let (found, registry) = (self.found(), &self.arguments.registry);
        let paths = self.paths();
        let leaf = self.seen.chain.as_ref().ok().and_then(|chain| chain.first());
        let until = renewal::until(paths);
        let renewal = Renewal::of(paths);
        let holds = found.holds(registry);
        let value = json!({
            "registry": registry.to_string(),
            "judged": if self.arguments.certificate.is_some() { "given" } else if leaf.is_some() { "served" } else { "nothing" },
            "served_error": self.seen.chain.as_ref().err(),
            "status": verdict.status.word(),
            "accepted": matches!(verdict.status, Status::Trusted | Status::Insecure),
            "reason": verdict.reason,
            "next": verdict.next,
            "leaf": leaf.map(|leaf| self.leaf(leaf)),
            "trusted_by": self.anchors(paths).iter().map(|(anchor, held)| self.anchor(anchor, held, leaf)).collect::<Vec<_>>(),
            "holds": grouped(&holds).iter().map(|(held, all)| self.anchor(held, all, leaf)).collect::<Vec<_>>(),
            "until": until.map(|certificate| instant(certificate.facts().not_after)),
            "ends_first": until.map(|certificate| certificate.facts().subject.clone()),
            "days": until.map(|certificate| self.days(certificate)),
            "expiring": until.is_some() && self.expiring(paths).is_some(),
            "renewal": renewal.map(|renewal| json!({
                "breaks": renewal.breaks(), "reason": renewal.word(), "why": renewal.why(),
            })),
            "restart": self.restart(),
            "insecure": found.insecure(registry),
            "image_store": found.containerd_store().map(|containerd| if containerd { "containerd" } else { "graphdriver" }),
            "daemon": self.daemon_json(),
            "msg": format!("{}: {}", self.said(verdict.status), verdict.reason),
        });
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    /// Why the daemon has to be restarted, or may have to be, before its files count.
    fn restart(&self) -> Option<String> {
        let owed = self.found().owed_for(&self.arguments.registry).map(|record| record.reason.clone());
        let pending = || match &self.standing {
            Some(Standing::Pending(paths)) => Some(self.pending(paths)),
            _ => None,
        };
        owed.or_else(pending)
    }

    fn leaf(&self, leaf: &Certificate) -> Value {
        let facts = leaf.facts();
        let names = facts.dns_names.iter().map(|name| format!("DNS:{name}"));
        let all: Vec<String> =
            names.chain(facts.ip_addresses.iter().map(|address| format!("IP:{address}"))).collect();
        json!({
            "subject": facts.subject,
            "issuer": facts.issuer,
            "sha256": Pin::of(leaf).to_string(),
            "not_after": instant(facts.not_after),
            "days": self.days(leaf),
            "san": all,
        })
    }

    fn anchor(&self, anchor: &Certificate, held: &[Held], leaf: Option<&Certificate>) -> Value {
        let facts = anchor.facts();
        let mut files: Vec<String> = Vec::new();
        for held in held {
            let dropped = if held.place == Place::System { self.found().dropped(anchor) } else { Vec::new() };
            for file in dropped.into_iter().chain([held.file.clone()]) {
                if !files.contains(&file) {
                    files.push(file);
                }
            }
        }
        let docker = held.iter().any(|held| held.place == Place::Docker);
        let place = if docker { Place::Docker } else { Place::System };
        json!({
            "subject": facts.subject,
            "sha256": Pin::of(anchor).to_string(),
            "kind": kind(anchor, leaf),
            "store": place.word(),
            "files": files,
            "not_after": instant(facts.not_after),
            "days": self.days(anchor),
        })
    }

    fn daemon_json(&self) -> Value {
        let (status, message) = match self.daemon() {
            Some(DaemonView::Reached(said)) => {
                ("trusted", format!("it reaches the registry, which says `{said}`"))
            }
            Some(DaemonView::Fault(said)) => {
                (if Trouble::of(&said).is_distrust() { "untrusted" } else { "failed" }, said)
            }
            Some(DaemonView::TooOld) => {
                ("not_asked", "it is older than 17.06 and cannot be asked without a pull".to_owned())
            }
            Some(DaemonView::NoDaemon) | None => ("not_asked", self.why_not_asked().to_owned()),
        };
        json!({"status": status, "message": message})
    }

    fn why_not_asked(&self) -> &'static str {
        let found = self.found();
        let registry = &self.arguments.registry;
        if found.process.running.is_none() {
            "no docker daemon runs: this is what one would trust"
        } else if found.info.is_none() {
            "it does not answer `GET /info`"
        } else if self.arguments.certificate.is_some() {
            "it can be asked only about what the registry serves"
        } else if found.insecure(registry).is_some() {
            "it judges no certificate of this registry"
        } else if found.owed_for(registry).is_some()
            || self.seen.chain.as_ref().is_ok_and(|chain| judge::system_is_pending(registry, chain, found))
        {
            "an anchor in the system's store waits for its restart, and the question would make it read that store"
        } else {
            "its files tell, and the question would make it read the system's store"
        }
    }

    fn said(&self, status: Status) -> String {
        let what =
            if self.arguments.certificate.is_some() { "the given certificate" } else { "the registry" };
        match status {
            Status::Trusted => format!("{what} is trusted"),
            Status::Untrusted => format!("{what} is not trusted"),
            Status::Insecure => format!("{what} is not judged"),
            Status::Unknown => format!("whether {what} is trusted is not known"),
        }
    }

    fn complaint(&self, status: Status) -> String {
        let registry = &self.arguments.registry;
        let what =
            if self.arguments.certificate.is_some() { "the given certificate" } else { "the certificate" };
        match status {
            Status::Unknown => format!("nothing proves that this host accepts {what} for `{registry}`"),
            _ => format!("this host does not accept {what} for `{registry}`"),
        }
    }

    fn notes(&self, verdict: &Verdict, plan: &mut Plan) {
        let (found, registry) = (self.found(), &self.arguments.registry);
        let line = format!("{}: {}", self.said(verdict.status), verdict.reason);
        if verdict.status == Status::Trusted {
            plan.info(line);
        } else {
            plan.warn(line);
        }
        if let Some(ends) = self.expiring(self.paths()) {
            plan.warn(format!(
                "`{}` ends on {}, in {} days, and trust with it",
                ends.facts().subject,
                ends.facts().not_after.date(),
                self.days(&ends)
            ));
        }
        if let Some(renewal) = Renewal::of(self.paths()) {
            let line = format!("renewal: {}", renewal.why());
            if renewal.breaks() == "no" {
                plan.info(line);
            } else {
                plan.warn(line);
            }
        }
        if let Some(DaemonView::Fault(said)) = self.daemon()
            && !Trouble::of(&said).is_distrust()
        {
            plan.warn(format!("the docker daemon could not prove it: `{said}`"));
        }
        for warning in self.warnings() {
            plan.warn(warning);
        }
        if found.name_is_known() == Some(false) {
            plan.warn(format!("this host does not resolve `{}`", registry.host()));
        }
    }

    /// What of the host is odd, and bears on the registry.
    fn warnings(&self) -> Vec<String> {
        let (found, registry) = (self.found(), &self.arguments.registry);
        let mut all: Vec<String> = Vec::new();
        let given = registry.to_string();
        for name in registry.certs_d_names() {
            for reader in judge::readers(found) {
                let Some(directory) = found.directory(&name, *reader) else { continue };
                all.extend(certs_d::faults(directory));
                all.extend(certs_d::hints(&found.certs_d, directory));
            }
            // Another spelling of the name is another directory for dockerd.
            if let (Ok(chain), Some(Standing::Trusted(_))) = (&self.seen.chain, &self.standing)
                && name != given
                && !matches!(standing_of(&name, registry, chain, found), Standing::Trusted(_))
            {
                all.push(format!("image names that spell it `{name}` are not trusted"));
            }
        }
        if let Some(own) = found.own_store() {
            all.push(format!("the docker daemon runs with `{own}`, in place of the system's store"));
        }
        all.extend(found.insecure_is_owed(registry).map(str::to_owned));
        let mut seen = Vec::new();
        all.retain(|text| {
            let new = !seen.contains(text);
            seen.push(text.clone());
            new
        });
        all
    }
}

/// Certificates, each with all places where it stands.
fn grouped(holds: &[Held]) -> Vec<(Certificate, Vec<Held>)> {
    let mut all: Vec<(Certificate, Vec<Held>)> = Vec::new();
    for held in holds {
        match all.iter_mut().find(|(known, _)| *known == held.certificate) {
            Some((_, places)) => places.push(held.clone()),
            None => all.push((held.certificate.clone(), vec![held.clone()])),
        }
    }
    all
}

fn kind(anchor: &Certificate, leaf: Option<&Certificate>) -> &'static str {
    let facts = anchor.facts();
    if leaf == Some(anchor) || (leaf.is_none() && !facts.is_ca) {
        "leaf"
    } else if facts.self_issued {
        "root"
    } else {
        "intermediate"
    }
}

fn instant(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}
