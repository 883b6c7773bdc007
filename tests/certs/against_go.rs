//! Chains at random, judged by `modules::certs` and by the crypto/x509 of whatever Go is at hand.
//!
//! `DTRCTL_GO` names go programs, with `:` between them; without it the one on PATH is asked. `DTRCTL_GO_CASES` says how many.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use modules::certs::{Certificate, RegistryHost, verify};
use rcgen::KeyPair;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::random_chains::{Case, Dice};

const AT: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

fn programs() -> Vec<PathBuf> {
    if let Some(named) = std::env::var_os("DTRCTL_GO") {
        return std::env::split_paths(&named).collect();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join("go"))
        .filter(|file| file.is_file())
        .take(1)
        .collect()
}

/// Builds the oracle with a Go and asks it.
fn ask(go: &Path, cases: &[Case], folder: &Path) -> Vec<Json> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certs/oracle/main.go");
    let oracle = folder.join("oracle");
    let built = Command::new(go)
        .args(["build", "-o"])
        .arg(&oracle)
        .arg(source)
        .envs([("GO111MODULE", "off"), ("CGO_ENABLED", "0"), ("GOFLAGS", ""), ("GOTOOLCHAIN", "local")])
        .env("GOCACHE", folder.join("cache"))
        .env("GOPATH", folder.join("path"))
        .status()
        .expect("go runs");
    assert!(built.success(), "{} builds the oracle", go.display());
    let mut child =
        Command::new(oracle).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the oracle");
    let mut stdin = child.stdin.take().expect("its input");
    let base64 = |list: &[Vec<u8>]| list.iter().map(|der| encode(der)).collect::<Vec<_>>();
    let lines: String = cases
        .iter()
        .map(|case| {
            let line = json!({"Chain": base64(&case.chain), "Anchors": base64(&case.anchors), "Host": case.host, "At": AT.unix_timestamp()});
            format!("{line}\n")
        })
        .collect();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("answers");
    writer.join().expect("a writer").expect("written");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn encode(der: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(der)
}

/// The judge's own answer: the text, whether engines are said to differ, the paths.
struct Own {
    text: String,
    noted: bool,
    /// Policies or wildcards are about, which some versions pass over.
    stricter: bool,
    paths: Vec<String>,
}

fn own(case: &Case) -> Own {
    let refused = |text: String, noted| Own { text, noted, stricter: case.stricter, paths: Vec::new() };
    let read =
        |list: &[Vec<u8>]| list.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>();
    let chain = match read(&case.chain) {
        Ok(chain) => chain,
        Err(error) => {
            return refused(format!("tls: failed to parse certificate from server: {error}"), false);
        }
    };
    let anchors: Vec<Certificate> =
        case.anchors.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
    let host = if case.host.contains("::") { format!("[{}]", case.host) } else { case.host.to_owned() };
    let host: RegistryHost = host.parse().expect("a host");
    // An anchor that some engines cannot read is none for any.
    let some = |refusal: &String| {
        ["marked critical", "IPv6 address", "unsupported string type", "invalid BMPString"]
            .iter()
            .any(|part| refusal.contains(part))
    };
    let unread = anchors.iter().any(|anchor| anchor.facts().go_refuses.as_ref().is_some_and(some));
    match verify(&chain[0], &chain[1..], &anchors, &host, AT) {
        Err(verdict) => {
            let bmp = verdict.to_string().ends_with("invalid BMPString");
            refused(verdict.to_string(), verdict.note.is_some() || unread || bmp)
        }
        Ok(paths) => {
            let names = paths.iter().map(|path| {
                let names = path.certificates.iter().map(|one| one.facts().sha256.clone());
                json!(names.collect::<Vec<_>>()).to_string()
            });
            Own {
                text: String::new(),
                noted: unread,
                stricter: case.stricter,
                paths: sorted(names.collect()),
            }
        }
    }
}

fn sorted(mut chains: Vec<String>) -> Vec<String> {
    chains.sort();
    chains.dedup();
    chains
}

/// What an answer says, whatever the words that versions of Go put it in.
fn class(text: &str) -> &str {
    if text.starts_with("tls: failed to parse certificate from server") {
        return "unreadable";
    }
    if text.starts_with("x509: certificate signed by unknown authority") {
        return "unknown authority";
    }
    let constraint = [
        "not authorized to sign for this name",
        "cannot parse dnsName",
        "cannot parse rfc822Name",
        "cannot be matched against constraints",
    ];
    if constraint.iter().any(|part| text.contains(part)) { "name constraint" } else { text }
}

/// How the judge errs: never by accepting what a Go refuses.
fn differs(own: &Own, go: &Json) -> Option<&'static str> {
    let its = go["error"].as_str().expect("an answer");
    if its == "panic" {
        return None;
    }
    match (own.text.is_empty(), its.is_empty()) {
        (true, false) => Some("ACCEPTED, and Go refuses"),
        // Which a Go before 1.25.5 does not find.
        (false, true) if own.text.contains("DNS name \"*.") => None,
        (false, true) if !own.noted => Some("refused, and Go accepts"),
        (true, true) => {
            // A Go that does not look at policies, or at a wildcard's reach, finds more.
            let chains: Vec<String> =
                go["chains"].as_array().into_iter().flatten().map(ToString::to_string).collect();
            let found = own.paths.iter().all(|path| chains.contains(path));
            let all = sorted(chains).len() == own.paths.len() || own.stricter;
            (!(own.noted || found && all)).then_some("other paths")
        }
        // Since 1.27 name constraints are looked at when all else is, so that another fault is named first.
        _ if own.noted
            || own.stricter
            || class(its) == "name constraint"
            || class(&own.text) == "name constraint" =>
        {
            None
        }
        _ => (class(&own.text) != class(its)).then_some("another fault"),
    }
}

#[test]
fn random_chains_are_judged_as_go_judges_them() {
    let programs = programs();
    if programs.is_empty() {
        eprintln!("skipped: random_chains_are_judged_as_go_judges_them: no go is at hand");
        return;
    }
    let count = std::env::var("DTRCTL_GO_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(2000);
    let keys: Vec<KeyPair> = (0..5).map(|_| KeyPair::generate().unwrap()).collect();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15, 1);
    let case = |at: usize| {
        dice.1 = if at.is_multiple_of(3) { 1 } else { 12 };
        Case::roll(&mut dice, &keys)
    };
    let cases: Vec<Case> = (0..count).map(case).collect();
    let own: Vec<Own> = cases.iter().map(own).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for go in &programs {
        let theirs = ask(go, &cases, folder.path());
        assert_eq!(theirs.len(), cases.len());
        let accepted = theirs.iter().filter(|go| go["error"] == "").count();
        let same = own.iter().zip(&theirs).filter(|(own, go)| go["error"] == own.text.as_str()).count();
        println!("{}: {count} cases, {accepted} accepted, {same} with the same words", go.display());
        for (at, (own, its)) in own.iter().zip(&theirs).enumerate() {
            if let Some(how) = differs(own, its) {
                wrong.push(format!("{} {at}: {how}: own {:?}, go {}", go.display(), own.text, its["error"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}
