//! Statements of the corpus, changed at random: the check never panics, never takes long, and never lets a function through
//! that is not allowed.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::corpus;
use super::functions::{self, Standing};
use super::lexer::{self, Kind, Token};
use super::{Stored, check, check_in};

/// Functions that read files, the environment, settings, or SQL in strings.
const FORBIDDEN: &[&str] = &[
    "read_csv",
    "READ_TEXT",
    "\"read_blob\"",
    "glob",
    "read_parquet",
    "getenv",
    "current_setting",
    "query",
    "query_table",
    "duckdb_settings",
    "nextval",
    "json_execute_serialized_sql",
    "sniff_csv",
    "no_such_function",
];

/// What may take a token's place.
const WORDS: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "(",
    ")",
    ",",
    ";",
    "'",
    "\"",
    "$$",
    "--",
    "/*",
    "*/",
    "*",
    "PIVOT",
    "ON",
    "IN",
    "EXPLAIN",
    "ANALYZE",
    "WITH",
    "AS",
    "RECURSIVE",
    "UNION ALL",
    "lambda x:",
    "->",
    "[",
    "]",
    "{",
    "}",
    "?",
    "$1",
    "NULL",
    "1e999",
    "0x",
    "::",
    "\u{200b}",
    "é",
    "COPY",
    "ATTACH 'x'",
    "INSERT INTO t",
    "DROP TABLE x",
    "CASE WHEN",
    "END",
    "OVER (",
    "FILTER (WHERE",
    "GROUP BY ALL",
];

fn statement() -> impl Strategy<Value = String> {
    let denied = corpus::denied().into_iter().map(|denied| denied.sql);
    prop::sample::select(corpus::allowed().into_iter().chain(denied).collect::<Vec<_>>())
}

/// Statements that call something.
fn calling() -> impl Strategy<Value = String> {
    let has_calls = |sql: &String| lexer::tokens(sql).is_ok_and(|tokens| !calls(sql, &tokens).is_empty());
    prop::sample::select(corpus::allowed().into_iter().filter(has_calls).collect::<Vec<_>>())
}

/// How a statement is changed; numbers are taken modulo what there is.
#[derive(Debug, Clone)]
enum Change {
    Replace(usize, &'static str),
    Insert(usize, &'static str),
    Remove(usize),
    Swap(usize, usize),
    Repeat(usize, usize),
    Cut(usize),
    Splice(usize, String),
}

fn change() -> impl Strategy<Value = Change> {
    let word = || prop::sample::select(WORDS);
    prop_oneof![
        (any::<usize>(), word()).prop_map(|(at, word)| Change::Replace(at, word)),
        (any::<usize>(), word()).prop_map(|(at, word)| Change::Insert(at, word)),
        any::<usize>().prop_map(Change::Remove),
        (any::<usize>(), any::<usize>()).prop_map(|(one, other)| Change::Swap(one, other)),
        (any::<usize>(), 1..40usize).prop_map(|(at, times)| Change::Repeat(at, times)),
        any::<usize>().prop_map(Change::Cut),
        (any::<usize>(), statement()).prop_map(|(at, other)| Change::Splice(at, other)),
    ]
}

fn changed(sql: &str, changes: &[Change]) -> String {
    let tokens = lexer::tokens(sql).unwrap_or_default();
    let mut words: Vec<String> = tokens.iter().map(|token| sql[token.span.clone()].to_owned()).collect();
    for change in changes {
        let place = |at: &usize| at % words.len().max(1);
        match change {
            _ if words.is_empty() => break,
            Change::Replace(at, word) => {
                let at = place(at);
                words[at] = (*word).to_owned();
            }
            Change::Insert(at, word) => words.insert(place(at), (*word).to_owned()),
            Change::Remove(at) => drop(words.remove(place(at))),
            Change::Swap(one, other) => {
                let (one, other) = (place(one), place(other));
                words.swap(one, other);
            }
            Change::Repeat(at, times) => {
                let at = place(at);
                words[at] = vec![words[at].clone(); *times].join(" ");
            }
            Change::Cut(at) => words.truncate(place(at)),
            Change::Splice(at, other) => words.insert(place(at), other.clone()),
        }
    }
    words.join(" ")
}

fn calls(sql: &str, tokens: &[Token]) -> Vec<usize> {
    let is_call = |place: &usize| {
        let name = sql[tokens[*place].span.clone()].to_ascii_lowercase();
        let known =
            functions::scalar(&name) == Standing::Allowed || functions::table(&name) == Standing::Allowed;
        // FILTER ( is syntax that goes by the name of a function.
        tokens[*place].kind == Kind::Word
            && known
            && name != "filter"
            && tokens.get(place + 1).is_some_and(|next| &sql[next.span.clone()] == "(")
    };
    (0..tokens.len()).filter(is_call).collect()
}

/// Whether the engine, too, reads a name before a bracket as no function: `FROM t name ('x')` gives `t` a name, and one to
/// its column.
fn is_no_call(sql: &str, name: &str) -> bool {
    let tree: Result<String, _> = super::parser::with_engine(|engine| {
        engine.query_row("SELECT json_serialize_sql(?::VARCHAR)::VARCHAR", [sql], |row| row.get(0))
    });
    tree.is_ok_and(|tree| {
        let tree = tree.to_lowercase();
        tree.contains("\"error\":false") && !tree.contains(&format!("\"function_name\":\"{name}\""))
    })
}

#[test]
fn an_alias_is_told_from_a_call_by_the_engines_tree() {
    assert!(is_no_call("SELECT key FROM t read_parquet ('x')", "read_parquet"));
    assert!(!is_no_call("SELECT key FROM read_parquet ('x')", "read_parquet"));
    assert!(!is_no_call("SELECT 1 + getenv ('x')", "getenv"));
    assert!(!is_no_call("COPY t TO 'x'", "getenv"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn no_change_makes_the_check_panic_or_linger(sql in statement(), changes in prop::collection::vec(change(), 1..8)) {
        let sql = changed(&sql, &changes);
        let started = Instant::now();
        let _ = check(&sql);
        prop_assert!(started.elapsed() < Duration::from_secs(10), "{:?}: {sql}", started.elapsed());
    }

    #[test]
    fn a_forbidden_function_in_the_place_of_any_call_is_refused(
        sql in calling(), place in any::<usize>(), name in prop::sample::select(FORBIDDEN), changes in prop::collection::vec(change(), 0..2),
    ) {
        let tokens = lexer::tokens(&sql).unwrap();
        let calls = calls(&sql, &tokens);
        let span = tokens[calls[place % calls.len()]].span.clone();
        let put = format!("{}{name}{}", &sql[..span.start], &sql[span.end..]);
        // GLOB is an operator besides, and one after `*`.
        let is_operator = name == "glob" && sql[..span.start].trim_end().ends_with('*');
        prop_assert!(is_operator || check(&put).is_err(), "{put}");
        // Whatever else is changed: where it is let through, the call is no call any more.
        let more = changed(&put, &changes);
        if name != "glob" && check_in(&more, &Stored::default()).is_ok() {
            let tokens = lexer::tokens(&more).unwrap();
            let name = name.trim_matches('"').to_ascii_lowercase();
            let called = tokens.windows(2).any(|pair| {
                let word = more[pair[0].span.clone()].trim_matches('"').to_ascii_lowercase();
                word == name && &more[pair[1].span.clone()] == "("
            });
            prop_assert!(!called || is_no_call(&more, &name), "{more}");
        }
    }

    #[test]
    fn what_is_let_through_is_one_query_that_only_reads(sql in statement(), changes in prop::collection::vec(change(), 1..4)) {
        let sql = changed(&sql, &changes);
        if let Ok(checked) = check(&sql) {
            // The engine's own opinion: prepared, it is one statement, and one that returns rows.
            let prepared = super::parser::with_engine(|engine| engine.prepare(checked.sql()).map(|_| ()));
            if let Err(error) = prepared {
                let text = error.to_string();
                prop_assert!(!text.contains("Permission Error"), "{text}: {sql}");
            }
        }
    }
}
