//! `dtrctl apply`

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};
use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::options::InventoryOptions;
use super::{Done, output, playbooks};
use crate::engine::{
    Access, Connections, Controller, Memory, Options, Parts, Renderer, Selected, Shared, Tags, plays,
    problem_of,
};
use crate::error::{Failure, exit_code};
use crate::event::{Event, Recap};
use crate::inventory::{Inventory, Pattern};
use crate::playbook::Playbook;
use crate::report::{self, DiffMode, Look, Progress, Report, Reports};
use crate::transport::{HostKeyChecking, Limits, Pool, PoolSettings, Secret};
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
    /// How many hosts side by side.
    #[arg(short, long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    pub forks: u16,
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
    /// Runs tasks as root by sudo, where the playbook says nothing else.
    #[arg(short, long = "become")]
    pub r#become: bool,
    /// The user to log in as, where the inventory says nothing else.
    #[arg(short, long)]
    pub user: Option<String>,
    /// Asks once for the sudo password; it is used only where sudo wants one.
    #[arg(short = 'K', long, conflicts_with = "become_password_file")]
    pub ask_become_pass: bool,
    /// Reads the sudo password from this file's first line; else from `DTRCTL_BECOME_PASSWORD`.
    #[arg(long, value_name = "FILE")]
    pub become_password_file: Option<PathBuf>,
    /// The private key to log in with, where the inventory says nothing else.
    #[arg(long, value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Bounds connecting to a host, in seconds.
    #[arg(short = 'T', long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: u64,
    /// Bounds one script on a host, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub task_timeout: u64,
    /// What to do with a host whose key is not known: refuse it, or accept it and remember it. A changed key is always
    /// refused.
    #[arg(long, value_enum, default_value_t = HostKeys::Strict, value_name = "HOW")]
    pub host_key_checking: HostKeys,
    /// How long connections are kept for the next run, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub ssh_persist: u64,
    /// The configuration file for ssh, instead of ~/.ssh/config.
    #[arg(long, value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,
    /// Where facts and answers of hosts are remembered between runs; they save round trips and decide nothing. Default:
    /// `dtrctl` in the user's cache directory.
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
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

/// What to do with an unknown host key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HostKeys {
    /// Refuse it.
    Strict,
    /// Accept and remember it.
    AcceptNew,
}

impl Apply {
    pub fn run(self) -> Done {
        let playbooks = playbooks::read(&self.playbooks)?;
        let directory = self.playbooks.first().and_then(|path| path.parent()).map(Path::to_path_buf);
        let inventory = Arc::new(self.inventory.load(directory.as_deref())?);
        let renderer = Renderer::with_lookups(directory.unwrap_or_default(), self.r#become);
        let options = self.options()?;
        let selected = self.select(&playbooks, &inventory, &renderer, &options)?;
        if self.list_hosts || self.list_tasks {
            output::print(&self.listing(&selected, &options.tags));
            return Ok(0);
        }
        let access = self.access()?;
        let reports = self.reports()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::said(format!("no runtime: {error}")))?;
        let run = Prepared { options, inventory, renderer, access, selected, reports, apply: &self };
        let code = runtime.block_on(run.go())?;
        runtime.shutdown_timeout(Duration::from_millis(500));
        Ok(code)
    }

    fn options(&self) -> Result<Options, Failure> {
        let limits = Limits {
            connect: Duration::from_secs(self.timeout),
            task: Duration::from_secs(self.task_timeout),
            ..Limits::default()
        };
        Ok(Options {
            check: self.check,
            forks: self.forks.into(),
            tags: Tags { only: self.tags.clone(), skip: self.skip_tags.clone() },
            extra: self.inventory.extra()?,
            limits,
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
        let scope = Arc::new(options.extra_scope());
        let mut problems = Problems::new();
        let mut selected = Vec::new();
        for play in plays(playbooks) {
            let pattern = if play.hosts.has_template() {
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
                    selected.push(Selected { play, hosts });
                }
                Err(more) => problems.extend(more),
            }
        }
        Ok(problems.or(selected)?)
    }

    fn listing(&self, selected: &[Selected], tags: &Tags) -> String {
        let mut text = String::new();
        for Selected { play, hosts } in selected {
            text += &format!("play: {}\n", play.shown_name());
            if self.list_hosts {
                hosts.iter().for_each(|host| text += &format!("  host: {host}\n"));
            }
            if self.list_tasks {
                for task in play.tasks.iter().filter(|task| tags.select(&task.tags)) {
                    text += &format!(
                        "  task: {} ({})  tags: [{}]\n",
                        task.shown_name(),
                        task.module.name,
                        task.tags.join(", ")
                    );
                }
            }
        }
        text
    }

    fn access(&self) -> Result<Access, Failure> {
        Ok(Access {
            user: self.user.clone(),
            key: self.private_key.clone(),
            become_password: self.become_password()?,
            host_key_checking: match self.host_key_checking {
                HostKeys::Strict => HostKeyChecking::Strict,
                HostKeys::AcceptNew => HostKeyChecking::AcceptNew,
            },
            persist: Duration::from_secs(self.ssh_persist),
            ssh_config: self.ssh_config.clone(),
        })
    }

    fn become_password(&self) -> Result<Option<Secret>, Failure> {
        if self.ask_become_pass {
            let asked = rpassword::prompt_password("sudo password: ");
            return asked.map(|text| Some(Secret::new(text))).map_err(|error| {
                Failure::said(format!("the sudo password cannot be asked for: {error}"))
                    .help("without a terminal, give --become-password-file or set DTRCTL_BECOME_PASSWORD")
            });
        }
        if let Some(path) = &self.become_password_file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::said(format!("`{}` cannot be read: {error}", path.display())))?;
            return Ok(text.lines().next().map(|line| Secret::new(line.to_owned())));
        }
        Ok(std::env::var("DTRCTL_BECOME_PASSWORD").ok().map(Secret::new))
    }

    fn reports(&self) -> Result<Reports, Failure> {
        let stdout = std::io::stdout();
        let stderr = std::io::stderr();
        let by_default = if self.check { DiffMode::Grouped } else { DiffMode::None };
        let diff = self.diff.unwrap_or(by_default);
        let mut reports: Vec<Box<dyn Report>> = Vec::new();
        let terminal = stdout.is_terminal();
        let progress = if terminal && stderr.is_terminal() { Progress::stderr() } else { Progress::none() };
        let look = Look { colour: output::colour(terminal), width: terminal.then(output::width), diff };
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

const PERMIT_EMPTY: &str = "name a group or host of the inventory, or permit it with --allow-empty";

fn create(path: &Path) -> Result<std::fs::File, Failure> {
    std::fs::File::create(path)
        .map_err(|error| Failure::said(format!("`{}` cannot be written: {error}", path.display())))
}

/// A run with everything it needs.
struct Prepared<'a> {
    options: Options,
    inventory: Arc<Inventory>,
    renderer: Renderer,
    access: Access,
    selected: Vec<Selected>,
    reports: Reports,
    apply: &'a Apply,
}

impl Prepared<'_> {
    async fn go(mut self) -> Result<u8, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        watch_signals(Arc::clone(&stop));
        let (sender, mut events) = mpsc::unbounded_channel();
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let pool =
            Pool::new(PoolSettings::new(home, runtime)).map_err(|cause| Failure::said(cause.to_string()))?;
        let now = OffsetDateTime::now_utc();
        let check = self.options.check;
        let shared = Shared::new(Parts {
            controller: Controller::new(now, self.options.limits.connect),
            connections: Connections::new(self.access, Arc::clone(&pool)),
            options: self.options,
            inventory: self.inventory,
            renderer: self.renderer,
            memory: memory(self.apply.cache.as_deref()),
            stop: Arc::clone(&stop),
            events: sender,
        });
        shared.preflight(&self.selected)?;
        let playbooks = self.apply.playbooks.iter().map(|path| path.display().to_string()).collect();
        shared.emit(Event::RunStarted {
            version: 1,
            run: run_id(now, &shared.random()),
            playbooks,
            check,
            dtrctl: env!("CARGO_PKG_VERSION"),
        });
        let selected = std::mem::take(&mut self.selected);
        let run = tokio::spawn({
            let shared = Arc::clone(&shared);
            let (stop, detailed) = (Arc::clone(&stop), self.apply.detailed_exitcode);
            async move {
                let hosts = shared.run(&selected).await;
                let code = exit_code(&hosts, stop.load(Ordering::Relaxed), check, detailed);
                shared.emit(Event::RunFinished { hosts: hosts.clone(), exit: code });
                (hosts, code)
            }
        });
        // Its sender of events must not outlive the run: one that panics would be waited for without end.
        drop(shared);
        while let Some(event) = events.recv().await {
            let last = matches!(event, Event::RunFinished { .. });
            self.reports.on(&event);
            if last {
                break;
            }
        }
        self.reports.finish().map_err(|error| Failure::said(error.to_string()))?;
        let finished: (BTreeMap<String, Recap>, u8) =
            run.await.map_err(|error| Failure::said(format!("the run broke off: {error}")))?;
        pool.finish().await;
        Ok(finished.1)
    }
}

/// The first ^C lets each host end the step in hand; the second ends the process.
fn watch_signals(stop: Arc<AtomicBool>) {
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
        loop {
            tokio::select! {
                done = tokio::signal::ctrl_c() => if done.is_err() { return },
                _ = terminate.recv() => {}
            }
            if stop.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            _ = writeln!(std::io::stderr(), "\nending after the step in hand; once more ends at once");
        }
    });
}

fn memory(chosen: Option<&Path>) -> Memory {
    if let Some(directory) = chosen {
        return Memory::in_directory(directory);
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    cache.map_or_else(Memory::none, |cache| Memory::in_directory(&cache.join("dtrctl")))
}

fn run_id(now: OffsetDateTime, random: &str) -> String {
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    format!("{}-{}", now.format(format).unwrap_or_default(), &random[..6])
}
