//! `generate_cert` and `dtrctl cert` as their user runs them: the law, secrets, cut runs, many hosts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use dtrctl::net::stand_in::StandIn;
use modules::certs::{self, PrivateKey};
use modules::{Call, HostPath, Script, digest};
use serde_json::Value as Json;

use crate::harness::{Ran, World};

const TASKS: &str = "\
- name: folder
  file: {path: /etc/pki/dtr, state: directory}
- name: ca
  generate_cert: {kind: ca, path: /etc/pki/dtr/ca.pem, key: /etc/pki/dtr/ca.key, name: Example CA, permitted: corp}
  register: authority
- name: server
  generate_cert: {kind: server, path: /etc/pki/dtr/dtr.pem, key: /etc/pki/dtr/dtr.key, names: [dtr.corp], ca: /etc/pki/dtr/ca.pem, ca_key: /etc/pki/dtr/ca.key}
  register: made
- name: request
  generate_cert: {kind: request, path: /etc/pki/dtr/dtr.csr, key: /etc/pki/dtr/csr.key, names: dtr.corp}
- name: say
  debug: {msg: \"{{ made.fingerprint }} {{ made.not_after }} {{ authority.certificate }}\"}
";

/// What no output may hold: a line of each key below a folder.
fn canaries(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let keys = names.filter(|path| path.extension().is_some_and(|ending| ending == "key"));
    let line = |path| fs::read_to_string(path).unwrap().lines().nth(1).unwrap().to_owned();
    keys.map(line).collect()
}

/// Every file below a folder, as one text.
fn everything(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        text += &if path.is_dir() {
            everything(&path)
        } else {
            String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()
        };
    }
    text
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn check_apply_apply_and_no_word_of_a_key() {
    let world = World::new().tasks(TASKS);
    let law = world.law(&["--events", "events.jsonl", "--junit", "report.xml"]);
    assert_eq!(law.first.recap("web1")["state"], "changed");
    assert_eq!(law.second.outcomes("web1"), ["folder: ok", "ca: ok", "server: ok", "request: ok", "say: ok"]);
    let said = law.first.messages("web1").pop().unwrap();
    assert!(
        said.as_str().unwrap().contains("sha256:") && said.as_str().unwrap().contains("BEGIN CERTIFICATE"),
        "{said}"
    );
    let folder = world.root("web1").join("etc/pki/dtr");
    let keys = canaries(&folder);
    assert_eq!(keys.len(), 3);
    let human = world.apply(&["--diff"]).run();
    let mut shown = [&law.check, &law.first, &law.second, &human]
        .map(|ran: &Ran| format!("{}{}", ran.stdout, ran.stderr))
        .concat();
    for name in ["cache", "home", "events.jsonl", "report.xml"] {
        let path = world.path(name);
        shown += &if path.is_dir() { everything(&path) } else { fs::read_to_string(&path).unwrap() };
    }
    for key in &keys {
        assert!(key.len() > 40 && !shown.contains(key), "a key is shown");
    }
    for name in ["ca", "dtr", "csr"] {
        let key = folder.join(format!("{name}.key"));
        assert_eq!(mode(&key), 0o600);
        assert!(!shown.contains(&digest(&fs::read(&key).unwrap())), "a key's digest is shown");
    }
    assert_eq!(mode(&folder.join("dtr.pem")), 0o644);
    assert!(!everything(&folder).contains(".dtrctl-"));
}

#[test]
fn what_check_cannot_know_is_unknown_and_never_ok() {
    let world = World::new().tasks(TASKS);
    let ran = world.events(&["--check"]).run();
    let outcomes = ran.outcomes("web1");
    assert_eq!(outcomes[1], "ca: changed");
    assert_eq!(outcomes[2], "server: unknown", "it needs the CA, which is not made yet");
    assert_eq!(outcomes[4], "say: unknown");
    world.apply(&[]).run();
    // With the CA in place, check knows, but for the certificate itself.
    let tasks = TASKS.replace("[dtr.corp]", "[dtr.corp, b.corp]");
    let world = world.tasks(&tasks);
    let ran = world.events(&["--check"]).run();
    assert_eq!(ran.outcomes("web1")[1..3], ["ca: ok", "server: changed"]);
    assert_eq!(ran.outcomes("web1")[4], "say: unknown");
}

#[test]
fn many_hosts_that_delegate_it_make_it_once() {
    let hosts = ["web1", "web2", "web3", "web4"];
    let world = World::with(&hosts);
    let pki = world.path("pki");
    fs::create_dir(&pki).unwrap();
    let task = format!(
        "- name: server\n  generate_cert: {{kind: self_signed, path: {0}/dtr.pem, key: {0}/dtr.key, names: dtr.corp}}\n  delegate_to: localhost\n  register: made\n- debug: {{msg: \"{{{{ made.fingerprint }}}}\"}}\n",
        pki.display()
    );
    let world = world.tasks(&task);
    let check = world.events(&["--check"]).run();
    assert!(!pki.join("dtr.pem").exists());
    let first = world.events(&[]).run();
    for host in hosts {
        assert_eq!(check.outcomes(host), ["server: changed", "debug: unknown"]);
    }
    let changed = hosts.iter().filter(|host| first.outcomes(host)[0].ends_with("changed")).count();
    assert!(changed >= 1, "{}", first.stdout);
    let fingerprint =
        format!("sha256:{}", certs::read(&fs::read(pki.join("dtr.pem")).unwrap()).unwrap()[0].facts().sha256);
    for host in hosts {
        assert_eq!(first.messages(host)[1], fingerprint.as_str(), "all see the one that is there");
    }
    assert_eq!(changed, 1, "the others find it done");
    let second = world.events(&[]).run();
    assert!(second.plan().is_empty());
    assert_eq!(mode(&pki.join("dtr.key")), 0o600);
}

/// A pair to be written, as the engine calls for it.
fn pair(at: &Path, before: [&str; 2], certificate: &[u8], key: Option<&[u8]>) -> Call {
    let path = |name: &str| HostPath::new(&format!("{}/{name}", at.display())).unwrap();
    Call::new("do_pair")
        .path(&path("x.pem"))
        .word(before[0])
        .word(digest(certificate))
        .words(["0644", "-", "-"])
        .bytes(certificate)
        .path(&path("x.key"))
        .word(before[1])
        .word(key.map_or("kept".to_owned(), digest))
        .words(["0600", "-", "-"])
        .bytes(key.unwrap_or_default())
}

/// Whether the script came to its end, killed before the `at`th command that changes something.
fn killed_at(shell: &[&str], folder: &Path, call: &Call, at: usize) -> Option<i32> {
    let mut script = Script::new("0123456789abcdef0123456789abcdef", &[]);
    script.act(0, call);
    let counter = folder.join("count");
    fs::write(&counter, "0").unwrap();
    let step = format!(
        "step() {{ n=$(($(command cat '{0}') + 1)); echo $n >'{0}'; [ $n -ne {at} ] || kill -9 0; }}\n",
        counter.display()
    );
    let wrap = ["mv", "rm", "sync", "chmod"]
        .map(|tool| format!("{tool}() {{ step; command {tool} \"$@\"; }}\n"))
        .concat();
    let text = format!("R=''\n{step}{wrap}{}", script.text());
    let output = Command::new("timeout").arg("20").args(shell).arg("-c").arg(text).output().unwrap();
    fs::remove_file(counter).unwrap();
    let frames = script.read(&output.stdout);
    frames.get(0).map(|frame| frame.status)
}

#[test]
fn a_cut_run_leaves_no_certificate_beside_a_foreign_key() {
    let shells: [&[&str]; 3] = [&["dash"], &["busybox", "sh"], &["bash", "--posix"]];
    let old = [b"old certificate".as_slice(), b"old key"];
    let new = [b"new certificate".as_slice(), b"new key"];
    for shell in shells {
        if !Command::new("which").arg(shell[0]).output().is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: no {}", shell[0]);
            continue;
        }
        for was_there in [true, false] {
            let mut seen = 0;
            for at in 1..40 {
                let dir = tempfile::TempDir::new().unwrap();
                let folder = fs::canonicalize(dir.path()).unwrap();
                if was_there {
                    fs::write(folder.join("x.pem"), old[0]).unwrap();
                    fs::write(folder.join("x.key"), old[1]).unwrap();
                }
                let before = if was_there {
                    [digest(old[0]), digest(old[1])]
                } else {
                    ["absent".into(), "absent".into()]
                };
                let call = pair(&folder, [&before[0], &before[1]], new[0], Some(new[1]));
                let end = killed_at(shell, &folder, &call, at);
                let read = |name: &str| fs::read(folder.join(name)).ok();
                let (certificate, key) = (read("x.pem"), read("x.key"));
                let whole = [Some(old[1].to_vec()), Some(new[1].to_vec()), None].contains(&key);
                let fits = match certificate.as_deref() {
                    None => true,
                    Some(text) if text == old[0] => key.as_deref() == Some(old[1]),
                    Some(text) => text == new[0] && key.as_deref() == Some(new[1]),
                };
                assert!(whole && fits, "{shell:?} at {at}: {certificate:?} beside {key:?}");
                for name in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                    let is_key = fs::read(&name).unwrap() == new[1];
                    assert!(!is_key || mode(&name) == 0o600, "{}", name.display());
                }
                seen = at;
                if end == Some(0) {
                    assert_eq!((certificate.as_deref(), key.as_deref()), (Some(new[0]), Some(new[1])));
                    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
                    break;
                }
                assert_eq!(end, None, "{shell:?} at {at}");
            }
            assert!((5..39).contains(&seen), "{shell:?}: {seen} steps were cut");
        }
    }
}

#[test]
fn a_pair_that_has_moved_on_is_refused_untouched() {
    let dir = tempfile::TempDir::new().unwrap();
    let folder = fs::canonicalize(dir.path()).unwrap();
    fs::write(folder.join("x.pem"), "old").unwrap();
    fs::write(folder.join("x.key"), "another key").unwrap();
    for (before, key) in [
        ([digest(b"old"), digest(b"old key")], None),
        ([digest(b"old"), digest(b"old key")], Some(b"new key".as_slice())),
        ([digest(b"older"), digest(b"another key")], None),
        ([digest(b"old"), "absent".to_owned()], Some(b"new key".as_slice())),
        (["absent".to_owned(), digest(b"another key")], None),
    ] {
        let call = pair(&folder, [&before[0], &before[1]], b"new", key);
        assert_eq!(killed_at(&["sh"], &folder, &call, 1000), Some(96));
        assert_eq!(fs::read(folder.join("x.pem")).unwrap(), b"old");
        assert_eq!(fs::read(folder.join("x.key")).unwrap(), b"another key");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "no draft is left");
    }
    let call = pair(&folder, [&digest(b"old"), &digest(b"another key")], b"new", None);
    assert_eq!(killed_at(&["sh"], &folder, &call, 1000), Some(0));
    assert_eq!(fs::read(folder.join("x.pem")).unwrap(), b"new");
    assert_eq!(fs::read(folder.join("x.key")).unwrap(), b"another key");
}

#[test]
fn the_command_does_the_same() {
    let world = World::new();
    let at = |name: &str| world.path(name);
    let make_ca = ["cert", "generate", "--ca", "--name", "Example {{ CA }}", "--permit", "corp,127.0.0.0/8"];
    let check = world.dtrctl(&make_ca).args(&["--check", "--detailed-exitcode"]).code(2).run();
    assert!(
        check.stdout.starts_with("would generate the CA certificate $WORLD/ca.pem for `Example {{ CA }}`"),
        "{}",
        check.stdout
    );
    assert!(!at("ca.pem").exists() && !at("ca.key").exists());
    let made = world.dtrctl(&make_ca).run();
    assert!(made.stdout.contains("(made)") && made.stdout.contains("sha256:"), "{}", made.stdout);
    let before = fs::read(at("ca.pem")).unwrap();
    let kept = world.dtrctl(&make_ca).args(&["--check", "--detailed-exitcode"]).run();
    assert!(kept.stdout.contains("(kept as it is)"), "{}", kept.stdout);
    assert_eq!(fs::read(at("ca.pem")).unwrap(), before);
    let sign =
        ["cert", "generate", "--for", "dtr.corp:5000", "--san", "127.0.0.1,*.dtr.corp", "--ca", "ca.pem"];
    let json: Json =
        serde_json::from_str(&world.dtrctl(&sign).args(&["--format", "json"]).run().stdout).unwrap();
    assert_eq!(
        (&json["changed"], &json["path"], &json["subject"]),
        (&true.into(), &"$WORLD/dtr.corp.pem".into(), &"CN=dtr.corp".into())
    );
    assert_eq!(json["san"].as_array().unwrap().len(), 3);
    world.dtrctl(&sign).run();
    world
        .dtrctl(&[
            "cert",
            "generate",
            "--for",
            "dtr.corp",
            "--csr",
            "--key-type",
            "rsa-2048",
            "--key",
            "csr.key",
        ])
        .run();
    world
        .dtrctl(&["cert", "generate", "--for", "dtr.corp", "--self-signed", "-o", "self.pem"])
        .any_stderr()
        .run();
    let leaf = certs::read(&fs::read(at("dtr.corp.pem")).unwrap()).unwrap().remove(0);
    assert!(PrivateKey::read(&fs::read(at("dtr.corp.key")).unwrap()).unwrap().fits(&leaf));
    for (name, file) in
        [("ca.key", 0o600), ("dtr.corp.key", 0o600), ("csr.key", 0o600), ("dtr.corp.pem", 0o644)]
    {
        assert_eq!(mode(&at(name)), file, "{name}");
    }
    let shown = [check, made, kept].map(|ran| ran.stdout + &ran.stderr).concat() + &json.to_string();
    let keys = canaries(&at(""));
    assert_eq!(keys.len(), 4);
    assert!(keys.iter().all(|key| !shown.contains(key)));
}

#[test]
fn a_wrong_command_line_says_what_to_do_and_touches_nothing() {
    let world = World::new().file("full.key", "hello").file("full.pem", "hello");
    for (args, says) in [
        (&["--for", "dtr.corp"][..], "nothing says who signs"),
        (&["--ca", "--for", "dtr.corp"], "a CA is for no host"),
        (&["--ca"], "a CA needs a `name`"),
        (&["--for", "dtr.corp", "--ca", "none.pem"], "none.pem` is not there"),
        (&["--csr"], "`names` is empty"),
        (&["--csr", "--for", "dtr.corp", "-o", "none/x.csr"], "is not a directory"),
        (&["--self-signed", "--for", "dtr.corp", "-o", "full.pem"], "full.key"),
        (&["--self-signed", "--for", "dtr.corp", "--days", "9999"], "1 to 824"),
        (&["--self-signed", "--for", "https://dtr.corp"], "has a scheme"),
        (&["--self-signed", "--for", "dtr.corp", "-o", "-"], "a key is never printed"),
        (&["--self-signed", "--for", "dtr.corp", "--key", "-"], "a key is never printed"),
    ] {
        let before = everything(&world.path(""));
        let ran = world.dtrctl(&["cert", "generate"]).args(args).code(1).any_stderr().run();
        assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
        assert_eq!(everything(&world.path("")), before, "{args:?}");
    }
}

#[test]
fn fetch_gives_the_chain_and_says_what_proves_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let stand_in = runtime.block_on(StandIn::start()).unwrap();
    let registry = format!("localhost:{}", stand_in.address.port());
    let world = World::new().file("root.pem", &stand_in.root).file("old.pem", "the old file\n");
    let fetch = ["cert", "fetch", &registry];
    let bare = world.dtrctl(&fetch).any_stderr().run();
    let chain = certs::read(bare.stdout.as_bytes()).unwrap();
    assert!(
        bare.stderr.contains("NOT PROVEN") && bare.stderr.contains(&chain[0].facts().sha256),
        "{}",
        bare.stderr
    );
    let pin = format!("sha256:{}", chain[0].facts().sha256);
    for proof in [["--pin", &pin], ["--ca", "root.pem"]] {
        let ran = world.dtrctl(&fetch).args(&proof).args(&["-o", "got.pem"]).any_stderr().run();
        assert!(ran.stdout.is_empty() && ran.stderr.contains("proven: "), "{}", ran.stderr);
        assert_eq!(certs::read(&fs::read(world.path("got.pem")).unwrap()).unwrap(), chain);
    }
    world.dtrctl(&fetch).args(&["--ca", "root.pem", "--anchor", "-o", "anchor.pem"]).any_stderr().run();
    let root = certs::read(stand_in.root.as_bytes()).unwrap();
    assert_eq!(certs::read(&fs::read(world.path("anchor.pem")).unwrap()).unwrap(), root);
    // `-` is standard output, what a link leads to is written, and what is no file stays what it is.
    let printed = world.dtrctl(&fetch).args(&["-o", "-"]).any_stderr().run();
    assert_eq!(printed.stdout, bare.stdout);
    std::os::unix::fs::symlink("got.pem", world.path("link.pem")).unwrap();
    world.dtrctl(&fetch).args(&["--ca", "root.pem", "--anchor", "-o", "link.pem"]).any_stderr().run();
    assert!(world.path("link.pem").is_symlink());
    assert_eq!(certs::read(&fs::read(world.path("got.pem")).unwrap()).unwrap(), root);
    let socket = std::os::unix::net::UnixListener::bind(world.path("socket")).unwrap();
    let ran = world.dtrctl(&fetch).args(&["-o", "socket"]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("is no file"), "{}", ran.stderr);
    assert!(!world.path("socket").is_file());
    drop(socket);
    // Whatever goes wrong, the file that is there stays.
    let wrong = format!("sha256:{}", "0".repeat(64));
    let down = format!("localhost:{}", crate::sshd::free_port());
    for (registry, more, code, says) in [
        (&registry, &["--pin", wrong.as_str()][..], 3, "no certificate on the path matches a pin"),
        (&down, &[][..], 4, "refused the connection"),
    ] {
        let ran = world
            .dtrctl(&["cert", "fetch", registry, "-o", "old.pem"])
            .args(more)
            .code(code)
            .any_stderr()
            .run();
        assert!(ran.stderr.contains(says) && ran.stdout.is_empty(), "{}", ran.stderr);
        assert_eq!(fs::read(world.path("old.pem")).unwrap(), b"the old file\n");
    }
}

#[test]
fn a_result_that_is_not_written_whole_is_no_success() {
    let world = World::new();
    world.dtrctl(&["cert", "generate", "--ca", "--name", "Example CA"]).any_stderr().run();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dtrctl"))
        .args(["cert", "inspect"])
        .arg(world.path("ca.pem"))
        .stdout(full)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("standard output cannot be written"), "{said}");
}

#[test]
fn fetch_says_of_plain_http_that_it_is() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let registry = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream
            .write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request to an HTTP server.\n");
    });
    let world = World::new().file("old.pem", "the old file\n");
    let ran = world.dtrctl(&["cert", "fetch", &registry, "-o", "old.pem"]).code(3).any_stderr().run();
    server.join().unwrap();
    assert!(ran.stderr.contains("speaks plain HTTP") && ran.stdout.is_empty(), "{}", ran.stderr);
    assert_eq!(fs::read(world.path("old.pem")).unwrap(), b"the old file\n");
}

#[test]
fn inspect_shows_all_but_a_key() {
    let world = World::new();
    world.dtrctl(&["cert", "generate", "--ca", "--name", "Example CA", "--permit", "corp"]).run();
    world.dtrctl(&["cert", "generate", "--for", "dtr.corp", "--ca", "ca.pem"]).run();
    let file = |name: &str| fs::read_to_string(world.path(name)).unwrap();
    let (ca, leaf, key) = (file("ca.pem"), file("dtr.corp.pem"), file("dtr.corp.key"));
    let all = format!("{leaf}{key}{ca}{ca}");
    fs::write(world.path("all.pem"), all).unwrap();
    let ran = world.dtrctl(&["cert", "inspect", "all.pem"]).any_stderr().run();
    for part in [
        "CN=dtr.corp",
        "DNS:dtr.corp",
        "permitted DNS:corp",
        "sha256:",
        "spki:",
        "364 days left",
        "PRIVATE KEY (not shown)",
        "RHEL, SUSE and Arch drop it",
        "RHEL, SUSE and Arch take it",
        "stands here more than once",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    assert!(ran.stderr.contains("WARNING: a private key stands at line"), "{}", ran.stderr);
    let body = key.lines().nth(1).unwrap();
    assert!(!ran.stdout.contains(body) && !ran.stderr.contains(body));
    let json =
        world.dtrctl(&["cert", "inspect", "-", "--format", "json"]).stdin(&format!("{leaf}{ca}")).run();
    let json: Json = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["certificates"][0]["dns_names"][0], "dtr.corp");
    assert_eq!(json["certificates"][1]["enters_p11_kit"], true);
    assert!(json["remarks"][0].as_str().unwrap().contains("in a server's order"), "{json}");
    // DER, and what is no certificate.
    let der = certs::read(ca.as_bytes()).unwrap()[0].der().to_vec();
    fs::write(world.path("ca.der"), der).unwrap();
    assert!(world.dtrctl(&["cert", "inspect", "ca.der"]).run().stdout.contains("CN=Example CA"));
    for (text, says) in [
        ("-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n", "openssl pkcs7 -print_certs"),
        ("hello\n", "there is no certificate"),
        ("", "the file is empty"),
        ("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n", "PRIVATE KEY, cut short"),
        ("\x1b[31m-----BEGIN X\x1b[0m-----\n", "^[[31m"),
    ] {
        let ran = world.dtrctl(&["cert", "inspect", "-"]).stdin(text).code(3).any_stderr().run();
        assert!(ran.stdout.contains(says) || says == "^[[31m", "{text:?}: {}", ran.stdout);
        assert!(!ran.stdout.contains("c2Vj") && !ran.stdout.contains('\x1b'), "{}", ran.stdout);
    }
}

#[test]
fn a_key_that_has_lost_its_line_ends_is_not_repeated() {
    let world = World::new();
    world.dtrctl(&["cert", "generate", "--for", "dtr.corp", "--self-signed"]).any_stderr().run();
    let file = |name: &str| fs::read_to_string(world.path(name)).unwrap();
    let (leaf, key) = (file("dtr.corp.pem"), file("dtr.corp.key"));
    let body = key.lines().nth(1).unwrap();
    for (ends, why) in [(" ", "stands on one line"), ("\r", "a lone CR")] {
        for held in [format!("{leaf}{}", key.replace('\n', ends)), format!("{leaf}{key}").replace('\n', ends)]
        {
            fs::write(world.path("c.pem"), &held).unwrap();
            let code = if held.starts_with(&leaf) { 0 } else { 3 };
            for format in ["human", "json"] {
                let ran = world
                    .dtrctl(&["cert", "inspect", "c.pem", "--format", format])
                    .code(code)
                    .any_stderr()
                    .run();
                let said = ran.stdout + &ran.stderr;
                assert!(said.contains(why) && said.contains("private key stands at line"), "{said}");
                assert!(!said.contains(body), "{said}");
            }
            let check = ["cert", "check", "c.pem", "--for", "dtr.corp"];
            let ran = world.dtrctl(&check).code(1).any_stderr().run();
            assert!(ran.stderr.contains("a PRIVATE KEY stands here") && !ran.stderr.contains(body));
        }
    }
}

/// A root whose key is of a kind that is not checked here, and a certificate of its.
fn unchecked_root(world: &World, algorithm: &str) -> bool {
    let script = format!(
        "set -e; openssl genpkey {algorithm} -out r.key; \
         openssl req -x509 -key r.key -out r.pem -days 300 -subj '/CN=Odd root' -addext basicConstraints=critical,CA:TRUE; \
         openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout l.key -out l.csr -subj /CN=l; \
         echo subjectAltName=DNS:dtr.corp >l.ext; \
         openssl x509 -req -in l.csr -CA r.pem -CAkey r.key -CAcreateserial -days 200 -extfile l.ext -out l.pem; \
         cat l.pem r.pem >chain.pem"
    );
    let mut sh = std::process::Command::new("sh");
    sh.args(["-c", &script]).current_dir(world.path(""));
    let made = sh.output().is_ok_and(|output| output.status.success());
    if !made {
        eprintln!("skipped: openssl makes no root of {algorithm}");
    }
    made
}

#[test]
fn a_signature_that_cannot_be_checked_is_called_that() {
    for (algorithm, kind, label) in [
        ("-algorithm EC -pkeyopt ec_paramgen_curve:P-224", "ECDSA P-224", "unknown: "),
        ("-algorithm ED448", "Ed448", "wrong: "),
    ] {
        let world = World::new();
        if !unchecked_root(&world, algorithm) {
            continue;
        }
        let ran = world.dtrctl(&["cert", "check", "chain.pem", "--for", "dtr.corp"]).code(2).run();
        let said = format!("{label}certificate 2, `CN=Odd root`, is by its name the issuer of `CN=l`");
        assert!(ran.stdout.contains(&said) && ran.stdout.contains(kind), "{}", ran.stdout);
        assert!(!ran.stdout.contains("take it out"), "{}", ran.stdout);
        let ran = world.dtrctl(&["cert", "inspect", "r.pem"]).run();
        assert!(ran.stdout.contains("issued by itself by its names"), "{}", ran.stdout);
        assert!(!ran.stdout.contains("an intermediate"), "{}", ran.stdout);
        assert!(!ran.stdout.contains("dockerd cannot read it"), "{}", ran.stdout);
        assert_eq!(
            ran.stdout.contains("verifies nothing that a key of Ed448"),
            kind == "Ed448",
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn inspect_is_brief_about_what_is_there_many_times() {
    let world = World::new();
    world.dtrctl(&["cert", "generate", "--for", "dtr.corp", "--self-signed"]).any_stderr().run();
    let leaf = fs::read(world.path("dtr.corp.pem")).unwrap();
    let junk = b"\0junk\n".repeat(1000);
    fs::write(world.path("many.pem"), [leaf.repeat(200), junk].concat()).unwrap();
    let ran = world.dtrctl(&["cert", "inspect", "many.pem"]).run();
    assert!(ran.stdout.lines().count() < 50, "{}", ran.stdout);
    assert!(ran.stdout.contains("stands here more than once: 200 times"), "{}", ran.stdout);
    assert!(ran.stdout.contains("992 more lines and blocks are no certificates"), "{}", ran.stdout);
    let ran = world.dtrctl(&["cert", "inspect", "many.pem", "--format", "json"]).run();
    let json: Json = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["other"].as_array().map(Vec::len), Some(1000));
}
