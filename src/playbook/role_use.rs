//! A role in `roles` or among the dependencies of another.

use super::keys::Keys;
use super::keywords::{Keywords, Level};
use super::role::WantedRole;
use super::task::named;
use super::user_modules::UserModules;
use crate::yaml::{Node, Problem, Problems, Value};

/// Ansible's keywords that a role takes there; here they are left out, and no names of parameters all the same.
const NO_PARAMETERS: [&str; 7] =
    ["connection", "remote_user", "port", "debugger", "become_exe", "become_flags", "collections"];

/// A role with what its use says.
pub(super) struct RoleUse {
    /// Which role.
    pub wanted: WantedRole,
    /// What is said of its tasks.
    pub keywords: Keywords,
    /// Its parameters: every key that is no keyword.
    pub params: Vec<(String, Node)>,
}

impl RoleUse {
    /// Reads an entry.
    pub fn read(node: &Node, modules: &UserModules, problems: &mut Problems) -> Option<Self> {
        if node.as_map().is_none() {
            let name = problems.take(name(node))?;
            return Some(Self::plain(&name, node));
        }
        let mut keys = problems.take(Keys::of(node, "a role"))?;
        let (role, alias) = (keys.take("role"), keys.take("name"));
        let Some(named_by) = role.or(alias) else {
            problems.push(
                Problem::new("a role has no name", super::task::first_key(node)).help("add `role: NAME`"),
            );
            return None;
        };
        let keywords = Keywords::take(&mut keys, Level::Block, modules, problems);
        let mut params = Vec::new();
        for (key, value) in keys.rest() {
            let name = key.as_str().unwrap_or_default();
            match super::keys::left_out(name, key).filter(|_| NO_PARAMETERS.contains(&name)) {
                Some(problem) => problems.push(problem),
                None => params.push((key, value)),
            }
        }
        let params = problems.take(named(params)).unwrap_or_default();
        let name = problems.take(name(named_by))?;
        let mut used = Self { params, ..Self::plain(&name, named_by) };
        let when: Vec<&str> = keywords.when.iter().map(Node::written).collect();
        used.wanted.said = keywords.tags.join(",") + &when.join("\n");
        used.keywords = keywords;
        Some(used)
    }

    fn plain(name: &str, node: &Node) -> Self {
        let wanted =
            WantedRole { public: true, allow_duplicates: false, ..WantedRole::new(name, node.place()) };
        Self { wanted, keywords: Keywords::default(), params: Vec::new() }
    }
}

/// A name; a number is one too.
fn name(node: &Node) -> Result<String, Problem> {
    let name = match &node.value {
        Value::Int(number) => number.to_string(),
        _ => node.as_str().map(str::to_owned).ok_or_else(|| {
            Problem::new(format!("the name of a role has to be text, not {}", node.kind()), node.place())
        })?,
    };
    if name.contains(',') {
        return Err(Problem::new("the name of a role holds no comma", node.place())
            .help("write each parameter as `name: value` below `- role: NAME`"));
    }
    if node.has_template() {
        return Err(Problem::new("the name of a role is needed before the play runs", node.place())
            .help("write it out, or use `include_role`"));
    }
    Ok(name)
}
