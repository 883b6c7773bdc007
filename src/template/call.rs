//! The arguments of filters, tests, functions and methods.

use std::sync::Arc;

use super::budget::Budget;
use super::error::{Eval, call_error, type_error};
use super::ops::{Num, truth};
use super::value::Val;

/// Arguments as they were written.
#[derive(Default, Clone)]
pub(super) struct Args {
    pub(super) plain: Vec<Val>,
    pub(super) named: Vec<(Arc<str>, Val)>,
}

/// Arguments by parameter.
pub(super) struct Bound {
    name: &'static str,
    params: &'static [&'static str],
    values: Vec<Option<Val>>,
    /// What was given beyond the parameters, where that is allowed.
    pub(super) rest: Args,
}

impl Args {
    pub(super) fn of(plain: Vec<Val>) -> Self {
        Self { plain, named: Vec::new() }
    }

    /// The first error in waiting among the value and the arguments.
    pub(super) fn first_marker(&self, value: &Val) -> Option<Val> {
        let all = std::iter::once(value).chain(&self.plain).chain(self.named.iter().map(|(_, v)| v));
        all.into_iter().find(|value| matches!(value, Val::Marker(_))).cloned()
    }

    /// Assigns the arguments to parameters; with `spread`, what is too many is kept apart.
    pub(super) fn bind(
        self,
        name: &'static str,
        params: &'static [&'static str],
        spread: bool,
    ) -> Eval<Bound> {
        let given = self.plain.len();
        if given > params.len() && !spread {
            return Err(call_error(name, format!("it takes {} arguments, not {given}", params.len())));
        }
        let mut plain = self.plain.into_iter();
        let mut values: Vec<Option<Val>> = plain.by_ref().take(params.len()).map(Some).collect();
        values.resize_with(params.len(), || None);
        let mut rest = Args::of(plain.collect());
        for (key, value) in self.named {
            match params.iter().position(|param| *param == &*key) {
                Some(at) if values[at].is_some() => {
                    return Err(call_error(name, format!("the argument `{key}` is given twice")));
                }
                Some(at) => values[at] = Some(value),
                None if spread => rest.named.push((key, value)),
                None => return Err(call_error(name, format!("it has no argument `{key}`"))),
            }
        }
        Ok(Bound { name, params, values, rest })
    }
}

impl Bound {
    pub(super) fn get(&self, param: &str) -> Option<&Val> {
        let at = self.params.iter().position(|candidate| *candidate == param)?;
        self.values.get(at)?.as_ref()
    }

    pub(super) fn given(&self, param: &str) -> bool {
        self.get(param).is_some()
    }

    pub(super) fn need(&self, param: &str) -> Eval<&Val> {
        self.get(param).ok_or_else(|| call_error(self.name, format!("it needs the argument `{param}`")))
    }

    pub(super) fn or(&self, param: &str, default: Val) -> Val {
        self.get(param).cloned().unwrap_or(default)
    }

    pub(super) fn flag(&self, param: &str, default: bool) -> Eval<bool> {
        self.get(param).map_or(Ok(default), truth)
    }

    /// A text argument.
    pub(super) fn text(&self, param: &str) -> Eval<Option<Arc<str>>> {
        match self.get(param) {
            None | Some(Val::None) => Ok(None),
            Some(Val::Str(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.wrong(param, "text", other)),
        }
    }

    pub(super) fn need_text(&self, param: &str) -> Eval<Arc<str>> {
        match self.need(param)? {
            Val::Str(text) => Ok(text.clone()),
            other => Err(self.wrong(param, "text", other)),
        }
    }

    /// An integer argument.
    pub(super) fn int(&self, param: &str) -> Eval<Option<i128>> {
        match self.get(param) {
            None | Some(Val::None) => Ok(None),
            Some(value) => match Num::of(value) {
                Some(Num::Int(i)) => Ok(Some(i)),
                _ => Err(self.wrong(param, "an integer", value)),
            },
        }
    }

    /// A count: an integer that is not negative, or 0 in its place.
    pub(super) fn count(&self, param: &str, default: usize) -> Eval<usize> {
        Ok(self.int(param)?.map_or(default, |i| usize::try_from(i.max(0)).unwrap_or(usize::MAX)))
    }

    fn wrong(&self, param: &str, wanted: &str, found: &Val) -> super::TemplateError {
        match found {
            Val::Marker(error) => (**error).clone(),
            _ => call_error(
                self.name,
                format!("`{param}` must be {wanted}, not of type `{}`", found.type_name()),
            ),
        }
    }
}

/// The text a filter works on; numbers and the like are printed first.
pub(super) fn soft_text(value: &Val, budget: &Budget) -> Eval<Arc<str>> {
    match value {
        Val::Str(text) => Ok(text.clone()),
        other => super::text::to_text(other, budget).map(Arc::from),
    }
}

/// The text a filter works on, which has to be text.
pub(super) fn hard_text(value: &Val) -> Eval<Arc<str>> {
    match value {
        Val::Str(text) => Ok(text.clone()),
        other => Err(type_error(format!("it needs text, not a value of type `{}`", other.type_name()))),
    }
}
