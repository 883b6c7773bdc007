//! Plays as Ansible answers them: every scenario below `scenarios/` is a playbook that both tools run unmodified, with
//! what ansible-playbook did (`record` writes it). Whatever differs is listed in its scenario with the reason, or fails.
//!
//! `DTRCTL_SCENARIOS=PART` runs those whose name holds that part.

mod answer;
mod corpus;
mod scenario;
mod table;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use scenario::{Scenario, Verdict};
use similar::TextDiff;

/// Why a scenario does not stand as it is written down.
fn judge(scenario: &mut Scenario, bless: bool) -> Result<(), String> {
    let ours = scenario.compared(&answer::ours(scenario)?);
    let theirs = scenario.theirs();
    let same = theirs == answer::comparable(&ours);
    match (scenario.verdict, same) {
        (Verdict::Same, true) => Ok(()),
        (Verdict::Same, false) => Err(difference(&theirs, &ours)),
        (_, true) => Err("answers as Ansible does: its verdict is `same`".into()),
        (verdict, false) => judge_our_own(scenario, verdict, &ours, bless),
    }
}

/// An answer that differs has to be the one that is written down.
fn judge_our_own(scenario: &mut Scenario, verdict: Verdict, ours: &str, bless: bool) -> Result<(), String> {
    let refused = ours.starts_with("end refused\n");
    if refused != (verdict == Verdict::Refused) {
        let word = if refused { "is refused" } else { "is not refused any more" };
        return Err(format!("{word}:\n{}", difference(&scenario.theirs(), ours)));
    }
    if bless {
        scenario.keep_ours(ours);
    }
    if scenario.ours == ours {
        return Ok(());
    }
    Err(format!("another answer than the one written down as ours:\n{}", difference(&scenario.ours, ours)))
}

fn difference(expected: &str, ours: &str) -> String {
    TextDiff::from_lines(expected, ours).unified_diff().context_radius(2).to_string()
}

/// Judges all of them, as many at once as there are processors.
fn judge_all(scenarios: &mut [Scenario], bless: bool) -> Vec<String> {
    let count = scenarios.len();
    let each: Vec<_> = scenarios.iter_mut().map(Mutex::new).collect();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= count {
                        break;
                    }
                    let mut scenario = each[i].lock().unwrap();
                    if let Err(why) = judge(&mut scenario, bless) {
                        failures
                            .lock()
                            .unwrap()
                            .push(format!("== {}: {}\n{why}", scenario.name, scenario.says));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    failures
}

fn bless() -> bool {
    std::env::var_os("DTRCTL_BLESS").is_some()
}

#[test]
fn every_scenario_ends_as_ansible_has_it_or_as_its_verdict_says_and_the_table_counts_them() {
    let part = std::env::var("DTRCTL_SCENARIOS").unwrap_or_default();
    let mut scenarios = Scenario::all();
    scenarios.retain(|scenario| scenario.name.contains(&part));
    assert!(!scenarios.is_empty(), "no scenario's name holds `{part}`");
    let failures = judge_all(&mut scenarios, bless());
    let count = scenarios.len();
    assert!(failures.is_empty(), "{} of {count} scenarios\n{}", failures.len(), failures.join("\n"));
    // After them, as the table shows what they have just said.
    table::check(&Scenario::all(), bless());
}
