//! `m4 … --json`: one envelope on stdout whatever happens, of the published shape, without paths of this machine.

use std::fs;
use std::path::Path;

use m4_tests::cli::{Output, m4};
use m4_tests::issuer::TokenSpec;
use m4_tests::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::json_schema::assert_valid;
use crate::setup::{COUNT_PATIENTS, empty, issuer, present, protected, with_sample};

fn published() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas/m4-cli.schema.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Runs a command with `--json` and checks what every such answer has in common.
#[track_caller]
fn answer(sandbox: &Sandbox, line: &[&str], code: i32) -> Value {
    let words = line.iter().copied().chain(["--json"]);
    let output = m4(sandbox, words).unwrap();
    assert_eq!(output.code, Some(code), "{line:?}\n{}\n{}", output.stdout, output.stderr);
    let envelope = output.envelope();
    assert_valid(&published(), &envelope);
    assert_eq!(envelope["error"].is_null(), code == 0, "{envelope}");
    is_without_paths(sandbox, &output);
    envelope
}

#[track_caller]
fn is_without_paths(sandbox: &Sandbox, output: &Output) {
    let root = sandbox.root().to_str().unwrap();
    assert!(!output.stdout.contains(root), "{}", output.stdout);
    assert!(!output.stdout.contains(env!("CARGO_MANIFEST_DIR")), "{}", output.stdout);
}

#[track_caller]
fn fails(sandbox: &Sandbox, line: &[&str], exit: i32, code: &str) -> Value {
    let envelope = answer(sandbox, line, exit);
    assert_eq!(envelope["error"]["code"], code, "{line:?}: {envelope}");
    assert!(!envelope["error"]["message"].as_str().unwrap().is_empty(), "{envelope}");
    envelope
}

#[test]
fn every_data_command_answers_in_the_published_shape() {
    let sandbox = with_sample();
    for (command, line) in [
        ("query", &["query", COUNT_PATIENTS][..]),
        ("query", &["query", "--sql", COUNT_PATIENTS, "--backend", "duckdb", "--no-interactive"]),
        ("schema", &["schema", "--dataset", "mimic-iv-sample"]),
        ("describe-table", &["describe-table", "mimiciv_hosp.patients"]),
        ("describe-table", &["describe-table", "patients", "--no-sample"]),
        ("list-datasets", &["list-datasets"]),
        ("list-datasets", &["list-datasets", "--dataset", "eicu"]),
        ("capabilities", &["capabilities"]),
        ("status", &["status"]),
        ("status", &["status", "--all"]),
        ("status", &["status", "--dataset", "mimic-iv-sample", "--backend", "duckdb"]),
        ("doctor", &["doctor"]),
        ("backend", &["backend"]),
        ("backend", &["backend", "duckdb"]),
        ("config show", &["config", "show"]),
        ("keys create", &["keys", "create", "ci"]),
        ("keys list", &["keys", "list"]),
        ("keys revoke", &["keys", "revoke", "ci"]),
        ("init", &["init", "mimic-iv-sample"]),
        ("remove-dataset", &["remove-dataset", "eicu"]),
        ("logout", &["logout"]),
    ] {
        assert_eq!(answer(&sandbox, line, 0)["command"], command, "{line:?}");
    }
}

#[test]
fn answers_hold_what_was_asked_for() {
    let sandbox = with_sample();
    let data = |line: &[&str]| answer(&sandbox, line, 0)["data"].clone();
    assert_eq!(data(&["query", COUNT_PATIENTS])["rows"], json!([[100]]));
    let schema = data(&["schema"]);
    let names = schema["tables"].as_array().unwrap().iter().map(|table| table["name"].as_str().unwrap());
    let tables = names.filter(|name| !name.starts_with("m4_")).count();
    assert!(tables > 30, "{tables}");
    let described = data(&["describe-table", "patients"]);
    assert_eq!(described["table"], "mimiciv_hosp.patients");
    assert_eq!(described["sample"].as_array().unwrap().len(), 3);
    assert!(data(&["describe-table", "patients", "--no-sample"]).get("sample").is_none());
    assert_eq!(data(&["list-datasets", "--dataset", "eicu"])["datasets"].as_array().unwrap().len(), 1);
    let status = data(&["status", "--all"]);
    let sample = &status["datasets"][0];
    assert_eq!((&sample["name"], &sample["inside"]["rejected_rows"]), (&json!("mimic-iv-sample"), &json!(0)));
    assert_eq!(sample["inside"]["tables"], tables);
    assert!(sample["inside"]["created_by"].as_str().unwrap().starts_with("m4 "), "{sample}");
    assert!(data(&["status"])["datasets"][0].get("inside").is_none());
    assert_eq!(data(&["status", "--dataset", "eicu"])["datasets"].as_array().unwrap().len(), 1);
}

#[test]
fn every_failure_has_a_code_that_scripts_can_rely_on() {
    let sandbox = with_sample();
    for (line, exit, code) in [
        (&["query", "SELECT nope"][..], 1, "query_failed"),
        (&["query", "DROP TABLE x"], 1, "refused_by_policy"),
        (&["query", "SELECT 1", "--dataset", "nope"], 1, "unknown_dataset"),
        (&["query", "SELECT 1", "--dataset", "../x"], 1, "invalid_name"),
        (&["query", "SELECT 1", "--dataset", "eicu"], 1, "dataset_not_set_up"),
        (&["query", "SELECT 1", "--backend", "bigquery"], 1, "backend_unavailable"),
        (&["query", "SELECT 1", "--backend", "postgres"], 2, "usage"),
        (&["query"], 2, "usage"),
        (&["query", " "], 2, "usage"),
        (&["query", "SELECT 1", "--limit", "0"], 2, "usage"),
        (&["describe-table", "nope"], 1, "unknown_table"),
        (&["describe-table"], 2, "usage"),
        (&["schema", "--dataset", "eicu"], 1, "dataset_not_set_up"),
        (&["list-datasets", "--dataset", "nope"], 1, "unknown_dataset"),
        (&["status", "--dataset", "nope"], 1, "unknown_dataset"),
        (&["remove-dataset", "nope", "--yes"], 1, "unknown_dataset"),
        (&["remove-dataset", "mimic-iv-sample"], 1, "not_confirmed"),
        (&["remove-dataset", "mimic-iv-sample", "--definition", "--yes"], 1, "usage"),
        (&["define-dataset", "mimic-iv", "--src", "."], 1, "exists"),
        (&["define-dataset", "Mine", "--src", "."], 1, "invalid_name"),
        (&["define-dataset", "mine", "--src", "no/such/folder"], 1, "io"),
        (&["keys", "revoke", "nope"], 1, "io"),
        (&["auth", "check"], 1, "oauth2_off"),
        (&["auth", "keys"], 1, "oauth2_off"),
        (&["auth", "status"], 1, "not_logged_in"),
        (&["whoami"], 1, "oauth2_off"),
        (&["login"], 2, "usage"),
        (&["config", "show", "--nope"], 2, "usage"),
        (&["backend", "duckdb", "--project-id", "p"], 2, "usage"),
    ] {
        fails(&sandbox, line, exit, code);
    }
    fails(&empty(), &["query", "SELECT 1"], 1, "no_dataset");
    let misconfigured = with_sample().with("M4_OAUTH2_ENABLED", "true");
    fails(&misconfigured, &["query", "SELECT 1"], 1, "misconfigured");
    assert!(fails(&misconfigured, &["doctor"], 1, "needs_mending")["data"].is_array());
    // What names no command that answers in JSON is told in words.
    let words = m4(&sandbox, ["nope", "--json"]).unwrap();
    assert_eq!((words.code, words.stdout.as_str()), (Some(2), ""));
}

#[test]
fn a_refusal_of_the_gate_is_told_by_the_word_of_the_audit_log() {
    let issuer = issuer();
    let sandbox = protected(with_sample(), &issuer);
    let commands = [
        &["query", COUNT_PATIENTS][..],
        &["schema"],
        &["describe-table", "patients"],
        &["list-datasets"],
        &["capabilities"],
    ];
    for line in commands {
        fails(&sandbox, line, 1, "no_credential");
    }
    for (spec, code) in [
        (TokenSpec::new().audience("other-api"), "wrong_audience"),
        (TokenSpec::new().scope("nothing"), "missing_scopes"),
    ] {
        present(&sandbox, &issuer.mint(spec));
        for line in commands {
            assert!(fails(&sandbox, line, 1, code).get("data").is_none());
        }
        let checked = fails(&sandbox, &["auth", "check"], 1, code);
        assert_eq!(checked["data"]["verdict"], "refused");
        // What is inside a database is data.
        let status = answer(&sandbox, &["status", "--all"], 0);
        assert!(status["warnings"].to_string().contains("rows cannot be counted"), "{status}");
        assert!(!status["data"].to_string().contains("created_by"), "{status}");
    }
    present(&sandbox, &issuer.mint(TokenSpec::new()));
    for line in commands {
        answer(&sandbox, line, 0);
    }
    for line in [&["auth", "check"][..], &["auth", "keys"], &["auth", "status"], &["whoami"]] {
        answer(&sandbox, line, 0);
    }
}

#[test]
fn paths_are_shown_on_request_alone() {
    let sandbox = with_sample().with("M4_OAUTH2_TOKEN_FILE", "/secret place/token");
    let sandbox = sandbox.clone().with("M4_API_KEYS_FILE", sandbox.root().join("keys.json"));
    let data_dir = sandbox.data_dir();
    let data_dir = data_dir.to_str().unwrap();
    for line in [&["doctor"][..], &["config", "show"], &["status"], &["auth", "status"]] {
        let hidden = m4(&sandbox, line).unwrap();
        is_without_paths(&sandbox, &hidden);
        assert!(!hidden.stdout.contains("/secret place"), "{}", hidden.stdout);
    }
    for line in
        [&["doctor", "--paths"][..], &["config", "show", "--paths"], &["--paths", "config", "show", "--json"]]
    {
        let shown = m4(&sandbox, line).unwrap();
        assert!(shown.stdout.contains(data_dir), "{line:?}: {}", shown.stdout);
    }
    // Errors are for whoever sits there; in JSON they go further.
    let line = ["define-dataset", "mine", "--src", "/no/such/folder"];
    assert!(m4(&sandbox, line).unwrap().stderr.contains("/no/such/folder"));
    let envelope = fails(&sandbox, &line, 1, "io");
    assert!(
        envelope["error"]["message"].as_str().unwrap().starts_with("<path> cannot be read"),
        "{envelope}"
    );
}

#[test]
fn warnings_are_in_the_envelope_and_nothing_else_is_on_stderr() {
    let sandbox = with_sample().with("M3_BACKEND", "duckdb");
    let output = m4(&sandbox, ["query", COUNT_PATIENTS, "--json"]).unwrap();
    assert_eq!(output.stderr, "");
    assert!(output.envelope()["warnings"].to_string().contains("M3_BACKEND"), "{}", output.stdout);
    let words = m4(&sandbox, ["query", COUNT_PATIENTS]).unwrap();
    assert!(words.stderr.starts_with("warning: "), "{}", words.stderr);
}
