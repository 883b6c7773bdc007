//! The guard of a host in a play: begun with the first change, it is the host's lock, and puts back what the play has
//! changed unless it is told that all is well.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use modules::{Frames, GuardAnswer, Host, PutBack, Shell, guard, guard_program};

use super::done::Done;
use super::host::{HostRun, Left};
use super::run::Shared;
use super::scripts::Scripts;
use super::timings::Wait;
use crate::event::{Event, Outcome, ROLLED_BACK, Reason, State, UNCONFIRMED};
use crate::transport::{Cause, Held, Identity, Phase, Transport, TransportError};

/// What a guard says where this run has the machine already, under another name: it is not waited for, nor guarded twice.
const SHARED: &str = "shared";

/// The ids of what guards are asked begin here.
pub(super) const GUARDS: usize = 900_000;

/// What is known of a host's guard.
#[derive(Default)]
pub struct Guard {
    /// As whom something was changed in this play: each has a guard of its own.
    held: Vec<Identity>,
    /// Why the host is to be put back.
    fault: Option<String>,
    /// How it was put back, where its guard has said so.
    put_back: Option<PutBack>,
    /// Whether contact to the host was lost.
    lost: bool,
    clock: Arc<Clock>,
    keeper: Option<Keeper>,
    /// Its connection stays until it is confirmed, however many there are: hosts that wait would have to be connected to anew every
    /// few seconds, and one that is not in time is put back.
    through: Option<Held>,
}

/// When a script was last under way, in milliseconds from the beginning of the play; the greatest number while one is.
struct Clock {
    begin: Instant,
    last: AtomicU64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { begin: Instant::now(), last: AtomicU64::new(0) }
    }
}

/// Speaks to a guard while its host waits for others; ends with the value.
struct Keeper(tokio::task::JoinHandle<()>);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why a host's changes were not made.
pub enum Refused {
    /// Another run was waited for: what was asked before it ended is asked again.
    Waited,
    /// Another run has the host, or its guard cannot be had.
    Not(Reason),
}

impl Refused {
    /// How the step ends whose changes they were.
    pub fn done(self) -> Done {
        match self {
            Self::Waited => Done { is_void: true, ..Done::new(Outcome::Ok, serde_json::Map::new()) },
            Self::Not(reason) => Done::reason(Outcome::Failed, &reason.kind, reason.message, reason.help),
        }
    }
}

impl Guard {
    /// Whether something was changed on the host in this play.
    pub const fn has_begun(&self) -> bool {
        !self.held.is_empty()
    }

    /// Says why the host is to be put back.
    pub fn blame(&mut self, reason: Option<&Reason>) {
        self.fault = reason.map(|reason| reason.message.clone());
    }

    /// A script begins: the guard waits for its end.
    pub fn begins(&self) {
        self.clock.last.store(u64::MAX, Ordering::Relaxed);
    }

    /// A script has ended: its guard waits for the next from here on.
    pub fn rests(&self) {
        self.clock.rests();
    }

    /// A script was cut off. One that took too long has not lost its host.
    pub fn loses(&mut self, error: &TransportError) {
        self.lost |= !matches!(*error.cause, Cause::Timeout { phase: Phase::Start | Phase::Script, .. });
    }
}

impl Clock {
    fn rests(&self) {
        let now = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.last.store(now, Ordering::Relaxed);
    }

    fn is_silent_for(&self, time: Duration) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        last != u64::MAX && self.begin.elapsed().saturating_sub(Duration::from_millis(last)) >= time
    }
}

impl HostRun {
    /// Adds to a script what it says to the guards: they wait for its end. Who is about to change something gets one.
    pub(super) fn hold(&self, scripts: &mut Scripts, acts: Option<&Identity>) -> Vec<Identity> {
        let is_guarded = self.transport.shell() == Shell::Posix && !self.shared.name.id.is_empty();
        if !is_guarded {
            return Vec::new();
        }
        let new = acts.filter(|acts| !self.guard.held.contains(acts)).cloned();
        let all: Vec<Identity> = self.guard.held.iter().cloned().chain(new.clone()).collect();
        for (i, identity) in all.iter().enumerate() {
            let program = (Some(identity) == new.as_ref())
                .then(|| guard_program(&self.host, self.shared.options.guard_timeout));
            if program.is_some() {
                scripts.patience += self.shared.options.lock_timeout;
            }
            scripts
                .of(identity)
                .guarding(GUARDS + i, &hold_call(&self.shared, &self.host, program.as_deref()));
        }
        all
    }

    /// What the guards have answered; why the changes of the script were not made, where they were not.
    pub(super) fn held(&mut self, asked: &[Identity], frames: &Frames) -> Result<Option<Refused>, Left> {
        let mut refused = None;
        for (i, identity) in asked.iter().enumerate() {
            let Some(frame) = frames.get(GUARDS + i) else { continue };
            match GuardAnswer::read(frame) {
                GuardAnswer::Well(said) => self.is_held(identity, &said),
                GuardAnswer::Waited(said) => {
                    self.is_held(identity, &said);
                    refused = Some(Refused::Waited);
                }
                GuardAnswer::PutBack(put_back) => {
                    self.guard.put_back = Some(put_back);
                    // No block rescues what is not there any more.
                    return Err(Left::Ended);
                }
                GuardAnswer::Busy(holder) => refused = Some(Refused::Not(busy(&holder))),
                GuardAnswer::Gone(why) => refused = Some(Refused::Not(unguarded(&why))),
            }
        }
        Ok(refused)
    }

    /// Takes over a guard that is there, and says what it has found: what runs before it have left.
    fn is_held(&mut self, identity: &Identity, said: &[String]) {
        if said.iter().any(|line| line == SHARED) {
            return;
        }
        for line in said {
            let host = &self.host.name;
            let named = |told: &str| match told.split_once(' ') {
                Some((record, rest)) => format!("{} {rest}", guard::run_of(record)),
                None => told.to_owned(),
            };
            let text = match line.split_once(' ') {
                Some(("cut", run)) => format!(
                    "{host}: an earlier run was cut off here, and its guard with it, so that what it had changed stands: {}",
                    named(run)
                ),
                Some(("back", run)) => format!(
                    "{host}: an earlier run was cut off here, and what it had changed was put back: {}",
                    named(run)
                ),
                _ => format!("{host}: what changes here is not guarded: {line}"),
            };
            self.shared.emit(Event::Said { text, warning: true });
        }
        if self.guard.held.contains(identity) || said.iter().any(|line| !is_news(line)) {
            return;
        }
        self.guard.held.push(identity.clone());
        let keeper = keep(
            Arc::clone(&self.shared),
            self.host.clone(),
            Arc::clone(&self.transport),
            Arc::clone(&self.guard.clock),
            self.guard.held.clone(),
        );
        self.guard.keeper = Some(Keeper(tokio::spawn(keeper)));
        self.guard.through = self.transport.hold();
    }

    /// A guard that is not there any more, though something was changed under it: nothing goes on.
    pub(super) fn lost_guard(&mut self, reason: Reason) -> Left {
        self.guard.held.clear();
        self.lose(State::Failed, reason);
        Left::Failed
    }

    /// Ends what this play has begun on the host: confirmed where the daemon is well, else put back.
    pub(super) async fn end_guard(&mut self, left: Option<Left>) -> Option<Left> {
        self.guard.keeper = None;
        let _through = self.guard.through.take();
        if let Some(put_back) = self.guard.put_back.take() {
            return Some(self.is_put_back(&put_back));
        }
        let held = std::mem::take(&mut self.guard.held);
        if held.is_empty() {
            return left;
        }
        let why = match (&self.guard.fault, self.guard.lost) {
            (Some(fault), _) => Some(fault.clone()),
            (None, true) => Some("contact with the host was lost".to_owned()),
            (None, false) => None,
        };
        match self.ask_to_end(&held, why.as_deref()).await {
            Ok(answers) => self.is_ended(left, &answers),
            Err(error) => Some(self.is_out_of_sight(left, &error)),
        }
    }

    /// Has the guards end. A host that does not answer is tried until they must have put it back.
    async fn ask_to_end(
        &mut self,
        held: &[Identity],
        why: Option<&str>,
    ) -> Result<Vec<GuardAnswer>, TransportError> {
        let bake = self.shared.bake(&self.play).as_secs();
        let begin = Instant::now();
        // By then the host is put back, and there is time to hear of it.
        let search = Duration::from_secs(self.shared.options.guard_timeout) * 3 / 2;
        loop {
            let mut scripts = Scripts::new(&self.host, self.transport.shell());
            scripts.patience += bake + 150;
            for (i, identity) in held.iter().enumerate() {
                let record = guard::record(&self.shared.name.id, &self.host.name);
                let confirm = || guard::confirm(&record, bake);
                let call = why.map_or_else(confirm, |why| guard::put_back(&record, why));
                scripts.of(identity).guarding(GUARDS + i, &call);
            }
            self.recap.trips += 1;
            let since = Instant::now();
            let ran = scripts.run(&self.host.name, &self.transport, &self.shared).await;
            self.timings.waited(Wait::Host, since);
            let error = match ran {
                Ok(frames) => {
                    let none = || GuardAnswer::Gone("it gave no answer".to_owned());
                    let answer = |i| frames.get(GUARDS + i).map_or_else(none, GuardAnswer::read);
                    return Ok((0..held.len()).map(answer).collect());
                }
                Err(error) => error,
            };
            if begin.elapsed() >= search {
                return Err(error);
            }
            self.transport.reset().await;
            tokio::time::sleep((search / 10).min(Duration::from_secs(3))).await;
        }
    }

    fn is_ended(&mut self, left: Option<Left>, answers: &[GuardAnswer]) -> Option<Left> {
        for answer in answers {
            match answer {
                GuardAnswer::PutBack(put_back) => return Some(self.is_put_back(put_back)),
                GuardAnswer::Gone(why) | GuardAnswer::Busy(why) => {
                    let text = format!(
                        "{}: the guard of this host is gone ({why}); what this run has changed stands",
                        self.host.name
                    );
                    self.shared.emit(Event::Said { text, warning: true });
                }
                GuardAnswer::Well(_) | GuardAnswer::Waited(_) => {}
            }
        }
        left
    }

    fn is_put_back(&mut self, put_back: &PutBack) -> Left {
        let mut message = "what this run has changed here was put back".to_owned();
        if put_back.daemon != "as it was" {
            message += &format!("; the docker daemon is {}", put_back.daemon);
        }
        if !put_back.left.is_empty() {
            message += &format!("; but not {}", put_back.left.join(", "));
        }
        let help = if put_back.is_whole() {
            "the host is as it was before; mend what the reason says, then run again"
        } else if put_back.owed.is_some() && put_back.left.is_empty() {
            "the files are as they were; `restart_docker` with `containers: stop` pays what is owed"
        } else {
            "not all of the host is as it was before: look at it now"
        };
        // Where a task has said why, its report stands right before this.
        let fault = self.guard.fault.as_deref().and_then(|fault| fault.lines().next());
        let is_said = fault == Some(&put_back.why);
        // The first line of several ends with a colon.
        let whole = format!("{}; {message}", put_back.why.trim_end_matches(':'));
        let left = self.lose_guarded(ROLLED_BACK, if is_said { message } else { whole.clone() }, help);
        self.recap
            .owed
            .extend(put_back.owed.as_ref().map(|owed| format!("a restart of the docker daemon: {owed}")));
        // The recap stands alone.
        self.recap.reason.iter_mut().for_each(|reason| reason.message.clone_from(&whole));
        left
    }

    /// Nobody can say what became of the host.
    fn is_out_of_sight(&mut self, left: Option<Left>, error: &TransportError) -> Left {
        let message =
            format!("contact with the host was lost: {}; its changes were not confirmed", error.cause);
        let seconds = self.shared.options.guard_timeout;
        let help = format!(
            "the host puts back what this run has changed by itself, within {seconds} seconds; once it can be reached, see with \
             `--check` what is left to do"
        );
        self.lose_guarded(UNCONFIRMED, message, &help);
        left.filter(|left| *left == Left::Unreachable).unwrap_or(Left::Failed)
    }

    fn lose_guarded(&mut self, kind: &str, message: String, help: &str) -> Left {
        let reason = Reason { kind: kind.to_owned(), message, help: Some(help.to_owned()), place: None };
        self.recap.owed.clear();
        let state = if kind == ROLLED_BACK { State::RolledBack } else { State::Failed };
        self.lose(state, reason);
        Left::Failed
    }
}

/// Whether a line of a guard is about an earlier run.
fn is_news(line: &str) -> bool {
    line.starts_with("cut ") || line.starts_with("back ")
}

fn hold_call(shared: &Shared, host: &Host, program: Option<&str>) -> modules::Call {
    let options = &shared.options;
    let record = guard::record(&shared.name.id, &host.name);
    guard::hold(&record, &shared.name.who, options.lock_timeout, options.guard_timeout, program)
}

/// Lets the guards of a host that waits know that it is only waiting.
async fn keep(
    shared: Arc<Shared>,
    host: Host,
    transport: Arc<Transport>,
    clock: Arc<Clock>,
    held: Vec<Identity>,
) {
    let third = Duration::from_secs(shared.options.guard_timeout) / 3;
    loop {
        tokio::time::sleep(third.min(Duration::from_secs(1))).await;
        if !clock.is_silent_for(third) {
            continue;
        }
        let mut scripts = Scripts::new(&host, transport.shell());
        for (i, identity) in held.iter().enumerate() {
            scripts.of(identity).guarding(GUARDS + i, &hold_call(&shared, &host, None));
        }
        // What it answers is heard by the next script that has something to say.
        if scripts.run(&host.name, &transport, &shared).await.is_ok() {
            clock.rests();
        }
    }
}

fn busy(holder: &str) -> Reason {
    let (record, who) = holder.split_once(' ').unwrap_or((holder, "somebody"));
    let run = guard::run_of(record);
    let help = "nothing was changed; wait for it with `--lock-timeout SECONDS`, or run again later; where that run is dead, the \
                host puts back what it had changed, and is then free";
    Reason {
        kind: "locked".to_owned(),
        message: format!("another run is changing this host: {run} of {who}"),
        help: Some(help.to_owned()),
        place: None,
    }
}

fn unguarded(why: &str) -> Reason {
    Reason {
        kind: "guard".to_owned(),
        message: format!("the host's guard cannot be had: {why}"),
        help: Some("nothing was changed: without a guard nobody puts the host back".to_owned()),
        place: None,
    }
}
