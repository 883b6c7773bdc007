//! Files of certificates: read with a bound, written whole or not at all.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::error::Failure;

/// No file with certificates is longer.
const LIMIT: u64 = 1 << 20;

/// Reads a file, or standard input for `-`.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let error = |error: std::io::Error| Failure::said(format!("`{shown}` cannot be read: {error}"));
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(LIMIT + 1).read_to_end(&mut bytes).map_err(error)?;
    } else {
        let file = std::fs::File::open(path).map_err(error)?;
        file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(error)?;
    }
    if bytes.len() as u64 > LIMIT {
        return Err(Failure::said(format!("`{shown}` is longer than the {LIMIT} bytes that are read"))
            .help("a file with certificates is shorter; was another one meant?"));
    }
    Ok(bytes)
}

/// Writes beside the file, then renames: whatever goes wrong, the old file stays as it is. False where it is already so.
pub fn write(path: &Path, text: &str) -> Result<bool, Failure> {
    // What a link leads to is written, and the link stays; a device would be replaced by a file.
    let followed = std::fs::canonicalize(path);
    let path = followed.as_deref().unwrap_or(path);
    if std::fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(Failure::said(format!("`{}` is no file", path.display()))
            .help("name a file; without `-o` it goes to standard output"));
    }
    if std::fs::read(path).is_ok_and(|now| now == text.as_bytes()) {
        return Ok(false);
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        // A certificate is public.
        let mode = std::fs::metadata(path).map_or(0o644, |metadata| metadata.permissions().mode() & 0o7777);
        let permissions = std::fs::Permissions::from_mode(mode);
        let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        std::fs::File::open(directory)?.sync_all()
    };
    write().map(|()| true).map_err(|error| {
        Failure::said(format!("`{}` cannot be written: {error}", path.display()))
            .help("nothing was changed there")
    })
}
