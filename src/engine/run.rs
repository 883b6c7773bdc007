//! A run: plays in order, batches in order, hosts side by side.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use modules::Overlay;
use serde_json::{Map, Value as Json};
use tokio::sync::{OwnedMutexGuard, Semaphore, mpsc};

use super::connect::{Connections, NoWay};
use super::controller::Controller;
use super::gates::{Counted, Questions};
use super::magic;
use super::memory::Memory;
use super::reaching::Reaching;
use super::reading::Reading;
use super::scope::{Renderer, problem_of};
use super::site::Sites;
use super::tags::Tags;
use super::variables::{Kept, Variables, layer_of};
use crate::event::{Event, Position, Reason, Recap, State};
use crate::inventory::Inventory;
use crate::journal::History;
use crate::plan::Planning;
use crate::playbook::{Gates, Play, Playbook, Shard};
use crate::template::{Layer, Scope};
use crate::transport::Limits;
use crate::yaml::Problems;

/// What the operator asked for.
#[expect(clippy::struct_excessive_bools, reason = "flags of the command line, each its own, none a state")]
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
    /// What the command line says of gates.
    pub gates: Gates,
    /// Which part of the hosts is this run's, where several do it together.
    pub shard: Option<Shard>,
    /// Whether it is said what each task has cost.
    pub timings: bool,
    /// Bounds of one script.
    pub limits: Limits,
    /// How long another run is waited for that has a host, in seconds.
    pub lock_timeout: u64,
    /// After how many seconds without a word from this run a host puts back what it has changed there.
    pub guard_timeout: u64,
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

/// Which run it is, and whose: what a host's log and the lock on it name.
#[derive(Debug, Clone, Default)]
pub struct RunName {
    /// The run's id.
    pub id: String,
    /// `user@machine` of the operator.
    pub who: String,
}

/// What all hosts of a run share.
pub struct Shared {
    /// Which run it is.
    pub name: RunName,
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
    pub(super) layers: HashMap<String, Arc<Layer>>,
    /// `-e`.
    pub(super) extra: Arc<Layer>,
    /// What stays of each host from play to play.
    pub(super) kept: Mutex<HashMap<String, Kept>>,
    /// Where tasks are delegated to.
    pub sites: Sites,
    /// What was read while the run went on.
    pub reading: Reading,
    /// Places that `throttle` gives, by task.
    pub(super) throttles: Mutex<HashMap<Position, Arc<Semaphore>>>,
    /// A batch of which no host is left.
    pub(super) lost_batch: Mutex<Option<Vec<String>>>,
    /// Set where the play ends for all hosts, as one has said.
    pub(super) play_ended: AtomicBool,
    /// `groups`, the hosts of each group: one for all hosts, as it is as long as the inventory.
    pub(super) groups: Layer,
    /// How many plays have begun.
    pub(super) plays_begun: AtomicU32,
    /// What it has to do with a plan file.
    pub(super) planning: Planning,
    pub(super) events: mpsc::UnboundedSender<Event>,
    /// What earlier runs have done, for one that goes on with them.
    pub(super) history: Option<Arc<History>>,
    pub(super) overlays: Mutex<HashMap<String, Overlay>>,
    /// Of what hosts have planned, what all others see too.
    pub(super) seen: Mutex<BTreeMap<String, Overlay>>,
    pub(super) turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Set where a host of a play with `any_errors_fatal` is lost: no host goes on.
    pub(super) fatal: AtomicBool,
    /// At which task that host was, in a play that goes task by task.
    pub(super) fatal_at: Mutex<Option<Position>>,
    pub(super) recaps: Mutex<BTreeMap<String, Recap>>,
    /// What is known of the ways to all hosts.
    pub(super) reaching: Reaching,
    /// What is counted against the budgets.
    pub(super) counted: Counted,
    /// Where it is asked whether to go on.
    pub(super) questions: Questions,
}

/// A play with the hosts that its pattern and the limit select.
#[derive(Debug, Clone)]
pub struct Selected {
    /// The play.
    pub play: Arc<Play>,
    /// Its hosts, in the order in which it goes through them.
    pub hosts: Vec<String>,
    /// The same in the order of its pattern, then of the inventory, whatever its `order` is.
    pub listed: Vec<String>,
}

/// What a run is made of.
pub struct Parts {
    /// Which run it is.
    pub name: RunName,
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
    /// What it has to do with a plan file.
    pub planning: Planning,
    /// Where events go.
    pub events: mpsc::UnboundedSender<Event>,
    /// Where it is asked whether to go on.
    pub questions: Questions,
    /// What earlier runs have done, for one that goes on with them.
    pub history: Option<Arc<History>>,
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
            name: parts.name,
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
            plays_begun: AtomicU32::new(0),
            planning: parts.planning,
            events: parts.events,
            history: parts.history,
            overlays: Mutex::default(),
            seen: Mutex::default(),
            turns: Mutex::default(),
            fatal: AtomicBool::new(false),
            fatal_at: Mutex::default(),
            recaps: Mutex::default(),
            reaching: Reaching::default(),
            counted: Counted::default(),
            questions: parts.questions,
        })
    }

    /// Says what happened. A report that is gone is no reason to stop.
    pub fn emit(&self, event: Event) {
        _ = self.events.send(event.masked());
    }

    /// Whether hosts have to end before their next step.
    #[must_use]
    pub fn stops(&self) -> bool {
        self.is_interrupted() || self.fatal.load(Ordering::Relaxed)
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

    /// Whether the operator has stopped the run, or a gate has.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.is_closed()
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
        kept.entry(host.to_owned()).or_default().learn(facts);
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
        let mut problems = self.check_gates(plays);
        let mut seen = BTreeSet::new();
        for Selected { play, hosts, .. } in plays {
            let lists = magic::lists_of(hosts, hosts, hosts);
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
        self.count_hosts(plays);
        let ways = self.reach_all(plays);
        for (number, selected) in plays.iter().enumerate() {
            self.end_for_batch();
            if self.is_interrupted() {
                self.leave_out(&selected.hosts);
            } else if !self.stops() {
                if number > 0 {
                    self.reaching.grow_old();
                }
                self.play(selected).await;
            }
        }
        drop(ways);
        self.tell_unreached();
        self.recaps.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    /// Says of hosts that were begun with in an earlier play that they are left in the middle.
    pub(super) fn leave_out(&self, hosts: &[String]) {
        let mut recaps = self.recaps.lock().unwrap_or_else(PoisonError::into_inner);
        for host in hosts {
            if let Some(recap) = recaps.get_mut(host)
                && !recap.state.is_lost()
                && recap.state != State::NotAttempted
            {
                recap.state = State::Aborted;
            }
        }
    }

    pub(super) fn goes_on(&self, host: &str) -> bool {
        let recaps = self.recaps.lock().unwrap_or_else(PoisonError::into_inner);
        !recaps.get(host).is_some_and(|recap| recap.state.is_lost())
    }

    pub(super) fn keep_recap(&self, host: &str, recap: Recap) {
        self.recaps.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), recap);
    }
}

/// 32 random hex digits.
///
/// # Panics
/// The system has no randomness to give.
#[must_use]
pub fn random() -> String {
    let mut bytes = [0; 16];
    // Without randomness a host could forge frames; the system's generator fails only where nothing works at all.
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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

/// The plays of playbooks, in order.
#[must_use]
pub fn plays(playbooks: &[Playbook]) -> Vec<Arc<Play>> {
    playbooks.iter().flat_map(|playbook| playbook.plays.iter().cloned()).collect()
}
