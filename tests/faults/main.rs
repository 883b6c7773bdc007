//! The promises and their figures. `tests/faults/run` has the tests measure; this makes the table of it, and the page
//! `docs/reliability.md`, which has to show every promise of the list.
//!
//! `DTRCTL_FAULTS_REPORT=FILE` names what was measured, `DTRCTL_FAULTS_WRITE=1` writes the page.

mod promises;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use promises::{Figure, Measure, Promise, figures, promises};

const HEAD: &str = "<!-- Made by `tests/faults/run --write`. -->

# Reliability

What dtrctl promises, the test that shows each, and the figure of the run that has made this page. `tests/faults/run` measures in
the short form, as CI does, `tests/faults/run --long` in the long one.

";
const UNMEASURED: &str = "not measured here";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reliability.md")
}

type Figures = BTreeMap<(String, String), Figure>;

fn of<'f>(figures: &'f Figures, promise: &Promise, measure: &Measure) -> Option<&'f Figure> {
    let named = figures.get(&(promise.id.clone(), measure.name().to_owned()));
    // A test that names itself not is the only one of its promise.
    named
        .or_else(|| figures.get(&(promise.id.clone(), String::new())).filter(|_| promise.measures.len() == 1))
}

fn whole(promises: &[Promise], figures: &Figures) -> String {
    let mut text = HEAD.to_owned();
    for (letter, title) in [('R', "A rollout cannot hurt"), ('S', "Hosts and inventories are not trusted")] {
        _ = write!(
            text,
            "## {title}\n\n| promise | how it is measured | figure | form |\n|---|---|---|---|\n"
        );
        for promise in promises.iter().filter(|promise| promise.id.starts_with(letter)) {
            let mut title = format!("**{}** {}", promise.id, promise.text);
            for measure in &promise.measures {
                let (figure, form) = of(figures, promise, measure)
                    .map_or((UNMEASURED, "-"), |figure| (figure.figure.as_str(), figure.form.as_str()));
                _ = writeln!(
                    text,
                    "| {} | {} (`{}`) | {} | {form} |",
                    cell(&std::mem::take(&mut title)),
                    cell(&measure.how),
                    measure.name(),
                    cell(figure)
                );
            }
        }
        text += "\n";
    }
    text.trim_end().to_owned() + "\n"
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The page without its figures.
fn bare(page: &str) -> String {
    let line = |line: &str| match line.strip_prefix("| ").and_then(|row| row.rsplitn(4, " |").nth(3)) {
        Some(row) => format!("{row}\n"),
        None => format!("{line}\n"),
    };
    page.lines().map(line).collect()
}

fn report() -> Option<Figures> {
    let path = std::env::var_os("DTRCTL_FAULTS_REPORT")?;
    Some(figures(&std::fs::read_to_string(path).unwrap_or_default()))
}

#[test]
fn the_page_shows_every_promise() {
    let written = std::fs::read_to_string(page()).unwrap_or_default();
    let wanted = whole(&promises(), &BTreeMap::new());
    assert_eq!(bare(&written), bare(&wanted), "docs/reliability.md is stale: run `tests/faults/run --write`");
}

#[test]
fn every_promise_is_in_the_list_once() {
    let listed: Vec<String> = promises().into_iter().map(|promise| promise.id).collect();
    let all: Vec<String> =
        (1..=15).map(|n| format!("R{n}")).chain((1..=11).map(|n| format!("S{n}"))).collect();
    assert_eq!(listed, all);
    assert!(promises().iter().all(|promise| !promise.measures.is_empty()));
}

/// Whether a file, or one below a folder, has this text.
fn has(path: &Path, text: &str) -> bool {
    if path.is_dir() {
        return std::fs::read_dir(path).unwrap().any(|entry| has(&entry.unwrap().path(), text));
    }
    path.extension().is_some_and(|ending| ending == "rs")
        && std::fs::read_to_string(path).unwrap().contains(text)
}

#[test]
fn every_measure_is_a_test_that_says_a_figure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for promise in promises() {
        let there = |measure: &&Measure| !measure.needs.iter().any(|need| need == "later");
        for measure in promise.measures.iter().filter(there) {
            let source = measure.source(root);
            assert!(has(&source, &format!("fn {}(", measure.name())), "no test `{}`", measure.test);
            assert!(has(&source, &format!("\"{}\"", measure.name())), "`{}` says no figure", measure.test);
        }
    }
}

#[test]
fn figures_are_read_and_the_last_one_counts() {
    let read = figures(
        "R1 by=a form=short torn=0 of=10\nR1 by=a form=long torn=0 of=99 slowest<9s\nR10 x_y=1 of=2\n",
    );
    let figure = &read[&("R1".to_owned(), "a".to_owned())];
    assert_eq!((figure.figure.as_str(), figure.form.as_str()), ("0 torn of 99, slowest below 9s", "long"));
    assert_eq!(read[&("R10".to_owned(), String::new())].figure, "1 x y of 2");
}

/// The last step of `tests/faults/run`: the table, the page, and an error where a test that can run has said nothing.
#[test]
#[ignore = "tests/faults/run calls it, after the tests that measure"]
fn table() {
    let figures = report().expect("DTRCTL_FAULTS_REPORT names a file");
    let only = std::env::var("DTRCTL_FAULTS_ONLY").unwrap_or_default();
    let all = promises();
    let wanted = |promise: &&Promise| only.is_empty() || only.split(',').any(|id| id == promise.id);
    let mut silent = Vec::new();
    for promise in all.iter().filter(wanted) {
        println!("\n{:<4} {}", promise.id, promise.text);
        for measure in &promise.measures {
            let figure = of(&figures, promise, measure);
            let shown = match (figure, measure.missing()) {
                (Some(figure), _) => format!("{} ({})", figure.figure, figure.form),
                (None, Some(missing)) => format!("{UNMEASURED}: {missing}"),
                (None, None) => {
                    silent.push(measure.test.as_str());
                    format!("{UNMEASURED}: it failed or was not run")
                }
            };
            println!("     {:<64} {shown}", measure.name());
        }
    }
    if std::env::var_os("DTRCTL_FAULTS_WRITE").is_some() {
        std::fs::write(page(), whole(&all, &figures)).expect("docs/reliability.md can be written");
    }
    assert!(silent.is_empty(), "no figure from {silent:#?}");
}
