//! Arguments that follow from `-e` alone, judged before the first host is asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use modules::Entry;

use super::run::{Options, Selected};
use super::scope::{Renderer, read_yaml};
use crate::playbook::{Action, Meta, Part, Play, Task, read_arguments};
use crate::template::{NoLookups, Scope, Templater};
use crate::yaml::{Node, Problem, Problems, Value};

/// Finds every argument whose value is known from the command line, and is one that its module does not take. Tasks that may
/// be passed over, or whose failure may be meant, are left to the run.
///
/// # Errors
/// All such arguments, each at its place.
pub fn check_given(plays: &[Selected], options: &Options) -> Result<(), Problems> {
    let templater = Templater::new(Arc::new(NoLookups), read_yaml);
    let mut check = Check {
        renderer: Renderer::new(Templater::new(Arc::new(NoLookups), read_yaml)),
        templater,
        given: options.extra.iter().map(|(name, _)| name.as_str()).collect(),
        scope: Arc::new(options.extra_scope()),
        problems: Problems::new(),
    };
    for Selected { play, .. } in plays.iter().filter(|selected| !selected.hosts.is_empty()) {
        let tasks = certain(play).into_iter().filter(|task| options.tags.select(&task.keywords.tags));
        for task in tasks {
            if ends(task) {
                break;
            }
            check.task(task);
        }
    }
    check.problems.or(())
}

/// The tasks that every host comes to unless an earlier one fails: none of a `rescue`, nor those that have one.
fn certain(play: &Play) -> Vec<&Arc<Task>> {
    fn of(part: &Part) -> Vec<&Arc<Task>> {
        match part {
            Part::Task(task) => vec![task],
            Part::Block(block) => {
                let tried = if block.rescue.is_empty() { block.parts.as_slice() } else { &[] };
                tried.iter().chain(&block.always).flat_map(of).collect()
            }
        }
    }
    play.sections.iter().flatten().flat_map(of).collect()
}

/// Whether hosts may leave the play here, or a list of tasks begins that is not known yet and may end it.
const fn ends(task: &Task) -> bool {
    matches!(
        task.action,
        Action::Meta(Meta::EndPlay | Meta::EndBatch | Meta::EndHost | Meta::EndRole)
            | Action::IncludeTasks
            | Action::IncludeRole
    )
}

struct Check<'a> {
    renderer: Renderer,
    templater: Templater,
    given: BTreeSet<&'a str>,
    scope: Arc<Scope>,
    problems: Problems,
}

impl Check<'_> {
    fn task(&mut self, task: &Task) {
        let (Some(module), Some(node)) = (task.module(), &task.arguments) else { return };
        // A loop may have no items, and a failure may be what is wanted.
        let left =
            task.repeated.is_some() || task.keywords.ignore_errors.is_some() || !task.failed_when.is_empty();
        if left || !self.runs(task) {
            return;
        }
        let entries = node.as_map().unwrap_or_default();
        let known: Vec<&(Node, Node)> = entries.iter().filter(|entry| self.is_known(module, entry)).collect();
        if known.len() == entries.len() && module.renders.is_none() {
            self.problems.0.extend(self.judge(module, node, known).map(|(_, problem)| *problem));
            return;
        }
        for entry in known {
            let name = module.argument(entry.0.as_str().unwrap_or_default());
            // Where another one is missing, the reader comes no further than to the values: it says nothing of how they go together.
            let required = modules::schema(module)["required"].as_array();
            if required.is_none_or(|all| all.iter().all(|other| other == name)) {
                continue;
            }
            let found = self.judge(module, node, vec![entry]);
            let found = found.filter(|(path, _)| {
                module.argument(path.split(['.', '[']).next().unwrap_or_default()) == name
            });
            self.problems.0.extend(found.map(|(_, problem)| *problem));
        }
    }

    /// Whether its conditions are known to hold.
    fn runs(&self, task: &Task) -> bool {
        task.keywords.when.iter().all(|condition| {
            let text = condition.as_str().filter(|_| !condition.has_template());
            let names = text.and_then(|text| self.templater.variables_of_expression(text).ok());
            let known = match (text, names) {
                (Some(_), Some(names)) => self.has(&names),
                (Some(_), None) => false,
                (None, _) => !condition.has_template(),
            };
            known && matches!(self.renderer.holds(condition, &self.scope), Ok(true))
        })
    }

    fn has(&self, names: &BTreeSet<String>) -> bool {
        names.iter().all(|name| self.given.contains(name.as_str()))
    }

    fn is_known(&self, module: &Entry, (key, value): &(Node, Node)) -> bool {
        let evaluated = module.evaluated.contains(&key.as_str().unwrap_or_default());
        let names = value.to_source().ok().and_then(|json| self.templater.variables_of(&json).ok());
        !evaluated && names.is_some_and(|names| self.has(&names))
    }

    /// What is wrong with these arguments, and the path to it. Where a template has no value without a host, nothing is.
    fn judge(
        &self,
        module: &Entry,
        node: &Node,
        entries: Vec<&(Node, Node)>,
    ) -> Option<(String, Box<Problem>)> {
        let entries = entries.into_iter().cloned().collect();
        let part = Node { value: Value::Map(entries), ..node.clone() };
        let value = self.renderer.value(&part, &self.scope).ok()?;
        read_arguments(module, node, value).err()
    }
}
