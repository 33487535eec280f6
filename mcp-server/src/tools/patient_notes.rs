//! `list_patient_notes`: which notes there are of one patient, without their text.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::{NoteType, bounded, size};
use super::note::{number, source_kinds, words};
use super::search_notes::MOST_NOTES;
use super::{CallError, DataSource, Output, Toolbox};
use crate::backend::{QueryLimits, Statement, Value};
use crate::gate::Granted;
use crate::notes::Kind;

pub(super) const NAME: &str = "list_patient_notes";

/// What `list_patient_notes` takes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatientNotesArgs {
    /// The patient, as in the other MIMIC-IV tables.
    #[schemars(range(min = 1, max = 9_999_999_999_i64))]
    pub subject_id: i64,
    /// Which notes: discharge (summaries), radiology (reports) or all.
    #[serde(default)]
    pub note_type: Option<NoteType>,
    /// Most notes to list of each type.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100), extend("default" = 20))]
    pub limit: Option<i64>,
    /// The dataset; may be left out when only one is set up.
    #[serde(default)]
    pub dataset: Option<String>,
}

/// A list that can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatientNotes {
    subject_id: i64,
    kinds: Vec<Kind>,
    limit: i64,
    pub(super) dataset: Option<String>,
}

impl TryFrom<PatientNotesArgs> for PatientNotes {
    type Error = String;

    fn try_from(args: PatientNotesArgs) -> Result<Self, String> {
        Ok(Self {
            subject_id: bounded("subject_id", Some(args.subject_id), 0, 1, 9_999_999_999)?,
            kinds: args.note_type.unwrap_or_default().kinds(),
            limit: bounded("limit", args.limit, 20, 1, MOST_NOTES)?,
            dataset: args.dataset,
        })
    }
}

/// What `list_patient_notes` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PatientNotesOutput {
    dataset: String,
    subject_id: i64,
    /// A section per type of note.
    note_types: Vec<SectionOutput>,
    /// Whether there are more notes than are listed.
    truncated: bool,
}

/// One patient's notes of one type.
#[derive(Debug, Serialize, JsonSchema)]
struct SectionOutput {
    note_type: &'static str,
    /// How many there are.
    total: i64,
    /// The first of them, by time.
    notes: Vec<ListedNote>,
}

/// A note in a list.
#[derive(Debug, Serialize, JsonSchema)]
struct ListedNote {
    note_id: Option<String>,
    hadm_id: Option<i64>,
    charttime: Option<String>,
    /// Characters of the whole note.
    note_length: Option<i64>,
    /// How it begins, white space made single.
    preview: String,
}

/// Lists the notes.
pub(super) async fn run(
    toolbox: &Toolbox,
    _proof: &Granted,
    source: DataSource<'_>,
    asked: &PatientNotes,
) -> Result<Output, CallError> {
    let DataSource { backend, dataset } = source;
    let there = source_kinds(toolbox, DataSource { backend, dataset: dataset.clone() }).await?;
    // A hundred rows of previews; the server's own bound stays in force for the bytes.
    let limits = QueryLimits { max_rows: size(asked.limit), ..toolbox.limits };
    let mut sections = Vec::new();
    for kind in asked.kinds.iter().copied().filter(|kind| there.contains(kind)) {
        let result = backend.prepared(&dataset, &statement(kind, asked), &limits).await?;
        let total = result.rows.first().and_then(|row| row.last()).and_then(number).unwrap_or(0);
        let notes = result.rows.iter().filter_map(|row| listed(row)).collect();
        sections.push(SectionOutput { note_type: kind.name(), total, notes });
    }
    let shown: usize = sections.iter().map(|section| section.notes.len()).sum();
    let output = PatientNotesOutput {
        dataset: dataset.name,
        subject_id: asked.subject_id,
        truncated: sections.iter().any(|section| size(section.total) > section.notes.len()),
        note_types: sections,
    };
    Ok(Output { text: readable(&output, asked), structured: super::to_json(&output), rows: Some(shown) })
}

fn statement(kind: Kind, asked: &PatientNotes) -> Statement {
    let mut statement = Statement::new(
        "SELECT note_id::VARCHAR, hadm_id::BIGINT, charttime::VARCHAR, length(text), left(text, 300), \
         count(*) OVER () FROM ",
    );
    statement.text(kind.table()).text(" WHERE subject_id = ").value(asked.subject_id);
    statement.text(" ORDER BY charttime, note_id LIMIT ").value(asked.limit);
    statement
}

fn listed(row: &[Value]) -> Option<ListedNote> {
    let [id, admission, time, length, beginning, _] = row else { return None };
    let beginning = words(beginning).unwrap_or_default();
    let single = beginning.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(ListedNote {
        note_id: words(id),
        hadm_id: number(admission),
        charttime: words(time),
        note_length: number(length),
        preview: single.chars().take(PREVIEW).collect(),
    })
}

fn readable(output: &PatientNotesOutput, asked: &PatientNotes) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for section in &output.note_types {
        let _ =
            writeln!(text, "{}: {} notes of subject {}", section.note_type, section.total, output.subject_id);
        for note in &section.notes {
            let id = note.note_id.as_deref().unwrap_or("(no note_id)");
            let _ = write!(text, "{id}");
            if let Some(admission) = note.hadm_id {
                let _ = write!(text, " admission {admission}");
            }
            if let Some(time) = &note.charttime {
                let _ = write!(text, " {}", time.strip_suffix(" 00:00:00").unwrap_or(time));
            }
            let _ = writeln!(text, " ({} characters) {}", note.note_length.unwrap_or(0), note.preview);
        }
    }
    if output.note_types.iter().all(|section| section.total == 0) {
        text.push_str("(no notes: check the subject_id in mimiciv_hosp.patients, or another note_type)\n");
    } else if output.truncated && asked.limit < MOST_NOTES {
        text.push_str("(there are more: raise limit, or ask execute_query with a condition on charttime)\n");
    } else if output.truncated {
        text.push_str("(there are more: ask execute_query with a condition on charttime)\n");
    } else {
        text.push_str("(get_note shows a note whole)\n");
    }
    text
}

/// Characters of a note's beginning that are shown.
const PREVIEW: usize = 100;
