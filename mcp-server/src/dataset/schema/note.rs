//! Free-text notes (MIMIC-IV-Note 2.2).

use super::{Module, int, table, text, time};

/// The module.
pub(super) fn module() -> Module {
    Module::known("note", "mimiciv_note", &TABLES)
}

static TABLES: [super::Known; 4] = [
    table(
        "discharge",
        &[
            text("note_id"),
            int("subject_id"),
            int("hadm_id"),
            text("note_type"),
            int("note_seq"),
            time("charttime"),
            time("storetime"),
            text("text"),
        ],
    ),
    table(
        "discharge_detail",
        &[text("note_id"), int("subject_id"), text("field_name"), text("field_value"), int("field_ordinal")],
    ),
    table(
        "radiology",
        &[
            text("note_id"),
            int("subject_id"),
            int("hadm_id"),
            text("note_type"),
            int("note_seq"),
            time("charttime"),
            time("storetime"),
            text("text"),
        ],
    ),
    table(
        "radiology_detail",
        &[text("note_id"), int("subject_id"), text("field_name"), text("field_value"), int("field_ordinal")],
    ),
];
