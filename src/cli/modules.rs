//! `dtrctl modules`

use std::path::{Path, PathBuf};

use clap::Args;
use modules::{Entry, MODULES};

use super::{Done, output};
use crate::error::Failure;
use crate::playbook::UserModules;
use crate::reference;
use crate::yaml::{Problems, suggest};

/// The reference of the modules: all of them, or one with its arguments.
#[derive(Debug, Args)]
pub struct Modules {
    /// The module's name.
    name: Option<String>,
    /// A playbook, or its directory: the modules of its own folder `modules/` are among them.
    #[arg(short, long, value_name = "PATH")]
    playbook: Option<PathBuf>,
}

impl Modules {
    pub fn run(self) -> Done {
        let own = match &self.playbook {
            Some(path) => of_playbook(path)?,
            None => UserModules::default(),
        };
        let all: Vec<&'static Entry> = MODULES.iter().chain(own.entries()).collect();
        let Some(name) = self.name else {
            output::print(&reference::list_of(all));
            return Ok(0);
        };
        let named = modules::find(&name).or_else(|| all.iter().copied().find(|entry| entry.name == name));
        let Some(entry) = named else {
            let failure = Failure::said(format!("there is no module `{name}`"));
            return Err(match suggest(&name, all.iter().map(|entry| entry.name)) {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => failure.help("`dtrctl modules` lists them; `-p PLAYBOOK` adds a playbook's own"),
            });
        };
        output::print(&reference::page(entry));
        Ok(0)
    }
}

/// The own modules of a playbook.
fn of_playbook(path: &Path) -> Result<UserModules, Failure> {
    if !path.exists() {
        return Err(Failure::said(format!("there is no playbook and no directory `{}`", path.display())));
    }
    let directory = if path.is_dir() { path } else { path.parent().unwrap_or_else(|| Path::new("")) };
    let mut problems = Problems::new();
    let own = UserModules::beside(directory, &mut problems);
    Ok(problems.or(own)?)
}
