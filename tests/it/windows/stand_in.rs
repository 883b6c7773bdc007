//! A stand-in for `powershell.exe`: it takes what dtrctl sends to Windows as bootstrap.ps1, frame.ps1 and library.ps1 say
//! that they do, but runs no line of them. What the calls do is done to a [`Machine`], which is a folder.

use std::fs::OpenOptions;
use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::process::exit;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use modules::digest;
use serde_json::Value as Json;

use super::machine::{Failed, Machine};

/// The folder of the machine that is played.
pub const FOLDER: &str = "DTRCTL_TEST_WINDOWS";
/// What follows `-EncodedCommand`.
pub const COMMAND: &str = "DTRCTL_TEST_COMMAND";

/// Run by the `powershell.exe` of a test's sshd, in a process of its own.
#[test]
#[ignore = "it is the stand-in itself, and does nothing unless a test's sshd starts it"]
fn plays_powershell() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    exit(play(&Machine::at(PathBuf::from(folder)), &std::env::var(COMMAND).unwrap()));
}

/// To the standard output that `powershell.exe` was started with: the test's own goes elsewhere.
fn emit(text: &str) {
    let written =
        OpenOptions::new().append(true).open("/dev/fd/3").and_then(|mut out| out.write_all(text.as_bytes()));
    if written.is_err() {
        exit(1);
    }
}

fn decoded(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap_or_else(|error| panic!("no Base64: {error}: {text}"))
}

/// The process, to its exit status.
fn play(machine: &Machine, command: &str) -> i32 {
    machine.note("powershell.exe");
    let units: Vec<u16> =
        decoded(command).chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let bootstrap = String::from_utf16(&units).unwrap();
    let nonce = bootstrap.split("-cne '").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    if machine.has("constrained") {
        emit("PowerShell is held to ConstrainedLanguage by a policy of this host\n");
        return 96;
    }
    let lines: Vec<String> = std::io::stdin().lock().lines().map(Result::unwrap).collect();
    let Some(begin) = lines.iter().position(|line| line == nonce) else { return 97 };
    if lines.len() < begin + 4 || lines.last().map(String::as_str) != Some(nonce) {
        machine.note("truncated");
        return 97;
    }
    frame(machine, &lines[begin + 1..lines.len() - 1])
}

fn script(line: &str) -> String {
    let line: Json = serde_json::from_str(line).unwrap();
    line["script"].as_str().unwrap().to_owned()
}

fn frame(machine: &Machine, lines: &[String]) -> i32 {
    let frame = script(&lines[0]);
    assert!(frame.starts_with("param([string[]]$lines)\n"), "{frame}");
    let head: Json = serde_json::from_str(&lines[1]).unwrap();
    let mark = head["mark"].as_str().unwrap();
    emit(&format!("\n{mark} start\n"));
    let mut at = 2;
    for section in head["sections"].as_array().unwrap() {
        let count = usize::try_from(section["lines"].as_u64().unwrap()).unwrap();
        match section["user"].as_str().unwrap() {
            "" | "Administrator" => {}
            "root" if machine.is_elevated() => {}
            "root" => {
                emit(&format!("\n{mark} become administrator\n"));
                return 0;
            }
            _ => {
                emit(&format!("\n{mark} become user\n"));
                return 0;
            }
        }
        library(machine, &lines[at..at + count]);
        at += count;
        emit(&format!("\n{mark} 0\n"));
    }
    assert_eq!(at, lines.len(), "the sections are all there is");
    emit(&format!("\n{mark} end\n"));
    0
}

fn library(machine: &Machine, lines: &[String]) {
    let library = script(&lines[0]);
    assert!(library.starts_with("param([string[]]$lines, $stdout)\n"), "{library}");
    let settings: Json = serde_json::from_str(&lines[1]).unwrap();
    let boundary = settings["boundary"].as_str().unwrap();
    let mut answers: Vec<(u64, String)> = Vec::new();
    for line in &lines[2..] {
        let call: Json = serde_json::from_str(line).unwrap();
        let (id, kind, name) = (
            call["id"].as_u64().unwrap(),
            call["kind"].as_str().unwrap(),
            call["function"].as_str().unwrap(),
        );
        assert!(library.contains(&format!("\nfunction {name}(")), "{name}");
        let expected = call["expected"].as_array().unwrap();
        let known =
            |pair: &Json| answers.iter().any(|(id, digest)| pair["id"] == *id && pair["digest"] == *digest);
        if kind == "guarded" && !expected.iter().all(known) {
            emit(&format!("{boundary} {id} 95\n"));
            continue;
        }
        machine.note(&format!("{kind} {name}"));
        let (status, body) = match machine.call(name, call["args"].as_array().unwrap()) {
            Ok(lines) => (0, lines.join("\n")),
            Err(Failed { status, message }) => (status, message),
        };
        if kind == "act" {
            emit(&format!("{boundary} {id} {status}\nb:{}\n", STANDARD.encode(&body)));
            if status != 0 {
                break;
            }
        } else {
            let kept: Vec<&str> = body.lines().filter(|line| !line.starts_with("bulk=")).collect();
            answers.push((id, digest(kept.join("\n").as_bytes())));
            emit(&format!("{boundary} {id} {status}\n{body}\n"));
        }
    }
    emit(&format!("{boundary} end\n"));
}
