use serde_json::json;

use super::*;

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no mapping"),
    }
}

fn union(merge: Value) -> Edit {
    Edit { merge: map(merge), ..Edit::default() }
}

fn exact(merge: Value) -> Edit {
    Edit { lists: Lists::Exact, ..union(merge) }
}

fn removal(remove: Value) -> Edit {
    Edit { remove: map(remove), ..Edit::default() }
}

fn edited(text: &str, edit: &Edit) -> String {
    let once = apply(Some(text.as_bytes()), edit).expect("an edit");
    let twice = apply(Some(&once.text), edit).expect("a second edit");
    assert!(!twice.changed, "the second edit changes nothing");
    assert_eq!(once.changed, once.text != text.as_bytes());
    String::from_utf8(once.text).expect("UTF-8")
}

fn refused(text: &str, edit: &Edit) -> String {
    apply(Some(text.as_bytes()), edit).expect_err("a refusal").to_string()
}

fn registry() -> Edit {
    union(json!({"insecure-registries": ["r:5000"]}))
}

#[test]
fn a_new_key_follows_its_siblings() {
    for (before, after) in [
        (
            "{\n  \"debug\": true\n}\n",
            "{\n  \"debug\": true,\n  \"insecure-registries\": [\n    \"r:5000\"\n  ]\n}\n",
        ),
        (
            "{\r\n\t\"a\": [\"x\"],\r\n\t\"b\": 1\r\n}",
            "{\r\n\t\"a\": [\"x\"],\r\n\t\"b\": 1,\r\n\t\"insecure-registries\": [\"r:5000\"]\r\n}",
        ),
        ("{\"debug\":true}", "{\"debug\":true,\"insecure-registries\":[\"r:5000\"]}"),
        ("{ \"debug\": true }\n", "{ \"debug\": true, \"insecure-registries\": [\"r:5000\"] }\n"),
        (
            "{\n    \"debug\" : true\n}",
            "{\n    \"debug\" : true,\n    \"insecure-registries\" : [\n        \"r:5000\"\n    ]\n}",
        ),
        (
            "{\n\t\t   \t\"debug\": true\n}",
            "{\n\t\t   \t\"debug\": true,\n\t\t   \t\"insecure-registries\": [\n\t\t   \t\t\"r:5000\"\n\t\t   \t]\n}",
        ),
        ("{}\n", "{\n  \"insecure-registries\": [\n    \"r:5000\"\n  ]\n}\n"),
        ("\n\n{\n}\n", "\n\n{\n  \"insecure-registries\": [\n    \"r:5000\"\n  ]\n}\n"),
        (
            "{ \"a\": 1\n, \"b\": [ 2 ]\n}",
            "{ \"a\": 1\n, \"b\": [ 2 ]\n, \"insecure-registries\": [ \"r:5000\" ]\n}",
        ),
    ] {
        assert_eq!(edited(before, &registry()), after);
    }
}

#[test]
fn a_new_item_follows_its_siblings() {
    let list = |inner: &str| format!("{{\n  \"insecure-registries\": [{inner}],\n  \"debug\": true\n}}\n");
    for (before, after) in [
        ("\"a\"", "\"a\", \"r:5000\""),
        ("\"a\",\"b\"", "\"a\",\"b\",\"r:5000\""),
        (" \"a\" ", " \"a\", \"r:5000\" "),
        ("\n    \"a\"\n  ", "\n    \"a\",\n    \"r:5000\"\n  "),
        ("\n\n      \"a\",\n\n      \"b\"  \n  ", "\n\n      \"a\",\n\n      \"b\",\n      \"r:5000\"  \n  "),
        ("\"a\",\n                \"b\"", "\"a\",\n                \"b\",\n                \"r:5000\""),
        ("\n  ", "\n    \"r:5000\"\n  "),
        ("\"a\", \"r:5000\"", "\"a\", \"r:5000\""),
        ("\"r\\u003a5000\"", "\"r\\u003a5000\""),
    ] {
        assert_eq!(edited(&list(before), &registry()), list(after));
    }
}

#[test]
fn all_else_stays_byte_for_byte() {
    // No whole number to dockerd, an escape that needs none, a number beyond every integer: nobody touches them.
    let text = "{\n \"mtu\" :150.0e1, \"x\":\"a\\/\\u0041\",   \n\t\"big\": 12345678901234567890123  ,\r\n\"dns\":[ ]\n}  ";
    let after = edited(text, &union(json!({"debug": true})));
    assert_eq!(after, text.replace("[ ]", "[ ]  ,\r\n\"debug\" :true"));
}

#[test]
fn scalars_are_replaced_in_place() {
    let text = "{\"debug\" :  false , \"log-opts\": {\"max-file\": \"3\"}}";
    let edit = union(json!({"debug": true, "log-opts": {"max-file": "5", "max-size": "1m"}}));
    let after = "{\"debug\" :  true , \"log-opts\": {\"max-file\": \"5\", \"max-size\" : \"1m\"}}";
    assert_eq!(edited(text, &edit), after);
    assert_eq!(edited("{\"dns\": null}", &union(json!({"dns": ["1.1.1.1"]}))), "{\"dns\": [\"1.1.1.1\"]}");
}

#[test]
fn exact_lists_keep_the_text_of_what_stays() {
    let text = "{\"dns\": [ \"1.1.1.1\",\"\\u0038.8.8.8\" , \"9.9.9.9\" ]}";
    for (wanted, after) in [
        (json!(["8.8.8.8"]), "[ \"\\u0038.8.8.8\" ]"),
        (json!(["1.1.1.1", "9.9.9.9"]), "[ \"1.1.1.1\",\"9.9.9.9\" ]"),
        (json!([]), "[]"),
        (json!(["9.9.9.9", "8.8.8.8"]), "[ \"9.9.9.9\" , \"\\u0038.8.8.8\" ]"),
        (json!(["8.8.8.8", "2.2.2.2"]), "[ \"\\u0038.8.8.8\" , \"2.2.2.2\" ]"),
        (json!(["1.1.1.1", "8.8.8.8", "9.9.9.9"]), "[ \"1.1.1.1\",\"\\u0038.8.8.8\" , \"9.9.9.9\" ]"),
    ] {
        let edit = exact(json!({"dns": wanted}));
        assert_eq!(edited(text, &edit), format!("{{\"dns\": {after}}}"));
    }
}

#[test]
fn removal_takes_the_comma_along() {
    let text = "{\n  \"a\": 1,\n  \"b\": [\"x\", \"y\", \"z\"],\n  \"c\": {\"d\": 1, \"e\": 2}\n}\n";
    for (remove, after) in [
        (json!({"a": null}), "{\n  \"b\": [\"x\", \"y\", \"z\"],\n  \"c\": {\"d\": 1, \"e\": 2}\n}\n"),
        (json!({"c": null}), "{\n  \"a\": 1,\n  \"b\": [\"x\", \"y\", \"z\"]\n}\n"),
        (json!({"a": null, "c": null}), "{\n  \"b\": [\"x\", \"y\", \"z\"]\n}\n"),
        (json!({"a": null, "b": null, "c": null}), "{}\n"),
        (json!({"b": ["y"]}), "{\n  \"a\": 1,\n  \"b\": [\"x\", \"z\"],\n  \"c\": {\"d\": 1, \"e\": 2}\n}\n"),
        (json!({"b": ["x", "z"]}), "{\n  \"a\": 1,\n  \"b\": [\"y\"],\n  \"c\": {\"d\": 1, \"e\": 2}\n}\n"),
        (json!({"b": ["w"], "q": null, "c": {"f": null}}), text),
        (
            json!({"c": {"d": null}}),
            "{\n  \"a\": 1,\n  \"b\": [\"x\", \"y\", \"z\"],\n  \"c\": {\"e\": 2}\n}\n",
        ),
    ] {
        assert_eq!(edited(text, &removal(remove)), after);
    }
}

#[test]
fn an_emptied_list_stays_and_its_key_goes_in_a_second_step() {
    let text = b"{\n  \"insecure-registries\": [\n    \"a\"\n  ]\n}\n";
    let first = apply(Some(text), &removal(json!({"insecure-registries": ["a"]}))).expect("an edit");
    assert_eq!(first.text, b"{\n  \"insecure-registries\": []\n}\n");
    assert_eq!(first.emptied_lists, [["insecure-registries"]]);
    assert!(!first.empty);
    let second = remove_key(&first.text, &first.emptied_lists[0]).expect("an edit");
    assert_eq!(second.text, b"{}\n");
    assert!(second.empty);
}

#[test]
fn a_list_that_was_empty_is_not_said_to_be_emptied() {
    let edit = removal(json!({"insecure-registries": ["a"]}));
    let edited = apply(Some(b"{\"insecure-registries\": []}"), &edit).expect("an edit");
    assert!(!edited.changed && edited.emptied_lists.is_empty());
}

#[test]
fn an_absent_file_becomes_a_fresh_one() {
    let fresh = apply(None, &registry()).expect("an edit");
    assert_eq!(fresh.text, b"{\n  \"insecure-registries\": [\n    \"r:5000\"\n  ]\n}\n");
    assert!(fresh.changed && !fresh.empty);
    let nothing = apply(None, &removal(json!({"debug": null}))).expect("an edit");
    assert!(!nothing.changed && nothing.empty && nothing.text.is_empty());
}

#[test]
fn one_edit_may_swap_items() {
    let edit = Edit { remove: map(json!({"dns": ["1.1.1.1"]})), ..union(json!({"dns": ["9.9.9.9"]})) };
    assert_eq!(edited("{\"dns\":[\"1.1.1.1\"]}", &edit), "{\"dns\":[\"9.9.9.9\"]}");
}

#[test]
fn edits_that_make_no_sense_are_refused() {
    for (edit, message) in [
        (
            union(json!({"log-opts": {"a": null}})),
            "`log-opts.a` is null in `merge`; name the key in `remove` to remove it",
        ),
        (
            removal(json!({"debug": true})),
            "`debug` is a boolean in `remove`; write null to remove the key, or a list of the items to remove",
        ),
        (
            Edit { remove: map(json!({"dns": ["1.1.1.1"]})), ..union(json!({"dns": ["1.1.1.1"]})) },
            "`dns` is both wanted by `merge` and unwanted by `remove`; keep one of them",
        ),
        (
            Edit { remove: map(json!({"debug": null})), ..union(json!({"debug": true})) },
            "`debug` is both wanted by `merge` and unwanted by `remove`; keep one of them",
        ),
    ] {
        assert_eq!(refused("{}", &edit), message);
        assert_eq!(apply(None, &edit).expect_err("a refusal").to_string(), message);
    }
}

#[test]
fn a_negative_zero_is_a_whole_number_where_no_fraction_is_written() {
    let read = |text: &str| read(text.as_bytes()).expect("JSON");
    assert_eq!(read("{\"mtu\": -0, \"a\": [{\"b\": -0}]}"), json!({"mtu": 0, "a": [{"b": 0}]}));
    assert!(read("{\"mtu\": -0.0}")["mtu"].is_f64());
    let kept = apply(Some(b"{\"mtu\": -0}"), &union(json!({"mtu": 0}))).expect("an edit");
    assert!(!kept.changed);
}

#[test]
fn texts_that_dockerd_would_not_read_so_are_refused() {
    for (text, message) in [
        (
            "",
            "line 1, column 1: the file is empty, and dockerd before 23.0 refuses that; write `{}` or remove the file",
        ),
        (
            "[]",
            "line 1, column 1: the file holds a list, and dockerd wants a mapping; put `{` and `}` round its keys",
        ),
        (
            "\nnull",
            "line 2, column 1: the file holds `null` alone, which dockerd takes for `{}`; write `{}` there, or remove the file",
        ),
        (
            "{\n  \"Debug\": true\n}",
            "line 2, column 3: dockerd refuses the key `Debug` because of its case; write `debug`",
        ),
        (
            "{\"mtu\": 1,\n\"mtu\": 2}",
            "line 2, column 1: the key `mtu` stands twice, first at line 1, column 2, and dockerd takes the last; remove one of them",
        ),
        (
            "{\"insecure-registries\": \"a\"}",
            "line 1, column 25: `insecure-registries` holds a string, and a list of strings is needed; correct it by hand first",
        ),
    ] {
        assert_eq!(refused(text, &registry()), message);
    }
    let ulimits = "{\"default-ulimits\": {\"nofile\": {\"Hard\": 1}}}";
    let edit = union(json!({"default-ulimits": {"nofile": {"hard": 2}}}));
    assert_eq!(
        refused(ulimits, &edit),
        "line 1, column 33: dockerd refuses the key `Hard` because of its case; write `hard`"
    );
    assert_eq!(
        refused("{\"log-opts\": {\"max-size\": {}}}", &union(json!({"log-opts": {"max-size": "1m"}}))),
        "line 1, column 27: `log-opts.max-size` holds a mapping, and a string is needed; correct it by hand first"
    );
}
