use super::error::Cause;

/// Who runs a section.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The user that the connection logs in as.
    Login,
    /// Another user of the host, reached by sudo unless the login already is that user.
    User(String),
}

/// A piece of POSIX shell text, run by a shell of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Who runs it.
    pub identity: Identity,
    /// Functions that the text calls, by their names. What has a name is the same in every script: a shell that has read it does
    /// not get it again.
    pub functions: Vec<(&'static str, &'static str)>,
    /// The shell text: ASCII, binary content encoded.
    pub text: String,
    /// Whether it looks at files alone, and calls `deadline` by itself (where `$W` is set) before it starts what may hang:
    /// then no process has to wait beside it from the first.
    pub is_quick: bool,
}

/// What one session runs: its sections in order. A section that ends with another status than 0 ends the script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// The sections, in order.
    pub sections: Vec<Section>,
}

impl Script {
    /// A script of one section, run by the login user.
    #[must_use]
    pub fn login(text: impl Into<String>) -> Self {
        Self {
            sections: vec![Section {
                identity: Identity::Login,
                functions: Vec::new(),
                text: text.into(),
                is_quick: false,
            }],
        }
    }

    /// A script of one section, run by `user`.
    #[must_use]
    pub fn user(user: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            sections: vec![Section {
                identity: Identity::User(user.into()),
                functions: Vec::new(),
                text: text.into(),
                is_quick: false,
            }],
        }
    }

    /// Whether a section may be run by sudo.
    pub(super) fn needs_sudo(&self) -> bool {
        self.sections.iter().any(|section| section.identity != Identity::Login)
    }

    /// Bytes that shells lose or read differently are refused here, before anything is connected to.
    pub(super) fn check(&self) -> Result<(), Cause> {
        for (index, section) in self.sections.iter().enumerate() {
            let texts = section.functions.iter().map(|(_, text)| *text).chain([section.text.as_str()]);
            for text in texts {
                if let Some(at) = text.bytes().position(|b| b == 0 || !b.is_ascii()) {
                    let line = text.as_bytes()[..at].split(|b| *b == b'\n').count();
                    return Err(Cause::Script { section: index + 1, line, byte: text.as_bytes()[at] });
                }
            }
            if let Identity::User(user) = &section.identity {
                super::name::user(user)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Cause, Script};

    #[test]
    fn ascii_without_nul() {
        assert!(Script::login("printf '\u{1}\t\u{7f}'\n").check().is_ok());
        let refused = Script::login("a\nb\0").check();
        assert!(matches!(refused, Err(Cause::Script { section: 1, line: 2, byte: 0 })), "{refused:?}");
        let refused = Script::user("root", "é").check();
        assert!(matches!(refused, Err(Cause::Script { section: 1, line: 1, byte: 0xc3 })), "{refused:?}");
        assert!(matches!(Script::user("-u", "").check(), Err(Cause::Name { .. })));
    }
}
