mod cut;
mod faults;
mod frame;
mod hostile;
mod ssh;
mod sudo;

use std::time::Duration;

use dtrctl::transport::{Identity, Limits, Script, Section};

fn limits() -> Limits {
    Limits { task: Duration::from_secs(30), ..Limits::default() }
}

fn login(text: &str) -> Section {
    Section { identity: Identity::Login, functions: Vec::new(), text: text.into(), is_quick: false }
}

fn script(sections: &[Section]) -> Script {
    Script { sections: sections.to_vec() }
}

/// A shell word, as the renderers of scripts make it.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
