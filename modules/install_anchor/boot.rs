//! Boot2Docker: what is installed has to be there again after a reboot, which throws most of the file system away.

use std::collections::BTreeMap;

use crate::contract::{
    AskDir, AskFile, Before, Change, Content, Dir, File, FileKind, Host, HostPath, MakeDir, Ownership, Plan,
    PlanError, Probe, RemoveDir, WriteFile,
};
use crate::platform::{self, boot2docker};

use super::bootsync;
use super::docker_store::{remove_entry, write_content};
use super::{Found, InstallAnchor};
use crate::stores::names;

/// What Boot2Docker keeps.
pub struct Boot {
    /// /etc/docker, which is a link where it is kept.
    settings: File,
    /// For releases that do not keep it.
    old: Option<Old>,
}

/// dtrctl's own copy of certs.d, and the script that puts it back at boot.
struct Old {
    script: File,
    /// The copy's directories: of all registries, and of this one by its names.
    all: Dir,
    copies: Vec<Dir>,
    /// Certificates for the system's bundle.
    certificates: Dir,
}

/// Asks what is kept; none on another system.
pub fn probe(arguments: &InstallAnchor, host: &Host) -> Probe<Option<Boot>> {
    let facts = &host.facts;
    if !boot2docker::is(facts) {
        return Probe::ready(None);
    }
    let settings = Probe::ask(AskFile::stat(platform::path("/etc/docker")));
    if boot2docker::keeps_settings(facts) {
        return settings.map(|settings| Some(Boot { settings, old: None }));
    }
    let (_, all) = boot2docker::ours();
    let names = arguments.registry.certs_d_names();
    let paths = names.iter().filter_map(|name| all.join(name).ok());
    let copies = Probe::all(paths.map(|path| Probe::ask(AskDir { path })).collect());
    settings
        .zip(Probe::ask(AskFile::new(boot2docker::bootsync())))
        .zip(Probe::ask(AskDir { path: all }).zip(copies))
        .zip(Probe::ask(AskDir { path: boot2docker::certificates() }))
        .map(|(((settings, script), (all, copies)), certificates)| {
            Some(Boot { settings, old: Some(Old { script, all, copies, certificates }) })
        })
}

/// Adds to a plan what makes it outlive a reboot.
pub fn keep(host: &Host, found: &Found, plan: &mut Plan) -> Result<(), PlanError> {
    let Some(boot) = &found.boot else { return Ok(()) };
    let certificates = boot2docker::certificates();
    remove_emptied(&certificates, found, plan);
    let Some(old) = &boot.old else {
        let writes = plan.changes.iter().any(|change| {
            change.path().is_some_and(|path| path.as_str().starts_with(found.certs_d.path.as_str()))
        });
        if writes && boot.settings.target != Some(boot2docker::settings()) {
            plan.warn(format!(
                "`{}` is no link to `{}` here: it lies in memory, and what is in it is gone after a reboot; see what makes it before the daemon's script does",
                boot.settings.path,
                boot2docker::settings()
            ));
        }
        return Ok(());
    };
    let mut emptied = Vec::new();
    for (live, copy) in found.directories.iter().zip(&old.copies) {
        if mirror(live, copy, plan)? {
            emptied.push(copy.path.name().to_owned());
        }
    }
    let left = |dir: &Dir| dir.entries.iter().any(|entry| !emptied.contains(&entry.name));
    let made = plan.changes.iter().any(
        |change| matches!(change, Change::MakeDir(make) if make.path.parent().as_ref() == Some(&old.all.path)),
    );
    let copied = made || left(&old.all);
    if old.all.present && !copied {
        plan.changes.push(Change::RemoveDir(RemoveDir { path: old.all.path.clone() }));
        plan.changes.push(Change::RemoveDir(RemoveDir { path: boot2docker::ours().0 }));
    }
    let ours = |name: &String| names::of_any_registry(name).is_some();
    let appended = !boot2docker::reads_certificates(&host.facts)
        && after(&old.certificates, plan, ours).keys().next().is_some();
    old.script(copied || appended, boot2docker::runs_by_sh(&host.facts), plan)
}

/// The drop directory goes with its last file: nothing but dtrctl's file was in it.
fn remove_emptied(certificates: &HostPath, found: &Found, plan: &mut Plan) {
    let Some(system) = found.system.as_ref().filter(|system| system.drop.path == *certificates) else {
        return;
    };
    let removed = plan.changes.iter().any(
        |change| matches!(change, Change::Remove(remove) if remove.path.parent().as_ref() == Some(certificates)),
    );
    if removed && after(&system.drop, plan, |_| true).is_empty() {
        plan.changes.push(Change::RemoveDir(RemoveDir { path: certificates.clone() }));
    }
}

/// The files of a directory once a plan is carried out, as far as they are meant.
fn after(dir: &Dir, plan: &Plan, meant: impl Fn(&String) -> bool) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut files: BTreeMap<String, Option<Vec<u8>>> = BTreeMap::new();
    for entry in &dir.entries {
        let content = match &entry.kind {
            FileKind::File(_, content) => content.clone(),
            _ => None,
        };
        files.insert(entry.name.clone(), content);
    }
    for change in &plan.changes {
        let Some(path) = change.path().filter(|path| path.parent().as_ref() == Some(&dir.path)) else {
            continue;
        };
        match change {
            Change::WriteFile(write) => {
                files.insert(path.name().to_owned(), Some(write.content.bytes.clone()));
            }
            Change::Remove(_) => _ = files.remove(path.name()),
            _ => {}
        }
    }
    files.retain(|name, _| meant(name));
    files
}

/// Makes a copy hold what is ours in the directory that dockerd reads; whether the copy goes.
fn mirror(live: &Dir, copy: &Dir, plan: &mut Plan) -> Result<bool, PlanError> {
    let ours = |name: &String| names::of_certs_d(name).is_some();
    let wanted = after(live, plan, ours);
    if !wanted.is_empty() && !copy.present {
        let make = MakeDir { path: copy.path.clone(), ownership: Ownership::mode(0o755) };
        plan.changes.push(Change::MakeDir(make));
    }
    for (name, content) in &wanted {
        if let Some(content) = content {
            plan.changes.extend(write_content(copy, name, Content::new(content.clone()))?);
        }
    }
    let mut left = !wanted.is_empty();
    for entry in &copy.entries {
        if ours(&entry.name) && !wanted.contains_key(&entry.name) {
            plan.changes.push(remove_entry(copy, entry)?);
        } else {
            left = true;
        }
    }
    if copy.present && !left {
        plan.changes.push(Change::RemoveDir(RemoveDir { path: copy.path.clone() }));
    }
    Ok(!left)
}

impl Old {
    /// Makes `bootsync.sh` put things back, or takes that out of it.
    fn script(&self, wanted: bool, runs_by_sh: bool, plan: &mut Plan) -> Result<(), PlanError> {
        let path = &self.script.path;
        let (text, before) = match &self.script.kind {
            FileKind::Absent => (None, None),
            FileKind::File(attributes, Some(text)) => {
                let content = Content::new(text.clone());
                (Some(text.as_slice()), Some(Before { content, attributes: attributes.clone() }))
            }
            _ => {
                return Err(PlanError::new(format!("`{path}` is no regular file that can be read"))
                    .help("look at it by hand: what is installed is put back by it at each boot"));
            }
        };
        let broken = |line: usize| {
            PlanError::new(format!(
                "{path}:{line}: `{}` is not followed by `{}`",
                bootsync::BEGIN,
                bootsync::END
            ))
            .help("nothing was written; take the rest of that block out by hand, and run again")
        };
        let new = if wanted {
            Some(bootsync::with_block(text, boot2docker::PUT_BACK).map_err(broken)?)
        } else {
            bootsync::without_block(text).map_err(broken)?
        };
        let runs = |before: &Before| before.attributes.mode.bits() & 0o100 != 0;
        let executable = runs_by_sh || before.as_ref().is_none_or(runs);
        match (new, before) {
            (None, Some(before)) => {
                plan.changes.push(Change::Remove(crate::contract::Remove { path: path.clone(), before }));
            }
            (Some(new), before) if text != Some(&new) || (wanted && !executable) => {
                let made = before.is_none() || (wanted && !executable);
                let ownership = if made { Ownership::mode(0o755) } else { Ownership::default() };
                let content = Content::new(new);
                plan.changes.push(Change::WriteFile(WriteFile::new(
                    path.clone(),
                    before,
                    content,
                    ownership,
                )));
            }
            _ => {}
        }
        if wanted {
            plan.info(format!(
                "this release of Boot2Docker keeps no certificates: `{path}` puts them back at each boot"
            ));
        }
        Ok(())
    }
}
