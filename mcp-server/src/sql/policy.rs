//! One statement, read-only, of known parts: the check that every query passes before it runs.

use std::collections::BTreeSet;

use super::lexer::{self, Kind, Token};
use super::order::OrderKey;
use super::parser::{self, Parsed};
use super::pivot;
use super::refusal::Refusal;
use super::stored::Stored;
use super::tree::{self, Findings, Terms};

/// A statement that the policy let through. Only [`check`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    sql: String,
    tables: BTreeSet<TableName>,
    schemas: BTreeSet<String>,
    order: Vec<OrderKey>,
}

impl Checked {
    /// The SQL to run.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The tables and views that it names, as written; without the engine's own, and without its `WITH` names.
    pub fn tables(&self) -> &BTreeSet<TableName> {
        &self.tables
    }

    /// The schemas whose tables it reads, in lower case: those of its own tables, of all that views and macros lead to,
    /// and every schema there is for a query that lists tables or columns.
    pub fn schemas(&self) -> &BTreeSet<String> {
        &self.schemas
    }

    /// How its rows are ordered; empty where that is not by columns alone.
    pub fn order(&self) -> &[OrderKey] {
        &self.order
    }
}

/// A table as a statement names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// `a` in `a.b.c`.
    pub catalog: Option<String>,
    /// `b` in `a.b.c` and in `b.c`.
    pub schema: Option<String>,
    /// `c`.
    pub name: String,
}

/// Checks that `sql` is one query made of known parts that read the database and nothing else, whatever the database.
///
/// The engine's own parser reads it, so there is no second opinion about what a statement is. It blocks for the parse:
/// some tens of microseconds for a usual query, some hundred milliseconds for the longest that is read.
pub fn check(sql: &str) -> Result<Checked, Refusal> {
    check_in(sql, &Stored::default())
}

/// [`check`] for a database with these definitions: what views and macros of it expand to is checked as well.
pub fn check_in(sql: &str, stored: &Stored) -> Result<Checked, Refusal> {
    Check { stored, parameters: false }.statement(sql)
}

/// [`check_in`] for a statement of M4's own, whose placeholders have values.
pub(crate) fn check_prepared(sql: &str, stored: &Stored) -> Result<Checked, Refusal> {
    Check { stored, parameters: true }.statement(sql)
}

/// A statement without the comments and semicolons around it, as it can stand in brackets.
pub fn bare(sql: &str) -> &str {
    let Ok(tokens) = lexer::tokens(sql) else { return sql };
    let mut kept = tokens.iter().filter(|token| token.kind != Kind::Semicolon);
    let Some(first) = kept.next() else { return "" };
    let last = kept.next_back().unwrap_or(first);
    &sql[first.span.start..last.span.end]
}

/// What one statement is checked against.
#[derive(Clone, Copy)]
struct Check<'a> {
    stored: &'a Stored,
    parameters: bool,
}

impl Check<'_> {
    fn statement(self, sql: &str) -> Result<Checked, Refusal> {
        if sql.len() > MAX_SQL_BYTES {
            return Err(Refusal::TooLong { bytes: sql.len(), limit: MAX_SQL_BYTES });
        }
        if let Some(position) = sql.find('\0') {
            return Err(Refusal::Syntax {
                message: "there is a NUL character".to_owned(),
                position: Some(position),
            });
        }
        let tokens = lexer::tokens(sql).map_err(|open| Refusal::Syntax {
            message: "a quote or comment is not closed".to_owned(),
            position: Some(open.0),
        })?;
        if lexer::nesting(&tokens) > MAX_NESTING {
            return Err(Refusal::TooDeep);
        }
        match parse(sql)? {
            Parsed::Queries(trees) => {
                let findings = self.one(&trees, None)?;
                self.checked(sql.to_owned(), findings)
            }
            Parsed::TooDeep => Err(Refusal::TooDeep),
            Parsed::Syntax { message, position } => {
                Err(forbidden(sql, &tokens).unwrap_or(Refusal::Syntax { message, position }))
            }
            Parsed::NotOnlyQueries => self.other(sql, &tokens),
        }
    }

    /// What parses and is not plainly a query: `EXPLAIN`, a pivot whose columns are found by a query, or refused.
    fn other(self, sql: &str, tokens: &[Token]) -> Result<Checked, Refusal> {
        if let Some((prefix, rest)) = explained(sql, tokens) {
            return match parse(rest)? {
                Parsed::Queries(trees) => {
                    // What comes back is the plan's text, whatever order the query has.
                    let findings = Findings { order: Vec::new(), ..self.one(&trees, None)? };
                    self.checked(format!("{prefix} {rest}"), findings)
                }
                Parsed::TooDeep => Err(Refusal::TooDeep),
                Parsed::Syntax { message, .. } => Err(Refusal::Syntax { message, position: None }),
                Parsed::NotOnlyQueries => Err(not_a_query(rest, &lexer::tokens(rest).unwrap_or_default())),
            };
        }
        if let Some(variant) = pivot::complete(sql, tokens)
            && let Parsed::Queries(trees) = parse(&variant.sql)?
        {
            let findings = self.one(&trees, Some(pivot::MARKER))?;
            if findings.markers == variant.markers {
                // Its columns come from the data, and so may the order.
                return self.checked(sql.to_owned(), Findings { order: Vec::new(), ..findings });
            }
        }
        Err(not_a_query(sql, tokens))
    }

    fn one(self, trees: &[serde_json::Value], marker: Option<&str>) -> Result<Findings, Refusal> {
        let is_macro = |name: &str, arguments: usize| self.stored.is_macro(name, arguments);
        let terms = Terms { marker, parameters: self.parameters, is_macro: &is_macro };
        match trees {
            [] => Err(Refusal::Empty),
            [tree] => tree::walk(tree, terms),
            _ => Err(Refusal::SeveralStatements),
        }
    }

    fn checked(self, sql: String, findings: Findings) -> Result<Checked, Refusal> {
        let schemas = self.stored.schemas_of(&findings)?;
        Ok(Checked { sql, tables: findings.tables, schemas, order: findings.order })
    }
}

fn parse(sql: &str) -> Result<Parsed, Refusal> {
    parser::parse(sql).map_err(|error| {
        tracing::warn!(%error, "the SQL parser could not be asked");
        Refusal::Unchecked
    })
}

/// Splits `EXPLAIN [ANALYZE] [(options)] rest` into a prefix written anew and the rest.
///
/// What runs is that prefix before exactly the text that the parser takes for one query, so it does not matter whether the
/// lexer saw the original as the engine would.
fn explained<'a>(sql: &'a str, tokens: &[Token]) -> Option<(String, &'a str)> {
    let [first, after @ ..] = tokens else { return None };
    if !first.is_word(sql, "EXPLAIN") {
        return None;
    }
    let mut prefix = "EXPLAIN".to_owned();
    let mut rest = after;
    if let [analyze, after @ ..] = rest
        && analyze.is_word(sql, "ANALYZE")
    {
        prefix.push_str(" ANALYZE");
        rest = after;
    } else if let [open, inside @ ..] = rest
        && open.kind == Kind::Open
        && let Some(close) = inside.iter().position(|token| token.kind == Kind::Close)
        && inside[..close].iter().all(|token| token.kind == Kind::Comma || is_explain_option(sql, token))
    {
        let options: Vec<&str> = inside[..close].iter().map(|token| &sql[token.span.clone()]).collect();
        prefix = format!("EXPLAIN ({})", options.join(" "));
        rest = &inside[close + 1..];
    }
    let start = rest.first()?.span.start;
    Some((prefix, &sql[start..]))
}

fn is_explain_option(sql: &str, token: &Token) -> bool {
    EXPLAIN_OPTIONS.iter().any(|option| token.is_word(sql, option))
}

/// The refusal of something that parses and is not one query.
fn not_a_query(sql: &str, tokens: &[Token]) -> Refusal {
    let mut past_end = tokens.iter().skip_while(|token| token.kind != Kind::Semicolon);
    if past_end.any(|token| token.kind != Kind::Semicolon) {
        return Refusal::SeveralStatements;
    }
    let first = tokens.iter().find(|token| token.kind == Kind::Word);
    forbidden(sql, tokens).unwrap_or_else(|| Refusal::Statement {
        kind: first.map_or_else(|| "This".to_owned(), |word| sql[word.span.clone()].to_ascii_uppercase()),
        instead: "write it as SELECT; a PIVOT needs plain elements after ON, each with IN (values) or without IN",
    })
}

/// The refusal of a statement by its first word, if that word alone forbids it.
fn forbidden(sql: &str, tokens: &[Token]) -> Option<Refusal> {
    let first = tokens.first()?;
    let (instead, _) =
        FORBIDDEN.iter().find(|(_, words)| words.iter().any(|word| first.is_word(sql, word)))?;
    Some(Refusal::Statement { kind: sql[first.span.clone()].to_ascii_uppercase(), instead })
}

/// The longest statement that is read, in bytes.
pub const MAX_SQL_BYTES: usize = 100_000;

/// Brackets inside one another; the parser's own tree is bounded besides.
const MAX_NESTING: usize = 150;

const EXPLAIN_OPTIONS: &[&str] =
    &["ANALYZE", "FORMAT", "TEXT", "JSON", "YAML", "HTML", "GRAPHVIZ", "MERMAID", "DEFAULT"];

const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "files are neither read nor written; the answer comes back as the result",
        &["COPY", "EXPORT", "IMPORT"],
    ),
    ("name the dataset in the call; databases are not switched by SQL", &["ATTACH", "DETACH", "USE"]),
    ("extensions stay as they are; write it with the functions there are", &["INSTALL", "LOAD", "FORCE"]),
    ("SHOW TABLES, DESCRIBE and information_schema tell what there is", &["PRAGMA"]),
    ("settings stay as they are; write the query so that it does not need them", &["SET", "RESET"]),
    ("use SELECT * FROM function(…)", &["CALL"]),
    ("name an intermediate result with WITH", &["CREATE", "ALTER", "DROP", "TRUNCATE", "COMMENT"]),
    (
        "the data is read-only; compute the changed rows with SELECT",
        &["INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "UPSERT"],
    ),
    (
        "each query stands alone and sees a consistent state",
        &["BEGIN", "START", "COMMIT", "ROLLBACK", "ABORT", "END"],
    ),
    ("the data is read-only; there is nothing to tidy", &["CHECKPOINT", "VACUUM", "ANALYZE"]),
    ("send the whole statement with its values", &["PREPARE", "EXECUTE", "DEALLOCATE"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::corpus::{self, Denied};
    use crate::sql::stored::Macro;
    use proptest::prelude::*;

    /// The macros of the corpus's database; its views and tables make no difference here.
    fn hospital() -> Stored {
        let of = |name: &str, parameters, definition: &str, is_table| Macro {
            schema: "main".to_owned(),
            name: name.to_owned(),
            parameters,
            definition: definition.to_owned(),
            is_table,
        };
        let macros = [
            of("bmi", 2, "(kg / ((cm / 100) ** 2))", false),
            of("stays_of", 1, "SELECT * FROM range(id)", true),
        ];
        Stored::new("hospital", [], macros)
    }

    fn tables(sql: &str) -> Vec<String> {
        let name = |table: &TableName| {
            table.schema.iter().chain([&table.name]).cloned().collect::<Vec<_>>().join(".")
        };
        check(sql).unwrap().tables().iter().map(name).collect()
    }

    #[test]
    fn every_allowed_statement_is_let_through() {
        let statements = corpus::allowed();
        assert!(statements.len() >= 150, "{}", statements.len());
        let stored = hospital();
        let check = |sql: &str| check_in(sql, &stored);
        let refused: Vec<_> =
            statements.iter().filter_map(|sql| check(sql).err().map(|why| (sql, why))).collect();
        assert!(refused.is_empty(), "{refused:#?}");
    }

    #[test]
    fn every_denied_statement_is_refused_in_the_right_words() {
        let statements = corpus::denied();
        assert!(statements.len() >= 150, "{}", statements.len());
        let stored = hospital();
        for Denied { words, sql, .. } in statements {
            match check_in(&sql, &stored) {
                Ok(checked) => panic!("let through: {checked:?}"),
                Err(why) => assert!(why.to_string().contains(words), "{sql}: {why}, expected {words}"),
            }
        }
    }

    #[test]
    fn the_tables_of_a_query_are_reported_without_its_with_names() {
        assert_eq!(
            tables("SELECT * FROM a.b JOIN c USING (x) WHERE y IN (SELECT z FROM d)"),
            ["c", "d", "a.b"]
        );
        assert_eq!(tables("WITH x AS (SELECT * FROM y), z AS (FROM x) SELECT * FROM z, X"), ["y"]);
        assert_eq!(tables("WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT * FROM r, s) FROM r"), ["s"]);
        assert_eq!(tables("SELECT * FROM (WITH x AS (SELECT 1) FROM x), x"), ["x"]);
        assert_eq!(tables("PIVOT (FROM a.b) ON c USING sum(d)"), ["a.b"]);
        assert_eq!(tables("EXPLAIN SUMMARIZE a.b"), ["a.b"]);
        assert_eq!(tables("SELECT * FROM information_schema.tables"), [""; 0]);
    }

    #[test]
    fn a_with_name_that_hides_its_own_table_does_not_hide_it_from_the_report() {
        assert_eq!(tables("WITH patients AS (SELECT * FROM patients) FROM patients"), ["patients"]);
    }

    #[test]
    fn what_runs_after_explain_is_exactly_what_was_checked() {
        assert_eq!(
            check("explain/**/analyze\nSELECT 1 ; --x").unwrap().sql(),
            "EXPLAIN ANALYZE SELECT 1 ; --x"
        );
        assert_eq!(
            check("EXPLAIN (format JSON) (SELECT 1)").unwrap().sql(),
            "EXPLAIN (format JSON) (SELECT 1)"
        );
        // Whether comments nest or not, only what the parser saw as a query is left.
        assert_eq!(check("EXPLAIN /* /* */ COPY t TO 'x' -- */ SELECT 1").unwrap().sql(), "EXPLAIN SELECT 1");
        assert_eq!(check("EXPLAIN (SELECT 1)").unwrap().sql(), "EXPLAIN (SELECT 1)");
    }

    #[test]
    fn nesting_of_every_sort_is_bounded_and_overflows_no_stack() {
        let bombs: [(&str, &str, &str); 14] = [
            ("(", "1", ")"),
            ("NOT ", "true", ""),
            ("- ", "1", ""),
            ("~ ", "1", ""),
            ("", "1", "+1"),
            ("", "1", "::INTEGER"),
            ("", "NULL::INTEGER", "[]"),
            ("", "1", " IS NULL"),
            ("CASE WHEN true THEN ", "1", " END"),
            ("[", "1", "]"),
            ("lambda x: ", "1", ""),
            ("x -> ", "1", ""),
            ("", "1", " EXCEPT SELECT 1"),
            ("(SELECT ", "1", ")"),
        ];
        for (before, middle, after) in bombs {
            for count in [1_000, 3_000, 10_000] {
                let sql = format!("SELECT {}{middle}{}", before.repeat(count), after.repeat(count));
                // The parser folds minus signs away, so they make no depth.
                assert!(check(&sql).is_err() || before == "- ", "let through: {}", &sql[..60]);
            }
        }
    }

    #[test]
    fn long_flat_statements_are_read() {
        let list: Vec<String> = (0..15_000).map(|id| id.to_string()).collect();
        check(&format!("SELECT * FROM t WHERE id IN ({})", list.join(","))).unwrap();
        check(&format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(1_000))).unwrap();
        check(&format!("SELECT 'a'{}", " || 'a'".repeat(100))).unwrap();
        assert!(matches!(check(&" ".repeat(MAX_SQL_BYTES + 1)), Err(Refusal::TooLong { .. })));
    }

    #[test]
    fn a_nul_character_is_refused() {
        assert!(matches!(check("SELECT 1\0; DROP TABLE x"), Err(Refusal::Syntax { position: Some(8), .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn no_text_makes_the_check_panic(sql in any::<String>()) {
            let _ = check(&sql);
        }

        #[test]
        fn no_string_of_words_makes_the_check_panic(words in prop::collection::vec(
            prop::sample::select(vec!["SELECT", "FROM", "PIVOT", "ON", "IN", "(", ")", "EXPLAIN", "ANALYZE", "t", "a", ",", ";", "'", "\"", "USING", "*", "WITH", "AS", "/*", "*/", "--", "\n", "1"]), 0..24)) {
            let _ = check(&words.join(" "));
        }

        #[test]
        fn a_file_function_is_refused_wherever_it_stands(
            place in prop::sample::select(vec![
                "FROM @", "SELECT (FROM @)", "WITH x AS (FROM @) FROM x", "SELECT * FROM t, LATERAL (FROM @)",
                "SELECT 1 IN (FROM @)", "PIVOT (FROM @) ON a", "EXPLAIN FROM @", "SUMMARIZE FROM @", "FROM t WHERE a = (FROM @)",
            ]),
            function in prop::sample::select(vec!["read_csv", "read_text", "READ_BLOB", "\"glob\"", "main.read_parquet", "query"]),
            blank in prop::sample::select(vec!["", " ", "/**/", "\n", "--x\n"]),
            argument in "[a-z/.*]{0,8}",
        ) {
            let sql = place.replace('@', &format!("{function}{blank}('{argument}')"));
            prop_assert!(check(&sql).is_err(), "{}", sql);
        }
    }
}
