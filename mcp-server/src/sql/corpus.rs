//! The statements in `tests/sql/`, for the tests of both defences.

/// The database that the statements speak of.
pub(crate) const SCHEMA: &str = include_str!("../../../tests/sql/schema.sql");

/// A statement to be refused.
pub(crate) struct Denied {
    /// What the refusal must say.
    pub(crate) words: &'static str,
    /// Whether the engine, locked as it is, would answer it.
    pub(crate) engine_answers: bool,
    pub(crate) sql: String,
}

/// Statements to be let through.
pub(crate) fn allowed() -> Vec<String> {
    statements(include_str!("../../../tests/sql/allowed.sql")).map(|(_, sql)| sql).collect()
}

/// Statements to be refused.
pub(crate) fn denied() -> Vec<Denied> {
    let statements = statements(include_str!("../../../tests/sql/denied.sql"));
    let denied = |(heading, sql): (&'static str, String)| {
        let (words, engine_answers) = match heading.strip_suffix(MARK) {
            Some(words) => (words, true),
            None => (heading, false),
        };
        Denied { words, engine_answers, sql }
    };
    statements.map(denied).collect()
}

fn statements(file: &'static str) -> impl Iterator<Item = (&'static str, String)> {
    let mut heading = "";
    file.lines().skip(1).filter(|line| !line.is_empty()).filter_map(move |line| {
        match line.strip_prefix("# ") {
            Some(words) => {
                heading = words;
                None
            }
            None => Some((heading, line.replace("\\n", "\n"))),
        }
    })
}

/// The end of a heading over statements that the engine would answer.
const MARK: &str = " | the engine alone answers";
