//! Where a delegated task is done: on this machine, or on another host of the inventory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use modules::{Call, Facts, Host, decode_facts};
use tokio::sync::{Mutex as TurnMutex, OnceCell};

use super::connect::NoWay;
use super::run::Shared;
use super::scripts::Scripts;
use super::variables::Kept;
use crate::inventory::LOCALHOST;
use crate::template::Scope;
use crate::transport::{Identity, Transport};

/// Where a delegated task is done.
pub struct Site {
    /// The host.
    pub host: Host,
    /// How scripts get there.
    pub transport: Arc<Transport>,
    /// What the inventory and earlier tasks say of it.
    pub scope: Arc<Scope>,
    /// Whether it is this machine, which no inventory names.
    pub is_controller: bool,
    /// One delegated task at a time changes something there: many hosts have the same one.
    pub acting: TurnMutex<()>,
}

/// The sites of a run.
#[derive(Default)]
pub struct Sites(Mutex<HashMap<String, Arc<Found>>>);

/// A site, once it is known.
type Found = OnceCell<Result<Arc<Site>, String>>;

impl Shared {
    /// The site of a name. Only this machine and hosts of the inventory are sites: what a host has said cannot lead to another one.
    ///
    /// # Errors
    /// The sentence that says why nothing can be delegated there.
    pub async fn site(&self, name: &str) -> Result<Arc<Site>, String> {
        let cell = {
            let mut sites = self.sites.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(sites.entry(name.to_owned()).or_default())
        };
        cell.get_or_init(|| Box::pin(self.find_site(name))).await.clone()
    }

    async fn find_site(&self, name: &str) -> Result<Arc<Site>, String> {
        let scope = Arc::new(self.scope_of_host(name));
        let of = |host, transport, is_controller| {
            Arc::new(Site {
                host,
                transport,
                scope: Arc::clone(&scope),
                is_controller,
                acting: TurnMutex::new(()),
            })
        };
        if !self.inventory.has_host(name) {
            if !LOCALHOST.contains(&name) {
                return Err(format!(
                    "a task can be delegated to hosts of the inventory and to `localhost`, and `{name}` is neither"
                ));
            }
            let facts = self.connections.local_facts(&super::run::random(), &self.options.limits).await;
            return Ok(of(Host::new("localhost", facts), self.connections.local(), true));
        }
        // Nothing that a host has said can change how one is reached.
        let told = Arc::new(self.scope_with(name, Kept::default()));
        let connection = self.connections.to(name, &self.inventory, &self.renderer, &told);
        let connection = connection.map_err(|no_way| match no_way {
            NoWay::Unsupported(reason) | NoWay::Unreachable(reason) => reason.message,
            NoWay::Wrong(problems) => problems.to_string(),
        })?;
        let unknown = Host::new(name, Facts::default());
        let mut scripts = Scripts::new(&unknown, connection.transport.shell());
        scripts.of(&Identity::Login).answer(0, &Call::new("ask_facts"));
        let frames =
            scripts.run(name, &connection.transport, self).await.map_err(|error| error.to_string())?;
        let facts = frames
            .get(0)
            .and_then(|frame| decode_facts(&frame.body).ok())
            .ok_or_else(|| format!("the facts of `{name}` cannot be read"))?;
        let mut host = Host::new(name, facts);
        host.settings = self.settings(&scope).map_err(|reason| reason.message)?;
        Ok(of(host, connection.transport, false))
    }
}
