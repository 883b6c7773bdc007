//! Templates that use others: `include`, `import`, `extends` and blocks.
//!
//! They are there in template files alone: a text in a playbook has no directory to look in.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::compiled::Template;
use super::error::{ErrorKind, Eval, call_error, type_error, unsupported};
use super::eval::{Interpreter, Locals};
use super::exec::join_nodes;
use super::macros::Macro;
use super::options::Reading;
use super::syntax::{BlockDecl, Import, Include, Node};
use super::value::{Object, Val};

/// What a template file brings along.
#[derive(Clone)]
pub(super) struct Home {
    /// The directory of the file that is rendered.
    pub(super) directory: Option<PathBuf>,
    /// How its text, and that of the files it uses, is read.
    pub(super) reading: Arc<Reading>,
}

/// The blocks of a template and of those it extends.
#[derive(Default)]
pub(super) struct Layout {
    /// By name, the one that counts first.
    blocks: HashMap<Arc<str>, Vec<Placed>>,
    /// The block being rendered, and which of its name it is.
    current: Option<(Arc<str>, usize)>,
    /// The template that this one extends.
    parent: Option<Val>,
}

/// A block and the text it stands in.
type Placed = (Arc<BlockDecl>, Arc<str>);

/// A template file that has been found.
struct Found {
    template: Arc<Template>,
    text: Arc<str>,
}

impl Interpreter<'_, '_> {
    /// Runs a whole template, and the one it extends.
    pub(super) fn run_whole(&mut self, template: &Template, out: &mut Vec<Val>) -> Eval<()> {
        let _deeper = self.context.budget.descend()?;
        for block in &template.blocks {
            let place = self.layout.blocks.entry(block.name.clone()).or_default();
            place.push((block.clone(), self.text.clone()));
        }
        self.run(&template.body, out)?;
        let Some(parent) = self.layout.parent.take() else { return Ok(()) };
        let found = self.find_template(&parent)?.ok_or_else(|| missing(&parent))?;
        self.text = found.text;
        self.run_whole(&found.template, out)
    }

    /// Whether what follows at the top is only for blocks, because another template is extended.
    pub(super) fn extends(&self) -> bool {
        self.layout.parent.is_some()
    }

    pub(super) fn extend(&mut self, name: &Node) -> Eval<()> {
        if self.extends() {
            return Err(type_error("a template extends one other at most"));
        }
        self.layout.parent = Some(self.eval(name)?.usable()?);
        Ok(())
    }

    /// A block where it stands: the one of the template that was asked for counts.
    pub(super) fn block(&mut self, name: &Arc<str>, out: &mut Vec<Val>) -> Eval<()> {
        self.nth_block(name, 0, out)
    }

    fn nth_block(&mut self, name: &Arc<str>, at: usize, out: &mut Vec<Val>) -> Eval<()> {
        let _deeper = self.context.budget.descend()?;
        let found = self.layout.blocks.get(name).and_then(|blocks| blocks.get(at)).cloned();
        let (decl, text) = found.ok_or_else(|| undefined(format!("there is no parent of block `{name}`")))?;
        if decl.required {
            return Err(call_error(name, "the block is required, and no template fills it"));
        }
        let outer_text = std::mem::replace(&mut self.text, text);
        let outer = self.layout.current.replace((name.clone(), at));
        // Only a scoped block sees the names around it.
        let hidden = if decl.scoped { Vec::new() } else { self.frames.split_off(1) };
        self.frames.push(Locals::new());
        let result = self.run(&decl.body, out);
        self.frames.pop();
        self.frames.extend(hidden);
        self.layout.current = outer;
        self.text = outer_text;
        result
    }

    /// `super()` and `self.name()`; none where the call is no such thing.
    pub(super) fn block_call(&mut self, callee: &Node) -> Option<Eval<Val>> {
        let (name, at) = match &callee.expr {
            super::syntax::Expr::Var(name) if &**name == "super" => {
                let (name, at) = self.layout.current.clone()?;
                (name, at + 1)
            }
            super::syntax::Expr::Attr(owner, name) => match &owner.expr {
                super::syntax::Expr::Var(owner) if &**owner == "self" => {
                    self.layout.blocks.get(name)?;
                    (name.clone(), 0)
                }
                _ => return None,
            },
            _ => return None,
        };
        let mut nodes = Vec::new();
        let result = self.nth_block(&name, at, &mut nodes).and_then(|()| join_nodes(nodes, self.context));
        Some(result.or_else(|error| self.context.caught(error)))
    }

    /// `{% include %}`: the other template sees all names, and what it prints is printed here.
    pub(super) fn include(&mut self, include: &Include, out: &mut Vec<Val>) -> Eval<()> {
        let name = self.eval(&include.name)?.usable()?;
        let Some(found) = self.find_template(&name)? else {
            return if include.ignore_missing { Ok(()) } else { Err(missing(&name)) };
        };
        let mut inner = self.inside(&found, true)?;
        if !include.with_context {
            inner.frames = vec![Locals::new()];
            inner.scope = self.context.nothing.clone();
        }
        inner.run_whole(&found.template, out)
    }

    /// An interpreter for another template file.
    fn inside(&self, found: &Found, with_context: bool) -> Eval<Self> {
        let scope = if with_context { &self.scope } else { &self.context.nothing };
        let mut inner = Interpreter::new(self.context, found.text.clone(), scope);
        inner.home.clone_from(&self.home);
        if with_context {
            for frame in &self.frames {
                self.context.budget.items(frame.len())?;
                inner.frames[0].extend(frame.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
            inner.frames[0].remove("loop");
        }
        Ok(inner)
    }

    /// `{% import %}` and `{% from … import … %}`.
    pub(super) fn import(&mut self, import: &Import) -> Eval<()> {
        let name = self.eval(&import.name)?.usable()?;
        let found = self.find_template(&name)?.ok_or_else(|| missing(&name))?;
        let mut inner = self.inside(&found, import.with_context)?;
        inner.exported = Some(HashSet::new());
        inner.run_whole(&found.template, &mut Vec::new())?;
        let module = exports(inner);
        match &import.names {
            None => {
                let module = Val::Object(Object::Namespace(Arc::new(Mutex::new(module))));
                self.bind(import.target.clone(), module);
            }
            Some(names) => {
                for (name, alias) in names {
                    let what = format!("the template that is imported does not define `{name}`");
                    let value = module.get(name).cloned();
                    self.bind(alias.clone(), value.unwrap_or_else(|| Val::marker(undefined(what))));
                }
            }
        }
        Ok(())
    }

    /// The first template file of a name, or of a list of names.
    fn find_template(&self, name: &Val) -> Eval<Option<Found>> {
        let Some(home) = &self.home else {
            return Err(unsupported(
                "`{% include %}`, `{% import %}` or `{% extends %}` in a text of the playbook",
                "use `template` with a file, or `lookup('template', …)`",
            ));
        };
        let names = match name {
            Val::Str(_) => vec![name.clone()],
            Val::List(_) | Val::Tuple(_) => self.context.iterate(name)?,
            other => return Err(type_error(format!("a `{}` names no template", other.type_name()))),
        };
        for name in names {
            let Val::Str(name) = name.usable()? else { return Err(type_error("a template's name is text")) };
            let lookups = self.context.templater.lookups();
            let found = lookups.template(&name, self.scope.directories(), home.directory.as_deref());
            if let Some(file) = found.map_err(|message| call_error("include", message))? {
                self.context.budget.text(file.text.len())?;
                let text: Arc<str> = file.text.into();
                let template = self.context.templater.compile_file(&text, &home.reading)?;
                return Ok(Some(Found { template, text }));
            }
        }
        Ok(None)
    }
}

/// What a template leaves behind for its importer: the names it has set, macros with all they may use.
fn exports(inner: Interpreter<'_, '_>) -> HashMap<Arc<str>, Val> {
    let names = inner.exported.unwrap_or_default();
    let mut frames = inner.frames;
    let globals = Arc::new(frames.swap_remove(0));
    let public = globals.iter().filter(|(name, _)| names.contains(*name) && !name.starts_with('_'));
    let bound = |value: &Val| match value {
        Val::Object(Object::Macro(target)) => {
            let target = Macro { globals: Some(globals.clone()), ..Macro::clone(target) };
            Val::Object(Object::Macro(Arc::new(target)))
        }
        other => other.clone(),
    };
    public.map(|(name, value)| (name.clone(), bound(value))).collect()
}

fn undefined(what: String) -> super::TemplateError {
    ErrorKind::Undefined { name: None, what, closest: None }.into()
}

fn missing(name: &Val) -> super::TemplateError {
    let name = name.as_str().map_or_else(|| "none of them".to_owned(), |name| format!("`{name}`"));
    call_error("include", format!("the template {name} is not found in `templates/`"))
}
