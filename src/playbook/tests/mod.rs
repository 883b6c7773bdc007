//! Playbooks as they are read: what comes out, and what is said of mistakes.

mod forms;
mod imports;
mod keywords;
mod mistakes;
mod roles;

use std::path::{Path, PathBuf};

use super::{Part, Playbook};
use crate::yaml::{Node, Problems};

/// A folder with files in it, gone when it is dropped.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn read(&self) -> (Option<Playbook>, Problems) {
        let mut problems = Problems::new();
        let playbook = Playbook::load(&self.path().join("site.yml"), &[], &mut problems);
        (playbook, problems)
    }

    /// The playbook, which has no mistake.
    fn playbook(&self) -> Playbook {
        let (playbook, problems) = self.read();
        assert!(problems.is_empty(), "{problems}");
        playbook.expect("a playbook")
    }

    /// What is wrong: line and column, message and help, a line each.
    fn mistakes(&self) -> String {
        let (_, problems) = self.read();
        let mut all = String::new();
        for problem in &problems.0 {
            let place = problem.at.as_ref().map(|place| {
                let (line, column) = place.line_column();
                let path = place.source.path.strip_prefix(self.path()).unwrap_or(&place.source.path);
                format!("{}:{line}:{column}: ", path.display())
            });
            all += &format!("{}{}\n", place.unwrap_or_default(), problem.message);
            if let Some(help) = &problem.help {
                all += &format!("  {help}\n");
            }
        }
        all.replace(&self.path().display().to_string(), "DIR")
    }
}

/// A play of these tasks, indented as the text is.
fn play(tasks: &str) -> String {
    format!("- hosts: docker\n  tasks:\n{tasks}")
}

/// The mistakes of a playbook alone.
fn mistakes(text: &str) -> String {
    Folder::new(&[("site.yml", text)]).mistakes()
}

/// The tasks as they come out, a line each: blocks' numbers and those of tasks, with what they do.
fn shown(parts: &[Part]) -> String {
    let mut all = String::new();
    for part in parts {
        match part {
            Part::Task(task) => {
                let keywords = &task.keywords;
                let when: Vec<_> = keywords.when.iter().map(Node::written).collect();
                all += &format!(
                    "{} {} {:?}",
                    task.number,
                    task.shown_name(),
                    task.around.role.as_ref().map(|role| &role.name)
                );
                all += &format!(" tags={} when={}\n", keywords.tags.join(","), when.join(" & "));
            }
            Part::Block(block) => {
                all += &format!("{} block {:?}\n", block.number, block.role.as_ref().map(|role| &role.name));
                all += &shown(&block.parts);
                for (name, parts) in [("rescue", &block.rescue), ("always", &block.always)] {
                    if !parts.is_empty() {
                        all += &format!("{name}:\n{}", shown(parts));
                    }
                }
            }
        }
    }
    all
}

fn relative(path: &Path, folder: &Folder) -> PathBuf {
    path.strip_prefix(folder.path()).unwrap_or(path).to_path_buf()
}
