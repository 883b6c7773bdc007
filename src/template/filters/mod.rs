//! Filters: Jinja's and Ansible's.

mod data;
mod digest;
mod json;
mod mappings;
mod math;
mod paths;
mod regex;
mod select;
mod sequences;
mod sets;
mod text;
mod urls;
mod values;
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

const TABLES: [&[Filter]; 11] = [
    data::FILTERS,
    mappings::FILTERS,
    math::FILTERS,
    paths::FILTERS,
    regex::FILTERS,
    select::FILTERS,
    sequences::FILTERS,
    sets::FILTERS,
    text::FILTERS,
    urls::FILTERS,
    values::FILTERS,
];

/// Filters that Ansible has and this tool leaves out, with what to do instead.
const LEFT_OUT: [(&str, &str); 24] = [
    ("random", "choose a fixed value: a run must plan what it applies"),
    ("shuffle", "sort: a run must plan what it applies"),
    ("strftime", "use a fact such as `ansible_date_time`"),
    ("to_datetime", "compare the texts"),
    ("password_hash", "store the hash as a variable"),
    ("vault", "keep the secret in a vaulted file"),
    ("unvault", "keep the secret in a vaulted file"),
    ("fileglob", "name the files"),
    ("realpath", "name the real path"),
    ("expanduser", "write the whole path"),
    ("expandvars", "use `lookup('env', …)`"),
    ("from_yaml_all", "use `from_yaml` on one document"),
    ("md5", "use `hash('sha256')`"),
    ("json_query", "use `selectattr` and `map`"),
    ("safe", "nothing is escaped here; leave it out"),
    ("pprint", "use `to_nice_json`"),
    ("e", "nothing here is HTML; use `replace`"),
    ("escape", "nothing here is HTML; use `replace`"),
    ("forceescape", "nothing here is HTML; use `replace`"),
    ("striptags", "nothing here is HTML; use `regex_replace`"),
    ("urlize", "nothing here is HTML"),
    ("xmlattr", "write the attributes"),
    ("wordwrap", "break the lines in the text"),
    ("attr", "write `value.name`"),
];

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
