//! What templates ask this machine for: files, the environment, commands. What they give is data, never a template.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::Value as Json;

use super::local_paths;
use crate::inventory::{Inventory, Pattern};
use crate::template::{Local, Lookups, Request, TemplateFile};
use crate::yaml::Problems;

/// More of a file is not read.
const LIMIT: u64 = 1 << 20;

/// Lookups on the controller.
pub struct ControllerLookups {
    /// Where relative paths begin, where a request names no directories.
    pub directory: PathBuf,
    /// What `inventory_hostnames` looks at.
    pub inventory: Option<Arc<Inventory>>,
}

impl Lookups for ControllerLookups {
    fn lookup(&self, request: &Request<'_>) -> Result<Vec<Json>, String> {
        let places = self.places(request.directories);
        let mut values = Vec::new();
        if request.plugin == "first_found" {
            return first_found(request, places);
        }
        for term in request.terms {
            let text = term.as_str().map_or_else(|| term.to_string(), str::to_owned);
            match request.plugin {
                "file" => values.push(file(request, places, &text)?.into()),
                "env" => values.push(environment(request, &text)?),
                "pipe" => values.push(self.pipe(&text)?.trim_end().into()),
                "lines" => values.extend(self.pipe(&text)?.lines().map(Json::from)),
                "password" => values.push(password(places, &text)?.into()),
                "fileglob" => values.extend(fileglob(places, &text)?.into_iter().map(Json::from)),
                "inventory_hostnames" => values.extend(self.hosts(&text)?),
                other => return Err(format!("the lookup `{other}` is not supported here")),
            }
        }
        Ok(values)
    }

    fn local(&self, question: Local, path: &str) -> Result<Json, String> {
        local_paths::answer(question, path)
    }

    fn template(
        &self,
        name: &str,
        directories: &[PathBuf],
        beside: Option<&Path>,
    ) -> Result<Option<TemplateFile>, String> {
        // The name is one below a directory, as Jinja takes it.
        if name.split('/').any(|part| part == "..") {
            return Ok(None);
        }
        let beside = beside.map(Path::to_path_buf);
        let places: Vec<PathBuf> = self.places(directories).iter().cloned().chain(beside).collect();
        found(&places, "templates", name.trim_start_matches('/')).as_deref().map(template_file).transpose()
    }

    fn template_at(&self, path: &str, directories: &[PathBuf]) -> Result<Option<TemplateFile>, String> {
        found(self.places(directories), "templates", path).as_deref().map(template_file).transpose()
    }
}

impl ControllerLookups {
    /// Where a request's relative paths begin.
    fn places<'p>(&'p self, directories: &'p [PathBuf]) -> &'p [PathBuf] {
        if directories.is_empty() { std::slice::from_ref(&self.directory) } else { directories }
    }

    /// The hosts that a pattern selects.
    fn hosts(&self, pattern: &str) -> Result<Vec<Json>, String> {
        let inventory = self.inventory.as_ref().ok_or("there is no inventory here")?;
        let said = |problems: Problems| problems.to_string();
        let pattern = Pattern::from_argument("inventory_hostnames", pattern).map_err(said)?;
        let selected = inventory.select(&pattern).map_err(said)?;
        Ok(selected.hosts.iter().map(|host| Json::from(&**host)).collect())
    }

    /// What a command of this machine prints.
    fn pipe(&self, command: &str) -> Result<String, String> {
        let output = Command::new("/bin/sh")
            .args(["-c", command])
            .current_dir(if self.directory.as_os_str().is_empty() { Path::new(".") } else { &self.directory })
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("`{command}` cannot be run: {error}"))?;
        if !output.status.success() {
            return Err(format!("`{command}` ends with {}", output.status));
        }
        if output.stdout.len() as u64 > LIMIT {
            return Err(format!("`{command}` prints more than the {LIMIT} bytes that are read"));
        }
        String::from_utf8(output.stdout).map_err(|_| format!("what `{command}` prints is not text"))
    }
}

/// The first place of a relative path, below a folder such as `files` or directly.
fn found(places: &[PathBuf], folder: &str, path: &str) -> Option<PathBuf> {
    let candidates = places.iter().flat_map(|place| [place.join(folder).join(path), place.join(path)]);
    candidates.into_iter().find(|candidate| candidate.exists())
}

fn template_file(path: &Path) -> Result<TemplateFile, String> {
    Ok(TemplateFile { text: read(path)?, directory: path.parent().map(Path::to_path_buf) })
}

fn read(path: &Path) -> Result<String, String> {
    let error = |error: std::io::Error| format!("`{}` cannot be read: {error}", path.display());
    if std::fs::metadata(path).map_err(error)?.len() > LIMIT {
        return Err(format!("`{}` has more than the {LIMIT} bytes that are read", path.display()));
    }
    let bytes = crate::vault::read_file(path).map_err(|why| format!("`{}` {why}", path.display()))?;
    String::from_utf8(bytes).map_err(|_| format!("`{}` is not UTF-8", path.display()))
}

/// The text of a file without white space at its end, which is how a template wants it.
fn file(request: &Request<'_>, places: &[PathBuf], path: &str) -> Result<String, String> {
    let (mut lstrip, mut rstrip) = (false, true);
    for (name, value) in request.options {
        match (name.as_str(), value) {
            ("lstrip", Json::Bool(on)) => lstrip = *on,
            ("rstrip", Json::Bool(on)) => rstrip = *on,
            _ => return Err(format!("it has no option `{name}` of that type")),
        }
    }
    let found = found(places, "files", path);
    let text = read(&found.ok_or_else(|| not_found(places, path))?)?;
    let text = if lstrip { text.trim_start() } else { &text };
    Ok(if rstrip { text.trim_end() } else { text }.to_owned())
}

fn not_found(places: &[PathBuf], path: &str) -> String {
    let places: Vec<String> = places.iter().map(|place| format!("`{}`", place.display())).collect();
    format!("the file `{path}` is not found in {}, nor below `files/` there", places.join(", "))
}

fn environment(request: &Request<'_>, name: &str) -> Result<Json, String> {
    let name = name.split_whitespace().next().ok_or("it needs the name of a variable")?;
    if let Some((option, _)) = request.options.iter().find(|(option, _)| *option != "default") {
        return Err(format!("it has no option `{option}`"));
    }
    match std::env::var(name) {
        Ok(value) => Ok(value.into()),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("what `{name}` holds is not text")),
        Err(std::env::VarError::NotPresent) => {
            Ok(request.options.get("default").cloned().unwrap_or_else(|| "".into()))
        }
    }
}

/// A password that a file holds; a run invents none, because it must plan what it applies.
fn password(places: &[PathBuf], term: &str) -> Result<String, String> {
    let path = term.split(' ').next().unwrap_or_default();
    if term.contains("encrypt=") || path == "/dev/null" {
        return Err("only a password kept in a file can be had: a run must plan what it applies".to_owned());
    }
    let path = places.first().map_or_else(|| PathBuf::from(path), |place| place.join(path));
    if !path.exists() {
        return Err(format!(
            "there is no `{}`; put the password into it, since a run invents none",
            path.display()
        ));
    }
    let text = read(&path)?;
    let line = text.trim_end_matches(['\n', '\r']);
    Ok(line.rsplit_once(" salt=").map_or(line, |(password, _)| password).to_owned())
}

fn fileglob(places: &[PathBuf], term: &str) -> Result<Vec<String>, String> {
    let (directory, pattern) = term.rsplit_once('/').map_or((None, term), |(d, p)| (Some(d), p));
    let searched: Vec<PathBuf> = match directory {
        Some("") => vec![PathBuf::from("/")],
        // Of a whole path Ansible takes the `..` out, and of one below a place it does not.
        Some(directory) if directory.starts_with('/') => {
            vec![local_paths::normal(Path::new(directory)).into()]
        }
        Some(directory) => found(places, "files", directory).into_iter().collect(),
        None => places.iter().flat_map(|place| [place.join("files"), place.clone()]).collect(),
    };
    for place in searched {
        let files = local_paths::files_matching(&local_paths::absolute(&place)?, pattern)?;
        if !files.is_empty() {
            return Ok(files);
        }
    }
    Ok(Vec::new())
}

/// The first of several files that is there.
fn first_found(request: &Request<'_>, places: &[PathBuf]) -> Result<Vec<Json>, String> {
    let mut skip = request.options.get("skip").cloned().unwrap_or(Json::Bool(false));
    let files = request.options.get("files").cloned();
    let given: Vec<Json> =
        if request.terms.is_empty() { files.into_iter().collect() } else { request.terms.to_vec() };
    let mut names = Vec::new();
    candidates(&given, request.options.get("paths"), &mut skip, &mut names)?;
    for name in &names {
        // Outside of the old loops Ansible looks in no folder of its own here.
        let found = places.iter().map(|place| place.join(name)).find(|path| path.exists());
        if let Some(path) = found {
            let path = local_paths::normal(&local_paths::absolute(&path)?);
            return Ok(vec![path.into()]);
        }
    }
    if skip == true {
        return Ok(Vec::new());
    }
    Err(format!("none of the files is there: {}", names.join(", ")))
}

fn candidates(
    terms: &[Json],
    paths: Option<&Json>,
    skip: &mut Json,
    names: &mut Vec<String>,
) -> Result<(), String> {
    for term in terms {
        match term {
            Json::Array(inner) => candidates(inner, paths, skip, names)?,
            Json::Object(map) => {
                if let Some(wanted) = map.get("skip") {
                    *skip = wanted.clone();
                }
                let files = map.get("files").cloned().unwrap_or_else(|| Json::Array(Vec::new()));
                joined(&split(&files, &[',', ';'])?, map.get("paths").or(paths), names)?;
            }
            Json::String(_) => joined(&split(term, &[',', ';'])?, paths, names)?,
            other => return Err(format!("`{other}` names no file")),
        }
    }
    Ok(())
}

fn joined(files: &[String], paths: Option<&Json>, names: &mut Vec<String>) -> Result<(), String> {
    let paths = paths.map_or_else(|| Ok(Vec::new()), |paths| split(paths, &[',', ':', ';']))?;
    if paths.is_empty() {
        names.extend(files.iter().cloned());
    }
    for path in &paths {
        names.extend(files.iter().map(|file| Path::new(path).join(file).to_string_lossy().into_owned()));
    }
    Ok(())
}

/// The names in a text or a list of texts, apart by any of the marks.
fn split(value: &Json, marks: &[char]) -> Result<Vec<String>, String> {
    match value {
        Json::String(text) => Ok(text.split(marks).map(str::to_owned).collect()),
        Json::Array(items) => {
            let parts = items.iter().map(|item| split(item, marks)).collect::<Result<Vec<_>, _>>()?;
            Ok(parts.concat())
        }
        other => Err(format!("`{other}` names no file")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::ControllerLookups;
    use crate::template::{Reading, Scope, TemplateFile, Templater};

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in [
            ("files/a.txt", "  below files {{ 1 + 1 }}\n\n"),
            ("b.txt", "beside"),
            ("templates/inner.j2", "inner {{ x }}\n"),
            ("secret", "s3cret salt=abc\n"),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, text).expect("a file");
        }
        folder
    }

    fn templater(folder: &tempfile::TempDir) -> Templater {
        let directory = folder.path().to_path_buf();
        Templater::new(Arc::new(ControllerLookups { directory, inventory: None }), |_| {
            Err("no YAML".to_owned())
        })
    }

    #[test]
    fn files_are_looked_for_where_ansible_looks() {
        let folder = folder();
        let here = folder.path().to_string_lossy().into_owned();
        let mut scope = Scope::new();
        scope.set_literal("x", &json!("it's; id"));
        scope.set_literal("here", &json!(here));
        let scope = Arc::new(scope);
        for (template, expected) in [
            ("{{ lookup('file', 'a.txt') }}", json!("  below files {{ 1 + 1 }}")),
            ("{{ lookup('file', 'a.txt', lstrip=true) }}", json!("below files {{ 1 + 1 }}")),
            ("{{ lookup('file', 'b.txt') }}", json!("beside")),
            ("{{ query('fileglob', '*.txt') }}", json!([format!("{here}/files/a.txt")])),
            ("{{ lookup('first_found', ['none', 'b.txt']) }}", json!(format!("{here}/b.txt"))),
            ("{{ query('first_found', ['none'], skip=true) }}", json!([])),
            ("{{ lookup('template', 'inner.j2') }}", json!("inner it's; id\n")),
            ("{{ lookup('password', 'secret length=8') }}", json!("s3cret")),
            ("{{ lookup('env', 'DTRCTL_NO_SUCH', default='d') }}", json!("d")),
            ("{{ lookup('pipe', 'printf %s ' ~ (x | quote)) }}", json!("it's; id")),
            ("{{ query('lines', 'printf \"a\\nb\\n\"') }}", json!(["a", "b"])),
            ("{{ lookup('template', here ~ '/templates/inner.j2') }}", json!("inner it's; id\n")),
            ("{{ lookup('template', '../templates/inner.j2') }}", json!("inner it's; id\n")),
            ("{{ (here ~ '/b.txt') is file and (here ~ '/files') is directory }}", json!(true)),
            ("{{ 'b.txt' is not exists and (here ~ '/none') is not exists }}", json!(true)),
        ] {
            let value = templater(&folder).render_value(&json!(template), &scope);
            assert_eq!(value.map_err(|error| error.to_string()), Ok(expected), "{template}");
        }
    }

    #[test]
    fn files_that_are_found_are_named_from_the_root() {
        let directory = std::path::PathBuf::from("src");
        let lookups = Arc::new(ControllerLookups { directory, inventory: None });
        let templater = Templater::new(lookups, |_| Err("no YAML".to_owned()));
        let here = std::env::current_dir().expect("a working directory").to_string_lossy().into_owned();
        for (template, expected) in [
            ("{{ query('fileglob', 'lib.r*') }}", json!([format!("{here}/src/lib.rs")])),
            ("{{ query('fileglob', 'yaml/../lib.r*') }}", json!([format!("{here}/src/yaml/../lib.rs")])),
            ("{{ lookup('first_found', ['none', '../Cargo.toml']) }}", json!(format!("{here}/Cargo.toml"))),
        ] {
            let value = templater.render_value(&json!(template), &Arc::default());
            assert_eq!(value.map_err(|error| error.to_string()), Ok(expected), "{template}");
        }
    }

    #[test]
    fn what_cannot_be_had_says_why() {
        let folder = folder();
        for (template, word) in [
            ("{{ lookup('file', 'none') }}", "not found in"),
            ("{{ lookup('password', 'none') }}", "invents none"),
            ("{{ lookup('pipe', 'exit 3') }}", "exit status: 3"),
            ("{{ lookup('first_found', ['none', 'nor']) }}", "none, nor"),
            ("{{ lookup('pipe', 'echo \\'' ~ ('x' | quote) ~ '\\'') }}", "quote"),
        ] {
            let error =
                templater(&folder).render_value(&json!(template), &Arc::default()).expect_err(template);
            assert!(error.to_string().contains(word), "{template}: {error}");
        }
    }

    #[test]
    fn a_file_includes_one_below_templates_and_never_one_above() {
        let folder = folder();
        let mut scope = Scope::new();
        scope.set_literal("x", &json!("{{ 1 }}"));
        let scope = Arc::new(scope);
        let render = |text: &str| {
            let file = TemplateFile { text: text.to_owned(), directory: None };
            templater(&folder).render_file(&file, &Arc::new(Reading::default()), &scope)
        };
        assert_eq!(render("[{% include 'inner.j2' %}]\n").expect("included"), "[inner {{ 1 }}]\n");
        assert!(render("{% include '../b.txt' %}").is_err());
    }
}
