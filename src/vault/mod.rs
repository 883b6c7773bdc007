//! Texts that `ansible-vault` encrypted, the passwords that open them, and the masking of what was in them.
//!
//! There is one keyring in a process. Encrypted text turns up wherever a file is read, and what was in it may turn up
//! wherever something is printed: a handle that is passed along could be forgotten on either way, this one cannot.

mod envelope;
mod keyring;
mod masks;
mod password;

use std::borrow::Cow;
use std::path::Path;
use std::sync::LazyLock;

pub use envelope::is_encrypted;
pub use keyring::{Keyring, NotOpened};
pub use password::{Password, Unreadable, client, file};

static KEYRING: LazyLock<Keyring> = LazyLock::new(Keyring::default);

/// The process's keyring.
#[must_use]
pub fn keyring() -> &'static Keyring {
    &KEYRING
}

/// The text with everything that was encrypted replaced by `***`.
#[must_use]
pub fn masked(text: &str) -> Cow<'_, str> {
    KEYRING.masked(text)
}

/// Masks a value from now on: somebody has said that it is a secret.
pub fn hide(secret: &str) {
    KEYRING.hide(secret, masks::SINGLE);
}

/// Whether there is anything to mask.
#[must_use]
pub fn has_secrets() -> bool {
    KEYRING.has_secrets()
}

/// Reads a file of the controller's; an encrypted one is decrypted, and each line of it is masked from then on.
///
/// # Errors
/// The file cannot be read, or not be decrypted: the end of a sentence that begins with its name.
pub fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot be read here: {error}"))?;
    if !is_encrypted(&bytes) {
        return Ok(bytes);
    }
    let opened = KEYRING.open(&bytes).map_err(|why| format!("cannot be decrypted: {why}; {}", why.help()))?;
    KEYRING.hide(&String::from_utf8_lossy(&opened), masks::IN_FILE);
    Ok(opened.to_vec())
}
