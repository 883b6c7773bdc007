//! A user's command: what runs, and what it has said.

use serde::Serialize;
use serde_json::{Map, Value, json};
use time::{Duration, PrimitiveDateTime};

use super::answer::AskError;
use super::change::Content;
use super::decode::{RunOutput, run_output};
use super::path::HostPath;
use super::text::Call;

/// Runs a user's command.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Run {
    /// The program and its arguments; `["/bin/sh", "-c", TEXT]` for shell text.
    pub argv: Vec<String>,
    /// The directory to run in.
    pub chdir: Option<HostPath>,
    /// What it reads on standard input.
    pub stdin: Option<String>,
    /// Whether `creates`, `removes` or `unless` has decided that it must run: its effect is then known.
    pub guarded: bool,
    /// Variables of its environment, beside those of the login.
    pub environment: Vec<(String, String)>,
    /// Whether the host replaces `$NAME`, `${NAME}` and a leading `~` of each word.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub expand: bool,
    /// A script of the controller that is sent along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<SentScript>,
    /// Whether line ends at the end of what it prints stay in the result.
    #[serde(skip)]
    pub keep_ends: bool,
}

/// A script that is put into a directory of its own, for its user alone; its path is the last word of the command, and it
/// is removed afterwards.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SentScript {
    /// Its name, without a directory.
    pub name: String,
    /// Its text.
    pub content: Content,
}

impl Run {
    pub(super) fn call(&self) -> Call {
        let call = match &self.script {
            Some(script) => Call::new("do_script").word(&script.name).bytes(&script.content.bytes),
            None => Call::new("do_run"),
        };
        let call = call.word(if self.expand { "expand" } else { "plain" });
        let call = call.word(self.stdin.clone().unwrap_or_default());
        let call = match &self.chdir {
            Some(path) => call.path(path),
            None => call.word(""),
        };
        let environment = self.environment.iter().map(|(name, value)| format!("{name}={value}"));
        call.words(environment).word("--").words(self.argv.clone())
    }

    pub(super) fn summary(&self) -> String {
        match &self.script {
            Some(script) => format!("run the script {} by {}", script.name, self.argv.join(" ")),
            None => format!("run {}", self.argv.join(" ")),
        }
    }

    /// What `register` keeps of a command that has run: Ansible's fields, `rc` first of all.
    ///
    /// # Errors
    /// [`AskError::Garbled`] where what the host printed is not in the script's form.
    pub fn result(&self, body: &str) -> Result<Map<String, Value>, AskError> {
        let output = run_output(body)?;
        let mut result = self.words_of(&output);
        result.insert("rc".to_owned(), output.status.into());
        result.insert("msg".to_owned(), if output.status == 0 { "" } else { "non-zero return code" }.into());
        for (name, moment) in [("start", &output.start), ("end", &output.end)] {
            result.insert(name.to_owned(), moment.map_or(Value::Null, |moment| shown(moment).into()));
        }
        if let (Some(start), Some(end)) = (output.start, output.end) {
            result.insert("delta".to_owned(), delta(end - start).into());
        }
        Ok(result)
    }

    fn words_of(&self, output: &RunOutput) -> Map<String, Value> {
        let mut result = Map::new();
        for (name, text) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            let text = if self.keep_ends { text } else { text.trim_end_matches(['\n', '\r']) };
            result.insert(name.to_owned(), text.into());
            result.insert(format!("{name}_lines"), json!(lines(text)));
        }
        result
    }
}

/// A time as Python prints it: `2026-01-31 12:00:00.000250`, without a fraction where it is whole.
fn shown(moment: PrimitiveDateTime) -> String {
    let micros = moment.microsecond();
    let (date, (hour, minute, second)) = (moment.date(), moment.as_hms());
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!("{date} {hour:02}:{minute:02}:{second:02}{fraction}")
}

/// A span as Python prints it: `0:00:01.500000`, without a fraction where it is whole.
fn delta(span: Duration) -> String {
    let (seconds, micros) = (span.whole_seconds(), span.subsec_microseconds());
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!("{hours}:{minutes:02}:{seconds:02}{fraction}")
}

/// The lines of a text, at all the places where Python ends one.
fn lines(text: &str) -> Vec<&str> {
    const ENDS: &[char] =
        &['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(ENDS) {
        let length = if rest[at..].starts_with("\r\n") {
            2
        } else {
            rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        lines.push(&rest[..at]);
        rest = &rest[at + length..];
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_python() {
        for (text, expected) in [
            ("", &[][..]),
            ("a", &["a"]),
            ("a\n", &["a"]),
            ("a\r\n\r\nb", &["a", "", "b"]),
            ("a\u{b}b\u{2028}c\u{85}", &["a", "b", "c"]),
        ] {
            assert_eq!(lines(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_span_is_printed_as_python_prints_it() {
        assert_eq!(delta(Duration::microseconds(6292)), "0:00:00.006292");
        assert_eq!(delta(Duration::seconds(3725)), "1:02:05");
    }

    #[test]
    fn only_the_ends_of_the_output_are_dropped() {
        let output = RunOutput {
            status: 0,
            stdout: "a\n\nb\r\n\n".into(),
            stderr: String::new(),
            start: None,
            end: None,
        };
        let result = Run::default().words_of(&output);
        assert_eq!((&result["stdout"], &result["stdout_lines"]), (&json!("a\n\nb"), &json!(["a", "", "b"])));
        let kept = Run { keep_ends: true, ..Run::default() }.words_of(&output);
        assert_eq!(kept["stdout"], json!("a\n\nb\r\n\n"));
    }
}
