use std::fmt;

/// A password: it can be used, but neither printed nor compared.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a password over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
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
}
