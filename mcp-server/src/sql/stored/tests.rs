//! Views, macros and generated columns as the engine writes them, without an engine.

use super::*;
use crate::sql::check_in;

fn view(schema: &str, name: &str, definition: &str) -> Relation {
    let (schema, name) = (schema.to_owned(), name.to_owned());
    Relation { schema, name, is_view: true, definition: definition.to_owned() }
}

fn table(schema: &str, name: &str) -> Relation {
    let definition = format!("CREATE TABLE {schema}.{name}(a INTEGER);");
    Relation { is_view: false, ..view(schema, name, &definition) }
}

fn schemas(stored: &Stored, sql: &str) -> Vec<String> {
    check_in(sql, stored).unwrap().schemas().iter().cloned().collect()
}

#[test]
fn the_query_of_a_view_is_what_stands_after_its_as() {
    for (definition, query) in [
        ("CREATE VIEW v AS SELECT 1;", "SELECT 1"),
        ("CREATE VIEW a.v (z, \"as\") AS SELECT b FROM t;", "SELECT b FROM t"),
        (
            "CREATE VIEW \"we\"\"ird AS v\" AS WITH q AS (SELECT 1 AS x)SELECT * FROM q;",
            "WITH q AS (SELECT 1 AS x)SELECT * FROM q",
        ),
    ] {
        assert_eq!(view_query(definition), Some(query));
    }
    for definition in ["", "CREATE VIEW v", "CREATE VIEW v AS", "SELECT 1 AS x", "CREATE VIEW v (AS SELECT 1"]
    {
        assert_eq!(view_query(definition), None, "{definition}");
    }
}

#[test]
fn the_expressions_of_generated_columns_are_found() {
    let sql = "CREATE TABLE g(a INTEGER, b VARCHAR GENERATED ALWAYS AS(f(a, ')')), c INTEGER GENERATED ALWAYS AS((a + 1)), \"GENERATED ALWAYS AS\" INTEGER);";
    assert_eq!(generated(sql), ["f(a, ')')", "(a + 1)"]);
    assert!(generated("CREATE TABLE t(generated INTEGER, \"always\" INTEGER);").is_empty());
}

#[test]
fn what_a_view_reads_is_read_by_whoever_reads_the_view() {
    let stored = Stored::new(
        "db",
        [
            table("note", "discharge"),
            table("hosp", "patients"),
            view("main", "v", "CREATE VIEW v AS SELECT * FROM hosp.w;"),
            // Names without a schema are looked for where the view is, too.
            view(
                "hosp",
                "w",
                "CREATE VIEW hosp.w AS SELECT * FROM patients WHERE 1 IN (SELECT a FROM note.discharge);",
            ),
            view("main", "self", "CREATE VIEW self AS SELECT * FROM self;"),
            view("main", "lost", "CREATE VIEW lost AS SELECT * FROM elsewhere;"),
        ],
        [],
    );
    assert_eq!(schemas(&stored, "SELECT * FROM V"), ["hosp", "main", "note"]);
    assert_eq!(schemas(&stored, "SELECT * FROM db.main.v, range(3)"), ["hosp", "main", "note"]);
    assert_eq!(schemas(&stored, "SELECT * FROM DB.v"), ["hosp", "main", "note"]);
    assert_eq!(schemas(&stored, "SELECT * FROM hosp.patients"), ["hosp"]);
    assert_eq!(schemas(&stored, "SELECT * FROM self"), ["main"]);
    assert_eq!(schemas(&stored, "WITH v AS (SELECT 1) SELECT * FROM v"), [""; 0]);
    assert_eq!(schemas(&stored, "WITH v AS (SELECT * FROM v) SELECT * FROM v"), ["hosp", "main", "note"]);
    for lists in
        ["SHOW ALL TABLES", "FROM duckdb_columns()", "SELECT 1 IN (SELECT 2 FROM information_schema.tables)"]
    {
        assert_eq!(schemas(&stored, lists), ["hosp", "main", "note"], "{lists}");
    }
    let refusal = check_in("FROM lost", &stored).unwrap_err().to_string();
    assert_eq!(refusal, "View lost of this database is not allowed: elsewhere does not exist");
    let checked = check_in("SELECT * FROM hosp.patients, nope.x", &stored).unwrap();
    assert_eq!(stored.missing(&checked).unwrap().name, "x");
    let checked = check_in("SELECT * FROM hosp.patients, other.hosp.patients", &stored).unwrap();
    assert_eq!(stored.missing(&checked).unwrap().catalog.as_deref(), Some("other"));
}

#[test]
fn a_chain_of_views_is_bounded() {
    let chain = |length: usize| {
        let link = |n: usize| {
            view("main", &format!("v{n}"), &format!("CREATE VIEW v{n} AS SELECT * FROM v{};", n + 1))
        };
        Stored::new("db", (0..length).map(link).chain([table("main", &format!("v{length}"))]), [])
    };
    assert_eq!(schemas(&chain(20), "FROM v0"), ["main"]);
    assert_eq!(check_in("FROM v0", &chain(100)).unwrap_err(), Refusal::TooDeep);
}
