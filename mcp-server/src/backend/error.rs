//! Why a query has no answer, in words that may be shown to whoever asked.

use std::path::Path;
use std::time::Duration;

use auth_core::rejection::Rejection;

use crate::error::Explain;
use crate::sql::Refusal;

/// A question to a dataset that was not answered.
///
/// No message holds a local path or a file's content; [`QueryError::Engine`] keeps of the engine's words what mends the query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The SQL policy did not let it through.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It reads what this caller may not.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The engine did not run it: an unknown column, a wrong type, a failed cast.
    #[error("{message}")]
    Engine {
        /// The engine's words, cleaned.
        message: String,
    },
    /// It took longer than allowed, and was stopped.
    #[error("The query was stopped after {} seconds", limit.as_secs_f64())]
    Timeout {
        /// The time it was allowed.
        limit: Duration,
    },
    /// It was stopped before its end.
    #[error("The query was cancelled")]
    Cancelled,
    /// It needed more memory than the engine is given.
    #[error("The query needs more memory than it is given")]
    Memory,
    /// More columns than a result may have.
    #[error("The result has {columns} columns, more than the {limit} that are returned")]
    TooWide {
        /// How many it has.
        columns: usize,
        /// The most that are returned.
        limit: usize,
    },
    /// No table of that name.
    #[error("Table {name:?} does not exist in dataset {dataset}")]
    TableUnknown {
        /// The name asked for.
        name: String,
        /// The dataset looked into.
        dataset: String,
        /// Names that are spelt alike, best first.
        near: Vec<String>,
    },
    /// A bare table name that several schemas have.
    #[error("Table {name:?} is in several schemas")]
    TableAmbiguous {
        /// The name asked for.
        name: String,
        /// The canonical names it could mean.
        candidates: Vec<String>,
    },
    /// The dataset is known but its database is not there.
    #[error("Dataset {dataset} is not set up on this machine")]
    DatabaseMissing {
        /// The dataset.
        dataset: String,
    },
    /// The database is being written by another process.
    #[error("The database of dataset {dataset} is in use by a program that writes to it")]
    DatabaseBusy {
        /// The dataset.
        dataset: String,
    },
    /// The database was written by a newer engine.
    #[error("The database of dataset {dataset} was made by a newer version of DuckDB")]
    DatabaseNewer {
        /// The dataset.
        dataset: String,
    },
    /// The file is damaged, or not a `DuckDB` database.
    #[error("The database of dataset {dataset} cannot be read: {reason}")]
    DatabaseUnreadable {
        /// The dataset.
        dataset: String,
        /// Why, without the path.
        reason: String,
    },
    /// Something that is not the caller's doing went wrong.
    #[error("The query failed inside the server: {what}")]
    Internal {
        /// What failed.
        what: &'static str,
    },
}

impl Explain for QueryError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Refused(refusal) => return refusal.hint(),
            Self::Rejected(rejection) => rejection.hint(),
            Self::Engine { message } => return engine_hint(message).map(str::to_owned),
            Self::Timeout { .. } | Self::Memory => {
                "read less: filter early with WHERE, aggregate, or try on a part with USING SAMPLE".to_owned()
            }
            Self::Cancelled => return None,
            Self::TooWide { .. } => "name the columns you need".to_owned(),
            Self::TableUnknown { near, .. } if near.is_empty() => {
                "SHOW ALL TABLES or get_database_schema lists the tables".to_owned()
            }
            Self::TableUnknown { near, .. } => format!("did you mean {}?", near.join(" or ")),
            Self::TableAmbiguous { candidates, .. } => {
                format!("name the schema: {}", candidates.join(" or "))
            }
            Self::DatabaseMissing { dataset } => format!("run m4 init {dataset}"),
            Self::DatabaseBusy { .. } => "wait until m4 init has ended, then try again".to_owned(),
            Self::DatabaseNewer { dataset } => {
                format!("update M4, or rebuild the database with m4 init {dataset}")
            }
            Self::DatabaseUnreadable { dataset, .. } => format!("rebuild it with m4 init {dataset}"),
            Self::Internal { .. } => "try again; the server's log has more".to_owned(),
        })
    }
}

fn engine_hint(message: &str) -> Option<&'static str> {
    let hints = [
        ("VARIANT", "cast the column: column::VARCHAR"),
        ("Variant", "cast the column: column::VARCHAR"),
        ("Referenced column", "get_table_info or DESCRIBE lists a table's columns"),
        ("Conversion Error", "TRY_CAST gives NULL where a value does not convert"),
    ];
    hints.iter().find(|(word, _)| message.contains(word)).map(|(_, hint)| *hint)
}

/// Cleans an engine's message: no local path stays, neither the database's nor any other.
pub(crate) fn without_paths(message: &str, database: &Path) -> String {
    let mut clean = message.to_owned();
    let known = [Some(database), database.parent()];
    for path in known.into_iter().flatten().filter_map(Path::to_str).filter(|path| path.len() > 1) {
        clean = clean.replace(path, PLACEHOLDER);
    }
    if let Some(file) = database.file_name().and_then(|name| name.to_str()) {
        clean = clean.replace(file, PLACEHOLDER);
    }
    replace_paths(&clean)
}

/// Replaces what looks like an absolute path: after a quote `/x`, `~/x`, `C:\x` or a URL; elsewhere `/x/y` and `C:\x`.
fn replace_paths(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let quoted = matches!(before, '"' | '\'' | '`');
        let starts_here = !before.is_alphanumeric() && !matches!(before, '_' | '/' | ')' | ']' | '.');
        let length = if starts_here { path_length(rest, quoted, before) } else { 0 };
        if length > 0 {
            out.push_str(PLACEHOLDER);
            rest = &rest[length..];
            before = '>';
        } else {
            out.push(first);
            before = first;
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// The bytes of the path at the start of `text`, or 0. A quoted one ends at its quote.
fn path_length(text: &str, quoted: bool, quote: char) -> usize {
    let end = if quoted {
        text.find(quote).unwrap_or(text.len())
    } else {
        text.find(|c: char| c.is_whitespace() || "\"'`()[]{},;<>|".contains(c)).unwrap_or(text.len())
    };
    let candidate = &text[..end];
    let bytes = candidate.as_bytes();
    let drive = bytes.len() > 2
        && bytes[0].is_ascii_alphabetic()
        && bytes[1] == b':'
        && matches!(bytes[2], b'\\' | b'/');
    let unix = candidate.starts_with('/') && bytes.len() > 1;
    let deep = unix && candidate[1..].contains('/') && bytes[1] != b'/' && bytes[1] != b'*';
    let home = candidate.starts_with("~/");
    let url = candidate
        .split_once("://")
        .is_some_and(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphanumeric()));
    let share = candidate.starts_with(r"\\");
    if drive || deep || home || url || share || (quoted && unix) { end } else { 0 }
}

const PLACEHOLDER: &str = "<path>";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clean(message: &str) -> String {
        without_paths(message, Path::new("/home/ann/m4/demo.duckdb"))
    }

    #[test]
    fn paths_are_taken_out_and_the_rest_stays() {
        let cases = [
            (
                "IO Error: Cannot open file \"/home/ann/m4/demo.duckdb\": No such file",
                "IO Error: Cannot open file \"<path>\": No such file",
            ),
            ("cannot open demo.duckdb", "cannot open <path>"),
            (
                "Permission Error: Cannot access file \"/etc/passwd\" - disabled",
                "Permission Error: Cannot access file \"<path>\" - disabled",
            ),
            ("file '/secret' and '/a b/c d'", "file '<path>' and '<path>'"),
            ("at /var/lib/x.csv, line 3", "at <path>, line 3"),
            (r#"open "C:\Users\ann\x" or D:/data"#, r#"open "<path>" or <path>"#),
            ("see ~/x or file:///etc/x or https://h/x?y", "see <path> or <path> or <path>"),
        ];
        for (message, expected) in cases {
            assert_eq!(clean(message), expected);
        }
    }

    #[test]
    fn what_mends_a_query_is_kept() {
        for message in [
            "Binder Error: Referenced column \"nope\" not found in FROM clause!\nCandidate bindings: \"subject_id\"\n\nLINE 1: SELECT nope / 2, a/b FROM t\n               ^",
            "Conversion Error: Could not convert string 'x/y' to INT32",
            "Parser Error: syntax error at or near \"/\"",
        ] {
            assert_eq!(clean(message), message);
        }
    }

    proptest! {
        #[test]
        fn no_quoted_absolute_path_survives(path in "(/[a-z0-9 ._-]{1,8}){1,4}", before in "[a-zA-Z ]{0,8}") {
            let cleaned = clean(&format!("{before} \"{path}\" x"));
            prop_assert!(!cleaned.contains(&path));
        }

        #[test]
        fn cleaning_any_text_does_not_panic(text in any::<String>()) {
            let _ = clean(&text);
        }
    }
}
