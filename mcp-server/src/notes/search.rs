//! Finds notes, ranks them and shows where they match.

use duckdb::Connection;

use super::index::Index;
use super::query::Query;
use super::rank::{Ranked, Scores};
use super::{Kind, scan, snippet};

/// What is searched for, where, and how much of it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// What is looked for.
    pub query: Query,
    /// The kinds of notes to look through.
    pub kinds: Vec<Kind>,
    /// The most notes shown of each kind.
    pub limit: usize,
    /// About how many characters of each are shown.
    pub snippet_length: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// A section per kind the database has, in the order of [`Kind::ALL`].
    pub sections: Vec<Section>,
    /// How the notes fit.
    pub matching: Match,
    /// Whether an index was there for each; without one every note was read.
    pub indexed: bool,
    /// Whether notes were left out for their size.
    pub cut: bool,
}

/// How notes fit a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// They have everything that was looked for.
    All,
    /// None has everything; these have something of it.
    Any,
}

/// What was found in notes of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Which.
    pub kind: Kind,
    /// How many notes there are.
    pub notes: u64,
    /// How many of them fit.
    pub total: u64,
    /// How many have each part of the query, by itself.
    pub parts: Vec<(String, u64)>,
    /// The best of them.
    pub hits: Vec<Hit>,
}

/// A note that fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Its id.
    pub note_id: Option<String>,
    /// The patient.
    pub subject_id: Option<i64>,
    /// The admission.
    pub hadm_id: Option<i64>,
    /// When it was charted.
    pub charttime: Option<String>,
    /// How well it fits; comparable within a section.
    pub score: f32,
    /// Part of its text around what matches, which stands between `**`.
    pub snippet: String,
    /// Characters of the whole text.
    pub length: usize,
}

/// Why nothing came back.
#[derive(Debug)]
pub(crate) enum SearchError {
    /// The engine failed.
    Engine(duckdb::Error),
    /// It was stopped.
    Stopped,
}

impl From<duckdb::Error> for SearchError {
    fn from(error: duckdb::Error) -> Self {
        Self::Engine(error)
    }
}

/// Searches the notes of a database, and shows at most about `max_bytes` of them.
pub(crate) fn search(
    connection: &Connection,
    search: &Search,
    max_bytes: usize,
    stopped: &dyn Fn() -> bool,
) -> Result<Found, SearchError> {
    let mut sources = Vec::new();
    for &kind in &search.kinds {
        if let Some(notes) = count(connection, kind)? {
            sources.push(Source { kind, notes, index: Index::open(connection, kind, notes)? });
        }
    }
    let indexed = sources.iter().all(|source| source.index.is_some());
    let rank = |matching: Match| -> Result<Vec<Ranked>, SearchError> {
        sources.iter().map(|source| source.rank(connection, search, matching, stopped)).collect()
    };
    let mut matching = Match::All;
    let mut ranked = rank(matching)?;
    if search.query.has_several() && ranked.iter().all(|ranked| ranked.total == 0) {
        matching = Match::Any;
        ranked = rank(matching)?;
    }
    let (mut left, mut cut) = (max_bytes, false);
    let mut sections = Vec::with_capacity(sources.len());
    for (source, ranked) in sources.iter().zip(ranked) {
        let names = search.query.wanted.iter().map(super::query::Clause::text);
        let mut section = Section {
            kind: source.kind,
            notes: source.notes,
            total: ranked.total,
            parts: names.zip(ranked.counts).collect(),
            hits: Vec::new(),
        };
        for hit in hits(connection, source.kind, &ranked.best, search, stopped)? {
            let weight = hit.snippet.len() + OTHER_BYTES;
            if weight > left && !section.hits.is_empty() {
                cut = true;
                break;
            }
            left = left.saturating_sub(weight);
            section.hits.push(hit);
        }
        sections.push(section);
    }
    Ok(Found { sections, matching, indexed, cut })
}

/// How many notes of a kind there are; `None` where there is no such table.
fn count(connection: &Connection, kind: Kind) -> Result<Option<u64>, duckdb::Error> {
    let (schema, table) = kind.schema_and_table();
    let known: bool = connection.query_row(
        "SELECT count(*) > 0 FROM system.main.duckdb_tables() \
         WHERE database_name = system.main.current_database() AND schema_name = ? AND table_name = ?",
        [schema, table],
        |row| row.get(0),
    )?;
    if !known {
        return Ok(None);
    }
    connection.query_row(&format!("SELECT count(*) FROM {}", kind.table()), [], |row| row.get(0)).map(Some)
}

struct Source<'c> {
    kind: Kind,
    notes: u64,
    index: Option<Index<'c>>,
}

impl Source<'_> {
    fn rank(
        &self,
        connection: &Connection,
        search: &Search,
        matching: Match,
        stopped: &dyn Fn() -> bool,
    ) -> Result<Ranked, SearchError> {
        let Search { query, limit, .. } = search;
        let Some(index) = &self.index else {
            return scan::rank(connection, self.kind, self.notes, query, matching, *limit, stopped);
        };
        let mut scores = Scores::new(&index.lengths, index.average, index.notes);
        for clause in &query.wanted {
            if stopped() {
                return Err(SearchError::Stopped);
            }
            scores.add(&match clause.atoms.as_slice() {
                [atom] => index.atom(atom)?,
                several => {
                    let lists = several.iter().map(|atom| index.atom(atom)).collect::<Result<Vec<_>, _>>()?;
                    scan::union(lists)
                }
            });
        }
        for atom in &query.excluded {
            scores.exclude(&index.atom(atom)?);
        }
        Ok(scores.best(query, matching, *limit))
    }
}

/// The notes at these rows, in this order.
fn hits(
    connection: &Connection,
    kind: Kind,
    best: &[(u32, f32)],
    search: &Search,
    stopped: &dyn Fn() -> bool,
) -> Result<Vec<Hit>, SearchError> {
    // One row at a time: for a list of rows the engine reads the whole table.
    let mut statement = connection.prepare(&format!(
        "SELECT note_id::VARCHAR, subject_id::BIGINT, hadm_id::BIGINT, charttime::VARCHAR, text FROM {} \
         WHERE rowid = ?",
        kind.table()
    ))?;
    let mut hits = Vec::with_capacity(best.len());
    for &(row, score) in best {
        if stopped() {
            return Err(SearchError::Stopped);
        }
        let hit = statement.query_row([i64::from(row)], |row| {
            let text = row.get::<_, Option<String>>(4)?.unwrap_or_default();
            Ok(Hit {
                note_id: row.get(0)?,
                subject_id: row.get(1)?,
                hadm_id: row.get(2)?,
                charttime: row.get(3)?,
                score,
                snippet: snippet::of(&text, &search.query, search.snippet_length),
                length: text.chars().count(),
            })
        })?;
        hits.push(hit);
    }
    Ok(hits)
}

/// What a hit weighs beside its snippet.
const OTHER_BYTES: usize = 150;
