//! The backend as its callers see it.

use std::time::Instant;

use serde_json::json;

use super::fixture::Fixture;
use super::*;
use crate::backend::{CutBy, Value};
use crate::error::Explain as _;
use crate::sql::corpus;

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
            run::run(connection, &sql, limits.max_rows, limits.max_bytes, &|| stop.is_stopped())
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
    for (_, sql) in corpus::denied() {
        let outcome = backend.query(&fixture.dataset(), &sql, &limits()).await;
        assert!(matches!(outcome, Err(QueryError::Refused(_))), "{sql}: {outcome:?}");
    }
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
async fn every_type_of_the_engine_converts_exactly() {
    let fixture = Fixture::hospital();
    let sql = "SELECT * EXCLUDE (variant) FROM test_all_types()";
    let sql =
        if unchecked(&fixture, sql, limits()).await.is_ok() { sql } else { "SELECT * FROM test_all_types()" };
    let result = unchecked(&fixture, sql, limits()).await.unwrap();
    assert_eq!(result.rows.len(), 3);
    assert!(result.columns.len() > 50, "{}", result.columns.len());
    for (index, column) in result.columns.iter().enumerate() {
        assert!(!column.type_name.contains("UNKNOWN"), "{column:?}");
        assert_eq!(result.rows[2][index], Value::Null, "{column:?}");
        for row in &result.rows {
            assert!(!row[index].to_string().starts_with('<'), "{column:?}: {:?}", row[index]);
        }
        println!(
            "{} {}: {} … {}",
            column.name, column.type_name, result.rows[0][index], result.rows[1][index]
        );
    }
}

/// What the engine itself makes of a value as text is the reference.
#[tokio::test]
async fn values_agree_with_the_engines_own_text() {
    let fixture = Fixture::hospital();
    for expression in [
        "(-170141183460469231731687303715884105728)::HUGEINT",
        "340282366920938463463374607431768211455::UHUGEINT",
        "[340282366920938463463374607431768211455::UHUGEINT][1]",
        "18446744073709551615::UBIGINT",
        "12345678901234567890.123456789::DECIMAL(38,9)",
        "(-0.05)::DECIMAL(3,2)",
        "7::DECIMAL(18,0)",
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID",
        "'0010101'::BIT",
        "'-123456789012345678901234567890123456789012345678901234567890'::BIGNUM",
        "'99999999999999999999999999999999999999999999'::BIGNUM",
        "0::BIGNUM",
        "(-1)::BIGNUM",
        "'12:34:56+05:30'::TIMETZ",
        "'07:08:09.000001'::TIME",
        "true",
        "'x'::ENUM ('x', 'y')",
        "DATE '2180-05-06'",
        "0.1::FLOAT",
        "1.5e300",
    ] {
        let sql = format!("SELECT {expression}, ({expression})::VARCHAR");
        let row = unchecked(&fixture, &sql, limits()).await.unwrap().rows.remove(0);
        let expected = row[1].to_string().replace("e+", "e");
        assert_eq!(row[0].to_string(), expected, "{expression}");
    }
}

#[tokio::test]
async fn nested_and_temporal_values_have_the_documented_json() {
    let sql = "SELECT NULL, '', [1, NULL], {'a': 'x', 'b': [true]}, MAP {'k': 1}, MAP {1: 'v'}, TIMESTAMP '2180-01-01 08:00:00.5',
               TIMESTAMPTZ '2180-01-01 08:00:00+00', INTERVAL '14 months 3 days 1.5 seconds', 'ab'::BLOB, 'NaN'::DOUBLE,
               9007199254740993, union_value(n := 5), [1, 2]::INTEGER[2], '{\"j\": 1}'::JSON, 'infinity'::DATE";
    let row = query(&Fixture::hospital(), sql).await.unwrap().rows.remove(0);
    let row: Vec<_> = row.iter().map(Value::to_json).collect();
    assert_eq!(
        json!(row),
        json!([
            null, "", [1, null], { "a": "x", "b": [true] }, { "k": 1 }, [{ "key": 1, "value": "v" }],
            "2180-01-01T08:00:00.5", "2180-01-01T08:00:00Z", "P14M3DT1.5S", "0x6162", "NaN", "9007199254740993", 5, [1, 2],
            "{\"j\": 1}", "infinity"
        ])
    );
}

#[tokio::test]
async fn types_are_named_as_sql_names_them() {
    let sql = "SELECT 1::DECIMAL(10,2), [1], {'a': [DATE '2180-01-01']}, MAP {'k': 1}, '1'::JSON, now()";
    let result = query(&Fixture::hospital(), sql).await.unwrap();
    let names: Vec<_> = result.columns.iter().map(|column| column.type_name.as_str()).collect();
    let expected = [
        "DECIMAL(10,2)",
        "INTEGER[]",
        "STRUCT(a DATE[])",
        "MAP(VARCHAR, INTEGER)",
        "JSON",
        "TIMESTAMP WITH TIME ZONE",
    ];
    assert_eq!(names, expected);
}

/// Runs for years if nobody stops it, in little memory.
const ENDLESS: &str = "SELECT sum(sin(range)) FROM range(9000000000000000)";

#[tokio::test]
async fn a_query_that_takes_too_long_is_stopped() {
    let (fixture, backend) = (Fixture::hospital(), DuckDb::default());
    let limits = QueryLimits { timeout: Duration::from_millis(300), ..limits() };
    let started = Instant::now();
    let error = backend.query(&fixture.dataset(), ENDLESS, &limits).await.unwrap_err();
    assert_eq!(error, QueryError::Timeout { limit: limits.timeout });
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    all_turns_come_back(&backend).await;
}

#[tokio::test]
async fn dropping_the_future_stops_the_query() {
    let (fixture, backend) = (Fixture::hospital(), DuckDb::default());
    let (dataset, limits) = (fixture.dataset(), limits());
    backend.query(&dataset, "SELECT 1", &limits).await.unwrap();
    // Dropped at many moments: before it starts, while it is prepared, while it runs.
    for milliseconds in [0, 1, 2, 3, 5, 8, 400] {
        let future = backend.query(&dataset, ENDLESS, &limits);
        let outcome = tokio::time::timeout(Duration::from_millis(milliseconds), future).await;
        assert!(outcome.is_err(), "{outcome:?}");
    }
    all_turns_come_back(&backend).await;
}

#[tokio::test]
async fn a_stop_that_comes_before_the_statement_is_heard() {
    let (fixture, backend) = (Fixture::hospital(), DuckDb::default());
    let (reached, at_start) = std::sync::mpsc::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let dataset = fixture.dataset();
    let query = backend.with_connection(&dataset, Duration::from_mins(1), move |connection, dataset, _| {
        reached.send(()).unwrap();
        wait.recv().unwrap();
        connection.execute_batch(ENDLESS).map_err(|error| engine_error(dataset, &error))
    });
    let waiter = async move {
        tokio::task::spawn_blocking(move || at_start.recv().unwrap()).await.unwrap();
    };
    tokio::select! {
        result = query => panic!("it ended: {result:?}"),
        () = waiter => {}
    }
    // The query was dropped, and so interrupted, before its statement starts: now it starts.
    go.send(()).unwrap();
    all_turns_come_back(&backend).await;
}

/// Waits until no thread runs a query any more.
async fn all_turns_come_back(backend: &DuckDb) {
    let all = u32::try_from(MAX_CONCURRENT).unwrap();
    let free = tokio::time::timeout(Duration::from_secs(5), backend.turns.acquire_many(all)).await;
    assert!(free.is_ok(), "{} of {all} turns are free", backend.turns.available_permits());
}

#[tokio::test]
async fn several_queries_run_at_once() {
    let (fixture, backend) = (Fixture::hospital(), DuckDb::default());
    let dataset = fixture.dataset();
    let queries = (0..32).map(|number| {
        let (backend, dataset) = (backend.clone(), dataset.clone());
        tokio::spawn(async move {
            let sql = format!("SELECT {number}, count(*) FROM mimiciv_hosp.labevents");
            backend.query(&dataset, &sql, &limits()).await.unwrap().rows.remove(0)
        })
    });
    for (number, row) in futures_util::future::join_all(queries).await.into_iter().enumerate() {
        assert_eq!(row.unwrap(), [Value::Integer(i128::try_from(number).unwrap()), Value::Integer(60)]);
    }
}

#[tokio::test]
async fn nothing_stays_behind_for_the_next_caller() {
    let (fixture, backend) = (Fixture::hospital(), DuckDb::default());
    let dataset = fixture.dataset();
    let leave = |sql: &'static str| {
        let backend = backend.clone();
        let dataset = dataset.clone();
        async move {
            backend
                .with_connection(&dataset, Duration::from_secs(5), move |connection, dataset, _| {
                    connection.execute_batch(sql).map_err(|error| engine_error(dataset, &error))
                })
                .await
                .unwrap();
        }
    };
    leave("CREATE TEMP TABLE left_behind AS SELECT 1").await;
    leave("SET VARIABLE left_behind = 1").await;
    leave("PREPARE left_behind AS SELECT 1").await;
    leave("BEGIN TRANSACTION").await;
    leave("CREATE TEMP MACRO left_behind(a) AS a").await;
    assert!(query(&fixture, "SELECT * FROM left_behind").await.is_err());
    let counts = "SELECT (SELECT count(*) FROM duckdb_tables() WHERE temporary), (SELECT count(*) FROM duckdb_variables()),
                  (SELECT count(*) FROM duckdb_prepared_statements() WHERE name = 'left_behind'),
                  (SELECT count(*) FROM duckdb_functions() WHERE function_name = 'left_behind')";
    let sql = counts.to_owned();
    let counted = backend
        .with_connection(&dataset, Duration::from_secs(5), move |connection, dataset, _| {
            run::run(connection, &sql, 1, 1_000, &|| false).map_err(|error| run_error(dataset, error))
        })
        .await
        .unwrap();
    assert_eq!(counted.rows, [vec![Value::Integer(0); 4]]);
}

#[tokio::test]
async fn a_replaced_database_is_opened_anew() {
    let (fixture, backend) = (Fixture::with("CREATE TABLE t AS SELECT 1 AS v"), DuckDb::default());
    let dataset = fixture.dataset();
    let value = async || {
        backend.query(&dataset, "SELECT v FROM t", &limits()).await.map(|result| result.rows[0][0].clone())
    };
    assert_eq!(value().await.unwrap(), Value::Integer(1));
    fixture.replace("CREATE TABLE t AS SELECT 2 AS v");
    assert_eq!(value().await.unwrap(), Value::Integer(2));
    std::fs::remove_file(fixture.path()).unwrap();
    assert_eq!(value().await.unwrap_err(), QueryError::DatabaseMissing { dataset: "little".into() });
    assert_eq!(value().await.unwrap_err().hint().unwrap(), "run m4 init little");
    fixture.replace("CREATE TABLE t AS SELECT 3 AS v");
    assert_eq!(value().await.unwrap(), Value::Integer(3));
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
    let tables = DuckDb::default().schema(&fixture.dataset()).await.unwrap();
    let tables: Vec<_> =
        tables.iter().map(|table| (table.name.as_str(), table.columns, table.estimated_rows)).collect();
    assert_eq!(tables, [("s.b", 2, Some(1)), ("s.v", 1, None), ("z", 1, Some(0))]);
}

#[tokio::test]
async fn a_table_is_described_by_any_of_its_names() {
    let (fixture, backend) = (Fixture::hospital(), DuckDb::default());
    for name in ["mimiciv_hosp.patients", "patients", "MIMICIV_HOSP.Patients"] {
        let info = backend.table(&fixture.dataset(), name, 2).await.unwrap();
        assert_eq!((info.name.as_str(), info.estimated_rows), ("mimiciv_hosp.patients", Some(3)));
        let columns: Vec<_> =
            info.columns.iter().map(|c| (c.name.as_str(), c.type_name.as_str(), c.nullable)).collect();
        assert_eq!(columns[0], ("subject_id", "INTEGER", false));
        assert_eq!(columns[3], ("dod", "DATE", true));
        assert_eq!(info.sample.unwrap().rows.len(), 2);
    }
    assert_eq!(backend.table(&fixture.dataset(), "patients", 0).await.unwrap().sample, None);
    let error = backend.table(&fixture.dataset(), "patint", 1).await.unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean mimiciv_hosp.patients?");
}

#[tokio::test]
async fn a_table_name_is_never_sql() {
    let strange = r#"od"d; DROP TABLE x; --"#;
    let fixture =
        Fixture::with(r#"CREATE TABLE "od""d; DROP TABLE x; --" (a INTEGER); CREATE TABLE x (a INTEGER)"#);
    let backend = DuckDb::default();
    let names: Vec<_> =
        backend.schema(&fixture.dataset()).await.unwrap().into_iter().map(|table| table.name).collect();
    assert_eq!(names, [strange, "x"]);
    let info = backend.table(&fixture.dataset(), strange, 5).await.unwrap();
    assert_eq!(info.columns.len(), 1);
    for name in ["x; DROP TABLE x", "x\" UNION SELECT 1 --", "(SELECT 1)", "'/etc/passwd'", ""] {
        let error = backend.table(&fixture.dataset(), name, 5).await.unwrap_err();
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

#[tokio::test]
#[ignore = "prints timings; run by hand"]
async fn timings() {
    let fixture = Fixture::hospital();
    for sql in [
        "SELECT 1",
        "SELECT p.gender, count(*), avg(l.valuenum) FROM mimiciv_hosp.patients p JOIN mimiciv_hosp.labevents l USING (subject_id) WHERE l.itemid = 50901 GROUP BY ALL ORDER BY 2",
        "PIVOT mimiciv_hosp.patients ON gender USING avg(anchor_age)",
        "SELECT * FROM read_csv('/etc/passwd')",
    ] {
        let _ = sql::check(sql);
        let started = Instant::now();
        for _ in 0..1_000 {
            let _ = sql::check(sql);
        }
        println!("check {:>4} µs: {sql}", started.elapsed().as_micros() / 1_000);
        let backend = DuckDb::default();
        let _ = backend.query(&fixture.dataset(), sql, &limits()).await;
        let started = Instant::now();
        for _ in 0..200 {
            let _ = backend.query(&fixture.dataset(), sql, &limits()).await;
        }
        println!("query {:>4} µs", started.elapsed().as_micros() / 200);
    }
    let list: Vec<String> = (0..15_000).map(|id| id.to_string()).collect();
    let sql = format!("SELECT * FROM t WHERE id IN ({})", list.join(","));
    let started = Instant::now();
    sql::check(&sql).unwrap();
    println!("check {:?}: {} bytes", started.elapsed(), sql.len());
}

fn resident_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<usize>().ok()).unwrap_or(0) / 1_024
}
