//! A run: plays in order, batches in order, hosts side by side.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use modules::{Host, Overlay};
use serde_json::{Map, Value as Json};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::connect::{Connections, NoWay};
use super::controller::Controller;
use super::done::Done;
use super::host::{HostRun, KnownFacts, Looped, Reach};
use super::magic;
use super::meeting::Meeting;
use super::memory::Memory;
use super::reading::Reading;
use super::scope::{Renderer, problem_of};
use super::site::Sites;
use super::tags::Tags;
use super::variables::{Kept, Variables, layer_of, names_set};
use super::view::HostView;
use crate::event::{Event, Position, Reason, Recap, State, TaskHead};
use crate::inventory::Inventory;
use crate::playbook::{Play, Playbook, Serial, Task};
use crate::template::{Hosts, Layer, Scope};
use crate::transport::Limits;
use crate::yaml::{Problem, Problems};

/// What the operator asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Nothing is applied.
    pub check: bool,
    /// Hosts side by side.
    pub forks: usize,
    /// Which tasks.
    pub tags: Tags,
    /// `-e`, already read.
    pub extra: Vec<(String, Json)>,
    /// `-l`, as it was given.
    pub limit: Option<String>,
    /// Whether differences are shown.
    pub diff: bool,
    /// How often `-v` was given.
    pub verbosity: u8,
    /// `--force-handlers`: handlers run on hosts that have failed.
    pub force_handlers: bool,
    /// Bounds of one script.
    pub limits: Limits,
}

impl Options {
    /// The scope of what belongs to no host.
    #[must_use]
    pub fn extra_scope(&self) -> Scope {
        Scope::of(vec![Arc::new(self.extra_layer())])
    }

    /// The scope of what a play says before it has hosts.
    #[must_use]
    pub fn scope_of_play(&self, play: &Play) -> Scope {
        Scope::of(vec![layer_of(&play.keywords.vars), Arc::new(self.extra_layer())])
    }

    fn extra_layer(&self) -> Layer {
        let mut layer = Layer::new();
        self.extra.iter().for_each(|(name, value)| layer.set_source(name.clone(), value));
        layer
    }
}

/// What all hosts of a run share.
pub struct Shared {
    /// What the operator asked for.
    pub options: Options,
    /// The inventory.
    pub inventory: Arc<Inventory>,
    /// Renders templates.
    pub renderer: Renderer,
    /// The controller's own answers.
    pub controller: Controller,
    /// What is known of hosts from earlier runs.
    pub memory: Memory,
    /// Set where the run has to end: hosts stop before their next script.
    pub stop: Arc<AtomicBool>,
    /// How hosts are reached.
    pub connections: Connections,
    /// Each host's variables of the inventory.
    layers: HashMap<String, Arc<Layer>>,
    /// `-e`.
    extra: Arc<Layer>,
    /// What stays of each host from play to play.
    kept: Mutex<HashMap<String, Kept>>,
    /// Where tasks are delegated to.
    pub sites: Sites,
    /// What was read while the run went on.
    pub reading: Reading,
    /// Places that `throttle` gives, by task.
    throttles: Mutex<HashMap<Position, Arc<Semaphore>>>,
    /// A batch of which no host is left.
    lost_batch: Mutex<Option<Vec<String>>>,
    /// Set where the play ends for all hosts, as one has said.
    play_ended: AtomicBool,
    /// `groups`, the hosts of each group: one for all hosts, as it is as long as the inventory.
    groups: Layer,
    events: mpsc::UnboundedSender<Event>,
    overlays: Mutex<HashMap<String, Overlay>>,
    /// Of what hosts have planned, what all others see too.
    seen: Mutex<BTreeMap<String, Overlay>>,
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Set where a host of a play with `any_errors_fatal` is lost: no host goes on.
    fatal: AtomicBool,
    /// At which task that host was, in a play that goes task by task.
    fatal_at: Mutex<Option<Position>>,
    recaps: Mutex<BTreeMap<String, Recap>>,
}

/// A play with the hosts that its pattern and the limit select.
#[derive(Debug, Clone)]
pub struct Selected {
    /// The play.
    pub play: Arc<Play>,
    /// Its hosts, in order.
    pub hosts: Vec<String>,
}

/// What a run is made of.
pub struct Parts {
    /// What the operator asked for.
    pub options: Options,
    /// The inventory.
    pub inventory: Arc<Inventory>,
    /// Renders templates.
    pub renderer: Renderer,
    /// The controller's own answers.
    pub controller: Controller,
    /// What is known of hosts from earlier runs.
    pub memory: Memory,
    /// Set where the run has to end.
    pub stop: Arc<AtomicBool>,
    /// How hosts are reached.
    pub connections: Connections,
    /// Where events go.
    pub events: mpsc::UnboundedSender<Event>,
}

impl Shared {
    /// A run's shared parts.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let layers =
            parts.inventory.hosts().map(|host| (host.to_string(), layer_of_host(&parts.inventory, host)));
        let layers = layers.collect();
        let extra = Arc::new(parts.options.extra_layer());
        let groups = magic::groups(&parts.inventory);
        Arc::new(Self {
            options: parts.options,
            inventory: parts.inventory,
            renderer: parts.renderer,
            controller: parts.controller,
            memory: parts.memory,
            stop: parts.stop,
            connections: parts.connections,
            layers,
            extra,
            kept: Mutex::default(),
            sites: Sites::default(),
            reading: Reading::default(),
            throttles: Mutex::default(),
            lost_batch: Mutex::default(),
            play_ended: AtomicBool::new(false),
            groups,
            events: parts.events,
            overlays: Mutex::default(),
            seen: Mutex::default(),
            turns: Mutex::default(),
            fatal: AtomicBool::new(false),
            fatal_at: Mutex::default(),
            recaps: Mutex::default(),
        })
    }

    /// Says what happened. A report that is gone is no reason to stop.
    pub fn emit(&self, event: Event) {
        _ = self.events.send(event.masked());
    }

    /// 32 random hex digits.
    ///
    /// # Panics
    /// The system has no randomness to give.
    #[must_use]
    pub fn random(&self) -> String {
        let mut bytes = [0; 16];
        // Without randomness a host could forge frames; the system's generator fails only where nothing works at all.
        aws_lc_rs::rand::fill(&mut bytes).expect("the system gives random bytes");
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether hosts have to end before their next step.
    #[must_use]
    pub fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.fatal.load(Ordering::Relaxed)
    }

    /// Whether a host has to end before it begins the task at a place.
    #[must_use]
    pub fn stops_before(&self, place: &Position) -> bool {
        let fatal_at = self.fatal_at.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_interrupted() || (self.is_fatal() && fatal_at.as_ref().is_none_or(|at| at < place))
    }

    /// Whether the run ends for the sake of a host that is lost.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.fatal.load(Ordering::Relaxed)
    }

    /// Whether the operator has stopped the run.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Says that the play ends here: no batch of it begins any more.
    pub fn end_play(&self) {
        self.play_ended.store(true, Ordering::Relaxed);
    }

    /// The places that a task's `throttle` gives to all hosts.
    #[must_use]
    pub fn places(&self, task: &Position, most: usize) -> Arc<Semaphore> {
        let mut throttles = self.throttles.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(throttles.entry(task.clone()).or_insert_with(|| Arc::new(Semaphore::new(most))))
    }

    /// Keeps what is known of a host, for later plays and for other hosts.
    pub fn keep_variables(&self, host: &str, kept: Kept) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), kept);
    }

    /// What is known of a host.
    #[must_use]
    pub fn kept(&self, host: &str) -> Kept {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(host).cloned().unwrap_or_default()
    }

    /// Keeps variables that another host's task has found out about a host.
    pub fn learn_of(&self, host: &str, facts: &Map<String, Json>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let learnt = Arc::make_mut(&mut kept.entry(host.to_owned()).or_default().learnt);
        facts.iter().for_each(|(name, value)| learnt.set_literal(name.clone(), value));
    }

    /// What can be said of a host outside a play: its variables of the inventory, and what it has learnt.
    #[must_use]
    pub fn scope_of_host(&self, host: &str) -> Scope {
        let kept = self.kept(host);
        self.scope_with(host, kept)
    }

    /// The same with what is known of it by now.
    #[must_use]
    pub fn scope_with(&self, host: &str, kept: Kept) -> Scope {
        let mut magic = Layer::new();
        for (name, value) in magic::names_of(&self.inventory, host) {
            magic.set_literal(name, &value);
        }
        magic.extend(&self.groups);
        let inventory = self.layers.get(host).cloned().unwrap_or_default();
        Scope::of(vec![
            inventory,
            kept.facts,
            kept.included,
            kept.learnt,
            Arc::clone(&self.extra),
            Arc::new(magic),
        ])
    }

    /// The turn of a host among those that may do something one at a time only; it ends when the guard is dropped.
    pub async fn turn(&self, name: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(name.to_owned()).or_default())
        };
        turn.lock_owned().await
    }

    /// The changes that earlier plays have planned for a host.
    #[must_use]
    pub fn overlay_of(&self, host: &str) -> Overlay {
        self.overlays.lock().unwrap_or_else(PoisonError::into_inner).remove(host).unwrap_or_default()
    }

    /// What earlier plays have planned for other hosts, as far as this one sees it.
    #[must_use]
    pub fn elsewhere(&self, host: &str) -> Overlay {
        let mut elsewhere = Overlay::default();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|(name, _)| *name != host).for_each(|(_, overlay)| elsewhere.join(overlay));
        elsewhere
    }

    /// Keeps the changes that a play has planned for a host.
    pub fn keep_overlay(&self, host: &str, overlay: Overlay) {
        let seen = overlay.seen_everywhere();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), seen);
        self.overlays.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), overlay);
    }

    /// Finds every host whose connection variables cannot be used, before any process is started.
    ///
    /// # Errors
    /// All that is wrong with them, each at its place.
    pub fn preflight(&self, plays: &[Selected]) -> Result<(), Problems> {
        let mut problems = Problems::new();
        let mut seen = BTreeSet::new();
        for Selected { play, hosts } in plays {
            let lists = magic::lists_of(hosts, hosts);
            for name in hosts {
                let upper = Arc::new(self.variables(play, name, &lists, Kept::default()).0.scope());
                if let Err(NoWay::Wrong(more)) =
                    self.connections.to(name, &self.inventory, &self.renderer, &upper)
                    && seen.insert(more.to_string())
                {
                    problems.extend(more);
                }
            }
        }
        problems.or(())
    }

    /// Runs playbooks. Gives what became of every selected host.
    pub async fn run(self: &Arc<Self>, plays: &[Selected]) -> BTreeMap<String, Recap> {
        for selected in plays {
            let mut recaps = self.recaps.lock().unwrap_or_else(PoisonError::into_inner);
            for host in &selected.hosts {
                recaps.entry(host.clone()).or_default();
            }
        }
        for selected in plays {
            self.end_for_batch();
            if self.stops() {
                break;
            }
            self.play(selected).await;
        }
        self.recaps.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn play(self: &Arc<Self>, selected: &Selected) {
        let play = &selected.play;
        let name = play.name.as_ref().unwrap_or(&play.hosts);
        let scope = Arc::new(self.options.scope_of_play(play));
        let name = self.renderer.text(name, &scope).unwrap_or_else(|_| play.shown_name().to_owned());
        self.emit(Event::PlayStarted { play: name, hosts: selected.hosts.clone() });
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
        for batch in Play::batches(&sizes, &selected.hosts) {
            self.end_for_batch();
            if self.play_ended.load(Ordering::Relaxed) {
                break;
            }
            let batch: Vec<String> = batch.into_iter().filter(|host| self.goes_on(host)).collect();
            if batch.is_empty() || self.stops() {
                continue;
            }
            self.emit(Event::BatchStarted { hosts: batch.clone(), tasks: heads(play, &self.options.tags) });
            self.batch(play, &batch, selected).await;
            self.emit(Event::BatchFinished);
            if !batch.iter().any(|host| self.goes_on(host)) {
                // Ansible's rule: a batch that is lost whole ends the run, so that the next one is not lost too.
                *self.lost_batch.lock().unwrap_or_else(PoisonError::into_inner) = Some(batch);
            }
        }
    }

    /// The sizes of a play's batches.
    fn sizes(&self, play: &Play) -> Result<Vec<Serial>, Box<Problem>> {
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

    async fn batch(self: &Arc<Self>, play: &Arc<Play>, batch: &[String], selected: &Selected) {
        let all: Arc<[String]> = self.in_order(&selected.hosts).into();
        let together = Together {
            lists: Arc::new(magic::lists_of(batch, &all)),
            play: Arc::clone(play),
            meeting: Arc::new(Meeting::new(batch.to_vec())),
            forks: Arc::new(Semaphore::new(self.options.forks.max(1))),
            names_set: Arc::new(names_set(play.tasks().chain(&play.handlers))),
            is_cautious: is_cautious(play),
            lost: Arc::default(),
        };
        self.throttles.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut hosts = JoinSet::new();
        for name in batch {
            let (shared, together) = (Arc::clone(self), together.clone());
            let (name, all) = (name.clone(), Arc::clone(&all));
            hosts.spawn(async move {
                let slot = Arc::clone(&together.forks).acquire_owned().await.ok();
                let recap = Box::pin(shared.host(&together, &name, &all, slot)).await;
                together.end(&shared, &name, &recap);
                (name, recap)
            });
        }
        while let Some(joined) = hosts.join_next().await {
            match joined {
                Ok((name, recap)) => self.keep_recap(&name, recap),
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => {}
            }
        }
    }

    /// Those of a play's hosts that go on, in the inventory's order, whatever the play's is.
    fn in_order(&self, hosts: &[String]) -> Vec<String> {
        let wanted: HashSet<&str> =
            hosts.iter().map(String::as_str).filter(|host| self.goes_on(host)).collect();
        let listed = self.inventory.hosts().filter(|host| wanted.contains(&***host)).map(ToString::to_string);
        let implicit =
            hosts.iter().filter(|host| !self.inventory.has_host(host) && wanted.contains(host.as_str()));
        listed.chain(implicit.cloned()).collect()
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
        all: &Arc<[String]>,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Recap {
        let earlier =
            self.recaps.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned().unwrap_or_default();
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
            all_hosts: Arc::clone(all),
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
            variables,
            handlers: play.handlers.clone(),
            notified: BTreeSet::new(),
            in_doubt: BTreeSet::new(),
            doubt: None,
            looped: Looped::default(),
            reach: Reach::default(),
            closing: None,
            failing: BTreeSet::new(),
            roles: HashMap::new(),
            recap: earlier,
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
    fn end_for_batch(&self) {
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
        let (host, why) = (name.to_owned(), reason.clone());
        self.emit(match state {
            State::Unreachable => Event::HostUnreachable { host, reason: why },
            _ => Event::HostFailed { host, reason: why },
        });
        self.emit(Event::HostFinished { host: name.to_owned() });
        Recap { state, reason: Some(reason), ..earlier }
    }

    /// What a host's variables say of it as a whole.
    ///
    /// # Errors
    /// A setting whose value cannot be had.
    pub fn settings(&self, scope: &Arc<Scope>) -> Result<BTreeMap<String, String>, Reason> {
        let mut settings = BTreeMap::new();
        for name in modules::SETTINGS {
            let value = self.renderer.variable(name, scope).map_err(|error| {
                let problem = problem_of(error);
                Reason {
                    kind: "inventory".to_owned(),
                    message: problem.message,
                    help: problem.help,
                    place: None,
                }
            })?;
            match value {
                None | Some(Json::Null) => {}
                Some(Json::String(text)) => _ = settings.insert((*name).to_owned(), text),
                Some(other) => _ = settings.insert((*name).to_owned(), other.to_string()),
            }
        }
        Ok(settings)
    }

    /// A host's variables in a play, and dtrctl's own among them.
    pub(super) fn variables(&self, play: &Play, name: &str, lists: &Layer, kept: Kept) -> (Variables, Layer) {
        let mut magic = Layer::new();
        for (key, value) in magic::in_play(&self.inventory, &self.options, play, name) {
            magic.set_literal(key, &value);
        }
        magic.extend(&self.groups);
        magic.extend(lists);
        let inventory = self.layers.get(name).cloned().unwrap_or_default();
        let extra = Arc::clone(&self.extra);
        (Variables::new(play, vec![inventory], extra, magic.clone(), kept), magic)
    }

    fn goes_on(&self, host: &str) -> bool {
        let recaps = self.recaps.lock().unwrap_or_else(PoisonError::into_inner);
        !recaps.get(host).is_some_and(|recap| recap.state.is_lost())
    }

    fn keep_recap(&self, host: &str, recap: Recap) {
        self.recaps.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), recap);
    }
}

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
}

impl Together {
    /// Takes a host's end. Where it is one too many, the run is ended before any other host learns that this one has left.
    pub fn end(&self, shared: &Shared, host: &str, recap: &Recap) {
        let is_lost = recap.state.is_lost();
        if is_lost && recap.state != State::Aborted {
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

fn layer_of_host(inventory: &Inventory, host: &str) -> Arc<Layer> {
    let mut layer = Layer::new();
    for (variable, sourced) in inventory.vars(host) {
        if let Ok(value) = sourced.node().to_source() {
            layer.set_source(variable.to_string(), &value);
        }
    }
    Arc::new(layer)
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

/// The plays of playbooks, in order.
#[must_use]
pub fn plays(playbooks: &[Playbook]) -> Vec<Arc<Play>> {
    playbooks.iter().flat_map(|playbook| playbook.plays.iter().cloned()).collect()
}
