//! Why a statement is not run, in words that help to write one that is.

use crate::error::Explain;

/// A statement that the policy does not let through.
///
/// What it holds comes from the caller's own SQL, so all of it may be shown to the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Nothing but spaces and comments.
    #[error("The SQL is empty")]
    Empty,
    /// Longer than the policy reads.
    #[error("The SQL is {bytes} bytes long, more than the {limit} that are read")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The longest that is read, in bytes.
        limit: usize,
    },
    /// Brackets, operators or subqueries inside one another beyond reason.
    #[error("The SQL is nested too deeply")]
    TooDeep,
    /// It is not SQL as the engine understands it.
    #[error("The SQL does not parse: {message}{}", at(*.position))]
    Syntax {
        /// The parser's words.
        message: String,
        /// The byte where it stopped, counted from 0.
        position: Option<usize>,
    },
    /// More than one statement.
    #[error("Only one statement at a time is run")]
    SeveralStatements,
    /// A kind of statement that is not a query.
    #[error("{kind} is not allowed: only queries that read are")]
    Statement {
        /// Its first word.
        kind: String,
        /// What to do in its place.
        instead: &'static str,
    },
    /// A function, in either place where one can stand.
    #[error("Function {name} is not allowed: {reason}")]
    Function {
        /// Its name, in lower case.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A table name that the engine would take for a file or an address.
    #[error("Table {name:?} is not allowed: it would be read as a file")]
    File {
        /// The name.
        name: String,
    },
    /// A view of the engine about itself.
    #[error("View {name} is not allowed: {reason}")]
    View {
        /// Its name, in lower case.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A placeholder (`?`, `$1`, `$name`), for which there is no value.
    #[error("The SQL has a parameter, and nothing to put in its place")]
    Parameter,
    /// A construct that the policy does not know.
    #[error("{what} is not allowed: this server does not know it")]
    Unknown {
        /// What the parser calls it.
        what: String,
    },
    /// A view, a macro or a generated column of the database that does what no query may.
    #[error("{kind} {name} of this database is not allowed: {why}")]
    Stored {
        /// What it is.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Why not.
        why: String,
    },
    /// A definition of the database that refers to a table that is not there.
    #[error("{name} does not exist")]
    Missing {
        /// The table.
        name: String,
    },
    /// The database defines something under a name of the engine's own.
    #[error("This database is not queried: it defines {name}, which takes the place of the engine's own")]
    Hides {
        /// The definition.
        name: String,
    },
    /// The parser could not be started or asked.
    #[error("The SQL could not be checked, so it was not run")]
    Unchecked,
}

impl Explain for Refusal {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Empty => "write one SELECT statement",
            Self::TooLong { .. } => {
                "shorten it, for instance by joining with a table in place of a long IN list"
            }
            Self::TooDeep => "split it with WITH, or compare with IN (…) in place of long chains",
            Self::Syntax { .. } => "the dialect is DuckDB's, close to PostgreSQL's",
            Self::SeveralStatements => "send the statements one by one",
            Self::Statement { instead, .. } => instead,
            Self::Function { .. } | Self::File { .. } => {
                "query the dataset's own tables; SHOW ALL TABLES or get_database_schema lists them"
            }
            Self::View { .. } => {
                "information_schema.tables and information_schema.columns tell what there is"
            }
            Self::Stored { .. } => "query the tables that it reads",
            Self::Missing { .. } => "query other tables",
            Self::Hides { .. } => {
                "the database was made elsewhere; make it anew with m4 init, or without that definition"
            }
            Self::Parameter => "write the value itself",
            Self::Unknown { .. } => "write it with plain SELECT, JOIN, WITH and the documented functions",
            Self::Unchecked => "try again; if it stays so, restart the server",
        };
        Some(hint.to_owned())
    }
}

fn at(position: Option<usize>) -> String {
    position.map(|position| format!(" (at byte {position})")).unwrap_or_default()
}
