//! The system's store: files in the distribution's drop directory, and the bundle that its tool makes of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::certs::{self, Certificate};
use crate::contract::{
    Change, DirEntry, FileKind, Host, HostPath, MakeDir, Need, OwedRecord, Ownership, Plan, PlanError,
    RefreshTrustStore, Stray,
};
use crate::platform;

use super::cover::Cover;
use super::{Found, InstallAnchor, Outcome, Store, docker_store};
use crate::stores::names;
use crate::stores::system::{System, own_bundle};

/// Drops each needed anchor, and has the bundle made anew where it lacks one.
pub fn install(
    arguments: &InstallAnchor,
    host: &Host,
    found: &Found,
    system: &System,
    plan: &mut Plan,
) -> Result<Outcome, PlanError> {
    check(host, system)?;
    let needed = Cover::new(arguments, found.now).needed(&system.foreign());
    if needed.is_empty() {
        plan.info("the system's store trusts this registry already, by certificates that are not dtrctl's: left alone");
    }
    let mut writes = Vec::new();
    for anchor in &needed {
        let name = names::in_system(&arguments.registry, anchor, system.row.suffix);
        writes.extend(docker_store::write_anchor(&system.drop, &name, anchor)?);
    }
    let bundle = system.bundle();
    let entering: Vec<&Certificate> =
        needed.iter().copied().filter(|anchor| !bundle.contains(anchor)).collect();
    let given = |short: &str| arguments.wanted().iter().any(|anchor| names::short(anchor) == short);
    let leaving = if arguments.exclusive {
        Leaving::new(arguments, system, |short| !given(short))
    } else {
        Leaving::default()
    };
    if writes.is_empty() && entering.is_empty() && leaving.is_empty() {
        return Ok(if needed.is_empty() { Outcome::TrustedAlready } else { Outcome::Present });
    }
    owe_for(arguments, found, &entering, &leaving, plan);
    if !system.drop.present {
        let make = MakeDir { path: system.drop.path.clone(), ownership: Ownership::mode(0o755) };
        plan.changes.push(Change::MakeDir(make));
    }
    plan.changes.extend(writes);
    plan.changes.extend(leaving.removals(system)?);
    plan.changes.push(refresh(system, &needed, &leaving));
    leaving.warn(system, plan);
    warn_of_reach(&needed, plan);
    Ok(Outcome::Installed)
}

/// Takes out what is ours for this registry.
pub fn remove(
    arguments: &InstallAnchor,
    found: &Found,
    system: &System,
    plan: &mut Plan,
) -> Result<Outcome, PlanError> {
    let given = |short: &str| arguments.wanted().iter().any(|anchor| names::short(anchor) == short);
    let leaving = Leaving::new(arguments, system, |short| arguments.wanted().is_empty() || given(short));
    let known: Vec<Certificate> = leaving.certificates.iter().chain(arguments.wanted()).cloned().collect();
    warn_of_strays(system, &known, plan);
    if leaving.is_empty() {
        return Ok(Outcome::Absent);
    }
    owe_for(arguments, found, &[], &leaving, plan);
    plan.changes.extend(leaving.removals(system)?);
    plan.changes.push(refresh(system, &[], &leaving));
    leaving.warn(system, plan);
    Ok(Outcome::Removed)
}

/// Whether the store can be worked with at all.
fn check(host: &Host, system: &System) -> Result<(), PlanError> {
    let row = system.row;
    match &system.store.bundle {
        Some(bundle) if bundle.path.as_str() != row.bundle => Err(PlanError::new(format!(
            "Go programs on this host read `{}`, which the tool of {} does not make",
            bundle.path, row.name
        ))
        .help("find out who put it there; `stores: docker` does not depend on it")),
        None if !system.drop.present && !host.facts.sandbox => Err(PlanError::new(format!(
            "this host has no trust store: neither `{}` nor `{}`",
            row.bundle, row.drop
        ))
        .help(format!("install the package `{}`, or say `stores: docker`", row.package))),
        _ => Ok(()),
    }
}

/// What goes out of the store.
#[derive(Default)]
struct Leaving<'a> {
    /// Our files.
    files: Vec<&'a DirEntry>,
    /// Links to files of ours that are gone already: the tool has not run since.
    links: Vec<&'a HostPath>,
    /// The certificates in question, as far as the bundle has them.
    certificates: Vec<Certificate>,
    /// Those that something else brings into the bundle too.
    held: Vec<Certificate>,
}

impl<'a> Leaving<'a> {
    fn new(arguments: &InstallAnchor, system: &'a System, meant: impl Fn(&str) -> bool) -> Self {
        let ours = |name: &'a str| names::of_registry(&arguments.registry, name).filter(|short| meant(short));
        let files: Vec<&DirEntry> =
            system.drop.entries.iter().filter(|entry| ours(&entry.name).is_some()).collect();
        let links: Vec<&HostPath> =
            system.store.dangling.iter().filter(|link| ours(link.name()).is_some()).collect();
        let mut shorts: Vec<&str> = files.iter().filter_map(|entry| ours(&entry.name)).collect();
        shorts.extend(links.iter().filter_map(|link| ours(link.name())));
        let bundle = system.bundle();
        let mut certificates: Vec<Certificate> = Vec::new();
        let mut held = Vec::new();
        for certificate in bundle.iter().filter(|certificate| shorts.contains(&names::short(certificate))) {
            if certificates.contains(certificate) {
                continue;
            }
            certificates.push(certificate.clone());
            let brought = shorts.iter().filter(|short| **short == names::short(certificate)).count();
            let present = bundle.iter().filter(|other| *other == certificate).count();
            if present > brought || !holders(system, &files, certificate).is_empty() {
                held.push(certificate.clone());
            }
        }
        Self { files, links, certificates, held }
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.links.is_empty()
    }

    /// The certificates that the bundle must lack afterwards.
    fn gone(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.iter().filter(|certificate| !self.held.contains(certificate))
    }

    fn removals(&self, system: &System) -> Result<Vec<Change>, PlanError> {
        self.files.iter().map(|entry| docker_store::remove_entry(&system.drop, entry)).collect()
    }

    fn warn(&self, system: &System, plan: &mut Plan) {
        for certificate in &self.held {
            let subject = &certificate.facts().subject;
            let holders = holders(system, &self.files, certificate);
            let by = if holders.is_empty() { "another source".to_owned() } else { holders.join(", ") };
            plan.warn(format!(
                "the system goes on trusting `{subject}`, by {by}, which is not this registry's"
            ));
        }
    }
}

/// Other files of the drop directory that hold a certificate.
fn holders(system: &System, but: &[&DirEntry], certificate: &Certificate) -> Vec<String> {
    let drop = &system.drop;
    let others = drop.entries.iter().filter(|entry| {
        entry.name.ends_with(system.row.suffix) && !but.iter().any(|gone| gone.name == entry.name)
    });
    let holds = |entry: &&DirEntry| match &entry.kind {
        FileKind::File(_, Some(content)) => certs::read_bundle(content).certificates.contains(certificate),
        _ => false,
    };
    others.filter(holds).map(|entry| format!("`{}/{}`", drop.path, entry.name)).collect()
}

fn refresh(system: &System, present: &[&Certificate], leaving: &Leaving<'_>) -> Change {
    let row = system.row;
    let command = if leaving.is_empty() { row.refresh } else { row.refresh_removed };
    Change::RefreshTrustStore(RefreshTrustStore {
        command: command.iter().map(|&word| word.to_owned()).collect(),
        bundle: platform::path(row.bundle),
        drop: system.drop.path.clone(),
        present: present.iter().map(|certificate| STANDARD.encode(certificate.der())).collect(),
        absent: leaving.gone().map(|certificate| STANDARD.encode(certificate.der())).collect(),
    })
}

/// dockerd loads the system's certificates once in its life: what enters or leaves them counts only after a restart,
/// unless its own store has it.
fn owe_for(
    arguments: &InstallAnchor,
    found: &Found,
    entering: &[&Certificate],
    leaving: &Leaving<'_>,
    plan: &mut Plan,
) {
    if found.process.running.is_none() {
        return;
    }
    if let Some(own) = own_bundle(&found.process) {
        plan.warn(format!("the docker daemon runs with `{own}` and does not read the system's bundle; `stores: docker` reaches it"));
        return;
    }
    let docker = arguments.wants(Store::Docker) && arguments.state == super::Presence::Present;
    let uncovered = !docker && entering.iter().any(|anchor| !docker_store::holds(found, anchor));
    let registry = &arguments.registry;
    let reason = if uncovered {
        format!(
            "it has read the system's certificates, perhaps without that of {registry}, and reads them once in its life"
        )
    } else if leaving.gone().next().is_some() {
        format!(
            "it may go on trusting the certificate of {registry}, which it has read from the system's store"
        )
    } else {
        return;
    };
    plan.changes.push(Change::Owe(OwedRecord { id: arguments.owed_id(), need: Need::Restart, reason }));
}

fn warn_of_reach(needed: &[&Certificate], plan: &mut Plan) {
    for anchor in needed.iter().filter(|anchor| anchor.facts().is_ca) {
        plan.warn(format!(
            "`{}` is a CA: in the system's store it is trusted for every site, by every program of this host",
            anchor.facts().subject
        ));
    }
}

/// Go reads every file beside the bundle; nothing else does.
fn warn_of_strays(system: &System, known: &[Certificate], plan: &mut Plan) {
    // On a system whose drop directory is the bundle's, ours are files beside it, too.
    let others =
        system.store.strays.iter().filter(|stray| names::of_any_registry(stray.path.name()).is_none());
    for Stray { path, content, .. } in others {
        let held = certs::read_bundle(content).certificates;
        if let Some(same) = held.iter().find(|certificate| known.contains(certificate)) {
            plan.warn(format!(
                "`{path}` holds `{}` too, and is not dtrctl's: dockerd reads it, and goes on trusting it until the file is removed and the daemon restarted",
                same.facts().subject
            ));
        }
    }
}
