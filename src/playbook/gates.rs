//! The gates of a play: which hosts go first, how many are under way at once, and how many may be lost before the run ends.
//!
//! They are known before any host is touched, so none of them is a template; the command line overrules them.

use super::keys::Keys;
use crate::yaml::{Node, Problem, Problems, Value};

/// What bounds a play's way over its hosts. What is not said here is not bounded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gates {
    /// The hosts that go first, alone.
    pub canary: Option<Canary>,
    /// How many of the other hosts are under way at once, each new one as soon as one has ended well.
    pub window: Option<Share>,
    /// Seconds for which a restarted daemon is watched before its host counts.
    pub bake: Option<u64>,
    /// How many hosts of the whole run may fail.
    pub max_fail: Option<Budget>,
    /// How many hosts of the whole run may be out of reach.
    pub max_unreachable: Option<Budget>,
    /// When somebody is asked whether to go on.
    pub confirm: Option<Confirm>,
}

/// The hosts that go first.
#[derive(Debug, Clone, PartialEq)]
pub enum Canary {
    /// So many of the play's hosts, the first ones that can be reached.
    First(Share),
    /// Those that a pattern selects.
    Pattern(Node),
}

/// A part of a play's hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// So many.
    Count(usize),
    /// So much of all of them, from 1 to 100.
    Percent(usize),
}

impl Share {
    /// How many of so many hosts that is: a percentage is rounded down, and at least 1.
    #[must_use]
    pub fn of(self, hosts: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => (hosts * percent / 100).max(1),
        }
    }

    fn read(text: &str) -> Option<Self> {
        match text.trim().strip_suffix('%') {
            Some(percent) => {
                percent.trim().parse().ok().filter(|percent| (1..=100).contains(percent)).map(Self::Percent)
            }
            None => text.trim().parse().ok().map(Self::Count),
        }
    }
}

/// How many hosts may be lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// So many.
    Count(usize),
    /// So much of all hosts of the run, in percent.
    Percent(f64),
}

impl Budget {
    /// Whether so many of so many hosts are more than it permits.
    #[must_use]
    pub fn is_exceeded(self, lost: usize, all: usize) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "runs are far below 2^52 hosts")]
        match self {
            Self::Count(most) => lost > most,
            Self::Percent(most) => 100.0 * lost as f64 > most * all as f64,
        }
    }

    fn read(text: &str) -> Option<Self> {
        match text.trim().strip_suffix('%') {
            Some(percent) => {
                percent.trim().parse().ok().filter(|most| (0.0..=100.0).contains(most)).map(Self::Percent)
            }
            None => text.trim().parse().ok().map(Self::Count),
        }
    }
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// When somebody is asked whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirm {
    /// Once the canary has ended well.
    AfterCanary,
}

impl Gates {
    /// The gates that a play's keys say.
    pub(super) fn take(keys: &mut Keys<'_>, problems: &mut Problems) -> Self {
        let serial = keys.get("serial");
        let window = keys.take("window");
        if let (Some(window), Some(_)) = (window, serial) {
            problems.push(
                Problem::new("`window` and `serial` exclude each other", window.place())
                    .help("leave one of them away: `serial` goes batch by batch, `window` host by host"),
            );
        }
        let canary = keys.take("canary");
        let confirm = keys.take("confirm");
        if let (Some(confirm), None) = (confirm, canary) {
            problems.push(
                Problem::new("`confirm: after_canary` needs a canary", confirm.place())
                    .help("say which hosts go first, such as `canary: 1`"),
            );
        }
        let mut read = |name: &'static str, node: Option<&Node>| {
            node.map_or_else(Self::default, |node| {
                problems.take(Self::of_node(name, node)).unwrap_or_default()
            })
        };
        let mut gates = read("window", window).over(read("canary", canary)).over(read("confirm", confirm));
        for name in ["bake", "max_fail", "max_unreachable"] {
            gates = gates.over(read(name, keys.take(name)));
        }
        gates
    }

    /// The gate of this name, as a play or an argument of the command line says it.
    ///
    /// # Errors
    /// It takes no such value.
    pub fn of_node(name: &str, node: &Node) -> Result<Self, Problem> {
        let wrong = || {
            let (takes, example) = takes(name);
            let problem = Problem::new(format!("`{name}` takes {takes}"), node.place());
            problem.help(if node.has_template() {
                format!("gates are known before the run, so a template is none; write {example}, which the command line overrules")
            } else {
                format!("such as {example}")
            })
        };
        let text = scalar(node).filter(|_| !node.has_template());
        let text = || text.as_deref().ok_or_else(wrong);
        let gates = Self::default();
        Ok(match name {
            "canary" => Self { canary: Some(canary(node).ok_or_else(wrong)?), ..gates },
            "window" => {
                let share = Share::read(text()?).filter(|share| *share != Share::Count(0));
                Self { window: Some(share.ok_or_else(wrong)?), ..gates }
            }
            "bake" => {
                let seconds = text()?.parse().ok().filter(|seconds| *seconds <= 3600);
                Self { bake: Some(seconds.ok_or_else(wrong)?), ..gates }
            }
            "max_fail" => Self { max_fail: Some(Budget::read(text()?).ok_or_else(wrong)?), ..gates },
            "max_unreachable" => {
                Self { max_unreachable: Some(Budget::read(text()?).ok_or_else(wrong)?), ..gates }
            }
            _ if text()? == "after_canary" => Self { confirm: Some(Confirm::AfterCanary), ..gates },
            _ => return Err(wrong()),
        })
    }

    /// What this says, and for the rest what the other says.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        Self {
            canary: self.canary.or(other.canary),
            window: self.window.or(other.window),
            bake: self.bake.or(other.bake),
            max_fail: self.max_fail.or(other.max_fail),
            max_unreachable: self.max_unreachable.or(other.max_unreachable),
            confirm: self.confirm.or(other.confirm),
        }
    }
}

/// What a gate takes, and how that is written.
fn takes(name: &str) -> (&'static str, &'static str) {
    match name {
        "canary" => (
            "a number of hosts, a percentage from 1% to 100%, or a pattern of hosts",
            "`1`, `5%` or `canaries`",
        ),
        "window" => ("a number of hosts from 1 on, or a percentage from 1% to 100%", "`5` or `10%`"),
        "bake" => ("seconds, from 0 to 3600", "`10`"),
        "confirm" => ("`after_canary` alone", "`after_canary`"),
        _ => ("a number of hosts or a percentage from 0% to 100%", "`2` or `10%`"),
    }
}

fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Int(number) => Some(number.to_string()),
        Value::String(text) => Some(text.text.trim().to_owned()),
        _ => None,
    }
}

/// What is no number is a pattern; one that looks like a number and is none is a slip.
fn canary(node: &Node) -> Option<Canary> {
    let Some(text) = scalar(node) else {
        let is_list = node.as_seq().is_some_and(|items| !items.is_empty());
        return (is_list && !node.has_template()).then(|| Canary::Pattern(node.clone()));
    };
    if node.has_template() || text.is_empty() {
        return None;
    }
    if text.starts_with(|c: char| c.is_ascii_digit() || "-+.".contains(c))
        && text.trim_end_matches('%').parse::<f64>().is_ok()
    {
        return Share::read(&text).map(Canary::First);
    }
    Some(Canary::Pattern(node.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Source, parse};

    fn read(name: &str, text: &str) -> Result<Gates, String> {
        let node = parse(&Source::new("gate", text)).expect("YAML");
        Gates::of_node(name, &node).map_err(|problem| problem.message)
    }

    #[test]
    fn numbers_percentages_and_patterns() {
        let canary = |text| read("canary", text).ok().and_then(|gates| gates.canary);
        assert_eq!(canary("2"), Some(Canary::First(Share::Count(2))));
        assert_eq!(canary("5%"), Some(Canary::First(Share::Percent(5))));
        assert!(matches!(canary("canaries:!web3"), Some(Canary::Pattern(_))));
        assert!(matches!(canary("[web1, web2]"), Some(Canary::Pattern(_))));
        assert!(matches!(canary("10.0.0.1"), Some(Canary::Pattern(_))));
        assert_eq!(read("max_fail", "2.5%").ok().and_then(|g| g.max_fail), Some(Budget::Percent(2.5)));
        assert_eq!(read("bake", "0").ok().and_then(|g| g.bake), Some(0));
    }

    #[test]
    fn what_is_none_is_refused() {
        for (name, text) in [
            ("canary", "0%"),
            ("canary", "101%"),
            ("canary", "-1"),
            ("canary", "1.5"),
            ("canary", "''"),
            ("canary", "[]"),
            ("canary", "true"),
            ("canary", "{a: 1}"),
            ("canary", "'{{ x }}'"),
            ("window", "0"),
            ("window", "many"),
            ("window", "0%"),
            ("bake", "5%"),
            ("bake", "-1"),
            ("bake", "3601"),
            ("max_fail", "-1"),
            ("max_fail", "101%"),
            ("max_fail", "nan%"),
            ("max_fail", "1.5"),
            ("max_unreachable", "'{{ n }}'"),
            ("max_unreachable", "[1]"),
            ("confirm", "always"),
            ("confirm", "true"),
        ] {
            assert!(read(name, text).is_err(), "{name}: {text}");
        }
    }

    #[test]
    fn more_than_a_budget_exceeds_it() {
        assert!(!Budget::Count(1).is_exceeded(1, 3) && Budget::Count(1).is_exceeded(2, 3));
        assert!(!Budget::Percent(10.0).is_exceeded(5, 50) && Budget::Percent(10.0).is_exceeded(6, 50));
        assert!(!Budget::Percent(0.0).is_exceeded(0, 50) && Budget::Percent(0.0).is_exceeded(1, 50));
        assert_eq!((Share::Percent(10).of(5), Share::Percent(30).of(10), Share::Count(7).of(3)), (1, 3, 7));
    }
}
