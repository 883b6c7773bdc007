//! Methods that change a list or mapping in place, as in `{% set _ = names.append('x') %}`.
//!
//! A value here is shared, never changed; in Python every name of a list sees what is done to it. The two agree as
//! long as nothing else holds the list, so it is changed then, and refused otherwise.

use std::sync::Arc;

use super::call::Args;
use super::context::Context;
use super::error::{Eval, call_error, unsupported};
use super::eval::Interpreter;
use super::methods::sort_by_key;
use super::ops::{Num, equal};
use super::syntax::{Expr, Node};
use super::value::{Dict, Object, Seq, Val};

const LIST: [&str; 8] = ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"];
const DICT: [&str; 5] = ["clear", "pop", "popitem", "setdefault", "update"];

/// Whether the method changes the value it belongs to.
pub(super) fn changes(owner: &Val, method: &str) -> bool {
    match owner {
        Val::List(_) => LIST.contains(&method),
        Val::Dict(_) => DICT.contains(&method),
        _ => false,
    }
}

impl Interpreter<'_, '_> {
    /// Calls a method that changes its owner, which stands under a local name.
    pub(super) fn change(&mut self, owner: &Node, method: &str, args: Args) -> Eval<Val> {
        let mut steps = Vec::new();
        let root = self.path(owner, method, &mut steps)?;
        let context = self.context;
        let frame = self.frames.iter_mut().rev().find_map(|frame| frame.get_mut(&root));
        let Some(value) = frame else { return Err(shared(method)) };
        let mut args = Some(args);
        within(value, &steps, method, &mut |value| {
            let args = args.take().unwrap_or_default();
            match value {
                Val::List(seq) => {
                    let seq = Arc::get_mut(seq).ok_or_else(|| shared(method))?;
                    change_list(context, seq, method, args)
                }
                Val::Dict(dict) => {
                    let dict = Arc::get_mut(dict).ok_or_else(|| shared(method))?;
                    change_dict(context, dict, method, args)
                }
                _ => Err(shared(method)),
            }
        })
    }

    /// The name and the keys that lead to a value.
    fn path(&mut self, node: &Node, method: &str, steps: &mut Vec<Val>) -> Eval<Arc<str>> {
        let (owner, key) = match &node.expr {
            Expr::Var(name) => return Ok(name.clone()),
            Expr::Attr(owner, name) => (owner, Val::Str(name.clone())),
            Expr::Item(owner, key) => (owner, self.eval(key)?.usable()?),
            _ => return Err(shared(method)),
        };
        let root = self.path(owner, method, steps)?;
        steps.push(key);
        Ok(root)
    }
}

fn shared(method: &str) -> super::TemplateError {
    unsupported(
        format!("the method `{method}` on a value that has other holders, such as a variable"),
        "make a list of its own with `{% set mine = [] %}`, or add lists with `+` and mappings with `combine`",
    )
}

/// Follows the keys to what only this place holds, and keeps the depths on the way right.
fn within(
    value: &mut Val,
    steps: &[Val],
    method: &str,
    change: &mut dyn FnMut(&mut Val) -> Eval<Val>,
) -> Eval<Val> {
    let Some((step, rest)) = steps.split_first() else { return change(value) };
    match value {
        Val::Object(Object::Namespace(fields)) => {
            let mut fields = fields.lock().map_err(|_| shared(method))?;
            let field = step.as_str().and_then(|name| fields.get_mut(name));
            within(field.ok_or_else(|| shared(method))?, rest, method, change)
        }
        Val::Dict(dict) => {
            let dict = Arc::get_mut(dict).ok_or_else(|| shared(method))?;
            let value = dict.get_mut(step)?.ok_or_else(|| shared(method))?;
            let result = within(value, rest, method, change);
            let depth = value.depth();
            dict.deepen(depth);
            result
        }
        Val::List(seq) => {
            let seq = Arc::get_mut(seq).ok_or_else(|| shared(method))?;
            let at = index(step, seq.items.len()).filter(|at| *at < seq.items.len());
            let at = at.ok_or_else(|| shared(method))?;
            let result = within(&mut seq.items[at], rest, method, change);
            let depth = seq.items[at].depth();
            seq.deepen(depth);
            result
        }
        _ => Err(shared(method)),
    }
}

/// A place in a list; one from the end is counted backwards.
fn index(value: &Val, len: usize) -> Option<usize> {
    let Some(Num::Int(at)) = Num::of(value) else { return None };
    usize::try_from(if at < 0 { at + len as i128 } else { at }).ok()
}

fn change_list(context: &Context<'_>, seq: &mut Seq, method: &str, args: Args) -> Eval<Val> {
    context.budget.items(1)?;
    // Python moves all that is behind the place; so does a list here.
    context.budget.work(seq.items.len() / 64)?;
    let depth = args.plain.iter().map(Val::depth).max().unwrap_or(0);
    seq.deepen(depth);
    let items = &mut seq.items;
    let mut result = Val::None;
    match method {
        "append" => items.push(only(method, args)?),
        "extend" => {
            let more = context.iterate(&only(method, args)?)?;
            context.budget.items(more.len())?;
            items.extend(more);
        }
        "clear" | "reverse" => {
            args.bind("clear", &[], false)?;
            if method == "clear" { items.clear() } else { items.reverse() }
        }
        "insert" => match <[Val; 2]>::try_from(args.plain) {
            Ok([at, item]) if args.named.is_empty() => {
                let Some(Num::Int(place)) = Num::of(&at) else {
                    return Err(call_error(method, "the place must be an integer"));
                };
                let at = index(&at, items.len()).unwrap_or(if place < 0 { 0 } else { items.len() });
                items.insert(at.min(items.len()), item);
            }
            _ => return Err(call_error(method, "it takes a place and an item")),
        },
        "pop" => {
            let at = args.bind("pop", &["index"], false)?.or("index", Val::Int(-1));
            let at = index(&at, items.len()).filter(|at| *at < items.len());
            result = items.remove(at.ok_or_else(|| call_error(method, "there is no such item"))?);
        }
        "remove" => {
            let wanted = only(method, args)?;
            let mut found = None;
            for (at, item) in items.iter().enumerate() {
                if found.is_none() && equal(item, &wanted, &context.budget)? {
                    found = Some(at);
                }
            }
            items.remove(found.ok_or_else(|| call_error(method, "the item is not in the list"))?);
        }
        _ => sort(context, items, args)?,
    }
    Ok(result)
}

fn sort(context: &Context<'_>, items: &mut [Val], args: Args) -> Eval<()> {
    if !args.plain.is_empty() {
        return Err(call_error("sort", "it takes `reverse` by name only"));
    }
    let reverse = args.bind("sort", &["reverse"], false)?.flag("reverse", false)?;
    let mut keyed: Vec<(Val, Val)> = items.iter().map(|item| (item.clone(), Val::None)).collect();
    sort_by_key(context, &mut keyed, reverse)?;
    keyed.into_iter().zip(items).for_each(|((item, _), place)| *place = item);
    Ok(())
}

fn only(method: &str, args: Args) -> Eval<Val> {
    match <[Val; 1]>::try_from(args.plain) {
        Ok([value]) if args.named.is_empty() => Ok(value),
        _ => Err(call_error(method, "it takes one argument")),
    }
}

fn change_dict(context: &Context<'_>, dict: &mut Dict, method: &str, args: Args) -> Eval<Val> {
    match method {
        "update" => {
            let Val::Dict(more) = super::functions::dict(context, &args)? else { return Ok(Val::None) };
            context.budget.items(more.len())?;
            more.entries().iter().try_for_each(|(key, value)| dict.insert(key.clone(), value.clone()))?;
            Ok(Val::None)
        }
        "setdefault" => {
            let args = args.bind("setdefault", &["key", "default"], false)?;
            let key = args.need("key")?;
            if let Some(value) = dict.get(key)? {
                return Ok(value.clone());
            }
            let value = args.or("default", Val::None);
            dict.insert(key.clone(), value.clone())?;
            Ok(value)
        }
        "pop" => {
            context.budget.work(dict.len() / 16)?;
            let args = args.bind("pop", &["key", "default"], false)?;
            let found = dict.remove(args.need("key")?)?.or_else(|| args.get("default").cloned());
            found.ok_or_else(|| call_error(method, "there is no such key"))
        }
        "popitem" => {
            args.bind("popitem", &[], false)?;
            let key = dict.keys().last().cloned();
            let key = key.ok_or_else(|| call_error(method, "the mapping is empty"))?;
            let value = dict.remove(&key)?.unwrap_or(Val::None);
            Ok(Val::tuple(vec![key, value]))
        }
        _ => {
            args.bind("clear", &[], false)?;
            *dict = Dict::default();
            Ok(Val::None)
        }
    }
}
