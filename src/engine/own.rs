//! What the engine does itself: `set_fact`, `include_vars`, `include_tasks`, `include_role`, `meta`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use modules::Plan;
use serde_json::{Map, Value as Json};

use super::host::{HostRun, Left, Window, requeue};
use super::program::{Queue, Work, of_parts};
use super::scope::NoValue;
use super::step::{Ready, Stage, item_layer};
use crate::playbook::{Action, Around, Meta, Part, Task, WantedRole, is_variable_name};
use crate::template::Layer;
use crate::yaml::{Node, Problem};

/// The most files of tasks that may be included inside each other.
const DEEPEST: usize = 50;

impl HostRun {
    /// Makes ready what is no module's.
    pub(super) fn own(&mut self, step: &mut Ready, queue: &mut Queue) -> Result<(), NoValue> {
        let mut plan = Plan::default();
        match step.task().action {
            Action::SetFact => plan.facts = self.facts_of(step)?,
            Action::IncludeVars => {
                let (files, variables) = self.variables_of(step)?;
                let files: Vec<_> = files.iter().map(|path| Json::from(path.display().to_string())).collect();
                plan.set("ansible_included_var_files", files);
                step.included = variables;
            }
            Action::IncludeTasks => {
                let path = self.include_tasks(step, queue)?;
                plan.info(format!("included {}", path.display()));
                plan.set("include", path.display().to_string());
            }
            Action::IncludeRole => {
                let name = self.include_role(step, queue)?;
                plan.info(format!("included the role `{name}`"));
                plan.set("include", name);
            }
            Action::Meta(_) | Action::Module(_) => {}
        }
        step.stage = Stage::Known(Box::new(Ok(plan)));
        Ok(())
    }

    /// The variables of `set_fact`; their names may be templates.
    fn facts_of(&self, step: &Ready) -> Result<Map<String, Json>, NoValue> {
        let node = step.task().arguments.as_ref().unwrap_or(&step.task().action_key);
        let mut facts = Map::new();
        for ((key, _), value) in node
            .as_map()
            .unwrap_or_default()
            .iter()
            .zip(step.arguments.as_object().into_iter().flat_map(Map::values))
        {
            let name = self.shared.renderer.text(key, &step.scope)?;
            if name == "cacheable" {
                continue;
            }
            if !is_variable_name(&name) {
                let problem = Problem::new(format!("`{name}` is no variable name"), key.place());
                return Err(NoValue::Wrong(Box::new(
                    problem.help("use letters, digits and `_`, not beginning with a digit"),
                )));
            }
            facts.insert(name, value.clone());
        }
        Ok(facts)
    }

    /// Puts the tasks of a file behind the include, and its other items.
    pub(super) fn include_tasks(&mut self, step: &mut Ready, queue: &mut Queue) -> Result<PathBuf, NoValue> {
        let node = argument(step, "file");
        let file = self.shared.renderer.text(node, &step.scope)?;
        let around = &step.task().around;
        let folder = if around.handler { "handlers" } else { "tasks" };
        // Where it is nowhere, the message says so of the place that comes first.
        let path = around.files.tasks_file(Path::new(&file), folder, true);
        let path = path.unwrap_or_else(|_| around.files.tasks.join(&file));
        if !step.work.expanded {
            let around = Self::around_included(step);
            let read = self.shared.included(step.task(), &path, &around, &self.play.library);
            let included = read.map_err(|problem| {
                let problem = *problem;
                // A file that is not there has no place of its own.
                let at = problem.at.clone().unwrap_or_else(|| node.place());
                NoValue::Wrong(Box::new(Problem { at: Some(at), ..problem }))
            })?;
            self.know(&included.handlers);
            self.expand(step, &included.parts, queue)?;
        }
        Ok(path)
    }

    /// Takes handlers that an include has brought.
    fn know(&mut self, handlers: &[Arc<Task>]) {
        for handler in handlers {
            if !self.handlers.iter().any(|known| Arc::ptr_eq(known, handler)) {
                self.handlers.push(Arc::clone(handler));
            }
        }
    }

    pub(super) fn include_role(&mut self, step: &mut Ready, queue: &mut Queue) -> Result<String, NoValue> {
        let wanted = self.wanted_role(step)?;
        let name = wanted.name.clone();
        if !step.work.expanded {
            let around = Self::around_included(step);
            let read = self.shared.included_role(step.task(), &wanted, &around, &self.play.library);
            let included = read.map_err(NoValue::Wrong)?;
            self.know(&included.handlers);
            if included.role.public {
                self.variables.publish(&included.role);
            }
            self.expand(step, &included.parts, queue)?;
        }
        Ok(name)
    }

    /// The role that `include_role` names.
    fn wanted_role(&self, step: &Ready) -> Result<WantedRole, NoValue> {
        let node = argument(step, "name");
        let renderer = &self.shared.renderer;
        let mut wanted = WantedRole::new(renderer.text(node, &step.scope)?, node.place());
        let arguments = step.task().arguments.as_ref();
        let given = |name: &str| arguments.and_then(|node| node.get(name));
        for (name, field) in [
            ("tasks_from", &mut wanted.tasks_from),
            ("vars_from", &mut wanted.vars_from),
            ("defaults_from", &mut wanted.defaults_from),
            ("handlers_from", &mut wanted.handlers_from),
        ] {
            if let Some(node) = given(name) {
                *field = renderer.text(node, &step.scope)?;
            }
        }
        for (name, field) in [
            ("public", &mut wanted.public),
            ("allow_duplicates", &mut wanted.allow_duplicates),
            ("rolespec_validate", &mut wanted.validate),
        ] {
            if let Some(node) = given(name) {
                *field = renderer.flag(node, &step.scope)?;
            }
        }
        Ok(wanted)
    }

    /// What the tasks of an include have from it: not its own keywords, as in Ansible, but what is around it, `apply`, and its
    /// variables.
    fn around_included(step: &Ready) -> Around {
        let task = step.task();
        let mut around = task.around.clone();
        // A task's own variables come after those of the blocks around it.
        let own = &task.keywords.vars[around.keywords.vars.len().min(task.keywords.vars.len())..];
        around.include_params.extend(own.iter().cloned());
        if let Some(apply) = &task.apply {
            around.keywords = (**apply).clone().within(&around.keywords);
        }
        around
    }

    fn expand(&mut self, step: &mut Ready, parts: &[Part], queue: &mut Queue) -> Result<(), NoValue> {
        if step.work.place.depth() > DEEPEST {
            let message = format!("files are included more than {DEEPEST} deep");
            return Err(NoValue::Wrong(Box::new(Problem::new(message, step.task().action_key.place()))));
        }
        let item = step.work.item.as_ref();
        let number = item.map_or(0, |item| u32::try_from(item.index).unwrap_or(u32::MAX));
        let outer = item.map(|item| {
            let mut layer = step.work.outer.as_deref().cloned().unwrap_or_else(Layer::new);
            layer.extend(&item_layer(step.task(), item));
            Arc::new(layer)
        });
        let outer = outer.or_else(|| step.work.outer.clone());
        let below = step.work.place.inside(number);
        let mut works = of_parts(parts, &below, outer.as_ref(), &self.shared.options.tags);
        for work in &mut works {
            if let Work::Task(work) = work {
                work.doubt.clone_from(&step.work.doubt);
            }
        }
        // All items are included before the first of their tasks runs, as in Ansible.
        let here = &step.work.place;
        // The flush at the section's end has the place of the last task, which this may be.
        let item = |work: &Work| matches!(work, Work::Task(_)) && work.place() == here;
        let at = queue.iter().position(|work| !item(work) && !work.place().is_below(here));
        let mut rest = queue.split_off(at.unwrap_or(queue.len()));
        queue.extend(works);
        queue.append(&mut rest);
        step.work.expanded = true;
        Ok(())
    }

    /// What a step does to the queue once it has ended well.
    pub(super) fn take_effect(
        &mut self,
        step: &Ready,
        applied: bool,
        window: &mut Window,
        queue: &mut Queue,
    ) -> Result<(), Left> {
        let Action::Meta(meta) = step.task().action else { return Ok(()) };
        if !applied {
            return Ok(());
        }
        match meta {
            Meta::Noop | Meta::ResetConnection => {}
            Meta::FlushHandlers => {
                requeue(queue, window.drain(..));
                self.flush(&step.work.place, None, queue);
            }
            Meta::ClearFacts => {
                self.variables.forget_facts();
                requeue(queue, window.drain(..));
            }
            Meta::EndHost | Meta::EndBatch => return Err(Left::Ended),
            Meta::EndPlay => {
                self.shared.end_play();
                return Err(Left::Ended);
            }
            Meta::EndRole => {
                requeue(queue, window.drain(..));
                leave_role(step, queue);
            }
        }
        Ok(())
    }
}

/// Leaves out the rest of the innermost role.
fn leave_role(step: &Ready, queue: &mut Queue) {
    let Some(role) = step.task().around.role.as_ref() else { return };
    while let Some(work) = queue.pop_front() {
        if let Work::Mark(super::program::Mark::End(inside)) = &work
            && inside.block.role.as_ref().is_some_and(|ended| Arc::ptr_eq(ended, role))
        {
            return;
        }
    }
}

/// An argument of a step, as it was written; where it has none of this name, the step's key.
pub(super) fn argument<'s>(step: &'s Ready, name: &str) -> &'s Node {
    let arguments = step.work.task.arguments.as_ref();
    arguments.and_then(|node| node.get(name).or(Some(node))).unwrap_or(&step.work.task.action_key)
}
