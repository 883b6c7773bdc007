//! The variables of a host's tasks, and templates rendered with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::inventory::Inventory;
use crate::keys;
use crate::playbook::{Files, Repeated};
use crate::template::{ErrorKind, Reading, Scope, TemplateError, TemplateFile, Templater};
use crate::yaml::{Node, Place, Problem};

/// Why a template, or what depends on it, has no value now.
#[derive(Debug)]
pub enum NoValue {
    /// It needs a result of a task that has not run yet.
    Pending,
    /// In check mode: it needs a result that only apply can tell.
    Unknown(String),
    /// A mistake.
    Wrong(Box<Problem>),
}

/// Renders what a playbook's author wrote.
#[derive(Clone)]
pub struct Renderer {
    templater: Arc<Templater>,
    become_default: bool,
}

impl Renderer {
    /// A renderer; it can be shared.
    #[must_use]
    pub fn new(templater: Templater) -> Self {
        Self { templater: Arc::new(templater), become_default: false }
    }

    /// A renderer whose lookups read below a playbook's directory and ask this inventory for hosts. `become_default` is `-b`.
    #[must_use]
    pub fn with_lookups(directory: PathBuf, inventory: Option<Arc<Inventory>>, become_default: bool) -> Self {
        let lookups = super::lookups::ControllerLookups { directory, inventory };
        Self { become_default, ..Self::new(Templater::new(Arc::new(lookups), read_yaml)) }
    }

    /// Whether tasks become root where nothing else is said.
    #[must_use]
    pub const fn become_default(&self) -> bool {
        self.become_default
    }

    /// The value of a tree, as JSON has it.
    ///
    /// # Errors
    /// [`NoValue`], a mistake at the text that caused it.
    pub fn value(&self, node: &Node, scope: &Arc<Scope>) -> Result<Json, NoValue> {
        plain(self.data(node, scope)?, node)
    }

    /// The value of a tree for variables, in which keys that are no text are marked ([`crate::keys`]).
    ///
    /// # Errors
    /// [`NoValue`], a mistake at the text that caused it.
    pub fn data(&self, node: &Node, scope: &Arc<Scope>) -> Result<Json, NoValue> {
        let wrong = |problems| NoValue::Wrong(Box::new(first(problems)));
        if !node.has_template() {
            return node.to_data().map_err(wrong);
        }
        let source = node.to_source().map_err(wrong)?;
        self.templater.render_value(&source, scope).map_err(|error| no_value(node, &error))
    }

    /// The text of a tree that has to be text.
    ///
    /// # Errors
    /// [`NoValue`], a mistake at the text that caused it.
    pub fn text(&self, node: &Node, scope: &Arc<Scope>) -> Result<String, NoValue> {
        match self.value(node, scope)? {
            Json::String(text) => Ok(text),
            Json::Null => Err(wrong("a text is needed here", node.place())),
            other => Ok(other.to_string()),
        }
    }

    /// The value of an expression, without braces around it.
    ///
    /// # Errors
    /// [`NoValue`], a mistake at the text that caused it.
    pub fn expression(&self, node: &Node, scope: &Arc<Scope>) -> Result<Json, NoValue> {
        match node.as_str() {
            Some(text) => {
                let value = self.templater.eval(text, scope).map_err(|error| no_value(node, &error))?;
                plain(value, node)
            }
            None => self.value(node, scope),
        }
    }

    /// The items of a loop, as [`Renderer::data`] gives them.
    ///
    /// # Errors
    /// [`NoValue`], a mistake at the text that caused it.
    pub fn items(&self, repeated: &Repeated, action: &str, scope: &Arc<Scope>) -> Result<Vec<Json>, NoValue> {
        let node = &repeated.items;
        if let Some(lookup) = &repeated.lookup {
            let terms = node.to_source().map_err(|problems| NoValue::Wrong(Box::new(first(problems))))?;
            let scope = if lookup == "first_found" { &Arc::new(with_folder(scope, action)) } else { scope };
            return self.templater.looked_up(lookup, &terms, scope).map_err(|error| no_value(node, &error));
        }
        match self.data(node, scope)? {
            Json::Array(items) => Ok(items),
            other => {
                let kind = if other.is_object() { "a mapping" } else { "no list" };
                let problem = Problem::new(format!("`loop` is {kind}"), node.place());
                Err(NoValue::Wrong(Box::new(
                    problem.help("give a list; `dict2items` makes one of a mapping"),
                )))
            }
        }
    }

    /// The text of a template that an argument names: a file of the controller, rendered.
    ///
    /// # Errors
    /// [`NoValue`], a mistake at the text that caused it.
    pub fn template_file(
        &self,
        argument: &str,
        arguments: &Json,
        node: &Node,
        files: &Files,
        scope: &Arc<Scope>,
    ) -> Result<String, NoValue> {
        let at = node.get(argument).unwrap_or(node);
        let name = arguments[argument].as_str().unwrap_or_default();
        let path = files.find("templates", Path::new(name));
        let source = crate::yaml::Source::read(&path).map_err(|problem| {
            let place = problem.at.clone().unwrap_or_else(|| at.place());
            NoValue::Wrong(Box::new(Problem { at: Some(place), ..problem }))
        })?;
        let reading = reading_of(arguments).map_err(|message| wrong(message, node.place()))?;
        let mut scope = Scope::child(scope);
        let shown = path.display().to_string();
        let names =
            [("template_path", name), ("template_fullpath", &shown), ("ansible_managed", "Ansible managed")];
        // `ansible_managed` is a variable like any other where somebody has set it.
        let unset = |variable: &str| variable != "ansible_managed" || !scope.contains(variable);
        for (variable, value) in names.into_iter().filter(|(variable, _)| unset(variable)).collect::<Vec<_>>()
        {
            scope.set_literal(variable, &Json::from(value));
        }
        let directory = path.parent().map(Path::to_path_buf);
        let file = TemplateFile { text: source.text.to_string(), directory };
        let rendered = self.templater.render_file(&file, &Arc::new(reading), &Arc::new(scope));
        rendered.map_err(|error| in_file(&source, &error))
    }

    /// Whether all conditions hold; where one does not, which.
    ///
    /// # Errors
    /// [`NoValue`], a mistake at the text that caused it.
    pub fn all(&self, conditions: &[Node], scope: &Arc<Scope>) -> Result<Result<(), String>, NoValue> {
        for condition in conditions {
            if !self.holds(condition, scope)? {
                return Ok(Err(condition.written().trim().to_owned()));
            }
        }
        Ok(Ok(()))
    }

    /// Whether a condition holds.
    ///
    /// # Errors
    /// [`NoValue`], a mistake at the text that caused it.
    pub fn holds(&self, condition: &Node, scope: &Arc<Scope>) -> Result<bool, NoValue> {
        let json = condition.to_json().map_err(|problems| NoValue::Wrong(Box::new(first(problems))))?;
        self.templater.condition(&json, scope).map_err(|error| no_value(condition, &error))
    }

    /// Whether a boolean keyword such as `become` holds; it may be a template.
    ///
    /// # Errors
    /// [`NoValue`], a mistake at the text that caused it.
    pub fn flag(&self, node: &Node, scope: &Arc<Scope>) -> Result<bool, NoValue> {
        self.truth(&self.value(node, scope)?, Some(node))
    }

    /// Whether a value is true as Ansible's boolean keywords read it.
    ///
    /// # Errors
    /// [`NoValue::Wrong`], at `node` where there is one.
    pub fn truth(&self, value: &Json, node: Option<&Node>) -> Result<bool, NoValue> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_ascii_lowercase);
        match text.as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => {
                let message = format!("`{text}` is neither true nor false");
                Err(NoValue::Wrong(Box::new(match node {
                    Some(node) => Problem::new(message, node.place()),
                    None => Problem::bare(message),
                })))
            }
        }
    }

    /// The value of a variable; none where it is not set.
    ///
    /// # Errors
    /// [`NoValue`], without a place: it is read for dtrctl's own sake.
    pub fn variable(&self, name: &str, scope: &Arc<Scope>) -> Result<Option<Json>, NoValue> {
        if !scope.contains(name) {
            return Ok(None);
        }
        match self.templater.eval(name, scope) {
            Ok(value) => Ok(Some(keys::shown(value))),
            Err(error) => Err(match *error.kind {
                ErrorKind::Pending { .. } => NoValue::Pending,
                ErrorKind::Unknown { ref name, ref reason } => {
                    NoValue::Unknown(format!("`{name}`: {reason}"))
                }
                _ => NoValue::Wrong(Box::new(Problem::bare(format!("`{name}`: {error}")))),
            }),
        }
    }
}

/// What is wrong with a template that belongs to no host.
#[must_use]
pub fn problem_of(error: NoValue) -> Problem {
    match error {
        NoValue::Wrong(problem) => *problem,
        NoValue::Pending => Problem::bare("a result is needed that is not known yet"),
        NoValue::Unknown(reason) => Problem::bare(format!("depends on apply: {reason}")),
    }
}

/// A value as JSON has it.
fn plain(value: Json, node: &Node) -> Result<Json, NoValue> {
    keys::plain(value).map_err(|key| {
        let message = format!("two keys of a mapping are both `{key}` once they are text");
        wrong(message, node.place())
    })
}

fn wrong(message: impl Into<String>, place: Place) -> NoValue {
    NoValue::Wrong(Box::new(Problem::new(message, place)))
}

fn first(problems: crate::yaml::Problems) -> Problem {
    problems.0.into_iter().next().unwrap_or_else(|| Problem::bare("the value cannot be read"))
}

fn no_value(node: &Node, error: &TemplateError) -> NoValue {
    match *error.kind {
        ErrorKind::Pending { .. } => NoValue::Pending,
        ErrorKind::Unknown { ref name, ref reason } => NoValue::Unknown(format!("`{name}`: {reason}")),
        _ => NoValue::Wrong(Box::new(template_problem(node, error))),
    }
}

/// `with_first_found` looks in a folder of its task's: `templates/`, `vars/` or `files/`, before the directory itself.
fn with_folder(scope: &Scope, action: &str) -> Scope {
    let folder = match action {
        "template" => "templates",
        "include_vars" => "vars",
        _ => "files",
    };
    let directories = scope.directories().iter().flat_map(|at| [at.join(folder), at.clone()]);
    let directories = directories.collect();
    let mut scope = scope.clone();
    scope.set_directories(directories);
    scope
}

/// How a template file is read, as the arguments of `template` say it.
fn reading_of(arguments: &Json) -> Result<Reading, String> {
    let mut reading = Reading::default();
    let delimiters = &mut reading.delimiters;
    for (name, field) in [
        ("variable_start_string", &mut delimiters.variable.0),
        ("variable_end_string", &mut delimiters.variable.1),
        ("block_start_string", &mut delimiters.block.0),
        ("block_end_string", &mut delimiters.block.1),
        ("comment_start_string", &mut delimiters.comment.0),
        ("comment_end_string", &mut delimiters.comment.1),
    ] {
        if let Some(text) = arguments[name].as_str() {
            if text.is_empty() {
                return Err(format!("`{name}` is empty"));
            }
            text.clone_into(field);
        }
    }
    for (name, field) in
        [("trim_blocks", &mut reading.trim_blocks), ("lstrip_blocks", &mut reading.lstrip_blocks)]
    {
        match &arguments[name] {
            Json::Null => {}
            Json::Bool(value) => *field = *value,
            Json::String(text) => {
                *field = ["true", "yes", "on", "1"].contains(&text.to_ascii_lowercase().as_str());
            }
            other => return Err(format!("`{name}` is {other}, neither true nor false")),
        }
    }
    match arguments["newline_sequence"].as_str() {
        None => {}
        Some("\n" | "\\n") => "\n".clone_into(&mut reading.newline_sequence),
        Some("\r\n" | "\\r\\n") => "\r\n".clone_into(&mut reading.newline_sequence),
        Some("\r" | "\\r") => "\r".clone_into(&mut reading.newline_sequence),
        Some(other) => {
            return Err(format!("`newline_sequence` cannot be {other:?}; it is \\n, \\r\\n or \\r"));
        }
    }
    Ok(reading)
}

/// A mistake in a template of its own file.
fn in_file(source: &Arc<crate::yaml::Source>, error: &TemplateError) -> NoValue {
    match *error.kind {
        ErrorKind::Pending { .. } => NoValue::Pending,
        ErrorKind::Unknown { ref name, ref reason } => NoValue::Unknown(format!("`{name}`: {reason}")),
        _ => {
            let range = match &error.place {
                Some(place) if error.via.is_empty() => place.range.clone(),
                _ => 0..source.text.find('\n').unwrap_or(source.text.len()),
            };
            NoValue::Wrong(Box::new(Problem::new(error.to_string(), source.place(range))))
        }
    }
}

/// A template's mistake as a problem at its place.
#[must_use]
pub fn template_problem(node: &Node, error: &TemplateError) -> Problem {
    let at = pointed(node, &error.pointer);
    let place = match &error.place {
        Some(place) if error.via.is_empty() => at.part(place.range.clone()),
        _ => at.place(),
    };
    let problem = Problem::new(error.to_string(), place);
    match &*error.kind {
        ErrorKind::Undefined { name: Some(name), .. } => {
            problem.help(format!("set it in the inventory or the play, or give it with `-e {name}=…`"))
        }
        _ => problem,
    }
}

/// The node that a JSON pointer leads to, as far as it can be followed.
fn pointed<'a>(node: &'a Node, pointer: &str) -> &'a Node {
    pointer.split('/').skip(1).fold(node, |node, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        let item = || node.as_seq()?.get(step.parse::<usize>().ok()?);
        node.get(&step).or_else(item).unwrap_or(node)
    })
}

/// The result that `register` keeps for a loop.
#[must_use]
pub fn loop_result(results: Vec<Json>) -> Map<String, Json> {
    let any = |key: &str| results.iter().any(|result| result[key] == Json::Bool(true));
    let mut all = Map::new();
    all.insert("changed".to_owned(), any("changed").into());
    // As in Ansible it is there only where an item has failed.
    if any("failed") {
        all.insert("failed".to_owned(), true.into());
    }
    let skipped = results.iter().all(|result| result["skipped"] == Json::Bool(true));
    all.insert("skipped".to_owned(), skipped.into());
    let message = match (any("failed"), skipped) {
        (true, _) => "One or more items failed",
        (false, true) => "All items skipped",
        (false, false) => "All items completed",
    };
    all.insert("msg".to_owned(), message.into());
    all.insert("results".to_owned(), Json::Array(results));
    all
}

/// Reads YAML text for the filter `from_yaml`.
///
/// # Errors
/// The first mistake as a sentence.
pub fn read_yaml(text: &str) -> Result<Json, String> {
    let source = crate::yaml::Source::new("from_yaml", text);
    // What a host says may be read: nothing in it is decrypted.
    let read = crate::yaml::parse_yaml(&source).and_then(|node| node.to_foreign_data());
    read.map_err(|problems| first(problems).message)
}
