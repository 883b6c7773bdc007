//! `registry_check`: whether a registry answers, and who trusts it.

mod daemon;
mod outcome;

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arguments::{Listed, filled};
use crate::certs::{self, Pem, RegistryHost};
use crate::contract::{
    AskDistribution, AskError, AskHostCheck, AskHttp, AskInfo, AskResolve, Blame, DaemonInfo, Distribution,
    Host, HostCheck, HttpAnswer, HttpTrust, Module, Plan, PlanError, Probe, Resolved, Touches,
};
use crate::platform::{self, Daemon};
use outcome::{Outcome, Viewpoint};

/// Asks a registry `GET /v2/` from where it matters and says who trusts it: the controller, the host's own programs (by
/// its curl, which reads the system's store), and the docker daemon (by its own request to the registry; where images are
/// in containerd's store, which reads certificates more strictly, by a pull of what does not exist as well). 200 and 401
/// both mean that the registry is alive and its certificate accepted: `UNAUTHORIZED` is a registry's way of saying hello,
/// and `curl: (60)` means that nothing in the system's store vouches for it. It reads only; where the answer is not the
/// expected one, it fails, says in one sentence what is the matter (an unknown issuer, another name, a time that is over,
/// plain HTTP, a name that does not resolve, a refused connection, a proxy between, something else behind the port) and
/// what to do.
///
/// It registers `controller`, `host`, `daemon` and `resolver` (each with `status`: `trusted`, `untrusted`, `insecure`, `alive`,
/// `failed` or `skipped`, and `message`; null where it was not asked for).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryCheck {
    /// The registry, as image references name it: `HOST` or `HOST:PORT`.
    registry: RegistryHost,
    /// From where: `controller`, `host`, `daemon`, or `resolver` (whether the host itself resolves the name, as its daemon
    /// has to). A list, or text with commas. Default: the first three.
    #[serde(default)]
    from: Listed<Viewpoint>,
    /// The certificates (PEM) by which the controller judges the registry, such as `anchors` of `fetch_cert`. Default:
    /// none; the controller then sees only whether the registry is alive.
    #[serde(default, deserialize_with = "filled")]
    trust: Option<Pem>,
    /// Whether the daemon shall have the registry among its insecure ones: its certificate, if there is one, is then not
    /// judged. Default: false.
    #[serde(default)]
    insecure: bool,
    /// Whether the host and its daemon shall trust the registry: `trusted` or `untrusted`. Default: `trusted`.
    #[serde(default)]
    expect: Expect,
}

/// What is expected of the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// It trusts the registry.
    #[default]
    Trusted,
    /// It does not.
    Untrusted,
}

/// What was seen, from each viewpoint that was asked.
pub struct Seen {
    controller: Option<Result<HttpAnswer, String>>,
    host: Option<HostCheck>,
    /// The same in plain HTTP, for an insecure registry.
    plain: Option<HostCheck>,
    daemon: Option<Distribution>,
    info: Option<DaemonInfo>,
    resolver: Option<Resolved>,
}

impl Module for RegistryCheck {
    const NAME: &'static str = "registry_check";
    const EXAMPLE: &'static str = "- registry_check:\n    registry: dtr.example.com:5000\n    trust: \"{{ fetched.anchors }}\"\n    from: [controller, daemon]\n";
    const TOUCHES: Touches = Touches::Nothing;
    type State = Seen;

    fn probe(&self, host: &Host) -> Probe<Seen> {
        let registry = || self.registry.clone();
        let on_host = |viewpoint| self.looks_from(viewpoint) && !host.facts.sandbox;
        let trust = match &self.trust {
            Some(Pem(anchors)) if !self.insecure => {
                HttpTrust::Anchors(anchors.iter().map(certs::encode).collect())
            }
            _ => HttpTrust::Insecure,
        };
        let curl = |plain| AskHostCheck { registry: registry(), plain };
        let from_host = on_host(Viewpoint::Host);
        let from_daemon = on_host(Viewpoint::Daemon);
        optional(self.looks_from(Viewpoint::Controller), || {
            Probe::ask(AskHttp { registry: registry(), trust })
        })
        .zip(optional(from_host, || Probe::ask(curl(false))))
        .zip(optional(from_host && self.insecure, || Probe::ask(curl(true))))
        .zip(optional(from_daemon, || Probe::ask(AskDistribution { registry: registry() })))
        .zip(optional(from_daemon, || Probe::ask(AskInfo)))
        .zip(optional(on_host(Viewpoint::Resolver), || {
            Probe::ask(AskResolve { host: self.registry.host().to_owned() })
        }))
        .and_then(|(((((controller, host), plain), daemon), info), resolver)| {
            let info = info.flatten();
            if info.as_ref().is_some_and(|info| info.fresh) {
                let reason = "the daemon has yet to read its configuration again".to_owned();
                return Probe::refuse(AskError::Unknown(reason));
            }
            Probe::ready(Seen { controller, host, plain, daemon, info, resolver })
        })
    }

    fn plan(&self, host: &Host, seen: Seen) -> Result<Plan, PlanError> {
        if self.looks_from(Viewpoint::Daemon) {
            Daemon::of(host)?;
        }
        let outcomes: Vec<(Viewpoint, Outcome)> =
            self.viewpoints().iter().map(|&from| (from, self.outcome(from, host, &seen))).collect();
        let mut result = serde_json::Map::new();
        for viewpoint in Viewpoint::ALL {
            let outcome = outcomes.iter().find(|(from, _)| *from == viewpoint).map(|(_, outcome)| outcome);
            result.insert(viewpoint.word().to_owned(), outcome.map_or(Value::Null, Outcome::json));
        }
        result.insert("registry".to_owned(), json!(self.registry.to_string()));
        let failed: Vec<_> =
            outcomes.iter().filter(|(from, outcome)| !self.expected(*from, outcome)).collect();
        if failed.is_empty() {
            return Ok(self.report(&outcomes, &seen, result));
        }
        let lines = failed.iter().map(|(from, outcome)| self.complaint(*from, outcome));
        let mut error = PlanError::new(lines.collect::<Vec<_>>().join("; "));
        if failed.iter().any(|(from, _)| *from == Viewpoint::Daemon) {
            error.blame = Blame::UnlessOwed;
        }
        let mut helps: Vec<String> = Vec::new();
        for (_, outcome) in failed {
            helps.extend(outcome.help(self).filter(|help| !helps.contains(help)));
        }
        error.help = (!helps.is_empty()).then(|| helps.join("; "));
        error.result = Box::new(result);
        Err(error)
    }
}

impl RegistryCheck {
    fn viewpoints(&self) -> &[Viewpoint] {
        if self.from.0.is_empty() { &Viewpoint::DEFAULT } else { &self.from.0 }
    }

    fn looks_from(&self, viewpoint: Viewpoint) -> bool {
        self.viewpoints().contains(&viewpoint)
    }

    fn outcome(&self, from: Viewpoint, host: &Host, seen: &Seen) -> Outcome {
        if host.facts.sandbox && from != Viewpoint::Controller {
            return Outcome::Skipped("a sandbox has neither programs nor a docker daemon".to_owned());
        }
        match from {
            Viewpoint::Controller => match &seen.controller {
                Some(answer) => Outcome::of_controller(self, answer),
                None => Outcome::not_asked(),
            },
            Viewpoint::Host if self.left_out(host) => Outcome::Skipped(
                "the system's store takes CAs alone, so docker alone trusts this certificate".to_owned(),
            ),
            Viewpoint::Host => match &seen.host {
                Some(check) => Outcome::of_host(self, check, seen.plain.as_ref()),
                None => Outcome::not_asked(),
            },
            Viewpoint::Resolver => match &seen.resolver {
                Some(answer) => Outcome::of_resolver(self, answer),
                None => Outcome::not_asked(),
            },
            Viewpoint::Daemon => match &seen.daemon {
                Some(answer) => daemon::outcome(self, answer, seen.info.as_ref()),
                None => Outcome::not_asked(),
            },
        }
    }

    /// Whether no certificate that is to be trusted can enter the system's store, so that its programs cannot trust it.
    fn left_out(&self, host: &Host) -> bool {
        let Some(Pem(anchors)) = self.trust.as_ref().filter(|_| !self.insecure) else { return false };
        let row = platform::of(&host.facts);
        self.expect == Expect::Trusted
            && row.is_some_and(|row| anchors.iter().all(|anchor| row.leaves_out(anchor)))
    }

    /// Whether this is what is wanted. The controller's view is of the registry, not of the host's trust.
    fn expected(&self, from: Viewpoint, outcome: &Outcome) -> bool {
        let untrusted = self.expect == Expect::Untrusted;
        match outcome {
            Outcome::Skipped(_) | Outcome::Alive(_) => true,
            // A registry that is gone is no reason to keep a host from forgetting it.
            Outcome::Failed { away, .. } => *away && untrusted,
            Outcome::Insecure(_) => !untrusted,
            Outcome::Trusted(_) => from == Viewpoint::Controller || !untrusted,
            Outcome::Untrusted { .. } => from != Viewpoint::Controller && untrusted,
        }
    }

    fn complaint(&self, from: Viewpoint, outcome: &Outcome) -> String {
        let registry = &self.registry;
        match outcome {
            Outcome::Trusted(why) if self.expect == Expect::Untrusted => {
                format!("{} still trusts `{registry}`: {why}", from.name())
            }
            outcome => format!("{}: {}", from.name(), outcome.message()),
        }
    }

    fn report(
        &self,
        outcomes: &[(Viewpoint, Outcome)],
        seen: &Seen,
        result: serde_json::Map<String, Value>,
    ) -> Plan {
        let mut plan = match outcomes {
            [(_, Outcome::Skipped(why)), rest @ ..]
                if rest.iter().all(|(_, outcome)| matches!(outcome, Outcome::Skipped(_))) =>
            {
                Plan::skip(why.clone())
            }
            _ => Plan::default(),
        };
        plan.result = result;
        for (from, outcome) in outcomes {
            let line = format!("{}: {}", from.name(), outcome.message());
            match outcome {
                Outcome::Skipped(_) if plan.skipped.is_some() => {}
                Outcome::Skipped(_) | Outcome::Failed { .. } => plan.warn(format!("{line}; not checked")),
                Outcome::Insecure(_) if !self.insecure => plan.warn(format!(
                    "{line}: this proves no trust; playbooks/insecure-registry.yml with `-e state=absent` takes it out"
                )),
                _ => plan.info(line),
            }
        }
        if let Some(Ok(answer)) = &seen.controller
            && answer.api_version.is_none()
        {
            plan.warn(format!(
                "`{}` sends no `docker-distribution-api-version`: a proxy in between may drop it, or it is no registry",
                self.registry
            ));
        }
        plan
    }
}

fn optional<T: Send + 'static>(wanted: bool, probe: impl FnOnce() -> Probe<T>) -> Probe<Option<T>> {
    if wanted { probe().map(Some) } else { Probe::ready(None) }
}
