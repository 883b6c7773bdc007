//! The same feeding for a host of Windows: a small bootstrap in the arguments of `powershell.exe`, all else on its
//! standard input, between two lines with a nonce. What is sent is ASCII, whatever code page the host has.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::render::Frame;
use super::script::{Identity, Script};

const BOOTSTRAP: &str = include_str!("bootstrap.ps1");
const FRAME: &str = include_str!("frame.ps1");

/// What the host's login shell is told, be it cmd.exe or PowerShell: no word of it has a meaning to either.
pub(super) fn command(nonce: &str) -> String {
    let text = code(BOOTSTRAP).replace("@NONCE@", nonce);
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    format!("powershell.exe -NoProfile -NonInteractive -EncodedCommand {}", STANDARD.encode(units))
}

/// What goes to the bootstrap's standard input.
pub(super) fn input(frame: &Frame<'_>, script: &Script) -> String {
    let nonce = &frame.words.nonce;
    let sections: Vec<_> = script
        .sections
        .iter()
        .map(|section| {
            let user = match &section.identity {
                Identity::Login => "",
                Identity::User(user) => user,
            };
            json!({"user": user, "lines": section.text.lines().count()})
        })
        .collect();
    let head = json!({"mark": frame.words.mark, "seconds": frame.seconds, "sections": sections});
    let bodies = script.sections.iter().flat_map(|section| section.text.lines());
    let bodies: String = bodies.map(|line| format!("{line}\n")).collect();
    format!("{nonce}\n{}\n{head}\n{bodies}{nonce}\n", json!({"script": code(FRAME)}))
}

/// A script without its comments.
fn code(text: &str) -> String {
    let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::limits::Limits;
    use crate::transport::render::Words;
    use crate::transport::script::Section;

    #[test]
    fn the_command_is_short_and_plain_for_either_shell() {
        let command = command(&"0".repeat(32));
        assert!(command.len() < 4000, "{} characters", command.len());
        let plain = |c: char| c.is_ascii_alphanumeric() || " .-+/=".contains(c);
        assert!(command.chars().all(plain), "{command}");
    }

    #[test]
    fn the_input_begins_and_ends_with_the_nonce_and_counts_its_lines() {
        let words = Words { nonce: "N".to_owned(), mark: "M".to_owned() };
        let frame = Frame { seconds: 9, ..Frame::new(&words, None, &Limits::default()) };
        let section = |identity, text: &str| Section {
            identity,
            functions: Vec::new(),
            text: text.to_owned(),
            is_quick: false,
        };
        let sections =
            vec![section(Identity::Login, "a\nb\n"), section(Identity::User("root".to_owned()), "c\n")];
        let input = input(&frame, &Script { sections });
        let lines: Vec<&str> = input.lines().collect();
        assert_eq!((lines[0], lines[lines.len() - 1]), ("N", "N"));
        assert_eq!(
            lines[2],
            r#"{"mark":"M","seconds":9,"sections":[{"user":"","lines":2},{"user":"root","lines":1}]}"#
        );
        assert_eq!(lines[3..6], ["a", "b", "c"]);
    }
}
