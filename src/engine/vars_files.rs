//! `vars_files` of a play and `include_vars` of a task.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;

use super::done::Done;
use super::host::{HostRun, Left};
use super::reading::FileVariables;
use super::run::Shared;
use super::scope::NoValue;
use super::step::Ready;
use crate::event::State;
use crate::playbook::{Files, Play};
use crate::template::{Layer, Scope};
use crate::yaml::{Node, Problem};

/// Files, and the variables in them.
pub type Included = (Vec<PathBuf>, Vec<(String, Json)>);

/// The endings that a file of variables has where nothing else is said.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

impl HostRun {
    /// Reads the play's `vars_files` for this host: of each, the first candidate that exists.
    pub(super) fn read_vars_files(&mut self) -> Result<(), Left> {
        let play = Arc::clone(&self.play);
        let mut layer = Layer::new();
        for candidates in &play.vars_files {
            let scope = Arc::new(self.variables.scope());
            match self.shared.first_vars_file(&play, candidates, &scope) {
                Ok(variables) => {
                    variables.iter().for_each(|(name, value)| layer.set_source(name.clone(), value));
                }
                Err(problem) => {
                    self.recap.failed += 1;
                    if let Some(reason) = Done::wrong(&problem).reason {
                        self.lose(State::Failed, reason);
                    }
                    return Err(Left::Failed);
                }
            }
            self.variables.files = Arc::new(layer.clone());
        }
        Ok(())
    }

    /// The files and variables of `include_vars`.
    pub(super) fn variables_of(&self, step: &Ready) -> Result<Included, NoValue> {
        let arguments = &step.arguments;
        let node = step.task().arguments.as_ref().unwrap_or(&step.task().action_key);
        let wrong = |message: String, name: &str| {
            let place = node.get(name).unwrap_or(node).place();
            NoValue::Wrong(Box::new(Problem::new(message, place)))
        };
        let files = match (arguments["file"].as_str(), arguments["dir"].as_str()) {
            (Some(file), None) => vec![Self::variables_file(step, file)],
            (None, Some(dir)) => {
                let dir = Self::variables_file(step, dir);
                let wanted = Wanted::of(arguments).map_err(|message| wrong(message, "files_matching"))?;
                let mut found = Vec::new();
                wanted.collect(&dir, 1, &mut found).map_err(|message| wrong(message, "dir"))?;
                found
            }
            _ => return Err(wrong("`include_vars` takes either `file` or `dir`".to_owned(), "file")),
        };
        let mut variables: Vec<(String, Json)> = Vec::new();
        for file in &files {
            let read = self.shared.file_variables(file).map_err(|problem| {
                let problem = *problem;
                let at = problem.at.clone().unwrap_or_else(|| node.place());
                NoValue::Wrong(Box::new(Problem { at: Some(at), ..problem }))
            })?;
            for (name, value) in read.iter() {
                match variables.iter_mut().find(|(known, _)| known == name) {
                    Some((_, known)) => known.clone_from(value),
                    None => variables.push((name.clone(), value.clone())),
                }
            }
        }
        if let Some(name) = arguments["name"].as_str() {
            variables = vec![(name.to_owned(), Json::Object(variables.into_iter().collect()))];
        }
        Ok((files, variables))
    }

    /// Beside the role's `vars/`, the file that the task stands in, the playbook and its `vars/`.
    fn variables_file(step: &Ready, name: &str) -> PathBuf {
        let files = &step.task().around.files;
        let beside = files.tasks.join(name);
        let found = files.find("vars", Path::new(name));
        if found.exists() || !beside.exists() { found } else { beside }
    }
}

impl Shared {
    /// The variables of the first of several files that exists.
    ///
    /// # Errors
    /// None exists, or the one that does cannot be read.
    pub fn first_vars_file(
        &self,
        play: &Play,
        candidates: &[Node],
        scope: &Arc<Scope>,
    ) -> Result<FileVariables, Box<Problem>> {
        let files = Files::of_playbook(&play.directory);
        let mut looked = Vec::new();
        for node in candidates {
            let name = match self.renderer.text(node, scope) {
                Ok(name) => name,
                // Of several candidates, one whose name cannot be told is not the one.
                Err(_) if candidates.len() > 1 => continue,
                Err(error) => return Err(Box::new(super::scope::problem_of(error))),
            };
            let path = files.find("vars", Path::new(&name));
            if path.exists() {
                return self.file_variables(&path);
            }
            looked.push(format!("`{}`", path.display()));
        }
        let place = candidates.first().map(Node::place);
        let message = format!("there is no such file of variables: {}", looked.join(", "));
        let problem = place
            .map_or_else(|| Problem::bare(message.clone()), |place| Problem::new(message.clone(), place));
        Err(Box::new(problem.help("a relative path begins at the playbook's directory, or at `vars/` there")))
    }
}

/// Which files of a directory `include_vars` takes.
struct Wanted {
    matching: Option<regex::Regex>,
    ignored: Vec<regex::Regex>,
    endings: Vec<String>,
    deepest: u64,
    strict: bool,
}

impl Wanted {
    fn of(arguments: &Json) -> Result<Self, String> {
        let pattern =
            |text: &str| regex::Regex::new(text).map_err(|error| format!("`{text}` is no pattern: {error}"));
        let texts = |name: &str| -> Option<Vec<String>> {
            match &arguments[name] {
                Json::String(text) => Some(vec![text.clone()]),
                Json::Array(all) => Some(all.iter().filter_map(Json::as_str).map(str::to_owned).collect()),
                _ => None,
            }
        };
        let ignored = texts("ignore_files").unwrap_or_default();
        Ok(Self {
            matching: arguments["files_matching"].as_str().map(pattern).transpose()?,
            ignored: ignored.iter().map(|text| pattern(&format!("{text}$"))).collect::<Result<_, _>>()?,
            endings: texts("extensions").unwrap_or_else(|| ENDINGS.map(str::to_owned).to_vec()),
            deepest: arguments["depth"].as_u64().unwrap_or(0),
            strict: arguments["ignore_unknown_extensions"].as_bool() != Some(true),
        })
    }

    fn collect(&self, dir: &Path, depth: u64, found: &mut Vec<PathBuf>) -> Result<(), String> {
        let failed = |error| format!("cannot list `{}`: {error}", dir.display());
        let entries = std::fs::read_dir(dir).map_err(failed)?;
        let mut entries: Vec<PathBuf> =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(failed)?;
        entries.sort();
        let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|path| path.is_dir());
        for path in files {
            if self.takes(&path)? {
                found.push(path);
            }
        }
        if self.deepest != 0 && depth >= self.deepest {
            return Ok(());
        }
        folders.iter().try_for_each(|folder| self.collect(folder, depth + 1, found))
    }

    fn takes(&self, path: &Path) -> Result<bool, String> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || self.ignored.iter().any(|pattern| pattern.is_match(&name)) {
            return Ok(false);
        }
        if self.matching.as_ref().is_some_and(|pattern| !pattern.is_match(&name)) {
            return Ok(false);
        }
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        let known = self.endings.iter().any(|known| *known == ending);
        if !known && self.strict {
            return Err(format!(
                "`{}` has none of the endings {}; say `ignore_unknown_extensions: true` to pass over it",
                path.display(),
                self.endings.join(", ")
            ));
        }
        Ok(known)
    }
}
