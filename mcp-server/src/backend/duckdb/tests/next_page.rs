//! Going on after a result that was cut, without an offset.

use super::*;

/// Every page of `sql`, `size` rows each, put together by what each page says about the next.
async fn all_pages(fixture: &Fixture, sql: &str, size: usize) -> (Vec<Vec<Value>>, usize) {
    let backend = DuckDb::default();
    let (mut query, mut all, mut pages) = (sql.to_owned(), Vec::new(), 0);
    loop {
        let page = backend.query(&fixture.dataset(), &query, &rows(size)).await.unwrap();
        all.extend(page.rows);
        pages += 1;
        match page.next {
            Some(next) => query = next.of(sql::bare(sql)),
            None => break,
        }
    }
    (all, pages)
}

#[tokio::test]
async fn following_the_pages_gives_every_row_once() {
    let fixture = Fixture::with(
        "CREATE TABLE t AS SELECT i AS id, i // 3 AS part, CASE WHEN i % 7 = 0 THEN NULL ELSE i * 0.1 END AS x, 'it''s ' || i AS name,
           TIMESTAMP '2180-01-01' + to_hours(i) AS charttime, (i / 8)::FLOAT AS f, i::DECIMAL(10, 2) AS d, i % 2 = 0 AS even
         FROM range(100) r(i)",
    );
    for sql in [
        "SELECT id FROM t ORDER BY id",
        "SELECT * FROM t ORDER BY id;",
        "FROM t ORDER BY part, id -- in pages",
        "SELECT part, id FROM t ORDER BY 1, 2",
        "SELECT name FROM t ORDER BY name",
        "SELECT charttime, name FROM t ORDER BY t.charttime",
        "SELECT d, x FROM t ORDER BY d",
        "SELECT f FROM t ORDER BY f",
        "SELECT even, id FROM t ORDER BY even, id",
        "SELECT x, id FROM t ORDER BY x, id",
        "SELECT id FROM t ORDER BY id DESC",
        "SELECT part, count(*) AS n FROM t GROUP BY part ORDER BY part",
        "SELECT id FROM t WHERE id < 50 UNION ALL SELECT id FROM t WHERE id >= 50 ORDER BY id",
        "WITH q AS (SELECT id AS \"Größe in cm\" FROM t) SELECT * FROM q ORDER BY \"Größe in cm\"",
        "SELECT id FROM t ORDER BY id LIMIT 40",
    ] {
        let whole = query(&fixture, sql).await.unwrap();
        assert_eq!((whole.truncated, whole.next), (None, None), "{sql}");
        let (all, pages) = all_pages(&fixture, sql, 7).await;
        assert!(pages > 3, "{sql}: {pages} pages");
        assert_eq!(all, whole.rows, "{sql}");
    }
}

#[tokio::test]
async fn where_going_on_would_lose_or_repeat_rows_nothing_is_promised() {
    let fixture = Fixture::with(
        "CREATE TABLE t AS SELECT i AS id, 1 AS same, [i] AS list, i AS \"ID \" FROM range(50) r(i)",
    );
    for sql in [
        "SELECT id FROM t",
        "SELECT id FROM t ORDER BY same",
        "SELECT same FROM t ORDER BY same, same",
        "SELECT list FROM t ORDER BY list",
        "SELECT id FROM t ORDER BY lower(id::VARCHAR)",
        "SELECT id, id FROM t ORDER BY id",
        "SELECT same, id FROM t ORDER BY same, id DESC",
        "SELECT same FROM t ORDER BY id",
    ] {
        let page = DuckDb::default().query(&fixture.dataset(), sql, &rows(7)).await.unwrap();
        assert!(page.truncated.is_some(), "{sql}");
        assert_eq!(page.next, None, "{sql}");
        assert!(page.footer().contains("there are more"), "{}", page.footer());
    }
}

#[tokio::test]
async fn a_result_cut_for_its_size_goes_on_too() {
    let fixture =
        Fixture::with("CREATE TABLE t AS SELECT i AS id, repeat('x', 1000) AS text FROM range(20) r(i)");
    let limits = QueryLimits { max_bytes: 5_000, ..limits() };
    let page = DuckDb::default().query(&fixture.dataset(), "FROM t ORDER BY id", &limits).await.unwrap();
    assert_eq!((page.rows.len(), page.truncated.unwrap().by), (4, CutBy::Bytes));
    assert_eq!(page.next.unwrap().condition, "row(\"id\") > row(3)");
}
