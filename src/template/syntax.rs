//! Template text as a tree. The only place that knows minijinja.
//!
//! minijinja parses; what it parses is evaluated here. Its own evaluator cannot give Python's answers: it
//! orders values of different types, prints every template as text, and loses what an undefined value came
//! from, and none of that can be changed from outside.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use minijinja::machinery::{Span, ast, parse, parse_expr};
use minijinja::syntax::SyntaxConfig;

use super::error::{ErrorKind, Eval, TemplateError, limit, type_error, unsupported};
use super::options::{Delimiters, Reading};
use super::source::decode;
use super::value::Val;
use super::{checks, filters};

/// Trees deeper than this are refused before anything walks them.
const NESTING: usize = 160;

/// An expression and where it stands.
pub(super) struct Node {
    pub(super) at: Range<usize>,
    pub(super) expr: Expr,
}

pub(super) enum Expr {
    Const(Val),
    Var(Arc<str>),
    List(Vec<Node>),
    Tuple(Vec<Node>),
    Dict(Vec<(Node, Node)>),
    Attr(Box<Node>, Arc<str>),
    Item(Box<Node>, Box<Node>),
    Slice(Box<Node>, [Option<Box<Node>>; 3]),
    Not(Box<Node>),
    Neg(Box<Node>),
    /// `+x`.
    Pos(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Binary(Op, Box<Node>, Box<Node>),
    Compare(Box<Node>, Vec<(Relation, Node)>),
    If(Box<Node>, Box<Node>, Option<Box<Node>>),
    /// Without an expression, in a `{% filter %}` block, it takes the block's text.
    Filter(&'static filters::Filter, Option<Box<Node>>, Vec<Arg>),
    Test(&'static checks::Check, Box<Node>, Vec<Arg>),
    Call(Box<Node>, Vec<Arg>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    Pow,
    Concat,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

/// An argument of a call.
pub(super) enum Arg {
    Plain(Node),
    Named(Arc<str>, Node),
    Spread(Node),
    SpreadNamed(Node),
}

/// Where an assignment goes.
pub(super) enum Target {
    Name(Arc<str>),
    /// An attribute of a namespace.
    Attribute(Arc<str>, Arc<str>),
    Unpack(Vec<Target>),
}

pub(super) enum Stmt {
    Text(Arc<str>),
    Print(Node),
    For(Arc<ForLoop>),
    If(Node, Vec<Stmt>, Vec<Stmt>),
    With(Vec<(Target, Node)>, Vec<Stmt>),
    Set(Target, Node),
    SetBlock(Target, Option<Node>, Vec<Stmt>),
    FilterBlock(Node, Vec<Stmt>),
    Macro(Arc<MacroDecl>),
    CallBlock(Node, Arc<MacroDecl>),
    Block(Arc<BlockDecl>),
    Extends(Node),
    Include(Box<Include>),
    Import(Box<Import>),
}

pub(super) struct ForLoop {
    pub(super) recursive: bool,
    pub(super) target: Target,
    pub(super) over: Node,
    pub(super) filter: Option<Node>,
    pub(super) body: Vec<Stmt>,
    pub(super) otherwise: Vec<Stmt>,
}

pub(super) struct MacroDecl {
    pub(super) name: Arc<str>,
    pub(super) params: Vec<(Arc<str>, Option<Node>)>,
    pub(super) body: Vec<Stmt>,
    /// The names that the body reads.
    pub(super) names: BTreeSet<String>,
}

/// A block that other templates may fill otherwise.
pub(super) struct BlockDecl {
    pub(super) name: Arc<str>,
    /// Whether it sees the names around it.
    pub(super) scoped: bool,
    pub(super) required: bool,
    pub(super) body: Vec<Stmt>,
}

/// `{% include name %}`.
pub(super) struct Include {
    pub(super) name: Node,
    pub(super) ignore_missing: bool,
    pub(super) with_context: bool,
}

/// `{% import name as target %}`, or `{% from name import names %}` with what each is called here.
pub(super) struct Import {
    pub(super) name: Node,
    pub(super) target: Arc<str>,
    pub(super) names: Option<Vec<(Arc<str>, Arc<str>)>>,
    pub(super) with_context: bool,
}

/// Parses prepared template text, which starts at `offset` in the text as it was written.
pub(super) fn template(prepared: &str, offset: usize, text: &Arc<str>, reading: &Reading) -> Eval<Vec<Stmt>> {
    let mut config = SyntaxConfig::builder();
    config.trim_blocks(reading.trim_blocks).lstrip_blocks(reading.lstrip_blocks);
    let Delimiters { variable, block, comment } = &reading.delimiters;
    if reading.delimiters != Delimiters::default() {
        config
            .variable_delimiters(variable.0.clone(), variable.1.clone())
            .block_delimiters(block.0.clone(), block.1.clone())
            .comment_delimiters(comment.0.clone(), comment.1.clone());
    }
    let config = config.build().map_err(|e| syntax_error(&e, offset, text))?;
    match parse(prepared, "", config).map_err(|e| syntax_error(&e, offset, text))? {
        ast::Stmt::Template(template) => {
            let newline = &reading.newline_sequence;
            let whole = Whole { offset, text, newline, end: &reading.delimiters.block.1 };
            Tree { depth: 0, whole: &whole }.stmts(&template.children)
        }
        _ => Err(type_error("the template has no statements")),
    }
}

/// Parses a prepared expression.
pub(super) fn expression(prepared: &str, text: &Arc<str>) -> Eval<Node> {
    let parsed = parse_expr(prepared).map_err(|e| syntax_error(&e, 0, text))?;
    let whole = Whole { offset: 0, text, newline: "\n", end: "%}" };
    Tree { depth: 0, whole: &whole }.node(&parsed)
}

fn syntax_error(error: &minijinja::Error, offset: usize, text: &Arc<str>) -> TemplateError {
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let range = error.range().map_or(0..text.len(), |range| range.start + offset..range.end + offset);
    TemplateError::from(ErrorKind::Syntax { message }).at(text, range)
}

/// A text being converted.
struct Whole<'t> {
    /// Where the parsed text starts in the whole.
    offset: usize,
    text: &'t Arc<str>,
    /// What a line end becomes.
    newline: &'t str,
    /// What ends a statement's tag.
    end: &'t str,
}

/// A conversion in progress, this deep. It is small, because the stack holds many.
#[derive(Clone, Copy)]
struct Tree<'t> {
    depth: usize,
    whole: &'t Whole<'t>,
}

impl Tree<'_> {
    fn range(self, span: Span) -> Range<usize> {
        self.whole.offset + span.start_offset as usize..self.whole.offset + span.end_offset as usize
    }

    /// What the text as it was written has where something begins.
    fn written(self, span: Span) -> Option<u8> {
        self.whole.text.as_bytes().get(self.range(span).start).copied()
    }

    fn deeper(self) -> Eval<Self> {
        if self.depth < NESTING {
            Ok(Self { depth: self.depth + 1, ..self })
        } else {
            Err(limit("its expressions are nested too deeply"))
        }
    }

    fn stmts(self, stmts: &[ast::Stmt<'_>]) -> Eval<Vec<Stmt>> {
        let tree = self.deeper()?;
        let written =
            stmts.iter().filter(|stmt| !matches!(stmt, ast::Stmt::EmitRaw(raw) if raw.raw.is_empty()));
        written.map(|stmt| tree.stmt(stmt)).collect()
    }

    fn stmt(self, stmt: &ast::Stmt<'_>) -> Eval<Stmt> {
        Ok(match stmt {
            ast::Stmt::EmitRaw(raw) => Stmt::Text(normalize_newlines(raw.raw, self.whole.newline)),
            ast::Stmt::EmitExpr(emit) => Stmt::Print(self.node(&emit.expr)?),
            ast::Stmt::ForLoop(repeat) => self.for_loop(repeat)?,
            ast::Stmt::IfCond(cond) => {
                Stmt::If(self.node(&cond.expr)?, self.stmts(&cond.true_body)?, self.stmts(&cond.false_body)?)
            }
            ast::Stmt::WithBlock(with) => {
                let pairs = with.assignments.iter();
                let pairs = pairs.map(|(target, value)| Ok((self.target(target)?, self.node(value)?)));
                Stmt::With(pairs.collect::<Eval<_>>()?, self.stmts(&with.body)?)
            }
            ast::Stmt::Set(set) => Stmt::Set(self.target(&set.target)?, self.node(&set.expr)?),
            ast::Stmt::SetBlock(set) => {
                let filter = set.filter.as_ref().map(|filter| self.node(filter)).transpose()?;
                Stmt::SetBlock(self.target(&set.target)?, filter, self.stmts(&set.body)?)
            }
            ast::Stmt::FilterBlock(block) => {
                Stmt::FilterBlock(self.node(&block.filter)?, self.stmts(&block.body)?)
            }
            ast::Stmt::Macro(decl) => Stmt::Macro(Arc::new(self.macro_decl(decl)?)),
            ast::Stmt::CallBlock(block) => Stmt::CallBlock(
                self.call(&block.call, self.range(block.call_expr_span))?,
                Arc::new(self.macro_decl(&block.macro_decl)?),
            ),
            other => return self.file_stmt(other),
        })
    }

    /// Statements of templates that use others; apart, so that the stack of the usual ones stays small.
    fn file_stmt(self, stmt: &ast::Stmt<'_>) -> Eval<Stmt> {
        Ok(match stmt {
            ast::Stmt::Block(block) => Stmt::Block(Arc::new(BlockDecl {
                name: block.name.into(),
                scoped: self.tag(block.span()).contains("scoped"),
                required: block.required,
                body: self.stmts(&block.body)?,
            })),
            ast::Stmt::Extends(extends) => Stmt::Extends(self.node(&extends.name)?),
            ast::Stmt::Include(include) => Stmt::Include(Box::new(Include {
                name: self.node(&include.name)?,
                ignore_missing: include.ignore_missing,
                with_context: !self.tag(include.span()).ends_with("without context"),
            })),
            ast::Stmt::Import(import) => Stmt::Import(Box::new(Import {
                name: self.node(&import.expr)?,
                target: self.name(&import.name)?,
                names: None,
                with_context: self.has_context(import.span()),
            })),
            ast::Stmt::FromImport(import) => Stmt::Import(Box::new(self.names_imported(import)?)),
            other => return Err(self.refused(other)),
        })
    }

    fn names_imported(self, import: &ast::Spanned<ast::FromImport<'_>>) -> Eval<Import> {
        let names = import.names.iter().map(|(name, alias)| {
            let name = self.name(name)?;
            Ok((name.clone(), alias.as_ref().map_or(Ok(name), |alias| self.name(alias))?))
        });
        Ok(Import {
            name: self.node(&import.expr)?,
            target: "".into(),
            names: Some(names.collect::<Eval<_>>()?),
            with_context: self.has_context(import.span()),
        })
    }

    fn name(self, expr: &ast::Expr<'_>) -> Eval<Arc<str>> {
        match self.target(expr)? {
            Target::Name(name) => Ok(name),
            _ => Err(type_error("only names can be imported")),
        }
    }

    fn has_context(self, span: Span) -> bool {
        let tag = self.tag(span);
        tag.ends_with("with context") && !tag.ends_with("without context")
    }

    /// The words of the tag that a statement starts with: the parser drops some of them.
    fn tag(self, span: Span) -> String {
        let start = self.whole.offset + span.start_offset as usize;
        let text = self.whole.text.get(start..).unwrap_or_default();
        let tag = text.split(self.whole.end).next().unwrap_or_default();
        tag.trim_end_matches(['-', '+']).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn for_loop(self, repeat: &ast::Spanned<ast::ForLoop<'_>>) -> Eval<Stmt> {
        Ok(Stmt::For(Arc::new(ForLoop {
            recursive: repeat.recursive,
            target: self.target(&repeat.target)?,
            over: self.node(&repeat.iter)?,
            filter: repeat.filter_expr.as_ref().map(|filter| self.node(filter)).transpose()?,
            body: self.stmts(&repeat.body)?,
            otherwise: self.stmts(&repeat.else_body)?,
        })))
    }

    fn macro_decl(self, decl: &ast::Macro<'_>) -> Eval<MacroDecl> {
        let required = decl.args.len() - decl.defaults.len();
        let mut params = Vec::with_capacity(decl.args.len());
        for (i, arg) in decl.args.iter().enumerate() {
            let default = i.checked_sub(required).map(|i| self.node(&decl.defaults[i])).transpose()?;
            match self.target(arg)? {
                Target::Name(name) => params.push((name, default)),
                _ => return Err(type_error("a macro's parameters must be names")),
            }
        }
        let body = self.stmts(&decl.body)?;
        let mut names = BTreeSet::new();
        body.iter().for_each(|stmt| stmt.names(&mut names));
        Ok(MacroDecl { name: decl.name.into(), params, body, names })
    }

    fn target(self, expr: &ast::Expr<'_>) -> Eval<Target> {
        match expr {
            ast::Expr::Var(var) => Ok(Target::Name(var.id.into())),
            ast::Expr::GetAttr(attr) => match &attr.expr {
                ast::Expr::Var(var) => Ok(Target::Attribute(var.id.into(), attr.name.into())),
                _ => Err(unsupported(
                    "an assignment to a nested attribute",
                    "set an attribute of a `namespace()`",
                )),
            },
            ast::Expr::List(list) => {
                let tree = self.deeper()?;
                list.items.iter().map(|item| tree.target(item)).collect::<Eval<_>>().map(Target::Unpack)
            }
            _ => Err(type_error("only names can be assigned to")),
        }
    }

    fn node(self, expr: &ast::Expr<'_>) -> Eval<Node> {
        let at = self.range(expr.span());
        let expr = self.deeper()?.expr(expr).map_err(|e| e.at(self.whole.text, at.clone()))?;
        Ok(Node { at, expr })
    }

    fn boxed(self, expr: &ast::Expr<'_>) -> Eval<Box<Node>> {
        self.node(expr).map(Box::new)
    }

    fn optional(self, expr: Option<&ast::Expr<'_>>) -> Eval<Option<Box<Node>>> {
        expr.map(|expr| self.boxed(expr)).transpose()
    }

    fn nodes(self, exprs: &[ast::Expr<'_>]) -> Eval<Vec<Node>> {
        exprs.iter().map(|expr| self.node(expr)).collect()
    }

    fn expr(self, expr: &ast::Expr<'_>) -> Eval<Expr> {
        Ok(match expr {
            ast::Expr::Var(var) => Expr::Var(var.id.into()),
            ast::Expr::Const(constant) => Expr::Const(constant_value(&constant.value)?),
            ast::Expr::List(list) => Expr::List(self.nodes(&list.items)?),
            ast::Expr::Tuple(tuple) => Expr::Tuple(self.nodes(&tuple.items)?),
            ast::Expr::Map(map) => {
                Expr::Dict(self.nodes(&map.keys)?.into_iter().zip(self.nodes(&map.values)?).collect())
            }
            ast::Expr::GetAttr(attr) => Expr::Attr(self.boxed(&attr.expr)?, attr.name.into()),
            ast::Expr::GetItem(item) => {
                Expr::Item(self.boxed(&item.expr)?, self.boxed(&item.subscript_expr)?)
            }
            ast::Expr::Slice(slice) => {
                let [from, until, step] =
                    [&slice.start, &slice.stop, &slice.step].map(|bound| self.optional(bound.as_ref()));
                Expr::Slice(self.boxed(&slice.expr)?, [from?, until?, step?])
            }
            ast::Expr::UnaryOp(unary) => match unary.op {
                ast::UnaryOpKind::Not => Expr::Not(self.boxed(&unary.expr)?),
                // The parser knows no `+x`: it has been given a minus in its place.
                ast::UnaryOpKind::Neg if self.written(unary.span()) == Some(b'+') => {
                    Expr::Pos(self.boxed(&unary.expr)?)
                }
                ast::UnaryOpKind::Neg => Expr::Neg(self.boxed(&unary.expr)?),
            },
            ast::Expr::BinOp(binary) => self.binary(binary)?,
            ast::Expr::Compare(chain) => {
                let ops = chain.ops.iter().map(|op| Ok((relation(op.op), self.node(&op.expr)?)));
                Expr::Compare(self.boxed(&chain.expr)?, ops.collect::<Eval<_>>()?)
            }
            ast::Expr::IfExpr(choice) => Expr::If(
                self.boxed(&choice.test_expr)?,
                self.boxed(&choice.true_expr)?,
                self.optional(choice.false_expr.as_ref())?,
            ),
            ast::Expr::Filter(filter) => {
                let inner = self.optional(filter.expr.as_ref())?;
                inner.iter().try_for_each(|inner| self.refuse_markup(inner))?;
                Expr::Filter(filters::find(filter.name)?, inner, self.args(&filter.args)?)
            }
            ast::Expr::Test(test) => {
                Expr::Test(checks::find(test.name)?, self.boxed(&test.expr)?, self.args(&test.args)?)
            }
            ast::Expr::Call(call) => self.call(call, 0..0)?.expr,
        })
    }

    fn call(self, call: &ast::Call<'_>, at: Range<usize>) -> Eval<Node> {
        let (callee, args) = (self.boxed(&call.expr)?, self.args(&call.args)?);
        if matches!(&callee.expr, Expr::Var(name) if ["lookup", "query", "q"].contains(&&**name)) {
            args.iter().try_for_each(|arg| self.refuse_embedded(arg))?;
            self.refuse_commands(&args)?;
        }
        Ok(Node { at, expr: Expr::Call(callee, args) })
    }

    /// What `tojson` or `escape` yields escapes whatever it is joined with, as if it were HTML.
    fn refuse_markup(self, node: &Node) -> Eval<()> {
        match &node.expr {
            Expr::Filter(filter, ..) if filter.is_markup() => {
                let what = format!("the result of `{}` inside an expression", filter.name);
                let instead = "use `to_json` for JSON, or `replace`: nothing here is HTML";
                Err(unsupported(what, instead).at(self.whole.text, node.at.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Ansible renders templates inside the strings given to a lookup; here that is refused.
    fn refuse_embedded(self, arg: &Arg) -> Eval<()> {
        match arg {
            Arg::Plain(Node { at, expr: Expr::Const(Val::Str(text)) }) if super::is_template(text) => {
                let what = "a template inside a string given to a lookup";
                Err(unsupported(what, "join the variable with `~`").at(self.whole.text, at.clone()))
            }
            _ => Ok(()),
        }
    }

    /// A command on this machine is what the author wrote, or words that are quoted: what a host has said must not become
    /// one. So the name of a lookup has to be written out, too.
    fn refuse_commands(self, args: &[Arg]) -> Eval<()> {
        let Some((Arg::Plain(name), terms)) = args.split_first() else { return Ok(()) };
        let Expr::Const(Val::Str(plugin)) = &name.expr else {
            let what = "a lookup whose name is computed";
            return Err(unsupported(what, "write its name").at(self.whole.text, name.at.clone()));
        };
        if !["pipe", "lines"].contains(&filters::strip_collection(plugin)) {
            return Ok(());
        }
        terms.iter().try_for_each(|term| match term {
            Arg::Named(..) | Arg::Plain(Node { expr: Expr::Const(_), .. }) => Ok(()),
            Arg::Plain(term) if term.is_safe_command() => Ok(()),
            Arg::Plain(Node { at, .. })
            | Arg::Spread(Node { at, .. })
            | Arg::SpreadNamed(Node { at, .. }) => {
                let what = format!("a value in the command of the lookup `{plugin}`");
                let instead = "put it behind the written command as `~ (value | quote)`";
                Err(unsupported(what, instead).at(self.whole.text, at.clone()))
            }
        })
    }

    fn binary(self, binary: &ast::BinOp<'_>) -> Eval<Expr> {
        let (left, right) = (self.boxed(&binary.left)?, self.boxed(&binary.right)?);
        self.refuse_markup(&left)?;
        self.refuse_markup(&right)?;
        let compare = |left, relation, right: Box<Node>| Expr::Compare(left, vec![(relation, *right)]);
        Ok(match binary.op {
            ast::BinOpKind::ScAnd => Expr::And(left, right),
            ast::BinOpKind::ScOr => Expr::Or(left, right),
            ast::BinOpKind::Eq => compare(left, Relation::Eq, right),
            ast::BinOpKind::Ne => compare(left, Relation::Ne, right),
            ast::BinOpKind::Lt => compare(left, Relation::Lt, right),
            ast::BinOpKind::Lte => compare(left, Relation::Le, right),
            ast::BinOpKind::Gt => compare(left, Relation::Gt, right),
            ast::BinOpKind::Gte => compare(left, Relation::Ge, right),
            ast::BinOpKind::In => compare(left, Relation::In, right),
            ast::BinOpKind::Add => Expr::Binary(Op::Add, left, right),
            ast::BinOpKind::Sub => Expr::Binary(Op::Sub, left, right),
            ast::BinOpKind::Mul => Expr::Binary(Op::Mul, left, right),
            ast::BinOpKind::Div => Expr::Binary(Op::Div, left, right),
            ast::BinOpKind::FloorDiv => Expr::Binary(Op::FloorDiv, left, right),
            ast::BinOpKind::Rem => Expr::Binary(Op::Rem, left, right),
            ast::BinOpKind::Pow => Expr::Binary(Op::Pow, left, right),
            ast::BinOpKind::Concat => Expr::Binary(Op::Concat, left, right),
        })
    }

    fn refused(self, stmt: &ast::Stmt<'_>) -> TemplateError {
        let (what, instead, span) = match stmt {
            ast::Stmt::AutoEscape(s) => {
                ("`{% autoescape %}`", "nothing is escaped here; leave it out", s.span())
            }
            ast::Stmt::Do(s) => ("`{% do %}`", "use `{% set %}`", s.span()),
            _ => return unsupported("this statement", "write it otherwise"),
        };
        unsupported(what, instead).at(self.whole.text, self.range(span))
    }

    fn args(self, args: &[ast::CallArg<'_>]) -> Eval<Vec<Arg>> {
        let convert = |arg: &ast::CallArg<'_>| {
            Ok(match arg {
                ast::CallArg::Pos(expr) => Arg::Plain(self.node(expr)?),
                ast::CallArg::Kwarg(name, expr) => Arg::Named((*name).into(), self.node(expr)?),
                ast::CallArg::PosSplat(expr) => Arg::Spread(self.node(expr)?),
                ast::CallArg::KwargSplat(expr) => Arg::SpreadNamed(self.node(expr)?),
            })
        };
        args.iter().map(convert).collect()
    }
}

impl Node {
    /// Whether the text is written here, but for words that are quoted.
    fn is_safe_command(&self) -> bool {
        match &self.expr {
            // A quoted word is one only outside of other quotes.
            Expr::Const(Val::Str(text)) => !text.contains(['\'', '"', '`', '\\', '(', '#', '<']),
            Expr::Filter(filter, Some(_), _) => filter.name == "quote",
            Expr::Binary(Op::Add | Op::Concat, left, right) => {
                left.is_safe_command() && right.is_safe_command()
            }
            Expr::If(_, then, otherwise) => {
                then.is_safe_command() && otherwise.as_ref().is_none_or(|node| node.is_safe_command())
            }
            _ => false,
        }
    }
}

fn relation(op: ast::CompareOpKind) -> Relation {
    match op {
        ast::CompareOpKind::Eq => Relation::Eq,
        ast::CompareOpKind::Ne => Relation::Ne,
        ast::CompareOpKind::Lt => Relation::Lt,
        ast::CompareOpKind::Lte => Relation::Le,
        ast::CompareOpKind::Gt => Relation::Gt,
        ast::CompareOpKind::Gte => Relation::Ge,
        ast::CompareOpKind::In => Relation::In,
        ast::CompareOpKind::NotIn => Relation::NotIn,
    }
}

fn constant_value(value: &minijinja::Value) -> Eval<Val> {
    if value.is_none() {
        return Ok(Val::None);
    }
    if let Some(text) = value.as_str() {
        return Ok(Val::str(decode(text)?));
    }
    if let Ok(flag) = bool::try_from(value.clone()) {
        return Ok(Val::Bool(flag));
    }
    if value.is_integer() {
        let int = i128::try_from(value.clone());
        return int.map(Val::Int).map_err(|_| limit("an integer has more than 38 digits"));
    }
    f64::try_from(value.clone()).map(Val::Float).map_err(|e| type_error(e.to_string()))
}

/// Jinja makes all line ends of a template the same.
fn normalize_newlines(text: &str, newline: &str) -> Arc<str> {
    if !text.contains('\r') && newline == "\n" {
        return text.into();
    }
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', newline).into()
}
