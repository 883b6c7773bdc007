//! An inventory in INI: sections of hosts, of children and of variables.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    graph::{Graph, GroupId, UNGROUPED},
    literal::{self, Literal},
    shell_words::{self, Word},
    vars::{Vars, define},
    yaml_file::{add_hosts, check_group, set_variable, text_node},
};
use crate::yaml::{Node, Place, Problem, Problems, Source, Span};

#[derive(Clone, Copy, PartialEq)]
enum Section {
    Hosts,
    Children,
    Vars,
}

/// A group that is referred to before it is declared.
enum Pending {
    /// By its variables.
    Vars(Place),
    /// As a child.
    Child(Vec<(GroupId, Place)>),
}

struct Reader<'a> {
    graph: &'a mut Graph,
    source: &'a Arc<Source>,
    problems: &'a mut Problems,
    pending: BTreeMap<String, Pending>,
    group: GroupId,
    section: Section,
}

/// Takes over a file.
pub(super) fn read(graph: &mut Graph, source: &Arc<Source>, problems: &mut Problems) {
    if let Some(problem) = unreadable(source) {
        problems.push(problem);
        return;
    }
    let mut reader = Reader {
        graph,
        source,
        problems,
        pending: BTreeMap::new(),
        group: UNGROUPED,
        section: Section::Hosts,
    };
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let text = line.trim();
        let begin = start + (line.len() - line.trim_start().len());
        start += line.len();
        if !text.is_empty() && !text.starts_with(['#', ';']) {
            reader.line(text, Span { start: begin, end: begin + text.len() });
        }
    }
    reader.finish();
}

/// Characters at which Python ends a line and other programs do not.
fn unreadable(source: &Arc<Source>) -> Option<Problem> {
    let text = source.text.replace("\r\n", " \n");
    let strange = |next: char| {
        (next.is_control() && !matches!(next, '\t' | '\n')) || matches!(next, '\u{2028}' | '\u{2029}')
    };
    let at = text.find(strange)?;
    let character = text[at..].chars().next()?;
    let message =
        format!("the control character U+{:04X} is not allowed in an inventory", u32::from(character));
    Some(Problem::new(message, source.place(at..at + character.len_utf8())))
}

impl Reader<'_> {
    fn place(&self, span: Span) -> Place {
        self.source.place(span.start..span.end)
    }

    /// Notes a problem; it is given back to be completed.
    fn problem(&mut self, message: impl Into<String>, span: Span) -> &mut Problem {
        if self.problems.is_full() {
            self.problems.0.pop();
        }
        self.problems.push(Problem::new(message, self.source.place(span.start..span.end)));
        self.problems.0.last_mut().expect("it has just been pushed")
    }

    fn line(&mut self, text: &str, span: Span) {
        match header(text) {
            Some((name, kind)) => self.header(name, kind, span),
            None if text.starts_with('[') && text.ends_with(']') => {
                self.problem("this is not the header of a section", span).help =
                    Some("write `[group]`, `[group:children]` or `[group:vars]`".to_owned());
            }
            None => match self.section {
                Section::Hosts => self.hosts(text, span),
                Section::Children => self.child(text, span),
                Section::Vars => self.variable(text, span),
            },
        }
    }

    fn header(&mut self, name: &str, kind: &str, span: Span) {
        self.section = match kind {
            "" | "hosts" => Section::Hosts,
            "children" => Section::Children,
            "vars" => Section::Vars,
            _ => {
                let problem = self.problem(format!("`{kind}` is no kind of section"), span);
                problem.help = Some("write `[group]`, `[group:children]` or `[group:vars]`".to_owned());
                return;
            }
        };
        if let Err(why) = check_group(name) {
            self.problem(format!("`{}` cannot be the name of a group: {why}", name.escape_debug()), span);
            return;
        }
        if self.graph.group_id(name).is_none()
            && self.section == Section::Vars
            && !self.pending.contains_key(name)
        {
            self.pending.insert(name.to_owned(), Pending::Vars(self.place(span)));
        }
        self.group = self.graph.add_group(name);
        if self.section != Section::Vars {
            self.declared(name, self.group);
        }
    }

    /// Puts a group that is now declared into those that have referred to it.
    fn declared(&mut self, name: &str, group: GroupId) {
        let Some(Pending::Child(parents)) = self.pending.remove(name) else { return };
        for (parent, place) in parents {
            self.graph.put_group(parent, group, place);
            let parent_name = Arc::clone(&self.graph[parent].name);
            self.declared(&parent_name, parent);
        }
    }

    fn child(&mut self, text: &str, span: Span) {
        let Some(name) = child_name(text) else {
            self.problem("the name of a group is expected", span);
            return;
        };
        let place = self.source.place(span.start..span.start + name.len());
        if let Some(child) = self.graph.group_id(name) {
            self.graph.put_group(self.group, child, place);
            return;
        }
        match self.pending.entry(name.to_owned()).or_insert_with(|| Pending::Child(Vec::new())) {
            Pending::Child(parents) => parents.push((self.group, place)),
            Pending::Vars(_) => {}
        }
    }

    fn variable(&mut self, text: &str, span: Span) {
        let Some((name, value)) = text.split_once('=') else {
            self.problem("a variable is expected: `name=value`", span);
            return;
        };
        let start = span.start + name.len() + 1 + (value.len() - value.trim_start().len());
        let name_span = Span { start: span.start, end: span.start + name.trim_end().len() };
        let key = text_node(self.source, name_span, name.trim_end());
        let value = value.trim();
        if let Some(value) = self.value(value, Span { start, end: start + value.len() }) {
            set_variable(self.graph, self.group, &key, &value, self.problems);
        }
    }

    fn hosts(&mut self, text: &str, span: Span) {
        let words = match shell_words::split(text, true) {
            Ok(words) => words,
            Err(why) => {
                self.problem(format!("the words of this line cannot be told apart: {why}"), span);
                return;
            }
        };
        let Some((pattern, assignments)) = words.split_first() else { return };
        let mut vars = Vars::new();
        for word in assignments {
            self.assignment(word, span, &mut vars);
        }
        let at = self.word_node(pattern, span);
        add_hosts(self.graph, self.group, &pattern.text, &at, &vars, self.problems);
    }

    fn word_node(&self, word: &Word, line: Span) -> Node {
        let span = Span { start: line.start + word.range.start, end: line.start + word.range.end };
        text_node(self.source, span, &word.text)
    }

    fn assignment(&mut self, word: &Word, line: Span, vars: &mut Vars) {
        let at = self.word_node(word, line);
        let Some((name, value)) = word.text.split_once('=') else {
            let problem =
                self.problem(format!("`{}` is not `name=value`", word.text.escape_debug()), at.span);
            problem.help =
                Some("the value of a variable needs quotes if it has blanks: `name=\"a b\"`".to_owned());
            return;
        };
        let plain = at.written().len() == word.text.len();
        let middle = at.span.start + name.len();
        let (name_span, value_span) = if plain {
            (Span { end: middle, ..at.span }, Span { start: middle + 1, ..at.span })
        } else {
            (at.span, at.span)
        };
        let key = text_node(self.source, name_span, name);
        if let Some(value) = self.value(value, value_span) {
            define(vars, &key, value, self.problems);
        }
    }

    fn value(&mut self, text: &str, span: Span) -> Option<Node> {
        match literal::read(text, self.source, span) {
            Literal::Value(value) => Some(Node { value, span, source: Arc::clone(self.source) }),
            Literal::Text => Some(text_node(self.source, span, text)),
            Literal::Unknown(why) => {
                let problem =
                    self.problem(format!("`{}` cannot be kept as it is: {why}", text.escape_debug()), span);
                problem.help =
                    Some("write the inventory in YAML, where it can be said what is meant".to_owned());
                None
            }
        }
    }

    /// Every group that is referred to has to be declared somewhere.
    fn finish(self) {
        for (name, pending) in self.pending {
            let (message, place) = match pending {
                Pending::Vars(place) => {
                    (format!("there are variables of `{name}`, but no such group"), place)
                }
                Pending::Child(parents) => {
                    let Some((_, place)) = parents.into_iter().next_back() else { continue };
                    (format!("there is no group `{name}`"), place)
                }
            };
            let names = self.graph.groups().iter().map(|group| &*group.name).filter(|known| **known != *name);
            let near = crate::yaml::suggest(&name, names);
            let help = near
                .map_or_else(|| format!("declare it: `[{name}]`"), |near| format!("did you mean `{near}`?"));
            self.problems.push(Problem::new(message, place).help(help));
        }
    }
}

/// The name on a line of children. A comment needs no blank before it only where it has one within.
fn child_name(line: &str) -> Option<&str> {
    let end = line.find(|next: char| matches!(next, ':' | ']') || next.is_whitespace()).unwrap_or(line.len());
    let ends = |at: &usize| {
        let rest = line[*at..].trim_start();
        *at > 0 && (rest.is_empty() || rest.starts_with('#'))
    };
    let marks = line[..end].rmatch_indices('#').map(|(at, _)| at);
    std::iter::once(end).chain(marks).find(ends).map(|at| &line[..at])
}

/// Whether a line begins a section.
pub(super) fn is_header(line: &str) -> bool {
    header(line).is_some_and(|(name, kind)| {
        check_group(name).is_ok() && matches!(kind, "" | "hosts" | "children" | "vars")
    })
}

/// The name and the kind of a section, if the line is a header.
fn header(line: &str) -> Option<(&str, &str)> {
    let (inner, rest) = line.strip_prefix('[')?.split_once(']')?;
    let comment = rest.trim_start();
    if !(comment.is_empty() || comment.starts_with('#')) {
        return None;
    }
    let (name, kind) = inner.split_once(':').map_or((inner, None), |(name, kind)| (name, Some(kind)));
    let word =
        |text: &str| !text.is_empty() && text.chars().all(|next| next.is_alphanumeric() || next == '_');
    let named = !name.is_empty() && !name.contains(char::is_whitespace);
    (named && kind.is_none_or(word)).then_some((name, kind.unwrap_or("")))
}
