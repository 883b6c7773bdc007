//! `dtrctl trust`

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use modules::certs::RegistryHost;
use serde_json::{Value as Json, json};

use super::options::{Format, InventoryOptions};
use super::run::{ConnectionOptions, Job};
use super::{Done, output, playbooks};
use crate::engine::{Options, Renderer, Selected, Tags, plays};
use crate::error::{Failure, overview_exit_code};
use crate::inventory::Inventory;
use crate::plan::Planning;
use crate::playbook::{Gates, Playbook};
use crate::report::{DiffMode, Look, Progress, Question, Trust as Overview};

/// Says who trusts a registry: by which certificate, where, until when, and whether the renewal of the registry's
/// certificate breaks that. Reads only, and asks no daemon for what would change it.
///
/// Exit codes: 0 all trust it; 2 one does not, or that ends soon, or it is not known; 3 a host failed; 4 one was
/// unreachable (when several hold: 3, then 4, then 2).
#[derive(Debug, Args)]
pub struct Trust {
    /// The hosts, such as `docker:!db1`.
    pattern: String,
    /// The registry, as image references name it: HOST or HOST:PORT.
    #[arg(long, value_name = "HOST[:PORT]")]
    registry: RegistryHost,
    #[command(flatten)]
    pub ask: Ask,
}

/// What `trust` and `cert check` have in common.
#[derive(Debug, Args)]
pub struct Ask {
    #[command(flatten)]
    pub inventory: InventoryOptions,
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Trust that ends within so many days counts as ending soon.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub expires_within: u32,
    /// What goes to standard output: a report for people, or one JSON document.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

impl Trust {
    pub fn run(self) -> Done {
        self.ask.of(&self.pattern, &self.registry, None)
    }
}

/// A certificate that is not served yet.
pub struct Given {
    /// Its file's name, for the report.
    pub name: String,
    /// Its chain, as PEM.
    pub pem: String,
}

impl Ask {
    /// Asks the hosts of a pattern, and reports. Gives the exit code.
    pub fn of(&self, pattern: &str, registry: &RegistryHost, given: Option<Given>) -> Done {
        let inventory = Arc::new(self.inventory.load(Some(Path::new("")))?);
        let hosts = self.inventory.hosts(&inventory, pattern)?;
        let playbook = self.playbook(registry, given.as_ref())?;
        let selected = plays(&[playbook])
            .into_iter()
            .map(|play| Selected { play, hosts: hosts.clone(), listed: hosts.clone() })
            .collect();
        let mut report = self.report(registry, given.map(|given| given.name), groups(&inventory, &hosts));
        let job = Job {
            options: Options {
                check: false,
                forks: self.connection.forks()?,
                tags: Tags::default(),
                extra: self.inventory.extra()?,
                limit: None,
                diff: false,
                verbosity: 0,
                force_handlers: false,
                gates: Gates::default(),
                shard: None,
                timings: false,
                limits: self.connection.limits()?,
                lock_timeout: 0,
                guard_timeout: 30,
            },
            renderer: Renderer::with_lookups(
                PathBuf::new(),
                Some(Arc::clone(&inventory)),
                self.connection.becomes()?,
            ),
            inventory,
            connection: &self.connection,
            selected,
            playbooks: Vec::new(),
            detailed: false,
            planning: Planning::default(),
            journal: None,
        };
        job.run(&mut report)?;
        Ok(report.exit())
    }

    /// The play, as a playbook would have it. What stands on the command line is no template.
    fn playbook(&self, registry: &RegistryHost, given: Option<&Given>) -> Result<Playbook, Failure> {
        let mut arguments = json!({
            "registry": registry.to_string(),
            "expires_within": self.expires_within,
        });
        if let Some(given) = given {
            arguments["certificate"] = Json::from(given.pem.as_str());
        }
        // A user's own daemon is looked at as that user.
        let text = format!(
            "- hosts: all\n  gather_facts: false\n  become_user: \"{{{{ (docker_daemon | default('')).partition('rootless:')[2] or 'root' }}}}\"\n  tasks:\n    - registry_trust: !unsafe {arguments}\n"
        );
        playbooks::of_text(text)
    }

    fn report(
        &self,
        registry: &RegistryHost,
        certificate: Option<String>,
        groups: BTreeMap<String, Vec<String>>,
    ) -> Overview {
        let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
        let terminal = stdout.is_terminal();
        let look = Look {
            colour: output::colour(terminal),
            width: terminal.then(|| output::width(&stdout)),
            diff: DiffMode::None,
            results: false,
        };
        let progress = if terminal && stderr.is_terminal() { Progress::stderr() } else { Progress::none() };
        let question =
            Question { registry: registry.to_string(), certificate, groups, exit: overview_exit_code };
        Overview::new(Box::new(stdout), look, progress, self.format == Format::Json, question)
    }
}

/// The groups of each host, but for those that all are in.
fn groups(inventory: &Inventory, hosts: &[String]) -> BTreeMap<String, Vec<String>> {
    let of = |host: &String| {
        let groups = inventory.groups_of(host);
        let named = groups.iter().map(ToString::to_string);
        (host.clone(), named.filter(|group| group != "all" && group != "ungrouped").collect())
    };
    hosts.iter().map(of).collect()
}
