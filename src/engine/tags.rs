//! Which tasks a run is about: `-t` and `--skip-tags`.

use std::collections::BTreeSet;

/// Tags asked for and tags left out.
#[derive(Debug, Clone, Default)]
pub struct Tags {
    /// `-t`; empty: all.
    pub only: Vec<String>,
    /// `--skip-tags`.
    pub skip: Vec<String>,
}

impl Tags {
    /// Whether a task with these tags runs: `always` and `never`, `tagged`, `untagged` and `all` mean what they do in
    /// Ansible.
    #[must_use]
    pub fn select(&self, tags: &[String]) -> bool {
        let has = |wanted: &str| tags.iter().any(|tag| tag == wanted);
        let names = |asked: &[String]| asked.iter().any(|tag| has(tag));
        let asks = |asked: &[String], word: &str| asked.iter().any(|tag| tag == word);
        let wanted = if self.only.is_empty() {
            !has("never") || has("always")
        } else {
            has("always")
                || names(&self.only)
                || (asks(&self.only, "all") && !has("never"))
                || (asks(&self.only, "tagged") && !tags.is_empty() && !has("never"))
                || (asks(&self.only, "untagged") && tags.is_empty())
        };
        let skipped = names(&self.skip)
            || (asks(&self.skip, "all") && !has("always"))
            || (asks(&self.skip, "tagged") && !tags.is_empty())
            || (asks(&self.skip, "untagged") && tags.is_empty());
        wanted && !skipped
    }

    /// Those of `-t` that no task has: they are misspelt, or meant for another playbook.
    #[must_use]
    pub fn unknown<'a>(&'a self, used: &BTreeSet<&str>) -> Vec<&'a str> {
        const WORDS: [&str; 5] = ["all", "always", "never", "tagged", "untagged"];
        let asked = self.only.iter().map(String::as_str);
        asked.filter(|tag| !used.contains(tag) && !WORDS.contains(tag)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Tags;

    #[test]
    fn tags_mean_what_they_mean_in_ansible() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let select = |only: &str, skip: &str, tags: &str| {
            Tags { only: words(only), skip: words(skip) }.select(&words(tags))
        };
        assert!(select("", "", ""));
        assert!(!select("", "", "never"));
        assert!(select("never", "", "never") && select("", "", "never always"));
        assert!(select("a", "", "always"));
        assert!(!select("a", "always", "always"));
        assert!(!select("a", "", "b"));
        assert!(select("tagged", "", "b") && !select("tagged", "", ""));
        assert!(select("untagged", "", "") && !select("untagged", "", "b"));
        assert!(!select("a", "b", "a b"));
    }
}
