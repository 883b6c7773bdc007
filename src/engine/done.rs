//! How a step ended, and what is kept and said of it.

use modules::{
    AskError, Blame, Change, Frame, Level, MakeRequest, Note, Plan, PlanError, ReplaceRegistryTls, Run,
    act_output,
};
use serde_json::{Map, Value as Json};

use super::meeting::Told;
use super::step::Skip;
use crate::event::{ONLY_PLANNED, Outcome, RAN, Reason, visible};
use crate::yaml::Problem;

/// What an earlier run, with which this one goes on, has to do with a step's end.
#[derive(Debug, Default)]
pub struct Earlier {
    /// Whether it is as that run has recorded it, and is judged no more.
    pub(super) is_recorded: bool,
    /// Whether that run has made a change that is not needed any more.
    pub(super) has_changed: bool,
    /// What is to be said of it, whatever else is hidden.
    pub(super) note: Option<Note>,
}

/// How a step ended.
pub struct Done {
    pub(super) outcome: Outcome,
    pub(super) result: Map<String, Json>,
    pub(super) notes: Vec<Note>,
    pub(super) owed: Option<String>,
    pub(super) owed_is_whole: bool,
    pub(super) reason: Option<Reason>,
    /// What `register` keeps of a task that is left out.
    pub(super) skip: Map<String, Json>,
    /// What an earlier run has to do with it.
    pub(super) earlier: Earlier,
    /// Whether another host has done it for this one.
    pub(super) is_told: bool,
    /// Variables that it sets for later tasks.
    pub(super) facts: Map<String, Json>,
    /// Variables from files, whose templates stay templates.
    pub(super) included: Vec<(String, Json)>,
    /// Whether nothing was done, and the task has to be asked anew.
    pub(super) is_void: bool,
    /// Whether what the run has changed on the host is to be put back.
    pub(super) blame: Blame,
    /// Why its result is not known though its outcome is, where a command would run or a certificate would be made.
    pub(super) unseen: Option<&'static str>,
}

impl Done {
    pub(super) fn new(outcome: Outcome, result: Map<String, Json>) -> Self {
        Self {
            outcome,
            result,
            notes: Vec::new(),
            owed: None,
            owed_is_whole: false,
            reason: None,
            skip: Map::new(),
            earlier: Earlier::default(),
            is_told: false,
            facts: Map::new(),
            included: Vec::new(),
            is_void: false,
            blame: Blame::None,
            unseen: None,
        }
    }

    /// What another host has found out for all.
    ///
    /// None where that host was lost on the way.
    pub(super) fn told(told: Told) -> Option<Self> {
        let Told::Ended { outcome, result, unknown, facts, included } = told else { return None };
        let reason =
            unknown.map(|message| Reason { kind: "unknown".to_owned(), message, help: None, place: None });
        Some(Self { is_told: true, reason, facts, included, ..Self::new(outcome, result) })
    }

    /// Says of a failure that the host is no longer as it was.
    pub(super) fn has_changed(&mut self) {
        self.result.insert("changed".to_owned(), true.into());
    }

    pub(super) fn reason(
        outcome: Outcome,
        kind: &str,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Self {
        let message = visible::without_keys(&message.into());
        let help = help.map(|help| visible::without_keys(&help));
        let mut result = Map::new();
        result.insert("msg".to_owned(), message.clone().into());
        let reason = Reason { kind: kind.to_owned(), message, help, place: None };
        Self { reason: Some(reason), ..Self::new(outcome, result) }
    }

    /// A task that is left out; `condition` does not hold, where it was that.
    pub(super) fn skipped(why: Skip) -> Self {
        let (message, condition) = match why {
            Skip::Condition(condition) => (format!("`{condition}` does not hold"), Some(condition)),
            Skip::NoItems => ("the loop has no items".to_owned(), None),
        };
        let mut done = Self::reason(Outcome::Skipped, "condition", message, None);
        done.result.clear();
        if let Some(condition) = condition {
            done.skip.insert("false_condition".to_owned(), condition.into());
            done.skip.insert("skip_reason".to_owned(), "Conditional result was False".into());
        } else {
            done.skip.insert("results".to_owned(), Json::Array(Vec::new()));
            done.skip.insert("skipped_reason".to_owned(), "No items in the list".into());
        }
        done
    }

    /// A task whose host cannot be reached, which it lets pass.
    pub(super) fn unreached(reason: Option<Reason>) -> Self {
        let message = reason.as_ref().map_or_else(String::new, |reason| reason.message.clone());
        let mut done = Self { reason, ..Self::failed("unreachable", message) };
        done.outcome = Outcome::Ignored;
        done.result.insert("unreachable".to_owned(), true.into());
        done
    }

    pub(super) fn failed(kind: &str, message: impl Into<String>) -> Self {
        Self::reason(Outcome::Failed, kind, message, None)
    }

    pub(super) fn wrong(problem: &Problem) -> Self {
        let mut done =
            Self::reason(Outcome::Failed, "playbook", problem.message.clone(), problem.help.clone());
        if let (Some(reason), Some(place)) = (&mut done.reason, &problem.at) {
            reason.place = Some(place.to_string());
        }
        done
    }

    pub(super) fn refused(error: PlanError) -> Self {
        let mut done = Self::reason(Outcome::Failed, "plan", error.message, error.help);
        // Nothing has been touched: where `failed_when` lets it pass, it is no change.
        done.result.insert("changed".to_owned(), false.into());
        done.result.extend(*error.result);
        done.blame = error.blame;
        done
    }

    /// `no_log`: what was said beside the plan may hold what must not be seen.
    pub(super) fn hide(&mut self) {
        self.notes.retain(|note| [RAN, ONLY_PLANNED].contains(&note.text.as_str()));
        if let Some(reason) =
            self.reason.as_mut().filter(|reason| self.outcome != Outcome::Skipped && reason.kind != "resume")
        {
            "why is hidden by `no_log`".clone_into(&mut reason.message);
            reason.help = None;
        }
    }

    /// Adds what is known only once the change was made.
    pub(super) fn tell(&mut self, told: modules::Told) {
        self.notes.push(Note { level: Level::Info, text: told.line });
        if let Some(seconds) = told.seconds {
            self.result.insert("down_seconds".to_owned(), seconds.into());
        }
        if let Some(saved) = told.saved {
            self.result.insert("saved".to_owned(), saved.into());
        }
    }

    pub(super) fn planned(plan: Plan, outcome: Outcome) -> Self {
        let result = result_of(&plan, outcome == Outcome::Changed);
        Self {
            owed_is_whole: plan.owed_is_whole,
            notes: plan.notes,
            owed: plan.owed,
            facts: plan.facts,
            ..Self::new(outcome, result)
        }
    }
}

/// Why check mode cannot tell the result of a command.
pub const COMMAND: &str = "what a command does is known only when it has run";

/// Why check mode cannot tell what a server answers.
const ANSWERED: &str = "what a server answers is known only when it has been asked";

/// Why check mode cannot tell the result of what is random.
const MADE: &str = "a certificate is known only when it has been made";

/// Why the result of a plan is known only when it has been applied.
pub fn unseen(plan: &Plan) -> Option<&'static str> {
    plan.changes.iter().find_map(|change| match change {
        Change::Run(_) => Some(COMMAND),
        Change::Request(_) | Change::Download(_) => Some(ANSWERED),
        Change::GenerateCertificate(_) => Some(MADE),
        _ => None,
    })
}

/// What `register` keeps of a plan.
pub fn result_of(plan: &Plan, changed: bool) -> Map<String, Json> {
    let mut result = plan.result.clone();
    result.insert("changed".to_owned(), changed.into());
    result.insert("failed".to_owned(), false.into());
    result
}

/// What `register` keeps of a task that is left out.
pub fn skipped(why: Skip) -> Map<String, Json> {
    let done = Done::skipped(why);
    let said = [("changed", false), ("failed", false), ("skipped", true)];
    said.into_iter().map(|(name, value)| (name.to_owned(), value.into())).chain(done.skip).collect()
}

pub fn encode(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// What the frames of changes say.
pub fn acted(plan: Plan, changes: &[Change], frames: &[Option<Frame>]) -> Done {
    for (i, (change, frame)) in changes.iter().zip(frames).enumerate() {
        let Some(frame) = frame else {
            return Done::failed(
                "cut",
                format!(
                    "the connection was lost before it was known whether this was done: {}",
                    change.summary()
                ),
            );
        };
        if frame.status != 0 {
            let mut done = refused_change(change, frame, plan);
            if i > 0 {
                done.has_changed();
            }
            return done;
        }
        if let Change::Run(run) = change {
            return ran(plan, run, &frame.body);
        }
        if let Change::Request(request) = change {
            return requested(plan, request, &frame.body);
        }
    }
    let kept = |(change, frame): (&Change, &Frame)| {
        matches!(change, Change::Download(_)) && act_output(&frame.body).trim() == "same"
    };
    // What was downloaded may be what was there.
    let same = changes.iter().zip(frames.iter().flatten()).all(kept);
    let mut done = Done::planned(plan, if same { Outcome::Ok } else { Outcome::Changed });
    for (change, frame) in changes.iter().zip(frames.iter().flatten()) {
        if let Change::ReplaceRegistryTls(_) = change {
            done.tell(ReplaceRegistryTls::told(&act_output(&frame.body)));
        }
    }
    done
}

/// A change that the host refused.
fn refused_change(change: &Change, frame: &Frame, plan: Plan) -> Done {
    let said = act_output(&frame.body);
    let said = said.trim();
    let mut done = match frame.status {
        Frame::MOVED => Done::reason(
            Outcome::Failed,
            "stale",
            format!("{}: {said}", change.path().map_or_else(|| change.summary(), ToString::to_string)),
            Some("nothing was written; run again to see the new difference".to_owned()),
        ),
        Frame::PUT_BACK => Done::reason(
            Outcome::Failed,
            "rolled_back",
            format!("{} failed: {said}", change.summary()),
            Some(
                "the host is as it was before this task; mend what its last words say, then run again"
                    .to_owned(),
            ),
        ),
        Frame::SHORT => Done::reason(
            Outcome::Failed,
            "disk_full",
            format!("{}: {said}", change.summary()),
            Some("make room on that file system; the old file is untouched".to_owned()),
        ),
        Frame::OUTSIDE => {
            let named = change.path().map(|path| AskError::OutsideSandbox(path.clone()).to_string());
            let message = named.unwrap_or_else(|| format!("`{}` leads out of the sandbox", change.summary()));
            Done::failed("sandbox", message)
        }
        _ => {
            // A daemon that was to come back and did not.
            let touches_daemon = matches!(change, Change::ReloadDocker(_) | Change::RestartDocker(_));
            let blame = if touches_daemon { Blame::Sure } else { Blame::None };
            Done { blame, ..Done::failed("change", format!("{} failed: {said}", change.summary())) }
        }
    };
    done.notes = plan.notes;
    if plan.changes.len() > 1 {
        let text = "changes before this one were made, those after it were not".to_owned();
        done.notes.push(Note { level: Level::Info, text });
    }
    done
}

/// What a server has answered. As in Ansible a request is no change of the host.
fn requested(plan: Plan, request: &MakeRequest, body: &str) -> Done {
    match request.result(body) {
        Ok(result) => {
            let mut done = Done::planned(plan, Outcome::Ok);
            done.result.extend(result);
            done
        }
        Err((why, result)) => {
            let mut done = Done::failed("request", why);
            done.result.extend(result);
            done
        }
    }
}

/// What a user's command did.
fn ran(plan: Plan, run: &Run, body: &str) -> Done {
    let result = match run.result(body) {
        Ok(result) => result,
        Err(error) => return Done::failed("change", error.to_string()),
    };
    let mut done = Done::planned(plan, Outcome::Changed);
    done.result.extend(result);
    let text = |name: &str| done.result.get(name).and_then(Json::as_str).unwrap_or_default();
    let status = done.result["rc"].as_i64().unwrap_or(1);
    if status != 0 {
        let said = text("stderr").trim().lines().last().or_else(|| text("stdout").trim().lines().last());
        let message =
            format!("the command ended with status {status}: {}", said.unwrap_or("it said nothing"));
        let result = std::mem::take(&mut done.result);
        done = Done::failed("command", message);
        done.result.extend(result);
    }
    done
}
