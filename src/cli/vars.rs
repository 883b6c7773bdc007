//! `dtrctl vars`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Value as Json, json};

use super::options::{Format, InventoryOptions};
use super::{Done, output, playbooks};
use crate::engine::{Later, Origins, Renderer, Set, Traced, plays};
use crate::error::Failure;
use crate::inventory::{Inventory, Pattern};
use crate::playbook::Play;
use crate::vault;
use crate::yaml::{Place, suggest};

/// The value of a host's variable before the first task, the place that set it, the places it overrules, and what in the
/// playbook may change it while it runs; without a name, all variables, one a line. No host is touched.
#[derive(Debug, Args)]
pub struct Vars {
    /// The variable.
    variable: Option<String>,
    /// The host.
    #[arg(long, value_name = "NAME")]
    host: String,
    /// The playbook whose plays, roles and files of variables count, too.
    #[arg(long, value_name = "PLAYBOOK")]
    playbook: Option<PathBuf>,
    #[command(flatten)]
    inventory: InventoryOptions,
    /// A text for people, or one JSON document.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// The variables as one play has them.
struct View {
    play: Option<Arc<Play>>,
    origins: Origins,
}

impl Vars {
    pub fn run(self) -> Done {
        let directory = self.playbook.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let inventory = Arc::new(self.inventory.load(Some(directory))?);
        if !inventory.has_host(&self.host) && inventory.vars(&self.host).is_empty() {
            let near = suggest(&self.host, inventory.hosts().map(|name| &**name));
            let help = near.map_or_else(
                || "`dtrctl inventory --graph` shows all hosts".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(Failure::said(format!("the inventory has no host `{}`", self.host)).help(help));
        }
        let renderer = Renderer::with_lookups(directory.to_path_buf(), None, false);
        let views = self.views(&inventory, &renderer)?;
        let text = match (&self.variable, self.format) {
            (_, Format::Json) => format!("{:#}\n", self.json(&views, &renderer)?),
            (Some(name), Format::Human) => self.one(name, &views, &renderer)?,
            (None, Format::Human) => views.iter().map(|view| all(view, &renderer)).collect(),
        };
        output::print(&vault::masked(&text));
        Ok(0)
    }

    /// One for each play that the host is in, or one without a play.
    fn views(&self, inventory: &Arc<Inventory>, renderer: &Renderer) -> Result<Vec<View>, Failure> {
        let extra = self.inventory.extra_nodes()?;
        let of = |play: Option<Arc<Play>>| {
            let origins = Origins::of(inventory, &self.host, play.as_deref(), &extra, renderer)?;
            Ok::<_, Failure>(View { play, origins })
        };
        let Some(playbook) = &self.playbook else { return Ok(vec![of(None)?]) };
        let mut views = Vec::new();
        for play in plays(&playbooks::read(std::slice::from_ref(playbook))?) {
            // A play whose hosts are told by a template is looked at all the same.
            let selects = play.hosts.has_template() || {
                let hosts = inventory.select(&Pattern::from_node(&play.hosts)?)?.hosts;
                hosts.iter().any(|name| **name == self.host)
            };
            if selects {
                views.push(of(Some(play))?);
            }
        }
        if views.is_empty() {
            let message = format!("no play of `{}` has the host `{}`", playbook.display(), self.host);
            return Err(Failure::said(message).help("without --playbook, no play is asked for"));
        }
        Ok(views)
    }

    fn traced<'v>(&self, name: &str, views: &'v [View]) -> Result<Vec<(&'v View, &'v Traced)>, Failure> {
        let found: Vec<_> = views
            .iter()
            .filter_map(|view| view.origins.variables.get(name).map(|traced| (view, traced)))
            .collect();
        if found.is_empty() {
            let names = views.iter().flat_map(|view| view.origins.variables.keys().map(String::as_str));
            let help = suggest(name, names).map_or_else(
                || "without a name, all are listed".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(Failure::said(format!("nothing sets `{name}` for `{}`", self.host)).help(help));
        }
        Ok(found)
    }

    fn one(&self, name: &str, views: &[View], renderer: &Renderer) -> Result<String, Failure> {
        let mut text = String::new();
        for (view, traced) in self.traced(name, views)? {
            text += &heading(view);
            text += &match view.origins.value(traced, renderer) {
                Ok(value) => format!("{name} = {value}\n"),
                Err(why) => format!("{name}: {why}\n"),
            };
            let mut set = traced.set.iter().rev();
            if let Some(won) = set.next() {
                text += &format!("  set at {}: {}\n", won.at, won.layer);
            }
            for beaten in set {
                text += &format!("  over {}: {}: {}\n", beaten.at, beaten.layer, written(beaten));
            }
            for later in traced.later.iter().chain(&view.origins.any) {
                text += &format!("  may change at {}: {}\n", later.at, later.how);
            }
        }
        Ok(text)
    }

    fn json(&self, views: &[View], renderer: &Renderer) -> Result<Json, Failure> {
        let of = |view: &View, traced: &Traced| {
            let mut set = traced.set.iter().rev().map(set_json);
            let mut json = match view.origins.value(traced, renderer) {
                Ok(value) => json!({ "value": value }),
                Err(why) => json!({ "no_value": why }),
            };
            json["set"] = set.next().unwrap_or(Json::Null);
            json["over"] = set.collect();
            json["may_change"] = traced.later.iter().chain(&view.origins.any).map(later_json).collect();
            json
        };
        let play = |view: &View| view.play.as_ref().map(|play| play.shown_name().to_owned());
        let mut plays = Vec::new();
        if let Some(name) = &self.variable {
            for (view, traced) in self.traced(name, views)? {
                let mut json = of(view, traced);
                json["play"] = play(view).into();
                plays.push(json);
            }
        } else {
            for view in views {
                let variables = view.origins.variables.iter();
                let variables: serde_json::Map<_, _> =
                    variables.map(|(name, traced)| (name.clone(), of(view, traced))).collect();
                plays.push(json!({ "play": play(view), "variables": variables }));
            }
        }
        Ok(json!({ "host": self.host, "variable": self.variable, "plays": plays }))
    }
}

/// All variables, one a line.
fn all(view: &View, renderer: &Renderer) -> String {
    let line = |(name, traced): (&String, &Traced)| {
        let value = match view.origins.value(traced, renderer) {
            Ok(value) => format!(" = {value}"),
            Err(why) => format!(": {why}"),
        };
        let place = traced.set.last().map(|set| &set.at).or(traced.later.first().map(|later| &later.at));
        format!("{name}{value}  ({})\n", place.map(ToString::to_string).unwrap_or_default())
    };
    heading(view) + &view.origins.variables.iter().map(line).collect::<String>()
}

fn heading(view: &View) -> String {
    let play = view.play.as_ref();
    play.map(|play| format!("play `{}` ({}):\n", play.shown_name(), play.place)).unwrap_or_default()
}

/// A value as it is written, on one line.
fn written(set: &Set) -> String {
    set.value.to_listing(false).map_or_else(|_| "…".to_owned(), |value| value.to_string())
}

fn set_json(set: &Set) -> Json {
    let mut json = place_json(&set.at);
    json["layer"] = set.layer.as_str().into();
    json["written"] = set.value.to_listing(false).unwrap_or_default();
    json
}

fn later_json(later: &Later) -> Json {
    let mut json = place_json(&later.at);
    json["how"] = later.how.as_str().into();
    json
}

fn place_json(place: &Place) -> Json {
    let (line, column) = place.line_column();
    json!({ "file": place.source.path.display().to_string(), "line": line, "column": column })
}
