//! `dtrctl.lock`: which certificate was trusted on first use, one registry a line.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use modules::certs::RegistryHost;
use modules::{LockedPin, RecordPin};
use time::OffsetDateTime;
use time::macros::format_description;

const HEAD: &str = "# What dtrctl trusted on first use. Keep this file with the playbook: another certificate is refused.\n# To accept a new one, compare its fingerprint with the registry's own, then remove the registry's line.\n";

/// The entry of a registry.
///
/// # Errors
/// The file cannot be read, or a line of it is not understood.
pub fn read(path: &Path, registry: &RegistryHost) -> Result<Option<LockedPin>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("`{}` cannot be read: {error}", path.display())),
    };
    let wanted = registry.to_string();
    for (number, line) in
        text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty())
    {
        let place = format!("{}:{}", path.display(), number + 1);
        let mut words = line.split(' ');
        let (Some(name), Some(pin)) = (words.next(), words.next().filter(|pin| pin.starts_with("sha256:")))
        else {
            return Err(format!("{place}: a line has to be `REGISTRY sha256:FINGERPRINT …`"));
        };
        if name == wanted {
            return Ok(Some(LockedPin { pin: pin.to_owned(), place }));
        }
    }
    Ok(None)
}

/// Adds a registry's entry, unless it is there.
///
/// # Errors
/// The file cannot be read or written, or holds another certificate for the registry.
pub fn record(path: &Path, record: &RecordPin, now: OffsetDateTime) -> Result<(), String> {
    match read(path, &record.registry)? {
        Some(locked) if locked.pin == record.pin => return Ok(()),
        Some(locked) => {
            return Err(format!(
                "{} holds {} for {}, not {}",
                locked.place, locked.pin, record.registry, record.pin
            ));
        }
        None => {}
    }
    let old = std::fs::read_to_string(path).unwrap_or_else(|_| HEAD.to_owned());
    let newline = if old.ends_with('\n') { "" } else { "\n" };
    let date = now.format(format_description!("[year]-[month]-[day]")).unwrap_or_default();
    let text = format!(
        "{old}{newline}{} {} {date} {}\n",
        record.registry,
        record.pin,
        record.subject.replace('\n', " ")
    );
    write(path, &text).map_err(|error| format!("`{}` cannot be written: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Read by everyone who may read the playbook: it holds no secret.
    let permissions = std::fs::Permissions::from_mode(0o644);
    let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
