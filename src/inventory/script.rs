//! Inventories that are programs: `PROGRAM --list`, and `PROGRAM --host NAME` where the list holds no variables of hosts.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock, mpsc};
use std::time::{Duration, Instant};

use regex::Regex;
use serde_json::Value as Json;

use super::{graph::Graph, json_list};
use crate::yaml::{Node, Problem, Problems, Source, parse};

/// A program that asks a cloud may take minutes; one that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(300);
/// More than a list of all hosts that are possible, in bytes.
const MAX_OUTPUT: u64 = 128 << 20;
/// Of what a program has said on standard error, so many of the last lines are shown.
const LINES: usize = 8;

/// Whether a file is a program that may be run.
pub(super) fn is_program(path: &Path) -> bool {
    let executable = std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o111 != 0);
    let mut head = [0; 4];
    executable
        && std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok()
        && (head.starts_with(b"#!") || head == *b"\x7fELF")
}

/// Takes over what a program lists.
pub(super) fn read(graph: &mut Graph, path: &Path, problems: &mut Problems) {
    let Some(root) = problems.take(output(path, &["--list"], LIMIT)) else { return };
    let mut failed = false;
    let hosts = json_list::read(graph, &root, problems);
    for name in hosts.without_vars {
        // One that fails for a host fails for the next one too.
        if failed {
            return;
        }
        match output(path, &["--host", &name], LIMIT) {
            Ok(vars) => json_list::host_vars(graph, &name, &vars, problems),
            Err(more) => {
                failed = true;
                problems.extend(more);
            }
        }
    }
}

/// What a program prints, which has to be one JSON document; nothing at all is an empty one.
fn output(path: &Path, arguments: &[&str], limit: Duration) -> Result<Node, Problems> {
    let name = format!("{} {}", path.display(), arguments.join(" "));
    let (text, stderr) = run(path, arguments, limit).map_err(|(why, stderr)| {
        let problem = Problem::bare(format!("the inventory program `{name}` {why}"));
        Problems::from(match last_lines(&stderr) {
            said if said.is_empty() => problem,
            said => problem.help(format!("it says on standard error: {said}")),
        })
    })?;
    if text.trim().is_empty() && arguments[0] == "--host" {
        return parse(&Source::new(name, "{}"));
    }
    let source = Source::new(&*name, text);
    let json = serde_json::from_str(&source.text).map_err(|error: serde_json::Error| {
        let text = &source.text;
        let offset =
            text.lines().take(error.line().saturating_sub(1)).map(|line| line.len() + 1).sum::<usize>();
        let at = (offset + error.column().saturating_sub(1)).min(text.len());
        let problem = Problem::new("what the inventory program prints is no JSON", source.place(at..at));
        let said = last_lines(&stderr);
        let said =
            if said.is_empty() { String::new() } else { format!("; it says on standard error: {said}") };
        problem.label(error.to_string()).help(format!("run `{name}` to see it{said}"))
    })?;
    tree(&source, &json)
}

/// The tree of a text that is JSON, with the places that the program has printed.
fn tree(source: &Arc<Source>, json: &Json) -> Result<Node, Problems> {
    if let Some(range) = too_large(&source.text) {
        let problem = Problem::new("this number does not fit into 64 bits", source.place(range));
        return Err(problem.help("print it in quotes").into());
    }
    // Written anew where YAML is the narrower one: it knows no pairs of surrogates, and takes a key that is there twice for a
    // mistake.
    parse(source).or_else(|problems| {
        let anew = escaped(&format!("{json:#}"));
        parse(&Source::new(source.path.clone(), anew)).map_err(|_| problems)
    })
}

/// JSON in which the characters that YAML refuses are escapes; they stand in strings only.
fn escaped(json: &str) -> String {
    let refused = |next: char| {
        matches!(next, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    let mut text = String::with_capacity(json.len());
    for next in json.chars() {
        if refused(next) {
            _ = write!(text, "\\u{:04x}", u32::from(next));
        } else {
            text.push(next);
        }
    }
    text
}

static TOKEN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#""(?:[^"\\]|\\.)*"|[-0-9.eE+]+"#).expect("a constant"));

/// Where an integer stands that does not fit into 64 bits: readers of JSON make another number of it.
fn too_large(json: &str) -> Option<Range<usize>> {
    let fits = |token: &str| {
        let value = token.parse::<i128>();
        value.is_ok_and(|value| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&value))
    };
    let integers = TOKEN.find_iter(json).filter(|token| !token.as_str().contains(['"', '.', 'e', 'E']));
    integers.filter(|token| !fits(token.as_str())).map(|token| token.range()).next()
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Runs a program; gives its standard output and error, or what it did instead and its standard error.
fn run(path: &Path, arguments: &[&str], limit: Duration) -> Result<(String, String), (String, String)> {
    let nothing = |why: String| (why, String::new());
    // A name without a slash would be looked for elsewhere.
    let program = std::path::absolute(path).map_err(|error| nothing(format!("cannot be run: {error}")))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(&mut command).map_err(|error| nothing(format!("cannot be run: {error}")))?;
    let deadline = Instant::now() + limit;
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let ended = wait(&mut child, deadline);
    let grace = deadline.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
    let said = |bytes: Option<Vec<u8>>| String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
    let Some(status) = ended else {
        let why = format!("has not ended within {} seconds", limit.as_secs());
        return Err((why, said(stderr.recv_timeout(Duration::from_secs(1)).ok())));
    };
    let out = stdout.recv_timeout(grace).ok();
    let stderr = said(stderr.recv_timeout(grace).ok());
    if !status.success() {
        return Err((format!("failed: {status}"), stderr));
    }
    match out.map(String::from_utf8) {
        Some(Ok(text)) => Ok((text, stderr)),
        Some(Err(_)) => Err(("prints what is not UTF-8".to_owned(), stderr)),
        None => Err(("leaves its standard output open".to_owned(), stderr)),
    }
}

/// A program that was written a moment ago may still be open for writing in a process that is about to be another one.
fn spawn(command: &mut Command) -> std::io::Result<Child> {
    for _ in 0..50 {
        match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
    command.spawn()
}

fn reader(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            _ = stream.take(MAX_OUTPUT).read_to_end(&mut bytes);
        }
        _ = send.send(bytes);
    });
    receive
}

/// Waits for the end; ends it at the deadline.
fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    let mut pause = Duration::from_millis(1);
    while Instant::now() < deadline {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
    _ = child.kill();
    _ = child.wait();
    None
}

/// What [`json_list::read`] found.
pub(super) struct Listed {
    /// The hosts whose variables the list does not have.
    pub without_vars: Vec<Arc<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Inventory;

    fn program(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts.sh");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        (folder, path)
    }

    fn listed(text: &str) -> Result<Json, Problems> {
        let (_folder, path) = program(text);
        Inventory::load(&[path.to_str().unwrap()], None)?.to_list_json(&crate::inventory::Listing::default())
    }

    /// Answers recorded from ansible-inventory 2.19.14.
    #[test]
    fn a_program_is_asked_for_its_list_and_for_hosts_where_the_list_has_no_variables() {
        let with_meta = listed(
            r#"echo '{"_meta": {"hostvars": {"a": {"t": "{{ base }}", "u": {"__ansible_unsafe": "{{ base }}"}, "n": 1}, "gone": {"x": 1}}},
            "g": {"hosts": ["a", "b"], "vars": {"base": "B\ud83d\ude00"}, "children": ["k"]}, "lst": ["c"], "k": {"hosts": []}, "all": {"vars": {"av": 1}}}'"#,
        );
        let expected = serde_json::json!({
            "_meta": {"profile": "inventory_legacy", "hostvars": {
                "a": {"av": 1, "base": "B😀", "n": 1, "t": "{{ base }}", "u": {"__ansible_unsafe": "{{ base }}"}},
                "b": {"av": 1, "base": "B😀"}, "c": {"av": 1}}},
            "all": {"children": ["ungrouped", "g", "lst"]},
            "g": {"children": ["k"], "hosts": ["a", "b"]}, "lst": {"hosts": ["c"]},
        });
        assert_eq!(with_meta.unwrap(), expected);
        let without = listed(
            r#"case $1 in --list) echo '{"g": {"hosts": ["a", "b"]}}';; *) [ "$2" = a ] && echo "{\"x\": \"$*\"}" || :;; esac"#,
        );
        assert_eq!(without.unwrap()["_meta"]["hostvars"], serde_json::json!({"a": {"x": "--host a"}}));
    }

    /// The variables of a host that a program prints so.
    fn vars(json: &str) -> Result<Json, Problems> {
        let text = format!(
            "cat <<'.'\n{{\"_meta\":{{\"hostvars\":{{\"a\":{json}}}}},\n\t\"g\":{{\"hosts\":[\"a\"]}}}}\n."
        );
        Ok(listed(&text)?["_meta"]["hostvars"]["a"].take())
    }

    /// Values as Python's `json` reads them.
    #[test]
    fn what_a_program_prints_is_read_as_it_stands() {
        let long = "k".repeat(1000);
        for (json, value) in [
            (
                r#"{"x":-0,"y":1e5,"z":1E-7,"s":18446744073709551615}"#,
                r#"{"x":0,"y":1e5,"z":1e-7,"s":18446744073709551615}"#,
            ),
            (r#"{"x":"\ud83d\ude00 \/ \b\f\u2028\u0085"}"#, r#"{"x":"\ud83d\ude00 / \b\f\u2028\u0085"}"#),
            ("{\"x\":\"p\u{2028}q\u{85}\u{7f}\"}", "{\"x\":\"p\u{2028}q\u{85}\u{7f}\"}"),
            (r#"{"x":1,"x":2}"#, r#"{"x":2}"#),
            (
                "{\n\t\"x\"\n\t:\n\t[1,\t-2,true,null,\"9999999999999999999999\"]}",
                r#"{"x":[1,-2,true,null,"9999999999999999999999"]}"#,
            ),
            (&format!(r#"{{"{long}":"<<","<<":"="}}"#), &format!(r#"{{"{long}":"<<","<<":"="}}"#)),
            (
                r#"{"x":["\"9","yes","1:30","a # b","- c",""]}"#,
                r#"{"x":["\"9","yes","1:30","a # b","- c",""]}"#,
            ),
        ] {
            assert_eq!(vars(json).unwrap(), serde_json::from_str::<Json>(value).unwrap(), "{json}");
        }
        for json in [r#"{"x":18446744073709551616}"#, r#"{"x":1,"x":[-9223372036854775809]}"#] {
            let problem = &vars(json).unwrap_err().0[0];
            assert_eq!(problem.message, "this number does not fit into 64 bits");
            assert!(json.contains(problem.at.as_ref().unwrap().text()), "{problem:?}");
        }
        let problems = vars(r#"{"ansible_port":  70000}"#).unwrap_err();
        assert!(problems.to_string().contains(":1:45: `ansible_port` cannot be `70000`"), "{problems}");
    }

    #[test]
    fn a_program_that_does_not_do_its_work_is_named_with_what_it_says() {
        for (text, said) in [
            (
                "echo no login >&2; exit 3",
                "--list` failed: exit status: 3 | it says on standard error: no login",
            ),
            ("echo []", "what an inventory program prints is a mapping of groups, and this is a list"),
            ("echo '{'", "what the inventory program prints is no JSON"),
            ("printf '\\377'", "prints what is not UTF-8"),
            (r#"echo '{"g": {"hosts": "a"}}'"#, "`hosts` is a list, and this is a string"),
            (r#"echo '{"g": {"hosts": ["-oX"]}}'"#, "`-oX` cannot be the name of a host"),
            (r#"echo '{"g": {"x": 1}}'"#, "the group `g` has neither `hosts`, `vars` nor `children`"),
            (
                r#"echo '{"g": {"hosts": ["a"], "vars": {"ansible_host": "%h"}}}'"#,
                "`ansible_host` cannot be `%h`",
            ),
            (
                r#"echo '{"_meta": {"hostvars": {"a": 1}}, "g": {"hosts": ["a"]}}'"#,
                "what stands below a host are its variables",
            ),
        ] {
            let problems = listed(text).unwrap_err();
            let first = &problems.0[0];
            let shown = format!("{first} | {}", first.help.as_deref().unwrap_or_default());
            assert!(shown.contains(said), "{text}: {shown}");
        }
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let (_folder, path) = program("exec sleep 60");
        let (why, _) = run(&path, &["--list"], Duration::from_millis(200)).unwrap_err();
        assert_eq!(why, "has not ended within 0 seconds");
    }
}
