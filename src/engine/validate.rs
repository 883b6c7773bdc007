//! Templates and conditions, read without a host.

use std::sync::Arc;

use super::scope::template_problem;
use crate::playbook::{Playbook, Task};
use crate::template::{ErrorKind, NoLookups, TemplateError, Templater};
use crate::yaml::{Node, Problems};

/// Finds every template and condition of a playbook that cannot be read.
pub fn check_templates(playbook: &Playbook, problems: &mut Problems) {
    let templater = Templater::new(Arc::new(NoLookups), super::scope::read_yaml);
    let mut check = Check { templater, problems };
    for play in &playbook.plays {
        check.value(&play.hosts);
        play.name.iter().for_each(|node| check.value(node));
        play.keywords.vars.iter().for_each(|(_, node)| check.value(node));
        play.vars_files.iter().flatten().for_each(|node| check.value(node));
        play.tasks().chain(&play.handlers).for_each(|task| check.task(task));
    }
}

struct Check<'p> {
    templater: Templater,
    problems: &'p mut Problems,
}

impl Check<'_> {
    fn task(&mut self, task: &Task) {
        let Task { name, repeated, loop_control, retries, delay, .. } = task;
        let control = [&loop_control.label, &loop_control.pause];
        let keywords = [name, retries, delay].into_iter().chain(control).flatten();
        keywords.chain(task.keywords.templates()).for_each(|node| self.value(node));
        task.desired.iter().for_each(|node| self.value(node));
        repeated.iter().for_each(|repeated| self.value(&repeated.items));
        let around = &task.around;
        let params = around.role_params.iter().chain(&around.include_params);
        task.keywords.vars.iter().chain(params).for_each(|(_, node)| self.value(node));
        let conditions = [&task.keywords.when, &task.changed_when, &task.failed_when, &task.until];
        for conditions in conditions.into_iter().chain([&loop_control.break_when]) {
            conditions.iter().for_each(|node| self.condition(node));
        }
        for (key, value) in task.arguments.as_ref().and_then(Node::as_map).unwrap_or_default() {
            if task
                .module()
                .is_some_and(|module| module.evaluated.contains(&key.as_str().unwrap_or_default()))
            {
                value
                    .as_seq()
                    .unwrap_or(std::slice::from_ref(value))
                    .iter()
                    .for_each(|node| self.expression(node));
            } else {
                self.value(value);
            }
        }
    }

    fn value(&mut self, node: &Node) {
        if let Ok(json) = node.to_source() {
            let read = self.templater.variables_of(&json);
            self.note(node, read);
        }
    }

    fn condition(&mut self, node: &Node) {
        if node.is_null() {
            self.note::<()>(node, Err(ErrorKind::EmptyCondition.into()));
        } else {
            self.expression(node);
        }
    }

    fn expression(&mut self, node: &Node) {
        if node.has_template() {
            // Conditions in template delimiters are taken as what they give.
            self.value(node);
        } else if let Some(text) = node.as_str() {
            let read = self.templater.variables_of_expression(text);
            self.note(node, read);
        }
    }

    fn note<T>(&mut self, node: &Node, read: Result<T, TemplateError>) {
        if let Err(error) = read {
            self.problems.push(template_problem(node, &error));
        }
    }
}
