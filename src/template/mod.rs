//! Templates, conditions and expressions, with Ansible's values.
//!
//! Text from the inventory and the playbook may be a template; text from hosts never is, wherever it goes:
//! the two are told apart when a variable is set ([`Scope::set_source`], [`Scope::set_literal`]), and what a
//! template yields is not looked at again.

mod budget;
mod call;
mod checks;
mod compiled;
mod context;
mod error;
mod eval;
mod exec;
mod files;
mod filters;
mod format;
mod functions;
mod inplace;
mod looked_up;
mod lookups;
mod looping;
mod macros;
mod methods;
mod numbers;
mod ops;
mod options;
mod percent;
mod pyrandom;
mod pyset;
mod scope;
mod slice;
mod source;
mod string_methods;
mod strings;
mod syntax;
#[cfg(test)]
mod tests;
mod text;
mod value;
mod versions;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

pub use error::{ErrorKind, Place, TemplateError};
pub use lookups::{Local, Lookups, NoLookups, Request, TemplateFile, YamlReader};
pub use options::{Delimiters, Reading};
pub use scope::{Hosts, Layer, Scope};

use compiled::{Cache, Expression, Template};
use context::Context;
use error::Eval;
use eval::Interpreter;
use files::Home;
use value::Val;

use crate::keys;

/// Renders templates. Cheap to share: it only keeps what it has parsed.
pub struct Templater {
    lookups: Arc<dyn Lookups>,
    yaml: YamlReader,
    cache: Cache,
}

impl Templater {
    /// A templater that asks `lookups` for what lies outside, and reads YAML text with `yaml`.
    #[must_use]
    pub fn new(lookups: Arc<dyn Lookups>, yaml: YamlReader) -> Self {
        Self { lookups, yaml, cache: Cache::default() }
    }

    /// Whether the text would be rendered at all, that is, holds a start of a template.
    #[must_use]
    pub fn is_template(text: &str) -> bool {
        is_template(text)
    }

    /// Renders every string of a tree that is a template.
    ///
    /// A string that is exactly one expression keeps the type of its value, others become text. Entries of
    /// mappings and lists whose value is `omit` are left out. Keys are not rendered; those that are no text are marked
    /// ([`crate::keys`]).
    ///
    /// # Errors
    /// The first template that has no value, with its place in the text and the text's place in the tree.
    pub fn render_value(&self, node: &Json, scope: &Arc<Scope>) -> Result<Json, TemplateError> {
        let context = Context::new(self);
        let mut tree = Tree { context: &context, scope, pointer: String::new() };
        tree.render(node)?.ok_or_else(|| ErrorKind::Omitted.into())
    }

    /// Renders the text of a template file; what it includes is looked for by [`Lookups::template`].
    ///
    /// # Errors
    /// Why it has no value, with the place in its text.
    pub fn render_file(
        &self,
        file: &TemplateFile,
        reading: &Arc<Reading>,
        scope: &Arc<Scope>,
    ) -> Result<String, TemplateError> {
        if !reading.is_template(&file.text) {
            return Ok(file.text.clone());
        }
        let context = Context::new(self);
        let text: Arc<str> = file.text.as_str().into();
        let home = Home { directory: file.directory.clone(), reading: reading.clone() };
        Interpreter::render_file(&context, &text, home, scope)
            .and_then(|value| context.deep(value))
            .and_then(|value| exec::printed(&value, &context.budget))
            .map_err(|error| error.at(&text, 0..text.len()))
    }

    /// Evaluates an expression written without delimiters; keys are marked as by [`Templater::render_value`].
    ///
    /// # Errors
    /// Why the expression has no value.
    pub fn eval(&self, expression: &str, scope: &Arc<Scope>) -> Result<Json, TemplateError> {
        let context = Context::new(self);
        let value = self.evaluate(&context, expression, scope, Strings::Template)?;
        finish(&context, value)
    }

    /// Whether a condition holds: an expression, a boolean, or a list of them that must all hold.
    ///
    /// A list is read from the front, and what follows a condition that does not hold is not looked at.
    ///
    /// # Errors
    /// Why a condition is neither true nor false.
    pub fn condition(&self, condition: &Json, scope: &Arc<Scope>) -> Result<bool, TemplateError> {
        if let Json::Array(conditions) = condition {
            for (i, condition) in conditions.iter().enumerate() {
                let holds = self.condition(condition, scope).map_err(|mut error| {
                    error.pointer = format!("/{i}{}", error.pointer);
                    error
                })?;
                if !holds {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let context = Context::new(self);
        let value = match condition {
            Json::String(text) if is_whole_template(text.trim()) => {
                self.render_value(&Json::from(text.trim()), scope)?
            }
            Json::String(text) => {
                let value = self.evaluate(&context, text, scope, Strings::Condition)?;
                finish(&context, value)?
            }
            other => other.clone(),
        };
        match value {
            Json::Bool(holds) => Ok(holds),
            Json::Null if condition.is_null() => Err(ErrorKind::EmptyCondition.into()),
            other => Err(not_boolean(&other).at_whole(condition.as_str())),
        }
    }

    /// The items of a `with_NAME` loop, whose terms are a tree of templates; keys are marked as by [`Templater::render_value`].
    ///
    /// # Errors
    /// Why there are none.
    pub fn looked_up(
        &self,
        name: &str,
        terms: &Json,
        scope: &Arc<Scope>,
    ) -> Result<Vec<Json>, TemplateError> {
        let context = Context::new(self);
        if ["pipe", "lines"].contains(&name) && holds_template(terms) {
            return Err(error::unsupported(
                format!("a template in `with_{name}`"),
                format!("write `loop: \"{{{{ query('{name}', 'command ' ~ (value | quote)) }}}}\"`"),
            ));
        }
        let terms = looked_up::terms_of(Val::from_json(&self.render_value(terms, scope)?));
        let name = filters::strip_collection(name);
        let found = functions::looked_up(&context, scope, name, terms, &[])?;
        found.into_iter().map(|value| finish(&context, value)).collect()
    }

    /// The names a template or a tree of templates may read from the scope; local names are among them.
    ///
    /// # Errors
    /// The text that cannot be parsed.
    pub fn variables_of(&self, node: &Json) -> Result<BTreeSet<String>, TemplateError> {
        let mut names = BTreeSet::new();
        self.collect_names(node, &mut names)?;
        Ok(names)
    }

    /// The names an expression or condition may read from the scope.
    ///
    /// # Errors
    /// The text that cannot be parsed.
    pub fn variables_of_expression(&self, expression: &str) -> Result<BTreeSet<String>, TemplateError> {
        if expression.trim().is_empty() {
            return Err(ErrorKind::EmptyCondition.into());
        }
        let expression = Expression::parse(&Arc::from(expression.trim()), Strings::Condition)?;
        let mut names = BTreeSet::new();
        expression.root.names(&mut names);
        Ok(names)
    }

    fn collect_names(&self, node: &Json, names: &mut BTreeSet<String>) -> Eval<()> {
        match node {
            Json::String(text) if is_template(text) => {
                self.compile(&Arc::from(text.as_str()))?.body.iter().for_each(|stmt| stmt.names(names));
                Ok(())
            }
            Json::Array(items) => items.iter().try_for_each(|item| self.collect_names(item, names)),
            Json::Object(map) => map.values().try_for_each(|item| self.collect_names(item, names)),
            _ => Ok(()),
        }
    }

    fn evaluate(
        &self,
        context: &Context<'_>,
        expression: &str,
        scope: &Arc<Scope>,
        strings: Strings,
    ) -> Eval<Val> {
        let text: Arc<str> = expression.into();
        if text.trim().is_empty() {
            return Err(ErrorKind::EmptyCondition.into());
        }
        let expression = self.cache.expression(&text, strings)?;
        Interpreter::new(context, text, scope).eval(&expression.root)
    }

    fn compile(&self, text: &Arc<str>) -> Eval<Arc<Template>> {
        self.cache.template(text, None)
    }

    fn compile_file(&self, text: &Arc<str>, reading: &Arc<Reading>) -> Eval<Arc<Template>> {
        self.cache.template(text, Some(reading))
    }

    fn read_yaml(&self, text: &str) -> Result<Json, String> {
        (self.yaml)(text)
    }

    fn lookups(&self) -> &dyn Lookups {
        &*self.lookups
    }
}

/// How the strings of an expression are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Strings {
    /// Backslashes are kept, as in `{{ }}`.
    Template,
    /// Backslashes start escapes; templates inside strings are refused, because Ansible would render them.
    Condition,
}

fn is_template(text: &str) -> bool {
    text.starts_with("#jinja2:") || ["{{", "{%", "{#"].iter().any(|start| text.contains(start))
}

fn is_whole_template(text: &str) -> bool {
    text.starts_with("#jinja2:")
        || (["{{", "{%", "{#"].iter().any(|start| text.starts_with(start))
            && ["}}", "%}", "#}"].iter().any(|end| text.ends_with(end)))
}

/// Whether any text of a tree may be a template.
fn holds_template(node: &Json) -> bool {
    match node {
        Json::String(text) => is_template(text),
        Json::Array(items) => items.iter().any(holds_template),
        Json::Object(map) => map.values().any(holds_template),
        _ => false,
    }
}

fn finish(context: &Context<'_>, value: Val) -> Eval<Json> {
    match context.deep(value)? {
        Val::Omit => Err(ErrorKind::Omitted.into()),
        value => value.to_json(&context.budget),
    }
}

fn not_boolean(value: &Json) -> TemplateError {
    let shown: String = keys::shown(value.clone()).to_string().chars().take(60).collect();
    ErrorKind::NotBoolean { found: Val::from_json(value).type_name(), value: format!("`{shown}`") }.into()
}

/// A tree being rendered.
struct Tree<'t, 'a> {
    context: &'t Context<'a>,
    scope: &'t Arc<Scope>,
    pointer: String,
}

impl Tree<'_, '_> {
    /// The rendered value; none if it is to be left out.
    fn render(&mut self, node: &Json) -> Eval<Option<Json>> {
        match node {
            Json::String(text) if is_template(text) => self.text(text).map_err(|mut error| {
                error.pointer.clone_from(&self.pointer);
                error
            }),
            Json::Array(items) => {
                let mut out = Vec::with_capacity(items.len());
                for (i, item) in items.iter().enumerate() {
                    out.extend(self.within(&i.to_string(), item)?);
                }
                Ok(Some(Json::Array(out)))
            }
            Json::Object(map) => {
                let mut out = Map::new();
                for (key, item) in map {
                    let name = key.replace('~', "~0").replace('/', "~1");
                    if let Some(value) = self.within(&name, item)? {
                        out.insert(key.clone(), value);
                    }
                }
                Ok(Some(Json::Object(out)))
            }
            other => Ok(Some(other.clone())),
        }
    }

    fn within(&mut self, step: &str, item: &Json) -> Eval<Option<Json>> {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(step);
        let value = self.render(item);
        self.pointer.truncate(length);
        value
    }

    fn text(&self, text: &str) -> Eval<Option<Json>> {
        let text: Arc<str> = text.into();
        let value = Interpreter::render(self.context, &text, self.scope)
            .and_then(|value| self.context.deep(value))
            .and_then(|value| match value {
                Val::Omit => Ok(None),
                value => value.to_json(&self.context.budget).map(Some),
            });
        value.map_err(|error| error.at(&text, 0..text.len()))
    }
}
