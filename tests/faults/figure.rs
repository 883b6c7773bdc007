//! What a test has measured of a promise, for `tests/faults/run`. Test crates take this file by its path.

use std::io::Write as _;

/// Appends a line to the file that `DTRCTL_FAULTS_REPORT` names: the promise, the test, and its figure as `name=number`s.
pub fn figure(promise: &str, test: &str, figure: &str) {
    eprintln!("{promise} {test}: {figure}");
    let Some(path) = std::env::var_os("DTRCTL_FAULTS_REPORT") else { return };
    let form = std::env::var("DTRCTL_FAULTS").unwrap_or_else(|_| "short".to_owned());
    let line = format!("{promise} by={test} form={form} {figure}\n");
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    // One write, as tests run side by side.
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
