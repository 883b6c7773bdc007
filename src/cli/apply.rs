//! `dtrctl apply`

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::options::InventoryOptions;
use super::run::{ConnectionOptions, Job};
use super::{Done, output, playbooks};
use crate::engine::{Options, Renderer, Selected, Tags, plays, problem_of};
use crate::error::Failure;
use crate::inventory::{Inventory, Order, Pattern};
use crate::playbook::{Play, Playbook};
use crate::report::{self, DiffMode, Look, Progress, Report, Reports};
use crate::yaml::{Problem, Problems};

/// Applies playbooks: asks each host, shows what has to change, and makes exactly that so.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Apply {
    /// The playbooks, in order.
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    #[command(flatten)]
    pub inventory: InventoryOptions,
    /// Shows what would change and changes nothing.
    #[arg(long)]
    pub check: bool,
    /// How differences are shown: once for all hosts that share them, for each host, as counts, or not at all.
    /// Default: `grouped` with --check, else `none`.
    #[arg(long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "grouped")]
    pub diff: Option<DiffMode>,
    /// Only tasks with one of these tags.
    #[arg(short, long, value_name = "TAGS", value_delimiter = ',')]
    pub tags: Vec<String>,
    /// No task with one of these tags.
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    pub skip_tags: Vec<String>,
    /// Exits with 2 where changes are pending, owed or unknown.
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// What goes to standard output: a report for people, or one JSON object an event.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Writes every event as a JSON line to this file, too.
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Writes a `JUnit` report to this file.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Runs handlers that were notified on hosts that have failed, too.
    #[arg(long)]
    pub force_handlers: bool,
    /// A play without hosts is no mistake.
    #[arg(long)]
    pub allow_empty: bool,
    /// Lists the hosts of each play and ends.
    #[arg(long)]
    pub list_hosts: bool,
    /// Lists the tasks of each play and ends.
    #[arg(long)]
    pub list_tasks: bool,
}

/// What goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A report for people.
    Human,
    /// One JSON object an event.
    Jsonl,
}

impl Apply {
    pub fn run(self) -> Done {
        self.inventory.vault.unlock()?;
        let playbooks = playbooks::read(&self.playbooks)?;
        let directory = self.playbooks.first().and_then(|path| path.parent()).map(Path::to_path_buf);
        let inventory = Arc::new(self.inventory.load(directory.as_deref())?);
        let renderer = Renderer::with_lookups(
            directory.unwrap_or_default(),
            Some(Arc::clone(&inventory)),
            self.connection.becomes()?,
        );
        let options = self.options()?;
        let selected = self.select(&playbooks, &inventory, &renderer, &options)?;
        if self.list_hosts || self.list_tasks {
            output::print(&self.listing(&selected, &options.tags));
            return Ok(0);
        }
        let mut reports = self.reports()?;
        let job = Job {
            options,
            inventory,
            renderer,
            connection: &self.connection,
            selected,
            playbooks: self.playbooks.iter().map(|path| path.display().to_string()).collect(),
            detailed: self.detailed_exitcode,
        };
        job.run(&mut reports)
    }

    fn options(&self) -> Result<Options, Failure> {
        Ok(Options {
            check: self.check,
            forks: self.connection.forks()?,
            tags: Tags { only: self.tags.clone(), skip: self.skip_tags.clone() },
            extra: self.inventory.extra()?,
            limit: self.inventory.limit.clone(),
            diff: self.diff.map_or(self.check, |diff| diff != DiffMode::None),
            force_handlers: self.force_handlers,
            limits: self.connection.limits()?,
        })
    }

    /// The hosts of each play. A play without any is a mistake, most often of a pattern.
    fn select(
        &self,
        playbooks: &[Playbook],
        inventory: &Inventory,
        renderer: &Renderer,
        options: &Options,
    ) -> Result<Vec<Selected>, Failure> {
        self.refuse_unknown_tags(playbooks, &options.tags)?;
        let mut problems = Problems::new();
        let mut selected = Vec::new();
        // A play of which `--tags` leaves nothing need not have hosts: it asks nobody.
        let left = |play: &Play| {
            play.tasks().next().is_none() || play.tasks().any(|task| options.tags.select(&task.keywords.tags))
        };
        for play in plays(playbooks).into_iter().filter(|play| left(play)) {
            let pattern = if play.hosts.has_template() {
                let scope = Arc::new(options.scope_of_play(&play));
                let text = renderer.text(&play.hosts, &scope).map_err(problem_of)?;
                Pattern::from_argument("hosts", &text)?
            } else {
                Pattern::from_node(&play.hosts)?
            };
            match self.inventory.select(inventory, &pattern) {
                Ok((hosts, unmatched)) if hosts.is_empty() && !self.allow_empty => {
                    if unmatched.is_empty() {
                        problems.push(
                            Problem::new("the play has no hosts", play.hosts.place()).help(PERMIT_EMPTY),
                        );
                    }
                    problems.extend(unmatched);
                }
                Ok((hosts, unmatched)) => {
                    output::warn(&unmatched);
                    let listed = hosts.clone();
                    let hosts = arranged(play.order.as_deref(), hosts);
                    selected.push(Selected { play, hosts, listed });
                }
                Err(more) => problems.extend(more),
            }
        }
        Ok(problems.or(selected)?)
    }

    /// A tag that no task has would leave nothing to do, and say that all is well.
    fn refuse_unknown_tags(&self, playbooks: &[Playbook], tags: &Tags) -> Result<(), Failure> {
        let plays = plays(playbooks);
        let tasks = plays.iter().flat_map(|play| play.tasks().chain(&play.handlers));
        let used: BTreeSet<&str> =
            tasks.flat_map(|task| task.keywords.tags.iter().map(String::as_str)).collect();
        match tags.unknown(&used).first() {
            Some(tag) if !self.allow_empty => {
                let known: Vec<&str> = used.into_iter().collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                Err(Failure::said(format!("`-t {tag}`: no task has this tag"))
                    .help(format!("these are there: {known}; or permit it with --allow-empty")))
            }
            _ => Ok(()),
        }
    }

    fn listing(&self, selected: &[Selected], tags: &Tags) -> String {
        let mut text = String::new();
        for Selected { play, hosts, .. } in selected {
            text += &format!("play: {}\n", play.shown_name());
            if self.list_hosts {
                hosts.iter().for_each(|host| text += &format!("  host: {host}\n"));
            }
            if self.list_tasks {
                for task in play.tasks().filter(|task| tags.select(&task.keywords.tags)) {
                    text += &format!(
                        "  task: {} ({})  tags: [{}]\n",
                        task.shown_name(),
                        task.action.name(),
                        task.keywords.tags.join(", ")
                    );
                }
            }
        }
        text
    }

    fn reports(&self) -> Result<Reports, Failure> {
        let stdout = std::io::stdout();
        let stderr = std::io::stderr();
        let by_default = if self.check { DiffMode::Grouped } else { DiffMode::None };
        let diff = self.diff.unwrap_or(by_default);
        let mut reports: Vec<Box<dyn Report>> = Vec::new();
        let terminal = stdout.is_terminal();
        let progress = if terminal && stderr.is_terminal() { Progress::stderr() } else { Progress::none() };
        let look =
            Look { colour: output::colour(terminal), width: terminal.then(|| output::width(&stdout)), diff };
        reports.push(match self.format {
            Format::Human => Box::new(report::Human::new(Box::new(stdout), Box::new(stderr), look, progress)),
            Format::Jsonl => Box::new(report::Jsonl::new(Box::new(stdout))),
        });
        if let Some(path) = &self.events {
            reports.push(Box::new(report::Jsonl::new(Box::new(create(path)?))));
        }
        if let Some(path) = &self.junit {
            reports.push(Box::new(report::Junit::new(Box::new(create(path)?))));
        }
        Ok(Reports(reports))
    }
}

/// Hosts in the order that a play wants.
fn arranged(order: Option<&str>, hosts: Vec<String>) -> Vec<String> {
    let order = match order {
        Some("reverse_inventory") => Order::ReverseInventory,
        Some("sorted") => Order::Sorted,
        Some("reverse_sorted") => Order::ReverseSorted,
        Some("shuffle") => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            Order::Shuffle(u64::from(now.subsec_nanos()))
        }
        _ => return hosts,
    };
    let mut hosts: Vec<Arc<str>> = hosts.into_iter().map(Arc::from).collect();
    order.arrange(&mut hosts);
    hosts.iter().map(ToString::to_string).collect()
}

const PERMIT_EMPTY: &str = "name a group or host of the inventory, or permit it with --allow-empty";

fn create(path: &Path) -> Result<std::fs::File, Failure> {
    std::fs::File::create(path)
        .map_err(|error| Failure::said(format!("`{}` cannot be written: {error}", path.display())))
}
