//! The statements in `tests/sql/`, for the tests of both defences.

/// The database that the statements speak of.
pub(crate) const SCHEMA: &str = include_str!("../../../tests/sql/schema.sql");

/// Statements to be let through.
pub(crate) fn allowed() -> Vec<String> {
    statements(include_str!("../../../tests/sql/allowed.sql")).map(|(_, sql)| sql).collect()
}

/// Statements to be refused, each after words of the refusal.
pub(crate) fn denied() -> Vec<(&'static str, String)> {
    statements(include_str!("../../../tests/sql/denied.sql")).collect()
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
