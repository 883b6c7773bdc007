//! Gates: what ends a run before it spreads. A budget that is exceeded, a canary that is lost, a word to go on that nobody has
//! given: then no host begins any more, and those under way end the step in hand, as after the operator's own ^C.
//!
//! In check mode nothing is changed, so no gate closes, and all hosts are asked.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::run::{Selected, Shared};
use crate::event::{Event, State};
use crate::inventory::Pattern;
use crate::playbook::{Budget, Canary, Confirm, Gates, Play, Serial, Share};
use crate::yaml::{Problem, Problems};

/// How long a restarted daemon is watched where nobody says otherwise.
const BAKE: u64 = 10;

/// Asks somebody at a terminal whether to go on.
#[derive(Debug)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// Where the answer goes; one that never comes is no.
    pub answer: oneshot::Sender<bool>,
}

/// Where questions go; none where nobody can be asked.
pub type Questions = Option<mpsc::UnboundedSender<Question>>;

/// What is counted against the budgets.
#[derive(Default)]
pub struct Counted {
    state: Mutex<Count>,
    closed: AtomicBool,
}

#[derive(Default)]
struct Count {
    /// All hosts of the run.
    all: usize,
    failed: BTreeSet<String>,
    unreachable: BTreeSet<String>,
    /// Of the play that is under way.
    max_fail: Option<Budget>,
    max_unreachable: Option<Budget>,
    /// A canary of which a host is lost: it ends the run where something would follow.
    lost_canary: Vec<String>,
}

/// A batch of a play.
#[derive(Debug, Default)]
pub struct PlayBatch {
    /// Its hosts.
    pub hosts: Vec<String>,
    /// How many of them are under way at once, where that is bounded.
    pub window: Option<usize>,
    /// Whether it is the play's canary.
    pub is_canary: bool,
}

impl Count {
    fn take(&mut self, host: &str, state: State) {
        match state {
            State::Unreachable => _ = self.unreachable.insert(host.to_owned()),
            State::Failed | State::RolledBack | State::Stale | State::Unsupported => {
                self.unreachable.remove(host);
                self.failed.insert(host.to_owned());
            }
            _ => {}
        }
    }

    /// Which budget is exceeded: its name, why, and by which hosts.
    fn exceeded(&self) -> Option<(&'static str, String, Vec<String>)> {
        // Of a run of one host, its own end says it all.
        if self.all < 2 {
            return None;
        }
        let budgets = [
            ("max_fail", self.max_fail, &self.failed, "have failed", "has failed"),
            (
                "max_unreachable",
                self.max_unreachable,
                &self.unreachable,
                "are out of reach",
                "is out of reach",
            ),
        ];
        budgets.into_iter().find_map(|(name, budget, hosts, many, one)| {
            let budget = budget.filter(|budget| budget.is_exceeded(hosts.len(), self.all))?;
            let hosts: Vec<String> = hosts.iter().cloned().collect();
            let verb = if hosts.len() == 1 { one } else { many };
            let text =
                format!("{} of {} hosts {verb}, more than `{name}: {budget}` permits", hosts.len(), self.all);
            Some((name, text, hosts))
        })
    }
}

impl Shared {
    /// What bounds a play: what the command line says, and for the rest what the play says.
    #[must_use]
    pub fn gates(&self, play: &Play) -> Gates {
        let gates = self.gates_of_all(play);
        match self.options.shard {
            // One that cannot be shared was refused before.
            Some(shard) => shard.gates(gates.clone()).unwrap_or(gates),
            None => gates,
        }
    }

    /// What bounds a play, in all shards together.
    fn gates_of_all(&self, play: &Play) -> Gates {
        self.options.gates.clone().over(play.gates.clone())
    }

    /// How long a restarted daemon of this play is watched before its host counts.
    #[must_use]
    pub fn bake(&self, play: &Play) -> Duration {
        Duration::from_secs(self.gates(play).bake.unwrap_or(BAKE))
    }

    /// Whether a gate has closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.counted.closed.load(Ordering::Relaxed)
    }

    /// Says how many hosts the run has.
    pub(super) fn count_hosts(&self, plays: &[Selected]) {
        let all: HashSet<&String> = plays.iter().flat_map(|selected| &selected.hosts).collect();
        self.counting().all = all.len();
    }

    /// The budgets of a play hold from here on, for what was lost before it, too.
    pub(super) fn take_budgets(&self, play: &Play) {
        let gates = self.gates(play);
        let mut count = self.counting();
        (count.max_fail, count.max_unreachable) = (gates.max_fail, gates.max_unreachable);
        self.judge(&count);
    }

    /// Counts a host that is lost.
    pub(super) fn count(&self, host: &str, state: State) {
        let mut count = self.counting();
        count.take(host, state);
        self.judge(&count);
    }

    /// Says that a host is lost, and counts it: whoever reads of it knows that no host begins after it that may not.
    pub(super) fn say_lost(&self, host: &str, state: State, event: Event) {
        let mut count = self.counting();
        self.emit(event);
        count.take(host, state);
        self.judge(&count);
    }

    /// Says that a host answers, though it did not when the run began.
    pub(super) fn count_reached(&self, host: &str) {
        self.reaching.hear(host);
        if self.reaching.why_not(host).is_some() {
            self.counting().unreachable.remove(host);
        }
    }

    /// Lets a host begin, and says so; false where a gate has closed.
    pub(super) fn lets_begin(&self, host: &str) -> bool {
        let _count = self.counting();
        let lets = !self.is_interrupted();
        if lets {
            self.emit(Event::HostStarted { host: host.to_owned() });
        }
        lets
    }

    fn counting(&self) -> std::sync::MutexGuard<'_, Count> {
        self.counted.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, count: &Count) {
        if let Some((gate, message, hosts)) = count.exceeded() {
            self.close(gate, message, hosts);
        }
    }

    /// Closes a gate: the first one counts.
    fn close(&self, gate: &str, message: String, hosts: Vec<String>) {
        if self.options.check || self.counted.closed.swap(true, Ordering::Relaxed) {
            return;
        }
        let message = match hosts.as_slice() {
            [] => message,
            hosts => format!("{message}: {}", listed(hosts)),
        };
        let help = format!("to go on with what is not done: dtrctl resume {}", self.name.id);
        self.emit(Event::GateClosed { gate: gate.to_owned(), message, hosts, help });
    }

    /// The batches of a play: its canary, then the others as `serial` or the window say.
    pub(super) async fn batches(&self, selected: &Selected, sizes: &[Serial]) -> Vec<PlayBatch> {
        let gates = self.gates(&selected.play);
        let all = selected.hosts.len();
        let canary = match &gates.canary {
            Some(canary) if !self.canary_has_passed() => self.canary(selected, canary).await,
            _ => Vec::new(),
        };
        let first: HashSet<&String> = canary.iter().collect();
        let rest: Vec<String> = selected.hosts.iter().filter(|host| !first.contains(host)).cloned().collect();
        let window = gates.window.map(|window| window.of(all));
        let others = match window {
            _ if rest.is_empty() => Vec::new(),
            Some(_) => vec![PlayBatch { hosts: rest, window, is_canary: false }],
            None => {
                // Percentages are of all the play's hosts, whoever went first.
                let count = |size: &Serial| match size {
                    Serial::Percent(percent) => Serial::Count(Share::Percent(*percent).of(all)),
                    Serial::Count(count) => Serial::Count(self.part(*count)),
                    known @ Serial::Template(_) => known.clone(),
                };
                let sizes: Vec<Serial> = sizes.iter().map(count).collect();
                let batches = Play::batches(&sizes, &rest).into_iter();
                batches.map(|hosts| PlayBatch { hosts, ..PlayBatch::default() }).collect()
            }
        };
        let canary =
            (!canary.is_empty()).then_some(PlayBatch { hosts: canary, window: None, is_canary: true });
        canary.into_iter().chain(others).collect()
    }

    /// The hosts of a play that go first. Where they are a number, one that is out of reach is none of them: it would hold up a
    /// fleet that it says nothing about.
    async fn canary(&self, selected: &Selected, canary: &Canary) -> Vec<String> {
        match canary {
            Canary::First(Share::Count(0)) => Vec::new(),
            Canary::First(share) => {
                self.all_are_reached().await;
                let fit = |host: &&String| self.goes_on(host) && self.reaching.why_not(host).is_none();
                selected.hosts.iter().filter(fit).take(share.of(selected.hosts.len())).cloned().collect()
            }
            Canary::Pattern(_) => {
                let named = self.named(canary).map(|(hosts, _)| hosts).unwrap_or_default();
                let hosts: Vec<String> =
                    selected.hosts.iter().filter(|host| named.contains(*host)).cloned().collect();
                if hosts.is_empty() && self.options.gates.canary.is_none() {
                    let text = format!(
                        "none of the play's hosts is one of its canary: all {} begin without one",
                        selected.hosts.len()
                    );
                    self.emit(Event::Said { text, warning: true });
                }
                hosts
            }
        }
    }

    /// The hosts that a canary's pattern names, and its terms that name none.
    fn named(&self, canary: &Canary) -> Result<(HashSet<String>, Problems), Problems> {
        let Canary::Pattern(node) = canary else { return Ok((HashSet::new(), Problems::new())) };
        let selection = self.inventory.select(&Pattern::from_node(node)?)?;
        Ok((selection.hosts.iter().map(ToString::to_string).collect(), selection.unmatched))
    }

    /// This run's part of a batch's size.
    fn part(&self, size: usize) -> usize {
        self.options.shard.map_or(size, |shard| shard.part("serial", size).unwrap_or(size))
    }

    /// Finds bounds that the shards cannot share: one that each of them had whole would be exceeded by all together.
    fn check_shard(&self, play: &Play) -> Option<Problem> {
        let shard = self.options.shard?;
        let shared = shard.gates(self.gates_of_all(play)).map(|_| ());
        let sizes = self.sizes(play).unwrap_or_default();
        let batches = sizes.iter().try_for_each(|size| match size {
            Serial::Count(count) => shard.part("serial", *count).map(|_| ()),
            Serial::Percent(_) | Serial::Template(_) => Ok(()),
        });
        let (name, bound) = shared.and(batches).err()?;
        let count = shard.count();
        let problem = Problem::new(
            format!("`{name}: {bound}` of this play cannot be shared by {count} shards"),
            play.place.clone(),
        );
        Some(problem.help(format!(
            "take at most {bound} shards, or raise `{name}` to {count}; a percentage is of each shard's hosts"
        )))
    }

    /// Finds what is wrong with the gates before any host is touched.
    pub(super) fn check_gates(&self, plays: &[Selected]) -> Problems {
        let mut problems = Problems::new();
        plays
            .iter()
            .filter_map(|selected| self.check_shard(&selected.play))
            .for_each(|problem| problems.push(problem));
        let given = &self.options.gates;
        let mut given_names_one = false;
        for Selected { play, hosts, .. } in plays {
            let Some(canary) = self.gates(play).canary else { continue };
            match self.named(&canary) {
                Err(more) => problems.extend(more),
                Ok((named, unmatched)) => {
                    given_names_one |= hosts.iter().any(|host| named.contains(host));
                    problems.extend(unmatched);
                }
            }
            if given.canary.is_some() && !problems.is_empty() {
                // The same argument is wrong in the same way for each play.
                return problems;
            }
        }
        if let Some(Canary::Pattern(node)) = &given.canary
            && !given_names_one
            // Those of a run that this one goes on with may be done.
            && self.history.is_none()
        {
            let problem = Problem::new("no play has one of these hosts", node.place());
            problems.push(problem.help("name hosts that the plays and `-l` select"));
        }
        let has_canary = plays.iter().any(|selected| self.gates(&selected.play).canary.is_some());
        if given.confirm.is_some() && !has_canary {
            let problem = Problem::bare("`--confirm after_canary` needs a canary, and no play has one");
            problems.push(problem.help("say which hosts go first, such as `--canary 1`"));
        }
        if given.window.is_some() {
            for play in plays.iter().map(|selected| &selected.play).filter(|play| !play.serial.is_empty()) {
                let problem =
                    Problem::new("this play has a `serial`, and `--window` excludes it", play.place.clone());
                problems.push(
                    problem
                        .help("leave one of them away: `serial` goes batch by batch, a window host by host"),
                );
            }
        }
        problems
    }

    /// What follows from a canary's end. `others` are the play's hosts that would follow.
    pub(super) async fn after_canary(&self, play: &Play, canary: &[String], others: usize) {
        if self.options.check || self.stops() || self.play_ended.load(Ordering::Relaxed) {
            return;
        }
        let lost: Vec<String> = canary.iter().filter(|host| !self.goes_on(host)).cloned().collect();
        if !lost.is_empty() {
            self.counting().lost_canary = lost;
        } else if others > 0 && self.gates(play).confirm == Some(Confirm::AfterCanary) {
            self.confirm(canary, others).await;
        }
    }

    /// Ends the run where something would follow a canary of which a host is lost.
    pub(super) fn close_for_canary(&self) {
        let lost = std::mem::take(&mut self.counting().lost_canary);
        if !lost.is_empty() && !self.stops() {
            self.close("canary", "the canary has not ended well".to_owned(), lost);
        }
    }

    async fn confirm(&self, canary: &[String], others: usize) {
        let hosts =
            if others == 1 { "the other host".to_owned() } else { format!("the other {others} hosts") };
        let (answer, answered) = oneshot::channel();
        let text = format!("go on with {hosts}? [y/N] ");
        let asked = self.questions.as_ref().is_some_and(|to| to.send(Question { text, answer }).is_ok());
        let goes_on = asked
            && tokio::select! {
                said = answered => said.unwrap_or(false),
                () = self.interrupted() => false,
            };
        if !goes_on && !self.is_interrupted() {
            let why = if asked { "nobody has said to go on" } else { "there is no terminal to ask at" };
            let message = format!("the canary ({}) has ended well; {hosts} wait, as {why}", listed(canary));
            self.close("confirm", message, Vec::new());
        }
    }

    /// Whether a host that has ended so gives its place in a window to the next one. A host that is lost may be out of service,
    /// and keeps it; one that was never reached has not had it.
    pub(super) const fn gives_back(&self, state: State) -> bool {
        self.options.check || !state.is_lost() || matches!(state, State::Unreachable)
    }

    /// Waits until the run is stopped.
    async fn interrupted(&self) {
        while !self.is_interrupted() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ends the run as all places of a window are taken by hosts that are lost.
    pub(super) fn close_for_window(&self, lost: Vec<String>) {
        self.close("window", "all places of the window are taken by hosts that are lost".to_owned(), lost);
    }
}

/// Hosts in a line; of many, the first.
fn listed(hosts: &[String]) -> String {
    const MOST: usize = 10;
    let more = hosts.len().saturating_sub(MOST);
    let first = hosts.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}
