//! Parsed texts, kept so that a fleet parses each only once.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use super::Strings;
use super::error::{ErrorKind, Eval, TemplateError, unsupported};
use super::source::{prepare_expression, prepare_template};
use super::syntax::{self, Arg, Expr, Node, Stmt, Whitespace};
use super::value::Val;

/// More texts than a playbook has; past that, the cache starts afresh.
const CAPACITY: usize = 20_000;

/// A parsed template.
pub(super) struct Template {
    pub(super) body: Vec<Stmt>,
}

/// A parsed expression.
pub(super) struct Expression {
    pub(super) root: Node,
}

type Parsed<K, V> = HashMap<K, Arc<V>>;

/// What has been parsed so far.
#[derive(Default)]
pub(super) struct Cache {
    templates: Mutex<Parsed<Arc<str>, Template>>,
    expressions: Mutex<Parsed<(Arc<str>, Strings), Expression>>,
}

impl Cache {
    pub(super) fn template(&self, text: &Arc<str>) -> Eval<Arc<Template>> {
        keep(&self.templates, text.clone(), || Template::parse(text))
    }

    pub(super) fn expression(&self, text: &Arc<str>, strings: Strings) -> Eval<Arc<Expression>> {
        keep(&self.expressions, (text.clone(), strings), || Expression::parse(text, strings))
    }
}

fn keep<K: Eq + std::hash::Hash, V>(
    cache: &Mutex<Parsed<K, V>>,
    key: K,
    parse: impl FnOnce() -> Eval<V>,
) -> Eval<Arc<V>> {
    if let Some(known) = cache.lock().ok().and_then(|cache| cache.get(&key).cloned()) {
        return Ok(known);
    }
    let parsed = Arc::new(parse()?);
    if let Ok(mut cache) = cache.lock() {
        if cache.len() >= CAPACITY {
            cache.clear();
        }
        cache.insert(key, parsed.clone());
    }
    Ok(parsed)
}

impl Template {
    fn parse(text: &Arc<str>) -> Eval<Self> {
        let whole = |error: TemplateError| error.at(text, 0..text.len());
        let (header, whitespace) = overrides(text).map_err(whole)?;
        let prepared = prepare_template(&text[header..], true).map_err(whole)?;
        Ok(Self { body: syntax::template(&prepared, header, text, whitespace).map_err(whole)? })
    }
}

impl Expression {
    /// Parses an expression.
    pub(super) fn parse(text: &Arc<str>, strings: Strings) -> Eval<Self> {
        let whole = |error: TemplateError| error.at(text, 0..text.len());
        let prepared = prepare_expression(text, strings == Strings::Template).map_err(whole)?;
        let root = syntax::expression(&prepared, text).map_err(|error| explain(text, whole(error)))?;
        if strings == Strings::Condition {
            root.visit(&mut |node| refuse_embedded(node, text))?;
        }
        Ok(Self { root })
    }
}

fn explain(text: &str, mut error: TemplateError) -> TemplateError {
    if let ErrorKind::Syntax { message } = &mut *error.kind
        && super::is_template(text)
    {
        message.push_str("; an expression is written without `{{ }}`");
    }
    error
}

fn refuse_embedded(node: &Node, text: &Arc<str>) -> Eval<()> {
    match &node.expr {
        Expr::Const(Val::Str(string)) if super::is_template(string) => Err(unsupported(
            "a template inside a string of a condition",
            "write the variable without `{{ }}`",
        )
        .at(text, node.at.clone())),
        _ => Ok(()),
    }
}

/// The length of a `#jinja2:` header with its line end, and what it asks for.
fn overrides(text: &str) -> Eval<(usize, Whitespace)> {
    let mut whitespace = Whitespace { trim_blocks: true, lstrip_blocks: false };
    let Some(rest) = text.strip_prefix("#jinja2:") else { return Ok((0, whitespace)) };
    let syntax = |message: &str| TemplateError::from(ErrorKind::Syntax { message: message.to_owned() });
    let (line, _) = rest.split_once('\n').ok_or_else(|| syntax("the `#jinja2:` header has no line end"))?;
    for pair in line.split(',') {
        let (key, value) =
            pair.split_once(':').ok_or_else(|| syntax("the `#jinja2:` header needs `name: value` pairs"))?;
        let value = match value.trim() {
            "True" => true,
            "False" => false,
            _ => {
                return Err(unsupported(
                    "a header value other than True and False",
                    "use the usual delimiters",
                ));
            }
        };
        match key.trim() {
            "trim_blocks" => whitespace.trim_blocks = value,
            "lstrip_blocks" => whitespace.lstrip_blocks = value,
            other => {
                return Err(unsupported(
                    format!("`{other}` in a `#jinja2:` header"),
                    "only trim_blocks and lstrip_blocks are",
                ));
            }
        }
    }
    Ok((text.len() - rest.len() + line.len() + 1, whitespace))
}

impl Node {
    /// Calls `visit` on this expression and all within it.
    fn visit(&self, visit: &mut dyn FnMut(&Self) -> Eval<()>) -> Eval<()> {
        visit(self)?;
        match &self.expr {
            Expr::Const(_) | Expr::Var(_) => Ok(()),
            Expr::List(items) | Expr::Tuple(items) => items.iter().try_for_each(|item| item.visit(visit)),
            Expr::Dict(pairs) => pairs.iter().try_for_each(|(key, value)| {
                key.visit(visit)?;
                value.visit(visit)
            }),
            Expr::Attr(inner, _) | Expr::Not(inner) | Expr::Neg(inner) => inner.visit(visit),
            Expr::Item(left, right)
            | Expr::And(left, right)
            | Expr::Or(left, right)
            | Expr::Binary(_, left, right) => {
                left.visit(visit)?;
                right.visit(visit)
            }
            Expr::Slice(owner, bounds) => {
                owner.visit(visit)?;
                bounds.iter().flatten().try_for_each(|bound| bound.visit(visit))
            }
            Expr::Compare(first, rest) => {
                first.visit(visit)?;
                rest.iter().try_for_each(|(_, node)| node.visit(visit))
            }
            Expr::If(test, then, otherwise) => {
                test.visit(visit)?;
                then.visit(visit)?;
                otherwise.iter().try_for_each(|node| node.visit(visit))
            }
            Expr::Filter(_, inner, args) => {
                inner.iter().try_for_each(|node| node.visit(visit))?;
                visit_args(args, visit)
            }
            Expr::Test(_, inner, args) | Expr::Call(inner, args) => {
                inner.visit(visit)?;
                visit_args(args, visit)
            }
        }
    }

    /// Collects the names that the expression reads.
    pub(super) fn names(&self, names: &mut BTreeSet<String>) {
        let _always_ok = self.visit(&mut |node| {
            if let Expr::Var(name) = &node.expr {
                names.insert(name.to_string());
            }
            Ok(())
        });
    }
}

fn visit_args(args: &[Arg], visit: &mut dyn FnMut(&Node) -> Eval<()>) -> Eval<()> {
    args.iter().try_for_each(|arg| match arg {
        Arg::Plain(node) | Arg::Named(_, node) | Arg::Spread(node) | Arg::SpreadNamed(node) => {
            node.visit(visit)
        }
    })
}

impl Stmt {
    /// Collects the names that the statement reads.
    pub(super) fn names(&self, names: &mut BTreeSet<String>) {
        let mut all = |stmts: &[Self]| stmts.iter().for_each(|stmt| stmt.names(names));
        match self {
            Self::Text(_) => {}
            Self::Print(node) | Self::Set(_, node) => node.names(names),
            Self::For(repeat) => {
                all(&repeat.body);
                all(&repeat.otherwise);
                repeat.over.names(names);
                repeat.filter.iter().for_each(|filter| filter.names(names));
            }
            Self::If(test, then, otherwise) => {
                all(then);
                all(otherwise);
                test.names(names);
            }
            Self::With(pairs, body) => {
                all(body);
                for (_, node) in pairs {
                    node.names(names);
                }
            }
            Self::SetBlock(_, filter, body) => {
                all(body);
                if let Some(filter) = filter {
                    filter.names(names);
                }
            }
            Self::FilterBlock(filter, body) => {
                all(body);
                filter.names(names);
            }
            Self::Macro(decl) => {
                all(&decl.body);
                decl.params
                    .iter()
                    .filter_map(|(_, default)| default.as_ref())
                    .for_each(|node| node.names(names));
            }
            Self::CallBlock(call, decl) => {
                all(&decl.body);
                call.names(names);
            }
        }
    }
}
