//! `fetch_cert`: a registry's certificate, proven to be its own.

use schemars::JsonSchema;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::arguments::{Listed, filled};
use crate::certs::{
    self, Certificate, Choice, ChooseError, Fault, Pin, Proof, Proven, RegistryHost, Scope, Served, Warning,
};
use crate::contract::{
    AskHttp, AskLocalFile, AskLockedPin, AskNow, AskTls, Change, Host, HttpTrust, LockedPin, Module, Plan,
    PlanError, Probe, RecordPin, ServedChain, Touches,
};
use crate::trouble::Trouble;

/// Fetches the chain that a registry sends, from the controller, and says which certificate of it to install, once
/// something proves that it is the registry's: a pin, its root, or, where that is permitted, the first sight of it. The
/// chain is judged as dockerd judges it. No host is asked or touched.
///
/// It registers, of the registry's own certificate, `fingerprint`, `subject`, `issuer`, `not_after` and `san`; `anchors`
/// (PEM, for `install_anchor`), their `pins` and `chain` (PEM, as sent); `proven` (`pin`, `ca`, `lock` or `first_use`),
/// `first_use`, `warnings`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FetchCert {
    /// The registry, as image references name it: `HOST` or `HOST:PORT`; port 443 where none is given.
    registry: RegistryHost,
    /// Fingerprints (`sha256:`) or keys (`spki:`), one of which has to lie on the verified path from the registry's own
    /// certificate. One, a list, or text with commas. Default: none.
    #[serde(default)]
    pin: Listed<Pin>,
    /// A file of the controller with the registry's root, and with intermediates that it does not send (PEM); a relative
    /// path begins at the playbook's directory. It suffices without a pin. Default: none.
    #[serde(default, deserialize_with = "filled")]
    ca: Option<String>,
    /// Whether to believe the registry at first sight, where neither pin nor root is given, and to record its certificate
    /// in `dtrctl.lock`; another one is refused from then on. Default: false.
    #[serde(default)]
    trust_on_first_use: bool,
    /// Whether the registry's own certificate may be the anchor though a CA has signed it: for Docker's store only, and to
    /// be rolled out again at every renewal. Default: false.
    #[serde(default)]
    leaf_alone: bool,
    /// Whether a certificate that names the host in its common name alone is taken: only engines 19.03 and 20.10.0 to
    /// 20.10.7 accept one. Default: false.
    #[serde(default)]
    allow_common_name: bool,
}

/// What was seen.
pub struct Seen {
    now: OffsetDateTime,
    served: Result<ServedChain, String>,
    plain: bool,
    ca: Option<Vec<u8>>,
    locked: Option<LockedPin>,
}

impl Module for FetchCert {
    const NAME: &'static str = "fetch_cert";
    const EXAMPLE: &'static str = "- fetch_cert:\n    registry: dtr.example.com:5000\n    pin: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n  register: fetched\n";
    const TOUCHES: Touches = Touches::Nothing;
    type State = Seen;

    fn probe(&self, _host: &Host) -> Probe<Seen> {
        let registry = self.registry.clone();
        let ca = match self.ca.clone() {
            Some(path) => Probe::ask(AskLocalFile::new(path)).map(Some),
            None => Probe::ready(None),
        };
        let served = Probe::ask(AskTls { registry: registry.clone() });
        let locked = Probe::ask(AskLockedPin { registry: registry.clone() });
        served.zip(Probe::ask(AskNow)).zip(ca).zip(locked).and_then(move |(((served, now), ca), locked)| {
            let seen = Seen { now, served, plain: false, ca, locked };
            if seen.served.is_ok() {
                return Probe::ready(seen);
            }
            // No TLS: does it speak plain HTTP?
            Probe::ask(AskHttp { registry, trust: HttpTrust::Insecure })
                .map(move |answer| Seen { plain: answer.is_ok_and(|answer| answer.plain), ..seen })
        })
    }

    fn plan(&self, _host: &Host, seen: Seen) -> Result<Plan, PlanError> {
        let chain = self.chain(&seen)?;
        let (basis, proof) = self.proof(&seen)?;
        let served = Served { host: self.registry.clone(), chain };
        let chosen = certs::choose(&served, &proof, seen.now);
        // Nobody shall compare fingerprints of a certificate that its name rules out.
        if matches!(chosen, Ok(_) | Err(ChooseError::Unproven { .. })) {
            self.check_name(&served)?;
        }
        let choice = chosen.map_err(|error| self.refusal(&error, &basis))?;
        self.report(&served, &choice, &basis, &proof)
    }
}

/// Where the proof comes from.
enum Basis {
    Pin,
    Ca,
    Lock(LockedPin),
    FirstUse,
}

impl Basis {
    const fn name(&self) -> &'static str {
        match self {
            Self::Pin => "pin",
            Self::Ca => "ca",
            Self::Lock(_) => "lock",
            Self::FirstUse => "first_use",
        }
    }
}

impl FetchCert {
    fn chain(&self, seen: &Seen) -> Result<Vec<Certificate>, PlanError> {
        let registry = &self.registry;
        let served = match &seen.served {
            Ok(served) => served,
            Err(_) if seen.plain => {
                return Err(PlanError::new(format!(
                    "`{registry}` answers in plain HTTP and shows no certificate"
                ))
                .help(Trouble::Plain.help(registry)));
            }
            Err(why) => {
                return Err(PlanError::new(format!("`{registry}` shows no certificate: {why}"))
                    .help(Trouble::of(why).help(registry)));
            }
        };
        let read = |(at, der): (usize, &Vec<u8>)| {
            Certificate::from_der(der).map_err(|error| {
                PlanError::new(format!("certificate {} that `{registry}` sends cannot be read: {error}", at + 1))
                    .help("repair the registry's certificate file: its own certificate first, then the intermediates")
            })
        };
        served.certificates.iter().enumerate().map(read).collect()
    }

    /// What is known beforehand: what is given counts, else the lock, else the permission.
    fn proof(&self, seen: &Seen) -> Result<(Basis, Proof), PlanError> {
        let roots = match (&seen.ca, &self.ca) {
            (Some(bytes), Some(path)) => certs::read(bytes).map_err(|error| {
                PlanError::new(format!("`{path}`: {error}"))
                    .help("give a PEM file with the root's certificate as `ca`")
            })?,
            _ => Vec::new(),
        };
        let mut proof =
            Proof { pins: self.pin.0.clone(), roots, first_use: false, leaf_alone: self.leaf_alone };
        if !proof.roots.is_empty() {
            return Ok((Basis::Ca, proof));
        }
        if !proof.pins.is_empty() {
            return Ok((Basis::Pin, proof));
        }
        let Some(locked) = &seen.locked else {
            proof.first_use = self.trust_on_first_use;
            return Ok((Basis::FirstUse, proof));
        };
        let pin = locked.pin.parse().map_err(|error| PlanError::new(format!("{}: {error}", locked.place)))?;
        proof.pins.push(pin);
        Ok((Basis::Lock(locked.clone()), proof))
    }

    fn refusal(&self, error: &ChooseError, basis: &Basis) -> PlanError {
        let registry = &self.registry;
        match (error, basis) {
            (ChooseError::Unproven { path }, _) => {
                let message = format!("nothing proves that this is `{registry}`; it shows\n{}", list(path));
                PlanError::new(message).help(how_to_prove(path))
            }
            (
                ChooseError::PinMismatch { path } | ChooseError::PinnedStranger { path, .. },
                Basis::Lock(locked),
            ) => {
                let message = format!(
                    "`{registry}` shows another certificate than the one that was trusted on first use: {} holds {}, it shows\n{}",
                    locked.place,
                    locked.pin,
                    list(path)
                );
                PlanError::new(message).help(format!(
                    "ask the registry's owner which is right. If it was replaced: remove that line and give {}, or the line and `-e trust_on_first_use=true` again. If not, someone stands between",
                    pin_argument(path)
                ))
            }
            (ChooseError::PinMismatch { path }, _) => {
                let pins: Vec<String> = self.pin.0.iter().map(ToString::to_string).collect();
                let message = format!(
                    "no certificate on the path from that of `{registry}` matches {}; it shows\n{}",
                    pins.join(" or "),
                    list(path)
                );
                PlanError::new(message).help(format!(
                    "if the registry's owner confirms the new fingerprint, give {}; a root is seldom sent: to rely on one, give it with `-e registry_ca=FILE`. If not, this is not the registry",
                    pin_argument(path)
                ))
            }
            (ChooseError::LeafGiven { pin, .. }, _) => PlanError::new(error.to_string()).help(format!(
                "give `-e registry_pin={pin}`, or the CA's certificate with `-e registry_ca=FILE`"
            )),
            (ChooseError::IssuerNotSent { .. }, _) => PlanError::new(error.to_string())
                .help("give the CA's certificate with `-e registry_ca=FILE`, or have the registry send it"),
            (
                ChooseError::Unfit { verdict }
                | ChooseError::ChainUnfit { verdict, .. }
                | ChooseError::FirstUseName { verdict, .. },
                _,
            ) => {
                let help = Trouble::of(&verdict.to_string()).help(registry);
                PlanError::new(error.to_string()).help(help)
            }
            _ => PlanError::new(error.to_string())
                .help("compare it with what the registry's owner says, before anything is trusted"),
        }
    }

    /// A name that the certificate does not have is a fault that no trust mends.
    fn check_name(&self, served: &Served) -> Result<(), PlanError> {
        let named = served.chain.first().map(|leaf| certs::verify_name(leaf, &served.host));
        let Some(Err(verdict)) = named else { return Ok(()) };
        if verdict.fault == Fault::CommonNameOnly && self.allow_common_name {
            return Ok(());
        }
        let mut help = Trouble::of(&verdict.to_string()).help(&self.registry);
        let mut message = format!(
            "the engine refuses the certificate of `{}` whatever is trusted: `{verdict}`",
            self.registry
        );
        if let Some(note) = verdict.note {
            message = format!("{message} ({note})");
            help += "; for such engines alone, say `allow_common_name: true`";
        }
        Err(PlanError::new(message).help(help))
    }

    fn report(
        &self,
        served: &Served,
        choice: &Choice,
        basis: &Basis,
        proof: &Proof,
    ) -> Result<Plan, PlanError> {
        let leaf = served.chain.first().ok_or_else(|| PlanError::new("the registry sent no certificate"))?;
        let mut plan = Plan::default();
        if matches!(choice.proven, Proven::FirstUse) {
            let anchor = choice.path.anchor();
            let (pin, subject) = (Pin::of(anchor).to_string(), anchor.facts().subject.clone());
            plan.warn(format!(
                "`{}` is believed at first sight: {pin} ({subject}). Compare it with the registry's owner; dtrctl.lock keeps it, and another one is refused",
                self.registry
            ));
            plan.changes.push(Change::RecordPin(RecordPin { registry: self.registry.clone(), pin, subject }));
        }
        // p11-kit's rule is the business of the host's own store, which `install_anchor` knows.
        let told = |warning: &&Warning| !matches!(warning, Warning::NotForP11Kit { .. });
        let warnings: Vec<String> = choice.warnings.iter().filter(told).map(ToString::to_string).collect();
        for warning in &warnings {
            plan.warn(warning.clone());
        }
        let facts = leaf.facts();
        plan.set("registry", self.registry.to_string());
        plan.set("anchors", choice.anchors.iter().map(certs::encode).collect::<String>());
        plan.set("pins", choice.anchors.iter().map(|anchor| Pin::of(anchor).to_string()).collect::<Vec<_>>());
        plan.set("chain", served.chain.iter().map(certs::encode).collect::<String>());
        plan.set("fingerprint", Pin::of(leaf).to_string());
        plan.set("subject", facts.subject.clone());
        plan.set("issuer", facts.issuer.clone());
        plan.set("not_after", facts.not_after.format(&Rfc3339).unwrap_or_default());
        plan.set("san", names(leaf));
        plan.set("proven", basis.name());
        plan.set("first_use", matches!(basis, Basis::FirstUse | Basis::Lock(_)));
        plan.set("docker_only", choice.scope == Scope::DockerOnly);
        plan.set("warnings", warnings);
        plan.set("msg", self.summary(choice, basis, proof));
        Ok(plan)
    }

    fn summary(&self, choice: &Choice, basis: &Basis, proof: &Proof) -> String {
        let anchor = choice.path.anchor();
        let by = match (&choice.proven, basis) {
            (Proven::Pin(pin, _), Basis::Lock(locked)) => format!("{pin} in {}", locked.place),
            (Proven::Pin(pin, _), _) => format!("the pin {pin}"),
            (Proven::Root(root), _) if proof.pins.is_empty() => {
                format!("the given `{}`", root.facts().subject)
            }
            (Proven::Root(root), _) => format!("the given `{}` and a pin", root.facts().subject),
            (Proven::FirstUse, _) => "nothing but this first sight of it".to_owned(),
        };
        format!("`{}` is proven by {by}; its anchor is `{}`", self.registry, anchor.facts().subject)
    }
}

fn how_to_prove(path: &[Certificate]) -> String {
    format!(
        "compare the fingerprint with the one that the registry's owner reads from its own file (`openssl x509 -noout -fingerprint -sha256 -in FILE`), then give {}; or its root with `-e registry_ca=FILE`; or, to believe what is seen now, `-e trust_on_first_use=true` (Docker's store only)",
        pin_argument(path)
    )
}

/// The names of subjectAltName.
fn names(leaf: &Certificate) -> Vec<String> {
    let facts = leaf.facts();
    let hosts = facts.dns_names.iter().map(|name| format!("DNS:{name}"));
    hosts.chain(facts.ip_addresses.iter().map(|address| format!("IP:{address}"))).collect()
}

/// The argument that pins the top of a path.
fn pin_argument(path: &[Certificate]) -> String {
    let pin = path.last().map(|top| Pin::of(top).to_string()).unwrap_or_default();
    format!("`-e registry_pin={pin}`")
}

fn list(path: &[Certificate]) -> String {
    let line =
        |certificate: &Certificate| format!("  {}  {}", Pin::of(certificate), certificate.facts().subject);
    path.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
