//! `dtrctl modules`

use clap::Args;
use modules::MODULES;

use super::{Done, output};
use crate::error::Failure;
use crate::reference;
use crate::yaml::suggest;

/// The reference of the modules: all of them, or one with its arguments.
#[derive(Debug, Args)]
pub struct Modules {
    /// The module's name.
    name: Option<String>,
}

impl Modules {
    pub fn run(self) -> Done {
        let Some(name) = self.name else {
            output::print(&reference::list());
            return Ok(0);
        };
        let Some(entry) = modules::find(&name) else {
            let failure = Failure::said(format!("there is no module `{name}`"));
            return Err(match suggest(&name, MODULES.iter().map(|entry| entry.name)) {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => failure.help("`dtrctl modules` lists them"),
            });
        };
        output::print(&reference::page(entry));
        Ok(0)
    }
}
