//! What every [`Backend`] promises, as a suite: whatever holds the data, tools and callers rely on this.
//!
//! A backend passes it with a dataset that has the tables of `tests/sql/schema.sql`.

use std::time::Duration;

use auth_core::rejection::Rejection;
use futures_util::future::join_all;

use super::{Backend, CutBy, QueryError, QueryLimits, Statement, Value};
use crate::dataset::{Dataset, Reach};

/// Fails unless `backend` keeps every promise for `dataset`; `endless` is a statement that takes longer than anybody waits.
pub(crate) async fn holds(backend: &dyn Backend, dataset: &Dataset, endless: &str) {
    rows_come_typed_and_in_order(backend, dataset).await;
    results_are_cut_and_say_so(backend, dataset).await;
    what_is_refused_is_refused_before_it_runs(backend, dataset).await;
    values_are_bound(backend, dataset).await;
    tables_are_listed_and_described(backend, dataset).await;
    nothing_out_of_reach_is_read(backend, dataset).await;
    time_is_bounded_and_leaving_stops(backend, dataset, endless).await;
    callers_do_not_mix(backend, dataset).await;
}

fn limits(max_rows: usize) -> QueryLimits {
    QueryLimits { max_rows, ..QueryLimits::default() }
}

async fn rows_come_typed_and_in_order(backend: &dyn Backend, dataset: &Dataset) {
    let sql = "SELECT subject_id, gender, dod FROM mimiciv_hosp.patients ORDER BY subject_id";
    let result = backend.query(dataset, sql, &limits(10)).await.unwrap();
    let names: Vec<&str> = result.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["subject_id", "gender", "dod"]);
    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(
        result.rows,
        [
            [Value::Integer(1), text("F"), Value::Null],
            [Value::Integer(2), text("M"), text("2180-05-06")],
            [Value::Integer(3), text("F"), Value::Null],
        ]
    );
    assert_eq!((result.truncated, result.next), (None, None));
}

async fn results_are_cut_and_say_so(backend: &dyn Backend, dataset: &Dataset) {
    let sql = "SELECT itemid, charttime FROM mimiciv_hosp.labevents ORDER BY charttime";
    let page = backend.query(dataset, sql, &limits(7)).await.unwrap();
    assert_eq!((page.rows.len(), page.truncated.unwrap().by), (7, CutBy::Rows));
    let rest = page.next.unwrap().of(sql);
    let next = backend.query(dataset, &rest, &limits(100)).await.unwrap();
    assert_eq!((next.rows.len(), next.truncated), (53, None), "{rest}");
    assert!(!next.rows.contains(&page.rows[6]));
    let short = QueryLimits { max_bytes: 100, ..QueryLimits::default() };
    let cut = backend.query(dataset, sql, &short).await.unwrap();
    assert_eq!(cut.truncated.unwrap().by, CutBy::Bytes);
    let none = backend.query(dataset, sql, &limits(0)).await.unwrap();
    assert_eq!((none.rows.len(), none.truncated.unwrap().by), (0, CutBy::Rows));
}

async fn what_is_refused_is_refused_before_it_runs(backend: &dyn Backend, dataset: &Dataset) {
    for sql in
        ["DROP TABLE mimiciv_hosp.patients", "SELECT 1; SELECT 2", "", "SELECT getenv('HOME')", "SELECT ?"]
    {
        let outcome = backend.query(dataset, sql, &limits(1)).await;
        assert!(matches!(outcome, Err(QueryError::Refused(_))), "{sql}: {outcome:?}");
        let outcome = backend.inspect(dataset, sql, &limits(1)).await;
        assert!(matches!(outcome, Err(QueryError::Refused(_))), "{sql}: {outcome:?}");
    }
    let outcome = backend.query(dataset, "SELECT * FROM mimiciv_hosp.patient", &limits(1)).await;
    let Err(QueryError::TableUnknown { near, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(near[0], "mimiciv_hosp.patients");
    assert_eq!(backend.inspect(dataset, "SELECT 1", &limits(1)).await, Ok(()));
}

async fn values_are_bound(backend: &dyn Backend, dataset: &Dataset) {
    let mut statement = Statement::new("SELECT count(*) FROM mimiciv_hosp.patients WHERE gender = ");
    statement.value("F' OR '1'='1").text(" OR subject_id = ").value(2);
    let result = backend.prepared(dataset, &statement, &limits(1)).await.unwrap();
    assert_eq!(result.rows, [[Value::Integer(1)]]);
}

async fn tables_are_listed_and_described(backend: &dyn Backend, dataset: &Dataset) {
    let tables = backend.schema(dataset, &limits(0)).await.unwrap();
    assert!(
        tables.iter().any(|table| table.name == "mimiciv_icu.icustays" && table.columns == 5),
        "{tables:?}"
    );
    assert!(tables.is_sorted_by(|one, other| one.name <= other.name), "{tables:?}");
    let table = backend.table(dataset, "ICUSTAYS", &limits(1)).await.unwrap();
    assert_eq!((table.name.as_str(), table.columns.len()), ("mimiciv_icu.icustays", 5));
    assert_eq!(table.sample.unwrap().rows.len(), 1);
    assert_eq!(backend.table(dataset, "icustays", &limits(0)).await.unwrap().sample, None);
    let outcome = backend.table(dataset, "icustay", &limits(0)).await;
    assert!(matches!(outcome, Err(QueryError::TableUnknown { .. })), "{outcome:?}");
}

async fn nothing_out_of_reach_is_read(backend: &dyn Backend, dataset: &Dataset) {
    let reach =
        Reach::decided_by(
            |schema| {
                if schema == "mimiciv_note" { Err(Rejection::MissingToken) } else { Ok(()) }
            },
        );
    let dataset = &Dataset { reach, ..dataset.clone() };
    let refused = Err(QueryError::Rejected(Rejection::MissingToken));
    let sql = "SELECT 1 WHERE EXISTS (SELECT * FROM mimiciv_note.discharge)";
    assert_eq!(backend.query(dataset, sql, &limits(1)).await.map(drop), refused);
    assert_eq!(backend.inspect(dataset, sql, &limits(1)).await, refused);
    let statement = Statement::new("SELECT count(*) FROM mimiciv_note.discharge");
    assert_eq!(backend.prepared(dataset, &statement, &limits(1)).await.map(drop), refused);
    assert_eq!(backend.table(dataset, "mimiciv_note.discharge", &limits(0)).await.map(drop), refused);
    let tables = backend.schema(dataset, &limits(0)).await.unwrap();
    assert!(
        !tables.is_empty() && !tables.iter().any(|table| table.name.starts_with("mimiciv_note.")),
        "{tables:?}"
    );
}

async fn time_is_bounded_and_leaving_stops(backend: &dyn Backend, dataset: &Dataset, endless: &str) {
    let short = QueryLimits { timeout: Duration::from_millis(300), ..QueryLimits::default() };
    let outcome = backend.query(dataset, endless, &short).await;
    assert_eq!(outcome.unwrap_err(), QueryError::Timeout { limit: short.timeout });
    // More callers leave than there can be places: the next one still gets its turn.
    let one = limits(1);
    let leave = || tokio::time::timeout(Duration::from_millis(50), backend.query(dataset, endless, &one));
    let leave = (0..20).map(|_| leave());
    assert!(join_all(leave).await.iter().all(Result::is_err));
    let patient = QueryLimits { timeout: Duration::from_secs(30), ..QueryLimits::default() };
    assert_eq!(backend.query(dataset, "SELECT 1", &patient).await.unwrap().rows, [[Value::Integer(1)]]);
}

async fn callers_do_not_mix(backend: &dyn Backend, dataset: &Dataset) {
    let asked: Vec<(i128, String)> = (0..16).map(|n| (n, format!("SELECT {n} AS n"))).collect();
    let limits = limits(1);
    let answers = join_all(asked.iter().map(|(_, sql)| backend.query(dataset, sql, &limits))).await;
    for ((n, _), answer) in asked.iter().zip(answers) {
        assert_eq!(answer.unwrap().rows, [[Value::Integer(*n)]]);
    }
}
