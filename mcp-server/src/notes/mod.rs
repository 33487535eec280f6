//! Clinical notes: a full-text index made when a dataset is set up, and the search that reads it.
//!
//! The index lies in the database itself, in schema [`INDEX_SCHEMA`], which lists of tables leave out. Per note table it has, for
//! every word, which notes have it, how often and where (`postings.rs`), and how long each note is. Ranking is BM25. A database
//! without an index is searched all the same, by reading every note.
//!
//! `DuckDB`'s own full-text extension is not in `libduckdb`, and a locked database loads none; see decision 16.

mod build;
mod found_in;
mod index;
mod postings;
mod query;
mod rank;
mod run;
mod scan;
mod search;
mod snippet;
#[cfg(test)]
mod tests;
mod words;

pub use build::{BuildError, Indexed, index_all};
pub use query::{BadQuery, Query};
pub use search::{Found, Hit, Match, Search, Section};
pub(crate) use search::{SearchError, search};

/// The schema that holds the index. It is made of what notes say, so whoever may not read the notes may not read it.
pub const INDEX_SCHEMA: &str = "m4_notes";

/// The schema that holds the notes.
pub const NOTE_SCHEMA: &str = "mimiciv_note";

/// A kind of note: one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Discharge summaries.
    Discharge,
    /// Radiology reports.
    Radiology,
}

impl Kind {
    /// Every kind, in the order they are answered.
    pub const ALL: [Self; 2] = [Self::Discharge, Self::Radiology];

    /// What callers call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discharge => "discharge",
            Self::Radiology => "radiology",
        }
    }

    /// The table that holds it.
    pub const fn table(self) -> &'static str {
        match self {
            Self::Discharge => "mimiciv_note.discharge",
            Self::Radiology => "mimiciv_note.radiology",
        }
    }

    /// The same in two parts.
    pub(crate) fn schema_and_table(self) -> (&'static str, &'static str) {
        self.table().split_once('.').unwrap_or_default()
    }

    /// The table of its words.
    const fn words_table(self) -> &'static str {
        match self {
            Self::Discharge => "discharge_words",
            Self::Radiology => "radiology_words",
        }
    }

    /// The table of its notes' lengths.
    const fn lengths_table(self) -> &'static str {
        match self {
            Self::Discharge => "discharge_lengths",
            Self::Radiology => "radiology_lengths",
        }
    }
}

/// How the index is laid out; another number is another layout, and an index of one is not read as the other.
const FORMAT: i64 = 1;
