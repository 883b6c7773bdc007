//! `debug`: says something.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::arguments::Whole;
use crate::contract::{Evaluated, Host, Module, Plan, PlanError, Probe, Touches};

/// Prints a message, or the value of an expression. It asks the host nothing and changes nothing. It registers the message as
/// `msg`, and a value under the expression itself, as Ansible does. Unlike Ansible, an expression with an undefined variable is an
/// error.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Debug {
    /// What to print: text, or any value. Default: `Hello world!`, as Ansible has it.
    #[serde(default, deserialize_with = "given")]
    msg: Option<Value>,
    /// An expression, written as in `when`, whose value is printed. Give this or `msg`.
    #[serde(default)]
    var: Option<Evaluated<Value>>,
    /// How often `-v` has to be given for it to be printed; it is skipped else. Default: 0.
    #[serde(default)]
    verbosity: Option<Whole>,
}

/// A message that is there, even where it is `null`: only a missing one is `Hello world!`.
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

impl Module for Debug {
    const NAME: &'static str = "debug";
    const EXAMPLE: &'static str = "- debug:\n    msg: \"{{ inventory_hostname }} trusts {{ registry }}\"\n- debug:\n    var: ansible_facts.kernel\n    verbosity: 2\n";
    const EVALUATED: &'static [&'static str] = &["var"];
    const TOUCHES: Touches = Touches::Nothing;
    type State = ();

    fn probe(&self, _host: &Host) -> Probe<()> {
        Probe::ready(())
    }

    fn plan(&self, host: &Host, (): ()) -> Result<Plan, PlanError> {
        let wanted = self.verbosity.map_or(0, |Whole(number)| number);
        let given = host.settings.get("ansible_verbosity").and_then(|text| text.parse().ok()).unwrap_or(0);
        if wanted > given {
            let flag = "v".repeat(usize::try_from(wanted).unwrap_or(0).min(9));
            return Ok(Plan::skip(format!("it is printed with `-{flag}`")));
        }
        let hello = Value::from("Hello world!");
        let (name, shown) = match (&self.msg, &self.var) {
            (Some(_), Some(_)) => return Err(PlanError::new("give either `msg` or `var`")),
            (_, Some(Evaluated { expression, value })) => (expression.as_str(), value),
            (message, None) => ("msg", message.as_ref().unwrap_or(&hello)),
        };
        let mut plan = Plan::default();
        match shown {
            Value::String(text) => plan.info(text.clone()),
            other => plan.info(other.to_string()),
        }
        plan.set(name, shown.clone());
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;
    use serde_json::json;

    #[test]
    fn it_prints_what_is_asked_for_at_the_verbosity_that_is_asked_for() {
        let mut world = World::new();
        let said = |world: &mut World, arguments| {
            let plan = world.plan::<Debug>(arguments).map_err(|error| error.message)?;
            Ok::<_, String>((plan.notes.first().map(|note| note.text.clone()), Value::Object(plan.result)))
        };
        let var = json!({"expression": "x.y", "value": [1]});
        let plain = |text: &str, result: Value| Ok((Some(text.to_owned()), result));
        assert_eq!(said(&mut world, json!({})), plain("Hello world!", json!({"msg": "Hello world!"})));
        assert_eq!(said(&mut world, json!({"msg": null})), plain("null", json!({"msg": null})));
        assert_eq!(said(&mut world, json!({"msg": {"a": 1}})), plain("{\"a\":1}", json!({"msg": {"a": 1}})));
        assert_eq!(said(&mut world, json!({"var": var})), plain("[1]", json!({"x.y": [1]})));
        assert!(said(&mut world, json!({"var": var, "msg": "m"})).is_err());
        assert_eq!(said(&mut world, json!({"msg": "m", "verbosity": "1"})), Ok((None, json!({}))));
        world.host.settings.insert("ansible_verbosity".into(), "1".into());
        assert_eq!(said(&mut world, json!({"msg": "m", "verbosity": 1})), plain("m", json!({"msg": "m"})));
    }
}
