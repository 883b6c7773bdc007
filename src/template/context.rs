//! One rendering: what it may still spend, and what it has found out so far.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use super::Templater;
use super::budget::Budget;
use super::call::Args;
use super::checks::Check;
use super::error::{ErrorKind, Eval, TemplateError, closest, limit, type_error};
use super::eval::Interpreter;
use super::filters::Filter;
use super::ops::Num;
use super::scope::Scope;
use super::value::{Deferred, Dict, Method, Object, Val};
use super::{methods, text};

/// What all templates of one rendering share.
pub(super) struct Context<'a> {
    pub(super) templater: &'a Templater,
    pub(super) budget: Budget,
    /// Variables already fetched, by scope and name.
    fetched: RefCell<HashMap<(usize, Arc<str>), Val>>,
    /// Scopes made on the way.
    kept: RefCell<Vec<Arc<Scope>>>,
    /// No variables at all, for templates that are to see none.
    pub(super) nothing: Arc<Scope>,
    /// Variables being rendered, to find circles.
    active: RefCell<Vec<*const Deferred>>,
}

impl<'a> Context<'a> {
    pub(super) fn new(templater: &'a Templater) -> Self {
        Self {
            templater,
            budget: Budget::default(),
            fetched: RefCell::default(),
            kept: RefCell::default(),
            nothing: Arc::default(),
            active: RefCell::default(),
        }
    }

    /// Keeps a scope as long as the rendering: what has been fetched is known by its place in memory.
    pub(super) fn keep(&self, scope: Arc<Scope>) -> Arc<Scope> {
        self.kept.borrow_mut().push(scope.clone());
        scope
    }

    /// A variable, or the marker of its absence.
    pub(super) fn variable(&self, scope: &Arc<Scope>, name: &str) -> Eval<Option<Val>> {
        let key = (Arc::as_ptr(scope) as usize, Arc::from(name));
        let known = self.fetched.borrow().get(&key).cloned();
        let value = match known {
            Some(value) => value,
            None => match scope.fetch(name) {
                Some(value) => {
                    self.fetched.borrow_mut().insert(key, value.clone());
                    value
                }
                None => return Ok(None),
            },
        };
        self.force(value).map(Some)
    }

    pub(super) fn undefined_variable(scope: &Scope, name: &str) -> TemplateError {
        ErrorKind::Undefined {
            name: Some(name.to_owned()),
            what: format!("`{name}` is undefined"),
            closest: closest(name, scope.names().into_iter()),
        }
        .into()
    }

    /// Renders the value if it is a variable's template that nobody has needed so far.
    pub(super) fn force(&self, value: Val) -> Eval<Val> {
        let Val::Deferred(deferred) = value else { return Ok(value) };
        if let Some(done) = deferred.done.get() {
            return Ok(done.clone());
        }
        let this = Arc::as_ptr(&deferred);
        if self.active.borrow().contains(&this) {
            return Err(limit(format!("the variable `{}` refers to itself", deferred.via)));
        }
        let _deeper = self.budget.descend()?;
        self.active.borrow_mut().push(this);
        let result = Interpreter::render(self, &deferred.text, &deferred.scope);
        self.active.borrow_mut().pop();
        let value = match result.and_then(Val::usable) {
            Ok(value) => value,
            Err(mut error) => {
                error.via.insert(0, deferred.via.to_string());
                self.caught(error)?
            }
        };
        Ok(deferred.done.get_or_init(|| value).clone())
    }

    /// An error as a value that harms only its users, unless it has to end everything.
    #[expect(clippy::unused_self, reason = "reads as what the rendering does with an error")]
    pub(super) fn caught(&self, error: TemplateError) -> Eval<Val> {
        if error.is_fatal() { Err(error) } else { Ok(Val::marker(error)) }
    }

    /// The value with every template inside it rendered.
    pub(super) fn deep(&self, value: Val) -> Eval<Val> {
        let value = self.force(value)?;
        if !self.has_deferred(&value)? {
            return Ok(value);
        }
        match &value {
            Val::List(seq) => self.deep_items(&seq.items).map(Val::list),
            Val::Tuple(seq) => self.deep_items(&seq.items).map(Val::tuple),
            Val::Dict(dict) => {
                self.budget.items(dict.len())?;
                let mut forced = Dict::default();
                for (key, item) in dict.entries() {
                    forced.insert(key.clone(), self.deep(item.clone())?)?;
                }
                Ok(Val::dict(forced))
            }
            _ => Ok(value),
        }
    }

    fn deep_items(&self, items: &[Val]) -> Eval<Vec<Val>> {
        self.budget.items(items.len())?;
        items.iter().map(|item| self.deep(item.clone())).collect()
    }

    fn has_deferred(&self, value: &Val) -> Eval<bool> {
        self.budget.work(1)?;
        let items: &mut dyn Iterator<Item = &Val> = match value {
            Val::Deferred(_) => return Ok(true),
            Val::List(seq) | Val::Tuple(seq) => &mut seq.items.iter(),
            Val::Dict(dict) => &mut dict.values(),
            _ => return Ok(false),
        };
        for item in items {
            if self.has_deferred(item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The items that a loop over the value sees.
    pub(super) fn iterate(&self, value: &Val) -> Eval<Vec<Val>> {
        Ok(match value {
            Val::List(seq) | Val::Tuple(seq) => self.deep_items(&seq.items)?,
            Val::Dict(dict) => {
                self.budget.items(dict.len())?;
                dict.keys().cloned().collect()
            }
            Val::Str(text) => {
                self.budget.items(text.len())?;
                text.chars().map(|c| Val::str(c.to_string())).collect()
            }
            Val::Range(steps) => {
                self.budget.items(steps.count)?;
                steps.values().collect()
            }
            Val::Absent => Vec::new(),
            Val::Marker(error) => return Err((**error).clone()),
            Val::Object(Object::Hosts(hosts)) => hosts.names().into_iter().map(Val::str).collect(),
            Val::Object(Object::Vars(scope)) => scope.names().into_iter().map(Val::str).collect(),
            other => {
                return Err(type_error(format!("a value of type `{}` is no list", other.type_name())));
            }
        })
    }

    /// The items that a filter works on: errors in waiting among them end it.
    pub(super) fn usable_items(&self, value: &Val) -> Eval<Vec<Val>> {
        self.iterate(value)?.into_iter().map(Val::usable).collect()
    }

    /// `value.name`.
    pub(super) fn attribute(&self, value: &Val, name: &str) -> Eval<Val> {
        if matches!(value, Val::Marker(_)) {
            return Ok(value.clone());
        }
        if methods::exists(value, name) {
            return Ok(Val::Object(Object::Method(Arc::new(Method {
                owner: value.clone(),
                name: name.into(),
            }))));
        }
        match value {
            Val::Object(Object::Namespace(fields)) => {
                let field = fields.lock().ok().and_then(|fields| fields.get(name).cloned());
                Ok(field.unwrap_or_else(|| Val::marker(missing_attribute(value, name))))
            }
            Val::Tuple(pair) if pair.is_group && name == "grouper" => self.force(pair.items[0].clone()),
            Val::Tuple(pair) if pair.is_group && name == "list" => self.force(pair.items[1].clone()),
            Val::Object(Object::Macro(target)) => {
                let found = target.decl.attribute(name);
                Ok(found.unwrap_or_else(|| Val::marker(missing_attribute(value, name))))
            }
            Val::Object(Object::Loop(state)) => {
                Ok(state.attribute(name)?.unwrap_or_else(|| Val::marker(missing_attribute(value, name))))
            }
            _ => {
                let found = self.lookup(value, &Val::str(name))?;
                Ok(found.unwrap_or_else(|| Val::marker(missing_attribute(value, name))))
            }
        }
    }

    /// `value[key]`.
    pub(super) fn item(&self, value: &Val, key: &Val) -> Eval<Val> {
        if matches!(value, Val::Marker(_)) {
            return Ok(value.clone());
        }
        let key = key.clone().usable()?;
        if let Some(found) = self.lookup(value, &key)? {
            return Ok(found);
        }
        if let Val::Str(name) = &key {
            return self.attribute(value, name);
        }
        let what = match (value, Num::of(&key)) {
            (Val::List(_) | Val::Tuple(_) | Val::Str(_), Some(_)) => {
                format!("there is no item {} in a {}", text::to_repr(&key, &self.budget)?, value.type_name())
            }
            _ => format!(
                "a value of type `{}` has no item {}",
                value.type_name(),
                text::to_repr(&key, &self.budget)?
            ),
        };
        Ok(Val::marker(ErrorKind::Undefined { name: None, what, closest: None }.into()))
    }

    /// The item under a key, if the value has such items at all.
    fn lookup(&self, value: &Val, key: &Val) -> Eval<Option<Val>> {
        let found = match (value, key) {
            (Val::Dict(dict), key) => dict.get(key).unwrap_or(None).cloned(),
            (Val::List(seq) | Val::Tuple(seq), Val::Int(_) | Val::Bool(_)) => {
                position(seq.items.len(), key).map(|at| seq.items[at].clone())
            }
            (Val::Range(steps), Val::Int(_)) => {
                position(steps.count, key).map(|at| Val::Int(steps.start + steps.step * at as i128))
            }
            (Val::Str(text), Val::Int(_) | Val::Bool(_)) => {
                self.budget.work(text.len() / 16)?;
                position(text.chars().count(), key)
                    .and_then(|at| text.chars().nth(at))
                    .map(|c| Val::str(c.to_string()))
            }
            (Val::Object(Object::Hosts(hosts)), Val::Str(host)) => {
                hosts.scope(host).map(|scope| Val::Object(Object::Vars(scope)))
            }
            (Val::Object(Object::Vars(scope)), Val::Str(name)) => return self.variable(scope, name),
            _ => None,
        };
        found.map(|value| self.force(value)).transpose()
    }

    /// Runs a filter. An error becomes its value: it harms only whoever uses it.
    pub(super) fn filter(&self, filter: &'static Filter, value: Val, args: Args) -> Eval<Val> {
        let value = self.deep(value)?;
        if !filter.takes_markers
            && let Some(marker) = args.first_marker(&value)
        {
            return Ok(marker);
        }
        let result = args
            .bind(filter.name, filter.params, filter.spread)
            .and_then(|args| (filter.run)(self, &value, &args));
        match result {
            Ok(value) if value.depth() > super::budget::DEPTH => Err(too_deep()),
            Ok(range @ Val::Range(_)) => self.iterate(&range).map(Val::list),
            Ok(value) => Ok(value),
            Err(error) => self.caught(error.called(filter.name)),
        }
    }

    /// Runs a test, likewise.
    pub(super) fn check(&self, check: &'static Check, value: Val, args: Args) -> Eval<Val> {
        let value = self.deep(value)?;
        if !check.takes_markers
            && let Some(marker) = args.first_marker(&value)
        {
            return Ok(marker);
        }
        let result =
            args.bind(check.name, check.params, false).and_then(|args| (check.run)(self, &value, &args));
        match result {
            Ok(holds) => Ok(Val::Bool(holds)),
            Err(error) => self.caught(error.called(check.name)),
        }
    }
}

pub(super) fn too_deep() -> TemplateError {
    limit(format!("it makes values nested more than {} deep", super::budget::DEPTH))
}

fn missing_attribute(value: &Val, name: &str) -> TemplateError {
    let known: Vec<&str> = match value {
        Val::Dict(dict) => dict.keys().filter_map(Val::as_str).collect(),
        Val::Object(Object::Vars(scope)) => scope.names().into_iter().collect(),
        _ => Vec::new(),
    };
    ErrorKind::Undefined {
        name: None,
        what: format!("a value of type `{}` has no attribute `{name}`", value.type_name()),
        closest: closest(name, known.into_iter()),
    }
    .into()
}

fn position(len: usize, key: &Val) -> Option<usize> {
    let Some(Num::Int(at)) = Num::of(key) else { return None };
    let at = if at < 0 { at + len as i128 } else { at };
    usize::try_from(at).ok().filter(|at| *at < len)
}
