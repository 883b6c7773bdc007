//! A process of the write is killed at each of its system calls: no file is torn, none has another mode or owner than the old
//! or the new one.

use super::site::{KINDS, Site, State, Whose, has, shells};
use crate::figure::figure;
use crate::form::times;

/// Where to kill: in which write, in which of its processes, at which call.
struct Point {
    site: usize,
    whose: Whose,
    call: String,
    number: usize,
}

/// Of each group at most so many points, evenly spread.
fn points(sites: &[Site], most: usize) -> Vec<Point> {
    let mut points = Vec::new();
    for (site, at) in sites.iter().enumerate() {
        for whose in [Whose::Shell, Whose::Each, Whose::Touching] {
            let calls: Vec<_> = at.calls(whose, &[]).into_iter().collect();
            let many = calls.len().min(most);
            let picked = (0..many).map(|n| calls[n * calls.len() / many].clone());
            points.extend(picked.map(|(call, number)| Point { site, whose, call, number }));
        }
    }
    points
}

#[test]
fn killed_at_each_call_no_file_is_torn() {
    if !has("strace") {
        eprintln!("skipped: killed_at_each_call_no_file_is_torn: no strace");
        return;
    }
    let sites: Vec<Site> =
        shells().iter().flat_map(|shell| KINDS.map(|kind| Site::new(shell, kind))).collect();
    let all = points(&sites, times(4, usize::MAX));
    let (mut old, mut new, mut between) = (0, 0, 0);
    for point in &all {
        let site = &sites[point.site];
        site.reset();
        let flag = format!("inject={}:signal=KILL:when={}", point.call, point.number);
        let ended = site.run(point.whose, &["-e", &flag]);
        let when = format!("{site:?}, killed at `{}` {} of {:?}", point.call, point.number, point.whose);
        let state = site.state(&when);
        if ended.frame.is_some_and(|frame| frame.status == 0) {
            assert_eq!(state, State::New, "said to be done: {when}");
        }
        match state {
            State::Old => old += 1,
            State::New => new += 1,
            State::Between => between += 1,
        }
    }
    assert!(old > 0 && new > 0, "the kills come before and after the rename");
    eprintln!("{old} old, {new} new, {between} without a certificate for now");
    let many = all.len();
    figure("R1", "killed_at_each_call_no_file_is_torn", &format!("torn=0 wrong_mode_or_owner=0 of={many}"));
}
