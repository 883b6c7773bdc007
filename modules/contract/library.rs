//! The host's half as pieces, so that a script takes along only what its calls use: what is not sent is not read there
//! either, in every session of every host.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

/// The files in the order in which they build on each other. What stands outside of functions in the first two is part of every
/// script; of the others where one of their functions is.
const FILES: [&str; 8] = [
    include_str!("library.sh"),
    include_str!("daemon.sh"),
    include_str!("registry.sh"),
    include_str!("service.sh"),
    include_str!("net.sh"),
    include_str!("files.sh"),
    include_str!("undo.sh"),
    include_str!("guard.sh"),
];
const ALWAYS: usize = 2;

static PIECES: LazyLock<Pieces> = LazyLock::new(|| Pieces::of(&FILES));

struct Pieces {
    all: Vec<Piece>,
    /// Where a function is among them.
    functions: HashMap<&'static str, usize>,
}

struct Piece {
    /// Which of [`FILES`].
    file: usize,
    /// A function's name; none for what stands between functions.
    name: Option<&'static str>,
    text: String,
    /// The functions that it may call, in the end.
    uses: BTreeSet<usize>,
}

/// Which functions a script uses.
#[derive(Debug, Clone, Default)]
pub(super) struct Used(BTreeSet<usize>);

impl Used {
    /// Adds a function with all that it uses; a word that names none adds nothing.
    pub(super) fn add(&mut self, name: &str) {
        if let Some(at) = PIECES.functions.get(name)
            && self.0.insert(*at)
        {
            self.0.extend(&PIECES.all[*at].uses);
        }
    }

    /// The text that has to stand before the calls.
    pub(super) fn text(&self) -> String {
        self.pieces().map(|piece| piece.text.as_str()).collect()
    }

    /// The functions by their names: they may be read long before the calls, and once for several scripts.
    pub(super) fn functions(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.pieces().filter_map(|piece| Some((piece.name?, piece.text.as_str())))
    }

    /// What has to stand before the calls where the functions are there.
    pub(super) fn beside_functions(&self) -> String {
        self.pieces().filter(|piece| piece.name.is_none()).map(|piece| piece.text.as_str()).collect()
    }

    fn pieces(&self) -> impl Iterator<Item = &'static Piece> {
        let files: BTreeSet<usize> = self.0.iter().map(|at| PIECES.all[*at].file).collect();
        PIECES.all.iter().enumerate().filter_map(move |(at, piece)| {
            let is_wanted = match piece.name {
                Some(_) => self.0.contains(&at),
                None => piece.file < ALWAYS || files.contains(&piece.file),
            };
            is_wanted.then_some(piece)
        })
    }
}

/// What a guard calls by names that stand in its record: how a trust store is made anew.
const BY_RECORD: [&str; 2] = ["do_refresh", "boot2docker_certificates"];

/// What a guard needs, with what the `words` of its commands name.
pub(super) fn of_guard<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut used = Used::default();
    ["watch_over"].into_iter().chain(BY_RECORD).chain(words).for_each(|name| used.add(name));
    used.text()
}

impl Pieces {
    fn of(files: &[&'static str]) -> Self {
        let mut all: Vec<Piece> = Vec::new();
        for (file, text) in files.iter().enumerate() {
            cut(file, text, &mut all);
        }
        let functions: HashMap<_, _> =
            all.iter().enumerate().filter_map(|(at, piece)| Some((piece.name?, at))).collect();
        let direct: Vec<BTreeSet<usize>> = all
            .iter()
            .map(|piece| words(&piece.text).filter_map(|word| functions.get(word).copied()).collect())
            .collect();
        // What is always there is always able to call what it names.
        let roots: BTreeSet<usize> = (0..all.len())
            .filter(|at| all[*at].name.is_none() && all[*at].file < ALWAYS)
            .flat_map(|at| direct[at].iter().copied())
            .collect();
        for (at, piece) in all.iter_mut().enumerate() {
            let mut open: Vec<usize> = direct[at].iter().chain(&roots).copied().collect();
            while let Some(next) = open.pop() {
                if piece.uses.insert(next) {
                    open.extend(&direct[next]);
                }
            }
        }
        Self { all, functions }
    }
}

/// Cuts a file into its functions and what stands between them, without comments, which a host has no use for: a word of theirs
/// may be a function's name, too, and would take that along.
fn cut(file: usize, text: &'static str, all: &mut Vec<Piece>) {
    let mut inside = false;
    for line in text.lines() {
        let begins = if inside { None } else { head(line) };
        if let Some(name) = begins {
            all.push(Piece { file, name: Some(name), text: String::new(), uses: BTreeSet::new() });
            inside = true;
        } else if !inside && all.last().is_none_or(|last| last.name.is_some() || last.file != file) {
            all.push(Piece { file, name: None, text: String::new(), uses: BTreeSet::new() });
        }
        let shown = code(line);
        if let Some(piece) = all.last_mut()
            && !shown.is_empty()
            && !shown.starts_with('#')
        {
            piece.text += shown;
            piece.text.push('\n');
        }
        let is_one_line = begins.is_some() && shown.ends_with("; }");
        if inside && (is_one_line || line == "}" || line.starts_with("} #")) {
            inside = false;
        }
    }
}

/// The name of the function that begins with a line.
fn head(line: &str) -> Option<&str> {
    let name = line.split_once("() {")?.0;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

/// What a host has use for of a line: without its indentation, and without the comment that says what a function is given or
/// sets.
fn code(line: &str) -> &str {
    let line = line.trim_start();
    let code = line.rsplit_once(" # ").map_or(line, |(code, _)| code);
    if head(code).is_some() && code.ends_with(['{', '}']) { code } else { line }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{FILES, PIECES, Used};

    #[test]
    fn the_pieces_are_the_whole() {
        for (file, text) in FILES.iter().enumerate() {
            let pieces = PIECES.all.iter().filter(|piece| piece.file == file);
            let joined: String = pieces.map(|piece| piece.text.as_str()).collect();
            let lines = text.lines().map(super::code);
            let code: Vec<&str> = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
            assert_eq!(joined.lines().collect::<Vec<_>>(), code);
        }
    }

    #[test]
    fn every_function_is_a_piece_of_its_own() {
        let mut found = 0;
        for text in FILES {
            for line in text.lines().filter(|line| !line.starts_with([' ', '#'])) {
                if let Some((name, _)) = line.split_once("() {") {
                    assert_eq!(PIECES.functions.contains_key(name), !name.contains(' '), "{line}");
                    found += usize::from(!name.contains(' '));
                }
            }
        }
        assert_eq!(found, PIECES.functions.len(), "no name is used twice");
    }

    #[test]
    fn what_is_used_comes_along() {
        let mut used = Used::default();
        used.add("ask_facts");
        let text = used.text();
        for function in ["ask_facts", "more_facts", "daemons", "site", "pid_in", "real", "word"] {
            assert!(text.contains(&format!("{function}() {{")), "{function}");
        }
        assert!(!text.contains("do_write() {") && !text.contains("guard_hold() {"));
        used.add("no_such_function");
        assert_eq!(used.text(), text);
    }

    #[test]
    fn a_guard_has_what_it_puts_back_with() {
        let text = super::of_guard(["hup"]);
        for function in [
            "watch_over",
            "revert",
            "do_refresh",
            "boot2docker_certificates",
            "in_bundle",
            "hup",
            "do_owe",
            "bury",
        ] {
            assert!(text.contains(&format!("{function}() {{")), "{function}");
        }
        assert!(!text.contains("guard_hold() {") && !text.contains("do_write() {"));
    }
}
