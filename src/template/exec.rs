//! Statements.

use std::sync::Arc;

use super::budget::{Budget, Text};
use super::call::Args;
use super::context::Context;
use super::error::{ErrorKind, Eval, type_error};
use super::eval::{Interpreter, Locals};
use super::looping::Loop;
use super::macros::Macro;
use super::syntax::{Expr, ForLoop, MacroDecl, Node, Stmt, Target};
use super::text;
use super::value::{Dict, Object, Val};

impl Interpreter<'_, '_> {
    /// Runs statements; what they print is appended to `out`.
    pub(super) fn run(&mut self, stmts: &[Stmt], out: &mut Vec<Val>) -> Eval<()> {
        for stmt in stmts {
            // Once a template extends another, only what it sets and its blocks count.
            if self.extends() && self.frames.len() == 1 && stmt.prints() {
                continue;
            }
            let _deeper = self.context.budget.descend()?;
            self.stmt(stmt, out)?;
        }
        Ok(())
    }

    fn stmt(&mut self, stmt: &Stmt, out: &mut Vec<Val>) -> Eval<()> {
        match stmt {
            Stmt::Text(text) => {
                self.context.budget.items(1)?;
                out.push(Val::Str(text.clone()));
            }
            Stmt::Print(node) => {
                self.context.budget.items(1)?;
                out.push(self.eval(node)?);
            }
            Stmt::For(repeat) => {
                let over = self.eval(&repeat.over)?;
                self.for_loop(repeat, &over, 0, out)?;
            }
            Stmt::If(test, then, otherwise) => {
                let branch = if self.truth(test)? { then } else { otherwise };
                self.run(branch, out)?;
            }
            Stmt::With(assignments, body) => {
                let mut values = Vec::with_capacity(assignments.len());
                for (_, node) in assignments {
                    values.push(self.eval(node)?);
                }
                self.frames.push(Locals::new());
                for ((target, node), value) in assignments.iter().zip(values) {
                    self.assign(target, value).map_err(|e| e.at(&self.text, node.at.clone()))?;
                }
                self.run(body, out)?;
                self.frames.pop();
            }
            Stmt::Set(target, node) => {
                let value = self.eval(node)?;
                self.assign(target, value).map_err(|e| e.at(&self.text, node.at.clone()))?;
            }
            Stmt::SetBlock(target, filter, body) => {
                let mut value = self.captured(body)?;
                if let Some(filter) = filter {
                    value = self.filtered(filter, value)?;
                }
                self.assign(target, value)?;
            }
            Stmt::FilterBlock(filter, body) => {
                let value = self.captured(body)?;
                out.push(self.filtered(filter, value)?);
            }
            Stmt::Macro(decl) => {
                let made = self.made(decl);
                let value = Val::Object(Object::Macro(Arc::new(made)));
                self.bind(decl.name.clone(), value);
            }
            Stmt::CallBlock(call, decl) => {
                let caller = self.made(decl);
                if let Expr::Call(callee, args) = &call.expr {
                    let caller = Val::Object(Object::Macro(Arc::new(caller)));
                    let value = self.call(callee, args, Some(caller));
                    out.push(value.map_err(|e| e.at(&self.text, call.at.clone()))?);
                }
            }
            other => self.file_stmt(other, out)?,
        }
        Ok(())
    }

    /// Statements of templates that use others; apart, so that the stack of the usual ones stays small.
    fn file_stmt(&mut self, stmt: &Stmt, out: &mut Vec<Val>) -> Eval<()> {
        match stmt {
            Stmt::Block(block) => self.block(&block.name, out)?,
            Stmt::Extends(name) => self.extend(name)?,
            Stmt::Include(include) => {
                self.include(include, out).map_err(|e| e.at(&self.text, include.name.at.clone()))?;
            }
            Stmt::Import(import) => {
                self.import(import).map_err(|e| e.at(&self.text, import.name.at.clone()))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A macro with what it may use.
    fn made(&self, decl: &Arc<MacroDecl>) -> Macro {
        let captured = self.frames[1..].to_vec();
        let (text, scope) = (self.text.clone(), self.scope.clone());
        Macro { decl: decl.clone(), captured, globals: None, text, scope, home: self.home.clone() }
    }

    pub(super) fn bind(&mut self, name: Arc<str>, value: Val) {
        if let Some(exported) = self.exported.as_mut().filter(|_| self.frames.len() == 1) {
            exported.insert(name.clone());
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.insert(name, value);
        }
    }

    fn captured(&mut self, body: &[Stmt]) -> Eval<Val> {
        let mut nodes = Vec::new();
        self.frames.push(Locals::new());
        self.run(body, &mut nodes)?;
        self.frames.pop();
        join_nodes(nodes, self.context).or_else(|error| self.context.caught(error))
    }

    fn filtered(&mut self, filter: &Node, value: Val) -> Eval<Val> {
        let Expr::Filter(filter, inner, args) = &filter.expr else { return Ok(value) };
        let value = match inner {
            Some(inner) => self.filtered(inner, value)?,
            None => value,
        };
        let args = self.args(args)?;
        self.context.filter(filter, value, args)
    }

    fn assign(&mut self, target: &Target, value: Val) -> Eval<()> {
        match target {
            Target::Name(name) => {
                self.bind(name.clone(), value);
                Ok(())
            }
            Target::Attribute(owner, name) => {
                let owner = self.frames.iter().rev().find_map(|frame| frame.get(owner).cloned());
                match (owner, &value) {
                    (_, Val::Object(Object::Namespace(_))) => {
                        Err(type_error("a namespace cannot be kept in a namespace"))
                    }
                    (Some(Val::Object(Object::Namespace(fields))), _) => {
                        if let Ok(mut fields) = fields.lock() {
                            fields.insert(name.clone(), value);
                        }
                        Ok(())
                    }
                    _ => Err(type_error("only attributes of a `namespace()` can be set")),
                }
            }
            Target::Unpack(targets) => {
                let items = self.context.iterate(&value)?;
                if items.len() != targets.len() {
                    return Err(type_error(format!(
                        "{} values cannot be assigned to {} names",
                        items.len(),
                        targets.len()
                    )));
                }
                targets.iter().zip(items).try_for_each(|(target, item)| self.assign(target, item))
            }
        }
    }

    /// `loop(items)`: the same loop again, one deeper, over other items.
    pub(super) fn recurse(&mut self, state: &Loop, args: &Args) -> Eval<Val> {
        let Some((repeat, frames, depth)) = state.again() else {
            return Err(type_error("only a loop marked `recursive` can be called"));
        };
        let [over] = args.plain.as_slice() else {
            return Err(type_error("`loop(…)` takes the items to loop over"));
        };
        let _deeper = self.context.budget.descend()?;
        let inner = self.frames.split_off(frames.min(self.frames.len()));
        let mut nodes = Vec::new();
        let result = self.for_loop(&repeat, over, depth, &mut nodes);
        self.frames.truncate(frames);
        self.frames.extend(inner);
        result?;
        join_nodes(nodes, self.context)
    }

    fn for_loop(&mut self, repeat: &Arc<ForLoop>, over: &Val, depth: usize, out: &mut Vec<Val>) -> Eval<()> {
        let at = |e: super::TemplateError| e.at(&self.text, repeat.over.at.clone());
        let mut items = self.context.iterate(over).map_err(at)?;
        if let Some(filter) = &repeat.filter {
            items = self.filter_items(repeat, filter, items)?;
        }
        if items.is_empty() {
            return self.run(&repeat.otherwise, out);
        }
        let again = repeat.recursive.then(|| (repeat.clone(), self.frames.len()));
        let state = Arc::new(Loop::new(items.clone(), depth, again));
        for (index, item) in items.into_iter().enumerate() {
            state.advance(index);
            self.frames.push(Locals::new());
            self.bind("loop".into(), Val::Object(Object::Loop(state.clone())));
            self.assign(&repeat.target, item).map_err(|e| e.at(&self.text, repeat.over.at.clone()))?;
            self.run(&repeat.body, out)?;
            self.frames.pop();
        }
        Ok(())
    }

    fn filter_items(&mut self, repeat: &ForLoop, filter: &Node, items: Vec<Val>) -> Eval<Vec<Val>> {
        let mut kept = Vec::new();
        for item in items {
            self.frames.push(Locals::new());
            self.assign(&repeat.target, item.clone())?;
            if self.truth(filter)? {
                kept.push(item);
            }
            self.frames.pop();
        }
        Ok(kept)
    }
}

impl Stmt {
    /// Whether it is there to print.
    const fn prints(&self) -> bool {
        matches!(
            self,
            Self::Text(_)
                | Self::Print(_)
                | Self::Block(_)
                | Self::FilterBlock(..)
                | Self::CallBlock(..)
                | Self::Include(_)
        )
    }
}

/// What a template's parts make together: one part keeps its type, more become text.
pub(super) fn join_nodes(nodes: Vec<Val>, context: &Context<'_>) -> Eval<Val> {
    let mut nodes: Vec<Val> = nodes.into_iter().filter(|node| !matches!(node, Val::None)).collect();
    match nodes.len() {
        0 => Ok(Val::None),
        1 => Ok(nodes.swap_remove(0)),
        _ => {
            let mut joined = Text::new(&context.budget);
            for node in nodes.into_iter().filter(|node| !matches!(node, Val::Omit)) {
                let node = finalize(&context.deep(node)?, &context.budget)?;
                text::write_str(&node, &mut joined)?;
            }
            Ok(Val::str(joined.finish()))
        }
    }
}

/// The value as data: no tuples, nothing omitted, no errors.
fn finalize(value: &Val, budget: &Budget) -> Eval<Val> {
    budget.items(1)?;
    Ok(match value {
        Val::Marker(error) => return Err((**error).clone()),
        Val::List(seq) | Val::Tuple(seq) => {
            let kept = seq.items.iter().filter(|item| !matches!(item, Val::Omit));
            Val::list(kept.map(|item| finalize(item, budget)).collect::<Eval<_>>()?)
        }
        Val::Dict(dict) => {
            let mut out = Dict::default();
            for (key, item) in dict.entries().iter().filter(|(_, item)| !matches!(item, Val::Omit)) {
                out.insert(key.clone(), finalize(item, budget)?)?;
            }
            Val::dict(out)
        }
        other => other.clone(),
    })
}

/// A whole template's value as the text of a file.
pub(super) fn printed(value: &Val, budget: &Budget) -> Eval<String> {
    match finalize(value, budget)? {
        Val::None => Ok(String::new()),
        Val::Omit => Err(ErrorKind::Omitted.into()),
        Val::Absent | Val::Range(_) => {
            Err(type_error(format!("a value of type `{}` cannot be a result", value.type_name())))
        }
        value => text::to_text(&value, budget),
    }
}

/// Text keeps as many line ends as its template has at its end.
pub(super) fn keep_newlines(value: Val, template: &str, newline: &str, budget: &Budget) -> Eval<Val> {
    let Val::Str(text) = &value else { return Ok(value) };
    let count = |text: &str| text.len() - text.trim_end_matches('\n').len();
    let missing = count(template).saturating_sub(count(text));
    if missing == 0 {
        return Ok(value);
    }
    budget.text(text.len() + missing * 2)?;
    Ok(Val::str([text, newline.repeat(missing).as_str()].concat()))
}
