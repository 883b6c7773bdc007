//! Shell patterns for names, as Python's `fnmatch` reads them.

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Vec<Token>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// This character.
    One(char),
    /// Any character.
    Any,
    /// Any number of characters.
    Many,
    /// A character of these ranges, or of none of them.
    Class { ranges: Vec<(char, char)>, negated: bool },
}

impl Glob {
    /// Compiles a pattern; every text is one.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let characters: Vec<char> = pattern.chars().collect();
        // Behind the last `]` no `[` is looked up to the end of the text.
        let last = characters.iter().rposition(|next| *next == ']').unwrap_or_default();
        let (mut tokens, mut at) = (Vec::new(), 0);
        while let Some(&next) = characters.get(at) {
            at += 1;
            tokens.push(match next {
                '*' => Token::Many,
                '?' => Token::Any,
                '[' if at <= last => match class(&characters[at..]) {
                    Some((token, length)) => {
                        at += length;
                        token
                    }
                    None => Token::One('['),
                },
                other => Token::One(other),
            });
        }
        tokens.dedup_by(|a, b| *a == Token::Many && *b == Token::Many);
        Self(tokens)
    }

    /// Whether the whole name matches. It takes at most the product of both lengths.
    #[must_use]
    pub fn is_match(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut token, mut at) = (0, 0);
        // Where to go on if what follows the last `*` does not match: let the `*` take one more.
        let mut retry = None;
        while at < name.len() {
            match self.0.get(token) {
                Some(Token::Many) => {
                    retry = Some((token + 1, at));
                    token += 1;
                }
                Some(found) if found.takes(name[at]) => {
                    token += 1;
                    at += 1;
                }
                _ => {
                    let Some((after, from)) = retry else { return false };
                    retry = Some((after, from + 1));
                    (token, at) = (after, from + 1);
                }
            }
        }
        self.0[token..].iter().all(|rest| *rest == Token::Many)
    }
}

impl Token {
    fn takes(&self, character: char) -> bool {
        match self {
            Self::One(one) => *one == character,
            Self::Any => true,
            Self::Many => false,
            Self::Class { ranges, negated } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != *negated
            }
        }
    }
}

/// What follows a `[`, and how long it is with its `]`; none if there is no `]`.
fn class(rest: &[char]) -> Option<(Token, usize)> {
    let negated = rest.first() == Some(&'!');
    let begin = usize::from(negated);
    // A `]` at the very beginning is a member.
    let end = rest.iter().skip(begin + 1).position(|next| *next == ']')? + begin + 1;
    let members = &rest[begin..end];
    let (mut ranges, mut at) = (Vec::new(), 0);
    while let Some(&low) = members.get(at) {
        if let (Some('-'), Some(&high)) = (members.get(at + 1), members.get(at + 2)) {
            ranges.push((low, high));
            at += 3;
        } else {
            ranges.push((low, low));
            at += 1;
        }
    }
    Some((Token::Class { ranges, negated }, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_are_fnmatchs() {
        for (pattern, name, expected) in [
            ("web*", "web", true),
            ("*.stg.*", "a.stg.b", true),
            ("proxy3[0-9].x", "proxy37.x", true),
            ("[!a]b", "ab", false),
            ("[]x]", "]", true),
            ("a[", "a[", true),
            ("*a*b", "xaxbxb", true),
            ("a?c", "ac", false),
        ] {
            assert_eq!(Glob::new(pattern).is_match(name), expected, "{pattern} {name}");
        }
    }
}
