//! The reports for programs.

use std::collections::BTreeSet;

use quick_junit::{TestCase, TestCaseStatus};

use super::story::events;
use super::*;
use crate::report::{Jsonl, Junit, ReportError, Reports};

fn written(make: impl FnOnce(Box<dyn Write + Send>) -> Box<dyn Report>, events: &[Event]) -> String {
    let buffer = Buffer::default();
    let mut report = make(Box::new(buffer.clone()));
    for event in events {
        report.on(event);
    }
    report.finish().expect("a buffer takes all");
    buffer.text()
}

#[test]
fn an_event_is_a_line_of_json() {
    let mut some = vec![run(true)];
    some.extend(play("a"));
    some.push(planned("a", task(0, "greet"), &[write("/etc/motd", Some("1\n"), "2\n")]));
    let end_of = End { owed: Some("a restart".to_owned()), ..End::default() };
    some.push(end_with("a", task(0, "greet"), Outcome::Changed, end_of));
    some.push(finished(0, [("a".to_owned(), Recap { changed: 1, ..state(State::Changed, 2) })]));
    insta::assert_snapshot!(written(|to| Box::new(Jsonl::new(to)), &some), @r#"
    {"event":"run_started","version":1,"run":"20261124-a1b2","playbooks":["playbooks/trust-registry.yml"],"check":true,"dtrctl":"0.1.0"}
    {"event":"play_started","play":"trust the registry","hosts":["a"]}
    {"event":"batch_started","hosts":["a"],"tasks":[]}
    {"event":"planned","host":"a","task":{"place":[0],"name":"greet","module":"copy"},"changes":[{"summary":"change /etc/motd","change":"write_file","path":"/etc/motd","before":{"content":{"text":"1\n","sha256":"4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865"},"attributes":{"mode":"0644","uid":0,"gid":0,"owner":"root","group":"root","size":0}},"content":{"text":"2\n","sha256":"53c234e5e8472b6ac51c1ae1cab3fe06fad053beb8ebfd8977b010655bfdd3c3"},"ownership":{"mode":null,"owner":null,"group":null},"diff":"--- /etc/motd\n+++ /etc/motd\n@@ -1 +1 @@\n-1\n+2\n"}]}
    {"event":"task_finished","host":"a","task":{"place":[0],"name":"greet","module":"copy"},"outcome":"changed","result":{},"owed":"a restart"}
    {"event":"run_finished","hosts":{"a":{"ok":0,"changed":1,"failed":0,"skipped":0,"unreachable":0,"rescued":0,"unknown":0,"ignored":0,"state":"changed","owed":[],"trips":2}},"summary":{"drift":1,"owed":0,"unknown":0,"unreachable":0,"failed":0,"not_attempted":0,"as_desired":0},"exit":0}
    "#);
}

#[test]
fn the_first_line_starts_a_run_and_the_last_one_ends_it() {
    let text = written(|to| Box::new(Jsonl::new(to)), &events(true));
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    assert_eq!(lines.len(), events(true).len());
    assert_eq!(lines[0]["event"], "run_started");
    assert_eq!(lines[lines.len() - 1]["event"], "run_finished");
    assert_eq!(lines[lines.len() - 1]["hosts"]["web4"]["state"], "failed");
}

#[test]
fn junit_has_a_case_a_host_and_task() {
    let text = written(|to| Box::new(Junit::new(to)), &events(true));
    let report = quick_junit::Report::deserialize_from_str(&text).expect("it is JUnit");
    let suite = &report.test_suites[0];
    let skipped = |case: &&TestCase| matches!(case.status, TestCaseStatus::Skipped { .. });
    let skipped = suite.test_cases.iter().filter(skipped).count();
    let got = (suite.name.as_str(), suite.tests, suite.failures, suite.errors, skipped);
    assert_eq!(got, ("trust the registry", 24, 1, 2, 4));
    let hosts: BTreeSet<_> = suite.test_cases.iter().filter_map(|case| case.classname.clone()).collect();
    assert_eq!(hosts.len(), 7);
}

#[test]
fn junit_escapes_what_xml_cannot_hold() {
    let mut some = play("a").to_vec();
    let why = End {
        reason: Some(reason("x", "<a> & \"b\" ]]> \x1b\0\x0b\u{fffe} 'c'", Some("]]>"))),
        ..End::default()
    };
    some.push(end_with("a", item(0, "n\x01<&>", "\"i\""), Outcome::Failed, why));
    some.push(finished(
        3,
        [("a".to_owned(), state(State::Failed, 1)), ("b".to_owned(), state(State::NotAttempted, 0))],
    ));
    let text = written(|to| Box::new(Junit::new(to)), &some);
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
    quick_junit::Report::deserialize_from_str(&text).expect("it is JUnit");
    insta::assert_snapshot!(text.lines().skip(2).collect::<Vec<_>>().join("\n"), @r#"
        <testsuite name="trust the registry" tests="1" skipped="0" errors="0" failures="1">
            <testcase name="n^A&lt;&amp;&gt; [&quot;i&quot;]" classname="a">
                <failure message="&lt;a&gt; &amp; &quot;b&quot; ]]&gt; ^[^@^K&lt;U+FFFE&gt; &apos;c&apos;" type="x">&lt;a&gt; &amp; &quot;b&quot; ]]&gt; ^[^@^K&lt;U+FFFE&gt; &apos;c&apos;
    help: ]]&gt;</failure>
            </testcase>
        </testsuite>
        <testsuite name="end state" tests="1" skipped="0" errors="1" failures="0">
            <testcase name="not attempted" classname="b">
                <error message="not attempted"/>
            </testcase>
        </testsuite>
        <testsuite name="summary" tests="0" skipped="0" errors="0" failures="0">
            <properties>
                <property name="drift" value="0"/>
                <property name="owed" value="0"/>
                <property name="unknown" value="0"/>
                <property name="unreachable" value="0"/>
                <property name="failed" value="1"/>
                <property name="not_attempted" value="1"/>
                <property name="as_desired" value="0"/>
            </properties>
        </testsuite>
    </testsuites>
    "#);
}

/// A writer that fails.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn reports(kind: io::ErrorKind) -> Result<(), ReportError> {
    let to = || Box::new(Broken(kind)) as Box<dyn Write + Send>;
    let human = Human::new(to(), to(), Look::default(), Progress::none());
    let mut all = Reports(vec![Box::new(Jsonl::new(to())), Box::new(Junit::new(to())), Box::new(human)]);
    for event in events(true) {
        all.on(&event);
    }
    all.finish()
}

#[test]
fn a_reader_that_has_gone_is_no_error_but_a_full_disk_is() {
    assert!(reports(io::ErrorKind::BrokenPipe).is_ok());
    let error = reports(io::ErrorKind::StorageFull).expect_err("the disk is full");
    insta::assert_snapshot!(error, @"cannot write the events: no storage space; what the run did to the hosts stands");
}
