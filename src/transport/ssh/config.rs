//! The files that ssh reads by itself: not what they say, but whether they are still the same. A connection made under an
//! older state of them is not used again.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::destination::Destination;

const DEPTH: usize = 4;

/// The files that decide where and to whom ssh connects.
#[derive(Debug, Default)]
pub(super) struct Files {
    paths: Vec<PathBuf>,
    /// The configuration may send a connection through another host.
    pub(super) may_proxy: bool,
}

impl Files {
    /// Those for a destination: configurations with what they include, and lists of known hosts.
    pub(super) fn of(destination: &Destination, home: &Path) -> Self {
        let mut files = Self::default();
        if let Some(file) = &destination.ssh_config {
            files.configuration(file, &home.join(".ssh"), home, 0);
        } else {
            files.configuration(&home.join(".ssh/config"), &home.join(".ssh"), home, 0);
            files.configuration(Path::new("/etc/ssh/ssh_config"), Path::new("/etc/ssh"), home, 0);
        }
        for (key, value) in &destination.options {
            files.keyword(&key.to_ascii_lowercase(), value, home);
        }
        files.paths.extend([".ssh/known_hosts", ".ssh/known_hosts2"].map(|name| home.join(name)));
        files.paths.extend(["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"].map(PathBuf::from));
        files
    }

    /// Inode, size and time of each: what changes when a file is emptied, edited or replaced.
    pub(super) fn stamps(&self) -> Vec<String> {
        self.paths.iter().map(|path| stamp(path)).collect()
    }

    fn configuration(&mut self, file: &Path, base: &Path, home: &Path, depth: usize) {
        self.paths.push(file.to_owned());
        let Ok(text) = fs::read(file) else { return };
        for line in String::from_utf8_lossy(&text).lines() {
            let line = line.trim();
            let Some((key, value)) = line.split_once(|c: char| c.is_whitespace() || c == '=') else {
                continue;
            };
            let value = value.trim_matches(|c: char| c.is_whitespace() || c == '=');
            match key.to_ascii_lowercase().as_str() {
                "include" if depth < DEPTH => {
                    for pattern in value.split_whitespace() {
                        // What is not followed may say anything.
                        self.may_proxy |= pattern.contains(['?', '[', '%', '$']) || pattern.contains("*/");
                        for included in expand(pattern, base, home) {
                            self.configuration(&included, base, home, depth + 1);
                        }
                    }
                }
                key => self.keyword(key, value, home),
            }
        }
    }

    fn keyword(&mut self, key: &str, value: &str, home: &Path) {
        match key {
            "userknownhostsfile" | "globalknownhostsfile" | "revokedhostkeys" => {
                let words = value.split_whitespace().filter(|word| !word.contains('%'));
                self.paths.extend(words.map(|word| absolute(word, home, home)));
            }
            "proxyjump" | "proxycommand" => self.may_proxy = true,
            _ => {}
        }
    }
}

fn stamp(path: &Path) -> String {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(m) => format!("{shown} {}:{}:{}.{}", m.ino(), m.size(), m.mtime(), m.mtime_nsec()),
        Err(_) => format!("{shown} absent"),
    }
}

fn absolute(word: &str, base: &Path, home: &Path) -> PathBuf {
    let word = word.trim_matches('"');
    word.strip_prefix("~/").map_or_else(|| base.join(word), |rest| home.join(rest))
}

/// The files that an `Include` names; a pattern in its last part, as in `conf.d/*.conf`, matches by its two ends.
fn expand(pattern: &str, base: &Path, home: &Path) -> Vec<PathBuf> {
    let path = absolute(pattern, base, home);
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let (Some((start, end)), Some(folder)) = (name.split_once('*'), path.parent()) else { return vec![path] };
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with(start) && name.ends_with(end.trim_start_matches('*'))
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Files;
    use crate::transport::Destination;

    #[test]
    fn follows_includes_and_sees_a_change() {
        let home = tempfile::tempdir().unwrap();
        let ssh = home.path().join(".ssh");
        fs::create_dir_all(ssh.join("conf.d")).unwrap();
        fs::write(ssh.join("config"), "Host *\n  Include conf.d/*.conf\n").unwrap();
        fs::write(ssh.join("conf.d/a.conf"), "UserKnownHostsFile=~/mine\nProxyJump gw\n").unwrap();
        fs::write(home.path().join("mine"), "key").unwrap();
        let files = || Files::of(&Destination::new("a", "a"), home.path());
        let before = files();
        assert!(before.may_proxy);
        let before = before.stamps();
        fs::write(home.path().join("mine"), "").unwrap();
        assert_ne!(before, files().stamps());
    }
}
