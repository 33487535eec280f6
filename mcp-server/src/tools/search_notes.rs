//! `search_notes`: notes that fit a few words, the best first, each with the part that fits.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::{NoteType, bounded, size};
use super::{CallError, DataSource, Output, Toolbox};
use crate::error::Explain as _;
use crate::gate::Granted;
use crate::notes::{Found, Hit, Match, Query, Search, Section};

pub(super) const NAME: &str = "search_notes";

/// What `search_notes` takes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchNotesArgs {
    /// Words that a note has to have, in any order: `pneumonia sepsis`. Also `"a phrase"`, `word*` for its beginnings, `a OR b`,
    /// and `-word` for one it must not have.
    pub query: String,
    /// Which notes: discharge (summaries), radiology (reports) or all.
    #[serde(default)]
    pub note_type: Option<NoteType>,
    /// Most notes to return of each type.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100), extend("default" = 5))]
    pub limit: Option<i64>,
    /// About how many characters to show of each note.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_000), extend("default" = 300))]
    pub snippet_length: Option<i64>,
    /// The dataset; may be left out when only one is set up.
    #[serde(default)]
    pub dataset: Option<String>,
}

/// A search that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchNotes {
    typed: String,
    search: Search,
    pub(super) dataset: Option<String>,
}

impl TryFrom<SearchNotesArgs> for SearchNotes {
    type Error = String;

    fn try_from(args: SearchNotesArgs) -> Result<Self, String> {
        let query = Query::parse(&args.query).map_err(|error| match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        })?;
        let limit = bounded("limit", args.limit, 5, 1, MOST_NOTES)?;
        let snippet_length = bounded("snippet_length", args.snippet_length, 300, 1, LONGEST_SNIPPET)?;
        let search = Search {
            query,
            kinds: args.note_type.unwrap_or_default().kinds(),
            limit: size(limit),
            snippet_length: size(snippet_length),
        };
        Ok(Self { typed: args.query.trim().to_owned(), search, dataset: args.dataset })
    }
}

/// What `search_notes` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SearchNotesOutput {
    dataset: String,
    query: String,
    /// all: the notes have everything that was looked for. any: none has, these have some of it.
    matching: &'static str,
    /// A section per type of note.
    note_types: Vec<SectionOutput>,
    /// Whether more notes fit than are shown.
    truncated: bool,
    /// Whether an index was used; without one every note is read, which is slow.
    indexed: bool,
}

/// What was found in notes of one type.
#[derive(Debug, Serialize, JsonSchema)]
struct SectionOutput {
    note_type: &'static str,
    /// How many notes of this type the dataset has.
    notes: u64,
    /// How many of them fit.
    matches: u64,
    /// How many have each part of the query by itself; only where no note has all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartOutput>,
    /// The best of them, the best first.
    results: Vec<HitOutput>,
}

/// A part of the query.
#[derive(Debug, Serialize, JsonSchema)]
struct PartOutput {
    text: String,
    notes: u64,
}

/// A note that fits.
#[derive(Debug, Serialize, JsonSchema)]
struct HitOutput {
    note_id: Option<String>,
    subject_id: Option<i64>,
    hadm_id: Option<i64>,
    charttime: Option<String>,
    /// How well it fits (BM25); comparable among notes of one type.
    score: f64,
    /// Part of its text; what fits stands between `**`.
    snippet: String,
    /// Characters of the whole note.
    note_length: usize,
}

/// Runs the search.
pub(super) async fn run(
    toolbox: &Toolbox,
    _proof: &Granted,
    source: DataSource<'_>,
    asked: &SearchNotes,
) -> Result<Output, CallError> {
    let DataSource { backend, dataset } = source;
    let found = backend.search_notes(&dataset, &asked.search, &toolbox.limits).await?;
    if found.sections.is_empty() {
        return Err(CallError::no_notes(&dataset.name));
    }
    let shown: usize = found.sections.iter().map(|section| section.hits.len()).sum();
    let text = text(asked, &dataset.name, &found);
    let truncated = found.sections.iter().any(|section| section.total > section.hits.len() as u64);
    let (matching, indexed) = (found.matching, found.indexed);
    let output = SearchNotesOutput {
        dataset: dataset.name,
        query: asked.typed.clone(),
        matching: match matching {
            Match::All => "all",
            Match::Any => "any",
        },
        note_types: found.sections.into_iter().map(|section| section_output(section, matching)).collect(),
        truncated,
        indexed,
    };
    Ok(Output { text, structured: super::to_json(&output), rows: Some(shown) })
}

fn section_output(section: Section, matching: Match) -> SectionOutput {
    let parts = if matching == Match::Any { section.parts } else { Vec::new() };
    SectionOutput {
        note_type: section.kind.name(),
        notes: section.notes,
        matches: section.total,
        parts: parts.into_iter().map(|(text, notes)| PartOutput { text, notes }).collect(),
        results: section.hits.into_iter().map(hit_output).collect(),
    }
}

fn hit_output(hit: Hit) -> HitOutput {
    HitOutput {
        note_id: hit.note_id,
        subject_id: hit.subject_id,
        hadm_id: hit.hadm_id,
        charttime: hit.charttime,
        // Two digits tell notes apart and cost few tokens.
        score: (f64::from(hit.score) * 100.0).round() / 100.0,
        snippet: hit.snippet,
        note_length: hit.length,
    }
}

fn text(asked: &SearchNotes, dataset: &str, found: &Found) -> String {
    let mut text = String::new();
    if found.matching == Match::Any {
        text.push_str("No note has everything that was looked for; these have some of it.\n");
    }
    // Writing to a string cannot fail.
    for section in &found.sections {
        let (kind, shown) = (section.kind.name(), section.hits.len());
        let _ = write!(text, "{kind}: {} of {} notes fit", section.total, section.notes);
        if found.matching == Match::Any {
            let parts = section.parts.iter().map(|(part, notes)| format!("{part} {notes}"));
            let _ = write!(text, " ({})", parts.collect::<Vec<_>>().join(", "));
        }
        if section.total > shown as u64 {
            let _ = write!(text, ", best {shown} shown");
        }
        text.push('\n');
        for hit in &section.hits {
            text.push_str(hit.note_id.as_deref().unwrap_or("(no note_id)"));
            if let Some(subject) = hit.subject_id {
                let _ = write!(text, " subject {subject}");
            }
            if let Some(time) = &hit.charttime {
                let _ = write!(text, " {}", time.strip_suffix(" 00:00:00").unwrap_or(time));
            }
            let _ = writeln!(text, " ({} characters)\n  {}", hit.length, hit.snippet);
        }
    }
    text.push_str(&advice(asked, dataset, found));
    text
}

/// What to do next.
fn advice(asked: &SearchNotes, dataset: &str, found: &Found) -> String {
    let mut advice = String::new();
    let hits = found.sections.iter().map(|section| section.hits.len()).sum::<usize>();
    if hits == 0 {
        advice.push_str("(nothing fits: try fewer or other words, or the beginning of one with *)\n");
    } else {
        advice.push_str("(get_note shows a note whole)\n");
    }
    if found.cut {
        advice.push_str("(cut for their size: ask for a smaller snippet_length)\n");
    } else if found.sections.iter().any(|section| section.total > section.hits.len() as u64) {
        let more = if asked.search.limit < size(MOST_NOTES) { "raise limit or " } else { "" };
        let _ = writeln!(advice, "(more fit: {more}add words)");
    }
    if !found.indexed {
        let _ = writeln!(
            advice,
            "(slow: this database has no note index, so every note was read; m4 init {dataset} makes one)"
        );
    }
    advice
}

/// The most notes of each type in one answer.
pub(super) const MOST_NOTES: i64 = 100;
const LONGEST_SNIPPET: i64 = 10_000;
