//! Searches without an index: the engine passes by the notes that lack a word, the rest is read here.
//!
//! The functions are named whole: a database may have macros of the same names.
//!
//! How rare a word is comes from the notes that were read, so the order can differ from the index's.

use duckdb::arrow::array::{Array, Int64Array, StringArray};
use duckdb::{Connection, params_from_iter};

use super::Kind;
use super::found_in::Text;
use super::postings::Posting;
use super::query::{Atom, Clause, Query};
use super::rank::{self, Ranked, Scores};
use super::search::{Match, SearchError};

/// Ranks the notes that fit.
pub(super) fn rank(
    connection: &Connection,
    kind: Kind,
    notes: u64,
    query: &Query,
    matching: Match,
    limit: usize,
    stopped: &dyn Fn() -> bool,
) -> Result<Ranked, SearchError> {
    let (condition, words) = condition(query, matching);
    let sql = format!("SELECT rowid, text FROM {} WHERE {condition}", kind.table());
    let mut statement = connection.prepare(&sql)?;
    drop(statement.stream_arrow(params_from_iter(words))?);
    let mut read =
        Read { rows: Vec::new(), lengths: Vec::new(), clauses: vec![Vec::new(); query.wanted.len()] };
    let mut excluded = Vec::new();
    while let Some(batch) = statement.step()? {
        let columns = batch.columns();
        let rows = columns.first().and_then(|column| column.as_any().downcast_ref::<Int64Array>());
        let texts = columns.get(1).and_then(|column| column.as_any().downcast_ref::<StringArray>());
        let (Some(rows), Some(texts)) = (rows, texts) else { break };
        for index in (0..batch.len()).filter(|&index| !texts.is_null(index)) {
            if stopped() {
                return Err(SearchError::Stopped);
            }
            let (Ok(row), Ok(place)) = (u32::try_from(rows.value(index)), u32::try_from(read.rows.len()))
            else {
                break;
            };
            let text = Text::new(texts.value(index));
            if query.excluded.iter().any(|atom| text.places(atom).next().is_some()) {
                excluded.push(Posting { note: place, count: 1 });
            }
            read.add(row, place, &text, query);
        }
    }
    let words: u64 = read.lengths.iter().map(|&length| u64::from(length)).sum();
    let average = rank::average(words, read.lengths.len() as u64);
    let mut scores = Scores::new(&read.lengths, average, notes);
    read.clauses.iter().for_each(|postings| scores.add(postings));
    scores.exclude(&excluded);
    let mut ranked = scores.best(query, matching, limit);
    for (place, _) in &mut ranked.best {
        *place = read.rows[*place as usize];
    }
    Ok(ranked)
}

/// The notes of several lists, each once.
pub(super) fn union(lists: Vec<Vec<Posting>>) -> Vec<Posting> {
    let mut all: Vec<Posting> = lists.into_iter().flatten().collect();
    all.sort_unstable_by_key(|posting| posting.note);
    all.dedup_by(|later, kept| {
        let same = later.note == kept.note;
        if same {
            kept.count += later.count;
        }
        same
    });
    all
}

/// What was read: notes by the order they came in.
struct Read {
    rows: Vec<u32>,
    lengths: Vec<u16>,
    clauses: Vec<Vec<Posting>>,
}

impl Read {
    fn add(&mut self, row: u32, place: u32, text: &Text, query: &Query) {
        self.rows.push(row);
        self.lengths.push(u16::try_from(text.len()).unwrap_or(u16::MAX));
        for (clause, postings) in query.wanted.iter().zip(&mut self.clauses) {
            let count: usize = clause.atoms.iter().map(|atom| text.places(atom).count()).sum();
            if count > 0 {
                postings.push(Posting { note: place, count: u32::try_from(count).unwrap_or(u32::MAX) });
            }
        }
    }
}

/// A condition that every fitting note meets, and the words bound to it.
fn condition(query: &Query, matching: Match) -> (String, Vec<&str>) {
    let mut words = Vec::new();
    let mut atom = |atom: &'_ Atom| -> String {
        let has =
            atom.words.iter().map(|_| "system.main.contains(system.main.lower(text), ?)").collect::<Vec<_>>();
        format!("({})", has.join(" AND "))
    };
    let mut clause = |clause: &'_ Clause| -> String {
        format!("({})", clause.atoms.iter().map(&mut atom).collect::<Vec<_>>().join(" OR "))
    };
    let clauses: Vec<String> = query.wanted.iter().map(&mut clause).collect();
    for clause in &query.wanted {
        words.extend(clause.atoms.iter().flat_map(|atom| atom.words.iter().map(String::as_str)));
    }
    let between = match matching {
        Match::All => " AND ",
        Match::Any => " OR ",
    };
    (clauses.join(between), words)
}
