//! The SQL policy as a client meets it; its whole corpus is tested beside it, in `mcp-server/src/sql`.

use serde_json::json;

use crate::setup::{COUNT_PATIENTS, sql, start, with_sample};

#[test]
fn statements_that_read_files_change_things_or_tell_settings_are_refused() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    for query in [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_parquet('x.parquet')",
        "SELECT * FROM glob('/etc/*')",
        "FROM 'file.csv'",
        "SELECT * FROM '/etc/passwd'",
        "COPY mimiciv_hosp.patients TO 'out.csv'",
        "ATTACH 'other.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "SET threads = 8",
        "CALL pragma_database_list()",
        "CREATE TABLE x (a INTEGER)",
        "CREATE TEMP TABLE x AS SELECT 1",
        "DROP TABLE mimiciv_hosp.patients",
        "INSERT INTO mimiciv_hosp.patients SELECT * FROM mimiciv_hosp.patients",
        "UPDATE mimiciv_hosp.patients SET gender = 'X'",
        "DELETE FROM mimiciv_hosp.patients",
        "BEGIN TRANSACTION",
        "CHECKPOINT",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE mimiciv_hosp.patients",
        "FROM query('SELECT 1')",
        "FROM query_table('mimiciv_hosp.patients')",
        "SELECT * FROM duckdb_databases()",
        "SELECT * FROM duckdb_settings()",
        "SELECT current_setting('temp_directory')",
        "SELECT getenv('HOME')",
        "EXPLAIN ANALYZE DELETE FROM mimiciv_hosp.patients",
        "SELECT ?",
        "",
        "-- nothing",
    ] {
        let reply = sql(&mut server, query);
        assert!(
            reply.refusal().starts_with("Error: ") && reply.text.contains("\nHint: "),
            "{query}: {}",
            reply.text
        );
        assert!(!reply.text.contains(sandbox.root().to_str().unwrap()), "{query}: {}", reply.text);
        assert!(!reply.text.contains("root:"), "{query}: {}", reply.text);
    }
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
    assert!(std::fs::read_dir(sandbox.root()).unwrap().all(|entry| entry.unwrap().file_name() != "out.csv"));
}

#[test]
fn statements_that_only_read_are_answered() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    for query in [
        "SELECT 1 WHERE 1=1",
        "SELECT md5(gender) AS hash FROM mimiciv_hosp.patients LIMIT 3",
        "SUMMARIZE mimiciv_hosp.patients",
        "DESCRIBE mimiciv_hosp.patients",
        "SHOW TABLES",
        "SHOW ALL TABLES",
        "EXPLAIN SELECT * FROM mimiciv_hosp.patients",
        "SELECT * EXCLUDE (dod) FROM mimiciv_hosp.patients LIMIT 1",
        "SELECT subject_id, admittime FROM mimiciv_hosp.admissions \
         QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY admittime) = 1",
        "PIVOT (SELECT gender, anchor_year_group FROM mimiciv_hosp.patients) ON gender USING count(*)",
        "FROM mimiciv_hosp.patients SELECT gender, count(*) GROUP BY gender",
        "SELECT [x + 1 FOR x IN [1, 2, 3] IF x > 1]",
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'mimiciv_icu'",
        "SELECT 'DROP TABLE patients; PRAGMA x' AS text",
        "WITH a AS (SELECT * FROM mimiciv_hosp.patients) SELECT count(*) FROM a JOIN mimiciv_icu.icustays USING (subject_id)",
        "SELECT 1; -- done",
    ] {
        let reply = sql(&mut server, query);
        assert!(!reply.is_error, "{query}: {}", reply.text);
        assert!(query.starts_with("SHOW TABLES") || !reply.rows().is_empty(), "{query} has no rows");
    }
}

/// One query must not leave anything behind for the next caller.
#[test]
fn nothing_carries_over_from_one_query_to_the_next() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    sql(&mut server, "PIVOT (SELECT gender FROM mimiciv_hosp.patients) ON gender USING count(*)");
    let leftovers =
        sql(&mut server, "SELECT count(*) FROM information_schema.tables WHERE table_catalog = 'temp'");
    assert_eq!(leftovers.rows(), &[json!([0])]);
}
