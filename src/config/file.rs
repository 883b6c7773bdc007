//! The file's format: sections, `key = value` or `key: value`, further lines of a value indented.

use std::collections::HashSet;
use std::sync::Arc;

use crate::yaml::{Place, Problem, Problems, Source};

/// A setting as it was written.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub section: String,
    /// In lower case.
    pub key: String,
    pub value: String,
    pub at: Place,
}

/// All settings, in their order.
pub(super) fn entries(source: &Arc<Source>) -> Result<Vec<Entry>, Problems> {
    let mut reader =
        Reader { source, entries: Vec::new(), section: String::new(), problems: Problems::new() };
    let (mut start, mut indent) = (0, 0);
    for line in source.text.split_inclusive('\n') {
        let text = without_comment(line.trim_end());
        let own = text.len() - text.trim_start().len();
        let range = start + own..start + text.len();
        start += line.len();
        if text.trim().is_empty() {
            continue;
        }
        if own > indent && reader.continues(text.trim()) {
            continue;
        }
        indent = own;
        reader.line(text.trim(), range);
    }
    let unquoted = |mut entry: Entry| {
        for quote in ['"', '\''] {
            let inner = entry.value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
            if let Some(inner) = inner.map(str::to_owned) {
                entry.value = inner;
                break;
            }
        }
        entry
    };
    reader.problems.or(reader.entries.into_iter().map(unquoted).collect())
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    entries: Vec<Entry>,
    section: String,
    problems: Problems,
}

impl Reader<'_> {
    fn line(&mut self, text: &str, range: std::ops::Range<usize>) {
        let at = self.source.place(range);
        if let Some(section) = text.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section.clone_into(&mut self.section);
            return;
        }
        let Some((key, value)) = text.split_once(['=', ':']).filter(|(key, _)| !key.trim().is_empty()) else {
            self.problems.push(Problem::new("this is neither `[section]` nor `name = value`", at));
            return;
        };
        let key = key.trim().to_lowercase();
        let known: HashSet<(&str, &str)> =
            self.entries.iter().map(|entry| (&*entry.section, &*entry.key)).collect();
        if known.contains(&(&*self.section, &*key)) {
            self.problems.push(Problem::new(format!("`{key}` is set twice"), at).help("remove one of them"));
            return;
        }
        let (section, value) = (self.section.clone(), value.trim().to_owned());
        self.entries.push(Entry { section, key, value, at });
    }

    /// A line that is indented more than the one with the key belongs to its value.
    fn continues(&mut self, text: &str) -> bool {
        let Some(last) = self.entries.last_mut().filter(|last| last.section == self.section) else {
            return false;
        };
        last.value.push('\n');
        last.value.push_str(text);
        true
    }
}

/// A line that begins with `#` or `;` is a comment, and so is what follows a blank and a `;`.
fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with(['#', ';']) {
        return "";
    }
    let inline = line.match_indices(';').map(|(at, _)| at).find(|at| line[..*at].ends_with([' ', '\t']));
    inline.map_or(line, |at| line[..at].trim_end())
}
