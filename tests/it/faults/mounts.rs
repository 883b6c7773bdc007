//! Real disks that do not take a write: full, read-only, a file that is a mount of its own, one that cannot be changed. The old
//! bytes are kept, the error names what is wrong, and nothing is left beside the file.

use std::fs;
use std::path::Path;
use std::process::Command;

use modules::{Attributes, Before, Mode};
use modules::{Change, Content, HostPath, Ownership, Script, WriteFile, act_output};

use super::site::{has, shells};
use crate::figure::figure;

const BOUNDARY: &str = "0123456789abcdef0123456789abcdef";
const OLD: &str = "the old content\n";

/// What is made of the folder `at`, which holds `file`, and a word of the error.
const DISKS: [(&str, &str, &str); 4] = [
    ("full", "head -c 2000000 /dev/zero >at/filler 2>/dev/null; rm -f at/none; :", "is the disk full"),
    ("read-only", "mount -o remount,ro at", "Read-only file system"),
    ("a mount of its own", "mount --bind at/file at/file", "Device or resource busy"),
    (
        "immutable",
        "umount at && printf '%s\\n' 'the old content' >at/file && chattr +i at/file",
        "Operation not permitted",
    ),
];

fn script(folder: &Path) -> Script {
    let attributes = Attributes {
        mode: Mode::new(0o644),
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        owner: "root".to_owned(),
        group: "root".to_owned(),
        size: 0,
        mtime: 0,
    };
    let before = Before { content: Content::new(OLD.as_bytes().to_vec()), attributes };
    let path = HostPath::new(&format!("{}/at/file", folder.display())).unwrap();
    let content = Content::new("new line\n".repeat(20_000).into_bytes());
    let mut script = Script::new(BOUNDARY, &[]);
    let write = WriteFile::new(path, Some(before), content, Ownership::default());
    script.act(0, &Change::WriteFile(write).call().unwrap());
    script
}

/// Runs the write in a mount namespace of its own; gives back its output and what stands in the folder then.
fn on(disk: &str, shell: &[&str], folder: &Path, script: &Script) -> Option<(String, String)> {
    fs::write(folder.join("script"), format!("R=\n{}", script.text())).unwrap();
    let text = format!(
        "cd {} && mkdir -p at && mount -t tmpfs -o size=1m none at && printf '%s' \"$1\" >at/file && {{ {disk}; }} || exit 77\n\
         shift; \"$@\" script\nprintf 'STATE\\n'; ls -A at; cat at/file; chattr -i at/file 2>/dev/null; :",
        folder.display()
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &text, "sh", OLD]).args(shell);
    let output = command.output().unwrap();
    if output.status.code() == Some(77) {
        return None;
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.split_once("STATE\n").map(|(script, state)| (script.to_owned(), state.to_owned()))
}

#[test]
fn a_disk_that_takes_no_write_keeps_the_old_file() {
    if !rustix::process::geteuid().is_root() || !has("unshare") {
        eprintln!("skipped: a_disk_that_takes_no_write_keeps_the_old_file: mounts need root and unshare");
        return;
    }
    let mut count = 0;
    for shell in shells() {
        for (name, disk, reason) in DISKS {
            let dir = tempfile::tempdir().unwrap();
            let script = script(dir.path());
            let Some((output, state)) = on(disk, shell, dir.path(), &script) else {
                eprintln!("skipped: a disk that is {name}: it cannot be made here");
                continue;
            };
            let frames = script.read(&output);
            let frame = frames.get(0).expect("a frame");
            let said = act_output(&frame.body);
            assert!(frame.status != 0 && said.contains(reason), "{name}: {}: {said}", frame.status);
            assert!(state.ends_with(OLD) && !state.contains(".dtrctl-"), "{name}: {state}");
            count += 1;
        }
    }
    assert!(count > 0);
    figure(
        "R3",
        "a_disk_that_takes_no_write_keeps_the_old_file",
        &format!("torn=0 stray_files=0 of={count}"),
    );
}
