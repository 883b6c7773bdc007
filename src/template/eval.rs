//! Expressions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::budget;
use super::call::Args;
use super::context::{Context, too_deep};
use super::error::{Eval, type_error};
use super::files::{Home, Layout};
use super::scope::Scope;
use super::syntax::{Arg, Expr, Node};
use super::value::{Dict, Object, Val};
use super::{exec, functions, inplace, macros, methods, ops, slice};

/// Names bound by the template itself.
pub(super) type Locals = HashMap<Arc<str>, Val>;

/// One template text being evaluated.
pub(super) struct Interpreter<'c, 'a> {
    pub(super) context: &'c Context<'a>,
    pub(super) scope: Arc<Scope>,
    pub(super) text: Arc<str>,
    /// Innermost last; the first holds the template's top level.
    pub(super) frames: Vec<Locals>,
    /// Where the text comes from, if it is that of a file.
    pub(super) home: Option<Home>,
    /// The blocks of the template and of those it extends.
    pub(super) layout: Layout,
    /// The names set at the top, if they are wanted.
    pub(super) exported: Option<HashSet<Arc<str>>>,
}

impl<'c, 'a> Interpreter<'c, 'a> {
    pub(super) fn new(context: &'c Context<'a>, text: Arc<str>, scope: &Arc<Scope>) -> Self {
        Self {
            context,
            scope: scope.clone(),
            text,
            frames: vec![Locals::new()],
            home: None,
            layout: Layout::default(),
            exported: None,
        }
    }

    /// The value of a template, which may hold errors nobody has tripped over yet.
    pub(super) fn render(context: &'c Context<'a>, text: &Arc<str>, scope: &Arc<Scope>) -> Eval<Val> {
        let template = context.templater.compile(text)?;
        let mut nodes = Vec::new();
        Self::new(context, text.clone(), scope).run_whole(&template, &mut nodes)?;
        let value = exec::join_nodes(nodes, context)?;
        exec::keep_newlines(value, text, "\n", &context.budget)
    }

    /// The same for the text of a file.
    pub(super) fn render_file(
        context: &'c Context<'a>,
        text: &Arc<str>,
        home: Home,
        scope: &Arc<Scope>,
    ) -> Eval<Val> {
        let template = context.templater.compile_file(text, &home.reading)?;
        let newline = home.reading.newline_sequence.clone();
        let mut nodes = Vec::new();
        let mut interpreter = Self::new(context, text.clone(), scope);
        interpreter.home = Some(home);
        interpreter.run_whole(&template, &mut nodes)?;
        let value = exec::join_nodes(nodes, context)?;
        exec::keep_newlines(value, text, &newline, &context.budget)
    }

    /// The value of an expression.
    pub(super) fn eval(&mut self, node: &Node) -> Eval<Val> {
        let _deeper = self.context.budget.descend()?;
        let result = self.expr(node).and_then(|value| self.context.force(value));
        let value = result.map_err(|error| error.at(&self.text, node.at.clone()))?;
        match value {
            Val::Marker(error) if error.place.is_none() => {
                Ok(Val::marker((*error).clone().at(&self.text, node.at.clone())))
            }
            value if value.depth() > budget::DEPTH => Err(too_deep().at(&self.text, node.at.clone())),
            value => Ok(value),
        }
    }

    fn eval_all(&mut self, nodes: &[Node]) -> Eval<Vec<Val>> {
        self.context.budget.items(nodes.len())?;
        nodes.iter().map(|node| self.eval(node)).collect()
    }

    /// The value of an expression that something is done with right away.
    fn usable(&mut self, node: &Node) -> Eval<Val> {
        self.eval(node)?.usable()
    }

    fn deep(&mut self, node: &Node) -> Eval<Val> {
        let value = self.usable(node)?;
        self.context.deep(value)
    }

    pub(super) fn truth(&mut self, node: &Node) -> Eval<bool> {
        let value = self.eval(node)?;
        ops::truth(&value)
    }

    fn expr(&mut self, node: &Node) -> Eval<Val> {
        Ok(match &node.expr {
            Expr::Const(value) => value.clone(),
            Expr::Var(name) => self.name(name)?,
            Expr::List(items) => Val::list(self.eval_all(items)?),
            Expr::Tuple(items) => Val::tuple(self.eval_all(items)?),
            Expr::Dict(pairs) => self.dict(pairs)?,
            Expr::Attr(owner, name) => {
                let owner = self.eval(owner)?;
                self.context.attribute(&owner, name)?
            }
            Expr::Item(owner, key) => {
                let (owner, key) = (self.eval(owner)?, self.eval(key)?);
                self.context.item(&owner, &key)?
            }
            Expr::Slice(owner, bounds) => self.slice(owner, bounds)?,
            Expr::Not(inner) => Val::Bool(!self.truth(inner)?),
            Expr::Neg(inner) => ops::negate(&self.usable(inner)?)?,
            Expr::Pos(inner) => ops::positive(&self.usable(inner)?)?,
            Expr::And(left, right) => self.shortcut(left, right, false)?,
            Expr::Or(left, right) => self.shortcut(left, right, true)?,
            Expr::Binary(op, left, right) => {
                let (left, right) = (self.deep(left)?, self.deep(right)?);
                ops::binary(*op, &left, &right, &self.context.budget)?
            }
            Expr::Compare(first, rest) => Val::Bool(self.compare(first, rest)?),
            Expr::If(test, then, otherwise) => {
                if self.truth(test)? {
                    self.eval(then)?
                } else {
                    otherwise.as_ref().map_or(Ok(Val::Absent), |otherwise| self.eval(otherwise))?
                }
            }
            Expr::Filter(filter, Some(value), args) => {
                let value = self.eval(value)?;
                let args = self.args(args)?;
                self.context.filter(filter, value, args)?
            }
            Expr::Filter(filter, None, _) => {
                return Err(type_error(format!("the filter `{}` has nothing to work on", filter.name)));
            }
            Expr::Test(check, value, args) => {
                let value = self.eval(value)?;
                let args = self.args(args)?;
                self.context.check(check, value, args)?
            }
            Expr::Call(callee, args) => self.call(callee, args, None)?,
        })
    }

    fn name(&self, name: &Arc<str>) -> Eval<Val> {
        if let Some(local) = self.frames.iter().rev().find_map(|frame| frame.get(name)) {
            return Ok(local.clone());
        }
        if let Some(value) = self.context.variable(&self.scope, name)? {
            return Ok(value);
        }
        Ok(functions::global(name, &self.scope)
            .unwrap_or_else(|| Val::marker(Context::undefined_variable(&self.scope, name))))
    }

    fn dict(&mut self, pairs: &[(Node, Node)]) -> Eval<Val> {
        self.context.budget.items(pairs.len())?;
        let mut dict = Dict::default();
        for (key, value) in pairs {
            let key = self.deep(key)?;
            dict.insert(key, self.eval(value)?)?;
        }
        Ok(Val::dict(dict))
    }

    fn slice(&mut self, owner: &Node, bounds: &[Option<Box<Node>>; 3]) -> Eval<Val> {
        let owner = self.eval(owner)?;
        let [from, until, step] =
            bounds.each_ref().map(|bound| bound.as_ref().map(|bound| self.eval(bound)).transpose());
        let bounds = [from?, until?, step?];
        if matches!(owner, Val::Marker(_)) {
            return Ok(owner);
        }
        slice::slice(&owner, bounds, &self.context.budget)
    }

    /// `and` and `or`: the right side is looked at only if the left one does not decide.
    fn shortcut(&mut self, left: &Node, right: &Node, decides: bool) -> Eval<Val> {
        let value = self.eval(left)?;
        if ops::truth(&value)? == decides { Ok(value) } else { self.eval(right) }
    }

    fn compare(&mut self, first: &Node, rest: &[(super::syntax::Relation, Node)]) -> Eval<bool> {
        let mut left = self.deep(first)?;
        for (relation, right) in rest {
            let right = self.deep(right)?;
            if !ops::compare(*relation, &left, &right, &self.context.budget)? {
                return Ok(false);
            }
            left = right;
        }
        Ok(true)
    }

    pub(super) fn args(&mut self, args: &[Arg]) -> Eval<Args> {
        let mut out = Args::default();
        for arg in args {
            match arg {
                Arg::Plain(node) => {
                    let value = self.eval(node)?;
                    out.plain.push(self.context.deep(value)?);
                }
                Arg::Named(name, node) => {
                    let value = self.eval(node)?;
                    out.named.push((name.clone(), self.context.deep(value)?));
                }
                Arg::Spread(node) => {
                    let value = self.usable(node)?;
                    out.plain.extend(self.context.iterate(&value)?);
                }
                Arg::SpreadNamed(node) => match self.deep(node)? {
                    Val::Dict(dict) => {
                        for (key, value) in dict.entries() {
                            let Val::Str(key) = key else {
                                return Err(type_error("`**` needs a mapping whose keys are text"));
                            };
                            out.named.push((key.clone(), value.clone()));
                        }
                    }
                    _ => return Err(type_error("`**` needs a mapping")),
                },
            }
        }
        Ok(out)
    }

    /// Calls a function, method or macro; an error becomes the call's value.
    pub(super) fn call(&mut self, callee: &Node, args: &[Arg], block: Option<Val>) -> Eval<Val> {
        if let Expr::Attr(owner, name) = &callee.expr
            && inplace::changes(&self.eval(owner)?, name)
        {
            let args = self.args(args)?;
            if let Some(marker) = args.first_marker(&Val::None) {
                return Ok(marker);
            }
            let result = self.change(owner, name, args);
            return result.or_else(|error| self.context.caught(error.called(name)));
        }
        if let Some(value) = self.block_call(callee) {
            return value;
        }
        let callee = self.eval(callee)?;
        let args = self.args(args)?;
        if matches!(callee, Val::Marker(_)) {
            return Ok(callee);
        }
        if let Val::Object(Object::Macro(target)) = &callee {
            return macros::call(self, target, args, block);
        }
        if let Val::Object(Object::Loop(state)) = &callee {
            return self.recurse(state, &args).or_else(|error| self.context.caught(error));
        }
        if block.is_some() {
            return Err(type_error("`{% call %}` needs a macro"));
        }
        if let Val::Object(Object::Function(name)) = &callee {
            return functions::call(self.context, &self.scope, name, args)
                .or_else(|error| self.context.caught(error.called(name)));
        }
        if let Some(marker) = args.first_marker(&Val::None) {
            return Ok(marker);
        }
        match &callee {
            Val::Object(Object::Method(method)) => {
                methods::call(self.context, &method.owner, &method.name, args)
                    .or_else(|error| self.context.caught(error.called(&method.name)))
            }
            other => Err(type_error(format!("a value of type `{}` cannot be called", other.type_name()))),
        }
    }
}
