//! Playbooks, for the subcommands that take some.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::settings::settings;
use crate::engine::check_templates;
use crate::error::Failure;
use crate::playbook::Playbook;
use crate::yaml::{Problems, Source};

/// Reads playbooks and their templates. All mistakes are found at once, and said in the order in which they stand.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Playbook>, Failure> {
    let roles_path = &settings()?.roles_path;
    let mut all = Problems::new();
    let mut playbooks = Vec::new();
    for path in paths {
        let mut problems = Problems::new();
        if let Some(playbook) = Playbook::load(path, roles_path, &mut problems) {
            check_templates(&playbook, &mut problems);
            playbooks.push(playbook);
        }
        problems.0.sort_by_key(|problem| problem.at.as_ref().map(|place| place.span.start));
        all.extend(problems);
    }
    Ok(all.or(playbooks)?)
}

/// A digest of a playbook and of all files that it names beforehand: imported playbooks and tasks, and roles.
pub fn digest(playbook: &Playbook) -> String {
    let mut sources = BTreeMap::new();
    for play in &playbook.plays {
        let places = play.tasks().chain(&play.handlers).map(|task| &task.place.source);
        for source in places.chain([&play.hosts.source]) {
            sources.insert(source.path.clone(), modules::digest(source.text.as_bytes()));
        }
    }
    let lines = sources.iter().map(|(path, digest)| format!("{digest}  {}\n", path.display()));
    modules::digest(lines.collect::<String>().as_bytes())
}

/// The playbook that a subcommand writes for what its command line asks.
pub fn of_text(text: String) -> Result<Playbook, Failure> {
    let mut problems = Problems::new();
    let roles_path = &settings()?.roles_path;
    let playbook = Playbook::read(&Source::new("the command line", text), roles_path, &mut problems);
    playbook.iter().for_each(|playbook| check_templates(playbook, &mut problems));
    problems.or(playbook)?.ok_or_else(|| Failure::said("the arguments cannot be read"))
}
