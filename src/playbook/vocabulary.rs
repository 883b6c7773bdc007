//! The keywords of plays, blocks, roles and tasks: the one table from which the reader's suggestions and the JSON Schema come.

use std::collections::BTreeSet;

use At::{Block, Handler, Play, Role, Task};
use Takes::{
    Anything, Conditions, Flag, Handlers, Mapping, Mappings, Number, OneOf, Roles, Tasks, Text, Texts,
};

/// Where keywords stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// On a play.
    Play,
    /// On a block.
    Block,
    /// On a role in `roles` or among dependencies.
    Role,
    /// On a task.
    Task,
    /// On a handler.
    Handler,
}

/// What a keyword takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Anything, perhaps a template.
    Anything,
    /// Text, perhaps a template.
    Text,
    /// One text or a list of them.
    Texts,
    /// A boolean or a template of one.
    Flag,
    /// A number or a template of one.
    Number,
    /// A condition or a list of them.
    Conditions,
    /// A mapping.
    Mapping,
    /// A mapping or a list of mappings.
    Mappings,
    /// A list of tasks.
    Tasks,
    /// A list of handlers.
    Handlers,
    /// A list of roles.
    Roles,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// A keyword.
pub(super) struct Keyword {
    /// Its name.
    pub name: &'static str,
    /// Where it may stand.
    pub at: &'static [At],
    /// What it takes.
    pub takes: Takes,
    /// What it says.
    pub about: &'static str,
}

const ALL: &[At] = &[Play, Block, Role, Task, Handler];
const INSIDE: &[At] = &[Block, Role, Task, Handler];
const TASKS: &[At] = &[Task, Handler];

const fn keyword(name: &'static str, at: &'static [At], takes: Takes, about: &'static str) -> Keyword {
    Keyword { name, at, takes, about }
}

/// Every keyword.
pub(super) const KEYWORDS: &[Keyword] = &[
    keyword("name", &[Play, Block, Task, Handler], Text, "What is shown of it; a handler is notified by it."),
    keyword("hosts", &[Play], Texts, "The pattern of the play's hosts."),
    keyword("gather_facts", &[Play], Flag, "Whether `ansible_facts` is filled. Default: true."),
    keyword("order", &[Play], OneOf(ORDERS), "The order of the hosts."),
    keyword(
        "serial",
        &[Play],
        Anything,
        "How many hosts are a batch: a number, a percentage, or a list of these.",
    ),
    keyword(
        "max_fail_percentage",
        &[Play],
        Number,
        "The share of a batch's hosts, in percent, that may be lost.",
    ),
    keyword(
        "canary",
        &[Play],
        Texts,
        "The hosts that go first, alone: a number, a percentage, or a pattern.",
    ),
    keyword("window", &[Play], Number, "How many hosts are under way at once, without batches."),
    keyword("bake", &[Play], Number, "Seconds for which a restarted daemon is watched. Default: 10."),
    keyword(
        "max_fail",
        &[Play],
        Number,
        "How many hosts of the whole run may fail: a number or a percentage.",
    ),
    keyword(
        "max_unreachable",
        &[Play],
        Number,
        "How many hosts of the whole run may be out of reach: a number or a percentage.",
    ),
    keyword(
        "confirm",
        &[Play],
        OneOf(&["after_canary"]),
        "When somebody is asked whether the other hosts follow.",
    ),
    keyword("force_handlers", &[Play], Flag, "Whether handlers run on hosts that have failed."),
    keyword(
        "vars_files",
        &[Play],
        Texts,
        "Files of variables; of an item that is a list, the first that exists.",
    ),
    keyword("connection", &[Play], OneOf(&["local"]), "`local`, where the hosts are `localhost` alone."),
    keyword("roles", &[Play], Roles, "Roles, which run after `pre_tasks` and before `tasks`."),
    keyword("pre_tasks", &[Play], Tasks, "Tasks before the roles."),
    keyword("tasks", &[Play], Tasks, "Tasks after the roles."),
    keyword("post_tasks", &[Play], Tasks, "Tasks after `tasks` and the handlers that these have notified."),
    keyword("handlers", &[Play], Handlers, "Tasks that run once, where others have notified them."),
    keyword("block", &[Block], Tasks, "Tasks that share keywords."),
    keyword("rescue", &[Block], Tasks, "What is done on a host where a task of `block` fails."),
    keyword("always", &[Block], Tasks, "What is done in any case."),
    keyword("when", INSIDE, Conditions, "Conditions; all must hold."),
    keyword("tags", ALL, Texts, "Tags, by which `-t` and `--skip-tags` choose."),
    keyword("vars", ALL, Mapping, "Variables for what stands inside."),
    keyword("become", ALL, Flag, "Whether it runs as another user, by sudo."),
    keyword("become_user", ALL, Text, "The user to become. Default: root."),
    keyword("become_method", ALL, OneOf(&["sudo"]), "`sudo` is the only one."),
    keyword("environment", ALL, Mappings, "Environment variables."),
    keyword("check_mode", ALL, Flag, "`true`: never applied. `false`: applied even with `--check`."),
    keyword("diff", ALL, Flag, "Whether differences are shown."),
    keyword("ignore_errors", ALL, Flag, "Whether a failure lets the host go on."),
    keyword("ignore_unreachable", ALL, Flag, "Whether a host that cannot be reached goes on."),
    keyword("no_log", ALL, Flag, "Whether arguments and results are secrets."),
    keyword("any_errors_fatal", ALL, Flag, "Whether one host that is lost ends the whole run."),
    keyword("run_once", ALL, Flag, "Whether one host runs it for all of its batch."),
    keyword("delegate_to", INSIDE, Text, "The host that runs it in this one's place."),
    keyword("delegate_facts", INSIDE, Flag, "Whether facts belong to the host it is delegated to."),
    keyword("throttle", ALL, Number, "How many hosts may do it at a time."),
    keyword("timeout", ALL, Number, "Bounds it, in seconds."),
    keyword("notify", INSIDE, Texts, "The handlers that run after it has changed something."),
    keyword("module_defaults", ALL, Mappings, "Default arguments, by the module's name."),
    keyword("args", TASKS, Mapping, "Arguments; those under the module's name win."),
    keyword("action", TASKS, Anything, "The module's name with its arguments, in one line."),
    keyword("local_action", TASKS, Anything, "The same, delegated to `localhost`."),
    keyword("register", TASKS, Text, "The variable that keeps the result."),
    keyword("loop", TASKS, Anything, "The items to repeat it with."),
    keyword("loop_control", TASKS, Mapping, "How the loop behaves."),
    keyword("until", TASKS, Conditions, "It is done again until all of these hold."),
    keyword("retries", TASKS, Number, "How many times it is done again. Default: 3."),
    keyword("delay", TASKS, Number, "Seconds between two times. Default: 5."),
    keyword("changed_when", TASKS, Conditions, "Conditions that say whether it changed something."),
    keyword("failed_when", TASKS, Conditions, "Conditions that say whether it failed."),
    keyword("listen", &[Handler], Texts, "What a handler listens to besides its name."),
];

/// The orders of a play's hosts.
pub(super) const ORDERS: &[&str] = &["inventory", "reverse_inventory", "sorted", "reverse_sorted", "shuffle"];

/// The keywords that may stand there.
pub(super) fn at(place: At) -> impl Iterator<Item = &'static Keyword> {
    KEYWORDS.iter().filter(move |keyword| keyword.at.contains(&place))
}

/// The names of a task's keywords, a handler's among them.
pub(super) fn of_tasks() -> BTreeSet<&'static str> {
    at(Task).chain(at(Handler)).map(|keyword| keyword.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_stands_once_and_says_what_it_is() {
        let names: BTreeSet<_> = KEYWORDS.iter().map(|keyword| keyword.name).collect();
        assert_eq!(names.len(), KEYWORDS.len());
        assert!(KEYWORDS.iter().all(|keyword| keyword.about.ends_with('.')));
    }
}
