//! The command line: one file a subcommand. Its doc comment is its help.

mod ad_hoc;
mod apply;
mod cert;
mod completions;
mod demo;
mod eval;
mod gates;
mod hosts;
mod inventory;
mod journal;
mod listing;
mod mode;
mod modules;
mod options;
mod output;
mod plan;
mod playbooks;
mod rehearse;
mod resume;
mod review;
mod run;
mod runs;
mod schema;
mod settings;
mod trust;
mod undo;
mod validate;
mod vars;
mod vault;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Failure;

/// Rolls a private Docker registry's TLS trust, and the Docker daemon's settings, over fleets of Docker hosts.
#[derive(Debug, Parser)]
#[command(name = "dtrctl", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Apply(Box<apply::Apply>),
    Plan(Box<plan::Plan>),
    Run(Box<ad_hoc::Run>),
    Validate(validate::Validate),
    Hosts(hosts::Hosts),
    Inventory(inventory::Inventory),
    Vars(vars::Vars),
    Eval(eval::Eval),
    Modules(modules::Modules),
    Schema(schema::Schema),
    Trust(Box<trust::Trust>),
    Runs(runs::Runs),
    Resume(Box<resume::Resume>),
    Undo(Box<undo::Undo>),
    Cert(cert::Cert),
    Demo(demo::Demo),
    Completions(completions::Completions),
}

/// Runs the command that the process's arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` are no errors; clap's own code for bad usage is 2, which means "changes pending" here.
            _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let done = match cli.command {
        Command::Apply(apply) => apply.run(),
        Command::Plan(plan) => plan.run(),
        Command::Run(run) => run.run(),
        Command::Validate(validate) => validate.run(),
        Command::Hosts(hosts) => hosts.run(),
        Command::Inventory(inventory) => inventory.run(),
        Command::Vars(vars) => vars.run(),
        Command::Eval(eval) => eval.run(),
        Command::Modules(modules) => modules.run(),
        Command::Schema(schema) => schema.run(),
        Command::Trust(trust) => trust.run(),
        Command::Runs(runs) => runs.run(),
        Command::Resume(resume) => resume.run(),
        Command::Undo(undo) => undo.run(),
        Command::Cert(cert) => cert.run(),
        Command::Demo(demo::Demo {}) => demo::Demo::run(),
        Command::Completions(completions) => completions.run(),
    };
    ExitCode::from(output::code(done.unwrap_or_else(|failure| {
        output::fail(&failure);
        failure.code()
    })))
}

/// What a subcommand gives back: the exit code, or why it could not begin.
type Done = Result<u8, Failure>;
