//! What runs the host's half: a POSIX shell, or PowerShell on Windows.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::ask::Ask;
use super::change::{Change, Ownership};
use super::plan::PlanError;
use super::text::{Arg, Call, Mode};

/// What runs scripts on a host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Shell {
    /// Any POSIX `sh`.
    #[default]
    Posix,
    /// Windows PowerShell 5.1.
    PowerShell,
}

/// The functions that a script for Windows may call.
const LIBRARY: &str = concat!(include_str!("library.ps1"), include_str!("daemon.ps1"));

/// The library without its comments, as JSON: it is one line of what the host reads.
static SENT: LazyLock<String> = LazyLock::new(|| {
    let code = LIBRARY.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    ascii(&json!({"script": code.map(|line| format!("{line}\n")).collect::<String>()}))
});

/// The names of its functions: what a Windows host can be asked, and made to do.
static FUNCTIONS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let named = LIBRARY.lines().filter_map(|line| line.strip_prefix("function ")?.split('(').next());
    named.filter(|name| name.starts_with("ask_") || name.starts_with("do_")).collect()
});

impl Shell {
    /// Why a host behind this shell cannot be asked this; none where it can.
    #[must_use]
    pub fn refuses_ask(self, ask: &Ask) -> Option<PlanError> {
        let call = ask.call()?;
        let what = call.function.trim_start_matches("ask_").replace('_', " ");
        self.refuses(&call, &format!("ask a host of Windows for `{what}`"))
    }

    /// Why a host behind this shell cannot be changed so; none where it can.
    #[must_use]
    pub fn refuses_change(self, change: &Change) -> Option<PlanError> {
        let call = match change {
            // What it writes is made while applying; that it cannot be written is known before.
            Change::GenerateCertificate(generate) => generate.outline(),
            other => other.call()?,
        };
        let refused = self.refuses(&call, &format!("do this on a host of Windows: {}", change.summary()));
        refused.or_else(|| if self == Self::PowerShell { refuses_ownership(change) } else { None })
    }

    fn refuses(self, call: &Call, what: &str) -> Option<PlanError> {
        let wrong = |arg: &Arg| match arg {
            Arg::Path(path) if path.is_windows() != (self == Self::PowerShell) => Some(path.clone()),
            _ => None,
        };
        if let Some(path) = call.args.iter().find_map(wrong) {
            return Some(match self {
                Self::Posix => PlanError::new(format!(
                    "`{path}` is a path of Windows, and this host is none"
                ))
                .help(
                    "a host of Windows says so in the inventory: `ansible_shell_type: powershell`, or `cmd`",
                ),
                Self::PowerShell => PlanError::new(format!("`{path}` is no path of Windows"))
                    .help("write it from the drive, such as `C:\\ProgramData`"),
            });
        }
        if self == Self::Posix || FUNCTIONS.contains(call.function) {
            return None;
        }
        Some(PlanError::new(format!("dtrctl cannot {what}")).help(
            "leave the host out of this task (`when: ansible_facts.os_family != 'Windows'`), and see docs/windows.md for what is there",
        ))
    }
}

/// Windows has no permission bits and no owners by name: what is inherited counts as 0644, and 0755 for a directory.
fn refuses_ownership(change: &Change) -> Option<PlanError> {
    let inherited = |ownership: &Ownership, bits: u16| {
        ownership.owner.is_none()
            && ownership.group.is_none()
            && ownership.mode.is_none_or(|mode| mode == Mode::new(bits))
    };
    let (path, fine) = match change {
        Change::WriteFile(write) => (&write.path, inherited(&write.ownership, 0o644)),
        Change::MakeDir(make) => (&make.path, inherited(&make.ownership, 0o755)),
        Change::SetMode(set) => (&set.path, false),
        _ => return None,
    };
    let message =
        || format!("`{path}` is on Windows, which has neither permission bits nor groups of this kind");
    (!fine).then(|| {
        PlanError::new(message())
            .help("leave out `mode`, `owner` and `group`: a file has the rules of its directory, and keeps those that it has")
    })
}

/// The first lines of a script: the library, and what it has to know of the host.
pub fn begin(boundary: &str, token: &str, header: &[(&'static str, String)]) -> String {
    let header: Value = header.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let settings = json!({"boundary": boundary, "token": token, "header": header});
    format!("{}\n{}\n", *SENT, ascii(&settings))
}

/// A call as one line.
pub fn line(kind: &str, id: usize, expected: &[(usize, String)], call: &Call) -> String {
    let expected: Vec<Value> =
        expected.iter().map(|(id, digest)| json!({"id": id, "digest": digest})).collect();
    let args: Vec<Value> = call.args.iter().map(typed).collect();
    let call = json!({"kind": kind, "id": id, "expected": expected, "function": call.function, "args": args});
    ascii(&call) + "\n"
}

fn typed(arg: &Arg) -> Value {
    match arg {
        Arg::Path(path) => json!({"path": path}),
        Arg::Word(word) => json!({"word": word}),
        Arg::Bytes(bytes) => json!({"bytes": STANDARD.encode(bytes)}),
        Arg::Number(number) => json!({"number": number}),
    }
}

/// JSON without a byte that a code page of the host could read differently.
fn ascii(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        if c.is_ascii() && c != '\u{7f}' {
            text.push(c);
        } else {
            let mut units = [0; 2];
            text.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{AskFile, AskShell, HostPath, Remove, RemoveDir, Run, WriteFile};
    use crate::contract::{Attributes, Before, Content, MakeDir, SetMode};
    use crate::contract::{CertificateKind, GenerateCertificate, KeyType, WantedCertificate};

    fn path(text: &str) -> HostPath {
        HostPath::new(text).unwrap()
    }

    #[test]
    fn a_certificate_is_refused_before_it_is_made() {
        let wanted = WantedCertificate {
            kind: CertificateKind::Request,
            common_name: None,
            organization: None,
            names: Vec::new(),
            permitted: Vec::new(),
            days: None,
        };
        let generate = |file: &str, key: &str| {
            Change::GenerateCertificate(Box::new(GenerateCertificate {
                path: path(file),
                key: path(key),
                wanted: wanted.clone(),
                signer: None,
                new_key: Some(KeyType::EcdsaP256),
                reasons: Vec::new(),
                ownership: Ownership::default(),
                key_ownership: Ownership::default(),
                before: None,
                key_before: None,
                made: None,
            }))
        };
        let refused = Shell::PowerShell.refuses_change(&generate("C:\\x.csr", "C:\\x.key"));
        assert!(refused.is_some_and(|error| error.message.contains("host of Windows")));
        assert!(Shell::Posix.refuses_change(&generate("C:\\x.csr", "C:\\x.key")).is_some());
        assert!(Shell::Posix.refuses_change(&generate("/x.csr", "/x.key")).is_none());
    }

    fn write(ownership: Ownership) -> Change {
        let content = Content::new(Vec::new());
        Change::WriteFile(WriteFile::new(path(r"C:\x"), None, content, ownership))
    }

    #[test]
    fn a_call_is_a_line_of_ascii_that_says_what_was_given() {
        let call =
            Call::new("do_x").path(&path(r"C:\é")).word("a'\"\n\u{1f600}$(x)\0").bytes(&[0, 255]).number(7);
        let line = line("guarded", 3, &[(1, "ab".to_owned())], &call);
        assert!(line.is_ascii() && line.ends_with('\n') && line.trim_end().lines().count() == 1, "{line}");
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            read,
            json!({"kind": "guarded", "id": 3, "expected": [{"id": 1, "digest": "ab"}], "function": "do_x", "args": [
                {"path": r"C:\é"}, {"word": "a'\"\n\u{1f600}$(x)\0"}, {"bytes": "AP8="}, {"number": 7}]})
        );
    }

    #[test]
    fn what_the_library_lacks_is_refused() {
        let windows = Shell::PowerShell;
        assert_eq!(windows.refuses_ask(&AskFile::new(path(r"C:\x")).into()), None);
        let shell = Ask::from(AskShell::new("true"));
        assert!(windows.refuses_ask(&shell).unwrap().message.contains("`shell`"));
        assert_eq!(Shell::Posix.refuses_ask(&shell), None);
        let argv = vec!["ipconfig".to_owned()];
        let run = Run { argv, ..Run::default() };
        let refusal = windows.refuses_change(&Change::Run(run)).unwrap();
        assert_eq!(refusal.message, "dtrctl cannot do this on a host of Windows: run ipconfig");
        assert!(refusal.help.unwrap().contains("docs/windows.md"));
    }

    #[test]
    fn a_path_of_the_other_kind_is_refused() {
        let posix = Change::RemoveDir(RemoveDir { path: path("/x") });
        let windows = Change::RemoveDir(RemoveDir { path: path(r"C:\x") });
        assert!(
            Shell::PowerShell.refuses_change(&posix).unwrap().message.contains("`/x` is no path of Windows")
        );
        assert!(Shell::Posix.refuses_change(&windows).unwrap().help.unwrap().contains("ansible_shell_type"));
        assert_eq!(Shell::PowerShell.refuses_change(&windows), None);
        assert_eq!(Shell::Posix.refuses_change(&posix), None);
    }

    #[test]
    fn only_what_is_inherited_is_a_mode_on_windows() {
        let refused = |change: Change| Shell::PowerShell.refuses_change(&change).is_some();
        assert!(!refused(write(Ownership::default())) && !refused(write(Ownership::mode(0o644))));
        assert!(refused(write(Ownership::mode(0o600))));
        let owner = crate::contract::Account::new("bob").ok();
        assert!(refused(write(Ownership { owner, ..Ownership::default() })));
        let make = |mode| Change::MakeDir(MakeDir { path: path(r"C:\x"), ownership: Ownership::mode(mode) });
        assert!(!refused(make(0o755)) && refused(make(0o700)));
        let mode = Mode::new(0o644);
        let before = Attributes {
            mode,
            uid: 0,
            gid: 0,
            owner: "S-1-5-18".to_owned(),
            group: "S-1-5-18".to_owned(),
            size: 0,
            mtime: 0,
        };
        let set = SetMode { path: path(r"C:\x"), before: before.clone(), ownership: Ownership::mode(0o600) };
        assert!(refused(Change::SetMode(set)));
        let before = Before { content: Content::new(Vec::new()), attributes: before };
        assert!(!refused(Change::Remove(Remove { path: path(r"C:\x"), before })));
    }

    #[test]
    fn the_set_of_functions_is_the_librarys() {
        for function in ["ask_facts", "ask_file", "do_write", "do_restart", "do_refresh"] {
            assert!(FUNCTIONS.contains(function), "{function}");
        }
        for function in ["ask_shell", "do_run", "do_set_mode", "emit"] {
            assert!(!FUNCTIONS.contains(function), "{function}");
        }
        let posix = concat!(include_str!("library.sh"), include_str!("daemon.sh"));
        for function in &*FUNCTIONS {
            assert!(
                posix.contains(&format!("\n{function}() {{")),
                "`{function}` is named as in library.sh or daemon.sh"
            );
        }
    }
}
