//! How a text is laid out, so that what is added looks like what stands beside it.

use std::fmt::Write as _;
use std::ops::Range;

use serde_json::Value;

use super::syntax::{Kind, Node};

/// The habits of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    newline: String,
    /// One step of indentation.
    unit: String,
    /// What stands between a key and its value.
    colon: String,
    /// White space after a comma within a line.
    gap: String,
    /// White space inside the brackets of a list within a line.
    pad: String,
    /// Members of mappings stand on lines of their own.
    mapping_lines: bool,
    /// So do the items of lists.
    list_lines: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            newline: "\n".to_owned(),
            unit: "  ".to_owned(),
            colon: ": ".to_owned(),
            gap: " ".to_owned(),
            pad: String::new(),
            mapping_lines: true,
            list_lines: true,
        }
    }
}

impl Layout {
    /// The habits of a text with this root.
    pub(crate) fn of(text: &str, root: &Node) -> Self {
        let mut habits = Self::default();
        if let Some(newline) = first_newline(text) {
            newline.clone_into(&mut habits.newline);
        }
        let parts = root.parts();
        let Some(first) = parts.first() else { return habits };
        let mut seen = Seen::default();
        seen.look(text, root);
        let tails: Vec<&str> =
            (0..parts.len()).filter_map(|i| line_lead(before(text, root, &parts, i))).collect();
        habits.mapping_lines = !tails.is_empty();
        habits.unit = unit(text, root, tails.last().copied());
        habits.colon = colon(text, root, first);
        let tight = !habits.mapping_lines && !habits.colon.ends_with([' ', '\t']);
        habits.gap = seen.gap.unwrap_or(if tight { String::new() } else { " ".to_owned() });
        habits.pad = seen.pad.unwrap_or_default();
        habits.list_lines =
            habits.mapping_lines && (seen.tall > 0 || seen.flat == 0) && seen.tall >= seen.flat;
        habits
    }

    /// A key and its value, as a member of a mapping whose members are indented by `indent`.
    pub(crate) fn member(&self, key: &str, value: &Value, indent: &str) -> String {
        format!("{}{}{}", quoted(key), self.colon, self.value(value, indent))
    }

    /// A value that begins on a line indented by `indent`.
    pub(crate) fn value(&self, value: &Value, indent: &str) -> String {
        let inner = format!("{indent}{}", self.unit);
        match value {
            Value::Array(items) if !items.is_empty() => {
                let tall = self.mapping_lines && (self.list_lines || items.iter().any(is_nested));
                let items = items.iter().map(|item| self.value(item, if tall { &inner } else { indent }));
                self.bracketed(['[', ']'], &items.collect::<Vec<_>>(), indent, tall, &self.pad)
            }
            Value::Object(members) if !members.is_empty() => {
                let tall = self.mapping_lines;
                let inner = if tall { &inner } else { indent };
                let members = members.iter().map(|(key, value)| self.member(key, value, inner));
                self.bracketed(['{', '}'], &members.collect::<Vec<_>>(), indent, tall, "")
            }
            other => other.to_string(),
        }
    }

    fn bracketed(
        &self,
        [open, close]: [char; 2],
        parts: &[String],
        indent: &str,
        tall: bool,
        pad: &str,
    ) -> String {
        let mut out = String::from(open);
        let newline = format!("{}{indent}", self.newline);
        for (i, part) in parts.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let lead = match (tall, i) {
                (true, _) => format!("{newline}{}", self.unit),
                (false, 0) => pad.to_owned(),
                (false, _) => self.gap.clone(),
            };
            // A string takes every write.
            let _ = write!(out, "{comma}{lead}{part}");
        }
        out.push_str(if tall { &newline } else { pad });
        out.push(close);
        out
    }

    /// The text that goes between the last of these parts and one more.
    pub(crate) fn separator(&self, text: &str, node: &Node) -> String {
        let parts = node.parts();
        match parts.as_slice() {
            [] => String::new(),
            [only] => {
                let lead = &text[node.span.start + 1..only.start];
                format!(",{}", if has_newline(lead) { last_line(lead) } else { &self.gap })
            }
            [.., last, end] => {
                let between = &text[last.end..end.start];
                let (left, right) = between.split_once(',').unwrap_or(("", between));
                format!("{},{}", last_line(left), last_line(right))
            }
        }
    }

    /// The indentation of what is put after the last part of `node` with [`Self::separator`].
    pub(crate) fn indent_of_next(&self, text: &str, node: &Node) -> String {
        let separator = self.separator(text, node);
        line_lead(&separator)
            .map_or_else(|| line_indent(text, node.span.start).to_owned(), |lead| lead.replace(',', " "))
    }

    /// The text of a list that stood empty, with these items. Its brackets on two lines ask for an item a line.
    pub(crate) fn refill(&self, text: &str, span: &Range<usize>, items: &Value) -> String {
        let indent = line_indent(text, span.start);
        let tall = self.list_lines || has_newline(&text[span.clone()]);
        Self { list_lines: tall, ..self.clone() }.value(items, indent)
    }
}

#[derive(Default)]
struct Seen {
    tall: usize,
    flat: usize,
    gap: Option<String>,
    pad: Option<String>,
}

impl Seen {
    fn look(&mut self, text: &str, node: &Node) {
        let parts = node.parts();
        if let Some(first) = parts.first() {
            let lead = &text[node.span.start + 1..first.start];
            let tall = has_newline(lead);
            if matches!(node.kind, Kind::List(_)) {
                *(if tall { &mut self.tall } else { &mut self.flat }) += 1;
                if !tall && self.pad.is_none() {
                    self.pad = Some(lead.to_owned());
                }
            }
        }
        for i in 1..parts.len() {
            let lead = before(text, node, &parts, i);
            if self.gap.is_none() && !has_newline(lead) {
                self.gap = Some(lead.to_owned());
            }
        }
        for child in node.children() {
            self.look(text, child);
        }
    }
}

/// The white space between the bracket or comma before a part and the part.
fn before<'a>(text: &'a str, node: &Node, parts: &[Range<usize>], i: usize) -> &'a str {
    let from = if i == 0 { node.span.start + 1 } else { parts[i - 1].end };
    let gap = &text[from..parts[i].start];
    gap.split_once(',').map_or(gap, |(_, right)| right)
}

fn unit(text: &str, root: &Node, tail: Option<&str>) -> String {
    let step = tail.and_then(|tail| tail.strip_prefix(line_indent(text, root.span.start)));
    let step = step.filter(|step| !step.is_empty()).map(str::to_owned).or_else(|| nested_unit(text, root));
    match step {
        Some(step) if is_step(&step) => step,
        // Indented at random: no multiple of that.
        Some(step) if step.contains('\t') => "\t".to_owned(),
        _ => "  ".to_owned(),
    }
}

fn is_step(step: &str) -> bool {
    (step.len() <= 8 && step.bytes().all(|b| b == b' '))
        || (step.len() <= 2 && step.bytes().all(|b| b == b'\t'))
}

fn nested_unit(text: &str, node: &Node) -> Option<String> {
    node.children().into_iter().find_map(|child| {
        let parts = child.parts();
        let tail = parts.first().and_then(|_| line_lead(before(text, child, &parts, 0)));
        let step = tail.and_then(|tail| tail.strip_prefix(line_indent(text, child.span.start)));
        step.filter(|step| !step.is_empty()).map(str::to_owned).or_else(|| nested_unit(text, child))
    })
}

fn colon(text: &str, root: &Node, first: &Range<usize>) -> String {
    let Kind::Mapping(members) = &root.kind else { return ": ".to_owned() };
    let Some(member) = members.first() else { return ": ".to_owned() };
    debug_assert_eq!(member.key_span.start, first.start, "the first part is the first member");
    let between = &text[member.key_span.end..member.value.span.start];
    let (left, right) = between.split_once(':').unwrap_or(("", " "));
    // Colons set out in columns, or on other lines, are no habit that one new member can follow.
    let left = if left == " " { " " } else { "" };
    let right = if right.is_empty() { "" } else { " " };
    format!("{left}:{right}")
}

fn is_nested(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

fn quoted(key: &str) -> String {
    Value::String(key.to_owned()).to_string()
}

fn first_newline(text: &str) -> Option<&str> {
    let at = text.find(['\r', '\n'])?;
    Some(if text[at..].starts_with("\r\n") { "\r\n" } else { &text[at..=at] })
}

fn has_newline(gap: &str) -> bool {
    gap.contains(['\r', '\n'])
}

/// A gap without its blank lines: the last line end and what follows it, or the gap when it has none.
fn last_line(gap: &str) -> &str {
    let Some(at) = gap.rfind(['\r', '\n']) else { return gap };
    if gap[..at].ends_with('\r') && gap[at..].starts_with('\n') { &gap[at - 1..] } else { &gap[at..] }
}

/// What follows the last line end of a gap, if it has one.
fn line_lead(gap: &str) -> Option<&str> {
    gap.rfind(['\r', '\n']).map(|at| &gap[at + 1..])
}

/// The white space that the line of this offset begins with.
pub(crate) fn line_indent(text: &str, at: usize) -> &str {
    let start = text[..at].rfind(['\r', '\n']).map_or(0, |newline| newline + 1);
    let line = &text[start..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}
