//! What a reader sees of a run.

use super::story::events;
use super::*;

#[test]
fn a_check_shows_what_would_change() {
    let (out, err) = printed(look(80, DiffMode::Grouped), &events(true));
    insta::assert_snapshot!(err, @"");
    insta::assert_snapshot!(out, @"");
}
#[test]
fn look_at_it() {
    for (w, c, m) in [(80, true, DiffMode::Grouped), (120, false, DiffMode::None)] {
    for check in [true, false] {
        let (out, err) = printed(Look { colour: std::env::var_os("C").is_some() && c, width: Some(w), diff: m }, &events(check));
        std::fs::write(format!("/tmp/look-{w}-{check}"), err + &out).unwrap();
    }}
}
