//! Planned changes laid over answers: in check mode, later tasks see the host as it will be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answer::{
    Answer, Attributes, Bundle, Dir, DirEntry, File, FileKind, LockedPin, ServedChain, TrustStore,
};
use super::ask::Ask;
use super::change::{Change, OwedRecord, Ownership, RefreshTrustStore, WriteFile};
use super::dtr::{AskDtrSettings, DtrSettings};
use super::generate::GenerateCertificate;
use super::host::Facts;
use super::lay_entry::{lay_path, lay_stat, lay_tree};
use super::path::HostPath;
use super::registry_tls::{AskRegistryTls, LocalView, RegistryTls, ReplaceRegistryTls};
use super::text::Mode;
use super::touches::Doubt;
use crate::certs;

/// The changes that a host's earlier tasks have planned, in order.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    changes: Vec<Change>,
    doubts: Vec<Doubt>,
}

impl Overlay {
    /// Adds a task's changes.
    pub fn extend(&mut self, changes: &[Change]) {
        self.changes.extend_from_slice(changes);
    }

    /// Takes note of what may have been changed by then.
    pub fn doubt(&mut self, doubt: Doubt) {
        self.doubts.push(doubt);
    }

    /// Those of its changes that are seen from everywhere: a registry that serves another certificate.
    #[must_use]
    pub fn seen_everywhere(&self) -> Self {
        let changes = self.changes.iter().filter(|change| serves_anew(change)).cloned().collect();
        Self { changes, doubts: Vec::new() }
    }

    /// Adds what another host has planned.
    pub fn join(&mut self, other: &Self) {
        self.extend(&other.changes);
    }

    /// The answer as it will be once what other hosts have planned is done: their files are theirs.
    #[must_use]
    pub fn lay_from_elsewhere(&self, ask: &Ask, answer: Answer, facts: &Facts) -> Answer {
        match ask {
            Ask::Tls(_) | Ask::Http(_) | Ask::HostCheck(_) | Ask::Distribution(_) => {
                self.lay(ask, answer, facts)
            }
            _ => answer,
        }
    }

    /// Why an ask is not to be made at all, as its answer would not hold once the planned changes are made: it waits, or it has an
    /// effect of its own.
    #[must_use]
    pub fn hides(&self, ask: &Ask) -> Option<String> {
        matches!(ask, Ask::Wait(_) | Ask::Shell(_) | Ask::Request(_)).then(|| {
            let doubt = || self.doubts.first().map(|doubt| doubt.reason.clone());
            self.changes.first().map(Change::summary).or_else(doubt)
        })?
    }

    /// Whether nothing was planned.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.doubts.is_empty()
    }

    /// The answer as it will be once the planned changes are made.
    #[must_use]
    pub fn lay(&self, ask: &Ask, answer: Answer, facts: &Facts) -> Answer {
        let answer = self.changes.iter().fold(answer, |answer, change| lay(change, ask, answer, facts));
        self.doubts.iter().fold(answer, |answer, doubt| doubt.lay(ask, answer))
    }
}

fn lay(change: &Change, ask: &Ask, answer: Answer, facts: &Facts) -> Answer {
    match (answer, ask) {
        // Its content is made while applying.
        (Answer::File(file), _) if generates(change, |generate| generate.is_about(&file.path)) => {
            unknown(change)
        }
        (Answer::File(file), _) if downloads(change, &file.path) => unknown(change),
        (Answer::Dir(dir), _) if generates(change, |generate| generate.is_in(&dir.path)) => unknown(change),
        // What it leads to was not asked.
        (Answer::File(file), _) if links(change, &file.path) => unknown(change),
        (Answer::File(file), _) => Answer::File(lay_file(change, file, facts)),
        (Answer::Dir(dir), _) => Answer::Dir(lay_dir(change, dir, facts)),
        (Answer::Stat(stat), _) if generates(change, |generate| generate.is_about(&stat.path)) => {
            unknown(change)
        }
        (Answer::Stat(stat), Ask::Stat(ask)) => Answer::Stat(lay_stat(change, ask, stat, facts)),
        (Answer::Tree(tree), _) => Answer::Tree(lay_tree(change, tree, facts)),
        (Answer::TrustStore(store), _) => Answer::TrustStore(lay_store(change, store)),
        (Answer::Owed(records), _) => Answer::Owed(lay_owed(change, records)),
        (Answer::Process(mut process), _) if matches!(change, Change::RestartDocker(_)) => {
            process.units.iter_mut().for_each(|(_, state)| "active".clone_into(state));
            Answer::Process(process)
        }
        (Answer::Info(Some(mut info)), _) if is_reread(change) => {
            info.fresh = true;
            Answer::Info(Some(info))
        }
        (Answer::LockedPin(_), Ask::LockedPin(ask)) if pins(change, ask) => {
            let Change::RecordPin(record) = change else { unreachable!("guarded by pins()") };
            Answer::LockedPin(Some(LockedPin { pin: record.pin.clone(), place: "dtrctl.lock".to_owned() }))
        }
        (Answer::RegistryTls(mut tls), Ask::RegistryTls(ask)) => {
            if let Change::ReplaceRegistryTls(replace) = change {
                replace.lay(ask, &mut tls, facts);
            }
            Answer::RegistryTls(tls)
        }
        (Answer::Tls(served), Ask::Tls(ask)) => match change {
            Change::ReplaceRegistryTls(replace) if replace.registry == ask.registry => {
                Answer::Tls(Ok(ServedChain { certificates: replace.ders.clone() }))
            }
            Change::SetDtrTls(set) if set.api.registry == ask.registry => {
                Answer::Tls(Ok(ServedChain { certificates: set.ders.clone() }))
            }
            _ => Answer::Tls(served),
        },
        (Answer::Http(_) | Answer::HostCheck(_), _) if serves_anew(change) => unknown(change),
        (Answer::DtrSettings(Ok(settings)), Ask::DtrSettings(ask)) => {
            Answer::DtrSettings(Ok(lay_settings(change, ask, settings)))
        }
        (Answer::HostCheck(_), _) if matches!(change, Change::RefreshTrustStore(_)) => unknown(change),
        (Answer::Containers(_), _) if matches!(change, Change::RestartDocker(_)) => unknown(change),
        (Answer::Distribution(_), _) if touches_trust(change) => unknown(change),
        (Answer::Service(state), Ask::Service(ask)) => Answer::Service(ask.lay(change, state)),
        (Answer::Process(_) | Answer::Info(_) | Answer::Containers(_), _) if moves_docker(change) => {
            unknown(change)
        }
        (Answer::Shell(_) | Answer::Wait(_) | Answer::Request(_), _) => unknown(change),
        (Answer::Sum(_), Ask::Sum(ask)) if change.path() == Some(&ask.path) => unknown(change),
        (Answer::Glob(_), Ask::Glob(ask)) if ask.depends_on(change) => unknown(change),
        (answer, _) => answer,
    }
}

fn unknown(change: &Change) -> Answer {
    Answer::Unknown(change.summary())
}

fn generates(change: &Change, about: impl Fn(&GenerateCertificate) -> bool) -> bool {
    matches!(change, Change::GenerateCertificate(generate) if about(generate))
}

fn links(change: &Change, path: &HostPath) -> bool {
    matches!(change, Change::MakeLink(make) if !make.hard && path.is_within(&make.path))
}

const fn is_reread(change: &Change) -> bool {
    matches!(change, Change::ReloadDocker(_) | Change::RestartDocker(_))
}

fn downloads(change: &Change, path: &HostPath) -> bool {
    matches!(change, Change::Download(download) if download.path == *path)
}

fn moves_docker(change: &Change) -> bool {
    matches!(change, Change::Service(done) if done.moves_docker())
}

const fn serves_anew(change: &Change) -> bool {
    matches!(change, Change::ReplaceRegistryTls(_) | Change::SetDtrTls(_))
}

fn lay_settings(change: &Change, ask: &AskDtrSettings, mut settings: DtrSettings) -> DtrSettings {
    if let Change::SetDtrTls(set) = change
        && set.api.registry == ask.api.registry
    {
        settings.certificate = set.certificate.text().map(str::to_owned);
        if let Some(ca) = &set.ca {
            settings.ca = ca.text().map(str::to_owned);
        }
    }
    settings
}

fn pins(change: &Change, ask: &super::ask::AskLockedPin) -> bool {
    matches!(change, Change::RecordPin(record) if record.registry == ask.registry)
}

const fn touches_trust(change: &Change) -> bool {
    !matches!(change, Change::RecordPin(_) | Change::Owe(_))
}

impl ReplaceRegistryTls {
    fn lay(&self, ask: &AskRegistryTls, tls: &mut RegistryTls, facts: &Facts) {
        if ask.registry != self.registry {
            return;
        }
        if let Some(file) = tls.certificate.as_mut().filter(|file| file.path == self.certificate.path) {
            let before = self.certificate.before.as_ref().map(|before| &before.attributes);
            let now = attributes(&self.certificate.ownership, before, 0o644, facts);
            file.kind = FileKind::File(now, Some(self.certificate.content.bytes.clone()));
            file.sha256 = Some(self.certificate.content.digest());
        }
        if let Some(file) = tls.key.as_mut().filter(|file| file.path == self.key.path) {
            let before = self.key.before.as_ref().map(|before| &before.attributes);
            file.kind = FileKind::File(attributes(&self.key.ownership, before, 0o600, facts), None);
            file.sha256 = Some(self.key.sha256.clone());
        }
        if tls.served != LocalView::Blind {
            tls.served = LocalView::Chain(self.chain.clone());
        }
        tls.running = tls.running.map(|_| true);
    }
}

pub(super) fn attributes(
    ownership: &Ownership,
    before: Option<&Attributes>,
    mode: u16,
    facts: &Facts,
) -> Attributes {
    let name = |account: &Option<super::text::Account>| account.as_ref().map(|a| a.as_str().to_owned());
    Attributes {
        mode: ownership.mode.or(before.map(|b| b.mode)).unwrap_or(Mode::new(mode)),
        uid: before.map_or(facts.uid, |b| b.uid),
        gid: before.map_or(facts.uid, |b| b.gid),
        owner: name(&ownership.owner)
            .or_else(|| before.map(|b| b.owner.clone()))
            .unwrap_or_else(|| facts.user.clone()),
        group: name(&ownership.group)
            .or_else(|| before.map(|b| b.group.clone()))
            .unwrap_or_else(|| facts.user.clone()),
        size: before.map_or(0, |b| b.size),
        mtime: before.map_or(0, |b| b.mtime),
    }
}

fn written(write: &WriteFile, facts: &Facts) -> FileKind {
    let before = write.before.as_ref().map(|before| &before.attributes);
    let mut attributes = attributes(&write.ownership, before, 0o644, facts);
    attributes.size = write.content.bytes.len() as u64;
    FileKind::File(attributes, Some(write.content.bytes.clone()))
}

/// Whether making `made` makes `path`: itself or a directory above it.
fn makes(made: &HostPath, path: &HostPath) -> bool {
    made.is_within(path)
}

pub(super) fn lay_file(change: &Change, mut file: File, facts: &Facts) -> File {
    if lay_path(change, &mut file, facts) {
        return file;
    }
    match change {
        Change::WriteFile(write) if write.path == file.path => {
            file.kind = written(write, facts);
            if write.over_link.is_some() {
                file.link = None;
                file.target = None;
            }
        }
        Change::ReplaceRegistryTls(replace) if replace.certificate.path == file.path => {
            let before = replace.certificate.before.as_ref().map(|before| &before.attributes);
            let now = attributes(&replace.certificate.ownership, before, 0o644, facts);
            file.kind = FileKind::File(now, Some(replace.certificate.content.bytes.clone()));
        }
        Change::Remove(remove) if remove.path == file.path => file.kind = FileKind::Absent,
        Change::RemoveDir(remove) if remove.path == file.path => file.kind = FileKind::Absent,
        Change::MakeDir(make) if file.is_absent() && makes(&make.path, &file.path) => {
            file.kind = FileKind::Directory(attributes(&make.ownership, None, 0o755, facts));
        }
        Change::SetMode(set) if set.path == file.path => {
            file.kind = match file.kind {
                FileKind::File(now, content) => {
                    FileKind::File(attributes(&set.ownership, Some(&now), 0, facts), content)
                }
                FileKind::Directory(now) => {
                    FileKind::Directory(attributes(&set.ownership, Some(&now), 0, facts))
                }
                other => other,
            };
        }
        _ => {}
    }
    file
}

fn lay_dir(change: &Change, mut dir: Dir, facts: &Facts) -> Dir {
    let inside = |path: &HostPath| path.parent().as_ref() == Some(&dir.path);
    match change {
        Change::WriteFile(write) if inside(&write.path) => {
            set_entry(&mut dir, &write.path, written(write, facts));
        }
        Change::Remove(remove) if inside(&remove.path) => {
            dir.entries.retain(|entry| entry.name != remove.path.name());
        }
        Change::RemoveLink(remove) if inside(&remove.path) => {
            dir.entries.retain(|entry| entry.name != remove.path.name());
        }
        Change::RemoveOther(remove) if inside(&remove.path) => {
            dir.entries.retain(|entry| entry.name != remove.path.name());
        }
        Change::RemoveTree(remove) if inside(&remove.path) => {
            dir.entries.retain(|entry| entry.name != remove.path.name());
        }
        Change::RemoveTree(remove) if dir.path.is_within(&remove.path) => {
            dir.present = false;
            dir.entries.clear();
        }
        Change::BackUp(copy) if inside(&copy.copy) => {
            let content = copy.before.content.bytes.clone();
            set_entry(&mut dir, &copy.copy, FileKind::File(copy.before.attributes.clone(), Some(content)));
        }
        Change::MakeDir(make) if makes(&make.path, &dir.path) => {
            dir.present = true;
            if inside(&make.path) && !dir.entries.iter().any(|entry| entry.name == make.path.name()) {
                let made = FileKind::Directory(attributes(&make.ownership, None, 0o755, facts));
                set_entry(&mut dir, &make.path, made);
            }
        }
        Change::RemoveDir(remove) if inside(&remove.path) => {
            dir.entries.retain(|entry| entry.name != remove.path.name());
        }
        Change::RemoveDir(remove) if remove.path == dir.path => {
            dir.present = false;
            dir.entries.clear();
        }
        _ => {}
    }
    dir
}

fn set_entry(dir: &mut Dir, path: &HostPath, kind: FileKind) {
    dir.entries.retain(|entry| entry.name != path.name());
    dir.entries.push(DirEntry { name: path.name().to_owned(), link: false, kind });
    dir.entries.sort_by(|a, b| a.name.cmp(&b.name));
}

fn lay_store(change: &Change, mut store: TrustStore) -> TrustStore {
    match change {
        Change::RefreshTrustStore(refresh) => {
            store.bundle = Some(lay_bundle(refresh, store.bundle));
            store.dangling.clear();
        }
        Change::Remove(remove) => store.strays.retain(|stray| stray.path != remove.path),
        _ => {}
    }
    store
}

fn lay_bundle(refresh: &RefreshTrustStore, bundle: Option<Bundle>) -> Bundle {
    let mut bundle = bundle.unwrap_or_else(|| Bundle {
        path: refresh.bundle.clone(),
        content: Vec::new().into(),
        mtime: 0,
    });
    let der = |text: &String| STANDARD.decode(text).ok();
    let gone: Vec<Vec<u8>> = refresh.absent.iter().filter_map(der).collect();
    let mut kept = bundle.content.certificates().to_vec();
    kept.retain(|certificate| !gone.iter().any(|der| der == certificate.der()));
    for new in refresh.present.iter().filter_map(der) {
        if !kept.iter().any(|known| known.der() == new)
            && let Ok(new) = certs::Certificate::from_der(&new)
        {
            kept.push(new);
        }
    }
    // Newer than any daemon that runs now.
    bundle.mtime = i64::MAX;
    bundle.content = kept.iter().map(certs::encode).collect::<String>().into_bytes().into();
    bundle
}

fn lay_owed(change: &Change, mut records: Vec<OwedRecord>) -> Vec<OwedRecord> {
    let drop = |records: &mut Vec<OwedRecord>, ids: &[String]| records.retain(|r| !ids.contains(&r.id));
    match change {
        Change::Owe(owed) => {
            records.retain(|record| record.id != owed.id);
            records.push(owed.clone());
            records.sort_by(|a, b| a.id.cmp(&b.id));
        }
        Change::ReloadDocker(reload) => drop(&mut records, &reload.settles),
        Change::RestartDocker(restart) => drop(&mut records, &restart.settles),
        _ => {}
    }
    records
}
