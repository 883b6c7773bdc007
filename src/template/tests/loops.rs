//! Lists for `with_…` loops, and texts that no parser expects.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{render, source, templater};

fn items(name: &str, terms: &Json) -> Result<Json, String> {
    let scope = source(&json!({ "x": ["a", "b"], "evil": "{{ x }}" }));
    templater().looked_up(name, terms, &scope).map(Json::from).map_err(|error| error.to_string())
}

#[test]
fn with_loops_make_ansibles_lists() {
    for (name, terms, expected) in [
        ("items", json!([1, [2, [3]]]), json!([1, 2, [3]])),
        ("items", json!("{{ x }}"), json!(["a", "b"])),
        ("items", json!(["{{ x }}", "c"]), json!(["a", "b", "c"])),
        ("ansible.builtin.items", json!("one"), json!(["one"])),
        ("list", json!([1, [2]]), json!([1, [2]])),
        ("dict", json!({"k": 1}), json!([{"key": "k", "value": 1}])),
        ("indexed_items", json!(["a", "b"]), json!([[0, "a"], [1, "b"]])),
        ("nested", json!([[1, 2], "{{ x }}"]), json!([[1, "a"], [1, "b"], [2, "a"], [2, "b"]])),
        ("together", json!([[1, 2], ["a"]]), json!([[1, "a"], [2, null]])),
        ("subelements", json!([[{"n": 1, "k": [7]}], "k"]), json!([[{"n": 1}, 7]])),
        ("sequence", json!("start=2 end=6 stride=2 format=x%02d"), json!(["x02", "x04", "x06"])),
    ] {
        assert_eq!(items(name, &terms), Ok(expected), "with_{name}: {terms}");
    }
}

#[test]
fn a_loop_that_cannot_be_had_is_refused_by_name() {
    for (name, terms, word) in [
        ("flattened", json!([1]), "flatten"),
        ("csvfile", json!("x"), "include_vars"),
        ("dicts", json!({}), "did you mean `dict`"),
        ("dict", json!("x"), "mapping"),
        ("sequence", json!("count=999999999"), "stopped"),
        ("lines", json!("cat {{ x }}"), "quote"),
    ] {
        let error = items(name, &terms).expect_err(name);
        assert!(error.contains(word), "with_{name}: {error}");
    }
}

#[test]
fn what_is_data_stays_data_in_a_loop() {
    let mut scope = super::Scope::new();
    scope.set_literal("said", &json!(["{{ 1 + 1 }}", "{% raw %}"]));
    let found = templater().looked_up("items", &json!("{{ said }}"), &Arc::new(scope)).expect("items");
    assert_eq!(found, [json!("{{ 1 + 1 }}"), json!("{% raw %}")]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Pieces of templates in any order give a value or an error, and nothing else.
    #[test]
    fn no_text_makes_it_panic(pieces in proptest::collection::vec(prop_oneof![
        Just("{{"), Just("}}"), Just("{%"), Just("%}"), Just("{#"), Just("#}"), Just("-"), Just("+"), Just("("),
        Just(")"), Just("["), Just("]"), Just("{"), Just("}"), Just("|"), Just("."), Just(","), Just(":"), Just("'"),
        Just("\""), Just("\\"), Just("~"), Just("*"), Just("%"), Just(" "), Just("\n"), Just("\r"), Just("0"),
        Just("17"), Just("1.5"), Just("x"), Just("é"), Just("\u{11}"), Just("raw"), Just("endraw"), Just("if"),
        Just("else"), Just("endif"), Just("for"), Just("in"), Just("endfor"), Just("set"), Just("macro"),
        Just("endmacro"), Just("block"), Just("endblock"), Just("include"), Just("import"), Just("extends"),
        Just("recursive"), Just("loop"), Just("is"), Just("not"), Just("lookup"), Just("append"), Just("random"),
        Just("seed="), Just("sequence"), Just("#jinja2:"), Just("trim_blocks:"), Just("True"),
    ], 0..24)) {
        let text = pieces.concat();
        let _either = render(&text, &json!({ "x": [1, "a"] }));
        let _or = templater().condition(&json!(text), &source(&json!({ "x": [1] })));
    }
}
