//! A user's own modules: the files of `modules/` beside a playbook, one module each.

use std::path::{Path, PathBuf};

use modules::{Argument, Declared, DeclaredParts, Entry, Kind};

use super::action::Action;
use super::keys::{Keys, text};
use super::shell_syntax::check_shell;
use super::task::{boolean, is_variable_name};
use super::vocabulary::KEYWORDS;
use crate::yaml::{self, Node, Problem, Problems, Source};

/// The folder, beside the playbook.
const FOLDER: &str = "modules";

/// The modules that a playbook brings along.
#[derive(Debug, Clone, Default)]
pub struct UserModules {
    all: Vec<UserModule>,
    /// The names of files that could not be read: what is wrong with them is said at themselves.
    unread: Vec<String>,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct UserModule {
    /// Its arguments, and what it does.
    pub entry: &'static Entry,
    /// The template of the text that is wanted.
    pub desired: Node,
}

impl UserModules {
    /// Those of the folder `modules/` in a playbook's directory; none where there is no such folder.
    pub fn beside(directory: &Path, problems: &mut Problems) -> Self {
        let folder = directory.join(FOLDER);
        let Ok(entries) = std::fs::read_dir(&folder) else { return Self::default() };
        let is_module = |path: &PathBuf| path.extension().is_some_and(|end| end == "yml" || end == "yaml");
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_module).collect();
        files.sort();
        let (mut all, mut unread): (Vec<UserModule>, Vec<String>) = (Vec::new(), Vec::new());
        for path in files {
            let Some(root) = problems.take(read(&path)) else {
                unread.extend(stem(&path));
                continue;
            };
            let Some(module) = problems.take(module(&path, &root)) else {
                unread.extend(stem(&path));
                continue;
            };
            if all.iter().any(|known| known.entry.name == module.entry.name) {
                let message = format!("there are two files of the module `{}`", module.entry.name);
                problems.push(Problem::new(message, root.place()).help("leave one of them away"));
                continue;
            }
            all.push(module);
        }
        Self { all, unread }
    }

    /// The module of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&UserModule> {
        self.all.iter().find(|module| module.entry.name == name)
    }

    /// Whether the file of a module could not be read.
    #[must_use]
    pub fn is_unread(&self, name: &str) -> bool {
        self.unread.iter().any(|unread| unread == name)
    }

    /// All of them, by name.
    pub fn entries(&self) -> impl Iterator<Item = &'static Entry> {
        self.all.iter().map(|module| module.entry)
    }

    /// The names of all modules, the built-in ones first.
    pub(super) fn all_names(&self) -> impl Iterator<Item = &'static str> {
        modules::MODULES.iter().chain(self.entries()).map(|entry| entry.name)
    }

    /// Whether a name is that of something that a task can do.
    pub(super) fn is_action(&self, name: &str) -> bool {
        super::call::is_action(name) || self.find(name).is_some() || self.is_unread(name)
    }
}

fn stem(path: &Path) -> Option<String> {
    path.file_stem().and_then(|name| name.to_str()).map(str::to_owned)
}

fn read(path: &Path) -> Result<Node, Problems> {
    yaml::parse(&Source::read(path)?)
}

fn module(path: &Path, root: &Node) -> Result<UserModule, Problems> {
    let name = &stem(path).unwrap_or_default();
    let mut problems = Problems::new();
    problems.take(free(name, root));
    let mut keys = Keys::of(root, "a module's file")?;
    let description = keys.take("description");
    let arguments = keys.take("arguments").map(|node| arguments(node, &mut problems));
    let mut needed = |key: &'static str, problems: &mut Problems| {
        let node = keys.take(key);
        if node.is_none() {
            problems.push(
                Problem::new(format!("the module `{name}` has no `{key}`"), super::task::first_key(root))
                    .help("a module has `probe`, `desired` and `apply`: see docs/own-modules.md"),
            );
        }
        let written = node.and_then(|node| problems.take(text(node, &format!("`{key}`"))));
        node.zip(written)
    };
    let (probe, desired) = (needed("probe", &mut problems), needed("desired", &mut problems));
    let apply = needed("apply", &mut problems);
    let example = keys.take("example");
    keys.finish("a module's file", &[], &mut problems);
    let mut optional = |node: Option<&Node>, key: &str| {
        node.and_then(|node| problems.take(text(node, key))).unwrap_or_default()
    };
    let (description, example) = (optional(description, "`description`"), optional(example, "`example`"));
    for (node, _) in probe.iter().chain(&apply) {
        problems.take(check_shell(node));
    }
    let (Some((_, probe)), Some((desired, _)), Some((_, apply))) = (probe, desired, apply) else {
        return Err(problems);
    };
    let arguments = arguments.unwrap_or_default();
    let parts = DeclaredParts {
        name: name.clone(),
        description: description.trim_end().to_owned(),
        arguments,
        probe,
        apply,
        example,
    };
    let desired = desired.clone();
    problems.or(()).map(|()| UserModule { entry: Entry::of_declared(Declared::new(parts)), desired })
}

/// Whether a module may have this name.
fn free(name: &str, root: &Node) -> Result<(), Problem> {
    let place = super::task::first_key(root);
    let is_plain = is_variable_name(name) && name.starts_with(|c: char| c.is_ascii_lowercase());
    if !is_plain || name != name.to_ascii_lowercase() || name.starts_with("with_") {
        return Err(Problem::new(format!("`{name}` is no name of a module"), place)
            .help("name the file by lower-case letters, digits and `_`, such as `registry_mirror.yml`"));
    }
    let taken = modules::find(name).is_some()
        || Action::OWN.contains(&name)
        || Action::IMPORTS.contains(&name)
        || KEYWORDS.iter().any(|keyword| keyword.name == name)
        || ["rescue", "always", "import_playbook"].contains(&name);
    if taken {
        return Err(Problem::new(format!("`{name}` is the name of something that dtrctl has itself"), place)
            .help("give the file another name"));
    }
    Ok(())
}

fn arguments(node: &Node, problems: &mut Problems) -> Vec<Argument> {
    if node.is_null() {
        return Vec::new();
    }
    let Some(entries) = node.as_map() else {
        let message = format!("`arguments` is {}, not a mapping", node.kind());
        problems
            .push(Problem::new(message, node.place()).help("write each argument as `NAME: {type: string}`"));
        return Vec::new();
    };
    entries.iter().filter_map(|(key, value)| argument(key, value, problems)).collect()
}

fn argument(key: &Node, node: &Node, problems: &mut Problems) -> Option<Argument> {
    let name = key.as_str().unwrap_or_default();
    if !is_variable_name(name) || name.starts_with('_') {
        problems.push(
            Problem::new("this is no name of an argument", key.place())
                .help("use letters, digits and `_`, beginning with a letter"),
        );
        return None;
    }
    let mut keys = problems.take(Keys::of(node, "an argument"))?;
    let kind = keys.take("type").map_or(Some(Kind::String), |node| problems.take(kind(node)));
    let mut flag = |key: &'static str, problems: &mut Problems| {
        let node = keys.take(key);
        node.and_then(|node| problems.take(boolean(node, &format!("`{key}`")))).unwrap_or(false)
    };
    let (required, secret) = (flag("required", problems), flag("secret", problems));
    let (default, choices) = (keys.take("default"), keys.take("choices"));
    let about = keys.take("description");
    let about = about.and_then(|node| problems.take(text(node, "`description`")));
    keys.finish("an argument", &[], problems);
    let mut argument = Argument {
        name: name.to_owned(),
        kind: kind?,
        required,
        default: None,
        choices: Vec::new(),
        description: about.unwrap_or_default(),
        secret,
    };
    if let Some(node) = choices {
        argument.choices = problems.take(chosen(&argument, node))?;
    }
    if let Some(node) = default.filter(|node| !node.is_null()) {
        argument.default = Some(problems.take(fixed(&argument, node))?);
        if required {
            let message = format!("`{name}` is required, so that its default is never taken");
            problems
                .push(Problem::new(message, node.place()).help("leave one of `required` and `default` away"));
        }
    }
    Some(argument)
}

fn kind(node: &Node) -> Result<Kind, Problem> {
    let name = node.as_str().unwrap_or_default();
    let names = Kind::ALL.map(|(name, _)| name);
    Kind::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind).ok_or_else(|| {
        let problem = Problem::new(format!("`{}` is no type of an argument", node.written()), node.place());
        let problem = problem.did_you_mean(name, names);
        if problem.help.is_some() {
            problem
        } else {
            problem.help(format!("it is one of {}", names.join(", ")))
        }
    })
}

fn chosen(argument: &Argument, node: &Node) -> Result<Vec<serde_json::Value>, Problems> {
    let items = node.as_seq().filter(|items| !items.is_empty()).ok_or_else(|| {
        Problem::new(format!("`choices` is {}, not a list of values", node.kind()), node.place())
    })?;
    items.iter().map(|item| fixed(argument, item)).collect()
}

/// A value that stands in the declaration itself, and is not rendered.
fn fixed(argument: &Argument, node: &Node) -> Result<serde_json::Value, Problems> {
    if node.has_template() {
        return Err(Problem::new("this is taken as it stands, and a template stands in it", node.place())
            .help("compute it under `desired`, or where the module is used")
            .into());
    }
    let value = node.to_json()?;
    argument
        .check(&value)
        .map_err(|message| Problem::new(format!("`{}` {message}", argument.name), node.place()))?;
    Ok(value)
}
