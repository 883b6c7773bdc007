//! What every subcommand that reaches hosts has in common: how they are reached, and the run itself.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::journal::Draft;
use super::output;
use super::rehearse::rehearse;
use super::settings::settings;
use crate::engine::{
    Access, Connections, Controller, Memory, Options, Parts, Question, Renderer, RunName, Selected, Shared,
    check_given, random,
};
use crate::error::{End, Failure, exit_code};
use crate::event::{self, Event, Recap, Summary, VERSION};
use crate::inventory::Inventory;
use crate::plan::Planning;
use crate::report::Report;
use crate::transport::{HostKeyChecking, Kept, Limits, Pool, PoolSettings, Secret};

/// How hosts are reached.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct ConnectionOptions {
    /// How many hosts side by side. Default: 50.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub forks: Option<u16>,
    /// Becomes root by sudo, where nothing else is said.
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
    /// Bounds connecting to a host, in seconds. Default: 10.
    #[arg(short = 'T', long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: Option<u64>,
    /// Bounds one script on a host, in seconds. Default: 300.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub task_timeout: Option<u64>,
    /// How long to wait for another run that is changing a host, in seconds; then it is said who has it. Default: 0.
    #[arg(long, value_name = "SECONDS")]
    pub lock_timeout: Option<u64>,
    /// After how many seconds without a word from this run a host puts back what the run has changed there. Default: 30.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(3..=3600))]
    pub guard_timeout: Option<u64>,
    /// What to do with a host whose key is not known: refuse it, or accept it and remember it. A changed key is always
    /// refused. Default: strict.
    #[arg(long, value_enum, value_name = "HOW")]
    pub host_key_checking: Option<HostKeys>,
    /// How long connections are kept for the next run, in seconds. Default: 60.
    #[arg(long, value_name = "SECONDS")]
    pub ssh_persist: Option<u64>,
    /// The configuration file for ssh, instead of ~/.ssh/config.
    #[arg(long, value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,
    /// Where facts and answers of hosts are remembered between runs; they save round trips and decide nothing. Default:
    /// `dtrctl` in the user's cache directory.
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

/// What to do with an unknown host key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub enum HostKeys {
    /// Refuse it.
    Strict,
    /// Accept and remember it.
    AcceptNew,
}

impl ConnectionOptions {
    pub fn limits(&self) -> Result<Limits, Failure> {
        Ok(Limits {
            connect: Duration::from_secs(self.timeout.or(settings()?.timeout).unwrap_or(10)),
            task: Duration::from_secs(self.task_timeout.unwrap_or(300)),
            ..Limits::default()
        })
    }

    /// How many hosts side by side.
    pub fn forks(&self) -> Result<usize, Failure> {
        Ok(self.forks.or(settings()?.forks).unwrap_or(50).into())
    }

    /// Whether tasks become root where nothing else is said.
    pub fn becomes(&self) -> Result<bool, Failure> {
        Ok(self.r#become || settings()?.r#become)
    }

    /// These options, and where they say nothing, those of an earlier run.
    #[must_use]
    pub fn over(self, earlier: Self) -> Self {
        let own_password = self.ask_become_pass || self.become_password_file.is_some();
        Self {
            forks: self.forks.or(earlier.forks),
            r#become: self.r#become || earlier.r#become,
            user: self.user.or(earlier.user),
            ask_become_pass: self.ask_become_pass || (!own_password && earlier.ask_become_pass),
            become_password_file: self
                .become_password_file
                .or_else(|| earlier.become_password_file.filter(|_| !own_password)),
            private_key: self.private_key.or(earlier.private_key),
            timeout: self.timeout.or(earlier.timeout),
            task_timeout: self.task_timeout.or(earlier.task_timeout),
            lock_timeout: self.lock_timeout.or(earlier.lock_timeout),
            guard_timeout: self.guard_timeout.or(earlier.guard_timeout),
            host_key_checking: self.host_key_checking.or(earlier.host_key_checking),
            ssh_persist: self.ssh_persist.or(earlier.ssh_persist),
            ssh_config: self.ssh_config.or(earlier.ssh_config),
            cache: self.cache.or(earlier.cache),
        }
    }

    pub fn access(&self) -> Result<Access, Failure> {
        let settings = settings()?;
        Ok(Access {
            user: self.user.clone().or_else(|| settings.remote_user.clone()),
            key: self.private_key.clone().or_else(|| settings.private_key_file.clone()),
            become_password: self.become_password()?,
            host_key_checking: match self.host_key_checking {
                None | Some(HostKeys::Strict) => HostKeyChecking::Strict,
                Some(HostKeys::AcceptNew) => HostKeyChecking::AcceptNew,
            },
            persist: Duration::from_secs(self.ssh_persist.unwrap_or(60)),
            ssh_config: self.ssh_config.clone(),
        })
    }

    fn become_password(&self) -> Result<Option<Secret>, Failure> {
        let settings = settings()?;
        let file = self.become_password_file.as_ref();
        if self.ask_become_pass || (file.is_none() && settings.ask_become_pass) {
            let asked = rpassword::prompt_password("sudo password: ");
            return asked.map(|text| Some(Secret::new(text))).map_err(|error| {
                Failure::said(format!("the sudo password cannot be asked for: {error}"))
                    .help("without a terminal, give --become-password-file or set DTRCTL_BECOME_PASSWORD")
            });
        }
        if let Some(path) = file.or(settings.become_password_file.as_ref()) {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::said(format!("`{}` cannot be read: {error}", path.display())))?;
            return Ok(text.lines().next().map(|line| Secret::new(line.to_owned())));
        }
        Ok(std::env::var("DTRCTL_BECOME_PASSWORD").ok().map(Secret::new))
    }
}

/// What is remembered of hosts: in this directory, else in the user's cache directory.
pub fn memory(directory: Option<&Path>) -> Memory {
    if let Some(directory) = directory {
        return Memory::in_directory(directory);
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    cache.map_or_else(Memory::none, |cache| Memory::in_directory(&cache.join("dtrctl")))
}

/// A run with everything it needs.
pub struct Job<'a> {
    pub options: Options,
    pub inventory: Arc<Inventory>,
    pub renderer: Renderer,
    pub connection: &'a ConnectionOptions,
    pub selected: Vec<Selected>,
    /// The playbooks' paths, for the report.
    pub playbooks: Vec<String>,
    /// Whether what is pending or unknown has an exit code of its own.
    pub detailed: bool,
    /// What it has to do with a plan file.
    pub planning: Planning,
    /// What is kept of it in the journal; none for what only looks.
    pub journal: Option<Draft>,
}

impl Job<'_> {
    /// Runs it to its end; the reports hear of everything. Gives the exit code.
    pub fn run(self, reports: &mut dyn Report) -> Result<u8, Failure> {
        check_given(&self.selected, &self.options)?;
        let access = self.connection.access()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::said(format!("no runtime: {error}")))?;
        let code = runtime.block_on(self.go(access, reports))?;
        runtime.shutdown_timeout(Duration::from_millis(500));
        Ok(code)
    }

    async fn go(self, access: Access, reports: &mut dyn Report) -> Result<u8, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        watch_signals(Arc::clone(&stop));
        let (sender, mut events) = mpsc::unbounded_channel();
        let (asking, mut questions) = mpsc::unbounded_channel();
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let pool =
            Pool::new(PoolSettings::new(home, runtime)).map_err(|cause| Failure::said(cause.to_string()))?;
        let now = OffsetDateTime::now_utc();
        let (check, detailed) = (self.options.check, self.detailed);
        let name = run_name(now);
        let parts = |job: &Self, events, questions| Parts {
            name: name.clone(),
            controller: Controller::new(now, job.options.limits.connect),
            connections: Connections::new(access.clone(), Arc::clone(&pool)),
            memory: memory(job.connection.cache.as_deref()),
            options: job.options.clone(),
            inventory: Arc::clone(&job.inventory),
            renderer: job.renderer.clone(),
            stop: Arc::clone(&stop),
            planning: job.planning.clone(),
            history: job.journal.as_ref().and_then(|draft| draft.history.clone()),
            events,
            questions,
        };
        let dropped = match self.planning.reviewed.clone() {
            Some(reviewed) => {
                let (sender, events) = mpsc::unbounded_channel();
                rehearse(parts(&self, sender, None), events, &reviewed, &self.selected).await?
            }
            None => BTreeMap::new(),
        };
        let shared = Shared::new(parts(&self, sender, is_at_terminal().then_some(asking)));
        shared.preflight(&self.selected)?;
        let mut recorder = match self.journal {
            Some(draft) => draft.begin(&name, &self.selected, now)?,
            None => None,
        };
        shared.emit(Event::RunStarted {
            version: VERSION,
            run: name.id.clone(),
            playbooks: self.playbooks,
            check,
            dtrctl: env!("CARGO_PKG_VERSION").to_owned(),
        });
        shared.leave_alone(dropped);
        let selected = self.selected;
        let run = tokio::spawn({
            let (shared, stop, pool) = (Arc::clone(&shared), Arc::clone(&stop), Arc::clone(&pool));
            let persist = access.persist;
            async move {
                let hosts = shared.run(&selected).await;
                let end = match stop.load(Ordering::Relaxed) {
                    true => End::Interrupt,
                    false if shared.is_closed() => End::Gate,
                    false => End::Through,
                };
                let code = exit_code(&hosts, end, check, detailed);
                let summary = Summary::of(&hosts, check);
                let connections = connections(&pool, persist).await;
                shared.emit(Event::RunFinished { hosts: hosts.clone(), summary, exit: code, connections });
                (hosts, code)
            }
        });
        // Its sender of events must not outlive the run: one that panics would be waited for without end.
        drop(shared);
        loop {
            // What was said before a question is printed before it.
            let event = tokio::select! {
                biased;
                event = events.recv() => event,
                Some(question) = questions.recv() => {
                    reports.pause();
                    output::ask(&question.text);
                    tokio::task::spawn_blocking(move || answer(question));
                    continue;
                }
            };
            let Some(event) = event else { break };
            let last = matches!(event, Event::RunFinished { .. });
            if let Some(Err(warning)) = recorder.as_mut().map(|recorder| recorder.on(&event)) {
                output::note(&warning);
            }
            reports.on(&event);
            if last {
                break;
            }
        }
        reports.finish().map_err(|error| Failure::said(error.to_string()))?;
        let finished: (BTreeMap<String, Recap>, u8) =
            run.await.map_err(|error| Failure::said(format!("the run broke off: {error}")))?;
        pool.finish().await;
        Ok(finished.1)
    }
}

/// What is said of the connections; nothing where none was kept.
async fn connections(pool: &Pool, persist: Duration) -> Option<event::Connections> {
    let Kept { open, closed } = pool.settle().await;
    let some = open + closed > 0 && !persist.is_zero();
    some.then_some(event::Connections { open, seconds: persist.as_secs(), closed })
}

/// Whether somebody can be asked: what is asked goes to standard error, and the answer comes from standard input.
fn is_at_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Waits for a line from the terminal; only a yes is one.
fn answer(question: Question) {
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    let yes = read.is_ok() && matches!(line.trim().to_lowercase().as_str(), "y" | "yes");
    // Whoever has asked may have gone meanwhile.
    _ = question.answer.send(yes);
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
            output::note("\nending after the step in hand; once more ends at once");
        }
    });
}

/// The name of a run that begins now, and of whoever runs it.
pub fn run_name(now: OffsetDateTime) -> RunName {
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    let id = format!("{}-{}", now.format(format).unwrap_or_default(), &random()[..6]);
    // Whoever has become root by sudo is named by the name that others know.
    let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let user = user.unwrap_or_else(|| account_of(rustix::process::getuid().as_raw()));
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    RunName { id, who: format!("{user}@{machine}") }
}

/// The name of a user by its number, as far as this machine's own list has it.
fn account_of(uid: u32) -> String {
    let number = uid.to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut own = fields.filter(|fields| fields.get(2).is_some_and(|uid| *uid == number));
    own.next().map_or(number.clone(), |fields| fields[0].to_owned())
}
