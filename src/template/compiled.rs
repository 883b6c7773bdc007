//! Parsed texts, kept so that a fleet parses each only once.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use super::Strings;
use super::error::{ErrorKind, Eval, TemplateError, unsupported};
use super::options::{Reading, with_header};
use super::source::{prepare_expression, prepare_template};
use super::syntax::{self, Arg, BlockDecl, Expr, Node, Stmt};
use super::value::Val;

/// More texts than a playbook has; past that, the cache starts afresh.
const CAPACITY: usize = 20_000;

/// A parsed template.
pub(super) struct Template {
    pub(super) body: Vec<Stmt>,
    /// The blocks in it, however deep.
    pub(super) blocks: Vec<Arc<BlockDecl>>,
}

/// A parsed expression.
pub(super) struct Expression {
    pub(super) root: Node,
}

type Parsed<K, V> = HashMap<K, Arc<V>>;

/// A template's text, and, if it is that of a file, how it is read.
type Written = (Arc<str>, Option<Arc<Reading>>);

/// What has been parsed so far.
#[derive(Default)]
pub(super) struct Cache {
    templates: Mutex<Parsed<Written, Template>>,
    expressions: Mutex<Parsed<(Arc<str>, Strings), Expression>>,
}

impl Cache {
    /// A template: a text of the playbook, or a file with its way of being read.
    pub(super) fn template(&self, text: &Arc<str>, file: Option<&Arc<Reading>>) -> Eval<Arc<Template>> {
        keep(&self.templates, (text.clone(), file.cloned()), || Template::parse(text, file))
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
    fn parse(text: &Arc<str>, file: Option<&Arc<Reading>>) -> Eval<Self> {
        let whole = |error: TemplateError| error.at(text, 0..text.len());
        let (header, reading) = with_header(text, file).map_err(whole)?;
        let prepared =
            prepare_template(&text[header..], file.is_none(), &reading.delimiters).map_err(whole)?;
        let body = syntax::template(&prepared, header, text, &reading).map_err(whole)?;
        let mut blocks = Vec::new();
        body.iter().for_each(|stmt| stmt.blocks(&mut blocks));
        Ok(Self { body, blocks })
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
            Expr::Attr(inner, _) | Expr::Not(inner) | Expr::Neg(inner) | Expr::Pos(inner) => {
                inner.visit(visit)
            }
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
    /// The statements inside this one.
    fn inner(&self) -> Vec<&[Self]> {
        match self {
            Self::For(repeat) => vec![&repeat.body, &repeat.otherwise],
            Self::If(_, then, otherwise) => vec![then, otherwise],
            Self::With(_, body) | Self::SetBlock(_, _, body) | Self::FilterBlock(_, body) => vec![body],
            Self::Macro(decl) | Self::CallBlock(_, decl) => vec![&decl.body],
            Self::Block(block) => vec![&block.body],
            _ => Vec::new(),
        }
    }

    /// Collects the blocks in this statement.
    fn blocks(&self, blocks: &mut Vec<Arc<BlockDecl>>) {
        if let Self::Block(block) = self {
            blocks.push(block.clone());
        }
        self.inner().into_iter().flatten().for_each(|stmt| stmt.blocks(blocks));
    }

    /// Collects the names that the statement reads.
    pub(super) fn names(&self, names: &mut BTreeSet<String>) {
        let mut all = |stmts: &[Self]| stmts.iter().for_each(|stmt| stmt.names(names));
        match self {
            Self::Text(_) => {}
            Self::Block(block) => all(&block.body),
            Self::Include(include) => include.name.names(names),
            Self::Import(import) => import.name.names(names),
            Self::Print(node) | Self::Set(_, node) | Self::Extends(node) => node.names(names),
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
