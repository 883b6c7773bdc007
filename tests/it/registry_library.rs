//! The host's half of replacing a registry's certificate and key, run by each shell that is here, with a registry that is a
//! few lines of shell: it serves its certificate where key and certificate belong together.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use modules::{
    Answer, Ask, AskRegistryTls, Call, FileKind, Frame, HostPath, LocalView, RegistryService, RegistryTls,
    Script, act_output, digest,
};
use tempfile::TempDir;

/// Its first part names files of its own, so no two runs may share it.
fn boundary() -> String {
    static RUNS: AtomicUsize = AtomicUsize::new(1);
    format!("{:012x}{:020}", RUNS.fetch_add(1, Ordering::Relaxed), 0)
}

const SHELLS: &[&[&str]] = &[&["dash"], &["busybox", "sh"], &["bash", "--posix"]];

/// A host with a registry.
struct Host {
    shell: &'static [&'static str],
    dir: TempDir,
}

fn each_shell(test: impl Fn(&Host)) {
    for shell in SHELLS {
        if Command::new("which").arg(shell[0]).output().is_ok_and(|output| output.status.success()) {
            test(&Host::new(shell));
        } else {
            eprintln!("skipped: no {}", shell[0]);
        }
    }
}

/// A certificate of whatever bytes: nothing here reads more than its PEM.
fn certificate(tag: &str) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(tag);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

fn key(tag: &str) -> String {
    format!("key {tag}\n")
}

const RESTART: &str = r#"#!/bin/sh
echo restarted >>"$AT/log"
served=$AT/served; rm -f "$served"
[ ! -e "$AT/broken" ] || [ "$(sed -n 2p "$AT/tls/c" | base64 -d)" != "$(cat "$AT/broken")" ] || exit 0
[ "$(sed -n 2p "$AT/tls/c" | base64 -d)" = "$(sed 's/key //' "$AT/tls/k")" ] || exit 0
cp "$AT/tls/c" "$served"
"#;
const OPENSSL: &str = "#!/bin/sh\n[ \"$1\" = s_client ] && cat \"$AT/served\" 2>/dev/null\n";
/// Kills the whole script before or after its N-th rename.
const MV: &str = r#"#!/bin/sh
n=$(($(cat "$AT/renames" 2>/dev/null || echo 0) + 1)); echo "$n" >"$AT/renames"
[ "$KILL" != "before $n" ] || kill -9 0
PATH=${PATH#*:} mv "$@" || exit
[ "$KILL" != "after $n" ] || kill -9 0
"#;

impl Host {
    /// One that serves the pair `old`.
    fn new(shell: &'static [&'static str]) -> Self {
        let dir = TempDir::new().unwrap();
        let host = Self { shell, dir };
        for folder in ["tls", "bin"] {
            fs::create_dir(host.at(folder)).unwrap();
        }
        for (name, text) in [("restart", RESTART), ("openssl", OPENSSL), ("mv", MV)] {
            fs::write(host.at("bin").join(name), text).unwrap();
            fs::set_permissions(host.at("bin").join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        host.write("tls/c", &certificate("old"), 0o644);
        host.write("tls/k", &key("old"), 0o640);
        fs::copy(host.at("tls/c"), host.at("served")).unwrap();
        host
    }

    fn at(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.dir.path()).unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.at(name), text).unwrap();
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_default()
    }

    /// The certificate, the key, and what is served.
    fn state(&self) -> [String; 3] {
        ["tls/c", "tls/k", "served"].map(|name| self.text(name))
    }

    /// The names in the folder of the files.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.at("tls"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The names in the folder of old pairs.
    fn saved(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.at("lib/registry-tls/reg_5000")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn path(&self, name: &str) -> HostPath {
        HostPath::new(self.at(name).to_str().unwrap()).unwrap()
    }

    /// The change to a pair, from whatever is there now.
    fn change(&self, tag: &str) -> Call {
        let was = |name: &str| fs::read(self.at(name)).map_or("absent".to_owned(), |bytes| digest(&bytes));
        let call = Call::new("do_registry_tls")
            .words(["command", self.at("bin/restart").to_str().unwrap(), "127.0.0.1:5000 reg:5000", "reg"])
            .words([digest(tag.as_bytes()), digest(tag.as_bytes())])
            .number(1)
            .number(2)
            .word("reg_5000");
        let file = |call: Call, name: &str, text: String, mode: &str| {
            let words = [was(name), digest(text.as_bytes()), mode.to_owned(), "-".to_owned(), "-".to_owned()];
            call.path(&self.path(name)).words(words).bytes(text.as_bytes())
        };
        file(file(call, "tls/c", certificate(tag), "0644"), "tls/k", key(tag), "0640")
    }

    /// The change back to a pair that is kept.
    fn back_to(&self, name: &str, tag: &str) -> Call {
        let mut call = self.change(tag);
        for at in [15, 22] {
            call.args[at] = modules::Arg::Bytes(Vec::new());
        }
        call.word(name)
    }

    fn run(&self, call: &Call, kill: &str, before: &str) -> (Script, Output) {
        let mut script = Script::new(&boundary(), &[]);
        if call.function.starts_with("ask") {
            script.answer(0, call);
        } else {
            script.act(0, call);
        }
        let lib = format!("/{}", self.at("lib").display()).replace("//", "/");
        let text = format!("{before}\n{}", script.text().replace("/var/lib/dtrctl", &lib));
        fs::write(self.at("script"), text).unwrap();
        // A process group of its own: a kill takes the script and nothing else.
        let output = Command::new("timeout")
            .arg("30")
            .args(self.shell)
            .arg(self.at("script"))
            .env("PATH", format!("{}:{}", self.at("bin").display(), std::env::var("PATH").unwrap()))
            .env("AT", self.at(""))
            .env("KILL", kill)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (script, output)
    }

    fn act(&self, call: &Call) -> (i32, String) {
        self.act_after(call, "")
    }

    fn act_after(&self, call: &Call, before: &str) -> (i32, String) {
        let (script, output) = self.run(call, "", before);
        let frames = script.read(&output.stdout);
        assert_eq!(frames.ends(), 1, "{:?}: {}", self.shell, String::from_utf8_lossy(&output.stderr));
        let frame = frames.get(0).unwrap();
        (frame.status, act_output(&frame.body))
    }

    #[track_caller]
    fn holds(&self, tag: &str) {
        assert_eq!(self.state(), [certificate(tag), key(tag), certificate(tag)], "{:?}", self.shell);
        assert_eq!(self.names(), ["c", "k"], "{:?}", self.shell);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_new_pair_goes_live_and_the_old_one_is_kept_apart() {
    each_shell(|host| {
        let (status, said) = host.act(&host.change("new"));
        assert_eq!(status, 0, "{:?} {said}", host.shell);
        host.holds("new");
        assert!(said.contains("down="), "{said}");
        assert_eq!((mode(&host.at("tls/c")), mode(&host.at("tls/k"))), (0o644, 0o640));
        let saved = host.saved();
        assert_eq!(saved.len(), 1, "{saved:?}");
        let old = host.at("lib/registry-tls/reg_5000").join(&saved[0]);
        assert_eq!(mode(&old), 0o700);
        assert_eq!(fs::read_to_string(old.join("key")).unwrap(), key("old"));
        assert_eq!(fs::read_to_string(old.join("certificate")).unwrap(), certificate("old"));
        let (status, said) = host.act(&host.back_to(&saved[0], "old"));
        assert_eq!(status, 0, "{:?} {said}", host.shell);
        host.holds("old");
        for tag in ["three", "four", "five"] {
            assert_eq!(host.act(&host.change(tag)).0, 0);
            host.holds(tag);
        }
        assert_eq!(host.saved().len(), 2, "as many as `keep` says");
    });
}

#[test]
fn a_registry_that_does_not_come_up_gets_its_old_pair_back() {
    each_shell(|host| {
        host.write("broken", "new", 0o600);
        let (status, said) = host.act(&host.change("new"));
        assert_eq!(status, Frame::PUT_BACK, "{:?} {said}", host.shell);
        host.holds("old");
        assert!(
            said.contains("does not serve the new certificate") && said.contains("is served again"),
            "{said}"
        );
        assert_eq!(host.saved(), Vec::<String>::new());
        assert_eq!((mode(&host.at("tls/c")), mode(&host.at("tls/k"))), (0o644, 0o640));
        assert!(!said.contains("key new") && !said.contains("key old"), "{said}");
    });
}

#[test]
fn where_there_were_no_files_there_are_none_again() {
    each_shell(|host| {
        for name in ["tls/c", "tls/k", "served"] {
            fs::remove_file(host.at(name)).unwrap();
        }
        host.write("broken", "new", 0o600);
        let (status, said) = host.act(&host.change("new"));
        assert_eq!(status, Frame::PUT_BACK, "{said}");
        assert_eq!(host.names(), Vec::<String>::new());
        fs::remove_file(host.at("broken")).unwrap();
        let (status, said) = host.act(&host.change("new"));
        assert_eq!(status, 0, "{said}");
        assert!(said.contains("was=nobody"), "{said}");
        host.holds("new");
        assert_eq!(mode(&host.at("tls/k")), 0o640);
    });
}

#[test]
fn a_pair_that_has_moved_on_and_a_full_disk_touch_nothing() {
    each_shell(|host| {
        let call = host.change("new");
        host.write("tls/k", "another's", 0o640);
        assert_eq!(host.act(&call).0, Frame::MOVED, "{:?}", host.shell);
        assert_eq!(host.text("tls/k"), "another's");
        host.write("tls/k", &key("old"), 0o640);
        let long = "x".repeat(100_000);
        let (status, said) = host.act_after(&host.change(&long), "trap '' XFSZ; ulimit -f 8");
        assert_eq!(status, Frame::SHORT, "{:?} {said}", host.shell);
        host.holds("old");
        assert_eq!((host.saved(), host.text("log")), (Vec::new(), String::new()), "{:?}", host.shell);
    });
}

#[test]
fn files_that_are_right_and_not_read_yet_cost_a_restart_alone() {
    each_shell(|host| {
        host.write("tls/c", &certificate("new"), 0o644);
        host.write("tls/k", &key("new"), 0o640);
        let (status, said) = host.act(&host.change("new"));
        assert_eq!(status, 0, "{said}");
        host.holds("new");
        assert_eq!(host.saved(), Vec::<String>::new());
        // With nothing to go back to it says so.
        host.write("broken", "new", 0o600);
        let (status, said) = host.act(&host.change("new"));
        assert_eq!(status, 1, "{said}");
        assert!(said.contains("does not serve"), "{said}");
        assert_eq!(host.text("tls/c"), certificate("new"));
    });
}

/// Each point at which a file is renamed: the mark, the certificate, the key.
fn points() -> impl Iterator<Item = String> {
    (1..=3).flat_map(|n| [format!("before {n}"), format!("after {n}")])
}

#[test]
fn killed_anywhere_the_next_run_makes_it_whole() {
    each_shell(|host| {
        let mut mixed = 0;
        for point in points() {
            let host = Host::new(host.shell);
            let (_, output) = host.run(&host.change("new"), &point, "");
            assert!(!output.status.success(), "{point}: it was killed");
            let [c, k, served] = host.state();
            assert_eq!(served, certificate("old"), "{point}");
            assert!(c == certificate("old") || c == certificate("new"), "{point}: torn");
            assert!(k == key("old") || k == key("new"), "{point}: torn");
            mixed += usize::from((c == certificate("new")) != (k == key("new")));
            let (status, said) = host.act(&host.change("new"));
            assert_eq!(status, 0, "{point}: {said}");
            host.holds("new");
            assert!(!host.saved().contains(&"unfinished".to_owned()), "{point}");
        }
        assert!(mixed > 0, "one of the points leaves a mixed pair");
    });
}

#[test]
fn after_a_kill_it_is_the_last_good_pair_that_is_put_back() {
    each_shell(|host| {
        for point in points() {
            let host = Host::new(host.shell);
            host.run(&host.change("new"), &point, "");
            host.write("broken", "new", 0o600);
            fs::remove_file(host.at("renames")).unwrap();
            let (status, said) = host.act(&host.change("new"));
            assert_eq!(status, Frame::PUT_BACK, "{point}: {said}");
            host.holds("old");
        }
    });
}

#[test]
fn a_copy_of_long_ago_is_not_what_is_put_back() {
    each_shell(|host| {
        // Killed after both renames; somebody then restarts the registry by hand: the new pair is the good one.
        host.run(&host.change("new"), "after 3", "");
        Command::new(host.at("bin/restart")).env("AT", host.at("")).status().unwrap();
        host.holds("new");
        host.write("broken", "newer", 0o600);
        let (status, said) = host.act(&host.change("newer"));
        assert_eq!(status, Frame::PUT_BACK, "{said}");
        host.holds("new");
    });
}

/// What is answered of a registry in a sandbox with these files.
fn asked(host: &Host, config: &str, certificate: Option<&str>, key: Option<&str>) -> RegistryTls {
    let root = host.at("root");
    fs::create_dir_all(root.join("etc/docker/registry")).unwrap();
    fs::create_dir_all(root.join("tls")).unwrap();
    fs::write(root.join("etc/docker/registry/config.yml"), config).unwrap();
    fs::write(root.join("tls/c"), self::certificate("old")).unwrap();
    fs::write(root.join("tls/k"), "-----BEGIN PRIVATE KEY-----\ncanary\n").unwrap();
    let path = |text: &str| HostPath::new(text).unwrap();
    let ask = Ask::RegistryTls(AskRegistryTls {
        service: RegistryService::Service("docker-registry".to_owned()),
        registry: "reg:5000".parse().unwrap(),
        addresses: vec!["127.0.0.1:5000".to_owned()],
        config: None,
        certificate: certificate.map(path),
        key: key.map(path),
        saved: None,
    });
    let (script, output) = host.run(&ask.call().unwrap(), "", &format!("R='{}'", root.display()));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("canary") && !text.contains("Y2FuYXJ5"), "the key is sent: {text}");
    match ask.decode(script.read(&text).get(0).unwrap(), &|_| None) {
        Answer::RegistryTls(found) => *found,
        other => panic!("{other:?} {text} {}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn the_files_are_found_in_the_configuration_and_the_key_is_not_sent() {
    each_shell(|host| {
        for config in [
            "version: 0.1\nhttp:\n  addr: :5000\n  tls:\n    certificate: /tls/c # ours\n    key: \"/tls/k\"\nauth:\n  tls:\n    key: /no\n",
            "http:\r\n    tls: {certificate: /tls/c, key: '/tls/k'}\r\n",
            "http:\n  <<: *more\n  tls:\n    clientcas:\n    - /ca.pem\n    certificate: /tls/c\n    key: /tls/k\n    <<: *rest\n",
        ] {
            let found = asked(host, config, None, None);
            let (certificate, key) = (found.certificate.unwrap(), found.key.unwrap());
            assert_eq!(
                (certificate.path.as_str(), key.path.as_str()),
                ("/tls/c", "/tls/k"),
                "{:?}",
                host.shell
            );
            assert_eq!(certificate.sha256, Some(digest(self::certificate("old").as_bytes())));
            assert!(
                matches!(&certificate.kind, FileKind::File(_, Some(text)) if *text == self::certificate("old").as_bytes())
            );
            assert!(matches!(&key.kind, FileKind::File(_, None)));
            assert!(key.holds_key && !certificate.holds_key);
            assert_eq!(found.served, LocalView::Blind);
        }
        let problem = |config: &str| asked(host, config, None, None).problem.map(|(word, _)| word);
        assert_eq!(problem("http:\n  addr: :5000\n"), Some("no_certificate".to_owned()));
        assert_eq!(problem("http:\n  tls:\n    certificate: /tls/c\n"), Some("no_key".to_owned()));
        assert_eq!(
            problem("http: {tls: {certificate: /tls/c, key: /tls/k}}\n"),
            Some("odd_config".to_owned())
        );
        assert_eq!(
            problem("http:\n  tls:\n    certificate: *c\n    key: /tls/k\n"),
            Some("odd_config".to_owned())
        );
        for merged in [
            "http:\n  <<: *defaults\n",
            "http:\n  tls:\n    <<: *defaults\n    key: /tls/k\n",
            "http:\n  tls:\n    - certificate: /tls/c\n",
            "http:\n  tls:\n  - certificate: /tls/c\n",
        ] {
            assert_eq!(problem(merged), Some("odd_config".to_owned()), "{:?}: {merged}", host.shell);
        }
        assert_eq!(
            problem("http:\n  tls:\n    certificate: tls/c\n    key: /tls/k\n"),
            Some("relative".to_owned())
        );
        // A certificate's file with a key in it is not sent either, and paths that are given win.
        let mixed = asked(host, "", Some("/tls/k"), Some("/none/k"));
        assert!(mixed.certificate.unwrap().holds_key);
        let absent = mixed.key.unwrap();
        assert!(absent.kind == FileKind::Absent && !absent.has_directory, "{:?}", host.shell);
    });
}
