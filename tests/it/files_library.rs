//! The host's half of links, trees and copies, under each shell that is here; `BusyBox` with its own tools alone.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use modules::{
    Answer, Ask, AskStat, AskTree, Attributes, BackUp, Before, Change, Checksum, Content, EntityKind, Frame,
    HostPath, MakeLink, Mode, Ownership, RemoveLink, RemoveTree, Replaced, Script, Tree, Validator,
    WriteFile,
};
use tempfile::TempDir;

const BOUNDARY: &str = "0123456789abcdef0123456789abcdef";
const SHELLS: &[&[&str]] = &[&["dash"], &["busybox", "sh"], &["bash", "--posix"]];

fn each_shell(test: impl Fn(&Host)) {
    for shell in SHELLS {
        if !Command::new("which").arg(shell[0]).output().is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: no {}", shell[0]);
            continue;
        }
        let (dir, tools) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let at = fs::canonicalize(dir.path()).unwrap();
        let mut path = std::env::var("PATH").unwrap();
        if shell[0] == "busybox" {
            let install = Command::new("busybox").args(["--install", "-s"]).arg(tools.path()).status();
            assert!(install.unwrap().success());
            path = tools.path().display().to_string();
        }
        test(&Host { shell, at: &at, path });
    }
}

struct Host<'a> {
    shell: &'a [&'a str],
    at: &'a Path,
    path: String,
}

impl Host<'_> {
    fn frame(&self, fill: impl Fn(&mut Script)) -> Frame {
        let mut script = Script::new(BOUNDARY, &[]);
        fill(&mut script);
        // The library puts the system's own directories behind this one.
        let text = format!("PATH='{}'\nR=\n{}", self.path, script.text());
        let mut command = Command::new("timeout");
        let output = command.arg("20").args(self.shell).arg("-c").arg(text).output().unwrap();
        let frames = script.read(&output.stdout);
        assert_eq!(frames.ends(), 1, "{:?}: {}", self.shell, String::from_utf8_lossy(&output.stderr));
        frames.get(0).unwrap().clone()
    }

    fn make(&self, change: &Change) -> i32 {
        self.frame(|script| script.act(0, &change.call().unwrap())).status
    }

    fn ask(&self, ask: impl Into<Ask>) -> Answer {
        let ask = ask.into();
        let frame = self.frame(|script| script.answer(0, &ask.call().unwrap()));
        ask.decode(&frame, &|_| None)
    }

    fn tree(&self, name: &str) -> Tree {
        match self.ask(AskTree::new(self.path_of(name))) {
            Answer::Tree(tree) => tree,
            other => panic!("{:?}: {other:?}", self.shell),
        }
    }

    fn path_of(&self, name: &str) -> HostPath {
        HostPath::new(&format!("{}/{name}", self.at.display())).unwrap()
    }
}

fn before(content: &str) -> Before {
    let attributes = Attributes {
        mode: Mode::new(0o644),
        uid: 0,
        gid: 0,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        size: content.len() as u64,
        mtime: 0,
    };
    Before { content: Content::new(content.as_bytes().to_vec()), attributes }
}

#[test]
fn a_tree_goes_only_as_it_was_seen() {
    each_shell(|host| {
        for name in ["tree/-rf", "tree/two\nlines\n", "tree/sub/'$(id)' *", "tree/.hidden"] {
            let path = host.at.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        fs::write(host.at.join("kept"), "x").unwrap();
        symlink("../kept", host.at.join("tree/link")).unwrap();
        let tree = host.tree("tree");
        assert_eq!(tree.names(), ["-rf", ".hidden", "link", "sub/", "sub/'$(id)' *", "two\nlines\n"]);
        assert_eq!(tree.entries[2].kind, EntityKind::Link);
        let path = host.path_of("tree");
        let remove =
            Change::RemoveTree(RemoveTree { path, names: tree.names(), digest: tree.names_digest() });
        fs::write(host.at.join("tree/new"), "").unwrap();
        assert_eq!(host.make(&remove), Frame::MOVED, "{:?}", host.shell);
        fs::remove_file(host.at.join("tree/new")).unwrap();
        assert_eq!(host.make(&remove), 0, "{:?}", host.shell);
        assert!(!host.at.join("tree").exists() && host.at.join("kept").exists());
        assert!(!host.tree("tree").present);
    });
}

#[test]
fn a_link_takes_the_place_of_what_was_seen() {
    each_shell(|host| {
        for name in ["one", "two"] {
            fs::create_dir(host.at.join(name)).unwrap();
        }
        let path = host.path_of("it's $link");
        let make = |target: &str, before: Replaced| {
            let (path, target) = (path.clone(), target.to_owned());
            host.make(&Change::MakeLink(MakeLink { path, target, hard: false, before }))
        };
        assert_eq!(make("one", Replaced::Nothing), 0, "{:?}", host.shell);
        assert_eq!(make("two", Replaced::Nothing), Frame::MOVED);
        assert_eq!(make("-two \n", Replaced::Link("two".to_owned())), Frame::MOVED);
        assert_eq!(make("-two \n", Replaced::Link("one".to_owned())), 0, "{:?}", host.shell);
        assert_eq!(fs::read_link(host.at.join("it's $link")).unwrap().to_str(), Some("-two \n"));
        assert_eq!(fs::read_dir(host.at.join("one")).unwrap().count(), 0, "nothing was put behind the link");
        let remove = |target: &str| {
            host.make(&Change::RemoveLink(RemoveLink { path: path.clone(), target: target.to_owned() }))
        };
        assert_eq!((remove("one"), remove("-two \n")), (Frame::MOVED, 0));
        assert_eq!(make("one", Replaced::Nothing), 0);
        let mut write =
            WriteFile::new(path.clone(), None, Content::new(b"x".to_vec()), Ownership::mode(0o640));
        write.over_link = Some("one".to_owned());
        assert_eq!(host.make(&Change::WriteFile(write)), 0, "{:?}", host.shell);
        assert_eq!(fs::symlink_metadata(host.at.join("it's $link")).unwrap().permissions().mode(), 0o100_640);
        assert_eq!(fs::read_dir(host.at).unwrap().count(), 3, "no stray file");
    });
}

#[test]
fn a_file_is_judged_and_kept_before_it_is_replaced() {
    each_shell(|host| {
        fs::write(host.at.join("a b"), "old").unwrap();
        let path = host.path_of("a b");
        let copy = BackUp::new(&path, before("old")).unwrap();
        assert_eq!(host.make(&Change::BackUp(copy.clone())), 0, "{:?}", host.shell);
        assert_eq!(host.make(&Change::BackUp(copy.clone())), 0, "it is there already");
        assert_eq!(fs::read_to_string(copy.copy.as_str()).unwrap(), "old");
        let write = |command: &str| {
            let content = Content::new(b"new".to_vec());
            let mut write = WriteFile::new(path.clone(), Some(before("old")), content, Ownership::default());
            write.validate = Some(Validator::new(command).unwrap());
            host.make(&Change::WriteFile(write))
        };
        assert_eq!((write("grep -q old %s"), write("cp /etc/passwd %s")), (91, 91), "{:?}", host.shell);
        assert_eq!(fs::read_to_string(host.at.join("a b")).unwrap(), "old");
        assert_eq!(write("grep -q 'new' %s"), 0, "{:?}", host.shell);
        assert_eq!(fs::read_to_string(host.at.join("a b")).unwrap(), "new");
        assert_eq!(fs::read_dir(host.at).unwrap().count(), 2, "no stray file");
    });
}

#[test]
fn stat_tells_of_links_files_and_nothing() {
    each_shell(|host| {
        fs::write(host.at.join("file"), "a\n").unwrap();
        symlink("file", host.at.join("link")).unwrap();
        let stat = |name: &str, follow| {
            let (path, checksum) = (host.path_of(name), Some(Checksum::Sha1));
            match host.ask(AskStat { path, follow, checksum, times: true }) {
                Answer::Stat(stat) => stat.entry,
                other => panic!("{:?}: {other:?}", host.shell),
            }
        };
        let link = stat("link", false).unwrap();
        let source = host.path_of("file").to_string();
        assert_eq!((link.kind, link.link.as_deref()), (EntityKind::Link, Some("file")));
        assert_eq!((link.source, link.checksum), (Some(source), None));
        let file = stat("link", true).unwrap();
        assert_eq!((file.kind, file.size, file.link), (EntityKind::File, Some(2), None));
        assert_eq!(file.checksum.as_deref(), Some("3f786850e387550fdab836ed7e6dc881de23001b"));
        assert!(file.numbers.is_some_and(|numbers| numbers.links == 1 && numbers.modified > 1_000_000_000));
        assert_eq!(stat("none", false), None);
        assert_eq!(stat("none/below", true), None);
    });
}
