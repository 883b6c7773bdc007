//! Files of tasks and variables that are read while the run goes on: each once for all hosts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;

use super::run::Shared;
use crate::playbook::{
    Around, IncludedRole, IncludedTasks, Library, Reader, Task, WantedRole, is_about_the_connection,
    is_variable_name,
};
use crate::yaml::{self, Node, Problem, Problems, Source};

/// Variables of a file, in their order.
pub type FileVariables = Arc<Vec<(String, Json)>>;

/// What was read.
#[derive(Default)]
pub struct Reading {
    tasks: Once<(usize, PathBuf), Arc<IncludedTasks>>,
    roles: Once<(usize, String), Arc<IncludedRole>>,
    variables: Once<PathBuf, FileVariables>,
}

type Read<T> = Result<T, Box<Problem>>;

/// What was read, by what it was read from.
type Once<K, T> = Mutex<HashMap<K, Read<T>>>;

impl Shared {
    /// The tasks of a file that a task includes.
    ///
    /// # Errors
    /// The first mistake in the file.
    pub fn included(
        &self,
        task: &Task,
        path: &Path,
        around: &Around,
        library: &Library,
    ) -> Read<Arc<IncludedTasks>> {
        let key = (std::ptr::from_ref(task) as usize, path.to_path_buf());
        let mut read = self.reading.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = read.entry(key).or_insert_with(|| {
            let mut problems = Problems::new();
            let read = Reader::new(library, &mut problems).included(path, around);
            problems.or(Arc::new(read)).map_err(first)
        });
        parts.clone()
    }

    /// A role that a task includes.
    ///
    /// # Errors
    /// The first mistake in it.
    pub fn included_role(
        &self,
        task: &Task,
        wanted: &WantedRole,
        around: &Around,
        library: &Library,
    ) -> Read<Arc<IncludedRole>> {
        let key = (std::ptr::from_ref(task) as usize, wanted.key());
        let mut read = self.reading.roles.lock().unwrap_or_else(PoisonError::into_inner);
        let role = read.entry(key).or_insert_with(|| {
            let mut problems = Problems::new();
            let role = Reader::new(library, &mut problems).role(wanted, around).map(Arc::new);
            let missing = || Box::new(Problem::new("the role cannot be read", wanted.place.clone()));
            problems.or(role).map_err(first)?.ok_or_else(missing)
        });
        role.clone()
    }

    /// The variables of a file.
    ///
    /// # Errors
    /// The first mistake in it.
    pub fn file_variables(&self, path: &Path) -> Read<FileVariables> {
        let mut read = self.reading.variables.lock().unwrap_or_else(PoisonError::into_inner);
        read.entry(path.to_path_buf())
            .or_insert_with(|| read_variables(path).map(Arc::new).map_err(first))
            .clone()
    }
}

fn read_variables(path: &Path) -> Result<Vec<(String, Json)>, Problems> {
    let root = yaml::parse(&Source::read(path)?)?;
    if root.is_null() {
        return Ok(Vec::new());
    }
    let Some(entries) = root.as_map() else {
        let message = format!("a file of variables is a mapping, and this is {}", root.kind());
        return Err(Problem::new(message, root.place())
            .help("write `name: value`, a variable a line")
            .into());
    };
    let mut variables = Vec::new();
    for (key, value) in entries {
        variables.push((name_of(key)?, value.to_source()?));
    }
    Ok(variables)
}

fn name_of(key: &Node) -> Result<String, Problem> {
    if let Some(name) = key.as_str().filter(|name| is_about_the_connection(name)) {
        let message = format!("`{name}` does not reach the connection from here");
        return Err(Problem::new(message, key.place()).help("set it in the inventory"));
    }
    let name = key.as_str().filter(|name| is_variable_name(name));
    name.map(str::to_owned).ok_or_else(|| {
        Problem::new("this is no variable name", key.place())
            .help("use letters, digits and `_`, not beginning with a digit")
    })
}

#[expect(clippy::unnecessary_box_returns, reason = "it goes straight into a result that holds a box")]
fn first(problems: Problems) -> Box<Problem> {
    Box::new(problems.0.into_iter().next().unwrap_or_else(|| Problem::bare("it cannot be read")))
}
