//! `dtrctl apply`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::gates::GateOptions;
use super::journal::{Draft, JournalOptions, Sealed};
use super::listing::Listing;
use super::mode::Mode;
use super::options::InventoryOptions;
use super::resume::Resumed;
use super::review::{Review, ReviewOptions, plan_in};
use super::run::{ConnectionOptions, Job};
use super::{Done, output, playbooks};
use crate::engine::{Options, Renderer, Selected, Tags, plays, problem_of};
use crate::error::Failure;
use crate::inventory::{Inventory, Order, Pattern};
use crate::plan::Planning;
use crate::playbook::{Play, Playbook, Shard};
use crate::report::Report;
use crate::yaml::{Problem, Problems};

/// Applies playbooks: asks each host, shows what has to change, and makes exactly that so.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct Apply {
    /// The playbooks, in order; or one plan that `dtrctl plan` has saved.
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    #[command(flatten)]
    pub inventory: InventoryOptions,
    #[command(flatten)]
    #[serde(skip)]
    pub mode: Mode,
    /// Only tasks with one of these tags.
    #[arg(short, long, value_name = "TAGS", value_delimiter = ',')]
    pub tags: Vec<String>,
    /// No task with one of these tags.
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    pub skip_tags: Vec<String>,
    #[command(flatten)]
    pub connection: ConnectionOptions,
    #[command(flatten)]
    pub gates: GateOptions,
    /// Only this part of the hosts, the I-th of N: N runs do the playbook together, each on a machine of its own. `serial`, the
    /// window and the budgets are shared by them.
    #[arg(long, value_name = "I/N", env = "DTRCTL_SHARD")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// What the shards of one rollout have in common, by which `runs merge` finds them.
    #[arg(long, value_name = "NAME", env = "DTRCTL_ROLLOUT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<String>,
    /// Runs handlers that were notified on hosts that have failed, too.
    #[arg(long)]
    pub force_handlers: bool,
    /// A play without hosts is no mistake.
    #[arg(long)]
    pub allow_empty: bool,
    #[command(flatten)]
    pub review: ReviewOptions,
    #[command(flatten)]
    #[serde(skip)]
    pub journal: JournalOptions,
    #[command(flatten)]
    #[serde(skip)]
    pub listing: Listing,
}

/// What a run has to do with a plan file.
#[derive(Default)]
pub struct Going<'a> {
    /// What the engine has to do with it.
    pub planning: Planning,
    /// `-l`, as templates see it.
    pub limit: Option<String>,
    /// The plan that is applied.
    pub review: Option<Review>,
    /// What else hears of everything.
    pub report: Option<Box<dyn Report>>,
    /// What an earlier run has left, where this one goes on with it.
    pub resumed: Option<&'a Resumed>,
    /// What was asked, where the plan says more than that.
    pub recorded: Option<&'a Apply>,
}

impl Apply {
    pub fn run(self) -> Done {
        self.resume(None)
    }

    /// Runs it, or what an earlier run has left of it.
    pub fn resume(self, resumed: Option<&Resumed>) -> Done {
        if let Some((path, plan)) = plan_in(&self.playbooks)? {
            let (review, apply) = Review::of(path, plan, &self)?;
            let going = review.going(self.review.key_file()?)?;
            return apply.go(Going { resumed, recorded: Some(&self), ..going });
        }
        self.review.refuse("belongs to a plan, and a playbook is applied here")?;
        self.go(Going { limit: self.inventory.limit.clone(), resumed, ..Going::default() })
    }

    /// Runs what it says.
    pub fn go(&self, going: Going<'_>) -> Done {
        self.inventory.vault.unlock()?;
        let playbooks = playbooks::read(&self.playbooks)?;
        let directory = self.playbooks.first().and_then(|path| path.parent()).map(Path::to_path_buf);
        let mut options = Options { limit: going.limit, ..self.options()? };
        self.refuse_unknown_tags(&playbooks, &options.tags)?;
        if self.listing.any() {
            output::print(&self.listed(&playbooks, directory.as_deref(), &options)?);
            return Ok(0);
        }
        let inventory = Arc::new(self.inventory.load(directory.as_deref())?);
        let renderer = Renderer::with_lookups(
            directory.unwrap_or_default(),
            Some(Arc::clone(&inventory)),
            self.connection.becomes()?,
        );
        let mut draft = self.draft(going.recorded.unwrap_or(self), &playbooks)?;
        let mut selected = self.select(&playbooks, &inventory, &renderer, &options)?;
        if let Some(review) = &going.review {
            review.narrow(&mut selected)?;
        }
        if let (Some(shard), None) = (self.shard, going.resumed) {
            take_part(&mut selected, shard, &inventory);
        }
        if let Some(resumed) = going.resumed {
            resumed.narrow(&mut draft, &mut selected)?;
            options.limit.clone_from(&resumed.limit);
        }
        let journal = Some(draft);
        let mut reports = self.mode.reports()?;
        reports.0.extend(going.report);
        let job = Job {
            journal,
            options,
            inventory,
            renderer,
            connection: &self.connection,
            selected,
            playbooks: self.playbooks.iter().map(|path| path.display().to_string()).collect(),
            detailed: self.mode.detailed_exitcode,
            planning: going.planning,
        };
        job.run(&mut reports)
    }

    /// What is kept of the run.
    fn draft(&self, asked: &Self, playbooks: &[Playbook]) -> Result<Draft, Failure> {
        let mut draft = Draft::new(&self.journal, "apply", self.mode.check, asked)?;
        draft.playbooks(playbooks);
        draft.inventory(&self.inventory)?;
        draft.becomes(self.connection.becomes()?);
        draft.seal(&Sealed { extra_vars: self.inventory.extra_vars.clone(), ..Sealed::default() });
        Ok(draft)
    }

    fn options(&self) -> Result<Options, Failure> {
        Ok(Options {
            tags: Tags { only: self.tags.clone(), skip: self.skip_tags.clone() },
            force_handlers: self.force_handlers,
            gates: self.gates.gates(),
            shard: self.shard,
            ..self.mode.options(&self.inventory, &self.connection)?
        })
    }

    /// What is listed. Only a list of hosts needs the inventory.
    fn listed(
        &self,
        playbooks: &[Playbook],
        directory: Option<&Path>,
        options: &Options,
    ) -> Result<String, Failure> {
        let mut text = String::new();
        let tags = self.listing.tags(&options.tags);
        if !self.listing.list_hosts {
            playbooks.iter().for_each(|playbook| text += &self.listing.of(playbook, &tags, |_| Vec::new()));
            return Ok(text);
        }
        let inventory = Arc::new(self.inventory.load(directory)?);
        let renderer = Renderer::with_lookups(
            directory.map(Path::to_path_buf).unwrap_or_default(),
            Some(Arc::clone(&inventory)),
            false,
        );
        let mut problems = Problems::new();
        for playbook in playbooks {
            text += &self.listing.of(playbook, &tags, |play| {
                let hosts = pattern(play, &renderer, options).and_then(|pattern| {
                    let (hosts, unmatched) = self.inventory.select(&inventory, &pattern)?;
                    output::warn(&unmatched);
                    Ok(arranged(play.order.as_deref(), hosts))
                });
                problems.take(hosts).unwrap_or_default()
            });
        }
        Ok(problems.or(text)?)
    }

    /// The hosts of each play. A play without any is a mistake, most often of a pattern.
    fn select(
        &self,
        playbooks: &[Playbook],
        inventory: &Inventory,
        renderer: &Renderer,
        options: &Options,
    ) -> Result<Vec<Selected>, Failure> {
        let mut problems = Problems::new();
        let mut selected = Vec::new();
        // A play of which `--tags` leaves nothing need not have hosts: it asks nobody.
        let left = |play: &Play| {
            play.tasks().next().is_none() || play.tasks().any(|task| options.tags.select(&task.keywords.tags))
        };
        for play in plays(playbooks).into_iter().filter(|play| left(play)) {
            let pattern = pattern(&play, renderer, options)?;
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
}

/// Leaves each play the hosts of a shard. They are dealt in the inventory's order, whatever the plays' is, so that a host that is
/// in several plays falls to the same shard in all.
fn take_part(plays: &mut [Selected], shard: Shard, inventory: &Inventory) {
    let all: BTreeSet<&String> = plays.iter().flat_map(|play| &play.hosts).collect();
    let ordered = inventory.hosts().map(ToString::to_string).filter(|host| all.contains(host));
    let dealt = ordered.enumerate().filter(|(position, _)| shard.takes(*position));
    let own: BTreeSet<String> = dealt.map(|(_, host)| host).collect();
    for play in plays {
        play.hosts.retain(|host| own.contains(host));
        play.listed.retain(|host| own.contains(host));
    }
    if own.is_empty() {
        output::note(&format!("note: no host falls to shard {shard}"));
    }
}

/// The pattern of a play's hosts.
fn pattern(play: &Play, renderer: &Renderer, options: &Options) -> Result<Pattern, Problems> {
    if !play.hosts.has_template() {
        return Pattern::from_node(&play.hosts);
    }
    let scope = Arc::new(options.scope_of_play(play));
    let text = renderer.text(&play.hosts, &scope).map_err(problem_of)?;
    Pattern::from_argument("hosts", &text)
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
