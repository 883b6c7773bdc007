//! A write on a folder, run by a shell under `strace`, which kills or fails it at a chosen call.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use modules::{
    Attributes, Before, Call, Change, Content, Frame, HostPath, Mode, Ownership, Script, WriteFile, digest,
};
use tempfile::TempDir;

use crate::sshd::{eventually, processes};

const BOUNDARY: &str = "0123456789abcdef0123456789abcdef";
pub const SHELLS: &[&[&str]] = &[&["dash"], &["busybox", "sh"], &["bash", "--posix"]];
pub const KINDS: [Kind; 3] = [Kind::Over, Kind::Anew, Kind::Pair];

/// What is written: a file over another, a file where there is none, a certificate with its key over others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Over,
    Anew,
    Pair,
}

/// What stands there in the end; all of it whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Old,
    New,
    /// The certificate is gone, for the moment between two keys.
    Between,
}

/// Under which calls `strace` does something: those of the shell itself, of each process, or those that name the files.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Whose {
    Shell,
    Each,
    Touching,
}

pub struct Site {
    dir: TempDir,
    shell: &'static [&'static str],
    pub kind: Kind,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} by {}", self.kind, self.shell[0])
    }
}

/// How a run under `strace` ended.
pub struct Ended {
    /// The change's frame; none where the shell was killed.
    pub frame: Option<Frame>,
    pub trace: String,
}

pub fn has(program: &str) -> bool {
    ["/bin", "/usr/bin"].iter().any(|folder| Path::new(folder).join(program).exists())
}

/// Who owns a file, for tests that may choose.
fn owner() -> (u32, u32) {
    if rustix::process::geteuid().is_root() {
        (1234, 1235)
    } else {
        (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
    }
}

fn text(kind: &str) -> String {
    format!("{kind} content, which is long\n").repeat(300)
}

impl Site {
    pub fn new(shell: &'static [&'static str], kind: Kind) -> Self {
        let dir = tempfile::Builder::new().prefix("dtrctl-site-").tempdir().unwrap();
        fs::create_dir(dir.path().join("at")).unwrap();
        let site = Self { dir, shell, kind };
        site.reset();
        let mut script = Script::new(BOUNDARY, &[]);
        script.act(0, &site.call());
        fs::write(site.dir.path().join("script"), format!("R=\n{}", script.text())).unwrap();
        site
    }

    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("at")
    }

    fn names(&self) -> &'static [&'static str] {
        if self.kind == Kind::Pair { &["cert", "key"] } else { &["file"] }
    }

    /// Everything as it was before.
    pub fn reset(&self) {
        fs::remove_dir_all(self.folder()).unwrap();
        fs::create_dir(self.folder()).unwrap();
        if self.kind == Kind::Anew {
            return;
        }
        for name in self.names() {
            let path = self.folder().join(name);
            fs::write(&path, text(&format!("old {name}"))).unwrap();
            let (uid, gid) = owner();
            chown(&path, Some(uid), Some(gid)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        }
    }

    fn call(&self) -> Call {
        let at = |name: &str| HostPath::new(&format!("{}/{name}", self.folder().display())).unwrap();
        let content = |name: &str| Content::new(text(&format!("new {name}")).into_bytes());
        let (uid, gid) = owner();
        let attributes = Attributes {
            mode: Mode::new(0o604),
            uid,
            gid,
            owner: uid.to_string(),
            group: gid.to_string(),
            size: 0,
            mtime: 0,
        };
        let before = Before { content: Content::new(text("old file").into_bytes()), attributes };
        match self.kind {
            Kind::Over => WriteFile::new(at("file"), Some(before), content("file"), Ownership::default()),
            Kind::Anew => WriteFile::new(at("file"), None, content("file"), Ownership::mode(0o604)),
            Kind::Pair => {
                let ends = |name: &str| {
                    let words = [digest(text(&format!("old {name}")).as_bytes()), content(name).digest()];
                    (at(name), words, text(&format!("new {name}")))
                };
                let who = [uid.to_string(), gid.to_string()];
                let call = ["cert", "key"].into_iter().map(ends).fold(
                    Call::new("do_pair"),
                    |call, (path, words, text)| {
                        call.path(&path).words(words).word("0604").words(who.clone()).bytes(text.as_bytes())
                    },
                );
                return call;
            }
        }
        .pipe()
    }

    /// Runs the write under `strace`, with its flags; everything that it has started has ended with it.
    pub fn run(&self, whose: Whose, flags: &[&str]) -> Ended {
        let trace = self.dir.path().join("trace");
        _ = fs::remove_file(&trace);
        let mut command = Command::new("strace");
        command.arg("-o").arg(&trace);
        if whose != Whose::Shell {
            command.arg("-f");
        }
        if whose == Whose::Touching {
            for path in self.paths() {
                command.arg("-P").arg(path);
            }
        }
        let script = self.dir.path().join("script");
        command.args(flags).args(self.shell).arg(script).stdin(Stdio::null());
        let output = command.output().unwrap();
        let here = self.dir.path().display().to_string();
        assert!(eventually(20, || !processes().iter().any(|line| line.contains(&here))));
        let script = Script::new(BOUNDARY, &[]);
        let frames = script.read(&output.stdout);
        let trace = String::from_utf8_lossy(&fs::read(trace).unwrap()).into_owned();
        Ended { frame: frames.get(0).cloned(), trace }
    }

    /// Each call that some process makes, as its name and which of that name it is; the write itself goes well.
    pub fn calls(&self, whose: Whose, flags: &[&str]) -> BTreeSet<(String, usize)> {
        self.reset();
        let ended = self.run(whose, flags);
        assert_eq!((ended.frame.unwrap().status, self.state("nothing fails")), (0, State::New));
        let mut counts = BTreeMap::new();
        let mut calls = BTreeSet::new();
        for line in ended.trace.lines() {
            let (process, rest) =
                if whose == Whose::Shell { ("", line) } else { line.split_once(' ').unwrap() };
            let name = rest.trim_start().split('(').next().unwrap();
            if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                let count = counts.entry((process, name)).or_insert(0);
                *count += 1;
                calls.insert((name.to_owned(), *count));
            }
        }
        calls
    }

    /// The files, the temporary ones beside them, and their folder.
    fn paths(&self) -> Vec<PathBuf> {
        let temporary = format!(".dtrctl-{}", &BOUNDARY[..12]);
        let names = self.names().iter().map(ToString::to_string);
        let all = names.chain([temporary.clone(), temporary + "-key", String::new()]);
        all.map(|name| PathBuf::from(format!("{}/{name}", self.folder().display()).trim_end_matches('/')))
            .collect()
    }

    /// What stands there: whole, with the mode and owner that it shall have, or the test fails.
    pub fn state(&self, when: &str) -> State {
        let states: Vec<Option<State>> = self.names().iter().map(|name| self.one(name, when)).collect();
        match states[..] {
            [Some(state)] => state,
            [None] if self.kind == Kind::Anew => State::Old,
            [Some(one), Some(two)] if one == two => one,
            [None, Some(_)] => State::Between,
            _ => panic!("{states:?}, {when}"),
        }
    }

    fn one(&self, name: &str, when: &str) -> Option<State> {
        let path = self.folder().join(name);
        let found = fs::read_to_string(&path).ok()?;
        let metadata = fs::metadata(&path).unwrap();
        let (uid, gid) = if self.kind == Kind::Anew { (metadata.uid(), metadata.gid()) } else { owner() };
        assert_eq!(
            (metadata.mode() & 0o7777, metadata.uid(), metadata.gid()),
            (0o604, uid, gid),
            "{name}, {when}"
        );
        match found {
            found if found == text(&format!("old {name}")) => Some(State::Old),
            found if found == text(&format!("new {name}")) => Some(State::New),
            found => panic!("{name} is torn: {} bytes, {when}", found.len()),
        }
    }

    /// Whether nothing stands beside the files.
    pub fn is_tidy(&self) -> bool {
        let left = fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().file_name());
        left.filter(|name| name.to_string_lossy().starts_with(".dtrctl-")).count() == 0
    }
}

/// A write as what is sent.
trait Pipe {
    fn pipe(self) -> Call;
}

impl Pipe for WriteFile {
    fn pipe(self) -> Call {
        Change::WriteFile(self).call().unwrap()
    }
}

/// The shells that are here.
pub fn shells() -> Vec<&'static [&'static str]> {
    SHELLS.iter().copied().filter(|shell| has(shell[0])).collect()
}
