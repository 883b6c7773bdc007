//! The system's trust store, where anchors leave it or come back to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Found, Place};
use crate::certs::{self, Certificate};
use crate::contract::{FileKind, Host, HostPath, Image, Kept, Need, OwedRecord, RefreshTrustStore};
use crate::platform::{self, TrustStoreRow};
use crate::stores::system::{System, own_bundle};

/// Whether a path is an anchor's in the store of a distribution.
pub fn is_anchor(row: &TrustStoreRow, path: &HostPath) -> bool {
    let drop = platform::path(row.drop);
    path.parent().is_some_and(|parent| parent == drop) && path.name().ends_with(row.suffix)
}

/// What has the store built anew once these places are put back.
pub fn refresh(restored: &[&Place], found: &Found, host: &Host) -> Option<RefreshTrustStore> {
    let row = platform::of(&host.facts)?;
    let system = found.store.as_ref()?;
    let anchors: Vec<&&Place> = restored.iter().filter(|place| is_anchor(row, &place.kept.path)).collect();
    if anchors.is_empty() {
        return None;
    }
    let coming: Vec<Certificate> = anchors.iter().flat_map(|place| held_before(place)).collect();
    let mut going: Vec<Certificate> = Vec::new();
    for certificate in anchors.iter().flat_map(|place| held_now(place)) {
        if !going.contains(&certificate) && !coming.contains(&certificate) {
            going.push(certificate);
        }
    }
    going.retain(|certificate| !stays(certificate, &anchors, system));
    let command = if going.is_empty() { row.refresh } else { row.refresh_removed };
    let encoded = |all: &[Certificate]| all.iter().map(|one| STANDARD.encode(one.der())).collect();
    // What a store leaves out without a word must not be looked for in it.
    let enters: Vec<Certificate> = coming.into_iter().filter(|one| !row.leaves_out(one)).collect();
    Some(RefreshTrustStore {
        command: command.iter().map(|&word| word.to_owned()).collect(),
        bundle: platform::path(row.bundle),
        drop: platform::path(row.drop),
        present: encoded(&enters),
        absent: encoded(&going),
    })
}

fn held_before(place: &Place) -> Vec<Certificate> {
    match &place.kept.before {
        Kept::File(_, Image::Content(bytes)) => certs::read_bundle(bytes).certificates,
        _ => Vec::new(),
    }
}

fn held_now(place: &Place) -> Vec<Certificate> {
    match place.file.as_ref().map(|file| &file.kind) {
        Some(FileKind::File(_, Some(bytes))) => certs::read_bundle(bytes).certificates,
        _ => Vec::new(),
    }
}

/// Whether something else brings a certificate into the bundle: another anchor, or what the distribution ships.
fn stays(certificate: &Certificate, anchors: &[&&Place], system: &System) -> bool {
    let goes = |name: &str| anchors.iter().any(|place| place.kept.path.name() == name);
    let another =
        system.drop.entries.iter().filter(|entry| !goes(&entry.name)).any(|entry| match &entry.kind {
            FileKind::File(_, Some(bytes)) => certs::read_bundle(bytes).certificates.contains(certificate),
            _ => false,
        });
    let brought = anchors.iter().filter(|place| held_now(place).contains(certificate)).count();
    let present = system.bundle().iter().filter(|other| *other == certificate).count();
    another || present > brought
}

/// dockerd reads the system's certificates once in its life.
pub fn owe(refresh: &RefreshTrustStore, found: &Found) -> Option<OwedRecord> {
    found.process.running.as_ref()?;
    if own_bundle(&found.process).is_some() || (refresh.present.is_empty() && refresh.absent.is_empty()) {
        return None;
    }
    let reason =
        "it has read the system's certificates before they were put back, and reads them once in its life";
    Some(OwedRecord { id: "system-certificates".to_owned(), need: Need::Restart, reason: reason.to_owned() })
}
