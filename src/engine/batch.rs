//! A play: its batches in order, the hosts of each side by side.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use modules::{Host, Overlay};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::connect::NoWay;
use super::done::Done;
use super::gates::PlayBatch;
use super::guard::Guard;
use super::host::{HostRun, KnownFacts, Looped, Reach};
use super::magic;
use super::meeting::Meeting;
use super::run::{Selected, Shared};
use super::scope::problem_of;
use super::tags::Tags;
use super::timings::Timings;
use super::variables::{Kept, names_set};
use super::view::HostView;
use crate::event::{Event, Position, Reason, Recap, State, TaskHead};
use crate::playbook::{Play, Serial, Task};
use crate::template::{Hosts, Layer};
use crate::yaml::{Problem, Problems};

/// Hosts that are lost, and the lists without them.
type Without = (Vec<String>, Arc<Layer>);

/// What the hosts of a batch have in common.
#[derive(Clone)]
pub struct Together {
    play: Arc<Play>,
    meeting: Arc<Meeting>,
    forks: Arc<Semaphore>,
    /// `ansible_play_hosts` and its like: one for all hosts.
    lists: Arc<Layer>,
    /// The names that the play's tasks may set.
    names_set: Arc<BTreeSet<String>>,
    /// Whether a host that fails may end the run for the others: no host begins a task before all have come to it.
    pub is_cautious: bool,
    /// The hosts that are lost.
    lost: Arc<Mutex<BTreeSet<String>>>,
    /// The play's hosts that go on, in its pattern's order.
    all: Arc<[String]>,
    /// The same lists without some hosts that are lost, as they were last asked for: mostly all hosts ask for the same.
    lists_without: Arc<Mutex<Option<Without>>>,
}

impl Together {
    /// `ansible_play_hosts` and its like without these hosts.
    pub fn lists_without(&self, lost: Vec<String>) -> Arc<Layer> {
        let mut last = self.lists_without.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, layer)) = last.as_ref().filter(|(without, _)| *without == lost) {
            return Arc::clone(layer);
        }
        let gone: HashSet<&String> = lost.iter().collect();
        let layer = Arc::new(magic::lists_at(self.meeting.hosts(), &self.all, &gone));
        *last = Some((lost, Arc::clone(&layer)));
        layer
    }

    /// Takes a host's end. Where it is one too many, the run is ended before any other host learns that this one has left.
    pub fn end(&self, shared: &Shared, host: &str, recap: &Recap) {
        let is_lost = recap.state.is_lost();
        if is_lost && recap.state != State::Aborted {
            shared.count(host, recap.state);
            let lost = {
                let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
                lost.insert(host.to_owned());
                lost.len()
            };
            if let Some(keyword) = shared.ends_for(&self.play, recap, lost, self.meeting.hosts().len()) {
                shared.end_for(host, keyword, self.meeting.place_of(host));
            }
        }
        self.meeting.leave(host, is_lost);
    }
}

/// Whether a play may end for the sake of a host that fails.
fn is_cautious(play: &Play) -> bool {
    let says = |task: &Arc<Task>| task.keywords.any_errors_fatal.is_some();
    play.max_fail_percentage.is_some() || play.tasks().any(says)
}

impl Shared {
    pub(super) async fn play(self: &Arc<Self>, selected: &Selected) {
        let play = &selected.play;
        let name = play.name.as_ref().unwrap_or(&play.hosts);
        let scope = Arc::new(self.options.scope_of_play(play));
        let name = self.renderer.text(name, &scope).unwrap_or_else(|_| play.shown_name().to_owned());
        self.plays_begun.fetch_add(1, Ordering::Relaxed);
        self.emit(Event::PlayStarted { play: name, hosts: selected.hosts.clone() });
        self.take_budgets(play);
        // What a host of an earlier play owes to this one is not there: Ansible would go on without it.
        if play.any_errors_fatal()
            && let Some(lost) = selected.hosts.iter().find(|host| !self.goes_on(host))
        {
            self.end_for(lost, "any_errors_fatal", None);
        }
        self.play_ended.store(false, Ordering::Relaxed);
        let sizes = match self.sizes(play) {
            Ok(sizes) => sizes,
            Err(problem) => {
                self.refuse_play(selected, &problem);
                return;
            }
        };
        for PlayBatch { hosts, window, is_canary } in self.batches(selected, &sizes).await {
            self.end_for_batch();
            if self.play_ended.load(Ordering::Relaxed) {
                break;
            }
            if self.is_interrupted() {
                self.leave_out(&hosts);
            }
            let batch: Vec<String> = hosts.iter().filter(|host| self.goes_on(host)).cloned().collect();
            if !batch.is_empty() && !self.stops() {
                self.emit(Event::BatchStarted {
                    hosts: batch.clone(),
                    tasks: heads(play, &self.options.tags),
                });
                self.batch(play, &batch, window, selected).await;
                self.emit(Event::BatchFinished);
            }
            if is_canary {
                let others = selected.hosts.iter().filter(|host| self.goes_on(host) && !hosts.contains(host));
                self.after_canary(play, &hosts, others.count()).await;
            } else if !batch.is_empty() && !batch.iter().any(|host| self.goes_on(host)) {
                // Ansible's rule: a batch that is lost whole ends the run, so that the next one is not lost too.
                *self.lost_batch.lock().unwrap_or_else(PoisonError::into_inner) = Some(batch);
            }
        }
    }

    /// The sizes of a play's batches.
    pub(super) fn sizes(&self, play: &Play) -> Result<Vec<Serial>, Box<Problem>> {
        let scope = Arc::new(self.options.scope_of_play(play));
        let mut sizes = Vec::new();
        for size in &play.serial {
            match size {
                Serial::Template(node) => {
                    let value =
                        self.renderer.value(node, &scope).map_err(|error| Box::new(problem_of(error)))?;
                    sizes.extend(Serial::of_value(&value).ok_or_else(|| {
                        Box::new(Problem::new(format!("`serial` cannot be {value}"), node.place()))
                    })?);
                }
                known => sizes.push(known.clone()),
            }
        }
        Ok(sizes)
    }

    /// Loses all hosts of a play that cannot be begun.
    fn refuse_play(&self, selected: &Selected, problem: &Problem) {
        for host in &selected.hosts {
            let Some(reason) = Done::wrong(problem).reason else { continue };
            let recap = self.lose(host, State::Failed, reason, Recap::default());
            self.keep_recap(host, recap);
        }
    }

    async fn batch(
        self: &Arc<Self>,
        play: &Arc<Play>,
        batch: &[String],
        window: Option<usize>,
        selected: &Selected,
    ) {
        let all: Arc<[String]> = selected.listed.iter().filter(|host| self.goes_on(host)).cloned().collect();
        let together = Together {
            lists: Arc::new(magic::lists_of(batch, &all, &selected.listed)),
            play: Arc::clone(play),
            meeting: Arc::new(Meeting::new(batch.to_vec(), window.is_some())),
            forks: Arc::new(Semaphore::new(self.options.forks.max(1))),
            names_set: Arc::new(names_set(play.tasks().chain(&play.handlers))),
            is_cautious: is_cautious(play),
            lost: Arc::default(),
            all,
            lists_without: Arc::default(),
        };
        self.throttles.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut hosts = JoinSet::new();
        let mut waiting = batch.iter();
        // The places that are free: without a window, one for each.
        let mut free = window.unwrap_or(batch.len());
        let mut lost = Vec::new();
        loop {
            for name in waiting.by_ref().take(free) {
                free -= 1;
                let (shared, together) = (Arc::clone(self), together.clone());
                let name = name.clone();
                hosts.spawn(async move {
                    let recap = shared.in_turn(&together, &name).await;
                    together.end(&shared, &name, &recap);
                    (name, recap)
                });
            }
            match hosts.join_next().await {
                Some(Ok((name, recap))) => {
                    if self.gives_back(recap.state) {
                        free += 1;
                    } else {
                        lost.push(name.clone());
                    }
                    self.keep_recap(&name, recap);
                }
                Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Some(Err(_)) => {}
                None => break,
            }
        }
        if waiting.len() > 0 {
            self.close_for_window(lost);
        }
    }

    /// A host's way through its batch, once it has a place among those that run side by side; as it was where the run has ended
    /// before that.
    async fn in_turn(self: &Arc<Self>, together: &Together, name: &str) -> Recap {
        self.reached(name).await;
        let slot = Arc::clone(&together.forks).acquire_owned().await.ok();
        let recap = if self.lets_begin(name) {
            Box::pin(self.host(together, name, slot)).await
        } else {
            self.leave_out(&[name.to_owned()]);
            self.earlier(name)
        };
        self.reaching.release(name);
        recap
    }

    /// What became of a host so far.
    fn earlier(&self, name: &str) -> Recap {
        self.recaps.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned().unwrap_or_default()
    }

    /// Whether the run ends for a host that is lost: the first of a play with `any_errors_fatal`, or the one that is more than
    /// `max_fail_percentage` permits.
    fn ends_for(&self, play: &Play, recap: &Recap, lost: usize, batch: usize) -> Option<&'static str> {
        if !recap.state.is_lost() || recap.state == State::Aborted || self.fatal.load(Ordering::Relaxed) {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "batches are far below 2^52 hosts")]
        let share = 100.0 * lost as f64 / batch as f64;
        if play.any_errors_fatal() {
            return Some("any_errors_fatal");
        }
        play.max_fail_percentage.filter(|most| share > *most).map(|_| "max_fail_percentage")
    }

    async fn host(
        self: &Arc<Self>,
        together: &Together,
        name: &str,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Recap {
        let earlier = self.earlier(name);
        let play = &together.play;
        let (variables, _) = self.variables(play, name, &together.lists, Kept::default());
        // Nothing that a host has said can change how it is reached.
        let scope = Arc::new(variables.scope());
        let connection = self.connections.to(name, &self.inventory, &self.renderer, &scope);
        let connection = match connection {
            Ok(connection) => connection,
            Err(no_way) => {
                let (state, reason) = match no_way {
                    NoWay::Unsupported(reason) => (State::Unsupported, reason),
                    NoWay::Unreachable(reason) => {
                        let earlier = Recap { unreachable: 1, ..earlier };
                        return self.lose(name, State::Unreachable, reason, earlier);
                    }
                    NoWay::Wrong(problems) => (State::Failed, wrong_connection(&problems)),
                };
                return self.lose(name, state, reason, earlier);
            }
        };
        if self.options.verbosity > 1 {
            self.emit(Event::Said { text: format!("{name}: {}", connection.shown), warning: false });
        }
        let (mut variables, mut magic) = self.variables(play, name, &together.lists, self.kept(name));
        let settings = match self.settings(&scope) {
            Ok(settings) => settings,
            Err(reason) => return self.lose(name, State::Failed, reason, earlier),
        };
        let memory = self.memory.host(&connection.key);
        let mut host = Host::new(name, modules::Facts::default());
        host.settings = settings;
        let view = Arc::new(HostView::new(self, name, &together.meeting, &together.names_set));
        magic.set_hosts("hostvars", Arc::clone(&view) as Arc<dyn Hosts>);
        variables.magic = Arc::new(magic);
        let run = HostRun {
            shared: Arc::clone(self),
            play: Arc::clone(play),
            together: together.clone(),
            meeting: Arc::clone(&together.meeting),
            view,
            met: Position::default(),
            slot,
            forks: Arc::clone(&together.forks),
            host,
            transport: connection.transport,
            facts: KnownFacts::default(),
            memory,
            memory_key: connection.key,
            overlay: Overlay::default(),
            elsewhere: Overlay::default(),
            site_overlays: HashMap::new(),
            epoch: 0,
            acting: false,
            timings: Timings::default(),
            variables,
            handlers: play.handlers.clone(),
            notified: BTreeSet::new(),
            in_doubt: BTreeSet::new(),
            doubt: None,
            from_others: 0,
            looped: Looped::default(),
            reach: Reach::default(),
            closing: None,
            failing: BTreeSet::new(),
            roles: HashMap::new(),
            recap: earlier,
            guard: Guard::default(),
            witnesses: Vec::new(),
        };
        Box::pin(run.run()).await
    }

    /// Ends the run for the sake of a host that is lost, as a keyword has it.
    ///
    /// The place is that of its last task: hosts that go task by task end the same one.
    pub fn end_for(&self, host: &str, keyword: &str, at: Option<Position>) {
        {
            let mut fatal_at = self.fatal_at.lock().unwrap_or_else(PoisonError::into_inner);
            if self.fatal.swap(true, Ordering::Relaxed) {
                return;
            }
            *fatal_at = at;
        }
        let text = format!("the run ends here: `{host}` is lost, and the play says `{keyword}`");
        self.emit(Event::Said { text, warning: true });
    }

    /// Ends the run where something would follow a batch that is lost whole.
    pub(super) fn end_for_batch(&self) {
        self.close_for_canary();
        let lost = self.lost_batch.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(batch) = lost.filter(|_| !self.stops()) else { return };
        self.fatal.store(true, Ordering::Relaxed);
        let text = match batch.as_slice() {
            [only] => format!("the run ends here: `{only}`, all of its batch, is lost"),
            all => format!("the run ends here: all {} hosts of a batch are lost", all.len()),
        };
        self.emit(Event::Said { text, warning: true });
    }

    /// A host that is lost before anything was sent to it.
    fn lose(&self, name: &str, state: State, reason: Reason, earlier: Recap) -> Recap {
        self.say_lost(name, state, Event::lost(name, state, reason.clone()));
        self.emit(Event::HostFinished { host: name.to_owned() });
        Recap { state, reason: Some(reason), ..earlier }
    }
}

fn wrong_connection(problems: &Problems) -> Reason {
    let first = problems.0.first();
    Reason {
        kind: "inventory".to_owned(),
        message: problems.to_string(),
        help: first.and_then(|problem| problem.help.clone()),
        place: None,
    }
}

/// The tasks that a batch may run, as far as they are known, in order.
fn heads(play: &Play, tags: &Tags) -> Vec<TaskHead> {
    let head = |task: &Arc<Task>| TaskHead {
        place: Position::default().inside(task.number),
        name: task.shown_name().to_owned(),
        module: task.action.name().to_owned(),
        item: None,
        handler: task.around.handler,
    };
    let tasks = play.tasks().filter(|task| tags.select(&task.keywords.tags));
    tasks.chain(&play.handlers).map(head).collect()
}
