//! The connection is cut in the middle of the binary's work: nothing is half done, and nothing unconfirmed is `ok`.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::figure::figure;
use crate::form::times;
use crate::harness::Ran;
use crate::proxy::{Then, Way, proxy};
use crate::sessions::Real;
use crate::sshd::eventually;

/// A proxy that cuts once `limit` bytes have gone up in all. Gives its port and the count of bytes.
pub fn cut_after(to: u16, limit: usize) -> (u16, Arc<AtomicUsize>) {
    proxy(to, Way::Up, limit, Then::Cut)
}

/// Of a host whose connection was cut: whether it was heard before. It has failed then, and is unreachable else.
pub fn was_heard(ran: &Ran, host: &str) -> bool {
    let recap = ran.recap(host);
    let message = recap["reason"]["message"].as_str().unwrap_or_default();
    let lost = message.starts_with("contact with the host was lost: ");
    let end = ran.events().last().expect("events")["exit"].clone();
    let expected = if lost { ("failed", 3) } else { ("unreachable", 4) };
    assert_eq!((&recap["state"], &end), (&expected.0.into(), &expected.1.into()), "{message}");
    lost
}

/// Whether a host is said to be put back, now or in a moment.
pub fn is_put_back(ran: &Ran) -> bool {
    let reason = ran.recap("real")["reason"].clone();
    reason["kind"] == "unconfirmed" || reason["kind"] == "rolled_back"
}

const OLD: &str = "the old content\n";

#[test]
fn cut_at_any_point_nothing_is_half_done() {
    let Some(real) = Real::new("cut_at_any_point_nothing_is_half_done") else { return };
    let new = "the new content, which is long\n".repeat(2000);
    let mut real =
        real.tasks("- copy: {dest: TARGET/file, src: new}\n- copy: {dest: TARGET/second, content: x}");
    real.world = real.world.file("new", &new);
    let file = real.target().join("file");
    let whole = {
        let (port, passed) = cut_after(real.sshd.port, usize::MAX);
        fs::write(&file, OLD).unwrap();
        real = real.on_port(port);
        real.call(&["--ssh-persist", "0"]).run();
        passed.load(Ordering::SeqCst)
    };
    let (mut unreachable, mut lost, mut done) = (0, 0, 0);
    let points = times(16, 150);
    for point in 0..points {
        let limit = whole * point / points + point % 7;
        fs::write(&file, OLD).unwrap();
        _ = fs::remove_file(real.target().join("second"));
        let (port, _) = cut_after(real.sshd.port, limit);
        real = real.on_port(port);
        let ran = real.call(&["--ssh-persist", "0", "-T", "5", "--task-timeout", "10"]).any_code().run();
        if was_heard(&ran, "real") {
            lost += 1;
        } else {
            unreachable += 1;
        }
        let whole_text = |text: &str| text == OLD || text == new;
        assert!(eventually(30, || real.is_free()), "the guard ends");
        // Whatever the host got whole, it is never at work on half a file.
        let text = fs::read_to_string(&file).unwrap();
        assert!(whole_text(&text), "torn: {} bytes, cut after {limit}", text.len());
        for outcome in ran.outcomes("real") {
            assert!(!outcome.ends_with(": ok"), "{outcome}, cut after {limit}");
            if outcome == "copy: changed" && !is_put_back(&ran) {
                assert_eq!(fs::read_to_string(&file).unwrap(), new, "said to be changed, cut after {limit}");
            }
        }
        done += usize::from(text == new);
    }
    eprintln!(
        "{points} cuts within {whole} bytes: {unreachable} unreachable, {lost} lost after contact, {done} with the new file"
    );
    assert!(unreachable > 0 && lost > 0, "cuts fell on both sides of the login");
    let port = real.sshd.port;
    let real = real.on_port(port);
    // A script that was sent whole before the last cut may still be at work.
    real.call(&["--lock-timeout", "60"]).run();
    assert_eq!(fs::read_to_string(&file).unwrap(), new);
    let left: Vec<_> = fs::read_dir(real.target()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "left over: {left:?}");
    figure("R4", "cut_at_any_point_nothing_is_half_done", &format!("torn=0 unconfirmed=0 of={points}"));
}

#[test]
fn a_host_that_is_lost_after_contact_counts_as_failed() {
    let Some(mut real) = Real::new("a_host_that_is_lost_after_contact_counts_as_failed") else { return };
    let copy = format!("{{copy: {{dest: {}/file, src: new}}}}", real.target().display());
    let play = |gate: &str| format!("- hosts: fleet\n  serial: 1\n  {gate}: 0\n  tasks: [{copy}]\n");
    let web1 = format!(
        "    web1: {{ansible_connection: sandbox, ansible_sandbox_root: {}}}\n",
        real.world.root("web1").display()
    );
    real.world = real.world.file("new", "the new content, which is long\n".repeat(2000));
    let through = |mut real: Real, limit: usize| {
        let (port, passed) = cut_after(real.sshd.port, limit);
        real = real.on_port(port);
        let inventory = fs::read_to_string(real.world.path("real.yml")).unwrap();
        real.world = real.world.file("real.yml", inventory + &web1);
        (real, passed)
    };
    let (mut real, passed) = through(real, usize::MAX);
    real.world = real.world.playbook(&play("max_fail"));
    let flags = ["--ssh-persist", "0", "-T", "5", "--task-timeout", "10"];
    real.call(&flags).args(&["-l", "real"]).run();
    let whole = passed.load(Ordering::SeqCst);
    // It is none of those out of reach: there a batch that is lost whole is what ends the run.
    for (gate, code) in [("max_fail", 5), ("max_unreachable", 3)] {
        _ = fs::remove_file(real.target().join("file"));
        let (mut cut, _) = through(real, whole / 2);
        cut.world = cut.world.playbook(&play(gate));
        let ran = cut.call(&flags).code(code).any_stderr().run();
        assert_eq!(ran.recap("real")["state"], "failed", "{gate}");
        assert_eq!(ran.recap("web1")["state"], "not_attempted", "{gate}");
        real = cut;
    }
}
