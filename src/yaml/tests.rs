//! What a tree says about the text it came from.

use super::{Node, Problems, Source, Value, parse};

fn read(text: &str) -> Node {
    parse(&Source::new("test.yml", text)).unwrap()
}

fn refused(text: &str) -> Problems {
    parse(&Source::new("test.yml", text)).unwrap_err()
}

#[test]
fn every_node_knows_its_place() {
    let root =
        read("web:\n  port: 0644  # octal\n  names: [a, 'b c']\n  list:\n  - x\n  - y: 1\nlast: {k: v}\n");
    let web = root.get("web").unwrap();
    assert_eq!(web.get("port").unwrap().written(), "0644");
    assert_eq!(web.get("names").unwrap().written(), "[a, 'b c']");
    assert_eq!(web.get("names").unwrap().as_seq().unwrap()[1].written(), "'b c'");
    assert_eq!(web.get("list").unwrap().written(), "- x\n  - y: 1");
    assert_eq!(web.as_map().unwrap()[0].0.written(), "port");
    assert_eq!(root.get("last").unwrap().written(), "{k: v}");
    assert_eq!(web.get("port").unwrap().place().to_string(), "test.yml:2:9");
}

#[test]
fn a_part_of_a_text_is_found_in_the_file() {
    let root =
        read("a: 'x {{ y }}'\nb: |\n  first\n    second {{ y }}\nc: \"\\t{{ y }}\"\nd: >-\n  x\n  {{ y }}\n");
    for name in ["a", "b"] {
        let node = root.get(name).unwrap();
        let start = node.as_str().unwrap().find("{{").unwrap();
        assert_eq!(node.part(start..start + 7).text(), "{{ y }}", "{name}");
    }
    let folded = root.get("d").unwrap();
    assert_eq!(folded.part(2..9), folded.place());
    assert_eq!(root.get("c").unwrap().part(1..8).text(), "\"\\t{{ y }}\"");
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let problems = refused("a: 1\na: 2\nb: !nope x\nc: {{ x }}\nd: 2026-02-30\n");
    let messages: Vec<String> = problems.to_string().lines().map(str::to_owned).collect();
    assert_eq!(
        messages,
        [
            "test.yml:2:1: the key `a` is written twice",
            "test.yml:3:4: the tag `!nope` is not supported here",
            "test.yml:4:5: a mapping cannot be the key of a mapping",
            "test.yml:5:4: `2026-02-30` cannot be kept as it is: there is no such day",
        ]
    );
}

#[test]
fn tags_keep_what_is_secret_or_literal() {
    let root = read(
        "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\nb: !unsafe '{{ x }}'\nc: !unsafe\n- '{{ y }}'\n",
    );
    assert!(
        matches!(&root.get("a").unwrap().value, Value::Vault(text) if text.starts_with("$ANSIBLE_VAULT"))
    );
    assert!(!root.get("b").unwrap().has_template());
    assert!(!root.get("c").unwrap().has_template());
    assert!(root.to_json().unwrap_err().to_string().contains("encrypted with ansible-vault"));
}

#[test]
fn bombs_do_not_go_off() {
    let mut laughs = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        let line = format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 9].join(", "));
        laughs.push_str(&line);
    }
    assert!(refused(&laughs).to_string().contains("unfold to more"));
    assert!(parse(&Source::new("deep", "[".repeat(100_000))).is_err());
    assert!(parse(&Source::new("deep", "- ".repeat(100_000))).is_err());
    assert!(parse(&Source::new("loop", "a: &a [*a]\n")).is_err());
}

#[test]
fn a_file_that_is_json_is_read_as_json() {
    assert_eq!(
        read("{\"a\": 1e3, \"b\": -0.5E-1}").to_json().unwrap(),
        serde_json::json!({"a": 1000.0, "b": -0.05})
    );
    assert_eq!(read("a: 1e3\n").to_json().unwrap(), serde_json::json!({"a": "1e3"}));
}

#[test]
fn merged_keys_lose_to_written_ones() {
    let root = read("base: &b {x: 1, y: 1}\nmore: &m {y: 2, z: 2}\nboth:\n  z: 3\n  <<: [*b, *m]\n");
    let both = root.get("both").unwrap().to_json().unwrap();
    assert_eq!(both, serde_json::json!({"x": 1, "y": 1, "z": 3}));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[-a1 :\\[\\]{},&*!|>'\"%@`#?~\n\t\\\\é<=.]{0,60}") {
        if let Ok(node) = parse(&Source::new("any", text)) {
            let _ = node.to_json();
            let _ = node.part(0..1);
        }
    }
}
