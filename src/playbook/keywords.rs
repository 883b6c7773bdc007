//! The keywords that plays, blocks and tasks share, each handed down to what stands inside.

use super::foreign;
use super::keys::{Keys, nodes, text};
use super::task::variables;
use super::user_modules::UserModules;
use crate::yaml::{Node, Problem, Problems, Value};

/// What a play, block or task says of the tasks in it.
#[derive(Debug, Clone, Default)]
pub struct Keywords {
    /// Conditions; all must hold.
    pub when: Vec<Node>,
    /// Tags.
    pub tags: Vec<String>,
    /// Variables; a later one hides an earlier one of the same name.
    pub vars: Vec<(String, Node)>,
    /// As whom to run.
    pub identity: Become,
    /// Environment variables: mappings, the outermost first.
    pub environment: Vec<Node>,
    /// `true`: never applied; `false`: applied even in check mode.
    pub check_mode: Option<Node>,
    /// Whether differences are shown.
    pub diff: Option<Node>,
    /// Whether a failure lets the host go on.
    pub ignore_errors: Option<Node>,
    /// Whether a host that cannot be reached goes on.
    pub ignore_unreachable: Option<Node>,
    /// Whether arguments and results are secrets.
    pub no_log: Option<Node>,
    /// Whether one host that fails ends the whole run.
    pub any_errors_fatal: Option<Node>,
    /// Whether one host runs it for all of its batch.
    pub run_once: Option<Node>,
    /// The host that runs it in this one's place.
    pub delegate_to: Option<Node>,
    /// Whether facts that are found belong to the host it is delegated to.
    pub delegate_facts: Option<Node>,
    /// How many hosts may do it at a time.
    pub throttle: Option<Node>,
    /// Bounds it, in seconds.
    pub timeout: Option<Node>,
    /// The handlers it notifies.
    pub notify: Vec<Node>,
    /// Default arguments: a mapping by module name each, the outermost first.
    pub module_defaults: Vec<Node>,
}

/// `become` and `become_user`.
#[derive(Debug, Clone, Default)]
pub struct Become {
    /// Whether to become another user; none where nothing is said.
    pub wanted: Option<Node>,
    /// Which user; root where nothing is said.
    pub user: Option<Node>,
}

/// Which keywords a mapping may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// A play: no conditions, no delegation.
    Play,
    /// A block, or a role where it is used.
    Block,
    /// A task.
    Task,
}

impl Keywords {
    /// Takes the keywords of a mapping.
    pub fn take(keys: &mut Keys<'_>, level: Level, modules: &UserModules, problems: &mut Problems) -> Self {
        let mut all = Self {
            tags: keys.take("tags").and_then(|node| problems.take(tags(node))).unwrap_or_default(),
            vars: keys.take("vars").and_then(|node| problems.take(variables(node))).unwrap_or_default(),
            identity: Become::take(keys, problems),
            environment: keys.take("environment").map(nodes).unwrap_or_default(),
            check_mode: flag(keys, "check_mode", problems),
            diff: flag(keys, "diff", problems),
            ignore_errors: flag(keys, "ignore_errors", problems),
            ignore_unreachable: flag(keys, "ignore_unreachable", problems),
            no_log: flag(keys, "no_log", problems),
            any_errors_fatal: flag(keys, "any_errors_fatal", problems),
            run_once: flag(keys, "run_once", problems),
            throttle: keys.take("throttle").cloned(),
            timeout: keys.take("timeout").cloned(),
            module_defaults: keys
                .take("module_defaults")
                .map(|node| module_defaults(node, modules, problems))
                .unwrap_or_default(),
            ..Self::default()
        };
        if level != Level::Play {
            all.when = keys.take("when").map(nodes).unwrap_or_default();
            all.delegate_to = keys.take("delegate_to").cloned();
            all.delegate_facts = flag(keys, "delegate_facts", problems);
            all.notify = keys.take("notify").map(nodes).unwrap_or_default();
        }
        all
    }

    /// Takes what may stand beside `import_playbook`.
    pub fn of_import(keys: &mut Keys<'_>, problems: &mut Problems) -> Self {
        Self {
            when: keys.take("when").map(nodes).unwrap_or_default(),
            tags: keys.take("tags").and_then(|node| problems.take(tags(node))).unwrap_or_default(),
            vars: keys.take("vars").and_then(|node| problems.take(variables(node))).unwrap_or_default(),
            ..Self::default()
        }
    }

    /// What a play says with what its import says: the import's variables hide the play's.
    #[must_use]
    pub fn imported(self, import: &Self) -> Self {
        let vars = self.vars.iter().chain(&import.vars).cloned().collect();
        Self { vars, ..self.within(import) }
    }

    /// What this says, and for the rest what `outer` says. Conditions, tags, variables, environment and notifications add up.
    #[must_use]
    pub fn within(self, outer: &Self) -> Self {
        let or = |own: Option<Node>, outer: &Option<Node>| own.or_else(|| outer.clone());
        let before = |outer: &[Node], own: Vec<Node>| outer.iter().cloned().chain(own).collect::<Vec<_>>();
        let mut tags = self.tags;
        for tag in &outer.tags {
            if !tags.contains(tag) {
                tags.push(tag.clone());
            }
        }
        Self {
            when: before(&outer.when, self.when),
            tags,
            vars: outer.vars.iter().cloned().chain(self.vars).collect(),
            identity: self.identity.within(&outer.identity),
            environment: before(&outer.environment, self.environment),
            check_mode: or(self.check_mode, &outer.check_mode),
            diff: or(self.diff, &outer.diff),
            ignore_errors: or(self.ignore_errors, &outer.ignore_errors),
            ignore_unreachable: or(self.ignore_unreachable, &outer.ignore_unreachable),
            no_log: or(self.no_log, &outer.no_log),
            any_errors_fatal: or(self.any_errors_fatal, &outer.any_errors_fatal),
            run_once: or(self.run_once, &outer.run_once),
            delegate_to: or(self.delegate_to, &outer.delegate_to),
            delegate_facts: or(self.delegate_facts, &outer.delegate_facts),
            throttle: or(self.throttle, &outer.throttle),
            timeout: or(self.timeout, &outer.timeout),
            notify: before(&outer.notify, self.notify),
            module_defaults: before(&outer.module_defaults, self.module_defaults),
        }
    }

    /// Every template among them, but for conditions and variables.
    pub fn templates(&self) -> impl Iterator<Item = &Node> {
        let single = [
            &self.identity.wanted,
            &self.identity.user,
            &self.check_mode,
            &self.diff,
            &self.ignore_errors,
            &self.ignore_unreachable,
            &self.no_log,
            &self.any_errors_fatal,
            &self.run_once,
            &self.delegate_to,
            &self.delegate_facts,
            &self.throttle,
            &self.timeout,
        ];
        single.into_iter().flatten().chain(&self.environment).chain(&self.notify)
    }
}

impl Become {
    fn take(keys: &mut Keys<'_>, problems: &mut Problems) -> Self {
        if let Some(method) = keys.take("become_method")
            && method.as_str() != Some("sudo")
        {
            problems.push(
                Problem::new("`become_method` can be `sudo` alone", method.place())
                    .help("leave it away; dtrctl becomes another user by sudo"),
            );
        }
        Self { wanted: flag(keys, "become", problems), user: keys.take("become_user").cloned() }
    }

    /// What this says, and for the rest what `outer` says.
    #[must_use]
    pub fn within(self, outer: &Self) -> Self {
        Self {
            wanted: self.wanted.or_else(|| outer.wanted.clone()),
            user: self.user.or_else(|| outer.user.clone()),
        }
    }
}

/// Tags: a text or a list, each perhaps several with commas between them.
fn tags(node: &Node) -> Result<Vec<String>, Problem> {
    let mut tags = Vec::new();
    for node in nodes(node) {
        let text = match &node.value {
            Value::Int(number) => number.to_string(),
            _ => text(&node, "a tag")?,
        };
        if node.has_template() {
            return Err(Problem::new(
                "tags are needed before the play runs, and this is a template",
                node.place(),
            )
            .help("write the tags out; `when:` can hold templates"));
        }
        tags.extend(text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned));
    }
    Ok(tags)
}

/// Default arguments: a mapping by module name; a name that nobody knows is a mistake.
fn module_defaults(node: &Node, modules: &UserModules, problems: &mut Problems) -> Vec<Node> {
    let all = nodes(node);
    for (key, _) in all.iter().flat_map(|node| node.as_map().unwrap_or_default()) {
        let name = key.as_str().unwrap_or_default();
        let names = modules.all_names();
        if !name.starts_with("group/") && !modules.is_action(name) && foreign::module(name, key).is_none() {
            let problem = Problem::new(format!("there is no module `{name}`"), key.place());
            problems.push(problem.label("unknown").did_you_mean(name, names));
        }
    }
    all
}

/// A boolean that may be a template; one that can be neither is reported and left out.
pub(super) fn flag(keys: &mut Keys<'_>, name: &'static str, problems: &mut Problems) -> Option<Node> {
    let node = keys.take(name)?;
    let words = ["true", "false", "yes", "no", "on", "off", "1", "0"];
    let fine = match &node.value {
        Value::Bool(_) => true,
        Value::String(text) => text.is_template() || words.contains(&text.text.to_ascii_lowercase().as_str()),
        _ => false,
    };
    if !fine {
        problems.push(Problem::new(format!("`{name}` has to be true or false"), node.place()));
    }
    fine.then(|| node.clone())
}
