//! Variables of the command line, sealed: they may hold secrets, and a run that is resumed needs them as they were.
//!
//! The key is one a journal, beside its runs. It keeps the values out of a run's directory, so that this can be looked
//! through and handed on; whoever may read the journal as a whole may read them.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const KEY: &str = "key";

/// Seals a text for a run of this journal.
pub fn seal(journal: &Path, run: &str, text: &str) -> io::Result<String> {
    let key = key(&make_key(journal)?)?;
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).map_err(|_| io::Error::other("the system has no randomness"))?;
    let mut bytes = text.as_bytes().to_vec();
    let sealed =
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(run), &mut bytes);
    sealed.map_err(|_| io::Error::other("the variables cannot be sealed"))?;
    Ok(STANDARD.encode([&nonce[..], &bytes].concat()))
}

/// Opens what was sealed for a run; none where the key is another one, or anything was changed.
pub fn open(journal: &Path, run: &str, sealed: &str) -> Option<String> {
    let key = key(&std::fs::read(journal.join(KEY)).ok()?).ok()?;
    let bytes = STANDARD.decode(sealed).ok()?;
    let (nonce, rest) = bytes.split_first_chunk::<NONCE_LEN>()?;
    let mut rest = rest.to_vec();
    let opened = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(run), &mut rest).ok()?;
    String::from_utf8(opened.to_vec()).ok()
}

fn key(bytes: &[u8]) -> io::Result<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, bytes);
    key.map(LessSafeKey::new).map_err(|_| io::Error::other("the journal's key is not one"))
}

/// The journal's key, made where there is none. Of two runs that make it at once one wins.
fn make_key(journal: &Path) -> io::Result<Vec<u8>> {
    let path = journal.join(KEY);
    match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read,
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| io::Error::other("the system has no randomness"))?;
    let mut beside = tempfile::Builder::new().prefix(".key-").tempfile_in(journal)?;
    beside.write_all(&bytes)?;
    match beside.persist_noclobber(&path) {
        Ok(_) => Ok(bytes.to_vec()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => std::fs::read(&path),
        Err(error) => Err(error.error),
    }
}

/// A new file that nobody else reads.
pub fn private(path: &Path) -> io::Result<std::fs::File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
