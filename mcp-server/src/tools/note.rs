//! `get_note`: one note, whole or its beginning.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::{bounded, size};
use super::{CallError, DataSource, Output, Toolbox};
use crate::backend::{QueryLimits, Statement, Value};
use crate::gate::Granted;
use crate::notes::{Kind, NOTE_SCHEMA};

pub(super) const NAME: &str = "get_note";

/// What `get_note` takes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteArgs {
    /// The note, as `search_notes` and `list_patient_notes` name it: `10000032-DS-2`.
    pub note_id: String,
    /// Most characters to return; the whole note when left out.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200_000))]
    pub max_length: Option<i64>,
    /// The dataset; may be left out when only one is set up.
    #[serde(default)]
    pub dataset: Option<String>,
}

/// A note that can be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteWanted {
    id: String,
    /// Characters.
    most: i64,
    pub(super) dataset: Option<String>,
}

impl TryFrom<NoteArgs> for NoteWanted {
    type Error = String;

    fn try_from(args: NoteArgs) -> Result<Self, String> {
        let id = args.note_id.trim();
        if id.is_empty() || id.len() > LONGEST_ID {
            return Err(format!("note_id is the id of a note, of at most {LONGEST_ID} bytes"));
        }
        let most = bounded("max_length", args.max_length, LONGEST_NOTE, 1, LONGEST_NOTE)?;
        Ok(Self { id: id.to_owned(), most, dataset: args.dataset })
    }
}

/// What `get_note` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NoteOutput {
    dataset: String,
    note_id: String,
    note_type: &'static str,
    subject_id: Option<i64>,
    hadm_id: Option<i64>,
    charttime: Option<String>,
    text: String,
    /// Characters of the whole note.
    note_length: i64,
    /// Whether `text` is only its beginning.
    truncated: bool,
}

/// Looks the note up.
pub(super) async fn run(
    toolbox: &Toolbox,
    _proof: &Granted,
    source: DataSource<'_>,
    wanted: &NoteWanted,
) -> Result<Output, CallError> {
    let DataSource { backend, dataset } = source;
    let kinds = source_kinds(toolbox, DataSource { backend, dataset: dataset.clone() }).await?;
    let bytes = toolbox.limits.max_bytes;
    let most = wanted.most.min(i64::try_from(bytes).unwrap_or(i64::MAX));
    // A character has four bytes at most, so the engine never cuts what is cut here.
    let limits =
        QueryLimits { max_rows: 1, max_bytes: bytes.saturating_mul(4) + OTHER_BYTES, ..toolbox.limits };
    for kind in kinds {
        let result = backend.prepared(&dataset, &statement(kind, wanted, most), &limits).await?;
        let Some(row) = result.rows.into_iter().next() else { continue };
        let [id, subject, admission, time, length, text] = row.as_slice() else { continue };
        let mut text = words(text).unwrap_or_default();
        text.truncate(text.floor_char_boundary(bytes));
        let shown = text.chars().count();
        let note_length = number(length).unwrap_or(0);
        let output = NoteOutput {
            dataset: dataset.name,
            note_id: words(id).unwrap_or_default(),
            note_type: kind.name(),
            subject_id: number(subject),
            hadm_id: number(admission),
            charttime: words(time),
            truncated: size(note_length) > shown,
            note_length,
            text,
        };
        let text = readable(&output, kind, shown);
        return Ok(Output { text, structured: super::to_json(&output), rows: Some(1) });
    }
    Err(CallError::NoNote { note_id: wanted.id.chars().take(60).collect(), dataset: dataset.name })
}

fn statement(kind: Kind, wanted: &NoteWanted, most: i64) -> Statement {
    let mut statement = Statement::new(
        "SELECT note_id::VARCHAR, subject_id::BIGINT, hadm_id::BIGINT, charttime::VARCHAR, length(text), \
         substring(text, 1, ",
    );
    statement.value(most).text("::BIGINT) FROM ").text(kind.table());
    statement.text(" WHERE note_id = ").value(wanted.id.as_str()).text(" LIMIT 1");
    statement
}

fn readable(note: &NoteOutput, kind: Kind, shown: usize) -> String {
    let mut text = format!("{} {}", note.note_id, note.note_type);
    // Writing to a string cannot fail.
    if let Some(subject) = note.subject_id {
        let _ = write!(text, " subject {subject}");
    }
    if let Some(admission) = note.hadm_id {
        let _ = write!(text, " admission {admission}");
    }
    if let Some(time) = &note.charttime {
        let _ = write!(text, " {time}");
    }
    let _ = write!(text, "\n{}", note.text);
    if note.truncated {
        let _ = write!(
            text,
            "\n(first {shown} of {} characters; the rest: execute_query SELECT substring(text, {}, {shown}) FROM {} \
             WHERE note_id = '{}')",
            note.note_length,
            shown + 1,
            kind.table(),
            note.note_id.replace('\'', "''"),
        );
    }
    text
}

/// The kinds of notes a dataset has; an error where it has none.
pub(super) async fn source_kinds(toolbox: &Toolbox, source: DataSource<'_>) -> Result<Vec<Kind>, CallError> {
    // Tables out of reach are not listed, and a refusal says more than that there are none.
    source.dataset.reach.check(&[NOTE_SCHEMA.to_owned()])?;
    let tables = source.backend.schema(&source.dataset, &toolbox.limits).await?;
    let has = |kind: &Kind| tables.iter().any(|table| table.name == kind.table());
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(has).collect();
    if kinds.is_empty() { Err(CallError::no_notes(&source.dataset.name)) } else { Ok(kinds) }
}

/// A whole number, where the value is one.
pub(super) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => i64::try_from(*number).ok(),
        _ => None,
    }
}

/// Text, where there is a value.
pub(super) fn words(value: &Value) -> Option<String> {
    (*value != Value::Null).then(|| value.to_string())
}

/// The longest note returned in one answer, in characters.
const LONGEST_NOTE: i64 = 200_000;
/// The longest id looked for, in bytes; MIMIC's have about 15.
const LONGEST_ID: usize = 200;
/// What a row has beside the text.
const OTHER_BYTES: usize = 4_096;
