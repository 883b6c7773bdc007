//! What takes the place of a task while it is read: `import_tasks` and `import_role`.

use std::path::{Path, PathBuf};

use super::call::Call;
use super::keys::Keys;
use super::own;
use super::part::{Around, Part};
use super::read::{Reader, folder, no_role_as_handler, real};
use super::role::WantedRole;
use crate::yaml::{Node, Problem};

impl Reader<'_> {
    /// The tasks of a file, in this one's place.
    pub(super) fn import_tasks(
        &mut self,
        call: &Call,
        args: Vec<(Node, Node)>,
        keys: Keys<'_>,
        around: &Around,
    ) -> Vec<Part> {
        self.finish_import(call, keys);
        let options = own::options(call, args);
        let options = options.and_then(|options| Ok(own::one_of(call, options, &["file"])?));
        let Some(options) = self.problems.take(options) else { return Vec::new() };
        let Some(node) = options.get("file") else { return Vec::new() };
        let role = around.role.as_ref().map(|role| role.path.as_path());
        let name = known_path(node, &self.library.playbook, role);
        let Some(name) = self.problems.take(name) else { return Vec::new() };
        match around.files.tasks_file(Path::new(&name), folder(around), false) {
            Ok(path) if self.within.contains(&real(&path)) => {
                self.problems.push(
                    Problem::new(format!("`{name}` imports itself"), node.place())
                        .help("leave it away, or end it by `include_tasks` with a condition"),
                );
                Vec::new()
            }
            Ok(path) => self.file(&path, around),
            Err(places) => {
                self.problems.push(missing("file of tasks", &name, node, &places));
                self.incomplete = true;
                Vec::new()
            }
        }
    }

    /// A role's tasks, in this one's place.
    pub(super) fn import_role(
        &mut self,
        call: &Call,
        args: Vec<(Node, Node)>,
        keys: Keys<'_>,
        around: &Around,
    ) -> Vec<Part> {
        self.finish_import(call, keys);
        if around.handler {
            self.problems.push(no_role_as_handler(&call.key));
            return Vec::new();
        }
        let wanted = own::options(call, args)
            .and_then(|options| Ok(own::one_of(call, options, &["name"])?))
            .and_then(|options| WantedRole::read(&options, true));
        let Some(wanted) = self.problems.take(wanted) else { return Vec::new() };
        self.used_role(&wanted, &[], around).map(|used| used.parts).unwrap_or_default()
    }

    fn finish_import(&mut self, call: &Call, mut keys: Keys<'_>) {
        keys.take("name");
        let with = keys.take_where(|name| name == "loop" || name.starts_with("with_"));
        if let Some((name, key, _)) = with {
            let include = call.name.replace("import", "include");
            self.problems.push(
                Problem::new(
                    format!("`{}` is read before the play runs and takes no `{name}`", call.name),
                    key.place(),
                )
                .help(format!("write `{include}`")),
            );
            keys.take("loop_control");
        }
        keys.finish(&format!("`{}`", call.name), &[], self.problems);
    }
}

/// A path that is known before the play runs: of templates, `{{ role_path }}` and `{{ playbook_dir }}` alone.
///
/// # Errors
/// It holds another template, or is no text.
pub(super) fn known_path(node: &Node, playbook: &Path, role: Option<&Path>) -> Result<String, Problem> {
    let text = node
        .as_str()
        .ok_or_else(|| Problem::new(format!("a path has to be text, not {}", node.kind()), node.place()))?;
    let mut path = text.to_owned();
    for (name, directory) in [("playbook_dir", Some(playbook)), ("role_path", role)] {
        let Some(directory) = directory.map(|directory| directory.display().to_string()) else { continue };
        for template in [format!("{{{{ {name} }}}}"), format!("{{{{{name}}}}}")] {
            path = path.replace(&template, &directory);
        }
    }
    if path.contains("{{") || path.contains("{%") {
        return Err(Problem::new("the path is needed before the play runs, and is a template", node.place())
            .help(
                "write the path itself (`{{ playbook_dir }}` and `{{ role_path }}` are known), or include it",
            ));
    }
    Ok(path)
}

/// What is wrong where a file is not there, with where it was looked for.
pub(super) fn missing(what: &str, name: &str, node: &Node, places: &[PathBuf]) -> Problem {
    let places: Vec<String> = places.iter().map(|place| format!("`{}`", place.display())).collect();
    let help = match places.as_slice() {
        [] => None,
        places => Some(format!("it is looked for in {}", places.join(", "))),
    };
    let problem = Problem::new(format!("there is no {what} `{name}`"), node.place());
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}
