//! docs/conformance.md: what is the same, what is another answer and why, and what is refused.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::corpus::{self, Counts};
use crate::scenario::{Scenario, Verdict};

const HEAD: &str = "<!-- Made from the scenarios by `DTRCTL_BLESS=1 cargo test --test conformance`. -->

# Conformance

With ansible-core 2.19. An error on both sides counts as equal; what is refused is refused with a message at its place.

";
/// The head of the corpus's part.
const CORPUS: &str = "| real-world files | equal | refused here only | silently different |";
const PLAYS: &str = "Each scenario below `tests/conformance/scenarios/` is a playbook that ansible-playbook and dtrctl run unmodified. Compared are, for
each host, its tasks in order with their outcomes and what `debug`, `fail` and `assert` say, the recap, how the run ended, every file it
left, and the recap of a second run. Check comes first and has to leave every file as it was. `tests/conformance/record` records
Ansible's answers.

";

const PARTLY: &str = "
## Compared for some hosts only

Hosts run freely within a batch: how far the others are when one fails is no answer.

| scenario | what holds | hosts |
|---|---|---|
";

/// The table has to be what the scenarios say.
pub fn check(scenarios: &[Scenario], bless: bool) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let corpus = corpus::counted().map_or_else(|| recorded(&written), |counts| counted(&counts));
    let table = whole(&corpus, scenarios);
    if bless {
        std::fs::write(&path, &table).expect("docs/conformance.md can be written");
        return;
    }
    assert!(
        written == table,
        "docs/conformance.md is stale: run DTRCTL_BLESS=1 cargo test --test conformance"
    );
}

/// The corpus's part of the table as it was counted last, for who has no corpus.
fn recorded(written: &str) -> String {
    let rows =
        written.lines().skip_while(|line| *line != CORPUS).skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| format!("{row}\n")).collect()
}

fn counted(counts: &[(&str, Counts)]) -> String {
    let row = |(kind, Counts { equal, refused, different }): &(&str, Counts)| {
        format!("| {kind} | {equal} | {refused} | {different} |\n")
    };
    counts.iter().map(row).collect()
}

fn whole(corpus: &str, scenarios: &[Scenario]) -> String {
    let mut groups: BTreeMap<&str, Vec<&Scenario>> = BTreeMap::new();
    scenarios.iter().for_each(|scenario| groups.entry(scenario.group()).or_default().push(scenario));
    let mut text = HEAD.to_owned();
    _ = write!(text, "{CORPUS}\n|---|---|---|---|\n{corpus}\n## Plays\n\n{PLAYS}");
    text += "| scenarios | same | better on purpose | refused | differs |\n|---|---|---|---|---|\n";
    for (group, scenarios) in &groups {
        text += &counts(group, scenarios);
    }
    text += &counts("**all**", &scenarios.iter().collect::<Vec<_>>());
    text +=
        "\n## Better on purpose\n\n| scenario | Ansible's answer | why ours is another |\n|---|---|---|\n";
    for scenario in scenarios.iter().filter(|scenario| scenario.verdict == Verdict::Better) {
        _ = writeln!(text, "| {} | {} | {} |", scenario.name, cell(&scenario.says), cell(&scenario.reason));
    }
    text += "\n## Refused\n\n| scenario | what it has | why, or what to write instead | message |\n|---|---|---|---|\n";
    for scenario in scenarios.iter().filter(|scenario| scenario.verdict == Verdict::Refused) {
        let (name, says) = (&scenario.name, cell(&scenario.says));
        _ = writeln!(text, "| {name} | {says} | {} | {} |", cell(&scenario.reason), cell(message(scenario)));
    }
    text += "\n## Differs, and should not\n\n| scenario | Ansible's answer | ours |\n|---|---|---|\n";
    for scenario in scenarios.iter().filter(|scenario| scenario.verdict == Verdict::Differs) {
        _ = writeln!(text, "| {} | {} | {} |", scenario.name, cell(&scenario.says), cell(&scenario.reason));
    }
    text += PARTLY;
    for scenario in scenarios {
        if let Some(hosts) = scenario.field("compared") {
            _ = writeln!(text, "| {} | {} | {hosts} |", scenario.name, cell(&scenario.says));
        }
    }
    text
}

fn counts(name: &str, scenarios: &[&Scenario]) -> String {
    let count = |verdict| scenarios.iter().filter(|scenario| scenario.verdict == verdict).count();
    let verdicts = [Verdict::Same, Verdict::Better, Verdict::Refused, Verdict::Differs];
    let counts: String = verdicts.map(|verdict| format!(" {} |", count(verdict))).concat();
    format!(
        "| {name} |{counts}
"
    )
}

/// The first line of what is said.
fn message(scenario: &Scenario) -> &str {
    let said = scenario.ours.lines().find_map(|line| line.strip_prefix("| "));
    said.unwrap_or_default().trim_start_matches([' ', '×']).trim_start_matches("error: ")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
