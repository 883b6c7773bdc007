//! A change of a file as a unified diff, made for people: nothing in it is hidden, nothing secret is shown.

use std::fmt::Write as _;

use modules::{
    Attributes, Before, Change, Content, Ownership, RemoveTree, ReplaceRegistryTls, SetDtrTls, WriteFile,
};
use similar::TextDiff;
use similar::udiff::UnifiedHunkHeader;

use super::visible;

/// Lines around a change.
const CONTEXT: usize = 3;
/// Two texts of more lines than this together are not compared: it would take seconds a host.
const COMPARABLE: usize = 20_000;
/// What stands in the place of a path where there is no file.
const ABSENT: &str = "(absent)";

/// The diff of a change to a file's content; none for a change of another kind, whose summary says it all.
#[must_use]
pub fn diff(change: &Change) -> Option<String> {
    match change {
        Change::WriteFile(write) => Some(written(write)),
        Change::Remove(remove) => {
            let path = visible::line(remove.path.as_str());
            let head =
                format!("deleted file mode {}\n--- {path}\n+++ {ABSENT}\n", remove.before.attributes.mode);
            Some(head + &body(Some(&remove.before.content), None))
        }
        Change::Own(own) => {
            let name = visible::line(&own.module);
            Some(format!("--- {name}\n+++ {name}\n") + &body(Some(&own.before), Some(&own.after)))
        }
        Change::RemoveTree(remove) => Some(removed_tree(remove)),
        Change::SetDtrTls(set) => Some(dtr_tls(set)),
        Change::ReplaceRegistryTls(replace) if replace.writes => Some(registry_tls(replace)),
        _ => None,
    }
}

/// What goes with a directory, by name.
fn removed_tree(remove: &RemoveTree) -> String {
    let (shown, more) = remove.shown();
    let mut text = format!("--- {}\n+++ {ABSENT}\n", visible::line(remove.path.as_str()));
    for name in shown {
        _ = writeln!(text, "-{}", visible::line(name));
    }
    if more > 0 {
        _ = writeln!(text, "and {more} more");
    }
    text
}

/// Its fields, as if each were a file; of the key its size alone.
fn dtr_tls(set: &SetDtrTls) -> String {
    let old = if set.before.is_some() { "webTLSCert" } else { ABSENT };
    let mut text =
        format!("--- {old}\n+++ webTLSCert\n") + &body(set.before.as_ref(), Some(&set.certificate));
    text += &format!("+++ webTLSKey\n{}", body(None, Some(&set.key)));
    if let Some(ca) = &set.ca {
        text += &format!("+++ webTLSCA\n{}", body(None, Some(ca)));
    }
    text
}

/// The certificate's file as any other; of the key, its size alone, and of the old key nothing but its own.
fn registry_tls(replace: &ReplaceRegistryTls) -> String {
    let (certificate, key) = (&replace.certificate, &replace.key);
    let text = written(&WriteFile::new(
        certificate.path.clone(),
        certificate.before.clone(),
        certificate.content.clone(),
        certificate.ownership.clone(),
    ));
    let path = visible::line(key.path.as_str());
    let old = key.before.as_ref().map(|before| before.attributes.size);
    let head = match &key.before {
        Some(_) => format!("--- {path}\n+++ {path}\n"),
        None => attributes(None, &key.ownership) + &format!("--- {ABSENT}\n+++ {path}\n"),
    };
    let size = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    text + &head + &sizes("secret", "byte", old.map(size), Some(size(key.size)))
}

fn written(write: &WriteFile) -> String {
    let path = visible::line(write.path.as_str());
    let mut text = attributes(write.before.as_ref(), &write.ownership);
    let old = if write.before.is_some() { &path } else { ABSENT };
    _ = write!(text, "--- {old}\n+++ {path}\n");
    text + &body(write.before.as_ref().map(|before| &before.content), Some(&write.content))
}

/// What becomes of mode and owner, in the words of git.
fn attributes(before: Option<&Before>, new: &Ownership) -> String {
    let owner = new.owner.as_ref().map(|owner| owner.as_str().to_owned());
    let group = new.group.as_ref().map(|group| group.as_str().to_owned());
    let mut text = String::new();
    let Some(Before { attributes: old, .. }) = before else {
        let mode = new.mode.map_or_else(|| "0644".to_owned(), |mode| mode.to_string());
        _ = writeln!(text, "new file mode {mode}");
        for (word, account) in [("owner", owner), ("group", group)] {
            if let Some(account) = account {
                _ = writeln!(text, "new {word} {account}");
            }
        }
        return text;
    };
    let Attributes { mode, uid, gid, .. } = old;
    let mut pair = |word: &str, old: &str, number: &str, new: Option<String>| {
        if let Some(new) = new.filter(|new| new != old && new != number) {
            _ = write!(text, "old {word} {}\nnew {word} {}\n", visible::line(old), visible::line(&new));
        }
    };
    pair("mode", &mode.to_string(), "", new.mode.map(|mode| mode.to_string()));
    pair("owner", &old.owner, &uid.to_string(), owner);
    pair("group", &old.group, &gid.to_string(), group);
    text
}

fn body(old: Option<&Content>, new: Option<&Content>) -> String {
    let sides = [old, new];
    let size = |content: Option<&Content>| content.map(|content| content.bytes.len());
    if sides.iter().flatten().any(|content| content.is_secret()) {
        return sizes("secret", "byte", size(old), size(new));
    }
    let text =
        |content: Option<&Content>| content.map_or(Some(String::new()), |c| c.text().map(str::to_owned));
    let (Some(old_text), Some(new_text)) = (text(old), text(new)) else {
        return sizes("binary", "byte", size(old), size(new));
    };
    let (old_lines, new_lines) = (lines(&old_text), lines(&new_text));
    if !old_lines.is_empty() && !new_lines.is_empty() && old_lines.len() + new_lines.len() > COMPARABLE {
        return sizes("too long to compare", "line", Some(old_lines.len()), Some(new_lines.len()));
    }
    hunks(&TextDiff::from_slices(&old_lines, &new_lines))
}

/// Lines with their ends. Only a line feed ends one: a carriage return is content, and is shown.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn sizes(what: &str, unit: &str, old: Option<usize>, new: Option<usize>) -> String {
    let count = |n: usize| if n == 1 { format!("1 {unit}") } else { format!("{n} {unit}s") };
    match (old, new) {
        (Some(old), Some(new)) => format!("{what}: {}, was {}\n", count(new), count(old)),
        (Some(size), None) | (None, Some(size)) => format!("{what}: {}\n", count(size)),
        (None, None) => String::new(),
    }
}

fn hunks(diff: &TextDiff<'_, '_, str>) -> String {
    let mut text = String::new();
    for ops in diff.grouped_ops(CONTEXT).iter().filter(|ops| !ops.is_empty()) {
        _ = writeln!(text, "{}", UnifiedHunkHeader::new(ops));
        for change in ops.iter().flat_map(|op| diff.iter_changes(op)) {
            let line = change.value();
            let shown = visible::text(line.strip_suffix('\n').unwrap_or(line));
            _ = writeln!(text, "{}{shown}", change.tag());
            if !line.ends_with('\n') {
                text.push_str("\\ No newline at end of file\n");
            }
        }
    }
    text
}

/// The lines of a diff that say what changes, without those around: what makes two diffs equal.
pub fn changed_lines(diff: &str) -> impl Iterator<Item = &str> {
    let (mut in_hunk, mut kept) = (false, true);
    diff.lines().filter(move |line| {
        in_hunk |= line.starts_with("@@");
        // The remark about a missing line end belongs to the line before it.
        kept = if line.starts_with('\\') { kept } else { !in_hunk || line.starts_with(['+', '-']) };
        kept
    })
}

/// How many lines a diff adds and removes; none where it shows no lines.
#[must_use]
pub fn stat(diff: &str) -> Option<(usize, usize)> {
    let hunks = diff.lines().skip_while(|line| !line.starts_with("@@"));
    let (mut added, mut removed) = (0, 0);
    for line in hunks {
        added += usize::from(line.starts_with('+'));
        removed += usize::from(line.starts_with('-'));
    }
    (added + removed > 0).then_some((added, removed))
}

#[cfg(test)]
mod tests;
