//! `dtrctl plan`

use std::path::{Path, PathBuf, absolute};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use serde_json::Value as Json;
use time::OffsetDateTime;

use super::apply::{Apply, Going};
use super::mode::Format;
use super::review::{config_path, plan_in};
use super::run::run_name;
use super::settings::settings;
use super::{Done, output};
use crate::error::Failure;
use crate::event::{Event, State};
use crate::plan::{Collector, Made, Named, NoPlan, PlanFile, Planning, Sealer, VERSION};
use crate::report::{Report, ReportError};

/// Plans playbooks, as `apply --check` does, and keeps the plan: `dtrctl apply PLAN.json` makes exactly that so.
#[derive(Debug, Args)]
#[command(mut_arg("allow_unknown", |arg| arg.hide(true)), mut_arg("directory", |arg| arg.hide(true)), mut_arg("check", |arg| arg.hide(true)))]
pub struct Plan {
    #[command(flatten)]
    apply: Apply,
    /// Where the plan goes.
    #[arg(short, long, value_name = "PLAN.json")]
    output: PathBuf,
}

impl Plan {
    pub fn run(self) -> Done {
        let Self { mut apply, output } = self;
        apply.mode.check = true;
        apply.review.refuse("is said when the plan is applied")?;
        if let Some((path, _)) = plan_in(&apply.playbooks)? {
            return Err(Failure::said(format!("`{}` is a plan already", path.display()))
                .help("`dtrctl apply` makes it so; a new one is made of its playbooks"));
        }
        refuse_output(&output)?;
        let now = OffsetDateTime::now_utc().truncate_to_second();
        let made = made(&apply)?;
        let given = given(&apply)?;
        let key = apply.review.key_file()?;
        // One that cannot be used is said before hosts are asked.
        key.read().map_err(Failure::said)?;
        let sealer = Arc::new(Sealer::new(key, given));
        if apply.listing.any() {
            return apply.go(Going::default());
        }
        let gathered = Arc::new(Mutex::new(Gathered::default()));
        let human = apply.mode.format == Format::Human;
        let code = apply.go(Going {
            planning: Planning { sealer: Some(Arc::clone(&sealer)), reviewed: None },
            limit: apply.inventory.limit.clone(),
            report: Some(Box::new(Gatherer(Arc::clone(&gathered)))),
            ..Going::default()
        })?;
        if code == INTERRUPTED {
            output::note("no plan was saved, as the run was interrupted");
            return Ok(code);
        }
        let gathered = std::mem::take(&mut *gathered.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(name) = sealer.secrets_given().first() {
            return Err(secret(name));
        }
        let plan = PlanFile {
            dtrctl_plan: VERSION,
            run: gathered.run,
            who: run_name(now).who,
            when: now.format(&time::format_description::well_known::Rfc3339).unwrap_or_default(),
            dtrctl: env!("CARGO_PKG_VERSION").to_owned(),
            key: sealer.key_name().map_err(Failure::said)?,
            made,
            hosts: gathered.collector.hosts,
        };
        plan.write(&output).map_err(Failure::said)?;
        if human {
            output::print(&saved(&plan, &output));
        }
        Ok(code)
    }
}

const INTERRUPTED: u8 = 130;

/// Where the plan lies, and what can be done with it.
fn saved(plan: &PlanFile, path: &Path) -> String {
    let shown = path.display();
    let canary = plan.hosts.iter().find(|(_, plan)| plan.state == State::Changed).map(|(host, _)| host);
    let hint = canary
        .map(|host| format!("; apply it with `dtrctl apply {shown} -l {host}` first"))
        .unwrap_or_default();
    format!("plan saved as {shown}{hint}\n")
}

/// What events say, for the plan.
#[derive(Default)]
struct Gathered {
    run: String,
    collector: Collector,
}

struct Gatherer(Arc<Mutex<Gathered>>);

impl Report for Gatherer {
    fn on(&mut self, event: &Event) {
        let mut gathered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Event::RunStarted { run, .. } = event {
            gathered.run.clone_from(run);
        }
        gathered.collector.on(event);
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        Ok(())
    }
}

/// What a plan does not take the place of, said before any host is asked.
fn refuse_output(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    if path.extension().is_none_or(|ending| ending != "json") {
        return Err(Failure::said(format!("`{shown}`: a plan's name ends in .json"))
            .help("by that `dtrctl apply` tells plans from playbooks"));
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !directory.is_dir() {
        return Err(Failure::said(format!("`{}` is no directory for a plan", directory.display())));
    }
    let known = match std::fs::read_to_string(path) {
        Ok(text) => !matches!(PlanFile::read(&text), Err(NoPlan::Other)),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if known {
        return Ok(());
    }
    Err(Failure::said(format!("`{shown}` is there, and is no plan")).help("give a plan a name of its own"))
}

/// What the plan is made of, as it can be found again from anywhere.
fn made(apply: &Apply) -> Result<Made, Failure> {
    let whole = |path: &Path| absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    let named = |path: &PathBuf| {
        let bytes = std::fs::read(path)
            .map_err(|error| Failure::said(format!("`{}` cannot be read: {error}", path.display())))?;
        Ok(Named { path: whole(path), sha256: modules::digest(&bytes) })
    };
    let given = &apply.inventory;
    let inventories = if given.inventory.is_empty() { &settings()?.inventory } else { &given.inventory };
    let file = |text: &String| match text.strip_prefix('@') {
        Some(path) => format!("@{}", whole(Path::new(path))),
        None => text.clone(),
    };
    let list = |text: &String| if Path::new(text).exists() { whole(Path::new(text)) } else { text.clone() };
    Ok(Made {
        directory: std::env::current_dir().unwrap_or_default().display().to_string(),
        config: config_path()?,
        playbooks: apply.playbooks.iter().map(named).collect::<Result<_, Failure>>()?,
        inventories: inventories.iter().map(list).collect(),
        extra_vars: given.extra_vars.iter().map(file).collect(),
        limit: given.limit.clone(),
        tags: apply.tags.clone(),
        skip_tags: apply.skip_tags.clone(),
        user: apply.connection.user.clone(),
        r#become: apply.connection.r#become,
        force_handlers: apply.force_handlers,
    })
}

/// The texts that `-e` would put into the plan as they are, by variable. One that is called a secret is refused.
fn given(apply: &Apply) -> Result<Vec<(String, String)>, Failure> {
    const SECRETS: [&str; 9] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "credential",
        "private_key",
        "apikey",
        "api_key",
    ];
    let mut texts = Vec::new();
    for (text, name, value) in apply.inventory.extra_on_line()? {
        let lower = name.to_lowercase();
        if SECRETS.iter().any(|word| lower.contains(word)) {
            return Err(secret(&name));
        }
        let mut found = Vec::new();
        strings(&value, &mut found);
        // What was encrypted stands there as it was encrypted.
        let shown = found.into_iter().filter(|found| text.contains(found));
        texts.extend(shown.map(|found| (name.clone(), found)));
    }
    Ok(texts)
}

fn strings(value: &Json, found: &mut Vec<String>) {
    match value {
        Json::String(text) => found.push(text.clone()),
        Json::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Json::Object(map) => map.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}

fn secret(name: &str) -> Failure {
    Failure::said(format!("`-e {name}` is a secret, and would stand in the plan as it is"))
        .help("put it into a file, encrypted where that is kept, and give `-e @FILE`: the plan names the file alone")
}
