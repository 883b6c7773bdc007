//! What `apply --list-hosts`, `--list-tasks` and `--list-tags` print: the text that `ansible-playbook` prints.

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::Args;

use crate::engine::Tags;
use crate::playbook::{Part, Play, Playbook, Task};

/// What is listed in the place of a run.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Listing {
    /// Lists the hosts of each play and ends.
    #[arg(long)]
    pub list_hosts: bool,
    /// Lists the tasks of each play and ends.
    #[arg(long)]
    pub list_tasks: bool,
    /// Lists the tags of each play and ends.
    #[arg(long)]
    pub list_tags: bool,
}

impl Listing {
    /// Whether anything is listed.
    pub const fn any(self) -> bool {
        self.list_hosts || self.list_tasks || self.list_tags
    }

    /// The tags by which tasks are listed: `--list-tags` shows all of them, `never` too.
    pub fn tags(self, asked: &Tags) -> Tags {
        if self.list_tags && asked.only.is_empty() && asked.skip.is_empty() {
            return Tags { only: vec!["never".to_owned(), "all".to_owned()], skip: Vec::new() };
        }
        asked.clone()
    }

    /// A playbook's list; `hosts` gives those of a play, where they are listed.
    pub fn of(self, playbook: &Playbook, tags: &Tags, mut hosts: impl FnMut(&Play) -> Vec<String>) -> String {
        let mut text = format!("\nplaybook: {}\n", playbook.path.display());
        for (index, play) in playbook.plays.iter().enumerate() {
            let pattern = pattern(play);
            let name = play.name.as_ref().map_or_else(|| pattern.join(","), |_| play.shown_name().to_owned());
            let of_play = play.keywords.tags.join(",");
            text += &format!("\n  play #{} ({}): {name}\tTAGS: [{of_play}]\n", index + 1, pattern.join(","));
            if self.list_hosts {
                let quoted: Vec<String> = pattern.iter().map(|term| format!("'{term}'")).collect();
                let hosts = hosts(play);
                text += &format!("    pattern: [{}]\n    hosts ({}):\n", quoted.join(", "), hosts.len());
                hosts.iter().for_each(|host| text += &format!("      {host}\n"));
            }
            text += &self.tasks(play, tags);
        }
        text
    }

    fn tasks(self, play: &Play, tags: &Tags) -> String {
        let mut text = String::new();
        let tasks: Vec<&Arc<Task>> = play.sections.iter().flatten().flat_map(listed).collect();
        let tasks = tasks.into_iter().filter(|task| tags.select(&task.keywords.tags));
        let mut all: BTreeSet<&str> = play.keywords.tags.iter().map(String::as_str).collect();
        if self.list_tasks {
            text += "    tasks:\n";
        }
        for task in tasks {
            let own: BTreeSet<&str> = task.keywords.tags.iter().map(String::as_str).collect();
            if self.list_tasks {
                text += &format!("      {}\tTAGS: [{}]\n", called(task), joined(&own));
            }
            all.extend(own);
        }
        if self.list_tags {
            text += &format!("      TASK TAGS: [{}]\n", joined(&all));
        }
        text
    }
}

/// The tasks of a part; as in Ansible's list, those of `rescue` and `always` are not among them.
fn listed(part: &Part) -> Vec<&Arc<Task>> {
    match part {
        Part::Task(task) => vec![task],
        Part::Block(block) => block.parts.iter().flat_map(listed).collect(),
    }
}

/// A task's name, or its action as it is written where it has none.
fn called(task: &Task) -> String {
    match (&task.name, &task.around.role) {
        (Some(_), Some(role)) => format!("{} : {}", role.name, task.shown_name()),
        (Some(_), None) => task.shown_name().to_owned(),
        (None, _) => task.action_key.as_str().unwrap_or(task.action.name()).to_owned(),
    }
}

fn joined(tags: &BTreeSet<&str>) -> String {
    tags.iter().copied().collect::<Vec<_>>().join(", ")
}

/// A play's pattern: its items, or the one text that it is.
fn pattern(play: &Play) -> Vec<String> {
    let items = play.hosts.as_seq().unwrap_or(std::slice::from_ref(&play.hosts));
    items.iter().filter_map(|item| item.as_str()).map(str::to_owned).collect()
}
