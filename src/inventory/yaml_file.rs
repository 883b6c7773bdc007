//! An inventory in YAML: groups of hosts, variables and further groups.

use std::sync::Arc;

use super::{
    graph::{Graph, GroupId, HostId},
    name, range,
    vars::{Vars, define, define_all},
};
use crate::yaml::{Node, Problem, Problems, Source, Span, Style, Text, Value, suggest};

const SECTIONS: [&str; 3] = ["hosts", "children", "vars"];

/// Takes over a document.
pub(super) fn read(graph: &mut Graph, root: &Node, problems: &mut Problems) {
    let Some(groups) = root.as_map().filter(|groups| !groups.is_empty()) else {
        let what = match &root.value {
            Value::Null => "this file is empty".to_owned(),
            Value::Map(_) => "this is an empty mapping".to_owned(),
            _ => format!("this is {}", root.kind()),
        };
        let problem = Problem::new(format!("an inventory is a mapping of groups, and {what}"), root.place());
        problems.push(problem.help("begin it with `all:`, and below it `hosts:`"));
        return;
    };
    if let Some(plugin) = root.get("plugin") {
        let name = plugin.as_str().unwrap_or_else(|| plugin.written());
        let problem = Problem::new(
            format!("the inventory plugin `{name}` is not there: dtrctl has none"),
            plugin.place(),
        );
        let file = root.source.path.display();
        problems.push(problem.label("this file configures it").help(format!(
            "save what Ansible makes of it, and give that: `ansible-inventory -i {file} --list > hosts.json`"
        )));
        return;
    }
    let mut reader = Reader { graph, problems };
    for (key, value) in groups {
        reader.group(key, value);
    }
}

struct Reader<'a> {
    graph: &'a mut Graph,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn group(&mut self, key: &Node, value: &Node) -> Option<GroupId> {
        let name = self.group_name(key)?;
        let id = self.graph.add_group(name);
        match &value.value {
            Value::Null => {}
            Value::Map(entries) => {
                for (section, content) in entries {
                    self.section(id, section, content);
                }
            }
            _ => {
                let message = format!("a group is a mapping, and `{name}` is {}", value.kind());
                let problem = Problem::new(message, value.place());
                self.problems.push(problem.help("below a group stand `hosts:`, `children:` and `vars:`"));
            }
        }
        Some(id)
    }

    fn group_name<'n>(&mut self, key: &'n Node) -> Option<&'n str> {
        let Some(name) = key.as_str() else {
            let message =
                format!("the name of a group is a string, and `{}` is {}", key.written(), key.kind());
            self.problems.push(Problem::new(message, key.place()).help("put it in quotes"));
            return None;
        };
        match check_group(name) {
            Ok(()) => Some(name),
            Err(why) => {
                let message = format!("`{}` cannot be the name of a group: {why}", name.escape_debug());
                self.problems.push(Problem::new(message, key.place()));
                None
            }
        }
    }

    fn section(&mut self, group: GroupId, key: &Node, content: &Node) {
        let name = key.as_str().unwrap_or_default();
        if !SECTIONS.contains(&name) {
            self.problems.push(unknown_section(key));
            return;
        }
        let alone;
        let entries = match &content.value {
            Value::Null => return,
            Value::Map(entries) => entries,
            // A single name stands for a mapping with nothing below it.
            Value::String(_) => {
                alone = vec![(content.clone(), Node { value: Value::Null, ..content.clone() })];
                &alone
            }
            _ => {
                let message = format!("`{name}` is a mapping, and this is {}", content.kind());
                let problem = Problem::new(message, content.place());
                self.problems
                    .push(problem.help("write each name as a key of its own: `name:`, without a dash"));
                return;
            }
        };
        for (key, value) in entries {
            match name {
                "vars" => set_variable(self.graph, group, key, value, self.problems),
                "children" => self.child(group, key, value),
                _ => self.hosts(group, key, value),
            }
        }
    }

    fn child(&mut self, parent: GroupId, key: &Node, value: &Node) {
        if let Some(child) = self.group(key, value) {
            self.graph.put_group(parent, child, key.place());
        }
    }

    fn hosts(&mut self, group: GroupId, key: &Node, value: &Node) {
        let Some(pattern) = key.as_str() else {
            let message =
                format!("the name of a host is a string, and `{}` is {}", key.written(), key.kind());
            self.problems.push(Problem::new(message, key.place()).help("put it in quotes"));
            return;
        };
        let mut vars = Vars::new();
        match &value.value {
            Value::Null => {}
            Value::Map(entries) => define_all(&mut vars, entries, self.problems),
            _ => {
                let message =
                    format!("what stands below a host are its variables, and this is {}", value.kind());
                self.problems.push(Problem::new(message, value.place()).help("write `name: value`"));
            }
        }
        add_hosts(self.graph, group, pattern, key, &vars, self.problems);
    }
}

/// Gives a group a variable, or its priority.
pub(super) fn set_variable(
    graph: &mut Graph,
    group: GroupId,
    key: &Node,
    value: &Node,
    problems: &mut Problems,
) {
    if key.as_str() != Some("ansible_group_priority") {
        define(&mut graph[group].vars, key, value.clone(), problems);
        return;
    }
    match integer(value) {
        Some(priority) => graph[group].priority = priority,
        None => problems.push(Problem::new("the priority of a group is an integer", value.place())),
    }
}

fn integer(value: &Node) -> Option<i64> {
    match &value.value {
        Value::Int(value) => i64::try_from(*value).ok(),
        Value::String(text) => text.text.trim().parse().ok(),
        _ => None,
    }
}

fn unknown_section(key: &Node) -> Problem {
    let name = key.as_str().unwrap_or_default();
    let problem = Problem::new(format!("`{}` means nothing within a group", key.written()), key.place());
    match suggest(name, SECTIONS) {
        Some(section) => problem.help(format!("did you mean `{section}`?")),
        None => problem.help(
            "a variable stands below `vars:`, a further group below `children:`, a host below `hosts:`",
        ),
    }
}

/// Why a text cannot name a group.
pub(super) fn check_group(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("it is empty".to_owned());
    }
    match name.chars().find(|character| character.is_control() || character.is_whitespace()) {
        Some(character) => Err(format!("`{}` may not be in it", character.escape_debug())),
        None => Ok(()),
    }
}

const TOO_MANY: &str = "the inventory names more than 250,000 hosts";

/// Puts every host that a pattern stands for into a group, and gives it the variables and the pattern's port.
pub(super) fn add_hosts(
    graph: &mut Graph,
    group: GroupId,
    pattern: &str,
    at: &Node,
    vars: &Vars,
    problems: &mut Problems,
) {
    let split = range::split_port(pattern);
    let port = split.port.map(|port| port_value(port, at, problems));
    let expanded = if graph.has_room(0) { range::expand(split.name) } else { Err(TOO_MANY.to_owned()) };
    let names = match expanded {
        Ok(names) if graph.has_room(names.len()) => names,
        refused => {
            let why = refused.err().unwrap_or_else(|| TOO_MANY.to_owned());
            let message = format!("`{}` does not name hosts: {why}", pattern.escape_debug());
            problems.push(Problem::new(message, at.place()));
            return;
        }
    };
    for host in names {
        let dangling = split.port.is_some() && host.split('.').any(|label| label.ends_with(['-', '_']));
        let checked = if dangling {
            Err("a part of it ends with `-` or `_`".to_owned())
        } else {
            name::check_host(&host)
        };
        if let Err(why) = checked {
            problems.push(name::refused("the name of a host", &host, &why, at.place()));
            return;
        }
        let namesake = graph.group_id(&host).filter(|_| !vars.is_empty());
        if namesake.is_some() && vars.contains_key("ansible_group_priority") {
            problems.push(same_name(&host, at));
            return;
        }
        let (id, new) = graph.add_host(&host, || at.place());
        graph.put_host(group, id);
        if let Some(Some(port)) = &port
            && new
        {
            set(graph, id, "ansible_port", port);
        }
        let own = match namesake {
            Some(group) => {
                graph.add_namesake(id, group, same_name(&host, at));
                &mut graph[group].vars
            }
            None => &mut graph[id].vars,
        };
        own.extend(vars.iter().map(|(name, definition)| (Arc::clone(name), Arc::clone(definition))));
    }
}

pub(super) fn same_name(host: &str, at: &Node) -> Problem {
    let message = format!("the host `{host}` has the name of a group");
    Problem::new(message, at.place())
        .label("its variables would go to the group")
        .help("rename one of them; or put the variables into `host_vars` or `group_vars`")
}

fn set(graph: &mut Graph, host: HostId, name: &str, definition: &Arc<super::vars::Definition>) {
    graph[host].vars.insert(name.into(), Arc::clone(definition));
}

fn port_value(port: &str, at: &Node, problems: &mut Problems) -> Option<Arc<super::vars::Definition>> {
    let start = at.part(0..at.as_str().map_or(0, str::len)).span.end.saturating_sub(port.len());
    let span = if at.source.text.get(start..start + port.len()) == Some(port) {
        Span { start, end: start + port.len() }
    } else {
        at.span
    };
    let value =
        Node { value: port.parse().map_or(Value::Null, Value::Int), span, source: Arc::clone(&at.source) };
    if let Some(problem) = super::connection::check("ansible_port", &value) {
        problems.push(problem);
        return None;
    }
    Some(Arc::new(super::vars::Definition { name: value.place(), value }))
}

/// A text of an argument or of another format, as a node.
pub(super) fn text_node(source: &Arc<Source>, span: Span, text: &str) -> Node {
    let text = Text { text: text.into(), style: Style::Plain, literal: false };
    Node { value: Value::String(text), span, source: Arc::clone(source) }
}
