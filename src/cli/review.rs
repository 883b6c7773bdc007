//! `dtrctl apply PLAN.json`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::apply::{Apply, Going};
use super::output;
use super::settings::settings;
use crate::engine::Selected;
use crate::error::Failure;
use crate::event::Outcome;
use crate::plan::{KeyFile, Made, Named, NoPlan, PlanFile, Planning, Reviewed, Sealer};
use crate::report::fold;

/// What concerns plan files.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct ReviewOptions {
    /// Applies a plan of which not all is known, too: it may hold commands, and what depends on them.
    #[arg(long)]
    pub allow_unknown: bool,
    /// The key of the digests that stand for secrets in a plan. Default: `dtrctl/plan.key` in the user's state directory, which is
    /// made where one is needed first.
    #[arg(long, value_name = "FILE", env = "DTRCTL_PLAN_KEY")]
    pub plan_key: Option<PathBuf>,
    /// Where the directory lies in which the plan was made, for another checkout of the same. Default: where it was.
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

impl ReviewOptions {
    /// Refuses what is said about a plan that is applied.
    pub fn refuse(&self, why: &str) -> Result<(), Failure> {
        let flags = [("--allow-unknown", self.allow_unknown), ("--directory", self.directory.is_some())];
        match flags.into_iter().find(|(_, is_given)| *is_given) {
            Some((flag, _)) => Err(Failure::said(format!("`{flag}` {why}"))),
            None => Ok(()),
        }
    }

    /// Where the key lies.
    pub fn key_file(&self) -> Result<KeyFile, Failure> {
        if let Some(path) = &self.plan_key {
            return Ok(KeyFile { path: path.clone() });
        }
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
        let state = state.or_else(home).ok_or_else(|| {
            Failure::said("there is no home directory for the key of plans")
                .help("give one with `--plan-key FILE`")
        })?;
        Ok(KeyFile { path: state.join("dtrctl/plan.key") })
    }
}

/// The plan that the arguments name; none where they name playbooks.
pub fn plan_in(arguments: &[PathBuf]) -> Result<Option<(PathBuf, PlanFile)>, Failure> {
    let is_json = |path: &Path| path.extension().is_some_and(|ending| ending == "json");
    let Some(path) = arguments.iter().find(|path| is_json(path)) else { return Ok(None) };
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::said(format!("`{shown}` cannot be read: {error}")))?;
    // A playbook is a list, in JSON too.
    if text.trim_start().starts_with('[') {
        return Ok(None);
    }
    let plan = PlanFile::read(&text).map_err(|why| match why {
        NoPlan::Other => Failure::said(format!("`{shown}` is neither a plan nor a playbook")).help(
            "a plan is what `dtrctl plan PLAYBOOK -o PLAN.json` writes, and a playbook is a list of plays",
        ),
        NoPlan::Wrong(why) => Failure::said(format!("`{shown}` {why}")),
    })?;
    if arguments.len() > 1 {
        return Err(Failure::said(format!("`{shown}` is a plan, which is applied alone"))
            .help("it names the playbooks that it was made of"));
    }
    Ok(Some((path.clone(), plan)))
}

/// A plan that is to be applied.
pub struct Review {
    path: PathBuf,
    plan: PlanFile,
    allow_unknown: bool,
    /// Whether a limit was given.
    limited: bool,
    /// Whether it may be applied to nobody.
    allow_empty: bool,
}

impl Review {
    /// The plan, and the run that it comes from with what may be said anew.
    pub fn of(path: PathBuf, mut plan: PlanFile, given: &Apply) -> Result<(Self, Apply), Failure> {
        if let Some(directory) = &given.review.directory {
            plan.made = elsewhere(&plan.made, directory);
        }
        refuse_what_plans_anew(given, &plan.made)?;
        let review = Self {
            allow_unknown: given.review.allow_unknown,
            limited: given.inventory.limit.is_some(),
            allow_empty: given.allow_empty,
            path,
            plan,
        };
        review.same_settings()?;
        let made = &review.plan.made;
        let mut apply = given.clone();
        apply.playbooks = made.playbooks.iter().map(|playbook| PathBuf::from(&playbook.path)).collect();
        if let Some(path) = apply.playbooks.iter().find(|path| !path.exists()) {
            return Err(Failure::said(format!(
                "`{}`, of which `{}` was made, is not there",
                path.display(),
                review.path.display()
            ))
            .help(format!(
                "it lay in `{}` when the plan was made; where that directory is now is said by `--directory DIR`",
                made.directory
            )));
        }
        apply.inventory.inventory.clone_from(&made.inventories);
        apply.inventory.extra_vars.clone_from(&made.extra_vars);
        apply.tags.clone_from(&made.tags);
        apply.skip_tags.clone_from(&made.skip_tags);
        apply.connection.r#become = made.r#become;
        apply.connection.user = apply.connection.user.or_else(|| made.user.clone());
        apply.force_handlers = made.force_handlers;
        // A limit may leave a play without hosts.
        apply.allow_empty = true;
        review.say_what_changed(given.mode.shown.verbose > 0);
        Ok((review, apply))
    }

    /// The sealer, with the key that the plan was sealed with.
    fn sealer(&self, key: KeyFile) -> Result<Sealer, Failure> {
        let Some(name) = &self.plan.key else { return Ok(Sealer::new(key, Vec::new())) };
        let help = "the key lies on the machine that made the plan, as `dtrctl/plan.key` in the user's state directory; give it with \
                    `--plan-key FILE`";
        let shown = key.path.display().to_string();
        match key.read() {
            Ok(Some(known)) if known.name() == *name => Ok(Sealer::new(key, Vec::new())),
            Ok(Some(_)) => {
                Err(Failure::said(format!("the plan was sealed with another key than `{shown}`")).help(help))
            }
            Ok(None) => Err(Failure::said(format!(
                "the plan holds secrets that were sealed with a key, and there is no `{shown}`"
            ))
            .help(help)),
            Err(why) => Err(Failure::said(why)),
        }
    }

    /// What the run is to do with the plan.
    pub fn going(self, key: KeyFile) -> Result<Going<'static>, Failure> {
        let sealer = Arc::new(self.sealer(key)?);
        let reviewed = Arc::new(Reviewed::new(self.plan.hosts.clone(), !self.limited));
        Ok(Going {
            planning: Planning { sealer: Some(sealer), reviewed: Some(reviewed) },
            limit: self.plan.made.limit.clone(),
            review: Some(self),
            ..Going::default()
        })
    }

    /// Leaves the hosts that the plan holds; one that was asked for and is not among them is refused, and so is a plan that is not
    /// known to its end.
    pub fn narrow(&self, plays: &mut [Selected]) -> Result<(), Failure> {
        let mut others = Vec::new();
        for play in plays.iter_mut() {
            for host in play.hosts.iter().filter(|host| !self.plan.hosts.contains_key(*host)) {
                if !others.contains(host) {
                    others.push(host.clone());
                }
            }
            play.hosts.retain(|host| self.plan.hosts.contains_key(host));
            play.listed.retain(|host| self.plan.hosts.contains_key(host));
        }
        let names = fold(&others.iter().map(String::as_str).collect::<Vec<_>>());
        if !others.is_empty() && self.limited {
            return Err(Failure::said(format!("not in the plan: {names}"))
                .help("plan these hosts, or leave them out, such as by `-l 'GROUP:!HOST'`"));
        }
        if !others.is_empty() {
            output::note(&format!("note: left alone, as the plan does not hold them: {names}"));
        }
        if plays.iter().all(|play| play.hosts.is_empty()) && !self.allow_empty {
            return Err(Failure::said("no host of the plan is selected").help(format!(
                "it holds these: {}",
                fold(&self.plan.hosts.keys().map(String::as_str).collect::<Vec<_>>())
            )));
        }
        self.refuse_unknown(plays)
    }

    fn refuse_unknown(&self, plays: &[Selected]) -> Result<(), Failure> {
        let selected = |host: &String| plays.iter().any(|play| play.hosts.contains(host));
        let mut unknown: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
        for (host, plan) in self.plan.hosts.iter().filter(|(host, _)| selected(host)) {
            for task in plan.tasks.iter().filter(|task| task.outcome == Outcome::Unknown) {
                let why = task.reason.clone().unwrap_or_default();
                unknown.entry((task.shown(), why)).or_default().push(host);
            }
        }
        if unknown.is_empty() || self.allow_unknown {
            return Ok(());
        }
        let mut text = "the plan does not know what these tasks do:".to_owned();
        for ((task, why), mut hosts) in unknown {
            hosts.dedup();
            text += &format!("\n  {task} on {}: {why}", fold(&hosts));
        }
        Err(Failure::said(text).help(
            "what is known of them, such as a command's words, is compared all the same; accept the rest with `--allow-unknown`",
        ))
    }

    /// Another `ansible.cfg` would bring other roles and inventories.
    fn same_settings(&self) -> Result<(), Failure> {
        let now = config_path()?;
        let then = &self.plan.made.config;
        if now == *then {
            return Ok(());
        }
        let named =
            |path: &Option<String>| path.as_ref().map_or("none".to_owned(), |path| format!("`{path}`"));
        let help = match then {
            Some(path) => format!("run it in `{}`, or set ANSIBLE_CONFIG={path}", self.plan.made.directory),
            None => format!("run it in `{}`", self.plan.made.directory),
        };
        Err(Failure::said(format!(
            "the plan was made with another ansible.cfg: {} then, {} now",
            named(then),
            named(&now)
        ))
        .help(help))
    }

    /// What is no reason to stop, as what is planned is compared.
    fn say_what_changed(&self, verbose: bool) {
        let changed = self.plan.made.playbooks.iter().filter(|playbook| {
            std::fs::read(&playbook.path).is_ok_and(|bytes| modules::digest(&bytes) != playbook.sha256)
        });
        for playbook in changed.filter(|_| verbose) {
            output::note(&format!("note: `{}` has changed since the plan was made", playbook.path));
        }
        let now = env!("CARGO_PKG_VERSION");
        if self.plan.dtrctl != now {
            output::note(&format!(
                "note: the plan was made by dtrctl {}, and this is {now}",
                self.plan.dtrctl
            ));
        }
    }
}

/// What a plan was made of, in another directory.
fn elsewhere(made: &Made, directory: &Path) -> Made {
    let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let there = |path: &str| match Path::new(path).strip_prefix(&made.directory) {
        Ok(below) => directory.join(below).display().to_string(),
        Err(_) => path.to_owned(),
    };
    let file = |text: &String| match text.strip_prefix('@') {
        Some(path) => format!("@{}", there(path)),
        None => text.clone(),
    };
    let named = |playbook: &Named| Named { path: there(&playbook.path), ..playbook.clone() };
    Made {
        config: made.config.as_deref().map(there),
        playbooks: made.playbooks.iter().map(named).collect(),
        inventories: made.inventories.iter().map(|path| there(path)).collect(),
        extra_vars: made.extra_vars.iter().map(file).collect(),
        directory: directory.display().to_string(),
        ..made.clone()
    }
}

/// The `ansible.cfg` that is in force.
pub fn config_path() -> Result<Option<String>, Failure> {
    let path = settings()?.path.as_ref();
    Ok(path.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()))
}

/// Whether paths lead to the same files, in the same order.
fn is_same(these: &[String], those: &[String]) -> bool {
    let real = |path: &String| std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
    these.iter().map(real).eq(those.iter().map(real))
}

/// What decides what is planned stands in the plan.
fn refuse_what_plans_anew(given: &Apply, made: &Made) -> Result<(), Failure> {
    let from_environment = std::env::var("DTRCTL_INVENTORY").ok();
    // Who always gives `-i` has said nothing new where it names the plan's own.
    let inventory = !given.inventory.inventory.is_empty()
        && from_environment.as_slice() != given.inventory.inventory.as_slice()
        && !is_same(&given.inventory.inventory, &made.inventories);
    let flags = [
        ("-i", inventory),
        ("-e", !given.inventory.extra_vars.is_empty()),
        ("-t", !given.tags.is_empty()),
        ("--skip-tags", !given.skip_tags.is_empty()),
        ("-b", given.connection.r#become && !made.r#become),
        ("--force-handlers", given.force_handlers && !made.force_handlers),
    ];
    match flags.into_iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(Failure::said(format!(
            "`{flag}` would change what is planned, and a plan is applied as it was reviewed"
        ))
        .help(format!(
            "leave `{flag}` out, or make a new plan with it; `-l` takes some of the plan's hosts"
        ))),
        None => Ok(()),
    }
}
