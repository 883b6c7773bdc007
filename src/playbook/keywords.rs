//! The keys of a mapping, each taken once; what is left over is a mistake.

use crate::yaml::{Node, Problem, Problems};

/// Ansible's keywords that dtrctl leaves out, and what to do instead.
const LEFT_OUT: &[(&str, &str)] = &[
    ("async", "dtrctl runs hosts side by side and bounds each task by `--task-timeout`; leave it away"),
    ("poll", "leave it away, together with `async`"),
    ("strategy", "hosts run freely within a batch; bound it with `serial` and `-f`"),
    ("vars_prompt", "give the variable with `-e NAME=VALUE` or `-e @FILE`"),
    ("debugger", "use `-v`, `dtrctl validate` and `--check`"),
    ("collections", "name dtrctl's own module; `dtrctl modules` lists them"),
    ("module_defaults", "write the arguments at the tasks"),
    ("local_action", "write the module and `delegate_to: localhost`"),
    ("action", "write the module's own name as the key"),
    ("gather_subset", "facts are few and always the same; leave it away"),
    ("fact_path", "facts are few and always the same; leave it away"),
    ("connection", "set `ansible_connection` in the inventory"),
    ("remote_user", "set `ansible_user` in the inventory, or give `-u`"),
    ("port", "set `ansible_port` in the inventory"),
];

/// Ansible's keywords that this version of dtrctl does not read yet.
const NOT_YET: &[&str] = &[
    "roles",
    "block",
    "rescue",
    "always",
    "run_once",
    "until",
    "retries",
    "delay",
    "loop_control",
    "with_items",
    "with_dict",
    "with_fileglob",
    "environment",
    "vars_files",
    "max_fail_percentage",
    "post_tasks",
    "order",
    "throttle",
    "ignore_unreachable",
    "timeout",
    "diff",
    "delegate_facts",
    "include_tasks",
    "import_tasks",
    "include_vars",
    "include_role",
    "import_role",
    "import_playbook",
    "force_handlers",
    "become_method",
    "become_flags",
    "become_exe",
];

/// A mapping whose keys are taken one by one.
pub struct Keys<'a> {
    entries: Vec<(&'a str, &'a Node, &'a Node)>,
    known: Vec<&'static str>,
}

impl<'a> Keys<'a> {
    /// The keys of a mapping.
    ///
    /// # Errors
    /// The node is no mapping, or a key is no text.
    pub fn of(node: &'a Node, what: &str) -> Result<Self, Problem> {
        let entries = node.as_map().ok_or_else(|| {
            Problem::new(format!("{what} is {}, not a mapping", node.kind()), node.place())
                .label("expected `key: value` lines")
        })?;
        let entries = entries.iter().map(|(key, value)| {
            let name = key.as_str().ok_or_else(|| Problem::new("a key has to be text", key.place()))?;
            Ok((name, key, value))
        });
        Ok(Self { entries: entries.collect::<Result<_, Problem>>()?, known: Vec::new() })
    }

    /// The value of a key, which is thereby known.
    pub fn take(&mut self, name: &'static str) -> Option<&'a Node> {
        self.known.push(name);
        let at = self.entries.iter().position(|(key, ..)| *key == name)?;
        Some(self.entries.remove(at).2)
    }

    /// The one entry left over whose key `wanted` accepts.
    pub fn take_where(&mut self, wanted: impl Fn(&str) -> bool) -> Option<(&'a str, &'a Node, &'a Node)> {
        let at = self.entries.iter().position(|(key, ..)| wanted(key))?;
        Some(self.entries.remove(at))
    }

    /// Whether every key was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Reports every key that was not taken.
    pub fn finish(self, what: &str, more: &[&str], problems: &mut Problems) {
        for (name, key, _) in &self.entries {
            let problem = if let Some((_, instead)) = LEFT_OUT.iter().find(|(left_out, _)| left_out == name) {
                Problem::new(format!("`{name}` is left out of dtrctl"), key.place()).help(*instead)
            } else if NOT_YET.contains(name) || name.starts_with("with_") {
                Problem::new(format!("`{name}` is not supported yet"), key.place())
                    .help("write it without; what is not understood is never ignored")
            } else {
                let candidates = self.known.iter().copied().chain(more.iter().copied());
                let problem = Problem::new(format!("{what} has no `{name}`"), key.place()).label("unknown");
                match instead_of(name) {
                    Some(instead) if !more.is_empty() => problem.help(instead),
                    _ => problem.did_you_mean(name, candidates),
                }
            };
            problems.push(problem);
        }
    }
}

/// What does here what a module of Ansible's is used for on hosts of Docker.
fn instead_of(name: &str) -> Option<&'static str> {
    match name.rsplit('.').next().unwrap_or(name) {
        "get_certificate" => Some("use `fetch_cert`, which wants a pin, a root or an explicit first use"),
        _ => None,
    }
}

/// A text.
pub fn text(node: &Node, what: &str) -> Result<String, Problem> {
    node.as_str()
        .map(str::to_owned)
        .ok_or_else(|| Problem::new(format!("{what} has to be text, not {}", node.kind()), node.place()))
}

/// A text or a list of texts; commas separate where `commas` says so.
pub fn texts(node: &Node, what: &str, commas: bool) -> Result<Vec<String>, Problem> {
    match node.as_seq() {
        Some(items) => items.iter().map(|item| text(item, what)).collect(),
        None if commas => Ok(text(node, what)?.split(',').map(|part| part.trim().to_owned()).collect()),
        None => Ok(vec![text(node, what)?]),
    }
}

/// A node or a list of nodes.
pub fn nodes(node: &Node) -> Vec<Node> {
    node.as_seq().map_or_else(|| vec![node.clone()], <[Node]>::to_vec)
}
