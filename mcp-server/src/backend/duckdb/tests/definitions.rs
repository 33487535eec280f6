//! Databases made elsewhere: what their views, macros and generated columns do is found out, and refused where a query
//! could not do it either.

use std::sync::{Arc, Mutex};

use auth_core::rejection::Rejection;

use super::*;
use crate::dataset::Reach;

const FOREIGN: &str = "
    CREATE SCHEMA mimiciv_hosp; CREATE SCHEMA mimiciv_note;
    CREATE TABLE mimiciv_hosp.patients AS SELECT 1 AS subject_id;
    CREATE TABLE mimiciv_note.discharge AS SELECT 1 AS subject_id, 'a secret' AS text;
    CREATE VIEW patients_twice AS SELECT * FROM mimiciv_hosp.patients UNION ALL SELECT * FROM mimiciv_hosp.patients;
    CREATE VIEW all_notes AS SELECT * FROM mimiciv_note.discharge;
    CREATE VIEW mimiciv_hosp.innocent AS SELECT subject_id, (SELECT max(text) FROM all_notes) AS hint FROM mimiciv_hosp.patients;
    CREATE MACRO twice(x) AS x * 2;
    CREATE MACRO or_default(x, y := current_setting('temp_directory')) AS coalesce(x, y);
    CREATE MACRO text_of(id) AS (SELECT max(text) FROM mimiciv_note.discharge WHERE subject_id = id);
    CREATE MACRO notes_of(id) AS TABLE SELECT * FROM mimiciv_note.discharge WHERE subject_id = id;
    CREATE MACRO telling() AS current_setting('temp_directory');
    CREATE MACRO through() AS telling();
    CREATE VIEW telling_view AS SELECT telling();
    CREATE VIEW settings_view AS SELECT * FROM duckdb_settings();
    CREATE TABLE generated_well (a INTEGER, b INTEGER GENERATED ALWAYS AS (a + 1));
    CREATE TABLE generated_ill (a INTEGER, b VARCHAR GENERATED ALWAYS AS (current_setting('temp_directory')));
    INSERT INTO generated_well (a) VALUES (1); INSERT INTO generated_ill (a) VALUES (1);";

/// The dataset for a caller who may read no notes, and what was asked about.
fn without_notes(fixture: &Fixture) -> (Dataset, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let record = asked.clone();
    let reach = Reach::decided_by(move |schema| {
        record.lock().unwrap().push(schema.to_owned());
        if schema == "mimiciv_note" { Err(Rejection::MissingToken) } else { Ok(()) }
    });
    (Dataset { reach, ..fixture.dataset() }, asked)
}

#[tokio::test]
async fn what_a_database_defines_may_be_used_where_a_query_could_do_the_same() {
    let fixture = Fixture::with(FOREIGN);
    for (sql, expected) in [
        ("SELECT count(*) FROM patients_twice", "2"),
        ("SELECT TWICE(21)", "42"),
        ("SELECT main.twice(21)", "42"),
        ("SELECT or_default(1, 2)", "1"),
        ("SELECT text FROM notes_of(1)", "a secret"),
        ("SELECT text_of(1)", "a secret"),
        ("SELECT hint FROM mimiciv_hosp.innocent", "a secret"),
        ("SELECT b FROM generated_well", "2"),
    ] {
        let result = query(&fixture, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(result.rows[0][0].to_string(), expected, "{sql}");
    }
}

#[tokio::test]
async fn what_a_database_defines_opens_nothing_that_a_query_could_not() {
    let fixture = Fixture::with(FOREIGN);
    for sql in [
        "SELECT telling()",
        "SELECT through()",
        "SELECT or_default(NULL)",
        "SELECT or_default(x := NULL)",
        "FROM telling_view",
        "FROM settings_view",
        "SELECT a FROM generated_ill",
        "SELECT 1 WHERE EXISTS (FROM telling_view)",
        "WITH x AS (FROM settings_view) SELECT 1 FROM x",
        "SUMMARIZE telling_view",
        "DESCRIBE settings_view",
        "EXPLAIN ANALYZE FROM telling_view",
        "PIVOT telling_view ON a",
        "SELECT no_such_macro(1)",
    ] {
        let outcome = query(&fixture, sql).await;
        assert!(matches!(outcome, Err(QueryError::Refused(_))), "{sql}: {outcome:?}");
    }
    for table in ["telling_view", "generated_ill"] {
        let outcome = DuckDb::default().table(&fixture.dataset(), table, &rows(1)).await;
        assert!(matches!(outcome, Err(QueryError::Refused(_))), "{table}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_definition_in_place_of_the_engines_own_closes_the_database() {
    for definition in [
        "CREATE MACRO upper(x) AS (SELECT max(text) FROM mimiciv_note.discharge)",
        "CREATE MACRO mimiciv_note.upper(x) AS 'never called'",
        "CREATE MACRO array_extract(a, b) AS 'used where nothing is called'",
        "CREATE MACRO duckdb_tables() AS TABLE SELECT 1",
        "CREATE VIEW duckdb_columns AS SELECT * FROM mimiciv_note.discharge",
        "CREATE TABLE pg_class AS SELECT 1 AS a",
    ] {
        let fixture = Fixture::with(&format!("{FOREIGN} {definition};"));
        for sql in ["SELECT upper('a')", "SELECT 1", "FROM duckdb_tables", "FROM mimiciv_hosp.patients"] {
            let outcome = query(&fixture, sql).await;
            assert!(
                matches!(outcome, Err(QueryError::Refused(Refusal::Hides { .. }))),
                "{definition}; {sql}: {outcome:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_caller_reads_no_schema_out_of_reach_by_whatever_way() {
    let fixture = Fixture::with(FOREIGN);
    let backend = DuckDb::default();
    for sql in [
        "SELECT * FROM mimiciv_note.discharge",
        "SELECT * FROM MIMICIV_NOTE.\"Discharge\"",
        "SELECT * FROM hospital.mimiciv_note.discharge",
        "SELECT 1 WHERE EXISTS (FROM mimiciv_note.discharge)",
        "WITH x AS (FROM mimiciv_note.discharge) SELECT 1 FROM x",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r, mimiciv_note.discharge WHERE n < 2) FROM r",
        "SELECT (SELECT text FROM mimiciv_note.discharge)",
        "SELECT * FROM mimiciv_hosp.patients p, LATERAL (SELECT text FROM mimiciv_note.discharge d WHERE d.subject_id = p.subject_id)",
        "SELECT 1 ORDER BY (SELECT text FROM mimiciv_note.discharge)",
        "PIVOT mimiciv_note.discharge ON text",
        "SUMMARIZE mimiciv_note.discharge",
        "DESCRIBE mimiciv_note.discharge",
        "EXPLAIN SELECT * FROM mimiciv_note.discharge",
        "EXPLAIN ANALYZE SELECT * FROM mimiciv_note.discharge",
        "TABLE mimiciv_note.discharge",
        "FROM all_notes",
        "FROM mimiciv_hosp.innocent",
        "SELECT text_of(1)",
        "FROM notes_of(1)",
        "SHOW ALL TABLES",
        "FROM duckdb_columns()",
        "SELECT table_name FROM information_schema.tables",
    ] {
        let (dataset, _) = without_notes(&fixture);
        for outcome in [
            backend.query(&dataset, sql, &limits()).await.map(|_| ()),
            backend.inspect(&dataset, sql, &limits()).await,
        ] {
            assert_eq!(outcome, Err(QueryError::Rejected(Rejection::MissingToken)), "{sql}");
        }
    }
    let (dataset, asked) = without_notes(&fixture);
    for sql in ["SELECT count(*) FROM mimiciv_hosp.patients", "FROM patients_twice", "SELECT twice(1)"] {
        backend.query(&dataset, sql, &limits()).await.unwrap();
        backend.inspect(&dataset, sql, &limits()).await.unwrap();
    }
    assert_eq!(*asked.lock().unwrap(), ["mimiciv_hosp", "main"]);
}

#[tokio::test]
async fn tables_out_of_reach_are_neither_listed_nor_described() {
    let fixture = Fixture::with(FOREIGN);
    let backend = DuckDb::default();
    let (dataset, _) = without_notes(&fixture);
    let listed = backend.schema(&dataset, &limits()).await.unwrap();
    let names: Vec<_> = listed.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "generated_ill",
            "generated_well",
            "mimiciv_hosp.patients",
            "patients_twice",
            "settings_view",
            "telling_view"
        ]
    );
    assert_eq!(dataset.reach.withheld(), [("mimiciv_note".to_owned(), Rejection::MissingToken)]);
    for table in ["mimiciv_note.discharge", "discharge", "all_notes", "mimiciv_hosp.innocent"] {
        for limits in [rows(0), rows(3)] {
            let outcome = backend.table(&dataset, table, &limits).await;
            assert_eq!(outcome.unwrap_err(), QueryError::Rejected(Rejection::MissingToken), "{table}");
        }
    }
}

#[tokio::test]
async fn a_statement_of_our_own_stays_within_reach_too() {
    let fixture = Fixture::with(FOREIGN);
    let backend = DuckDb::default();
    let mut statement = Statement::new("SELECT text FROM mimiciv_note.discharge WHERE subject_id = ");
    statement.value(1);
    assert_eq!(backend.prepared(&fixture.dataset(), &statement, &limits()).await.unwrap().rows.len(), 1);
    let (dataset, _) = without_notes(&fixture);
    let outcome = backend.prepared(&dataset, &statement, &limits()).await;
    assert_eq!(outcome.unwrap_err(), QueryError::Rejected(Rejection::MissingToken));
}
