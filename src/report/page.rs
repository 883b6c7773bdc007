//! Text for people: colours, and lines no wider than the terminal.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use textwrap::core::{Word, display_width};
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

use crate::event::visible;

/// Which diffs are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum DiffMode {
    /// Every host's by itself.
    Full,
    /// Equal ones once, with their hosts.
    Grouped,
    /// How many lines each adds and removes.
    Stat,
    /// None.
    #[default]
    None,
}

/// How text is to look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// Whether colours are wanted.
    pub colour: bool,
    /// The terminal's width; none where lines are never broken.
    pub width: Option<usize>,
    /// Which diffs are shown.
    pub diff: DiffMode,
    /// Whether each task's result is shown, as one line of JSON a host.
    pub results: bool,
}

/// What a piece of text is, and so its colour. The text says the same without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Plain text.
    Plain,
    /// A heading.
    Strong,
    /// What may be passed over.
    Quiet,
    /// As desired; a line added.
    Good,
    /// Changed, or a warning.
    Changed,
    /// Not known.
    Open,
    /// Failed.
    Bad,
    /// A line removed.
    Removed,
    /// What to do; where in a file.
    Help,
}

impl Tone {
    fn style(self) -> Style {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Quiet => Style::new().dimmed(),
            Self::Good => colour(AnsiColor::Green),
            Self::Changed => colour(AnsiColor::Yellow),
            Self::Open => colour(AnsiColor::Magenta),
            Self::Bad => colour(AnsiColor::Red).bold(),
            Self::Removed => colour(AnsiColor::Red),
            Self::Help => colour(AnsiColor::Cyan),
        }
    }
}

/// Text being laid out. All that is put into it is made visible first: what hosts say commands no terminal.
#[derive(Debug)]
pub struct Page {
    look: Look,
    text: String,
}

impl Page {
    /// An empty page.
    pub const fn new(look: Look) -> Self {
        Self { look, text: String::new() }
    }

    /// Which diffs are shown.
    pub const fn diff(&self) -> DiffMode {
        self.look.diff
    }

    /// Whether results are shown.
    pub const fn results(&self) -> bool {
        self.look.results
    }

    /// What was put on it.
    pub fn into_text(self) -> String {
        self.text
    }

    /// An empty line.
    pub fn gap(&mut self) {
        self.text.push('\n');
    }

    /// A paragraph. Lines that begin with a space stay as they are.
    pub fn put(&mut self, indent: usize, tone: Tone, text: &str) {
        self.headed(indent, &[], indent, tone, text);
    }

    /// Lines that are never broken.
    pub fn verbatim(&mut self, indent: usize, tone: Tone, text: &str) {
        for line in visible::text(text).lines() {
            self.line(indent, &[(tone, line)]);
        }
    }

    /// A paragraph behind a heading; its further lines begin at `hang`.
    pub fn headed(&mut self, indent: usize, head: &[(Tone, &str)], hang: usize, tone: Tone, text: &str) {
        let head: Vec<(Tone, String)> =
            head.iter().map(|(tone, text)| (*tone, visible::line(text))).collect();
        let taken = indent + head.iter().map(|(_, text)| display_width(text)).sum::<usize>();
        let text = visible::text(text);
        for (number, line) in text.split('\n').enumerate() {
            let first = if number == 0 { taken } else { hang };
            for (row, text) in self.wrap(line, first, hang).iter().enumerate() {
                if (number, row) == (0, 0) {
                    let mut pieces: Vec<_> = head.iter().map(|(tone, text)| (*tone, text.as_str())).collect();
                    pieces.push((tone, text));
                    self.line(indent, &pieces);
                } else {
                    self.line(hang, &[(tone, text)]);
                }
            }
        }
    }

    /// Breaks a line; what is in backquotes stays whole, so that it can be copied.
    fn wrap(&self, line: &str, first: usize, hang: usize) -> Vec<String> {
        let Some(width) = self.look.width.filter(|_| !line.starts_with([' ', '\t'])) else {
            return vec![line.to_owned()];
        };
        let (lead, rest) = (" ".repeat(first), " ".repeat(hang));
        let options = Options::new(width)
            .initial_indent(&lead)
            .subsequent_indent(&rest)
            .break_words(false)
            .word_separator(WordSeparator::Custom(words))
            .word_splitter(WordSplitter::NoHyphenation)
            .wrap_algorithm(WrapAlgorithm::FirstFit);
        let rows = textwrap::wrap(line, options);
        let cut = |(index, row): (usize, &std::borrow::Cow<'_, str>)| {
            let indent = if index == 0 { &lead } else { &rest };
            row.strip_prefix(indent.as_str()).unwrap_or_default().to_owned()
        };
        rows.iter().enumerate().map(cut).collect()
    }

    fn line(&mut self, indent: usize, pieces: &[(Tone, &str)]) {
        let mut line = " ".repeat(indent);
        for (tone, text) in pieces.iter().filter(|(_, text)| !text.is_empty()) {
            let style = tone.style();
            if self.look.colour && *tone != Tone::Plain {
                _ = write!(line, "{style}{text}{style:#}");
            } else {
                line += text;
            }
        }
        self.text += line.trim_end_matches(' ');
        self.text.push('\n');
    }
}

/// Words: they end at spaces, and after a comma of a list, but not within backquotes.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let paired = line.matches('`').count().is_multiple_of(2);
    let (mut quoted, mut last) = (false, ' ');
    let mut cuts = vec![0];
    for (index, c) in line.char_indices() {
        if !quoted && c != ' ' && matches!(last, ' ' | ',') && index > 0 {
            cuts.push(index);
        }
        quoted ^= paired && c == '`';
        last = c;
    }
    cuts.push(line.len());
    let ranges: Vec<(usize, usize)> = cuts.windows(2).map(|pair| (pair[0], pair[1])).collect();
    Box::new(ranges.into_iter().map(|(start, end)| Word::from(&line[start..end])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_copied_stays_whole() {
        let mut page = Page::new(Look { width: Some(30), ..Look::default() });
        page.headed(
            2,
            &[(Tone::Help, "help: ")],
            4,
            Tone::Plain,
            "try `ssh -v -o BatchMode=yes -- root@web1` and read on",
        );
        page.put(
            2,
            Tone::Plain,
            "web[1:2],web[4:5],web[7:8],web[10:11]\n  as it is, however long that may be\nend\x1b[0m",
        );
        insta::assert_snapshot!(page.into_text(), @"
        help: try
          `ssh -v -o BatchMode=yes -- root@web1`
          and read on
        web[1:2],web[4:5],web[7:8],
        web[10:11]
          as it is, however long that may be
        end^[[0m
        ");
    }
}
