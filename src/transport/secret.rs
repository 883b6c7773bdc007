use std::fmt;

use super::error::Cause;

/// A password: it can be used, but neither printed nor compared.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a password over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// sudo reads a line.
    pub(super) fn check(&self) -> Result<(), Cause> {
        if self.0.contains(['\n', '\0']) { Err(Cause::Password) } else { Ok(()) }
    }

    /// The password itself, for the one place that sends it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("canary".into())), "Secret(…)");
    }

    #[test]
    fn is_one_line() {
        assert!(Secret::new("p w'".into()).check().is_ok());
        assert!(Secret::new("a\nb".into()).check().is_err());
    }
}
