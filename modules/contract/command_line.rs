//! The command line of a program on Windows, which is one text there.

/// What the manager of services is told by: dockerd does not take these where it is only to judge a file.
const OF_THE_SERVICE: &[&str] = &["--run-service", "--register-service", "--unregister-service"];

/// The words of a daemon's command line, without the flags that make it a service.
pub fn daemon(line: &str) -> Vec<String> {
    let mut kept = Vec::new();
    let mut words = split(line).into_iter();
    while let Some(word) = words.next() {
        if word == "--service-name" {
            words.next();
        } else if !OF_THE_SERVICE.contains(&word.as_str()) && !word.starts_with("--service-name=") {
            kept.push(word);
        }
    }
    kept
}

/// The words of a command line, as the C runtime and Go read them: a backslash is one unless a quote follows.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let mut slashes = 1;
                while chars.next_if_eq(&'\\').is_some() {
                    slashes += 1;
                }
                let text = word.get_or_insert_default();
                if chars.peek() == Some(&'"') {
                    text.push_str(&"\\".repeat(slashes / 2));
                    if slashes % 2 == 1 {
                        text.push('"');
                        chars.next();
                    }
                } else {
                    text.push_str(&"\\".repeat(slashes));
                }
            }
            // Two quotes within quotes are one.
            '"' if quoted && chars.peek() == Some(&'"') => {
                word.get_or_insert_default().push('"');
                chars.next();
            }
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' | '\t' if !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::{daemon, split};

    #[test]
    fn words_are_those_that_the_program_sees() {
        for (line, words) in [
            (r"a b  c", vec!["a", "b", "c"]),
            (
                r#""C:\Program Files\docker\dockerd.exe" -D"#,
                vec![r"C:\Program Files\docker\dockerd.exe", "-D"],
            ),
            (r#"a "" b"#, vec!["a", "", "b"]),
            (r#"a"b c"d"#, vec!["ab cd"]),
            (r#"a\\b "c\\" d\"e \\\"f"#, vec![r"a\\b", r"c\", r#"d"e"#, r#"\"f"#]),
            (r#""a""b" c"#, vec![r#"a"b"#, "c"]),
            ("", vec![]),
        ] {
            assert_eq!(split(line), words, "{line}");
        }
    }

    #[test]
    fn what_makes_it_a_service_is_no_setting_of_the_daemon() {
        let line = r#""C:\Program Files\Docker\dockerd.exe" --run-service --service-name docker -H npipe:// --service-name=x"#;
        assert_eq!(daemon(line), [r"C:\Program Files\Docker\dockerd.exe", "-H", "npipe://"]);
    }
}
