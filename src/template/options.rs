//! How a template's text is read: its delimiters, and what happens to the line ends around its blocks.

use std::sync::Arc;

use super::error::{ErrorKind, Eval, TemplateError, unsupported};

/// What marks off the parts of a template: each a start and an end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Delimiters {
    /// Around an expression that is printed: `{{` and `}}`.
    pub variable: (String, String),
    /// Around a statement: `{%` and `%}`.
    pub block: (String, String),
    /// Around a comment: `{#` and `#}`.
    pub comment: (String, String),
}

impl Default for Delimiters {
    fn default() -> Self {
        let pair = |start: &str, end: &str| (start.to_owned(), end.to_owned());
        Self { variable: pair("{{", "}}"), block: pair("{%", "%}"), comment: pair("{#", "#}") }
    }
}

/// How the text of a template is read, as the arguments of `template` and a `#jinja2:` header say it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reading {
    /// What marks off its parts.
    pub delimiters: Delimiters,
    /// Whether the line end after a block is left out; true by default.
    pub trim_blocks: bool,
    /// Whether white space before a block is left out; false by default.
    pub lstrip_blocks: bool,
    /// What a line end becomes: `\n` (the default), `\r\n` or `\r`.
    pub newline_sequence: String,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            delimiters: Delimiters::default(),
            trim_blocks: true,
            lstrip_blocks: false,
            newline_sequence: "\n".to_owned(),
        }
    }
}

impl Reading {
    /// Whether the text holds a start of anything that would be rendered.
    pub(super) fn is_template(&self, text: &str) -> bool {
        let Delimiters { variable, block, comment } = &self.delimiters;
        text.starts_with("#jinja2:")
            || [variable, block, comment].iter().any(|(start, _)| text.contains(start.as_str()))
    }
}

/// The length of a `#jinja2:` header with its line end, and the reading with what it asks for.
pub(super) fn with_header(text: &str, given: Option<&Arc<Reading>>) -> Eval<(usize, Reading)> {
    let mut reading = given.map_or_else(Reading::default, |reading| Reading::clone(reading));
    let Some(rest) = text.strip_prefix("#jinja2:") else { return Ok((0, reading)) };
    let (line, _) = rest.split_once('\n').ok_or_else(|| syntax("the `#jinja2:` header has no line end"))?;
    for pair in line.split(',') {
        let (key, value) =
            pair.split_once(':').ok_or_else(|| syntax("the `#jinja2:` header needs `name: value` pairs"))?;
        set(&mut reading, key.trim(), value.trim())?;
    }
    Ok((text.len() - rest.len() + line.len() + 1, reading))
}

fn syntax(message: &str) -> TemplateError {
    ErrorKind::Syntax { message: message.to_owned() }.into()
}

fn set(reading: &mut Reading, key: &str, value: &str) -> Eval<()> {
    let marks = &mut reading.delimiters;
    match key {
        "trim_blocks" => reading.trim_blocks = flag(value)?,
        "lstrip_blocks" => reading.lstrip_blocks = flag(value)?,
        "variable_start_string" => marks.variable.0 = text(value)?,
        "variable_end_string" => marks.variable.1 = text(value)?,
        "block_start_string" => marks.block.0 = text(value)?,
        "block_end_string" => marks.block.1 = text(value)?,
        "comment_start_string" => marks.comment.0 = text(value)?,
        "comment_end_string" => marks.comment.1 = text(value)?,
        "newline_sequence" => reading.newline_sequence = newline(value)?,
        "keep_trailing_newline" if !flag(value)? => {}
        other => {
            return Err(unsupported(
                format!("`{other}` in a `#jinja2:` header"),
                "the delimiters, trim_blocks, lstrip_blocks and newline_sequence are",
            ));
        }
    }
    Ok(())
}

fn flag(value: &str) -> Eval<bool> {
    match value {
        "True" => Ok(true),
        "False" => Ok(false),
        _ => Err(syntax("a value in the `#jinja2:` header must be True or False")),
    }
}

fn newline(value: &str) -> Eval<String> {
    match text(value)?.as_str() {
        "\\n" => Ok("\n".to_owned()),
        "\\r\\n" => Ok("\r\n".to_owned()),
        "\\r" => Ok("\r".to_owned()),
        _ => Err(syntax("`newline_sequence` must be '\\n', '\\r\\n' or '\\r'")),
    }
}

/// A text in quotes.
fn text(value: &str) -> Eval<String> {
    let quoted = ['\'', '"'].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    let plain = quoted.filter(|text| !text.is_empty() && !text.contains(['\'', '"']));
    plain.map(str::to_owned).ok_or_else(|| syntax("a value in the `#jinja2:` header must be text in quotes"))
}
