//! The argument lists of ssh.

use super::destination::Destination;
use crate::transport::error::Cause;
use crate::transport::limits::Limits;
use crate::transport::quote::readable;

/// What holds for the host and for every jump host before it.
pub(super) fn policy(destination: &Destination, limits: &Limits, log: &str) -> Vec<String> {
    let mut words = vec!["-E".to_owned(), log.to_owned()];
    words.extend(config(destination));
    for option in [
        "BatchMode=yes".to_owned(),
        format!("StrictHostKeyChecking={}", destination.host_key_checking.word()),
        format!("ConnectTimeout={}", limits.connect.as_secs().max(1)),
        "LogLevel=INFO".to_owned(),
        // A connection must not change the file whose state names its socket.
        "UpdateHostKeys=no".to_owned(),
        "ServerAliveInterval=15".to_owned(),
        "ServerAliveCountMax=3".to_owned(),
    ] {
        words.extend(["-o".to_owned(), option]);
    }
    words
}

/// The master: no session, no forwarding, nothing that a configuration may have added.
pub(super) fn master(
    destination: &Destination,
    limits: &Limits,
    log: &str,
    socket: &str,
    proxy: Option<&str>,
) -> Vec<String> {
    // The first value of an option is the one that ssh takes.
    let mut words: Vec<String> = ["-M", "-N", "-f", "-T", "-a", "-x"].map(Into::into).to_vec();
    for (key, value) in &destination.options {
        words.extend(["-o".to_owned(), format!("{key}={value}")]);
    }
    words.extend(policy(destination, limits, log));
    let seconds = destination.persist.as_secs();
    for option in [
        format!("ControlPath={socket}"),
        // 0 would mean for ever; such a master is ended by us, and by this if we are killed.
        format!("ControlPersist={}", if seconds == 0 { 60 } else { seconds }),
        "ClearAllForwardings=yes".to_owned(),
        "PermitLocalCommand=no".to_owned(),
        "RemoteCommand=none".to_owned(),
        "Tunnel=no".to_owned(),
        "VisualHostKey=no".to_owned(),
    ] {
        words.extend(["-o".to_owned(), option]);
    }
    if let Some(command) = proxy {
        words.extend(["-o".to_owned(), format!("ProxyCommand={command}")]);
    }
    words.extend(target(destination));
    words
}

/// Asks ssh what its configuration says of the destination.
pub(super) fn question(destination: &Destination) -> Vec<String> {
    let mut words = vec!["-G".to_owned()];
    words.extend(config(destination));
    words.extend(target(destination));
    words
}

/// Ends a master.
pub(super) fn exit(socket: &str) -> Vec<String> {
    let path = format!("ControlPath={socket}");
    ["-F", "none", "-o", &path, "-O", "exit", "--", "master"].map(Into::into).to_vec()
}

/// The command that a person may try, quoted for a shell.
pub(super) fn attempt(destination: &Destination, cause: &Cause) -> Option<String> {
    let remote: &[&str] = match cause {
        Cause::Sudo { user, .. } => &["sudo", "-u", user, "--", "sh", "-c", "id"],
        Cause::Dns { .. }
        | Cause::Tcp { .. }
        | Cause::HostKey { .. }
        | Cause::Authentication { .. }
        | Cause::Master { .. }
        | Cause::Session { .. }
        | Cause::Shell { .. }
        | Cause::Cut { .. }
        | Cause::Timeout { .. } => &["true"],
        _ => return None,
    };
    let mut words = vec!["ssh".to_owned()];
    words.extend(config(destination));
    if matches!(cause, Cause::Sudo { .. }) {
        words.push("-t".into());
    }
    words
        .extend(["-o".to_owned(), format!("StrictHostKeyChecking={}", destination.host_key_checking.word())]);
    for (key, value) in &destination.options {
        words.extend(["-o".to_owned(), format!("{key}={value}")]);
    }
    if let Some(jump) = &destination.jump {
        words.extend(["-J".to_owned(), jump.clone()]);
    }
    words.extend(target(destination));
    words.extend(remote.iter().map(|word| (*word).to_owned()));
    Some(words.iter().map(|word| readable(word)).collect::<Vec<_>>().join(" "))
}

fn config(destination: &Destination) -> Vec<String> {
    destination
        .ssh_config
        .iter()
        .flat_map(|file| ["-F".to_owned(), file.to_string_lossy().into_owned()])
        .collect()
}

fn target(destination: &Destination) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(key) = &destination.key {
        words.extend(["-i".to_owned(), key.to_string_lossy().into_owned()]);
    }
    if let Some(user) = &destination.user {
        words.extend(["-l".to_owned(), user.clone()]);
    }
    if let Some(port) = destination.port {
        words.extend(["-p".to_owned(), port.to_string()]);
    }
    words.extend(["--".to_owned(), destination.address.clone()]);
    words
}

#[cfg(test)]
mod tests {
    use super::{attempt, master};
    use crate::transport::{Cause, Destination, Limits};

    #[test]
    fn the_address_stands_last_behind_two_dashes() {
        let mut destination = Destination::new("web1", "10.0.0.1");
        destination.user = Some("deploy".into());
        destination.persist = std::time::Duration::ZERO;
        let words = master(&destination, &Limits::default(), "/d/l", "/d/s", None);
        assert_eq!(words[words.len() - 2..], ["--", "10.0.0.1"]);
        assert!(words.contains(&"ControlPersist=60".to_owned()));
    }

    #[test]
    fn what_to_try() {
        let mut destination = Destination::new("web1", "10.0.0.1");
        (destination.port, destination.key) = (Some(2222), Some("/k/my key".into()));
        let shown = attempt(&destination, &Cause::Tcp { detail: String::new() }).unwrap();
        assert_eq!(shown, "ssh -o StrictHostKeyChecking=yes -i '/k/my key' -p 2222 -- 10.0.0.1 true");
    }
}
