//! The tools for notes, on the sample dataset and on the notes derived from the real demo.

use std::fs;
use std::path::PathBuf;

use m4_tests::cli::m4;
use m4_tests::issuer::TokenSpec;
use m4_tests::server::RawServer;
use serde_json::{Value, json};

use crate::setup::{
    FIRST_NOTE, FIRST_PATIENT, Guarded, Reply, call, empty, install, issuer, sample_database, skip, sql,
    start, with_patients_alone, with_sample,
};

fn search(server: &mut RawServer, query: &str) -> Reply {
    call(server, "search_notes", json!({ "query": query }))
}

/// `(matches, ids)` of a type of note.
fn section(reply: &Reply, note_type: &str) -> (u64, Vec<String>) {
    assert!(!reply.is_error, "{}", reply.text);
    let sections = reply.structured["note_types"].as_array().unwrap();
    let section = sections.iter().find(|section| section["note_type"] == note_type).unwrap();
    let ids = section["results"].as_array().unwrap().iter();
    (
        section["matches"].as_u64().unwrap(),
        ids.map(|hit| hit["note_id"].as_str().unwrap().to_owned()).collect(),
    )
}

#[test]
fn a_search_finds_what_sql_finds_and_shows_where() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let reply = search(&mut server, "pneumonia");
    for kind in ["discharge", "radiology"] {
        let count = sql(
            &mut server,
            &format!(
                "SELECT count(*) FROM mimiciv_note.{kind} WHERE regexp_matches(lower(text), '\\bpneumonia\\b')"
            ),
        );
        let (matches, ids) = section(&reply, kind);
        assert_eq!(json!(matches), count.rows()[0][0], "{kind}");
        assert_eq!(ids.len() as u64, matches.min(5), "{kind}");
    }
    assert_eq!((&reply.structured["indexed"], &reply.structured["matching"]), (&json!(true), &json!("all")));
    let hit = &reply.structured["note_types"][0]["results"][0];
    let snippet = hit["snippet"].as_str().unwrap().to_lowercase();
    assert!(snippet.contains("**pneumonia**"), "{snippet}");
    assert!(snippet.chars().count() <= 300 + 60, "{snippet}");
    assert!(reply.text.to_lowercase().contains("**pneumonia**") && reply.text.contains("get_note"));
    let scores: Vec<f64> = reply.structured["note_types"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["score"].as_f64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b) && scores[0] > 0.0, "{scores:?}");
}

#[test]
fn type_limit_and_snippet_length_are_obeyed_and_a_cut_is_said() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let arguments = json!({ "query": "the", "note_type": "Discharge", "limit": 2, "snippet_length": 20 });
    let reply = call(&mut server, "search_notes", arguments);
    assert_eq!(reply.structured["note_types"].as_array().unwrap().len(), 1);
    let (matches, ids) = section(&reply, "discharge");
    assert!(matches > 2 && ids.len() == 2 && reply.structured["truncated"] == true, "{}", reply.text);
    assert!(reply.text.contains("best 2 shown") && reply.text.contains("raise limit"), "{}", reply.text);
    for hit in reply.structured["note_types"][0]["results"].as_array().unwrap() {
        let bare = hit["snippet"].as_str().unwrap().replace(['*', '…'], "");
        assert!(bare.chars().count() <= 20, "{bare}");
    }
    let both =
        call(&mut server, "search_notes", json!({ "query": "the", "limit": 100, "snippet_length": 10_000 }));
    assert!(both.text.len() + both.structured.to_string().len() < 2 << 20, "an answer without bounds");
}

#[test]
fn phrases_exclusions_and_parts_mean_what_they_say() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let all = section(&search(&mut server, "synthetic note"), "discharge").0;
    assert_eq!(section(&search(&mut server, "\"synthetic note\""), "discharge").0, all);
    assert_eq!(section(&search(&mut server, "\"note synthetic\""), "discharge").0, 0);
    let (with, without) =
        (search(&mut server, "synthetic pneumonia"), search(&mut server, "synthetic -pneumonia"));
    assert_eq!(section(&with, "discharge").0 + section(&without, "discharge").0, all);
    let part = search(&mut server, "pneumonia xylophone");
    assert_eq!(part.structured["matching"], "any");
    assert!(
        part.text.starts_with("No note has everything") && part.text.contains("xylophone 0"),
        "{}",
        part.text
    );
    let none = search(&mut server, "xylophone");
    assert!(!none.is_error && none.text.contains("nothing fits"), "{}", none.text);
}

#[test]
fn hostile_and_wrong_arguments_are_values_or_refused_and_never_an_internal_error() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    for query in [
        "pneumonia'; DROP TABLE mimiciv_note.discharge; --",
        "\"' OR '1'='1",
        "%' UNION SELECT * FROM mimiciv_hosp.patients --",
        "\\ \u{0} \u{202e} ünïcödé 東京 🩺",
        "(((((( AND OR NOT \" * -",
        "a\u{0}b",
    ] {
        let reply = search(&mut server, query);
        assert!(
            !reply.text.contains("inside the server") && !reply.text.contains("Parser"),
            "{query}: {}",
            reply.text
        );
    }
    let long = "x".repeat(1 << 20);
    for (arguments, words) in [
        (json!({ "query": long }), "longer than 1000 characters"),
        (json!({ "query": "" }), "no word to look for"),
        (json!({ "query": "-fever" }), "no word to look for"),
        (json!({ "query": "a ".repeat(40) }), "40 words"),
        (json!({ "query": "a", "limit": 0 }), "limit is a number from 1 to 100, not 0"),
        (json!({ "query": "a", "limit": -5 }), "limit is a number from 1 to 100"),
        (json!({ "query": "a", "limit": i64::MAX }), "limit is a number from 1 to 100"),
        (json!({ "query": "a", "limit": 1e30 }), "invalid type"),
        (json!({ "query": "a", "snippet_length": 0 }), "snippet_length is a number from 1 to 10000"),
        (json!({ "query": "a", "snippet_length": 10_001 }), "snippet_length is a number from 1 to 10000"),
        (json!({ "query": "a", "note_type": "x' OR 1=1" }), "note_type is discharge, radiology or all"),
        (json!({ "query": ["a"] }), "expected a string"),
    ] {
        let reply = call(&mut server, "search_notes", arguments);
        assert!(reply.refusal().contains(words), "{words}: {}", reply.text);
        assert!(reply.text.len() < 1_000);
    }
    assert!(section(&search(&mut server, "pneumonia"), "discharge").0 > 0, "the notes are still there");
}

#[test]
fn a_note_comes_whole_or_cut_and_says_how_to_get_the_rest() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let whole = call(&mut server, "get_note", json!({ "note_id": FIRST_NOTE }));
    let text = whole.structured["text"].as_str().unwrap();
    assert_eq!(whole.structured["note_length"], text.chars().count());
    assert_eq!(
        (&whole.structured["truncated"], &whole.structured["subject_id"]),
        (&json!(false), &json!(FIRST_PATIENT))
    );
    let cut = call(&mut server, "get_note", json!({ "note_id": FIRST_NOTE, "max_length": 40 }));
    assert_eq!(cut.structured["text"], text.chars().take(40).collect::<String>());
    assert_eq!(
        (&cut.structured["truncated"], &cut.structured["note_length"]),
        (&json!(true), &whole.structured["note_length"])
    );
    let advice = cut.text.split("execute_query ").nth(1).unwrap().strip_suffix(')').unwrap();
    let rest = sql(&mut server, advice);
    let expected: String = text.chars().skip(40).take(40).collect();
    assert_eq!(rest.rows()[0][0], expected, "{advice}");
}

#[test]
fn a_long_note_is_cut_at_the_servers_own_limit() {
    let sandbox = with_sample().with("M4_QUERY_MAX_BYTES", "1024");
    let mut server = start(&sandbox);
    let ids =
        sql(&mut server, "SELECT note_id FROM mimiciv_note.discharge ORDER BY length(text) DESC LIMIT 1");
    let reply = call(&mut server, "get_note", json!({ "note_id": ids.rows()[0][0] }));
    let (shown, length) =
        (reply.structured["text"].as_str().unwrap().len(), reply.structured["note_length"].as_u64().unwrap());
    assert_eq!(reply.structured["truncated"], length > 1024);
    assert!(shown <= 1024, "{shown}");
}

#[test]
fn a_note_that_is_not_there_is_said_not_to_be() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    for id in ["1-DS-1", "x' OR '1'='1", "%", "10000000-DS-1; SELECT 1", "\u{0}", "ü"] {
        let reply = call(&mut server, "get_note", json!({ "note_id": id }));
        assert!(
            reply.refusal().contains("there is no note") || reply.text.contains("note_id is"),
            "{id}: {}",
            reply.text
        );
        assert!(reply.text.contains("Hint") || reply.text.contains("note_id is"), "{}", reply.text);
    }
    for (arguments, words) in [
        (json!({ "note_id": " " }), "note_id is the id"),
        (json!({ "note_id": "x".repeat(1 << 20) }), "note_id is the id"),
        (json!({ "note_id": "x", "max_length": 0 }), "max_length is a number from 1 to 200000"),
        (json!({ "note_id": "x", "max_length": 200_001 }), "max_length is a number"),
    ] {
        let reply = call(&mut server, "get_note", arguments);
        assert!(reply.refusal().contains(words), "{}", reply.text);
    }
}

#[test]
fn the_notes_of_a_patient_are_listed_by_time_without_their_text() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let busiest = sql(
        &mut server,
        "SELECT subject_id, count(*) AS n FROM mimiciv_note.discharge GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1",
    );
    let (subject, count) = (busiest.rows()[0][0].clone(), busiest.rows()[0][1].as_u64().unwrap());
    assert!(count > 1);
    let reply = call(&mut server, "list_patient_notes", json!({ "subject_id": subject }));
    let listed = &reply.structured["note_types"][0];
    let times: Vec<&str> =
        listed["notes"].as_array().unwrap().iter().map(|note| note["charttime"].as_str().unwrap()).collect();
    assert_eq!((times.len() as u64, &listed["total"]), (count, &json!(count)));
    assert!(times.is_sorted(), "{times:?}");
    for note in listed["notes"].as_array().unwrap() {
        assert!(note["preview"].as_str().unwrap().chars().count() <= 100);
    }
    let cut = call(
        &mut server,
        "list_patient_notes",
        json!({ "subject_id": subject, "note_type": "discharge", "limit": 1 }),
    );
    assert_eq!(
        (&cut.structured["truncated"], cut.structured["note_types"].as_array().unwrap().len()),
        (&json!(true), 1)
    );
    assert!(cut.text.contains("there are more"), "{}", cut.text);
    let nobody = call(&mut server, "list_patient_notes", json!({ "subject_id": 1 }));
    assert!(!nobody.is_error && nobody.text.contains("no notes"), "{}", nobody.text);
    for wrong in [json!(0), json!(-1), json!(10_000_000_000_i64), json!("1 OR 1=1"), json!(1.5)] {
        assert!(call(&mut server, "list_patient_notes", json!({ "subject_id": wrong })).is_error, "{wrong}");
    }
}

#[test]
fn each_tool_for_notes_needs_its_own_scopes() {
    let mut guarded = Guarded::with(issuer(), |sandbox| {
        sandbox.with(
            "M4_OAUTH2_TOOL_SCOPES",
            "search_notes=read:notes;get_note=read:notes;list_patient_notes=read:notes;query_cohort=read:cohorts",
        )
    });
    let tools = [
        ("search_notes", json!({ "query": "pneumonia" }), "read:notes"),
        ("get_note", json!({ "note_id": FIRST_NOTE }), "read:notes"),
        ("list_patient_notes", json!({ "subject_id": FIRST_PATIENT }), "read:notes"),
        ("query_cohort", json!({}), "read:cohorts"),
    ];
    guarded.present(&guarded.issuer.mint(TokenSpec::new()));
    for (tool, arguments, scope) in &tools {
        let reply = call(&mut guarded.server, tool, arguments.clone());
        assert!(
            reply.refusal().contains(&format!("Missing required scopes: {scope}")),
            "{tool}: {}",
            reply.text
        );
    }
    guarded.present(&guarded.issuer.mint(TokenSpec::new().scope("read:mimic-data read:notes read:cohorts")));
    for (tool, arguments, _) in &tools {
        let reply = call(&mut guarded.server, tool, arguments.clone());
        assert!(!reply.is_error, "{tool}: {}", reply.text);
    }
}

#[test]
fn the_index_is_in_no_list_of_tables() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let tables = call(&mut server, "get_database_schema", json!({}));
    assert!(!tables.text.contains("m4_notes") && !tables.text.contains("m4_meta"), "{}", tables.text);
    let table = call(&mut server, "get_table_info", json!({ "table_name": "m4_notes.discharge_words" }));
    assert!(table.refusal().contains("does not exist"), "{}", table.text);
}

#[test]
fn a_dataset_without_notes_says_which_have_some() {
    let sandbox = with_patients_alone();
    let mut server = start(&sandbox);
    for (tool, arguments) in [
        ("search_notes", json!({ "query": "a" })),
        ("get_note", json!({ "note_id": "a" })),
        ("list_patient_notes", json!({ "subject_id": 1 })),
    ] {
        let reply = call(&mut server, tool, arguments);
        assert!(
            reply.refusal().contains("mimic-iv-demo, which has no mimiciv_note")
                && reply.text.contains("list_datasets"),
            "{tool}: {}",
            reply.text
        );
    }
}

#[test]
fn the_notes_derived_from_the_real_demo_are_searched() {
    let Some(notes) = derived_notes() else {
        return skip("M4_TEST_DATA is not set: searching the derived notes");
    };
    let sandbox = empty();
    let datasets = sandbox.data_dir().join("datasets");
    fs::create_dir_all(&datasets).unwrap();
    let definition: Value =
        json!({ "name": "derived", "schema_mapping": { "note": "mimiciv_note" }, "modalities": ["NOTES"] });
    fs::write(datasets.join("derived.json"), definition.to_string()).unwrap();
    let output = m4(&sandbox, ["init", "derived", "--src", notes.to_str().unwrap()]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let mut server = start(&sandbox);
    let reply = search(&mut server, "\"hepatitis c\" -xylophone");
    let counted = sql(
        &mut server,
        "SELECT count(*) FROM mimiciv_note.discharge WHERE regexp_matches(lower(text), '\\bhepatitis\\W+c\\b')",
    );
    assert_eq!(json!(section(&reply, "discharge").0), counted.rows()[0][0]);
    assert!(section(&reply, "discharge").0 > 0 && reply.structured["note_types"][0]["notes"] == 275);
    let note = call(&mut server, "get_note", json!({ "note_id": "10000032-DS-2" }));
    assert!(note.text.contains("Portal hypertension"), "{}", note.text);
}

#[expect(clippy::disallowed_methods, reason = "tests find the demo through the environment")]
fn derived_notes() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("M4_TEST_DATA")?).join("mimic-iv-demo-derived");
    folder.join("note").is_dir().then_some(folder)
}

/// The notes in another dataset's database are still those of `mimic-iv-note`, and so is the index, which is made of them.
#[test]
fn notes_and_their_index_need_the_scopes_of_the_dataset_they_are_of() {
    let mut guarded = Guarded::with(issuer(), |sandbox| {
        install(&sandbox, &sample_database(), "mimic_iv_demo.duckdb");
        sandbox.with("M4_OAUTH2_TOOL_SCOPES", "dataset:mimic-iv-note=read:notes")
    });
    let demo = "mimic-iv-demo";
    let index = "SELECT word FROM m4_notes.discharge_words LIMIT 1";
    let calls = [
        ("search_notes", json!({ "query": "pneumonia", "dataset": demo })),
        ("get_note", json!({ "note_id": FIRST_NOTE, "dataset": demo })),
        ("list_patient_notes", json!({ "subject_id": FIRST_PATIENT, "dataset": demo })),
        ("execute_query", json!({ "sql_query": index, "dataset": demo })),
    ];
    guarded.present(&guarded.issuer.mint(TokenSpec::new()));
    for (tool, arguments) in &calls {
        let reply = call(&mut guarded.server, tool, arguments.clone());
        assert!(reply.refusal().contains("Missing required scopes: read:notes"), "{tool}: {}", reply.text);
    }
    let cohort = call(&mut guarded.server, "query_cohort", json!({ "dataset": demo }));
    assert!(!cohort.is_error, "{}", cohort.text);
    guarded.present(&guarded.issuer.mint(TokenSpec::new().scope("read:mimic-data read:notes")));
    for (tool, arguments) in &calls {
        let reply = call(&mut guarded.server, tool, arguments.clone());
        assert!(!reply.is_error, "{tool}: {}", reply.text);
    }
}
