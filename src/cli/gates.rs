//! The gates of a run: they overrule what plays say.

use clap::Args;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::playbook::Gates;
use crate::yaml::{Node, Problem, Source, Span, Style, Text, Value};

/// Which hosts go first, how many at once, and what ends the run.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
pub struct GateOptions {
    /// The hosts of each play that go first, alone: a number, a percentage, or a pattern. 0: none.
    #[arg(long, value_name = "N|N%|PATTERN", value_parser = |text: &str| Gate::new("canary", text))]
    pub canary: Option<Gate>,
    /// How many of the other hosts are under way at once, each new one as soon as one has ended well.
    #[arg(long, value_name = "N|N%", value_parser = |text: &str| Gate::new("window", text))]
    pub window: Option<Gate>,
    /// How long a restarted docker daemon is watched before its host counts. Default: 10.
    #[arg(long, value_name = "SECONDS", value_parser = |text: &str| Gate::new("bake", text))]
    pub bake: Option<Gate>,
    /// Ends the run where more hosts than this have failed, or were lost after contact.
    #[arg(long, value_name = "N|N%", value_parser = |text: &str| Gate::new("max_fail", text))]
    pub max_fail: Option<Gate>,
    /// Ends the run where more hosts than this cannot be reached; judged before the first change, too.
    #[arg(long, value_name = "N|N%", value_parser = |text: &str| Gate::new("max_unreachable", text))]
    pub max_unreachable: Option<Gate>,
    /// Asks whether to go on, once the canary has ended well; without a terminal the run ends there.
    #[arg(long, value_name = "after_canary", value_parser = |text: &str| Gate::new("confirm", text))]
    pub confirm: Option<Gate>,
}

impl GateOptions {
    /// All of them.
    pub fn gates(&self) -> Gates {
        let all =
            [&self.canary, &self.window, &self.bake, &self.max_fail, &self.max_unreachable, &self.confirm];
        all.into_iter().flatten().map(|gate| gate.gates.clone()).fold(Gates::default(), Gates::over)
    }
}

/// One gate, as it stands in an argument.
#[derive(Debug, Clone)]
pub struct Gate {
    name: String,
    text: String,
    gates: Gates,
}

impl Gate {
    fn new(name: &str, text: &str) -> Result<Self, String> {
        let string = Text { text: text.into(), style: Style::DoubleQuoted, literal: false };
        let source = Source::new(format!("--{}", name.replace('_', "-")), text);
        let node = Node { value: Value::String(string), span: Span { start: 0, end: text.len() }, source };
        let gates = Gates::of_node(name, &node).map_err(|Problem { message, help, .. }| {
            help.map_or_else(|| message.clone(), |help| format!("{message}; {help}"))
        })?;
        Ok(Self { name: name.to_owned(), text: text.to_owned(), gates })
    }
}

/// A run that is kept says a gate as it was given.
impl Serialize for Gate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.name, &self.text).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Gate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (name, text) = <(String, String)>::deserialize(deserializer)?;
        Self::new(&name, &text).map_err(serde::de::Error::custom)
    }
}
