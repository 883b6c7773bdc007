//! `setup`: facts.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::arguments::Listed;
use crate::contract::{Host, Module, Plan, PlanError, Probe, Touches};
use crate::facts::ansible_facts;

/// Registers the host's facts as `ansible_facts`, and sets them for later tasks. Facts are read before every host's first task in
/// any case, and `gather_facts: false` only keeps them from the templates; this task costs nothing more.
///
/// Unlike Ansible, facts are few, and nothing that changes by itself is one of them: there is no `date_time`, no free memory, no
/// mounts. Within the result their names begin with `ansible_`, as in Ansible.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Patterns with `*` and `?`: which facts are registered. `ansible_` may be left away. Default: all.
    #[serde(default)]
    filter: Listed<String>,
    /// Ansible's subsets. All facts are always read, so that it has no effect but on what is registered: with `!all` alone only the
    /// least. Default: `all`.
    #[serde(default)]
    gather_subset: Listed<String>,
}

/// The facts of Ansible's least subset that are there.
const LEAST: &[&str] = &[
    "distribution*",
    "os_family",
    "architecture",
    "machine*",
    "kernel",
    "system",
    "service_mgr",
    "pkg_mgr",
    "selinux",
    "user_*",
    "real_*",
    "effective_*",
    "env",
    "nodename",
    "hostname",
    "fqdn",
    "domain",
    "dns",
    "userspace_*",
];

impl Module for Setup {
    const NAME: &'static str = "setup";
    const EXAMPLE: &'static str = "- setup:\n    filter: ansible_distribution*\n";
    const TOUCHES: Touches = Touches::Nothing;
    type State = ();

    fn probe(&self, _host: &Host) -> Probe<()> {
        Probe::ready(())
    }

    fn plan(&self, host: &Host, (): ()) -> Result<Plan, PlanError> {
        let mut named = ansible_facts(&host.facts);
        if !self.gather_subset.0.is_empty()
            && self.gather_subset.0.iter().all(|name| name == "!all" || name == "min")
        {
            named.retain(|name, _| LEAST.iter().any(|pattern| matches(pattern, name)));
        }
        if !self.filter.0.is_empty() {
            let wanted = |name: &str| {
                self.filter
                    .0
                    .iter()
                    .any(|pattern| matches(pattern.strip_prefix("ansible_").unwrap_or(pattern), name))
            };
            named.retain(|name, _| wanted(name));
        }
        let prefixed: Map<String, Value> =
            named.into_iter().map(|(name, value)| (format!("ansible_{name}"), value)).collect();
        let mut plan = Plan::default();
        plan.set("ansible_facts", prefixed.clone());
        plan.facts = prefixed;
        plan.facts.insert("ansible_facts".to_owned(), ansible_facts(&host.facts).into());
        Ok(plan)
    }
}

/// Whether a name is of a pattern with `*` and `?`.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.chars().next() {
        None => name.is_empty(),
        Some('*') => {
            (0..=name.len()).any(|at| name.is_char_boundary(at) && matches(&pattern[1..], &name[at..]))
        }
        Some(c) => name.chars().next().is_some_and(|first| {
            (c == '?' || c == first) && matches(&pattern[c.len_utf8()..], &name[first.len_utf8()..])
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;
    use serde_json::json;

    #[test]
    fn a_filter_chooses_facts() {
        let registered = |arguments: Value| {
            let plan = World::new().plan::<Setup>(arguments).unwrap();
            let facts = plan.result["ansible_facts"].as_object().unwrap();
            facts.keys().cloned().collect::<Vec<_>>()
        };
        let all = registered(json!({}));
        assert!(
            all.contains(&"ansible_distribution".to_owned())
                && all.contains(&"ansible_virtualization_type".to_owned())
        );
        assert_eq!(registered(json!({"filter": "*family"})), ["ansible_os_family"]);
        assert_eq!(registered(json!({"filter": ["ansible_kerne?", "nosuch"]})), ["ansible_kernel"]);
        let least = registered(json!({"gather_subset": "!all"}));
        assert!(least.len() < all.len() && !least.contains(&"ansible_virtualization_type".to_owned()));
    }
}
