//! The table of keywords is what the reader reads.

use super::mistakes;
use crate::playbook::vocabulary::{At, Takes, at};

/// A value that the keyword takes.
fn value(takes: Takes) -> String {
    match takes {
        Takes::Flag => "true".to_owned(),
        Takes::Number | Takes::Anything => "1".to_owned(),
        Takes::Text | Takes::Texts | Takes::Conditions => "x".to_owned(),
        Takes::Mapping | Takes::Mappings => "{}".to_owned(),
        Takes::Tasks | Takes::Handlers | Takes::Roles => "[]".to_owned(),
        Takes::OneOf(words) => words[0].to_owned(),
    }
}

#[test]
fn the_reader_takes_every_keyword_of_the_table_where_it_says() {
    for (place, text) in [
        (At::Play, "- hosts: localhost\n  KEY\n"),
        (At::Block, "- hosts: x\n  tasks:\n    - block: []\n      KEY\n"),
        (At::Task, "- hosts: x\n  tasks:\n    - command: ls\n      KEY\n"),
        (At::Handler, "- hosts: x\n  handlers:\n    - command: ls\n      KEY\n"),
    ] {
        for keyword in
            at(place).filter(|keyword| !["hosts", "block", "action", "local_action"].contains(&keyword.name))
        {
            // Nobody can be asked after a canary that is none.
            let beside = if keyword.name == "confirm" { "\n  canary: 1" } else { "" };
            let text = text.replace("KEY", &format!("{}: {}{beside}", keyword.name, value(keyword.takes)));
            let found = mistakes(&text);
            let strange = found.lines().filter(|line| !line.contains("no handler is named `x`"));
            assert_eq!(strange.collect::<String>(), "", "{text}");
        }
    }
}

#[test]
fn a_keyword_stands_nowhere_but_where_the_table_says() {
    let all = || at(At::Play).chain(at(At::Block)).chain(at(At::Task)).chain(at(At::Handler));
    for (place, text) in [
        (At::Play, "- hosts: localhost\n  KEY\n"),
        (At::Block, "- hosts: x\n  tasks:\n    - block: []\n      KEY\n"),
        (At::Task, "- hosts: x\n  tasks:\n    - command: ls\n      KEY\n"),
    ] {
        for keyword in all().filter(|keyword| !keyword.at.contains(&place) && keyword.name != "block") {
            let text = text.replace("KEY", &format!("{}: {}", keyword.name, value(keyword.takes)));
            assert!(mistakes(&text).contains(&format!("`{}`", keyword.name)), "{text}");
        }
    }
}
