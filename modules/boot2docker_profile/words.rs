//! The words of shell text: quotes, continuations, comments and operators, as every POSIX shell reads them. What shells
//! read differently, or what would have to be run to be known, is refused.

/// A byte of a value, and the bytes of the text that stand for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Byte {
    pub value: u8,
    pub start: usize,
    pub end: usize,
}

/// A part of a word.
#[derive(Debug, Clone)]
pub enum Part {
    /// A byte that stands for itself.
    Literal { byte: Byte, quoted: bool },
    /// The value of a variable.
    Variable { name: Vec<u8>, at: usize, quoted: bool },
    /// Something that is known when the shell runs; `name` is the variable that it looks at.
    Unknown { name: Vec<u8>, at: usize, quoted: bool },
}

/// A word and the bytes of the text that it takes.
#[derive(Debug, Clone)]
pub struct Word {
    pub parts: Vec<Part>,
    pub start: usize,
    pub end: usize,
}

/// A simple command.
#[derive(Debug)]
pub struct Command {
    pub words: Vec<Word>,
    /// Where it reads from or writes to a file.
    pub redirected: Option<usize>,
    /// What stands before it in its list.
    pub after: Option<Operator>,
}

/// What joins two commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    And,
    Or,
    Pipe,
}

/// Commands joined by operators.
#[derive(Debug)]
pub struct List {
    pub commands: Vec<Command>,
    pub background: bool,
}

/// What is not followed, and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub at: usize,
    pub what: String,
    pub help: String,
}

impl Refusal {
    pub fn new(at: usize, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { at, what: what.into(), help: help.into() }
    }
}

const BY_HAND: &str = "write `EXTRA_ARGS` as plain assignments, and this elsewhere, such as in bootsync.sh";

/// All commands of a text.
///
/// # Errors
/// What is not followed.
pub fn lists(text: &[u8]) -> Result<Vec<List>, Refusal> {
    if let Some(at) = text.iter().position(|&byte| byte == 0) {
        return Err(Refusal::new(at, "a NUL byte, which shells treat in different ways", "remove it"));
    }
    let mut reader = Reader { text, at: 0 };
    let mut found = Vec::new();
    loop {
        reader.skip(true);
        if reader.peek().is_none() {
            return Ok(found);
        }
        found.push(reader.list()?);
    }
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn has(&self, text: &[u8]) -> bool {
        self.text[self.at..].starts_with(text)
    }

    fn take(&mut self, text: &[u8]) -> bool {
        let has = self.has(text);
        if has {
            self.at += text.len();
        }
        has
    }

    fn syntax<T>(&self, what: &str) -> Result<T, Refusal> {
        Err(Refusal::new(self.at, what, "correct the line: `sh -n` says more"))
    }

    /// White space, continued lines and comments before a word, and newlines where they mean nothing.
    fn skip(&mut self, newlines: bool) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' => self.at += 1,
                b'\n' if newlines => self.at += 1,
                b'\\' if self.has(b"\\\n") => self.at += 2,
                b'#' => self.at += self.text[self.at..].iter().take_while(|&&byte| byte != b'\n').count(),
                _ => return,
            }
        }
    }

    fn list(&mut self) -> Result<List, Refusal> {
        let mut list = List { commands: Vec::new(), background: false };
        let mut after = None;
        loop {
            list.commands.push(self.command(after)?);
            let at = self.at;
            if self.has(b"&>") || self.has(b"|&") || self.has(b";;") {
                return self.syntax("an operator that not every shell has");
            }
            after = match () {
                () if self.take(b"&&") => Some(Operator::And),
                () if self.take(b"||") => Some(Operator::Or),
                () if self.take(b"|") => Some(Operator::Pipe),
                () => {
                    list.background = self.take(b"&");
                    if !list.background && !self.take(b";") {
                        self.take(b"\n");
                    }
                    return Ok(list);
                }
            };
            self.skip(true);
            if self.peek().is_none() {
                self.at = at;
                return self.syntax("an operator that nothing follows");
            }
        }
    }

    fn command(&mut self, after: Option<Operator>) -> Result<Command, Refusal> {
        let mut command = Command { words: Vec::new(), redirected: None, after };
        loop {
            self.skip(false);
            match self.peek() {
                None | Some(b'\n' | b';' | b'&' | b'|') => break,
                Some(b'(' | b')') => {
                    return Err(self.parenthesis());
                }
                Some(_) if self.redirection() => {
                    command.redirected = Some(self.at);
                    self.redirect()?;
                }
                Some(_) => command.words.push(self.word()?),
            }
        }
        if command.words.is_empty() && command.redirected.is_none() {
            return self.syntax("an operator without a command");
        }
        Ok(command)
    }

    /// Whether a redirection begins here, which may have digits before it.
    fn redirection(&self) -> bool {
        let rest = &self.text[self.at..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        matches!(rest.get(digits), Some(b'<' | b'>'))
    }

    fn redirect(&mut self) -> Result<(), Refusal> {
        let at = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.has(b"<<") {
            return Err(Refusal::new(at, "a here-document, which is not followed", BY_HAND));
        }
        if self.take(b">&") || self.take(b"<&") {
            // Anything but one digit ends some shells.
            let digit = self.peek().is_some_and(|byte| byte.is_ascii_digit() || byte == b'-');
            let word = self.word()?;
            let one = digit && word.end == word.start + 1;
            return if one {
                Ok(())
            } else {
                Err(Refusal::new(at, "a redirection that is not followed", BY_HAND))
            };
        }
        let known = [&b">>"[..], b">", b"<"].into_iter().any(|operator| self.take(operator));
        self.skip(false);
        match self.peek() {
            Some(b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>') | None => {
                self.syntax("a redirection that is not followed")
            }
            Some(_) if known => self.word().map(drop),
            Some(_) => self.syntax("a redirection that is not followed"),
        }
    }

    fn word(&mut self) -> Result<Word, Refusal> {
        let start = self.at;
        let mut parts = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' => break,
                b'(' | b')' => {
                    return Err(self.parenthesis());
                }
                b'\\' if self.has(b"\\\n") => self.at += 2,
                b'\\' if self.at + 1 == self.text.len() => {
                    return self.syntax("a backslash that ends the file");
                }
                b'\\' => self.literal(2, true, &mut parts),
                b'\'' => self.single(&mut parts)?,
                b'"' => self.double(&mut parts)?,
                b'$' => parts.push(self.dollar(false)?),
                b'`' => return self.substitution(),
                _ => self.literal(1, false, &mut parts),
            }
        }
        Ok(Word { parts, start, end: self.at })
    }

    /// A byte that stands for itself, the last of so many bytes of the text.
    fn literal(&mut self, taken: usize, quoted: bool, parts: &mut Vec<Part>) {
        let (start, end) = (self.at, self.at + taken);
        self.at = end;
        parts.push(Part::Literal { byte: Byte { value: self.text[end - 1], start, end }, quoted });
    }

    fn single(&mut self, parts: &mut Vec<Part>) -> Result<(), Refusal> {
        let opened = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            if byte == b'\'' {
                self.at += 1;
                return Ok(());
            }
            self.literal(1, true, parts);
        }
        self.at = opened;
        self.syntax("a quote that is not closed")
    }

    fn double(&mut self, parts: &mut Vec<Part>) -> Result<(), Refusal> {
        let opened = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' if self.has(b"\\\n") => self.at += 2,
                b'\\' if matches!(self.text.get(self.at + 1), Some(b'$' | b'`' | b'"' | b'\\')) => {
                    self.literal(2, true, parts);
                }
                b'$' => parts.push(self.dollar(true)?),
                b'`' => return self.substitution(),
                _ => self.literal(1, true, parts),
            }
        }
        self.at = opened;
        self.syntax("a quote that is not closed")
    }

    fn parenthesis(&self) -> Refusal {
        let what = "a parenthesis outside quotes, as of a function, a subshell, an array or `case`";
        Refusal::new(self.at, what, BY_HAND)
    }

    fn substitution<T>(&self) -> Result<T, Refusal> {
        let what = "a command substitution, whose outcome is known only when it runs";
        Err(Refusal::new(self.at, what, BY_HAND))
    }

    fn dollar(&mut self, quoted: bool) -> Result<Part, Refusal> {
        let at = self.at;
        self.at += 1;
        match self.peek() {
            Some(b'(') => {
                self.at = at;
                if self.has(b"$((") {
                    return Err(Refusal::new(at, "arithmetic, which is not followed", BY_HAND));
                }
                self.substitution()
            }
            Some(b'{') => self.braces(at, quoted),
            Some(b'\'' | b'"') if !quoted => Err(Refusal::new(
                at,
                "a `$` before a quote, which shells read differently",
                "write plain quotes, or `\\$` for a dollar sign",
            )),
            Some(b'[') => Err(Refusal::new(
                at,
                "a `$[`, which shells read differently",
                "write `\\$` for a dollar sign",
            )),
            Some(b'\\') if self.has(b"\\\n") => self.syntax("a continued line within an expansion"),
            Some(b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!' | b'0'..=b'9') => {
                self.at += 1;
                Ok(Part::Unknown { name: Vec::new(), at, quoted })
            }
            _ => match self.name() {
                Some(_) if self.has(b"\\\n") => self.syntax("a continued line within an expansion"),
                Some(name) => Ok(Part::Variable { name, at, quoted }),
                None => {
                    let byte = Byte { value: b'$', start: at, end: at + 1 };
                    Ok(Part::Literal { byte, quoted })
                }
            },
        }
    }

    fn name(&mut self) -> Option<Vec<u8>> {
        let rest = &self.text[self.at..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let name = rest[..length].to_vec();
        if !is_name(&name) {
            return None;
        }
        self.at += length;
        Some(name)
    }

    /// `${NAME}`, and the operators that neither assign nor end the shell, with plain text after them.
    fn braces(&mut self, at: usize, quoted: bool) -> Result<Part, Refusal> {
        const PLAIN: &[u8] = b"_./:,=+-@%^*";
        self.at += 1;
        let not_followed = || {
            let what = "an expansion that is not followed: it may assign, or end the shell";
            Err(Refusal::new(at, what, "write `$NAME` or `${NAME}`, or put the value there"))
        };
        let Some(name) = self.name() else { return not_followed() };
        if self.take(b"}") || self.take(b":-}") || self.take(b"-}") {
            return Ok(Part::Variable { name, at, quoted });
        }
        let known = [&b":-"[..], b"-", b":+", b"+", b"%%", b"%", b"##", b"#"];
        if !known.into_iter().any(|operator| self.take(operator)) {
            return not_followed();
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || PLAIN.contains(&byte)) {
            self.at += 1;
        }
        if self.take(b"}") { Ok(Part::Unknown { name, at, quoted }) } else { not_followed() }
    }
}

/// Whether a variable can have this name.
pub fn is_name(text: &[u8]) -> bool {
    let fine = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    text.first().is_some_and(|first| !first.is_ascii_digit()) && text.iter().all(fine)
}
