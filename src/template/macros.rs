//! Macros.

use std::sync::Arc;

use super::call::Args;
use super::error::{ErrorKind, Eval, call_error};
use super::eval::{Interpreter, Locals};
use super::exec::join_nodes;
use super::files::Home;
use super::scope::Scope;
use super::syntax::MacroDecl;
use super::value::{Dict, Val};

/// A macro and the local names it could see where it was written.
#[derive(Clone)]
pub(super) struct Macro {
    pub(super) decl: Arc<MacroDecl>,
    pub(super) captured: Vec<Locals>,
    /// The names at the top of its template, if that is another one than its caller's.
    pub(super) globals: Option<Arc<Locals>>,
    /// The text it stands in, with its variables and its file.
    pub(super) text: Arc<str>,
    pub(super) scope: Arc<Scope>,
    pub(super) home: Option<Home>,
}

impl MacroDecl {
    /// Whether its text speaks of what is given beyond its parameters.
    fn takes(&self, name: &str) -> bool {
        self.names.contains(name) && !self.params.iter().any(|(param, _)| &**param == name)
    }

    /// An attribute of a macro, such as its name.
    pub(super) fn attribute(&self, name: &str) -> Option<Val> {
        Some(match name {
            "name" => Val::Str(self.name.clone()),
            "arguments" => Val::tuple(self.params.iter().map(|(param, _)| Val::Str(param.clone())).collect()),
            "catch_varargs" => Val::Bool(self.takes("varargs")),
            "catch_kwargs" => Val::Bool(self.takes("kwargs")),
            "caller" => Val::Bool(self.takes("caller")),
            _ => return None,
        })
    }
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
    let mut inner = Interpreter::new(context, target.text.clone(), &target.scope);
    inner.home.clone_from(&target.home);
    let globals = target.globals.as_deref().unwrap_or(&outer.frames[0]);
    context.budget.items(globals.len())?;
    inner.frames = vec![globals.clone()];
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
    if args.plain.len() > decl.params.len() && !decl.takes("varargs") {
        let count = decl.params.len();
        return Err(call_error(&decl.name, format!("the macro takes {count} arguments at most")));
    }
    let mut plain = args.plain.into_iter().map(Some);
    let mut given: Vec<Option<Val>> = plain.by_ref().take(decl.params.len()).collect();
    given.resize_with(decl.params.len(), || None);
    let mut more = Dict::default();
    for (name, value) in args.named {
        match decl.params.iter().position(|(param, _)| *param == name) {
            Some(at) if given[at].is_none() => given[at] = Some(value),
            Some(_) => return Err(call_error(&decl.name, format!("the argument `{name}` is given twice"))),
            None if decl.takes("kwargs") => more.insert_str(&name, value),
            None => return Err(call_error(&decl.name, format!("the macro has no parameter `{name}`"))),
        }
    }
    if decl.takes("varargs") {
        inner.bind("varargs".into(), Val::tuple(plain.flatten().collect()));
    }
    if decl.takes("kwargs") {
        inner.bind("kwargs".into(), Val::dict(more));
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
