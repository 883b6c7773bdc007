//! The gates of a run: they overrule what plays say.

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::playbook::Gates;
use crate::yaml::{Node, Problem, Source, Span, Style, Text, Value};

/// Which hosts go first, how many at once, and what ends the run.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[serde(default)]
pub struct GateOptions {
    /// The hosts of each play that go first, alone: a number, a percentage, or a pattern. 0: none.
    #[arg(long, value_name = "N|N%|PATTERN", value_parser = |text: &str| Given::new("canary", text))]
    canary: Option<Given>,
    /// How many of the other hosts are under way at once, each new one as soon as one has ended well.
    #[arg(long, value_name = "N|N%", value_parser = |text: &str| Given::new("window", text))]
    window: Option<Given>,
    /// How long a restarted docker daemon is watched before its host counts. Default: 10.
    #[arg(long, value_name = "SECONDS", value_parser = |text: &str| Given::new("bake", text))]
    bake: Option<Given>,
    /// Ends the run where more hosts than this have failed, or were lost after contact.
    #[arg(long, value_name = "N|N%", value_parser = |text: &str| Given::new("max_fail", text))]
    max_fail: Option<Given>,
    /// Ends the run where more hosts than this cannot be reached; judged before the first change, too.
    #[arg(long, value_name = "N|N%", value_parser = |text: &str| Given::new("max_unreachable", text))]
    max_unreachable: Option<Given>,
    /// Asks whether to go on, once the canary has ended well; without a terminal the run ends there.
    #[arg(long, value_name = "after_canary", value_parser = |text: &str| Given::new("confirm", text))]
    confirm: Option<Given>,
}

/// One gate as it was given: in the journal it stands as its name and its text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "(String, String)", into = "(String, String)")]
struct Given {
    name: String,
    text: String,
    gates: Gates,
}

impl Given {
    fn new(name: &str, text: &str) -> Result<Self, String> {
        Ok(Self { name: name.to_owned(), text: text.to_owned(), gates: gate(name, text)? })
    }
}

impl TryFrom<(String, String)> for Given {
    type Error = String;
    fn try_from((name, text): (String, String)) -> Result<Self, String> {
        Self::new(&name, &text)
    }
}

impl From<Given> for (String, String) {
    fn from(given: Given) -> Self {
        (given.name, given.text)
    }
}

impl GateOptions {
    /// All of them.
    pub fn gates(&self) -> Gates {
        let all =
            [&self.canary, &self.window, &self.bake, &self.max_fail, &self.max_unreachable, &self.confirm];
        all.into_iter().flatten().map(|given| given.gates.clone()).fold(Gates::default(), Gates::over)
    }
}

/// One gate, as it stands in an argument.
fn gate(name: &str, text: &str) -> Result<Gates, String> {
    let string = Text { text: text.into(), style: Style::DoubleQuoted, literal: false };
    let source = Source::new(format!("--{}", name.replace('_', "-")), text);
    let node = Node { value: Value::String(string), span: Span { start: 0, end: text.len() }, source };
    Gates::of_node(name, &node).map_err(|Problem { message, help, .. }| {
        help.map_or_else(|| message.clone(), |help| format!("{message}; {help}"))
    })
}
