//! What is not understood, or cannot be changed without risk, stays as it is and says why.

use super::*;

fn refused(format: Format, text: &str) -> NotUnderstood {
    Document::parse(format, text).unwrap_err()
}

#[test]
fn broken_text_is_refused_with_its_place_and_without_its_words() {
    let at = |format, line, column| NotUnderstood::Syntax { format, line, column };
    assert_eq!(refused(Format::Json, "{\n  \"s3cr3t\": }"), at("JSON", 2, 13));
    assert_eq!(refused(Format::Toml, "a = 1\nb = s3cr3t\n"), at("TOML", 2, 5));
    assert!(matches!(
        refused(Format::Yaml, "a: 1\nb: [s3cr3t\n"),
        NotUnderstood::Syntax { format: "YAML", .. }
    ));
    for (format, text) in [
        (Format::Json, "{"),
        (Format::Json, "{'s3cr3t': 1}"),
        (Format::Json, "{s3cr3t: 1}"),
        (Format::Json, "{} {}"),
        (Format::Json, "{\"a\": 1 \"b\": 2}"),
        (Format::Json, "{\"a\": 0x1}"),
        (Format::Json, "{\"a\": NaN}"),
        (Format::Json, "{\"a\": .5}"),
        (Format::Json, "{\"a\": 01}"),
        (Format::Json, "{\"a\": \"s3cr3t\n\"}"),
        (Format::Json, "{,}"),
        (Format::Json, "{\"a\": 1,,}"),
        (Format::Json, "/* s3cr3t {}"),
        (Format::Toml, "[s3cr3t"),
        (Format::Toml, "a = \"s3cr3t"),
        (Format::Yaml, "a: 1\n\tb: s3cr3t\n"),
        (Format::Yaml, "a: \"s3cr3t\n"),
        (Format::Yaml, "a: s3cr3t: 1\n"),
        (Format::Yaml, "a: *s3cr3t\n"),
    ] {
        let error = refused(format, text);
        assert!(matches!(error, NotUnderstood::Syntax { .. }), "{text:?}: {error}");
        assert!(!format!("{error} {error:?} {:?}", error.hint()).contains("s3cr3t"));
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_at_any_depth() {
    for (format, text, line) in [
        (Format::Json, "{\"a\": 1,\n\"a\": 2}", 2),
        (Format::Json, "{\"x\": [{\"a\": 1,\n\"\\u0061\": 2}]}", 2),
        (Format::Toml, "a = 1\na = 2\n", 2),
        (Format::Toml, "[a]\n[a]\n", 2),
        (Format::Toml, "x = [{ a = 1, \"a\" = 2 }]\n", 1),
        (Format::Yaml, "a: 1\n\"a\": 2\n", 2),
        (Format::Yaml, "x:\n- {a: 1, b: 2,\n   a: 2}\n", 3),
    ] {
        let error = refused(format, text);
        assert!(
            matches!(error, NotUnderstood::RepeatedKey { line: at, .. } if at == line),
            "{text:?}: {error:?}"
        );
    }
}

#[test]
fn what_is_not_a_mapping_is_refused() {
    for (format, text) in [
        (Format::Json, "[]"),
        (Format::Json, "\"x\""),
        (Format::Json, "null"),
        (Format::Yaml, "- a\n"),
        (Format::Yaml, "a\n"),
        (Format::Yaml, "[]\n"),
    ] {
        assert!(matches!(refused(format, text), NotUnderstood::NotAMapping(_)), "{text:?}");
    }
}

#[test]
fn a_value_where_a_mapping_has_to_be_is_not_overwritten() {
    for (format, text) in [
        (Format::Json, "{\"servers\": []}"),
        (Format::Json, "{\"servers\": null}"),
        (Format::Json, "{\"servers\": \"x\"}"),
        (Format::Toml, "servers = 1\n"),
        (Format::Toml, "[[servers]]\na = 1\n"),
        (Format::Yaml, "servers: x\n"),
        (Format::Yaml, "servers:\n- x\n"),
    ] {
        let mut document = parsed(format, text);
        let error = document.set(&["servers", "m4"], &entry()).unwrap_err();
        assert_eq!(error, NotUnderstood::InTheWay("servers".to_owned()));
        assert_eq!(document.text(), text);
    }
}

#[test]
fn yaml_that_means_more_than_its_lines_is_not_changed() {
    for text in [
        "base: &base\n  other: {}\nservers: *base\n",
        "servers: &all\n  other: {}\nagain: *all\n",
        "base: &base\n  other: {}\nservers:\n  <<: *base\n  mine: {}\n",
        "servers: !!map\n  other: {}\n",
        "servers: {other: {command: x}}\n",
        "? servers\n: other: {}\n",
        "{servers: {}}\n",
    ] {
        let mut document = parsed(Format::Yaml, text);
        let error = document.set(&["servers", "m4"], &entry()).unwrap_err();
        assert!(error.hint().unwrap().contains("nothing was changed"));
        assert_eq!(document.text(), text, "{error}");
    }
    let text = "servers:\n  m4: &m\n    a: 1\n  b: *m\n";
    let mut document = parsed(Format::Yaml, text);
    assert!(document.remove(&["servers", "m4"]).is_err());
    assert_eq!(document.text(), text);
    assert!(matches!(refused(Format::Yaml, "a: 1\n---\nb: 1\n"), NotUnderstood::CannotBeEdited(_)));
    assert!(matches!(refused(Format::Yaml, "? [a]\n: 1\n"), NotUnderstood::CannotBeEdited(_)));
}

#[test]
fn toml_has_no_null_and_no_numbers_beyond_its_own() {
    for value in [json!(null), json!({"a": [null]}), json!(u64::MAX)] {
        let mut document = parsed(Format::Toml, "a = 1\n");
        let error = document.set(&["s", "m4"], &value).unwrap_err();
        assert!(matches!(error, NotUnderstood::NoSuchValue { .. }));
        assert_eq!(document.text(), "a = 1\n");
    }
}

#[test]
fn what_is_too_large_or_too_deep_is_refused_and_does_not_crash() {
    let large = " ".repeat(100 << 20);
    for format in [Format::Json, Format::Toml, Format::Yaml] {
        assert_eq!(refused(format, &large), NotUnderstood::TooLarge);
    }
    for depth in [129, 400, 10_000, 1_000_000] {
        let lists = format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(refused(Format::Json, &lists), NotUnderstood::TooDeep);
        let depth = depth.min(500_000);
        let objects = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert_eq!(refused(Format::Json, &objects), NotUnderstood::TooDeep);
        let lists = format!("a = {}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(refused(Format::Toml, &lists), NotUnderstood::TooDeep, "{depth}");
        let tables = format!("{} = 1", vec!["a"; depth].join("."));
        assert_eq!(refused(Format::Toml, &tables), NotUnderstood::TooDeep);
        for open in ["- ", "[", "{a: ", "? "] {
            let text = open.repeat(depth);
            assert!(Document::parse(Format::Yaml, &text).is_err(), "{depth} × {open:?}");
        }
    }
    let lines: Vec<_> = (0..300).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert_eq!(refused(Format::Yaml, &lines.concat()), NotUnderstood::TooDeep);
    for (format, text) in [
        (Format::Json, format!("{{\"a\": {}{}}}", "[".repeat(100), "]".repeat(100))),
        (Format::Toml, format!("a = {}{}", "[".repeat(70), "]".repeat(70))),
        (Format::Yaml, format!("a: {}{}", "[".repeat(100), "]".repeat(100))),
    ] {
        assert!(edited(format, &text, &["m4"], &json!(1)).contains(&text[text.len() - 70..text.len() - 1]));
    }
}

#[test]
fn a_change_that_would_make_it_too_large_is_refused() {
    let mut document = parsed(Format::Json, "{}");
    assert_eq!(document.set(&["a"], &json!("x".repeat(17 << 20))), Err(NotUnderstood::TooLarge));
    assert_eq!(document.text(), "{}");
}

#[test]
fn a_text_that_does_not_say_what_it_should_is_not_given_out() {
    for format in [Format::Json, Format::Toml, Format::Yaml] {
        let mut document = parsed(format, "");
        document.set(&["a"], &json!(1)).unwrap();
        let before = document.text();
        let changes = [Change::Insert { parent: Vec::new(), key: "b".to_owned(), value: json!(2) }];
        for wrong in [json!({"a": 1}), json!({"b": 2}), json!({"a": 1, "b": "2"})] {
            assert!(document.apply(&changes, &[wrong]).is_err());
            assert_eq!((document.text(), document.value(&[])), (before.clone(), Some(json!({"a": 1}))));
        }
        document.apply(&changes, &[json!({"a": 1, "b": 2})]).unwrap();
    }
}

#[test]
fn escapes_are_read_as_serde_reads_them() {
    for text in
        [r#"{"\ud83d\ude00\u0000\/\b": "\ud834\udd1e\\\"\f\t"}"#, r#"{"a": -0, "b": 1E+2, "c": 1.0e-3}"#]
    {
        let read: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parsed(Format::Json, text).value(&[]), Some(read));
    }
    for text in [r#"{"a": "\ud83d"}"#, r#"{"a": "\ude00\ud83d"}"#, r#"{"a": "\x41"}"#] {
        assert!(matches!(refused(Format::Json, text), NotUnderstood::Syntax { .. }), "{text:?}");
    }
}
