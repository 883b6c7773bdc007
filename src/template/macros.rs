//! Macros.

use std::sync::Arc;

use super::call::Args;
use super::error::{ErrorKind, Eval, call_error};
use super::eval::{Interpreter, Locals};
use super::exec::join_nodes;
use super::syntax::MacroDecl;
use super::value::Val;

/// A macro and the local names it could see where it was written.
pub(super) struct Macro {
    pub(super) decl: Arc<MacroDecl>,
    pub(super) captured: Vec<Locals>,
}

/// Calls a macro; an error in it becomes its value.
pub(super) fn call(
    outer: &mut Interpreter<'_, '_>,
    target: &Arc<Macro>,
    args: Args,
    caller: Option<Val>,
) -> Eval<Val> {
    let context = outer.context;
    let _deeper = context.budget.descend()?;
    let mut inner = Interpreter::new(context, outer.text.clone(), &outer.scope);
    context.budget.items(outer.frames[0].len())?;
    inner.frames = vec![outer.frames[0].clone()];
    inner.frames.extend(target.captured.iter().cloned());
    inner.frames.push(Locals::new());
    if let Some(caller) = caller {
        inner.bind("caller".into(), caller);
    }
    let mut nodes = Vec::new();
    bind_parameters(&mut inner, &target.decl, args)
        .and_then(|()| inner.run(&target.decl.body, &mut nodes))
        .and_then(|()| join_nodes(nodes, context))
        .or_else(|error| context.caught(error))
}

fn bind_parameters(inner: &mut Interpreter<'_, '_>, decl: &MacroDecl, args: Args) -> Eval<()> {
    if args.plain.len() > decl.params.len() {
        let count = decl.params.len();
        return Err(call_error(&decl.name, format!("the macro takes {count} arguments at most")));
    }
    let mut given: Vec<Option<Val>> = args.plain.into_iter().map(Some).collect();
    given.resize_with(decl.params.len(), || None);
    for (name, value) in args.named {
        match decl.params.iter().position(|(param, _)| *param == name) {
            Some(at) if given[at].is_none() => given[at] = Some(value),
            Some(_) => return Err(call_error(&decl.name, format!("the argument `{name}` is given twice"))),
            None => return Err(call_error(&decl.name, format!("the macro has no parameter `{name}`"))),
        }
    }
    for ((name, default), value) in decl.params.iter().zip(given) {
        let value = match (value, default) {
            (Some(value), _) => value,
            (None, Some(default)) => inner.eval(default)?,
            (None, None) => {
                let what = format!("the parameter `{name}` was not given");
                Val::marker(ErrorKind::Undefined { name: None, what, closest: None }.into())
            }
        };
        inner.bind(name.clone(), value);
    }
    Ok(())
}
