//! The generated reference: docs/modules.md says what the modules' schemas say.

use std::fmt::Write as _;
use std::path::Path;

use modules::MODULES;

/// The whole reference, one page after the other.
fn whole() -> String {
    let mut text = String::from(
        "<!-- Made from the modules' own documentation by `DTRCTL_BLESS=1 cargo test --test it reference`. -->\n",
    );
    for entry in MODULES {
        _ = write!(text, "\n{}", demoted(&dtrctl::reference::page(entry)));
    }
    text
}

/// A page with each heading one level down.
fn demoted(page: &str) -> String {
    page.lines()
        .map(|line| if line.starts_with('#') { format!("#{line}\n") } else { format!("{line}\n") })
        .collect()
}

#[test]
fn the_reference_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/modules.md");
    let whole = whole();
    if std::env::var_os("DTRCTL_BLESS").is_some() {
        std::fs::write(&path, &whole).expect("docs/modules.md can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == whole, "docs/modules.md is stale: run DTRCTL_BLESS=1 cargo test --test it reference");
}

#[test]
fn every_argument_of_every_module_is_documented() {
    for entry in MODULES {
        let schema = modules::schema(entry);
        assert!(
            schema["description"].as_str().is_some_and(|text| text.len() > 20),
            "{} says what it is for",
            entry.name
        );
        assert_eq!(schema["additionalProperties"], false, "{} refuses unknown arguments", entry.name);
        for (name, argument) in schema["properties"].as_object().expect("properties") {
            let described = argument["description"].as_str().is_some_and(|text| text.len() > 8);
            assert!(described, "{}: `{name}` is documented", entry.name);
        }
    }
}
