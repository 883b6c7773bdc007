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
    ("gather_subset", "facts are few and always the same; leave it away"),
    ("gather_timeout", "facts are read with the first script; `-T` and `--task-timeout` bound it"),
    ("fact_path", "facts are few and always the same; leave it away"),
    ("connection", "set `ansible_connection` in the inventory"),
    ("remote_user", "set `ansible_user` in the inventory, or give `-u`"),
    ("port", "set `ansible_port` in the inventory"),
    ("become_flags", "leave it away; dtrctl becomes another user by sudo, whose own configuration says how"),
    ("become_exe", "leave it away; dtrctl finds sudo on the host's PATH"),
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

    /// The value of a key that is there and was not taken; it stays.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(key, ..)| *key == name).map(|(.., value)| *value)
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

    /// Whether the key is there and was not taken.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The entries that were not taken.
    pub fn left(&self) -> impl Iterator<Item = (&'a str, &'a Node)> {
        self.entries.iter().map(|(name, key, _)| (*name, *key))
    }

    /// Takes all that is left.
    pub fn rest(self) -> Vec<(&'a Node, &'a Node)> {
        self.entries.into_iter().map(|(_, key, value)| (key, value)).collect()
    }

    /// Reports every key that was not taken.
    pub fn finish(self, what: &str, more: &[&str], problems: &mut Problems) {
        let candidates: Vec<&str> = self.known.iter().chain(more).copied().collect();
        for (name, key, _) in self.entries {
            problems.push(unknown(what, name, key, &candidates));
        }
    }
}

/// What is wrong with a key that nobody has taken.
pub(super) fn unknown(what: &str, name: &str, key: &Node, candidates: &[&str]) -> Problem {
    if let Some(problem) = left_out(name, key) {
        return problem;
    }
    if name.starts_with("with_") {
        return Problem::new(format!("{what} has one loop; `{name}` is not read"), key.place())
            .help("leave it away, or the other loop");
    }
    Problem::new(format!("{what} has no `{name}`"), key.place())
        .label("unknown")
        .did_you_mean(name, candidates.iter().copied())
}

/// What is wrong with a keyword of Ansible's that is left out.
pub(super) fn left_out(name: &str, key: &Node) -> Option<Problem> {
    let (_, instead) = LEFT_OUT.iter().find(|(left_out, _)| *left_out == name)?;
    Some(Problem::new(format!("`{name}` is left out of dtrctl"), key.place()).help(*instead))
}

/// A text.
pub fn text(node: &Node, what: &str) -> Result<String, Problem> {
    node.as_str()
        .map(str::to_owned)
        .ok_or_else(|| Problem::new(format!("{what} has to be text, not {}", node.kind()), node.place()))
}

/// A text or a list of texts.
pub fn texts(node: &Node, what: &str) -> Result<Vec<String>, Problem> {
    match node.as_seq() {
        Some(items) => items.iter().map(|item| text(item, what)).collect(),
        None => Ok(vec![text(node, what)?]),
    }
}

/// A node or a list of nodes.
pub fn nodes(node: &Node) -> Vec<Node> {
    node.as_seq().map_or_else(|| vec![node.clone()], <[Node]>::to_vec)
}
