//! What the tools answer, on the sample dataset.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use m4_tests::cli::m4;
use m4_tests::server::RawServer;
use serde_json::{Value, json};

use crate::json_schema::assert_valid;
use crate::setup::{
    COUNT_PATIENTS, DEADLINE, FIRST_NOTE, call, empty, every_tool, install, sample_database, sql, start,
    with_sample,
};

#[test]
fn every_structured_answer_is_of_the_tools_output_schema() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let schemas = output_schemas(&mut server);
    let more = [
        ("get_table_info", json!({ "table_name": "patients", "show_sample": false })),
        ("execute_query", json!({ "sql_query": EVERY_TYPE })),
        ("execute_query", json!({ "sql_query": "SELECT * FROM mimiciv_hosp.patients WHERE false" })),
        ("execute_query", json!({ "sql_query": "SELECT * FROM range(5000)" })),
        ("execute_query", json!({ "sql_query": "SUMMARIZE mimiciv_hosp.patients" })),
        ("set_dataset", json!({ "dataset_name": "no-such-dataset" })),
        ("search_notes", json!({ "query": "xylophone" })),
        ("search_notes", json!({ "query": "pneumonia xylophone", "note_type": "radiology", "limit": 1 })),
        ("get_note", json!({ "note_id": FIRST_NOTE, "max_length": 10 })),
        ("list_patient_notes", json!({ "subject_id": 1 })),
        ("query_cohort", json!({})),
        ("query_cohort", json!({ "age_min": 130, "gender": "F", "in_hospital_mortality": true })),
    ];
    for (tool, arguments) in every_tool().into_iter().chain(more) {
        let reply = call(&mut server, tool, arguments);
        assert!(!reply.is_error && !reply.text.is_empty(), "{tool}: {}", reply.text);
        assert_valid(&schemas[tool], &reply.structured);
    }
}

#[test]
fn the_tools_are_those_of_the_python_server_and_read_only() {
    let sandbox = empty();
    let mut server = start(&sandbox);
    let listed = server.request("tools/list", &json!({}), DEADLINE).unwrap();
    let tools = listed["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, every_tool().map(|(name, _)| name));
    let parameters = |tool: &Value| -> Vec<String> {
        tool["inputSchema"]["properties"]
            .as_object()
            .map(|map| map.keys().cloned().collect())
            .unwrap_or_default()
    };
    let expected: [&[&str]; 11] = [
        &[],
        &["dataset"],
        &["table_name", "show_sample", "dataset"],
        &["sql_query", "dataset", "limit"],
        &["query", "note_type", "limit", "snippet_length", "dataset"],
        &["note_id", "max_length", "dataset"],
        &["subject_id", "note_type", "limit", "dataset"],
        &[
            "age_min",
            "age_max",
            "gender",
            "icd_codes",
            "icd_match_all",
            "has_icu_stay",
            "in_hospital_mortality",
            "dataset",
        ],
        &[],
        &[],
        &["dataset_name"],
    ];
    for (tool, expected) in tools.iter().zip(expected) {
        let mut found = parameters(tool);
        let mut expected: Vec<String> = expected.iter().map(|&name| name.to_owned()).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{}", tool["name"]);
        assert_eq!(tool["annotations"]["readOnlyHint"], true);
        assert_eq!(tool["annotations"]["destructiveHint"], false);
    }
}

#[test]
fn list_datasets_says_which_are_set_up_and_that_the_sample_is_synthetic() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let reply = call(&mut server, "list_datasets", json!({}));
    let datasets = reply.structured["datasets"].as_array().unwrap();
    let set_up: Vec<&str> = datasets
        .iter()
        .filter(|dataset| dataset["set_up"] == true)
        .map(|dataset| dataset["name"].as_str().unwrap())
        .collect();
    assert_eq!(set_up, ["mimic-iv-sample"]);
    for name in ["mimic-iv-sample", "mimic-iv-demo", "mimic-iv", "mimic-iv-note", "eicu"] {
        let dataset = datasets.iter().find(|dataset| dataset["name"] == name).unwrap();
        assert_eq!(dataset["synthetic"], name == "mimic-iv-sample");
        assert!(reply.text.contains(name));
    }
    assert!(reply.text.contains("SYNTHETIC"));
    assert!(!reply.text.contains(sandbox.root().to_str().unwrap()), "{}", reply.text);
}

#[test]
fn the_schema_lists_canonical_names_with_their_rows() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let reply = call(&mut server, "get_database_schema", json!({}));
    let tables: BTreeMap<&str, &Value> = reply.structured["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| (table["name"].as_str().unwrap(), &table["rows"]))
        .collect();
    assert_eq!(tables["mimiciv_hosp.patients"], 100);
    for name in ["mimiciv_hosp.admissions", "mimiciv_icu.icustays", "mimiciv_note.discharge"] {
        let counted = sql(&mut server, &format!("SELECT count(*) FROM {name}"));
        assert_eq!(counted.rows()[0][0], *tables[name], "{name}");
    }
}

#[test]
fn table_info_shows_columns_and_a_sample_unless_told_not_to() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let with = call(&mut server, "get_table_info", json!({ "table_name": "mimiciv_hosp.patients" }));
    let first = &with.structured["columns"][0];
    assert_eq!((&first["name"], &first["type"]), (&json!("subject_id"), &json!("INTEGER")));
    assert_eq!(with.structured["sample"].as_array().unwrap().len(), 3);
    assert!(with.text.contains("subject_id INTEGER") && with.text.contains("First rows:"), "{}", with.text);
    let without = call(
        &mut server,
        "get_table_info",
        json!({ "table_name": "mimiciv_hosp.patients", "show_sample": false }),
    );
    assert!(
        without.structured.get("sample").is_none() && !without.text.contains("First rows:"),
        "{}",
        without.text
    );
    assert_eq!(without.structured["columns"], with.structured["columns"]);
    let bare = call(&mut server, "get_table_info", json!({ "table_name": "Patients" }));
    assert_eq!(bare.structured["table"], "mimiciv_hosp.patients");
}

#[test]
fn an_unknown_table_is_answered_with_names_alike() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let reply = call(&mut server, "get_table_info", json!({ "table_name": "mimiciv_icu.icustay" }));
    assert!(
        reply.refusal().starts_with(
            "Error: Table \"mimiciv_icu.icustay\" does not exist in dataset mimic-iv-sample\n\
             Hint: did you mean mimiciv_icu.icustays"
        ),
        "{}",
        reply.text
    );
    for name in
        ["/etc/passwd", "patients'; DROP TABLE x --", "read_csv('/etc/passwd')", "", "duckdb_settings()"]
    {
        let reply = call(&mut server, "get_table_info", json!({ "table_name": name }));
        assert!(reply.refusal().starts_with("Error: Table "), "{name}: {}", reply.text);
    }
}

#[test]
fn a_query_returns_columns_types_and_values() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let reply = sql(&mut server, EVERY_TYPE);
    let columns: Vec<(&str, &str)> = reply.structured["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| (column["name"].as_str().unwrap(), column["type"].as_str().unwrap()))
        .collect();
    assert_eq!(
        columns,
        [
            ("whole", "INTEGER"),
            ("large", "BIGINT"),
            ("real", "DOUBLE"),
            ("exact", "DECIMAL(10,2)"),
            ("text", "VARCHAR"),
            ("yes", "BOOLEAN"),
            ("day", "DATE"),
            ("time", "TIMESTAMP"),
            ("list", "INTEGER[]"),
            ("nothing", "INTEGER"),
        ]
    );
    let row = &reply.rows()[0];
    assert_eq!((&row[0], &row[2], &row[4]), (&json!(7), &json!(0.5), &json!("it's")));
    assert_eq!(row[1], "9223372036854775807", "a number that JSON readers would round is text");
    assert_eq!((&row[5], &row[6]), (&json!(true), &json!("2180-05-06")));
    assert_eq!((&row[8], &row[9]), (&json!([1, 2]), &Value::Null));
    assert_eq!((&reply.structured["row_count"], &reply.structured["truncated"]), (&json!(1), &json!(false)));
    assert_eq!(reply.structured["dataset"], "mimic-iv-sample");
}

#[test]
fn a_limit_cuts_the_rows_and_says_so_and_cannot_raise_the_servers_own() {
    let sandbox = with_sample().with("M4_QUERY_MAX_ROWS", "50");
    let mut server = start(&sandbox);
    let mut run = |query: &str, limit: u32| {
        call(&mut server, "execute_query", json!({ "sql_query": query, "limit": limit }))
    };
    let cut = run("SELECT subject_id FROM mimiciv_hosp.patients ORDER BY 1", 5);
    assert_eq!((cut.rows().len(), &cut.structured["truncated"]), (5, &json!(true)));
    assert!(cut.text.contains("5 rows") && !cut.text.contains("(5 rows)\n"), "{}", cut.text);
    let whole = run("SELECT * FROM range(5)", 5);
    assert_eq!((whole.rows().len(), &whole.structured["truncated"]), (5, &json!(false)));
    assert_eq!(run("SELECT * FROM range(1000)", 500).rows().len(), 50);
}

#[test]
fn ten_million_rows_are_cut_and_said_to_be_in_bounded_memory() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    for query in [
        "SELECT a.range AS n, 'row ' || a.range AS text FROM range(10000000) a",
        "SELECT a.range AS n, 'row ' || a.range AS text FROM range(10000000) a ORDER BY n DESC",
        "SELECT repeat('x', 100000) AS wide FROM range(10000000) a",
    ] {
        let asked = Instant::now();
        let reply = sql(&mut server, query);
        assert!(!reply.rows().is_empty() && reply.rows().len() <= 1000, "{}", reply.rows().len());
        assert_eq!(reply.structured["truncated"], true);
        let last = reply.text.lines().last().unwrap();
        assert!(last.contains("more") || last.contains("cut"), "nothing says that it was cut: {last}");
        assert!(reply.text.len() < 600_000 && reply.structured.to_string().len() < 600_000);
        assert!(asked.elapsed() < DEADLINE);
    }
    #[cfg(target_os = "linux")]
    assert!(peak_memory(&server) < 1 << 30, "{} MiB", peak_memory(&server) >> 20);
}

#[test]
fn an_error_in_a_query_keeps_what_mends_it_and_no_local_path() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let reply = sql(&mut server, "SELECT subject_idd FROM mimiciv_hosp.patients");
    assert!(
        reply.refusal().contains("subject_idd") && reply.text.contains("\"subject_id\""),
        "{}",
        reply.text
    );
    let reply = sql(&mut server, "SELECT * FROM mimiciv_hosp.patient");
    assert!(reply.refusal().contains("patients"), "{}", reply.text);
    let reply = sql(&mut server, "SELECT 'x'::INTEGER");
    assert!(reply.refusal().contains("TRY_CAST"), "{}", reply.text);
    for query in ["SELECT nope", "SELECT * FROM nope", "FROM '/etc/passwd'", "SELEC 1"] {
        let reply = sql(&mut server, query);
        assert!(!reply.refusal().contains(sandbox.root().to_str().unwrap()), "{}", reply.text);
    }
}

/// Where the data came from is an operator's path.
#[test]
fn no_table_holds_a_local_path() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let reply = sql(&mut server, "SELECT * FROM m4_meta.dataset");
    assert!(!reply.rows().is_empty());
    assert!(!reply.text.contains('/') || !reply.text.contains("m4-test"), "{}", reply.text);
}

#[test]
fn set_dataset_explains_what_to_do_instead() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let known = call(&mut server, "set_dataset", json!({ "dataset_name": "mimic-iv-sample" }));
    assert_eq!(known.structured["changed"], false);
    assert!(known.text.contains("dataset=\"mimic-iv-sample\""), "{}", known.text);
    let unknown = call(&mut server, "set_dataset", json!({ "dataset_name": "mimic-iv-demoo" }));
    assert!(unknown.text.contains("did you mean mimic-iv-demo"), "{}", unknown.text);
}

#[test]
fn a_dataset_may_be_left_out_only_when_one_is_set_up() {
    let sandbox = empty();
    let mut server = start(&sandbox);
    assert_eq!(
        sql(&mut server, COUNT_PATIENTS).refusal(),
        "Error: no dataset is set up\nHint: run: m4 init mimic-iv-sample"
    );
    // Set up while the server runs: no restart needed.
    install(&sandbox, &sample_database(), "mimic_iv_sample.duckdb");
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
    install(&sandbox, &sample_database(), "mimic_iv_demo.duckdb");
    assert_eq!(
        sql(&mut server, COUNT_PATIENTS).refusal(),
        "Error: several datasets are set up: mimic-iv-sample, mimic-iv-demo\n\
         Hint: say which with the parameter dataset (or --dataset)"
    );
    let mut named = |dataset: &str| {
        call(&mut server, "execute_query", json!({ "sql_query": COUNT_PATIENTS, "dataset": dataset }))
    };
    assert_eq!(named("mimic-iv-demo").structured["dataset"], "mimic-iv-demo");
    let unknown = named("mimic-iv-dmo");
    assert!(
        unknown.refusal().starts_with("Error: there is no dataset mimic-iv-dmo (did you mean "),
        "{}",
        unknown.text
    );
    assert!(
        unknown.text.contains("\nHint: known datasets: mimic-iv-sample, mimic-iv-demo"),
        "{}",
        unknown.text
    );
    assert!(named("eicu").refusal().starts_with("Error: dataset eicu is not set up\nHint: "));
    for path in ["../x", "/etc/passwd", "a/b", "x.duckdb"] {
        assert!(named(path).is_error, "{path}");
    }
}

#[test]
fn a_database_made_anew_is_used_without_a_restart() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
    let source = sandbox.root().join("source/hosp");
    fs::create_dir_all(&source).unwrap();
    let header = "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod";
    for (rows, count) in
        [("1,F,71,2180,2011 - 2013,\n", 1), ("1,F,71,2180,2011 - 2013,\n2,M,5,2180,2011 - 2013,\n", 2)]
    {
        fs::write(source.join("patients.csv"), format!("{header}\n{rows}")).unwrap();
        let args = ["init", "mimic-iv-demo", "--force", "--src", source.parent().unwrap().to_str().unwrap()];
        let output = m4(&sandbox, args).unwrap();
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        let arguments = json!({ "sql_query": COUNT_PATIENTS, "dataset": "mimic-iv-demo" });
        assert_eq!(call(&mut server, "execute_query", arguments).rows(), &[json!([count])]);
    }
}

#[test]
fn a_damaged_database_is_an_error_that_says_what_to_run() {
    let sandbox = with_sample();
    fs::write(sandbox.data_dir().join("databases/mimic_iv_sample.duckdb"), "this is no database").unwrap();
    let mut server = start(&sandbox);
    let reply = sql(&mut server, COUNT_PATIENTS);
    assert!(reply.refusal().contains("m4 init mimic-iv-sample"), "{}", reply.text);
    assert!(!reply.text.contains(sandbox.root().to_str().unwrap()), "{}", reply.text);
}

const EVERY_TYPE: &str = "SELECT 7 AS whole, 9223372036854775807 AS large, 0.5::DOUBLE AS real, 2.50::DECIMAL(10, 2) AS exact, \
    'it''s' AS text, true AS yes, DATE '2180-05-06' AS day, TIMESTAMP '2180-05-06 07:08:09' AS time, [1, 2] AS list, \
    NULL::INTEGER AS nothing";

fn output_schemas(server: &mut RawServer) -> BTreeMap<String, Value> {
    let listed = server.request("tools/list", &json!({}), DEADLINE).unwrap();
    let tools = listed["result"]["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| (tool["name"].as_str().unwrap().to_owned(), tool["outputSchema"].clone()))
        .collect()
}

/// The most memory the server ever had resident, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory(server: &RawServer) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() * 1024
}
