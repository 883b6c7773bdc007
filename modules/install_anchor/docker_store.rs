//! Docker's own store: a directory of certs.d for each name of the registry.

use crate::certs::{self, Certificate};
use crate::contract::{
    Before, Change, Content, Dir, DirEntry, FileKind, HostPath, MakeDir, Ownership, Plan, PlanError, Remove,
    RemoveDir, WriteFile,
};

use super::cover::Cover;
use super::{Found, InstallAnchor, Outcome};
use crate::stores::{certs_d as foreign, names};

/// Writes each needed anchor into each directory of the registry.
pub fn install(arguments: &InstallAnchor, found: &Found, plan: &mut Plan) -> Result<Outcome, PlanError> {
    let cover = Cover::new(arguments, found.now);
    let system =
        found.system.as_ref().map(|system| system.foreign_of_daemon(&found.process)).unwrap_or_default();
    let before = plan.changes.len();
    let mut left_alone = 0;
    for directory in &found.directories {
        let local = foreign::trusted(directory);
        let trusted: Vec<Certificate> = local.iter().chain(&system).cloned().collect();
        let needed = cover.needed(&trusted);
        if needed.is_empty() {
            left_alone += 1;
            let by_files = cover.needed(&local).is_empty();
            plan.info(left_alone_because(directory, by_files));
        }
        write(directory, &needed, plan)?;
        if arguments.exclusive {
            take_out(
                directory,
                |_, short| !arguments.wanted().iter().any(|anchor| names::short(anchor) == short),
                plan,
            )?;
        } else {
            name_others(arguments, directory, plan);
        }
        let said = foreign::faults(directory).into_iter().chain(foreign::hints(&found.certs_d, directory));
        said.for_each(|text| plan.warn(text));
    }
    if let Some(hint) = foreign::default_hint(&found.certs_d) {
        plan.warn(hint);
    }
    if plan.changes.len() > before {
        plan.info("nothing is owed for Docker's store: dockerd reads it at each request, so no reload, no restart, and no container stops");
        return Ok(Outcome::Installed);
    }
    Ok(if left_alone == found.directories.len() { Outcome::TrustedAlready } else { Outcome::Present })
}

/// On Windows what stands in a registry's directory takes the place of the system's certificates, for that registry.
pub fn say_what_it_replaces(
    found: &Found,
    docker: Option<Outcome>,
    system: Option<Outcome>,
    plan: &mut Plan,
) {
    let names = |directories: &mut dyn Iterator<Item = &Dir>| {
        directories.map(|directory| format!("`{}`", directory.path)).collect::<Vec<_>>().join(", ")
    };
    if docker == Some(Outcome::Installed) {
        let all = names(&mut found.directories.iter());
        plan.info(format!(
            "dockerd on Windows then trusts for this registry what stands in {all}, and not the system's certificates"
        ));
    } else if docker.is_none() && system.is_some() {
        let held =
            names(&mut found.directories.iter().filter(|directory| !foreign::all(directory).is_empty()));
        if !held.is_empty() {
            plan.warn(format!(
                "dockerd on Windows does not look into the system's store for this registry, as long as {held} holds certificates"
            ));
        }
    }
}

/// Takes out what is ours and `meant`; a directory that is empty then goes as well.
pub fn remove(
    arguments: &InstallAnchor,
    found: &Found,
    meant: impl Fn(&DirEntry) -> bool,
    plan: &mut Plan,
) -> Result<Outcome, PlanError> {
    let before = plan.changes.len();
    let mut gone = Vec::new();
    for directory in &found.directories {
        let named = |entry: &DirEntry, short: &str| {
            meant(entry)
                && (arguments.wanted().is_empty()
                    || arguments.wanted().iter().any(|anchor| names::short(anchor) == short))
        };
        let taken = take_out(directory, named, plan)?;
        if taken > 0 && taken == directory.entries.len() {
            plan.changes.push(Change::RemoveDir(RemoveDir { path: directory.path.clone() }));
            gone.push(directory.path.name());
        }
        for file in foreign::anchors(directory) {
            plan.warn(format!(
                "`{file}` is not dtrctl's and stays: dockerd trusts what it holds for `{}`",
                arguments.registry
            ));
        }
    }
    if !gone.is_empty() && found.certs_d.entries.iter().all(|entry| gone.contains(&entry.name.as_str())) {
        plan.changes.push(Change::RemoveDir(RemoveDir { path: found.certs_d.path.clone() }));
    }
    if plan.changes.len() > before {
        plan.info("nothing is owed for Docker's store: dockerd reads it at each request");
        return Ok(Outcome::Removed);
    }
    Ok(Outcome::Absent)
}

/// Whether dockerd finds the certificate for every name of the registry.
pub fn holds(found: &Found, anchor: &Certificate) -> bool {
    found.directories.iter().all(|directory| foreign::all(directory).contains(anchor))
}

fn write(directory: &Dir, needed: &[&Certificate], plan: &mut Plan) -> Result<(), PlanError> {
    if !needed.is_empty() && !directory.present {
        let make = MakeDir { path: directory.path.clone(), ownership: Ownership::mode(0o755) };
        plan.changes.push(Change::MakeDir(make));
    }
    for anchor in needed {
        let name = names::in_certs_d(anchor);
        plan.changes.extend(write_anchor(directory, &name, anchor)?);
    }
    Ok(())
}

/// The change that makes a file of a directory hold one certificate; none where it does.
pub fn write_anchor(directory: &Dir, name: &str, anchor: &Certificate) -> Result<Option<Change>, PlanError> {
    write_content(directory, name, Content::new(certs::encode(anchor).into_bytes()))
}

/// The change that makes a file of a directory hold this; none where it does.
pub fn write_content(directory: &Dir, name: &str, content: Content) -> Result<Option<Change>, PlanError> {
    let path = inside(directory, name)?;
    let entry = directory.entries.iter().find(|entry| entry.name == name);
    let before = match entry {
        None => None,
        // A link that leads nowhere: a write goes where it leads.
        Some(DirEntry { kind: FileKind::Absent, .. }) => {
            return Err(PlanError::new(format!("`{path}` is a link that leads nowhere")).help("remove it"));
        }
        Some(entry) => Some(before(&path, entry)?),
    };
    if before.as_ref().is_some_and(|before| before.content == content) {
        return Ok(None);
    }
    let ownership = Ownership::mode(0o644);
    Ok(Some(Change::WriteFile(WriteFile::new(path, before, content, ownership))))
}

/// Removes our files whose fingerprint is meant; how many.
fn take_out(
    directory: &Dir,
    meant: impl Fn(&DirEntry, &str) -> bool,
    plan: &mut Plan,
) -> Result<usize, PlanError> {
    let mut taken = 0;
    for entry in &directory.entries {
        if names::of_certs_d(&entry.name).is_some_and(|short| meant(entry, short)) {
            plan.changes.push(remove_entry(directory, entry)?);
            taken += 1;
        }
    }
    Ok(taken)
}

/// The change that removes a file of a directory.
pub fn remove_entry(directory: &Dir, entry: &DirEntry) -> Result<Change, PlanError> {
    let path = inside(directory, &entry.name)?;
    let before = before(&path, entry)?;
    Ok(Change::Remove(Remove { path, before }))
}

fn before(path: &HostPath, entry: &DirEntry) -> Result<Before, PlanError> {
    match &entry.kind {
        FileKind::File(attributes, Some(content)) => {
            Ok(Before { content: Content::new(content.clone()), attributes: attributes.clone() })
        }
        FileKind::File(_, None) => {
            Err(PlanError::new(format!("`{path}` could not be read, or is over 64 KiB"))
                .help("does the task need `become: true`?"))
        }
        _ => Err(PlanError::new(format!(
            "`{path}` has the name of a file of dtrctl's, and is no regular file"
        ))
        .help("look at it by hand, and remove it")),
    }
}

fn inside(directory: &Dir, name: &str) -> Result<HostPath, PlanError> {
    directory.path.join(name).map_err(|error| PlanError::new(error.to_string()))
}

/// Our anchors that are not among the given: they stay for a rotation.
fn name_others(arguments: &InstallAnchor, directory: &Dir, plan: &mut Plan) {
    let given = |short: &str| arguments.wanted().iter().any(|anchor| names::short(anchor) == short);
    for entry in &directory.entries {
        if names::of_certs_d(&entry.name).is_some_and(|short| !given(short)) {
            plan.info(format!(
                "`{}/{}` stays beside it; `exclusive: true` takes it out",
                directory.path, entry.name
            ));
        }
    }
}

fn left_alone_because(directory: &Dir, by_files: bool) -> String {
    let name = directory.path.name();
    if by_files {
        let files = foreign::anchors(directory).join(", ");
        return format!("dockerd trusts `{name}` already, by {files}: left alone");
    }
    format!("dockerd trusts `{name}` already, by the system's bundle as it has read it: left alone")
}
