//! `dtrctl eval`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value as Json;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::options::InventoryOptions;
use super::run::memory;
use super::settings::settings;
use super::{Done, output, playbooks};
use crate::engine::{
    Access, Asked, Connections, Controller, Options, Parts, Renderer, RunName, Shared, Tags, plays,
};
use crate::error::Failure;
use crate::inventory::{Inventory, LOCALHOST, Pattern};
use crate::plan::Planning;
use crate::playbook::{Gates, Play};
use crate::transport::{HostKeyChecking, Limits, Pool, PoolSettings};
use crate::vault;
use crate::yaml::{Node, Source, Span, Style, Text, Value, suggest};

/// What an expression or a template is for a host before a play's first task. No host is touched; facts are those of the
/// last run.
#[derive(Debug, Args)]
pub struct Eval {
    /// The expression, as it would stand in `when`; or a template, with braces.
    expression: String,
    /// The host.
    #[arg(long, value_name = "NAME")]
    host: String,
    /// The playbook of which the first play that has the host counts, with its variables and roles.
    #[arg(long, value_name = "PLAYBOOK")]
    playbook: Option<PathBuf>,
    #[command(flatten)]
    inventory: InventoryOptions,
    /// The user to log in as, as in the run whose facts are meant.
    #[arg(short, long)]
    user: Option<String>,
    /// Where facts are remembered. Default: `dtrctl` in the user's cache directory.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// `json`: the value as JSON; `text`: a text as it is, all else as JSON.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Text,
}

impl Eval {
    pub fn run(self) -> Done {
        let directory = self.playbook.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let inventory = Arc::new(self.inventory.load(Some(directory))?);
        self.know(&inventory)?;
        let (play, hosts) = self.play(&inventory)?;
        let (events, _heard) = mpsc::unbounded_channel();
        let options = self.options()?;
        let shared = Shared::new(Parts {
            name: RunName::default(),
            controller: Controller::new(OffsetDateTime::now_utc(), options.limits.connect),
            connections: self.connections()?,
            renderer: Renderer::with_lookups(directory.to_path_buf(), Some(Arc::clone(&inventory)), false),
            memory: memory(self.cache.as_deref()),
            options,
            inventory,
            stop: Arc::new(AtomicBool::new(false)),
            planning: Planning::default(),
            events,
            questions: None,
            history: None,
        });
        let node = node(&self.expression);
        let asked = Asked { node: &node, host: &self.host, play: &play, hosts: &hosts };
        let value = shared.value_of(asked).map_err(|problem| *problem)?;
        let text = match (&value, self.format) {
            (Json::String(text), Format::Text) => text.clone(),
            _ => format!("{value:#}"),
        };
        output::print(&(vault::masked(&text).into_owned() + "\n"));
        Ok(0)
    }

    /// Refuses a host that is not there.
    fn know(&self, inventory: &Inventory) -> Result<(), Failure> {
        if inventory.has_host(&self.host) || LOCALHOST.contains(&self.host.as_str()) {
            return Ok(());
        }
        let near = suggest(&self.host, inventory.hosts().map(|name| &**name));
        let help = near.map_or_else(
            || "`dtrctl inventory --graph` shows all hosts".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        Err(Failure::said(format!("the inventory has no host `{}`", self.host)).help(help))
    }

    /// The play in which it is asked, with the play's hosts; without a playbook, one that says nothing.
    fn play(&self, inventory: &Inventory) -> Result<(Arc<Play>, Vec<String>), Failure> {
        let Some(path) = &self.playbook else {
            let nothing = playbooks::of_text("- hosts: all\n".to_owned())?;
            let hosts = inventory.hosts().map(ToString::to_string).collect();
            let play = plays(&[nothing]).pop().ok_or_else(|| Failure::said("there is no play"))?;
            return Ok((play, hosts));
        };
        for play in plays(&playbooks::read(std::slice::from_ref(path))?) {
            // A play whose hosts are told by a template is taken all the same.
            let hosts = if play.hosts.has_template() {
                vec![self.host.clone()]
            } else {
                self.inventory.select(inventory, &Pattern::from_node(&play.hosts)?)?.0
            };
            if hosts.contains(&self.host) {
                return Ok((play, hosts));
            }
        }
        let message = format!("no play of `{}` has the host `{}`", path.display(), self.host);
        Err(Failure::said(message).help("without --playbook, no play is asked for"))
    }

    fn options(&self) -> Result<Options, Failure> {
        Ok(Options {
            check: false,
            forks: 1,
            tags: Tags::default(),
            extra: self.inventory.extra()?,
            limit: self.inventory.limit.clone(),
            diff: false,
            verbosity: 0,
            force_handlers: false,
            gates: Gates::default(),
            shard: None,
            timings: false,
            limits: Limits::default(),
            lock_timeout: 0,
            guard_timeout: 30,
        })
    }

    /// The ways to hosts, by which what is remembered of them is found; none is taken.
    fn connections(&self) -> Result<Connections, Failure> {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let pool =
            Pool::new(PoolSettings::new(home, None)).map_err(|cause| Failure::said(cause.to_string()))?;
        let settings = settings()?;
        let access = Access {
            user: self.user.clone().or_else(|| settings.remote_user.clone()),
            key: settings.private_key_file.clone(),
            become_password: None,
            host_key_checking: HostKeyChecking::Strict,
            persist: Duration::ZERO,
            ssh_config: None,
        };
        Ok(Connections::new(access, pool))
    }
}

/// The argument as a text of its own source, so that mistakes are shown in it.
fn node(expression: &str) -> Node {
    let source = Source::new("the expression", expression);
    let text = Text { text: expression.into(), style: Style::Plain, literal: false };
    Node { value: Value::String(text), span: Span { start: 0, end: expression.len() }, source }
}
