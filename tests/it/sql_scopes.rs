//! Tables of one dataset in the database of another: whoever reads them needs the scopes of both.

use m4_tests::cli::m4;
use m4_tests::issuer::TokenSpec;
use m4_tests::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::http_setup::{Web, parameter};
use crate::setup::{Guarded, Reply, call, install, issuer, present, sample_database};

const NOTES: &str = "SELECT count(*) FROM mimiciv_note.discharge";
const PATIENTS: &str = "SELECT count(*) FROM mimiciv_hosp.patients";

/// Statements that reach the notes, each by another way.
const WAYS: [&str; 9] = [
    NOTES,
    "WITH x AS (SELECT * FROM MIMICIV_NOTE.Discharge) SELECT 1 FROM x LIMIT 1",
    "SELECT (SELECT max(text) FROM mimic_iv.mimiciv_note.discharge)",
    "SELECT 1 FROM mimiciv_hosp.patients p WHERE EXISTS (FROM mimiciv_note.radiology r WHERE r.subject_id = p.subject_id) LIMIT 1",
    "SUMMARIZE mimiciv_note.discharge",
    "DESCRIBE mimiciv_note.discharge",
    "EXPLAIN SELECT * FROM mimiciv_note.discharge",
    "PIVOT mimiciv_note.discharge ON note_type USING count(*)",
    "SELECT table_name FROM information_schema.tables",
];

/// `mimic-iv` with the notes in its database, which operators guard as `mimic-iv-note`.
fn guarded_notes(sandbox: Sandbox) -> Sandbox {
    install(&sandbox, &sample_database(), "mimic_iv.duckdb");
    sandbox.with("M4_OAUTH2_TOOL_SCOPES", "dataset:mimic-iv-note=read:notes")
}

fn asking(sql: &str) -> Value {
    json!({ "sql_query": sql, "dataset": "mimic-iv" })
}

fn without_notes() -> TokenSpec {
    TokenSpec::new().scope("read:mimic-data")
}

fn with_notes() -> TokenSpec {
    TokenSpec::new().scope("read:mimic-data read:notes")
}

#[test]
fn notes_in_another_database_need_the_scopes_of_the_notes() {
    let mut guarded = Guarded::with(issuer(), guarded_notes);
    guarded.present(&guarded.issuer.mint(without_notes()));
    for way in WAYS {
        let reply = call(&mut guarded.server, "execute_query", asking(way));
        assert!(
            reply.refusal().starts_with("Error: Missing required scopes: read:notes\nHint: "),
            "{way}: {}",
            reply.text
        );
    }
    assert_eq!(call(&mut guarded.server, "execute_query", asking(PATIENTS)).rows(), &[json!([100])]);
    guarded.present(&guarded.issuer.mint(with_notes()));
    for way in WAYS {
        let reply = call(&mut guarded.server, "execute_query", asking(way));
        assert!(!reply.is_error, "{way}: {}", reply.text);
    }
    // Invented notes are not those of mimic-iv-note.
    guarded.present(&guarded.issuer.mint(without_notes()));
    let sample = json!({ "sql_query": NOTES, "dataset": "mimic-iv-sample" });
    assert_eq!(call(&mut guarded.server, "execute_query", sample).rows(), &[json!([155])]);
}

#[test]
fn tables_that_may_not_be_read_are_neither_described_nor_listed() {
    let mut guarded = Guarded::with(issuer(), guarded_notes);
    let listed = |reply: &Reply| -> Vec<String> {
        let tables = reply.structured["tables"].as_array().unwrap();
        tables.iter().map(|table| table["name"].as_str().unwrap().to_owned()).collect()
    };
    let is_note = |name: &String| name.starts_with("mimiciv_note.");
    guarded.present(&guarded.issuer.mint(without_notes()));
    for name in ["mimiciv_note.discharge", "discharge", "radiology_detail"] {
        let asked = json!({ "table_name": name, "show_sample": false, "dataset": "mimic-iv" });
        let reply = call(&mut guarded.server, "get_table_info", asked);
        assert!(reply.refusal().starts_with("Error: Missing required scopes: read:notes"), "{}", reply.text);
    }
    let reply = call(&mut guarded.server, "get_database_schema", json!({ "dataset": "mimic-iv" }));
    assert!(!listed(&reply).iter().any(is_note) && listed(&reply).len() > 25, "{}", reply.text);
    assert_eq!(
        reply.structured["withheld"],
        json!([{ "schema": "mimiciv_note", "reason": "Missing required scopes: read:notes" }])
    );
    assert!(
        reply.text.contains("mimiciv_note is not shown: Missing required scopes: read:notes"),
        "{}",
        reply.text
    );
    guarded.present(&guarded.issuer.mint(with_notes()));
    let reply = call(&mut guarded.server, "get_database_schema", json!({ "dataset": "mimic-iv" }));
    assert_eq!(listed(&reply).iter().filter(|name| is_note(name)).count(), 4);
    assert!(reply.structured.get("withheld").is_none());
}

#[test]
fn the_audit_names_both_datasets_and_the_rate_counts_one_call() {
    let mut guarded = Guarded::with(issuer(), |sandbox| {
        guarded_notes(sandbox)
            .with("M4_OAUTH2_RATE_LIMIT_REQUESTS", "3")
            .with("M4_OAUTH2_RATE_LIMIT_WINDOW", "600")
    });
    guarded.present(&guarded.issuer.mint(with_notes()));
    for _ in 0..3 {
        assert!(!call(&mut guarded.server, "execute_query", asking(NOTES)).is_error);
    }
    let reply = call(&mut guarded.server, "execute_query", asking(NOTES));
    assert!(reply.refusal().starts_with("Error: Rate limit exceeded"), "{}", reply.text);
    guarded.present(&guarded.issuer.mint(without_notes().subject("bob")));
    call(&mut guarded.server, "execute_query", asking(NOTES));
    let log = guarded.server.stderr();
    let lines =
        |parts: [&str; 3]| log.lines().filter(|line| parts.iter().all(|part| line.contains(part))).count();
    assert_eq!(
        lines(["decision=\"admit\"", "dataset=\"mimic-iv-note\"", "tool=\"execute_query\""]),
        3,
        "{log}"
    );
    assert_eq!(
        lines(["decision=\"reject\"", "dataset=\"mimic-iv-note\"", "reason=\"missing_scopes\""]),
        1,
        "{log}"
    );
    assert_eq!(lines(["outcome=\"missing_scopes\"", "dataset=\"mimic-iv\"", "subject=\"bob\""]), 1, "{log}");
}

#[test]
fn over_http_the_challenge_names_the_scope_that_the_statement_turns_out_to_need() {
    let web = Web::with(guarded_notes);
    let (less, more) = (web.issuer.mint(without_notes()), web.issuer.mint(with_notes()));
    for way in WAYS {
        let refused = web.server.call("execute_query", &asking(way)).bearer(&less).send().unwrap();
        assert_eq!(refused.status, 403, "{way}: {}", refused.body);
        assert_eq!(parameter(&refused, "error").as_deref(), Some("insufficient_scope"));
        assert_eq!(parameter(&refused, "scope").as_deref(), Some("read:mimic-data read:notes"), "{way}");
        let answered = web.server.call("execute_query", &asking(way)).bearer(&more).send().unwrap();
        assert_eq!(
            (answered.status, &answered.json()["result"]["isError"]),
            (200, &json!(false)),
            "{way}: {}",
            answered.body
        );
    }
    let table = json!({ "table_name": "mimiciv_note.discharge", "dataset": "mimic-iv" });
    assert_eq!(web.server.call("get_table_info", &table).bearer(&less).send().unwrap().status, 403);
    let session = web.open_session(&less);
    let refused =
        web.server.call("execute_query", &asking(NOTES)).bearer(&less).field("mcp-session-id", &session);
    assert_eq!(refused.send().unwrap().status, 403);
    let answered = web.server.call("execute_query", &asking(PATIENTS)).bearer(&less).send().unwrap();
    assert_eq!(answered.json()["result"]["structuredContent"]["rows"], json!([[100]]));
    // What is wrong with a statement otherwise is told as ever.
    let broken = web.server.call("execute_query", &asking("SELEC 1")).bearer(&less).send().unwrap();
    assert_eq!((broken.status, &broken.json()["result"]["isError"]), (200, &json!(true)));
}

#[test]
fn in_the_terminal_it_is_the_same() {
    let guarded = Guarded::with(issuer(), guarded_notes);
    let count = |spec: TokenSpec| {
        present(&guarded.sandbox, &guarded.issuer.mint(spec));
        m4(&guarded.sandbox, ["query", "--dataset", "mimic-iv", "--sql", NOTES]).unwrap()
    };
    let refused = count(without_notes());
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("Missing required scopes: read:notes"), "{}", refused.stderr);
    assert!(!refused.stdout.contains("155"), "{}", refused.stdout);
    let answered = count(with_notes());
    assert!(
        answered.code == Some(0) && answered.stdout.contains("155"),
        "{} {}",
        answered.stdout,
        answered.stderr
    );
}
