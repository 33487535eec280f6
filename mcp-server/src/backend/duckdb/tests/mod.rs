//! The backend as its callers see it.

use std::time::Instant;

use serde_json::json;

use super::fixture::Fixture;
use super::*;
use crate::backend::{CutBy, Value};
use crate::error::Explain as _;
use crate::sql::corpus::{self, Denied};

mod definitions;
mod next_page;
mod sessions;
mod values;

fn rows(max_rows: usize) -> QueryLimits {
    QueryLimits { max_rows, ..QueryLimits::default() }
}

fn limits() -> QueryLimits {
    QueryLimits::default()
}

async fn query(fixture: &Fixture, sql: &str) -> Result<ResultSet, QueryError> {
    DuckDb::default().query(&fixture.dataset(), sql, &limits()).await
}

/// Runs SQL without the policy, for what only the engine or the conversion is asked.
async fn unchecked(fixture: &Fixture, sql: &str, limits: QueryLimits) -> Result<ResultSet, QueryError> {
    let (backend, sql) = (DuckDb::default(), sql.to_owned());
    let pool = backend.pool.clone();
    backend
        .with_connection(&fixture.dataset(), limits.timeout, move |connection, dataset, stop| {
            run::run(connection, &sql, &[], limits.max_rows, limits.max_bytes, &|| stop.is_stopped())
                .map_err(|error| explained(&pool, connection, dataset, error))
        })
        .await
}

#[tokio::test]
async fn every_allowed_statement_of_the_corpus_runs() {
    let (fixture, backend) = (Fixture::hospital(), DuckDb::default());
    let mut failed = Vec::new();
    for sql in corpus::allowed() {
        if let Err(error) = backend.query(&fixture.dataset(), &sql, &limits()).await {
            failed.push((sql, error));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test]
async fn no_denied_statement_reaches_the_engine() {
    let (fixture, backend) = (Fixture::hospital(), DuckDb::default());
    for Denied { sql, .. } in corpus::denied() {
        let outcome = backend.query(&fixture.dataset(), &sql, &limits()).await;
        assert!(matches!(outcome, Err(QueryError::Refused(_))), "{sql}: {outcome:?}");
    }
}

#[tokio::test]
async fn duckdb_keeps_the_contract_of_backends() {
    let fixture = Fixture::hospital();
    crate::backend::contract::holds(&DuckDb::default(), &fixture.dataset(), sessions::ENDLESS).await;
}

/// The second layer by itself: what it refuses of the statements that the first one refuses.
#[test]
fn the_engine_alone_refuses_what_the_corpus_says_it_does() {
    let fixture = Fixture::hospital();
    let before = std::fs::read(fixture.path()).unwrap();
    let root = open::locked(fixture.path(), &Resources::default()).unwrap();
    let mut wrong = Vec::new();
    for Denied { sql, engine_answers, .. } in corpus::denied() {
        let connection = root.try_clone().unwrap();
        let answers = connection.prepare(&sql).and_then(|mut statement| {
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        });
        if answers.is_ok() != engine_answers {
            wrong.push((sql, answers));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    drop(root);
    assert!(std::fs::read(fixture.path()).unwrap() == before, "the database was changed");
    assert_eq!(std::fs::read_dir(fixture.directory()).unwrap().count(), 1, "files were written");
}

#[tokio::test]
async fn a_pivot_finds_its_columns_by_itself() {
    let result = query(
        &Fixture::hospital(),
        "PIVOT (SELECT gender, anchor_age FROM mimiciv_hosp.patients) ON gender USING max(anchor_age)",
    )
    .await;
    let result = result.unwrap();
    let names: Vec<_> = result.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["F", "M"]);
    assert_eq!(result.rows, [[Value::Integer(71), Value::Integer(34)]]);
}

#[tokio::test]
async fn ten_million_rows_are_cut_without_being_held() {
    let fixture = Fixture::hospital();
    let backend = DuckDb::default();
    backend.query(&fixture.dataset(), "SELECT 1", &limits()).await.unwrap();
    let (before, started) = (resident_mib(), Instant::now());
    let sql = "SELECT range, repeat('x', 50) FROM range(10000000)";
    let result = backend.query(&fixture.dataset(), sql, &limits()).await.unwrap();
    let grown = resident_mib().saturating_sub(before);
    println!("10 million rows: {:?}, {grown} MiB more", started.elapsed());
    assert_eq!(result.rows.len(), 1_000);
    assert_eq!(result.truncated.unwrap().by, CutBy::Rows);
    assert!(result.to_text().contains("first 1000 rows, there are more"));
    assert!(grown < 200, "{grown} MiB");
}

#[tokio::test]
async fn bytes_are_bounded_whatever_the_rows_are() {
    let fixture = Fixture::hospital();
    let sql = "SELECT repeat('x', 10000) FROM range(10000)";
    let result = query(&fixture, sql).await.unwrap();
    assert_eq!(result.truncated.unwrap().by, CutBy::Bytes);
    assert!((100..=104).contains(&result.rows.len()), "{}", result.rows.len());
    assert!(result.to_text().len() < QueryLimits::DEFAULT_MAX_BYTES + 1_000);

    for sql in [
        "SELECT repeat('x', 100000000)",
        "SELECT range(500000)",
        "SELECT {'a': repeat('é', 5000000), 'b': 1}",
        "SELECT map_from_entries(list_transform(range(100000), lambda i: (i, i)))",
    ] {
        let result = query(&fixture, sql).await.unwrap();
        assert_eq!(result.truncated.map(|cut| cut.by), Some(CutBy::Bytes), "{sql}");
        let bytes = serde_json::to_string(&result.rows[0][0].to_json()).unwrap().len();
        assert!(bytes < 8 * QueryLimits::DEFAULT_MAX_BYTES, "{sql}: {bytes}");
    }
}

#[tokio::test]
async fn a_result_with_too_many_columns_is_refused() {
    let columns: Vec<String> = (0..5_000).map(|index| index.to_string()).collect();
    let error = query(&Fixture::hospital(), &format!("SELECT {}", columns.join(","))).await.unwrap_err();
    assert_eq!(error, QueryError::TooWide { columns: 5_000, limit: run::MAX_COLUMNS });
}

#[tokio::test]
async fn all_rows_of_a_result_within_the_limits_come_uncut() {
    let result = query(&Fixture::hospital(), "SELECT range FROM range(1000)").await.unwrap();
    assert_eq!((result.rows.len(), result.truncated), (1_000, None));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_an_error_without_its_path() {
    let fixture = Fixture::hospital();
    let bytes = std::fs::read(fixture.path()).unwrap();
    let damaged: [(&str, Vec<u8>); 4] = [
        ("text", b"this is a list of patients, not a database\n".repeat(500)),
        ("empty", Vec::new()),
        ("cut", bytes[..bytes.len() / 3].to_vec()),
        ("zeroed", [&bytes[..4_096], &vec![0; bytes.len() - 4_096][..]].concat()),
    ];
    for (what, bytes) in damaged {
        std::fs::write(fixture.path(), bytes).unwrap();
        let outcome = query(&fixture, "SELECT * FROM mimiciv_hosp.patients").await;
        let Err(error) = outcome else { panic!("{what}: {outcome:?}") };
        println!("{what}: {error}");
        assert!(matches!(error, QueryError::DatabaseUnreadable { .. }), "{what}: {error:?}");
        let text = error.to_string();
        assert!(
            !text.contains(fixture.directory().to_str().unwrap()) && !text.contains("patients, not"),
            "{what}: {text}"
        );
        assert!(!text.contains("hospital.duckdb"), "{what}: {text}");
    }
    let mut newer = bytes.clone();
    // The storage version follows the header's checksum and the magic bytes.
    newer[12..20].copy_from_slice(&999u64.to_le_bytes());
    let words = newer[8..4_096].chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()));
    let checksum = words.fold(5_381, |sum, word| sum ^ word.wrapping_mul(0xbf58_476d_1ce4_e5b9));
    newer[..8].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(fixture.path(), newer).unwrap();
    let error = query(&fixture, "SELECT 1").await.unwrap_err();
    assert!(matches!(error, QueryError::DatabaseNewer { .. }), "{error:?}");
}

#[tokio::test]
async fn an_engine_error_keeps_what_mends_the_query() {
    let fixture = Fixture::hospital();
    let message =
        query(&fixture, "SELECT subjct_id FROM mimiciv_hosp.patients").await.unwrap_err().to_string();
    assert!(
        message.contains("subjct_id") && message.contains("subject_id") && message.contains("LINE 1"),
        "{message}"
    );
    for (sql, near) in [
        ("SELECT * FROM mimiciv_hosp.patient", "mimiciv_hosp.patients"),
        ("SELECT * FROM patients", "mimiciv_hosp.patients"),
        ("SELECT * FROM icustay", "mimiciv_icu.icustays"),
    ] {
        let error = query(&fixture, sql).await.unwrap_err();
        let QueryError::TableUnknown { near: names, .. } = &error else { panic!("{sql}: {error:?}") };
        assert_eq!(names.first().map(String::as_str), Some(near), "{sql}");
        assert!(error.hint().unwrap().contains(near));
    }
}

#[tokio::test]
async fn an_engine_error_never_holds_the_database_path() {
    let fixture = Fixture::hospital();
    let path = fixture.path().to_str().unwrap();
    for sql in [
        format!("SELECT * FROM '{path}'"),
        format!("SELECT CAST('{path}' AS INTEGER)"),
        format!("SELECT error('cannot open {path}: no')"),
        "ATTACH '/var/lib/other.duckdb'".to_owned(),
        "SELECT * FROM read_csv('/etc/passwd')".to_owned(),
    ] {
        let message = unchecked(&fixture, &sql, limits()).await.unwrap_err().to_string();
        for secret in
            [path, fixture.directory().to_str().unwrap(), "hospital.duckdb", "/etc/passwd", "/var/lib"]
        {
            assert!(!message.contains(secret), "{sql}: {message}");
        }
    }
}

#[tokio::test]
async fn more_memory_than_allowed_is_an_error_that_says_so() {
    let fixture = Fixture::hospital();
    let backend = DuckDb::new(Resources { memory_mib: 64, threads: 2 });
    let sql = "SELECT range % 99999999 AS k, string_agg(range::VARCHAR, ',') FROM range(30000000) GROUP BY k ORDER BY 2 LIMIT 1";
    assert_eq!(backend.query(&fixture.dataset(), sql, &limits()).await.unwrap_err(), QueryError::Memory);
    let files = std::fs::read_dir(fixture.directory()).unwrap().count();
    assert_eq!(files, 1, "something was written beside the database");
}

#[tokio::test]
async fn the_schema_lists_the_datasets_own_tables() {
    let fixture = Fixture::with(
        "CREATE TABLE z (a INTEGER); CREATE SCHEMA s; CREATE TABLE s.b AS SELECT 1 AS x, 2 AS y; CREATE VIEW s.v AS SELECT 1",
    );
    let tables = DuckDb::default().schema(&fixture.dataset(), &QueryLimits::default()).await.unwrap();
    let tables: Vec<_> =
        tables.iter().map(|table| (table.name.as_str(), table.columns, table.estimated_rows)).collect();
    assert_eq!(tables, [("s.b", 2, Some(1)), ("s.v", 1, None), ("z", 1, Some(0))]);
}

#[tokio::test]
async fn a_table_is_described_by_any_of_its_names() {
    let (fixture, backend) = (Fixture::hospital(), DuckDb::default());
    for name in ["mimiciv_hosp.patients", "patients", "MIMICIV_HOSP.Patients"] {
        let info = backend.table(&fixture.dataset(), name, &rows(2)).await.unwrap();
        assert_eq!((info.name.as_str(), info.estimated_rows), ("mimiciv_hosp.patients", Some(3)));
        let columns: Vec<_> =
            info.columns.iter().map(|c| (c.name.as_str(), c.type_name.as_str(), c.nullable)).collect();
        assert_eq!(columns[0], ("subject_id", "INTEGER", false));
        assert_eq!(columns[3], ("dod", "DATE", true));
        assert_eq!(info.sample.unwrap().rows.len(), 2);
    }
    assert_eq!(backend.table(&fixture.dataset(), "patients", &rows(0)).await.unwrap().sample, None);
    let error = backend.table(&fixture.dataset(), "patint", &rows(1)).await.unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean mimiciv_hosp.patients?");
}

#[tokio::test]
async fn a_table_name_is_never_sql() {
    let strange = r#"od"d; DROP TABLE x; --"#;
    let fixture =
        Fixture::with(r#"CREATE TABLE "od""d; DROP TABLE x; --" (a INTEGER); CREATE TABLE x (a INTEGER)"#);
    let backend = DuckDb::default();
    let names: Vec<_> = backend
        .schema(&fixture.dataset(), &QueryLimits::default())
        .await
        .unwrap()
        .into_iter()
        .map(|table| table.name)
        .collect();
    assert_eq!(names, [strange, "x"]);
    let info = backend.table(&fixture.dataset(), strange, &rows(5)).await.unwrap();
    assert_eq!(info.columns.len(), 1);
    for name in ["x; DROP TABLE x", "x\" UNION SELECT 1 --", "(SELECT 1)", "'/etc/passwd'", ""] {
        let error = backend.table(&fixture.dataset(), name, &rows(5)).await.unwrap_err();
        assert!(matches!(error, QueryError::TableUnknown { .. }), "{name}: {error:?}");
    }
}

#[tokio::test]
async fn deep_statements_that_pass_the_policy_overflow_no_stack() {
    let fixture = Fixture::hospital();
    let joins: Vec<_> = (1..200).map(|n| format!(" CROSS JOIN range(1) a{n}")).collect();
    for sql in [
        format!("SELECT 1{}", "+1".repeat(220)),
        format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(140), " END".repeat(140)),
        format!("SELECT 1{}", " EXCEPT SELECT 1".repeat(240)),
        format!("SELECT 1{}", "::INTEGER".repeat(240)),
        format!("SELECT * FROM {}range(1){}", "(SELECT * FROM ".repeat(120), ")".repeat(120)),
        format!("FROM range(1) a0{}", joins.join("")),
    ] {
        // An answer or an error: the process is still there.
        let _ = query(&fixture, &sql).await;
    }
}

fn resident_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<usize>().ok()).unwrap_or(0) / 1_024
}
