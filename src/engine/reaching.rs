//! All hosts of a run are connected to before the first change, so that a fleet half of which is out of reach is known as such
//! while nothing has happened yet. Until there is something to change, only those are connected to whose turn is near: connections
//! are bounded in number, and one that is made too early is closed before its turn.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use super::connect::NoWay;
use super::host::{HostRun, Left};
use super::magic;
use super::reach;
use super::run::{Selected, Shared};
use super::variables::Kept;
use crate::event::{Event, Position, Reason, Recap, State};
use crate::playbook::Play;
use crate::template::Layer;
use crate::transport::Transport;

/// How often whoever waits looks whether the run has been stopped.
const LOOK: Duration = Duration::from_millis(100);

/// How many hosts at least may be connected and not yet done. Those that are done are kept for the next run: twice as many as this
/// have to be fewer than the pool keeps.
const AHEAD: usize = 40;

/// What is known of the ways to the hosts of a run.
pub struct Reaching {
    known: Mutex<Known>,
    changed: Notify,
    /// Somebody waits for a host, or for all.
    news: Notify,
    /// Places for hosts that are connected and not yet done.
    ahead: Semaphore,
    /// Whether what the start has found out no longer counts: a later play tries its hosts anew.
    is_old: AtomicBool,
}

impl Default for Reaching {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            changed: Notify::default(),
            news: Notify::default(),
            ahead: Semaphore::new(0),
            is_old: AtomicBool::default(),
        }
    }
}

#[derive(Default)]
struct Known {
    /// The hosts of which it is not known yet whether they are in reach, each with who waits for it: one that is settled wakes
    /// nobody but its own.
    open: HashMap<String, Arc<Notify>>,
    /// Those of them that nobody connects to yet, in the order of the run.
    pending: BTreeMap<usize, Way>,
    /// Those whose turn is near, the first first.
    near: VecDeque<String>,
    /// Whether all are to be connected to.
    all: bool,
    /// Those that have a place and are not done.
    placed: HashSet<String>,
    /// Those that were out of reach when the run began, each with why.
    unreachable: HashMap<String, Reason>,
    /// Those that were heard in this run.
    heard: HashSet<String>,
}

/// What a host is connected to by.
struct Way {
    host: String,
    play: Arc<Play>,
    lists: Arc<Layer>,
}

impl Known {
    /// Whom to connect to next.
    fn next(&mut self) -> Option<Way> {
        while let Some(host) = self.near.pop_front() {
            let at = self.pending.iter().find(|(_, way)| way.host == host).map(|(at, _)| *at);
            if let Some(way) = at.and_then(|at| self.pending.remove(&at)) {
                return Some(way);
            }
        }
        if self.all { self.pending.pop_first().map(|(_, way)| way) } else { None }
    }
}

impl Reaching {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, host: &str, unreachable: Option<Reason>) {
        let is_out = unreachable.is_some();
        let mut known = self.known();
        let waiting = known.open.remove(host);
        if let Some(reason) = unreachable {
            known.unreachable.insert(host.to_owned(), reason);
        }
        drop(known);
        if is_out {
            self.release(host);
        }
        if let Some(waiting) = waiting {
            waiting.notify_waiters();
        }
        self.changed.notify_waiters();
    }

    /// A host is done, or waits for others: somebody else may be connected to in its place.
    pub fn release(&self, host: &str) {
        if self.known().placed.remove(host) {
            self.ahead.add_permits(1);
        }
    }

    /// From here on nobody's turn is waited for.
    fn want_all(&self) {
        let mut known = self.known();
        if !std::mem::replace(&mut known.all, true) {
            self.ahead.add_permits(known.open.len());
            self.news.notify_one();
        }
    }

    /// The next host to connect to, once there is a place for it; nothing where none is left.
    async fn next(&self) -> Option<Way> {
        let way = loop {
            {
                let mut known = self.known();
                if let Some(way) = known.next() {
                    break way;
                }
                if known.pending.is_empty() {
                    return None;
                }
            }
            self.news.notified().await;
        };
        if let Ok(place) = self.ahead.acquire().await {
            place.forget();
        }
        self.known().placed.insert(way.host.clone());
        Some(way)
    }

    /// Says that a host was heard.
    pub fn hear(&self, host: &str) {
        let mut known = self.known();
        if !known.heard.contains(host) {
            known.heard.insert(host.to_owned());
        }
    }

    /// Whether a host was heard in this run: one that is lost after that is no host that was never reached.
    #[must_use]
    pub fn was_heard(&self, host: &str) -> bool {
        self.known().heard.contains(host)
    }

    /// Why a host was out of reach when the run began.
    #[must_use]
    pub fn why_not(&self, host: &str) -> Option<Reason> {
        self.known().unreachable.get(host).cloned()
    }

    /// Says that the first play is over.
    pub fn grow_old(&self) {
        self.is_old.store(true, Ordering::Relaxed);
    }

    /// Waits until it is known whether a host is in reach, or the run has been stopped.
    async fn settled(&self, shared: &Shared, host: &str) {
        let Some(waiting) = self.known().open.get(host).cloned() else { return };
        // Registered before the look, so that nothing that happens in between is missed.
        let settled = waiting.notified();
        tokio::pin!(settled);
        settled.as_mut().enable();
        if self.known().open.contains_key(host) && !shared.is_interrupted() {
            settled.await;
        }
    }

    /// The same of all hosts.
    async fn all_settled(&self, shared: &Shared) {
        loop {
            // As above.
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.known().open.is_empty() || shared.is_interrupted() {
                return;
            }
            _ = tokio::time::timeout(LOOK, changed).await;
        }
    }

    /// Wakes whoever waits for a host once the run has been stopped: one looks for all of them.
    async fn look_for_end(&self, shared: &Shared) {
        while !shared.is_interrupted() {
            tokio::time::sleep(LOOK).await;
        }
        self.known().open.values().for_each(|waiting| waiting.notify_waiters());
    }
}

impl Shared {
    /// Waits until every host of the run is connected or known to be out of reach, before something is changed. In check
    /// mode there is nothing to wait for. Where that ends the run, [`is_interrupted`](Self::is_interrupted) says so.
    pub async fn all_are_reached(&self) {
        self.reaching.want_all();
        self.reaching.all_settled(self).await;
    }

    /// Why a host is out of reach, where the start of the run has found that out and it still counts; waits for it.
    pub(super) async fn out_of_reach(&self, host: &str) -> Option<Reason> {
        if self.reaching.is_old.load(Ordering::Relaxed) {
            return None;
        }
        self.reaching.settled(self, host).await;
        self.reaching.why_not(host)
    }

    /// Waits until a host whose turn has come is connected to, or cannot be. It takes no place among those that run meanwhile: one
    /// that hangs keeps nobody back.
    pub(super) async fn reached(&self, host: &str) {
        if self.reaching.is_old.load(Ordering::Relaxed) {
            return;
        }
        {
            let mut known = self.reaching.known();
            if !known.open.contains_key(host) {
                return;
            }
            known.near.push_back(host.to_owned());
        }
        self.reaching.news.notify_one();
        self.reaching.settled(self, host).await;
    }

    /// Begins to connect to the hosts of a run, side by side; what is not done when this is dropped is left.
    pub(super) fn reach_all(self: &Arc<Self>, plays: &[Selected]) -> JoinSet<()> {
        let mut ways = JoinSet::new();
        if self.options.check {
            return ways;
        }
        let gone: HashSet<&String> =
            plays.iter().flat_map(|play| &play.hosts).filter(|host| !self.goes_on(host)).collect();
        let mut known = self.reaching.known();
        for Selected { play, hosts, .. } in plays {
            let lists = Arc::new(magic::lists_of(hosts, hosts, hosts));
            for host in hosts.iter().filter(|host| !gone.contains(host)) {
                if let Entry::Vacant(free) = known.open.entry(host.clone()) {
                    free.insert(Arc::default());
                    let way = Way { host: host.clone(), play: Arc::clone(play), lists: Arc::clone(&lists) };
                    let at = known.pending.len();
                    known.pending.insert(at, way);
                }
            }
        }
        drop(known);
        self.reaching.ahead.add_permits(self.options.forks.max(AHEAD));
        let shared = Arc::clone(self);
        ways.spawn(async move {
            let places = Arc::new(Semaphore::new(shared.options.forks.max(1)));
            let mut going = JoinSet::new();
            while let Some(Way { host, play, lists }) = shared.reaching.next().await {
                let place = Arc::clone(&places).acquire_owned().await;
                let shared = Arc::clone(&shared);
                going.spawn(async move {
                    let _place = place;
                    let why =
                        if shared.is_interrupted() { None } else { shared.reach(&play, &host, &lists).await };
                    if why.is_some() {
                        shared.count(&host, State::Unreachable);
                    }
                    shared.reaching.settle(&host, why);
                });
                while going.try_join_next().is_some() {}
            }
            while going.join_next().await.is_some() {}
        });
        let shared = Arc::clone(self);
        ways.spawn(async move { shared.reaching.look_for_end(&shared).await });
        ways
    }

    /// Connects to a host. Says why it is out of reach; what else is wrong is said when its turn comes.
    async fn reach(&self, play: &Play, host: &str, lists: &Layer) -> Option<Reason> {
        let scope = Arc::new(self.variables(play, host, lists, Kept::default()).0.scope());
        let transport = match self.connections.to(host, &self.inventory, &self.renderer, &scope) {
            Ok(connection) => connection.transport,
            Err(NoWay::Unreachable(reason)) => return Some(reason),
            Err(NoWay::Wrong(_) | NoWay::Unsupported(_)) => return None,
        };
        if !matches!(*transport, Transport::Ssh(_)) {
            return None;
        }
        match transport.connect(host, &self.options.limits).await {
            Ok(heard) => {
                if heard {
                    self.reaching.hear(host);
                }
                None
            }
            Err(error) if reach::is_unreachable(&error.cause) => Some(reach::reason(&error)),
            Err(_) => None,
        }
    }

    /// Says of hosts whose turn never came that they are out of reach, where that is known.
    pub(super) fn tell_unreached(&self) {
        let mut recaps = self.recaps.lock().unwrap_or_else(PoisonError::into_inner);
        for (host, recap) in recaps.iter_mut().filter(|(_, recap)| recap.state == State::NotAttempted) {
            let Some(reason) = self.reaching.why_not(host) else { continue };
            self.emit(Event::HostUnreachable { host: host.clone(), reason: reason.clone() });
            let reason = Some(reason);
            *recap = Recap { state: State::Unreachable, unreachable: 1, reason, ..std::mem::take(recap) };
        }
    }
}

impl HostRun {
    /// Says how a host cannot be reached.
    pub(super) fn unreachable(&mut self, reason: Reason) -> Left {
        if self.reach.tolerant {
            self.reach.why = Some(reason);
            return Left::Unreachable;
        }
        self.reach.lost = self.shared.reaching.was_heard(&self.host.name);
        if self.reach.lost {
            let message = format!("contact with the host was lost: {}", reason.message);
            self.lose(State::Failed, Reason { message, ..reason });
        } else {
            self.lose(State::Unreachable, reason);
        }
        Left::Unreachable
    }

    /// Says that the host goes no further, and why.
    pub(super) fn lose(&mut self, state: State, reason: Reason) {
        self.recap.reason = Some(reason.clone());
        let host = &self.host.name;
        self.shared.say_lost(host, state, Event::lost(host, state, reason));
    }

    /// Waits until something may be changed at a place: not before all hosts are reached, and not where the run ends.
    pub(super) async fn before_change(&self, place: &Position) -> Result<(), Left> {
        self.shared.all_are_reached().await;
        let ends = self.closing.is_none() && self.shared.stops_before(place);
        if ends || self.shared.is_interrupted() { Err(Left::Stopped) } else { Ok(()) }
    }
}
