//! What holds for any document, however it is laid out.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const FORMATS: [Format; 3] = [Format::Json, Format::Toml, Format::Yaml];

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{1,3}",
        1 => "\\PC{0,4}".prop_filter("a merge key is refused", |key| key != "<<"),
        1 => prop_oneof![Just("a.b".to_owned()), Just("true".to_owned()), Just("12".to_owned()), Just("# x: y".to_owned())],
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|quarters| Value::from(f64::from(quarters) / 4.0)),
        "\\PC{0,8}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[-+.:0-9a-fxo_ ]{0,6}".prop_map(Value::from),
    ]
}

fn mapping() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![4 => scalar(), 1 => vec(scalar(), 0..3).prop_map(Value::from)];
    let tree = leaf.prop_recursive(3, 24, 4, |inner| {
        vec((key(), inner), 0..4).prop_map(|entries| Value::Object(entries.into_iter().collect()))
    });
    vec((key(), tree), 0..5).prop_map(|entries| Value::Object(entries.into_iter().collect()))
}

/// A document with comments and blank lines among its own.
fn document() -> impl Strategy<Value = (Format, String)> {
    (0..3_usize, mapping(), vec(0..12_u8, 1..16), any::<bool>(), any::<bool>()).prop_map(
        |(format, value, noise, windows, ends)| {
            let format = FORMATS[format];
            let text = noisy(format, &edited(format, "", &[], &value), &noise);
            let text = if windows { text.replace('\n', "\r\n") } else { text };
            (format, if ends { text } else { text.trim_end().to_owned() })
        },
    )
}

/// Puts comments, blank lines and spaces where the format allows them between and at the end of lines.
fn noisy(format: Format, text: &str, noise: &[u8]) -> String {
    let comment = if format == Format::Json { "//" } else { "#" };
    let lines = text.lines().zip(noise.iter().cycle()).map(|(line, noise)| {
        let indent = &line[..line.len() - line.trim_start().len()];
        match noise {
            0 => format!("{indent}{comment} \"mine\": {{, }}\n{line}\n"),
            1 => format!("\n{line}\n"),
            2 => format!("{line} {comment} x, y: }} ]\n"),
            3 => format!("{line}   \n"),
            4 => format!("{comment} at the margin\n\n{line}\n"),
            _ => format!("{line}\n"),
        }
    });
    lines.collect::<Vec<_>>().concat()
}

/// The mapping that `choice` picks, by its path.
fn some_mapping(value: &Value, choice: usize) -> Vec<String> {
    fn paths(value: &Value, path: &[String], all: &mut Vec<Vec<String>>) {
        if let Value::Object(mapping) = value {
            all.push(path.to_owned());
            for (key, value) in mapping {
                paths(value, &[path, std::slice::from_ref(key)].concat(), all);
            }
        }
    }
    let mut all = Vec::new();
    paths(value, &[], &mut all);
    all.swap_remove(choice % all.len())
}

/// Without what JSON puts between properties.
fn lines_of(format: Format, text: &str) -> Vec<String> {
    let bare = |line: &str| if format == Format::Json { line.replace(',', "") } else { line.to_owned() };
    text.lines().map(|line| bare(line.trim_end_matches('\r'))).collect()
}

fn is_kept(before: &[String], after: &[String]) -> bool {
    let mut after = after.iter();
    before.iter().all(|line| after.any(|other| other == line))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_new_entry_is_there_the_rest_stays_and_removing_it_gives_the_text_back(
        (format, text) in document(),
        choice in any::<usize>(),
        value in prop_oneof![mapping(), scalar()],
    ) {
        let mut document = parsed(format, &text);
        let before = document.value(&[]).unwrap();
        // A plain value can give a TOML table a header that only its sections named before, and it stays.
        let value = if format == Format::Toml { json!({"new": value}) } else { value };
        let mut path = some_mapping(&before, choice);
        path.push("m4 new".to_owned());
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        document.set(&path, &value).unwrap();
        prop_assert_eq!(document.value(&path), Some(value.clone()));
        let once = document.text();
        document.set(&path, &value).unwrap();
        prop_assert_eq!(&document.text(), &once);
        let again = parsed(format, &once);
        prop_assert_eq!(again.value(&[]), document.value(&[]));

        let mut removed = again;
        prop_assert!(removed.remove(&path).unwrap());
        let parent = at(&before, &path[..path.len() - 1]).unwrap().as_object().unwrap();
        if !parent.is_empty() {
            prop_assert!(is_kept(&lines_of(format, &text), &lines_of(format, &once)), "{}\n-----\n{}", text, once);
            prop_assert_eq!(removed.text(), text, "from {}", once);
        }
    }

    #[test]
    fn any_value_can_be_replaced_and_nothing_else_is(
        (format, text) in document(),
        choice in any::<usize>(),
        value in prop_oneof![mapping(), scalar()],
    ) {
        let mut document = parsed(format, &text);
        let before = document.value(&[]).unwrap();
        let path = some_mapping(&before, choice);
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let Value::Object(mapping) = at(&before, &path).unwrap() else { unreachable!() };
        for key in mapping.keys() {
            let path: Vec<_> = path.iter().copied().chain([key.as_str()]).collect();
            let mut document = parsed(format, &text);
            document.set(&path, &value).unwrap();
            let mut expected = before.clone();
            put(&mut expected, &path, &value);
            prop_assert_eq!(document.value(&[]), Some(expected));
            document.remove(&path).unwrap();
        }
        document.set(&path, &json!({})).unwrap();
    }

    #[test]
    fn strict_json_means_what_it_means_to_serde(value in mapping(), text in "[\\[\\]{}:,\"\\\\ua0-9eE.+\\- \n/*tn]{0,24}") {
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(parsed(Format::Json, &pretty).value(&[]), Some(value));
        let object = format!("{{\"a\": [{text}]}}");
        let (serde, ours) = (serde_json::from_str::<Value>(&object), Document::parse(Format::Json, &object));
        match (serde, ours) {
            (Ok(serde), Ok(ours)) => prop_assert_eq!(ours.value(&[]), Some(serde)),
            (Ok(_), Err(error)) => prop_assert!(matches!(error, NotUnderstood::RepeatedKey { .. }), "{}", error),
            (Err(error), Ok(_)) => prop_assert!(text.contains('/') || text.contains(','), "{}: {}", object, error),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn arbitrary_text_never_panics(
        text in prop_oneof![
            any::<String>(),
            "[\\[\\]{}:,\"'\\\\a-c01.=#\\-?&*!|>% \t\r\n/]{0,60}",
            "([a-c]|: |:|\n| |  |- |\r\n|#|\"|'|\\{|\\}|\\[|\\]|,|/\\*|//|\\*/|&a|\\*a|!t|\\||=|\\.|\\? |---\n|\u{feff}|é){0,40}",
        ],
        format in 0..3_usize,
        key in prop_oneof![Just("a"), Just("b"), Just("m4")],
    ) {
        if let Ok(mut document) = Document::parse(FORMATS[format], &text) {
            prop_assert_eq!(document.text(), text.clone());
            for path in [&[key][..], &["a", key]] {
                if document.set(path, &json!({"x": [1], "y": {}})).is_ok() {
                    let again = parsed(FORMATS[format], &document.text());
                    prop_assert_eq!(again.value(&[]), document.value(&[]));
                }
            }
            let _ = document.remove(&[key]);
        }
    }
}
