//! Filters: Jinja's and Ansible's.

mod chance;
mod data;
mod digest;
mod json;
mod mappings;
mod markup;
mod math;
mod paths;
mod regex;
mod select;
mod sequences;
mod sets;
mod text;
mod urls;
mod values;
mod windows;
mod yaml;
mod yaml_scalar;

use super::call::Bound;
use super::context::Context;
use super::error::{ErrorKind, Eval, closest, unsupported};
use super::value::Val;

pub(super) use urls::split as split_url;

/// A filter.
pub(super) struct Filter {
    pub(super) name: &'static str,
    pub(super) params: &'static [&'static str],
    /// Whether it takes more arguments than those named.
    pub(super) spread: bool,
    /// Whether it wants to see undefined values, instead of passing them on.
    pub(super) takes_markers: bool,
    pub(super) run: Run,
}

/// What a filter does.
pub(super) type Run = fn(&Context<'_>, &Val, &Bound) -> Eval<Val>;

const fn filter(name: &'static str, params: &'static [&'static str], run: Run) -> Filter {
    Filter { name, params, spread: false, takes_markers: false, run }
}

const fn spreading(name: &'static str, params: &'static [&'static str], run: Run) -> Filter {
    Filter { name, params, spread: true, takes_markers: false, run }
}

const fn marked(name: &'static str, params: &'static [&'static str], run: Run) -> Filter {
    Filter { name, params, spread: false, takes_markers: true, run }
}

const TABLES: [&[Filter]; 14] = [
    chance::FILTERS,
    data::FILTERS,
    mappings::FILTERS,
    markup::FILTERS,
    math::FILTERS,
    paths::FILTERS,
    regex::FILTERS,
    select::FILTERS,
    sequences::FILTERS,
    sets::FILTERS,
    text::FILTERS,
    urls::FILTERS,
    values::FILTERS,
    windows::FILTERS,
];

/// Filters that Ansible has and this tool leaves out, with what to do instead.
const LEFT_OUT: [(&str, &str); 11] = [
    ("strftime", "use a fact such as `ansible_date_time`"),
    ("to_datetime", "compare the texts"),
    ("password_hash", "store the hash as a variable"),
    ("vault", "keep the secret in a vaulted file"),
    ("unvault", "keep the secret in a vaulted file"),
    ("from_yaml_all", "use `from_yaml` on one document"),
    ("json_query", "use `selectattr` and `map`"),
    ("safe", "nothing is escaped here; leave it out"),
    ("striptags", "nothing here is HTML; use `regex_replace`"),
    ("urlize", "nothing here is HTML"),
    ("xmlattr", "write the attributes"),
];

impl Filter {
    /// Whether its result is marked as safe in HTML, and escapes whatever it is joined with.
    pub(super) fn is_markup(&self) -> bool {
        ["tojson", "e", "escape", "forceescape"].contains(&self.name)
    }
}

/// The filter of a name.
pub(super) fn find(name: &str) -> Eval<&'static Filter> {
    let short = strip_collection(name);
    let all = || TABLES.iter().copied().flatten();
    if let Some(filter) = all().find(|filter| filter.name == short) {
        return Ok(filter);
    }
    if let Some((_, instead)) = LEFT_OUT.iter().find(|(left_out, _)| *left_out == short) {
        return Err(unsupported(format!("the filter `{name}`"), *instead));
    }
    let closest = closest(name, all().map(|filter| filter.name));
    Err(ErrorKind::NoSuch { what: "filter", name: name.to_owned(), closest }.into())
}

/// The name without the collection that holds Ansible's own plugins.
pub(super) fn strip_collection(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy.")).unwrap_or(name)
}
