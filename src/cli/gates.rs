//! The gates of a run: they overrule what plays say.

use clap::Args;

use crate::playbook::Gates;
use crate::yaml::{Node, Problem, Source, Span, Style, Text, Value};

/// Which hosts go first, how many at once, and what ends the run.
#[derive(Debug, Clone, Default, Args)]
pub struct GateOptions {
    /// The hosts of each play that go first, alone: a number, a percentage, or a pattern. 0: none.
    #[arg(long, value_name = "N|N%|PATTERN", value_parser = |text: &str| gate("canary", text))]
    pub canary: Option<Gates>,
    /// How many of the other hosts are under way at once, each new one as soon as one has ended well.
    #[arg(long, value_name = "N|N%", value_parser = |text: &str| gate("window", text))]
    pub window: Option<Gates>,
    /// How long a restarted docker daemon is watched before its host counts. Default: 10.
    #[arg(long, value_name = "SECONDS", value_parser = |text: &str| gate("bake", text))]
    pub bake: Option<Gates>,
    /// Ends the run where more hosts than this have failed, or were lost after contact.
    #[arg(long, value_name = "N|N%", value_parser = |text: &str| gate("max_fail", text))]
    pub max_fail: Option<Gates>,
    /// Ends the run where more hosts than this cannot be reached; judged before the first change, too.
    #[arg(long, value_name = "N|N%", value_parser = |text: &str| gate("max_unreachable", text))]
    pub max_unreachable: Option<Gates>,
    /// Asks whether to go on, once the canary has ended well; without a terminal the run ends there.
    #[arg(long, value_name = "after_canary", value_parser = |text: &str| gate("confirm", text))]
    pub confirm: Option<Gates>,
}

impl GateOptions {
    /// All of them.
    pub fn gates(&self) -> Gates {
        let all =
            [&self.canary, &self.window, &self.bake, &self.max_fail, &self.max_unreachable, &self.confirm];
        all.into_iter().flatten().cloned().fold(Gates::default(), Gates::over)
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
