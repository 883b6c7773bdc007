//! `wait_for`: until a port, a file or nothing is there.

mod regex;

use std::net::Ipv4Addr;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::arguments::Whole;
use crate::contract::{
    AskError, AskWait, Host, HostPath, Module, Plan, PlanError, Probe, Touches, WaitCondition, Waited,
};

/// Waits, on the host, until a port takes connections or takes none, or until a file is there or gone; the task fails once the time
/// is over. Without `port` and `path` it waits for as long as `timeout` says. A port is looked at with the host's bash, nc or curl.
///
/// It never passes an earlier task that may still change something. In check mode it looks as long as nothing is planned; what
/// it would find after a planned change is unknown, and Ansible skips it.
///
/// It registers `state`, `port`, `path`, `search_regex` and `elapsed`, in seconds. The groups of a pattern are not registered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitFor {
    /// The host whose port it is, as seen from the task's host. Default: 127.0.0.1.
    #[serde(default = "this_host")]
    host: String,
    /// The port. Give this or `path`.
    #[serde(default)]
    port: Option<Whole>,
    /// The path. Give this or `port`.
    #[serde(default)]
    path: Option<HostPath>,
    /// A regular expression that is looked for, a line at a time: in the file, or in what the port says by itself. It is one of
    /// Python's, as far as `grep -E` can do the same.
    #[serde(default)]
    search_regex: Option<String>,
    /// What is waited for: `started` and `present` are the same, as are `stopped` and `absent`. Default: `started`.
    #[serde(default)]
    state: Awaited,
    /// Seconds before the first look. Default: 0.
    #[serde(default)]
    delay: Option<Whole>,
    /// Seconds between two looks. Default: 1.
    #[serde(default)]
    sleep: Option<Whole>,
    /// Seconds in all. Default: 300.
    #[serde(default)]
    timeout: Option<Whole>,
    /// Seconds that one connection may take. Default: 5.
    #[serde(default)]
    connect_timeout: Option<Whole>,
    /// What to say where the time is over. Default: what was waited for.
    #[serde(default)]
    msg: Option<String>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Awaited {
    /// The port takes connections, or the file is there.
    #[default]
    Started,
    /// The same as `started`.
    Present,
    /// The port takes no connections.
    Stopped,
    /// The port takes no connections, or the file is gone.
    Absent,
    /// Nobody is connected to the port.
    Drained,
}

impl Awaited {
    const fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Present => "present",
            Self::Stopped => "stopped",
            Self::Absent => "absent",
            Self::Drained => "drained",
        }
    }
}

fn this_host() -> String {
    "127.0.0.1".to_owned()
}

fn seconds(given: Option<Whole>, default: u64) -> u64 {
    given.map_or(default, |Whole(seconds)| u64::try_from(seconds).unwrap_or(0))
}

impl Module for WaitFor {
    const NAME: &'static str = "wait_for";
    const EXAMPLE: &'static str =
        "- wait_for:\n    port: 5000\n    timeout: 60\n- wait_for:\n    path: /var/run/docker.sock\n";
    const TOUCHES: Touches = Touches::Nothing;
    type State = Waited;

    fn probe(&self, host: &Host) -> Probe<Waited> {
        match self.condition() {
            Ok(WaitCondition::Open(..) | WaitCondition::Closed(..) | WaitCondition::Drained(..))
                if host.facts.sandbox =>
            {
                Probe::refuse(AskError::Host("a sandbox has no ports".to_owned()))
            }
            Ok(condition) => Probe::ask(AskWait {
                condition,
                delay: seconds(self.delay, 0),
                sleep: seconds(self.sleep, 1).max(1),
                timeout: seconds(self.timeout, 300),
                connect_timeout: seconds(self.connect_timeout, 5).max(1),
            }),
            Err(error) => Probe::refuse(AskError::Host(error)),
        }
    }

    fn plan(&self, _host: &Host, waited: Waited) -> Result<Plan, PlanError> {
        let mut result = Map::new();
        for (name, value) in [
            ("state", Value::from(self.state.word())),
            ("port", self.port.map_or(Value::Null, |Whole(port)| port.into())),
            ("path", self.path.as_ref().map_or(Value::Null, |path| path.to_string().into())),
            ("search_regex", self.search_regex.clone().map_or(Value::Null, Value::from)),
            ("match_groups", Value::Array(Vec::new())),
            ("match_groupdict", Value::Object(Map::new())),
            ("elapsed", waited.elapsed.into()),
        ] {
            result.insert(name.to_owned(), value);
        }
        if waited.met {
            return Ok(Plan { result, ..Plan::default() });
        }
        let error = if waited.blind {
            PlanError::new("this host has no means to look at a port")
                .help("install bash, nc or curl there, or delegate the task to `localhost`")
        } else {
            let message = self.msg.clone().unwrap_or_else(|| self.missed(waited.elapsed));
            PlanError::new(message)
        };
        Err(PlanError { result: Box::new(result), ..error })
    }
}

impl WaitFor {
    /// What was not so in time.
    fn missed(&self, elapsed: u64) -> String {
        let what = match (&self.port, &self.path) {
            (Some(Whole(port)), _) => format!("{}:{port}", self.host),
            (None, Some(path)) => format!("`{path}`"),
            (None, None) => "it".to_owned(),
        };
        let wanted = match (self.state, &self.search_regex) {
            (Awaited::Started | Awaited::Present, Some(regex)) => {
                format!("{what} shows nothing that `{regex}` finds")
            }
            (Awaited::Started | Awaited::Present, None) if self.port.is_some() => {
                format!("{what} takes no connection")
            }
            (Awaited::Started | Awaited::Present, None) => format!("{what} is not there"),
            (Awaited::Drained, _) => format!("somebody is still connected to {what}"),
            _ if self.port.is_some() => format!("{what} still takes connections"),
            _ => format!("{what} is still there"),
        };
        format!("{wanted} after {elapsed} s")
    }

    fn condition(&self) -> Result<WaitCondition, String> {
        let pattern = self.search_regex.as_deref().map(regex::extended).transpose()?;
        let host = self.host.clone();
        if host.is_empty() || host.starts_with('-') || host.contains(|c: char| c.is_whitespace() || c == '/')
        {
            return Err(format!("`{host}` is no name or address of a host"));
        }
        let port = match self.port {
            Some(Whole(port)) => Some(u16::try_from(port).map_err(|_| format!("{port} is no port"))?),
            None => None,
        };
        match (self.state, port, self.path.clone()) {
            (_, Some(_), Some(_)) => Err("give either `port` or `path`".to_owned()),
            (Awaited::Stopped | Awaited::Drained, None, Some(_)) => {
                Err(format!("`state: {}` is for a port; use `absent` for a path", self.state.word()))
            }
            (Awaited::Drained, None, None) => Err("`state: drained` needs `port`".to_owned()),
            (_, None, None) => Ok(WaitCondition::Time),
            (Awaited::Started | Awaited::Present, Some(port), None) => {
                Ok(WaitCondition::Open(host, port, pattern))
            }
            (Awaited::Stopped | Awaited::Absent, Some(port), None) => Ok(WaitCondition::Closed(host, port)),
            (Awaited::Started | Awaited::Present, None, Some(path)) => {
                Ok(WaitCondition::Present(path, pattern))
            }
            (Awaited::Absent, None, Some(path)) => Ok(WaitCondition::Absent(path)),
            (Awaited::Drained, Some(port), None) => Ok(WaitCondition::Drained(local(&host)?, port)),
        }
    }
}

/// An address of the host itself as `/proc/net/tcp` writes it.
fn local(host: &str) -> Result<String, String> {
    let address: Ipv4Addr = host
        .parse()
        .map_err(|_| format!("`{host}` is no IPv4 address: `drained` looks for one of the host's own"))?;
    let [a, b, c, d] = address.octets();
    Ok(if address.is_unspecified() { "any".to_owned() } else { format!("{d:02X}{c:02X}{b:02X}{a:02X}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_waited_for_is_read_or_refused() {
        let condition = |arguments| serde_json::from_value::<WaitFor>(arguments).unwrap().condition();
        assert_eq!(
            condition(json!({"port": "5000"})),
            Ok(WaitCondition::Open("127.0.0.1".into(), 5000, None))
        );
        assert_eq!(
            condition(json!({"port": 1, "host": "h", "state": "stopped"})),
            Ok(WaitCondition::Closed("h".into(), 1))
        );
        assert_eq!(condition(json!({"timeout": 3})), Ok(WaitCondition::Time));
        let drained = json!({"port": 80, "state": "drained", "host": "192.0.2.1"});
        assert_eq!(condition(drained), Ok(WaitCondition::Drained("010200C0".into(), 80)));
        for wrong in [
            json!({"port": 1, "path": "/x"}),
            json!({"path": "/x", "state": "stopped"}),
            json!({"port": 70000}),
            json!({"port": 1, "host": "-x"}),
            json!({"state": "drained"}),
            json!({"port": 1, "search_regex": "(?=x)"}),
        ] {
            assert!(condition(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_time_that_is_over_is_said() {
        let module: WaitFor = serde_json::from_value(json!({"path": "/x", "state": "absent"})).unwrap();
        let host = crate::testing::World::new().host;
        let error = module.plan(&host, Waited { met: false, elapsed: 7, blind: false }).unwrap_err();
        assert_eq!(
            (error.message.as_str(), &error.result["elapsed"]),
            ("`/x` is still there after 7 s", &json!(7))
        );
        let done = module.plan(&host, Waited { met: true, elapsed: 1, blind: false }).unwrap();
        assert_eq!(done.result["state"], "absent");
    }
}
