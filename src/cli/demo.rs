//! `dtrctl demo`
use super::Done;
use clap::Args;
/// Shows the main job on this machine.
#[derive(Debug, Args)]
pub struct Demo {}
impl Demo { pub fn run(self) -> Done { Ok(0) } }
