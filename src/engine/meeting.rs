//! Where the hosts of a batch wait for each other: at `run_once`, and where one reads what another has found out.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::{Map, Value as Json};
use tokio::sync::Notify;

use super::host::HostRun;
use super::timings::Wait;
use super::variables::Kept;
use crate::event::{Outcome, Position};

/// The hosts of a batch, and how far each is.
pub struct Meeting {
    hosts: Vec<String>,
    /// Whether a host that has not begun is not waited for: it begins only as others end.
    slides: bool,
    state: Mutex<State>,
    /// Something was told, or a host has left; where it slides, whatever happens.
    changed: Notify,
}

/// A place that is waited at.
#[derive(Default)]
struct Waited {
    /// How many of the first hosts are there: none of them goes back, so none is looked at again.
    come: usize,
    all: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// How far each host is: all before that place is done. One that is not here has not begun.
    at: HashMap<String, Progress>,
    /// How many of them are lost.
    lost: usize,
    /// Where hosts wait for the others, and the last place that all have come to: who comes wakes the others only as the last.
    waited: BTreeMap<Position, Waited>,
    met: Option<Position>,
    /// Where each has come to last, be it that it has left since.
    last: HashMap<String, Position>,
    /// Who does a task for all.
    elected: HashMap<Position, String>,
    /// What one host has found out for all.
    told: HashMap<Position, Told>,
    /// What was known of each host from a place on, in order: one that has gone on is seen as it was.
    known: HashMap<String, Vec<(Position, Known)>>,
    /// What other hosts' tasks have found out about a host, and where.
    delegated: HashMap<String, Vec<Found>>,
}

/// What a task at a place has found out.
type Found = (Position, Map<String, Json>);

/// What is known of a host.
#[derive(Clone)]
struct Known {
    kept: Kept,
    /// How many of the things that others have found out are in it.
    taken: usize,
}

impl State {
    /// Whether all of these hosts have come to a place or have left; who waits there is woken then.
    fn have_met(&mut self, place: &Position, hosts: &[String]) -> bool {
        if self.met.as_ref().is_some_and(|met| met >= place) {
            // Somebody may have asked again meanwhile.
            if let Some(waited) = self.waited.remove(place) {
                waited.all.notify_waiters();
            }
            return true;
        }
        let there = |host: &&String| self.at.get(*host).is_some_and(|at| at.has_come_to(place));
        let waited = self.waited.entry(place.clone()).or_default();
        waited.come += hosts[waited.come..].iter().take_while(there).count();
        if waited.come < hosts.len() {
            return false;
        }
        waited.all.notify_waiters();
        self.waited.remove(place);
        self.met = Some(place.clone());
        true
    }

    /// Forgets what no host looks at any more, as all are past it.
    fn forget(&mut self, host: &str, hosts: usize) {
        let places = self.at.values().filter_map(|progress| match progress {
            Progress::Before(place) => Some(place),
            Progress::Left | Progress::Lost => None,
        });
        let (Some(slowest), Some(known)) = (places.min(), self.known.get_mut(host)) else { return };
        if self.at.len() == hosts {
            let old = known.iter().take_while(|(from, _)| from <= slowest).count();
            known.drain(..old.saturating_sub(1));
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
enum Progress {
    Before(Position),
    Left,
    Lost,
}

impl Progress {
    const fn is_over(&self) -> bool {
        matches!(self, Self::Left | Self::Lost)
    }

    fn has_come_to(&self, place: &Position) -> bool {
        match self {
            Self::Left | Self::Lost => true,
            Self::Before(at) => at >= place,
        }
    }
}

/// What one host has found out for all hosts of its batch.
#[derive(Clone)]
pub enum Told {
    /// How the task ended there.
    Ended {
        /// How.
        outcome: Outcome,
        /// Its whole result; none where check mode cannot know it.
        result: Map<String, Json>,
        /// Why the result is not known.
        unknown: Option<String>,
        /// Variables that it has set.
        facts: Map<String, Json>,
        /// Variables from files.
        included: Vec<(String, Json)>,
    },
    /// The host was lost on the way.
    Lost,
}

impl Meeting {
    /// Of these hosts; where it `slides`, only so many of them are under way at once.
    #[must_use]
    pub fn new(hosts: Vec<String>, slides: bool) -> Self {
        Self { hosts, slides, state: Mutex::default(), changed: Notify::new() }
    }

    /// Its hosts, in order.
    #[must_use]
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Says that a host has done all that is before a place, and what is known of it there; `taken` of the things that
    /// others have found out are in it.
    pub fn arrive(&self, host: &str, place: &Position, kept: Kept, taken: usize) {
        self.know(host, place, Known { kept, taken });
        self.set(host, Progress::Before(place.clone()));
    }

    /// Keeps what is known of a host from a place on.
    fn know(&self, host: &str, place: &Position, now: Known) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = state.known.entry(host.to_owned()).or_default();
        if known.last().is_none_or(|(_, last)| last.taken != now.taken || !last.kept.is_same(&now.kept)) {
            known.push((place.clone(), now));
        }
        state.forget(host, self.hosts.len());
    }

    /// Keeps what is known of a host that leaves: whoever is past its last task sees it.
    pub fn know_at_last(&self, host: &str, kept: Kept, taken: usize) {
        let last = match self.state.lock().unwrap_or_else(PoisonError::into_inner).at.get(host) {
            Some(Progress::Before(place)) => place.inside(u32::MAX),
            _ => Position::default(),
        };
        self.know(host, &last, Known { kept, taken });
    }

    /// What is known of a host by whoever is at a place; none where it has not begun.
    #[must_use]
    pub fn known(&self, host: &str, place: &Position) -> Option<Kept> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = state.known.get(host)?;
        let mut now = known.iter().rev().find(|(from, _)| from <= place).or(known.first())?.1.clone();
        let others = state.delegated.get(host).map_or(&[][..], Vec::as_slice);
        for (_, facts) in others.iter().skip(now.taken).filter(|(at, _)| at < place) {
            now.kept.learn(facts);
        }
        Some(now.kept)
    }

    /// Keeps what a task of another host has found out about a host; false where that host is not in this batch.
    pub fn learn_of(&self, host: &str, place: &Position, facts: &Map<String, Json>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_here = self.hosts.iter().any(|name| name == host);
        if is_here {
            state.delegated.entry(host.to_owned()).or_default().push((place.clone(), facts.clone()));
        }
        is_here
    }

    /// What others have found out about a host after the first so many.
    #[must_use]
    pub fn learnt_of(&self, host: &str, taken: usize) -> Vec<Map<String, Json>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let all = state.delegated.get(host).map_or(&[][..], Vec::as_slice);
        all.iter().skip(taken).map(|(_, facts)| facts.clone()).collect()
    }

    /// Says that nothing more comes of a host; `lost` where it has failed or could not be reached.
    pub fn leave(&self, host: &str, lost: bool) {
        self.set(host, if lost { Progress::Lost } else { Progress::Left });
    }

    /// The task that a host is at.
    #[must_use]
    pub fn place_of(&self, host: &str) -> Option<Position> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.at.get(host) {
            Some(Progress::Before(place)) => Some(place.clone()),
            _ => None,
        }
    }

    /// The hosts that are lost before a place, in the order of the batch: one that fails there or later was still there.
    #[must_use]
    pub fn lost_before(&self, place: &Position) -> Vec<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.lost == 0 {
            return Vec::new();
        }
        let is_lost = |host: &&String| {
            state.at.get(*host) == Some(&Progress::Lost)
                && state.last.get(*host).is_none_or(|last| last < place)
        };
        self.hosts.iter().filter(is_lost).cloned().collect()
    }

    fn set(&self, host: &str, progress: Progress) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.at.get(host).is_some_and(Progress::is_over) {
            return;
        }
        if let Progress::Before(place) = &progress {
            state.last.insert(host.to_owned(), place.clone());
        }
        state.lost += usize::from(progress == Progress::Lost);
        let is_over = progress.is_over();
        state.at.insert(host.to_owned(), progress);
        for place in state.waited.keys().cloned().collect::<Vec<_>>() {
            state.have_met(&place, &self.hosts);
        }
        drop(state);
        if is_over || self.slides {
            self.changed.notify_waiters();
        }
    }

    /// Waits until every host has come to a place or has left.
    pub async fn all_at(&self, place: &Position) {
        if self.slides {
            return self.all_under_way_at(place).await;
        }
        let lock = || self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = Arc::clone(&lock().waited.entry(place.clone()).or_default().all);
        // Registered before the look, so that nothing that happens in between is missed.
        let all = waited.notified();
        tokio::pin!(all);
        all.as_mut().enable();
        if !lock().have_met(place, &self.hosts) {
            all.await;
        }
    }

    /// The same where those that have not begun are not waited for: whoever begins after this was asked may be behind.
    async fn all_under_way_at(&self, place: &Position) {
        let come = AtomicUsize::new(0);
        self.until(|state| {
            let there =
                |host: &&String| state.at.get(*host).is_none_or(|progress| progress.has_come_to(place));
            let first = come.load(Ordering::Relaxed);
            let now = first + self.hosts[first..].iter().take_while(there).count();
            come.store(now, Ordering::Relaxed);
            (now == self.hosts.len()).then_some(())
        })
        .await;
    }

    /// Who does a task for all hosts: the first that has come to it. Asked once all have come to its place or passed it.
    #[must_use]
    pub fn elected(&self, place: &Position) -> Option<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = state.elected.get(place) {
            return Some(known.clone());
        }
        let here = Progress::Before(place.clone());
        let first = self.hosts.iter().find(|host| state.at.get(*host) == Some(&here))?.clone();
        // Whoever asks first decides: by the time another one asks, the host may have done it and gone on.
        state.elected.insert(place.clone(), first.clone());
        Some(first)
    }

    /// Tells all hosts how a task has ended; what was told first stays.
    pub fn tell(&self, place: &Position, told: Told) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.told.entry(place.clone()).or_insert(told);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits for what a host tells of a task. One that leaves without a word is lost.
    pub async fn told(&self, by: &str, place: &Position) -> Told {
        self.until(|state| {
            let left = state.at.get(by).is_some_and(Progress::is_over);
            state.told.get(place).cloned().or_else(|| left.then_some(Told::Lost))
        })
        .await
    }

    async fn until<T>(&self, wanted: impl Fn(&State) -> Option<T>) -> T {
        loop {
            // Registered before the look, so that nothing that happens in between is missed.
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = wanted(&self.state.lock().unwrap_or_else(PoisonError::into_inner)) {
                return found;
            }
            changed.await;
        }
    }
}

impl HostRun {
    /// Says that all before a place is done, with what is known by now: what others have found out about this host is, too.
    pub(super) fn arrive(&mut self, place: &Position) {
        self.take_from_others();
        self.meeting.arrive(&self.host.name, place, self.variables.kept(), self.from_others);
    }

    pub(super) fn take_from_others(&mut self) {
        for facts in self.meeting.learnt_of(&self.host.name, self.from_others) {
            self.from_others += 1;
            facts.iter().for_each(|(name, value)| self.learn(name, value));
        }
    }

    /// Waits until all hosts of the batch have come to a place.
    pub(super) async fn meet(&mut self, place: &Position) {
        if self.met >= *place {
            return;
        }
        self.arrive(place);
        let meeting = Arc::clone(&self.meeting);
        self.aside(meeting.all_at(place)).await;
        self.met = place.clone();
    }

    /// Waits for others. Meanwhile another host runs in the place of this one, and another may be connected to.
    pub(super) async fn aside<T>(&mut self, others: impl Future<Output = T>) -> T {
        let since = Instant::now();
        self.slot = None;
        self.shared.reaching.release(&self.host.name);
        let told = others.await;
        self.slot = Arc::clone(&self.forks).acquire_owned().await.ok();
        self.timings.waited(Wait::Turn, since);
        told
    }
}
