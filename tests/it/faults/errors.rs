//! A call of the write fails: the old bytes are kept, the error says what is wrong, and nothing is left beside the file.

use modules::act_output;

use super::site::{KINDS, Site, State, Whose, has, shells};
use crate::figure::figure;
use crate::form::times;

/// What may fail for want of space or of a sound disk.
const CALLS: &str = "trace=/^(write|open|openat|f(data)?sync|rename.*|f?chmod.*|[fl]?chown.*)$";
const ERRORS: [&str; 3] = ["ENOSPC", "EROFS", "EIO"];

#[test]
fn where_a_call_fails_the_old_bytes_are_kept() {
    if !has("strace") {
        eprintln!("skipped: where_a_call_fails_the_old_bytes_are_kept: no strace");
        return;
    }
    let sites: Vec<Site> =
        shells().iter().flat_map(|shell| KINDS.map(|kind| Site::new(shell, kind))).collect();
    let mut points = Vec::new();
    for (index, site) in sites.iter().enumerate() {
        let calls = site.calls(Whose::Touching, &["-e", CALLS]);
        // bash writes each line by itself.
        for (call, number) in calls.into_iter().filter(|(_, number)| *number <= times(1, 40)) {
            points.extend(ERRORS.map(|error| (index, call.clone(), number, error)));
        }
    }
    // In the short form one error for each call.
    let many = points.len() / times(ERRORS.len(), 1);
    let (mut refused, mut held) = (0, 0);
    for turn in 0..many {
        let (index, call, number, error) =
            &points[turn * points.len() / many + turn % times(ERRORS.len(), 1)];
        let site = &sites[*index];
        site.reset();
        let ended = site.run(Whose::Touching, &["-e", &format!("inject={call}:error={error}:when={number}")]);
        let when = format!("{site:?}, call {number} of `{call}` fails with {error}\n{}", ended.trace);
        assert!(ended.trace.contains("INJECTED"), "{when}");
        let frame = ended.frame.expect("the shell goes on");
        let state = site.state(&when);
        let said = act_output(&frame.body);
        if frame.status == 0 {
            assert_eq!(state, State::New, "{when}");
            assert!(
                call != "fsync" || *error == "EROFS",
                "what is not on the disk is said to be done: {when}"
            );
            held += 1;
            eprintln!("done all the same: {site:?}, call {number} of `{call}` fails with {error}");
        } else {
            // What fails behind the rename finds the new file, whole.
            assert!(!said.trim().is_empty(), "nothing is said: {when}");
            refused += 1;
        }
        assert!(site.is_tidy(), "something is left beside it: {when}\n{said}");
    }
    assert!(refused > 0);
    eprintln!("{refused} refused, {held} done all the same, of {} points", points.len());
    figure("R3", "where_a_call_fails_the_old_bytes_are_kept", &format!("torn=0 stray_files=0 of={many}"));
}
