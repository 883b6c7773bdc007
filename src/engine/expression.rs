//! What an expression is for a host before a play's first task, for `dtrctl eval`: with the run's own variables, and no host
//! touched.

use std::collections::BTreeSet;
use std::sync::Arc;

use modules::{Facts, decode_facts};
use serde_json::Value as Json;

use super::host::facts_layer;
use super::magic::lists_of;
use super::meeting::Meeting;
use super::run::Shared;
use super::scope::NoValue;
use super::variables::{Kept, names_set};
use super::view::HostView;
use crate::event::Position;
use crate::playbook::Play;
use crate::template::{Hosts, Layer, Scope};
use crate::yaml::{Node, Problem};

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The expression, or a template.
    pub node: &'a Node,
    /// The host for which it is asked.
    pub host: &'a str,
    /// The play in which it is asked.
    pub play: &'a Arc<Play>,
    /// The play's hosts.
    pub hosts: &'a [String],
}

/// A host's variables before a play's first task.
struct Before {
    scope: Arc<Scope>,
    facts: Known,
}

/// What is known of a host's facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// They were remembered.
    Remembered,
    /// The play gathers them, and none are remembered.
    Missing,
    /// The play does not gather them.
    NotGathered,
}

impl Shared {
    /// The value of an expression for a host.
    ///
    /// # Errors
    /// What is wrong with the expression or with a file of variables, at its place.
    pub fn value_of(self: &Arc<Self>, asked: Asked<'_>) -> Result<Json, Box<Problem>> {
        let before = self.before(asked)?;
        let value = if asked.node.has_template() {
            self.renderer.value(asked.node, &before.scope)
        } else {
            self.renderer.expression(asked.node, &before.scope)
        };
        value.map_err(|error| Box::new(before.explained(error, asked)))
    }

    fn before(self: &Arc<Self>, asked: Asked<'_>) -> Result<Before, Box<Problem>> {
        let (host, play) = (asked.host, asked.play);
        let (mut variables, mut magic) =
            self.variables(play, host, &lists_of(asked.hosts, asked.hosts, asked.hosts), Kept::default());
        let facts = self.facts_before(&mut variables, asked)?;
        let meeting = Arc::new(Meeting::new(vec![host.to_owned()], false));
        let view = Arc::new(HostView::new(self, host, &meeting, &Arc::new(BTreeSet::new())));
        view.see(true, &Position::default(), variables.kept());
        magic.set_hosts("hostvars", view as Arc<dyn Hosts>);
        variables.magic = Arc::new(magic);
        let mut files = Layer::new();
        for candidates in &play.vars_files {
            let scope = Arc::new(variables.scope());
            let read = self.first_vars_file(play, candidates, &scope)?;
            read.iter().for_each(|(name, value)| files.set_source(name.clone(), value));
            variables.files = Arc::new(files.clone());
        }
        // What a task sets is not there yet, which is no mistake of the expression's.
        let known = variables.scope();
        for name in names_set(play.tasks().chain(&play.handlers)) {
            if !known.contains(&name) {
                variables.learn_pending(&name);
            }
        }
        Ok(Before { scope: Arc::new(variables.scope()), facts })
    }

    /// Takes remembered facts over.
    fn facts_before(
        &self,
        variables: &mut super::variables::Variables,
        asked: Asked<'_>,
    ) -> Result<Known, Box<Problem>> {
        let scope = Arc::new(variables.scope());
        let gathers = match &asked.play.gather_facts {
            Some(node) => self.renderer.flag(node, &scope).map_err(super::scope::problem_of)?,
            None => true,
        };
        if !gathers {
            variables.forget_facts();
            return Ok(Known::NotGathered);
        }
        let Some(facts) = self.remembered_facts(asked.host, &scope) else {
            let mut layer = Layer::new();
            layer.set_unknown("ansible_facts", "nothing is remembered");
            variables.facts = Arc::new(layer);
            return Ok(Known::Missing);
        };
        variables.facts = Arc::new(facts_layer(&facts));
        Ok(Known::Remembered)
    }

    /// Those that the user who logs in has seen, else those of another user.
    fn remembered_facts(&self, host: &str, scope: &Arc<Scope>) -> Option<Facts> {
        let connection = self.connections.to(host, &self.inventory, &self.renderer, scope).ok()?;
        let mut all: Vec<(String, String)> = self.memory.host(&connection.key).facts.into_iter().collect();
        all.sort();
        all.iter().find_map(|(_, body)| decode_facts(body).ok())
    }
}

impl Before {
    /// Why there is no value.
    fn explained(&self, error: NoValue, asked: Asked<'_>) -> Problem {
        let wrong = match error {
            NoValue::Wrong(problem) => *problem,
            NoValue::Unknown(_) => Problem::new("`ansible_facts` is not known here", asked.node.place()),
            NoValue::Pending => Problem::new("this depends on what tasks find out", asked.node.place())
                .help("it is known only while the play runs; `debug` shows it there"),
        };
        let about_facts = wrong.message.contains("`ansible_");
        match self.facts {
            Known::Missing if about_facts => wrong.help(format!(
                "nothing is remembered of `{}`; an apply or a check of a play that gathers facts remembers them",
                asked.host
            )),
            Known::NotGathered if about_facts => {
                wrong.help("the play says `gather_facts: false`, so that it has no facts")
            }
            _ => wrong,
        }
    }
}
