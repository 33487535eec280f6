//! Queries beside and after one another: stopped, side by side, isolated, on a replaced file.

use super::*;

/// Runs for years if nobody stops it, in little memory.
pub(super) const ENDLESS: &str = "SELECT sum(sin(range)) FROM range(9000000000000000)";

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
            run::run(connection, &sql, &[], 1, 1_000, &|| false).map_err(|error| run_error(dataset, error))
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
async fn a_bound_value_is_a_value_whatever_is_in_it() {
    let (fixture, backend) = (Fixture::hospital(), DuckDb::default());
    for hostile in ["F' OR '1'='1", "'; DROP TABLE mimiciv_hosp.patients; --", "?", "\u{0}", "ü%_"] {
        let mut statement = Statement::new("SELECT count(*) FROM mimiciv_hosp.patients WHERE gender = ");
        statement.value(hostile);
        let result = backend.prepared(&fixture.dataset(), &statement, &limits()).await.unwrap();
        assert_eq!(result.rows, [[Value::Integer(0)]], "{hostile:?}");
    }
    let mut statement = Statement::new("SELECT ");
    statement.value("it's").text(" AS a, ").value(-7).text("::BIGINT AS b");
    let result = backend.prepared(&fixture.dataset(), &statement, &limits()).await.unwrap();
    assert_eq!(result.rows, [[Value::Text("it's".into()), Value::Integer(-7)]]);
}
