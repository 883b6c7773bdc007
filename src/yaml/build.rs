//! From the parser's events to the tree.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StrInput, StructureStyle, Tag};

use super::{
    Node, Problem, Problems, Source, Span, Style, Text, Value, marks, merge, readable,
    scalar::{self, Resolved},
};

/// Deeper than any file that people write; JSON's readers stop at 128.
const MAX_DEPTH: usize = 100;
/// What all aliases together may add to the tree, in bytes: a few lines of YAML can otherwise fill the memory.
const MAX_ALIASED: usize = 64 << 20;
/// What a node takes apart from its text.
const NODE_BYTES: usize = 96;

/// Reads the one document of a text; an empty text is null. As in Ansible's loader, a text that is JSON is read as JSON: `1e3`
/// is a number then, and not text.
///
/// # Errors
/// All mistakes that were found: the first one of syntax, and every duplicate key or unknown tag before it.
pub fn parse(source: &Arc<Source>) -> Result<Node, Problems> {
    read(source, source.is_json())
}

/// The same for a text that is YAML, whether it is JSON as well or not.
///
/// # Errors
/// As [`parse`].
pub fn parse_yaml(source: &Arc<Source>) -> Result<Node, Problems> {
    read(source, false)
}

fn read(source: &Arc<Source>, json: bool) -> Result<Node, Problems> {
    readable::check(source)?;
    let options = granit_parser::options! {
        block_scalar_eof_without_line_feed: true,
        bom_inside_document_as_content: true,
        emit_anchor_events: true,
        emit_comments: false,
    };
    let mut builder = Builder {
        parser: Parser::new_from_str_with_options(&source.text, options),
        source,
        problems: Problems::new(),
        anchors: HashMap::new(),
        anchor_names: HashSet::new(),
        aliased: 0,
        json,
    };
    let built = builder.document();
    // What can be told only at the end of a mapping is noted late.
    builder.problems.0.sort_by_key(|problem| problem.at.as_ref().map(|place| place.span.start));
    builder.problems.or(())?;
    // Whatever stops the building has been noted as a problem.
    let root = built.unwrap_or_else(|Stop| null(source));
    let root = if json { marks::resolved(root) } else { root };
    if source.encrypted {
        root.hide();
    }
    Ok(root)
}

fn null(source: &Arc<Source>) -> Node {
    Node { value: Value::Null, span: Span::default(), source: Arc::clone(source) }
}

/// A problem has been noted after which nothing more can be read.
struct Stop;

/// A node, with what an alias to it costs.
#[derive(Clone)]
struct Built {
    node: Node,
    height: usize,
    bytes: usize,
}

/// Where a node stands in the tree.
#[derive(Clone, Copy)]
struct At {
    depth: usize,
    /// Within `!unsafe`.
    literal: bool,
    /// As the key of a mapping.
    key: bool,
    /// Between brackets or braces.
    flow: bool,
}

impl At {
    fn below(self, style: StructureStyle, literal: bool) -> Self {
        let flow = self.flow || style == StructureStyle::Flow;
        Self { depth: self.depth + 1, key: false, literal, flow }
    }
}

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    source: &'a Arc<Source>,
    problems: Problems,
    /// Finished nodes by the number that the parser gave their anchor.
    anchors: HashMap<usize, Built>,
    anchor_names: HashSet<String>,
    aliased: usize,
    /// The text is JSON as well: then `1e3` is a number, because the loader tries JSON first.
    json: bool,
}

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root.unwrap_or_else(|| null(self.source))),
                Event::DocumentStart(..) if root.is_some() => return Err(self.second_document(span)),
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => {
                    let at = At { depth: 0, literal: false, key: false, flow: false };
                    root = Some(self.node(event, span, at)?.node);
                }
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.span(span))),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn span(&self, span: granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        let end = range.end.min(self.source.text.len());
        Span { start: range.start.min(end), end }
    }

    /// Notes a problem; it is given back to be completed.
    fn note(&mut self, message: impl Into<String>, span: Span) -> &mut Problem {
        if self.problems.is_full() {
            self.problems.0.pop();
        }
        self.problems.push(Problem::new(message, self.source.place(span.start..span.end)));
        self.problems.0.last_mut().expect("it has just been pushed")
    }

    fn syntax(&mut self, error: &ScanError) -> Stop {
        let text = &self.source.text;
        let offset = error.marker().byte_offset().unwrap_or(0).min(text.len());
        let length = text[offset..].chars().next().filter(|next| *next != '\n').map_or(0, char::len_utf8);
        let help = super::problem::syntax_help(error.kind(), text, offset);
        let problem = self.note(error.info(), Span { start: offset, end: offset + length });
        problem.label = Some("here".to_owned());
        problem.help = help.map(str::to_owned);
        Stop
    }

    fn second_document(&mut self, span: Span) -> Stop {
        let problem = self.note("a second document begins where only one may be", span);
        problem.label = Some("the second one".to_owned());
        problem.help = Some("remove this line, or put what follows it into a file of its own".to_owned());
        Stop
    }

    fn node(&mut self, event: Event<'a>, span: Span, at: At) -> Result<Built, Stop> {
        if at.depth > MAX_DEPTH {
            self.note(format!("more than {MAX_DEPTH} levels of nesting"), span);
            return Err(Stop);
        }
        self.check_tab(span, at);
        match event {
            Event::Alias(id) => self.alias(id, span, at),
            Event::Scalar(text, style, anchor, tag) => {
                self.anchor_name(anchor)?;
                let value = self.scalar(&text, style, tag.as_deref(), span, at);
                Ok(self.finish(value, span, 0, NODE_BYTES + text.len(), anchor))
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.anchor_name(anchor)?;
                let literal = self.collection_tag(tag.as_deref(), "seq", span, at);
                self.sequence(span, anchor, style, at.below(style, literal))
            }
            Event::MappingStart(style, anchor, tag) => {
                self.anchor_name(anchor)?;
                let literal = self.collection_tag(tag.as_deref(), "map", span, at);
                self.mapping(span, anchor, style, at.below(style, literal))
            }
            _ => {
                self.note("the parser is out of step", span);
                Err(Stop)
            }
        }
    }

    fn finish(&mut self, value: Value, span: Span, height: usize, bytes: usize, anchor: usize) -> Built {
        let built = Built { node: Node { value, span, source: Arc::clone(self.source) }, height, bytes };
        if anchor != 0 {
            self.anchors.insert(anchor, built.clone());
        }
        built
    }

    /// Reads the event that names a node's anchor: a name may be given only once.
    fn anchor_name(&mut self, anchor: usize) -> Result<(), Stop> {
        if anchor == 0 {
            return Ok(());
        }
        let (event, span) = self.next()?;
        let Event::Anchor(_, name) = event else { return Ok(()) };
        self.anchor_characters(&name, span);
        if self.source.text[span.end..].starts_with(['{', '[', '"', '\'']) {
            self.note("a blank is missing after the anchor's name", span);
        }
        if !self.anchor_names.insert(name.to_string()) {
            self.note(format!("the anchor `&{name}` is defined twice"), span).label =
                Some("again here".to_owned());
        }
        Ok(())
    }

    /// YAML 1.2 lets an anchor's name end elsewhere than 1.1 does.
    fn anchor_characters(&mut self, name: &str, span: Span) {
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
            let problem = self.note(format!("`{name}` cannot be the name of an anchor"), span);
            problem.help = Some("use letters, digits, `_` and `-`".to_owned());
        }
    }

    fn alias(&mut self, id: usize, span: Span, at: At) -> Result<Built, Stop> {
        let name = self.source.text.get(span.start + 1..span.end).unwrap_or_default();
        self.anchor_characters(name, span);
        let Some(mut built) = self.anchors.get(&id).cloned() else {
            self.note("an alias stands within the node it refers to", span).label =
                Some("this alias".to_owned());
            return Err(Stop);
        };
        self.aliased += built.bytes;
        if self.aliased > MAX_ALIASED || at.depth + built.height > MAX_DEPTH {
            let problem = self.note("the aliases of this file unfold to more than it may hold", span);
            problem.help =
                Some("an alias stands for a copy of its whole node; write less of them".to_owned());
            return Err(Stop);
        }
        if at.literal {
            make_literal(&mut built.node);
        }
        Ok(built)
    }

    fn sequence(
        &mut self,
        start: Span,
        anchor: usize,
        style: StructureStyle,
        below: At,
    ) -> Result<Built, Stop> {
        let (mut items, mut height, mut bytes) = (Vec::new(), 0, NODE_BYTES);
        let end = loop {
            match self.next()? {
                (Event::SequenceEnd, span) => break span.end,
                (event, span) => {
                    let built = self.node(event, span, below)?;
                    height = height.max(built.height + 1);
                    bytes += built.bytes;
                    items.push(built.node);
                }
            }
        };
        let start = if style == StructureStyle::Block { self.since_dash(start) } else { start };
        let span = extent(start, end, style, items.last());
        Ok(self.finish(Value::Seq(items), span, height, bytes, anchor))
    }

    fn mapping(
        &mut self,
        start: Span,
        anchor: usize,
        style: StructureStyle,
        below: At,
    ) -> Result<Built, Stop> {
        let (mut entries, mut height, mut bytes) = (Vec::new(), 0, NODE_BYTES);
        let end = loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break span.end;
            }
            let key = self.node(event, span, At { key: true, ..below })?;
            if key.node.is_null() && key.node.span.start == key.node.span.end {
                self.note("a key is missing", span).label = Some("before this".to_owned());
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, below)?;
            height = height.max(key.height + 1).max(value.height + 1);
            bytes += key.bytes + value.bytes;
            entries.push((key.node, value.node));
        };
        let span = extent(start, end, style, entries.last().map(|(_, value)| value));
        let entries = merge::entries(entries, &mut self.problems);
        Ok(self.finish(Value::Map(entries), span, height, bytes, anchor))
    }

    /// A list that is not indented more than its key is said to begin after its first dash.
    fn since_dash(&self, span: Span) -> Span {
        let before = self.source.text.get(..span.start).unwrap_or_default().trim_end();
        let dash = !self.source.text[span.start..].starts_with('-') && before.ends_with('-');
        if dash { Span { start: before.len() - 1, ..span } } else { span }
    }

    /// Whether what is in the collection is literal text.
    fn collection_tag(&mut self, tag: Option<&Tag>, own: &str, span: Span, at: At) -> bool {
        match tag.map(full_tag).as_deref() {
            None => at.literal,
            Some("!unsafe") => true,
            Some(tag) if tag.strip_prefix(CORE) == Some(own) => at.literal,
            Some(tag) => {
                self.unknown_tag(tag, span);
                at.literal
            }
        }
    }

    fn unknown_tag(&mut self, tag: &str, span: Span) {
        let shown = tag.strip_prefix(CORE).map_or_else(|| tag.to_owned(), |name| format!("!!{name}"));
        let before = self.source.text.get(..span.start).unwrap_or_default();
        let span = before.rfind(&shown).map_or(span, |start| Span { start, end: start + shown.len() });
        let problem = self.note(format!("the tag `{shown}` is not supported here"), span);
        problem.help =
            Some("supported are `!vault`, `!unsafe`, `!!str`, `!!int`, `!!float` and `!!bool`".to_owned());
    }

    /// A tab may follow a key's colon, nothing else that begins a node in a block.
    fn check_tab(&mut self, span: Span, at: At) {
        let before = self.source.text.get(..span.start).unwrap_or_default();
        let blanks = &before[before.trim_end_matches([' ', '\t']).len()..];
        let after_indicator =
            before.len() == blanks.len() || before[..before.len() - blanks.len()].ends_with(['-', '?', '\n']);
        if !at.flow && blanks.contains('\t') && after_indicator {
            let tab = Span { start: span.start - blanks.len(), end: span.start };
            self.note("a tab stands where only spaces may", tab).help = Some("use spaces".to_owned());
        }
    }

    /// Refuses what YAML 1.1 reads differently.
    fn check_scalar(&mut self, text: &str, style: ScalarStyle, span: Span, at: At) {
        if at.depth == 0 && matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            self.note("a document cannot be a block of text", span);
        }
        if at.flow && style == ScalarStyle::Plain && text.starts_with([':', '?']) {
            let problem = self.note(format!("`{text}` is ambiguous between brackets"), span);
            problem.help = Some(format!("put it in quotes: `\"{text}\"`"));
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span, at: At) -> Value {
        self.check_scalar(text, style, span, at);
        let string = |style, literal| Value::String(Text { text: text.into(), style, literal });
        let quoted = Style::from(style);
        match tag.map(full_tag).as_deref() {
            None if style != ScalarStyle::Plain => string(quoted, at.literal),
            None => self.plain(text, span, at),
            // A tag resolves what it tags as if it were plain, whatever its quotes: that is how the loader does it.
            Some("!unsafe") => self.plain(text, span, At { literal: true, ..at }),
            Some("!vault" | "!vault-encrypted") => Value::Vault(text.into()),
            Some(tag) => match tag.strip_prefix(CORE) {
                Some("str") => string(explicit(quoted), at.literal),
                Some(name @ ("int" | "float" | "bool" | "null")) => self.tagged(name, text, span),
                _ => {
                    self.unknown_tag(tag, span);
                    Value::Null
                }
            },
        }
    }

    fn plain(&mut self, text: &str, span: Span, at: At) -> Value {
        if self.json
            && text.contains(['e', 'E'])
            && let Ok(value) = text.parse()
        {
            return Value::Float(value);
        }
        let string = |style| Value::String(Text { text: text.into(), style, literal: at.literal });
        match scalar::resolve(text) {
            Resolved::Value(value) => value,
            Resolved::Text => string(Style::Plain),
            Resolved::Date => string(Style::Date),
            Resolved::Merge | Resolved::Default if at.key => string(Style::Plain),
            Resolved::Merge | Resolved::Default => {
                let problem = self.note(format!("`{text}` is not a value"), span);
                problem.help = Some("put it in quotes if text is meant".to_owned());
                Value::Null
            }
            Resolved::Refused(why) => {
                let problem = self.note(format!("`{text}` cannot be kept as it is: {why}"), span);
                problem.help = Some(format!("put it in quotes if text is meant: `\"{text}\"`"));
                Value::Null
            }
        }
    }

    fn tagged(&mut self, name: &str, text: &str, span: Span) -> Value {
        let resolved = scalar::tagged(name, text);
        if resolved.is_none() {
            self.note(format!("`{text}` is not what the tag `!!{name}` asks for"), span);
        }
        resolved.unwrap_or(Value::Null)
    }
}

/// A block collection ends where its last item does, not where the next thing begins.
fn extent(start: Span, end: usize, style: StructureStyle, last: Option<&Node>) -> Span {
    let end = match style {
        StructureStyle::Flow => end,
        StructureStyle::Block => {
            last.map_or(start.end, |node| node.span.end).clamp(start.start, end.max(start.start))
        }
    };
    Span { start: start.start, end }
}

const CORE: &str = "tag:yaml.org,2002:";

fn full_tag(tag: &Tag) -> String {
    let (handle, suffix) = tag.parts();
    format!("{handle}{suffix}")
}

/// A text that a tag declares to be one is no longer plain.
fn explicit(style: Style) -> Style {
    if style == Style::Plain { Style::DoubleQuoted } else { style }
}

fn make_literal(node: &mut Node) {
    match &mut node.value {
        Value::String(text) => text.literal = true,
        Value::Seq(items) => items.iter_mut().for_each(make_literal),
        Value::Map(entries) => {
            for (key, value) in entries {
                make_literal(key);
                make_literal(value);
            }
        }
        _ => {}
    }
}

impl From<ScalarStyle> for Style {
    fn from(style: ScalarStyle) -> Self {
        match style {
            ScalarStyle::Plain => Self::Plain,
            ScalarStyle::SingleQuoted => Self::SingleQuoted,
            ScalarStyle::DoubleQuoted => Self::DoubleQuoted,
            ScalarStyle::Literal => Self::Literal,
            ScalarStyle::Folded => Self::Folded,
        }
    }
}
