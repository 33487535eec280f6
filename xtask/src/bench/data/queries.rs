//! The queries of `tests/sql/bench.sql`.

/// A query of the demo's tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) name: String,
    pub(crate) sql: String,
}

/// All of them, in order.
pub(crate) fn all() -> Vec<Query> {
    parse(include_str!("../../../../tests/sql/bench.sql"))
}

fn parse(text: &str) -> Vec<Query> {
    let parts = text.split("-- name: ").skip(1);
    parts.filter_map(query).collect()
}

fn query(part: &str) -> Option<Query> {
    let (name, rest) = part.split_once('\n')?;
    let sql = rest.trim().trim_end_matches(';').to_owned();
    Some(Query { name: name.trim().to_owned(), sql })
}

/// What the queries are for.
pub(crate) const DEMO: &str = "mimic-iv-demo";

/// What the calls of the note tools are for.
pub(crate) const NOTES: &str = "mimic-iv-note";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_twenty_with_names_of_their_own() {
        let queries = all();
        assert_eq!(queries.len(), 20);
        let mut names: Vec<&str> = queries.iter().map(|query| query.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 20);
        assert!(queries.iter().all(|query| query.sql.contains("SELECT") && !query.sql.contains(';')));
    }
}
