//! `install_anchor`: certificates that a host shall trust for a registry, or no longer.

mod boot;
mod bootsync;
mod cover;
mod docker_store;
mod system_store;

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Deserialize;
use time::OffsetDateTime;

use crate::arguments::{Listed, filled};
use crate::certs::{self, Certificate, Pem, Pin, RegistryHost};
use crate::contract::{
    AskBuilders, AskDir, AskError, AskFile, AskNow, AskOwed, AskProcess, Change, DaemonKind, Dir, DirEntry,
    File, FileKind, Host, HostPath, Module, OwedRecord, Plan, PlanError, Probe, Process,
};
use crate::platform::{self, Daemon, TrustStoreRow};
use crate::stores::system::System;

/// Makes a host trust certificates for a registry, or takes back what it put there. In Docker's own store (a directory
/// of certs.d per registry) an anchor counts for that registry alone and at once: dockerd reads it at each request. In
/// the system's store it counts for every program of the host, for every site that it signs, and for dockerd only after
/// a restart. A certificate that the system's store would leave out without a word (p11-kit's systems take CAs alone) goes
/// into Docker's instead, and the plan says so. Only files of its own (`dtrctl-….crt`) are written or removed; that an anchor counts is proven by its
/// bytes where programs read them. Where the host trusts the registry already, by files of others, that is said and left
/// alone.
///
/// It registers `docker` and `system` (`installed`, `present`, `trusted_already`, `redirected`, `removed`, `absent`,
/// `skipped`, or null where the store was not asked for), `fingerprints` of the given certificates, the `files` that are written or
/// removed, `builders` (of buildx, with a trust of their own: untouched), and `owed` (`restart`, or null).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstallAnchor {
    /// The registry, as image references name it: `HOST` or `HOST:PORT`.
    registry: RegistryHost,
    /// The certificates (PEM), as `fetch_cert` registers them in `anchors`. For `state: absent` only these are taken out;
    /// where none is given, all that dtrctl has installed for the registry. Default: none.
    #[serde(default, deserialize_with = "distinct")]
    certificate: Option<Pem>,
    /// The chain that the registry sends (PEM), as `fetch_cert` registers it: with it, a host that trusts the registry
    /// already is left alone. Default: none.
    #[serde(default, deserialize_with = "filled")]
    chain: Option<Pem>,
    /// Which stores: `docker`, `system`. A list, or text with commas. Default: `docker`.
    #[serde(default)]
    stores: Listed<Store>,
    /// Whether the certificates shall be there. Default: `present`.
    #[serde(default)]
    state: Presence,
    /// Whether other anchors that dtrctl has installed for this registry go. Default: false, so that old and new stand
    /// together while a registry's certificate changes.
    #[serde(default)]
    exclusive: bool,
    /// Whether nothing but a first sight proves the certificates (`first_use` of `fetch_cert`): they are then refused for
    /// the system's store. Default: false.
    #[serde(default)]
    first_use: bool,
}

/// Certificates, each once: published bundles hold some twice, and a file is written once.
fn distinct<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Pem>, D::Error> {
    let mut given: Option<Pem> = filled(deserializer)?;
    if let Some(Pem(certificates)) = &mut given {
        let mut seen: Vec<Certificate> = Vec::new();
        certificates.retain(|certificate| {
            let is_new = !seen.contains(certificate);
            if is_new {
                seen.push(certificate.clone());
            }
            is_new
        });
    }
    Ok(given)
}

/// A place that makes certificates trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// Docker's own: certs.d, scoped to one registry.
    Docker,
    /// The system's: for every program, and every site that a CA there signs.
    System,
}

/// Whether something shall be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It shall.
    #[default]
    Present,
    /// It shall not.
    Absent,
}

/// What was found on the host.
pub struct Found {
    now: OffsetDateTime,
    process: Process,
    owed: Vec<OwedRecord>,
    /// buildx builders with a trust of their own.
    builders: Vec<String>,
    certs_d: Dir,
    /// The registry's directories in certs.d, by its names.
    directories: Vec<Dir>,
    system: Option<System>,
    /// What outlives a reboot; none on a system where everything does.
    boot: Option<boot::Boot>,
}

/// What became of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Installed,
    Present,
    TrustedAlready,
    /// Docker's store was taken instead.
    Redirected,
    Removed,
    Absent,
    Skipped,
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Present => "present",
            Self::TrustedAlready => "trusted_already",
            Self::Redirected => "redirected",
            Self::Removed => "removed",
            Self::Absent => "absent",
            Self::Skipped => "skipped",
        }
    }
}

impl Module for InstallAnchor {
    const NAME: &'static str = "install_anchor";
    const EXAMPLE: &'static str = "- install_anchor:\n    registry: dtr.example.com:5000\n    certificate: \"{{ fetched.anchors }}\"\n    chain: \"{{ fetched.chain }}\"\n    first_use: \"{{ fetched.first_use }}\"\n    stores: [docker]\n";
    type State = Found;

    fn probe(&self, host: &Host) -> Probe<Found> {
        let daemon = Daemon::assumed(host);
        let names = self.registry.certs_d_names();
        let paths: Result<Vec<HostPath>, _> =
            names.iter().map(|name| daemon.certs_d.join(&daemon.certs_d_name(name))).collect();
        let certs_d = daemon.certs_d;
        let paths = match paths {
            Ok(paths) => paths,
            Err(error) => return Probe::refuse(AskError::Host(error.to_string())),
        };
        let directories = Probe::all(paths.into_iter().map(|path| Probe::ask(AskDir { path })).collect());
        let daemon = Probe::ask(AskProcess).zip(Probe::ask(AskOwed).zip(Probe::ask(AskBuilders)));
        Probe::ask(AskNow)
            .zip(daemon)
            .zip(Probe::ask(AskDir { path: certs_d }).zip(directories))
            .zip(self.probe_system(host).zip(boot::probe(self, host)))
            .map(|(((now, (process, (owed, builders))), (certs_d, directories)), (system, boot))| Found {
                now,
                process,
                owed,
                builders,
                certs_d,
                directories,
                system,
                boot,
            })
    }

    fn plan(&self, host: &Host, found: Found) -> Result<Plan, PlanError> {
        self.check(host, &found)?;
        if self.wants(Store::Docker) || found.process.installed {
            Daemon::of(host)?;
        }
        let docker_only = self.stores() == [Store::Docker];
        if self.state == Presence::Present && docker_only && !found.process.installed {
            return Ok(Plan::skip("no docker daemon is installed on this host, so its store has no reader"));
        }
        let mut plan = Plan::default();
        let (docker, system) = match self.state {
            Presence::Present => self.install(host, &found, &mut plan)?,
            Presence::Absent => self.remove(host, &found, &mut plan)?,
        };
        boot::keep(host, &found, &mut plan)?;
        let word = |outcome: Option<Outcome>| outcome.map(Outcome::word);
        plan.set("registry", self.registry.to_string());
        plan.set("docker", word(docker));
        plan.set("system", word(system));
        let pins = self.wanted().iter().map(|anchor| Pin::of(anchor).to_string());
        plan.set("fingerprints", pins.collect::<Vec<_>>());
        report_files(&mut plan);
        self.report_owed(&found, &mut plan);
        report_builders(&found, &mut plan);
        Ok(plan)
    }
}

impl InstallAnchor {
    fn stores(&self) -> &[Store] {
        if self.stores.0.is_empty() { &[Store::Docker] } else { &self.stores.0 }
    }

    fn wants(&self, store: Store) -> bool {
        self.stores().contains(&store)
    }

    fn wanted(&self) -> &[Certificate] {
        self.certificate.as_ref().map_or(&[], |pem| &pem.0)
    }

    /// The name of the record of what is owed.
    fn owed_id(&self) -> String {
        format!("trust:{}", self.registry)
    }

    /// The system's store is asked where it is to be changed, and where it may make the change needless. On a system that
    /// is not known the directories tell which it is.
    fn probe_system(&self, host: &Host) -> Probe<Option<System>> {
        let needless = self.state == Presence::Present && self.chain.is_some();
        match platform::of(&host.facts) {
            Some(row) if needless || self.wants(Store::System) => System::probe(row),
            None if self.wants(Store::System) && !host.facts.sandbox => {
                let rows = platform::by_directory();
                let asks = rows.iter().map(|row| Probe::ask(AskFile::stat(platform::path(row.drop))));
                Probe::all(asks.collect()).and_then(move |drops| {
                    let there = |drop: &File| matches!(drop.kind, FileKind::Directory(_));
                    let first = rows.into_iter().zip(drops).find(|(_, drop)| there(drop));
                    first.map_or(Probe::ready(None), |(row, _)| System::probe(row))
                })
            }
            _ => Probe::ready(None),
        }
    }

    /// What can be refused whatever the host holds.
    fn check(&self, host: &Host, found: &Found) -> Result<(), PlanError> {
        if self.state == Presence::Absent {
            return Ok(());
        }
        if self.wanted().is_empty() {
            return Err(PlanError::new("there is no certificate to install")
                .help("give `certificate`, such as `{{ fetched.anchors }}` of a `fetch_cert` before it"));
        }
        for anchor in self.wanted() {
            if let Some(refusal) = &anchor.facts().go_refuses {
                return Err(PlanError::new(format!(
                    "dockerd cannot read the certificate `{}`: `{refusal}`",
                    anchor.facts().subject
                ))
                .help("have it issued again"));
            }
        }
        if self.wants(Store::System) { self.check_system(host, found) } else { Ok(()) }
    }

    fn check_system(&self, host: &Host, found: &Found) -> Result<(), PlanError> {
        const DOCKER: &str = "say `stores: docker` (`-e stores=docker`): it counts for this registry alone";
        if Daemon::assumed(host).kind == DaemonKind::Rootless {
            return Err(PlanError::new(
                "the system's store is root's, and the task is about a user's own daemon",
            )
            .help(format!("{DOCKER}; or say `docker_daemon: system`")));
        }
        let Some(System { row, .. }) = &found.system else {
            let system = if host.facts.id.is_empty() { "this system" } else { &host.facts.id };
            return Err(PlanError::new(format!("the trust store of `{system}` is not known")).help(DOCKER));
        };
        if self.first_use {
            return Err(PlanError::new(
                "a certificate that was trusted on first use does not enter the system's store: it would count for every site",
            )
            .help(format!(
                "compare its fingerprint with the registry's owner, then give it with `-e registry_pin=…`; or {DOCKER}"
            )));
        }
        for anchor in self.wanted() {
            let facts = anchor.facts();
            let subject = &facts.subject;
            if row.leaves_out(anchor) {
                if !found.process.installed {
                    return Err(PlanError::new(left_out(row, anchor))
                        .help("have a certificate issued that is one, or trust its CA; docker, whose own store takes it, is not installed"));
                }
                continue;
            }
            if !facts.is_ca && !anchor.is_self_signed() {
                return Err(PlanError::new(format!(
                    "`{subject}` is a server's certificate that `{}` has signed: as an anchor of the system's store curl takes it, Python and openssl do not",
                    facts.issuer
                ))
                .help(format!("give its CA's certificate with `-e registry_ca=FILE`; or {DOCKER}")));
            }
        }
        Ok(())
    }

    fn install(&self, host: &Host, found: &Found, plan: &mut Plan) -> Result<Outcomes, PlanError> {
        self.warn_of_the_certificates(found, plan);
        let (for_docker, for_system) = self.by_store(found, plan);
        let docker = match for_docker {
            None => None,
            Some(arguments) if found.process.installed => {
                Some(docker_store::install(&arguments, found, plan)?)
            }
            Some(_) => {
                plan.warn("no docker daemon is installed on this host: its store is skipped");
                Some(Outcome::Skipped)
            }
        };
        let system = match (&found.system, for_system) {
            (Some(system), Some(arguments)) if !arguments.wanted().is_empty() => {
                Some(system_store::install(&arguments, host, found, system, plan)?)
            }
            (_, Some(_)) => Some(Outcome::Redirected),
            _ => None,
        };
        if Daemon::assumed(host).certs_d_replaces() {
            docker_store::say_what_it_replaces(found, docker, system, plan);
        }
        Ok((docker, system))
    }

    /// What goes into Docker's store and what into the system's: what the latter would leave out goes into the first.
    fn by_store(&self, found: &Found, plan: &mut Plan) -> (Option<Self>, Option<Self>) {
        let docker = self.wants(Store::Docker).then(|| self.clone());
        if !self.wants(Store::System) {
            return (docker, None);
        }
        let row = found.system.as_ref().map(|system| system.row);
        let (mut out, mut fit) = (Vec::new(), Vec::new());
        for anchor in self.wanted() {
            match row.filter(|row| row.leaves_out(anchor)) {
                None => fit.push(anchor.clone()),
                Some(row) => {
                    plan.warn(format!(
                        "{}; Docker's store is taken instead: docker accepts it, other programs do not",
                        left_out(row, anchor)
                    ));
                    out.push(anchor.clone());
                }
            }
        }
        let only =
            |certificates: Vec<Certificate>| Self { certificate: Some(Pem(certificates)), ..self.clone() };
        // Docker's store then counts as asked for: what it covers owes no restart.
        let stores = Listed(vec![Store::Docker, Store::System]);
        let docker = docker.or_else(|| (!out.is_empty()).then(|| Self { stores, ..only(out) }));
        (docker, Some(only(fit)))
    }

    fn remove(&self, host: &Host, found: &Found, plan: &mut Plan) -> Result<Outcomes, PlanError> {
        let rootless = Daemon::assumed(host).kind == DaemonKind::Rootless;
        let system = match &found.system {
            _ if !self.wants(Store::System) => None,
            _ if rootless => {
                plan.info("the system's store is root's: a task about a user's own daemon leaves it alone");
                Some(Outcome::Skipped)
            }
            Some(system) => Some(system_store::remove(self, found, system, plan)?),
            None => {
                plan.info("the trust store of this system is not known: dtrctl has put nothing there");
                Some(Outcome::Skipped)
            }
        };
        let docker = if self.wants(Store::Docker) {
            Some(docker_store::remove(self, found, |_| true, plan)?)
        } else if let Some(System { row, .. }) = found.system.as_ref().filter(|system| system.row.ca_only) {
            // What was meant for the system's store may have gone into Docker's.
            let went_there = |entry: &DirEntry| match &entry.kind {
                FileKind::File(_, Some(content)) => {
                    certs::read_bundle(content).certificates.iter().any(|held| row.leaves_out(held))
                }
                _ => false,
            };
            Some(docker_store::remove(self, found, went_there, plan)?)
        } else {
            None
        };
        Ok((docker, system))
    }

    fn warn_of_the_certificates(&self, found: &Found, plan: &mut Plan) {
        for anchor in self.wanted() {
            let facts = anchor.facts();
            if facts.not_after < found.now {
                plan.warn(format!(
                    "`{}` ended on {}: it vouches for nothing",
                    facts.subject,
                    facts.not_after.date()
                ));
            }
        }
        let Some(Pem(chain)) = &self.chain else { return };
        let leads = chain
            .first()
            .is_some_and(|leaf| certs::verify(leaf, chain, self.wanted(), &self.registry, found.now).is_ok());
        if !leads {
            plan.warn(format!(
                "the chain that `{}` sends now does not lead to the given certificates",
                self.registry
            ));
        }
    }

    /// What this plan, or an earlier run, owes to the daemon.
    fn report_owed(&self, found: &Found, plan: &mut Plan) {
        let id = self.owed_id();
        let planned = plan.changes.iter().find_map(|change| match change {
            Change::Owe(record) => Some(record.reason.clone()),
            _ => None,
        });
        let earlier = || found.owed.iter().find(|record| record.id == id).map(|record| record.reason.clone());
        plan.owed =
            planned.or_else(earlier).map(|reason| format!("a restart of the docker daemon: {reason}"));
        plan.set("owed", plan.owed.as_ref().map(|_| "restart"));
    }
}

/// Builders that the daemon's trust does not reach, so that nobody believes they are done.
fn report_builders(found: &Found, plan: &mut Plan) {
    for name in &found.builders {
        plan.info(format!(
            "the buildx builder `{name}` has a trust of its own and stays untouched: name the certificate in its buildkitd.toml and create it anew"
        ));
    }
    plan.set("builders", found.builders.clone());
}

/// Why a store leaves a certificate out.
fn left_out(row: &TrustStoreRow, anchor: &Certificate) -> String {
    format!(
        "the system's store of {} leaves `{}` out without a word: it is no CA (CA:TRUE) for servers",
        row.name,
        anchor.facts().subject
    )
}

/// Says of which certificates the files are that are written or removed.
fn report_files(plan: &mut Plan) {
    let mut lines: Vec<String> = Vec::new();
    let mut files = Vec::new();
    for change in &plan.changes {
        let (verb, path, bytes) = match change {
            Change::WriteFile(write) => ("adds", &write.path, &write.content.bytes),
            Change::Remove(remove) => ("takes out", &remove.path, &remove.before.content.bytes),
            _ => continue,
        };
        files.push(path.to_string());
        for certificate in certs::read_bundle(bytes).certificates {
            let facts = certificate.facts();
            let (pin, until) = (Pin::of(&certificate), facts.not_after.date());
            let line = format!("{verb} `{}`, {pin}, valid until {until}", facts.subject);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    plan.set("files", files);
    for line in lines {
        plan.info(line);
    }
}

/// What became of Docker's store and the system's; none where one was not asked for.
type Outcomes = (Option<Outcome>, Option<Outcome>);
