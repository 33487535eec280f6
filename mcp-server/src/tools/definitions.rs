//! How the tools present themselves to clients, in one fixed order.

use std::sync::{Arc, LazyLock};

use rmcp::handler::server::common::{schema_for_empty_input, schema_for_output, schema_for_type};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

use super::capabilities::CapabilitiesOutput;
use super::cohort::{CohortArgs, CohortOutput};
use super::datasets::{ListOutput, SetDatasetArgs, SetDatasetOutput};
use super::note::{NoteArgs, NoteOutput};
use super::patient_notes::{PatientNotesArgs, PatientNotesOutput};
use super::query::{QueryArgs, QueryOutput};
use super::schema::{SchemaArgs, SchemaOutput};
use super::search_notes::{SearchNotesArgs, SearchNotesOutput};
use super::table::{TableArgs, TableOutput};
use super::whoami::Whoami;
use super::{
    capabilities, cohort, datasets, note, patient_notes, query, schema, search_notes, table, whoami,
};

/// Every tool with its schemas, made once.
pub fn definitions() -> &'static [Tool] {
    static DEFINITIONS: LazyLock<Vec<Tool>> = LazyLock::new(define);
    &DEFINITIONS
}

fn define() -> Vec<Tool> {
    vec![
        tool(
            datasets::LIST,
            "List datasets",
            "List the clinical datasets this server knows, which of them are set up, and which backend answers.",
            schema_for_empty_input(),
            schema_for_output::<ListOutput>(),
        ),
        tool(
            schema::NAME,
            "Get the database schema",
            "List the tables of a dataset by canonical name (schema.table) with their column and row counts. \
             Start here before writing SQL.",
            schema_for_type::<SchemaArgs>(),
            schema_for_output::<SchemaOutput>(),
        ),
        tool(
            table::NAME,
            "Get table information",
            "Show a table's columns and types and, unless show_sample is false, its first rows.",
            schema_for_type::<TableArgs>(),
            schema_for_output::<TableOutput>(),
        ),
        tool(
            query::NAME,
            "Run a SQL query",
            "Run one read-only SQL statement (DuckDB dialect) on a dataset and return its rows. Results are cut at a \
             row and size limit and say so; aggregate in SQL instead of fetching everything.",
            schema_for_type::<QueryArgs>(),
            schema_for_output::<QueryOutput>(),
        ),
        tool(
            search_notes::NAME,
            "Search clinical notes",
            "Find discharge summaries and radiology reports by words, the best first, with the part of each that fits. \
             Every word has to be in a note; also \"a phrase\", word* for beginnings, OR, and -word to exclude. \
             get_note shows one whole.",
            schema_for_type::<SearchNotesArgs>(),
            schema_for_output::<SearchNotesOutput>(),
        ),
        tool(
            note::NAME,
            "Get a clinical note",
            "Show one clinical note by its note_id. Notes can be long: max_length shows the beginning.",
            schema_for_type::<NoteArgs>(),
            schema_for_output::<NoteOutput>(),
        ),
        tool(
            patient_notes::NAME,
            "List a patient's notes",
            "List the clinical notes of one patient by time, with ids, lengths and how they begin, but not their text.",
            schema_for_type::<PatientNotesArgs>(),
            schema_for_output::<PatientNotesOutput>(),
        ),
        tool(
            cohort::NAME,
            "Count a cohort",
            "Count the MIMIC-IV patients and admissions that meet criteria (age, gender, ICD diagnoses, ICU stay, death in \
             hospital), by age and gender, and show the SQL.",
            schema_for_type::<CohortArgs>(),
            schema_for_output::<CohortOutput>(),
        ),
        tool(
            capabilities::NAME,
            "Show capabilities",
            "Show what this server can do: tools, datasets and their kinds of data, limits, and whether a token is needed.",
            schema_for_empty_input(),
            schema_for_output::<CapabilitiesOutput>(),
        ),
        tool(
            whoami::NAME,
            "Who am I",
            "Show what this server sees of its caller: issuer, subject, client, scopes and when the token expires. Never \
             the token itself.",
            schema_for_empty_input(),
            schema_for_output::<Whoami>(),
        ),
        tool(
            datasets::SET,
            "Set the dataset (superseded)",
            "Superseded: datasets are named per call. Explains how.",
            schema_for_type::<SetDatasetArgs>(),
            schema_for_output::<SetDatasetOutput>(),
        ),
    ]
}

fn tool(
    name: &'static str,
    title: &str,
    description: &'static str,
    input: Arc<JsonObject>,
    output: Arc<JsonObject>,
) -> Tool {
    // Nothing here changes data or reaches beyond the configured datasets.
    let annotations =
        ToolAnnotations::new().read_only(true).destructive(false).idempotent(true).open_world(false);
    Tool::new(name, description, portable(input))
        .with_title(title)
        .with_raw_output_schema(portable(output))
        .with_annotations(annotations)
}

/// The schema as every client's validator takes it: some know no schema that is `true`, and none but Rust's knows the
/// formats of integers.
fn portable(schema: Arc<JsonObject>) -> Arc<JsonObject> {
    let mut schema = Value::Object(Arc::unwrap_or_clone(schema));
    without_rust_formats(&mut schema);
    describe_any_items(&mut schema);
    match schema {
        Value::Object(schema) => Arc::new(schema),
        _ => Arc::default(),
    }
}

/// Takes away the formats of integers that only Rust's validators know.
pub fn without_rust_formats(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let is_rusts = |format: &Value| {
                format.as_str().is_some_and(|format| format.trim_start_matches('u').starts_with("int"))
            };
            if members.get("format").is_some_and(is_rusts) {
                members.remove("format");
            }
            members.values_mut().for_each(without_rust_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(without_rust_formats),
        _ => {}
    }
}

fn describe_any_items(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("items") == Some(&Value::Bool(true)) {
                members.insert("items".to_owned(), json!({ "description": "Any JSON value." }));
            }
            members.values_mut().for_each(describe_any_items);
        }
        Value::Array(items) => items.iter_mut().for_each(describe_any_items),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TOOLS;
    use crate::tools::{BadCall, Call};

    #[test]
    fn every_listed_tool_can_be_called_and_named_in_scope_settings() {
        for tool in definitions() {
            assert_ne!(Call::parse(&tool.name, None).err(), Some(BadCall::UnknownTool), "{}", tool.name);
            assert!(TOOLS.contains(&&*tool.name), "{}", tool.name);
        }
    }

    #[test]
    fn no_schema_needs_a_validator_that_knows_rust() {
        let text = serde_json::to_string(definitions()).unwrap();
        for foreign in ["\"uint", "\"int32\"", "\"int64\"", "\"items\":true"] {
            assert!(!text.contains(foreign), "{foreign}");
        }
    }

    #[test]
    fn every_tool_is_marked_read_only_and_has_both_schemas() {
        for tool in definitions() {
            assert_eq!(tool.annotations.as_ref().unwrap().read_only_hint, Some(true));
            assert_eq!(tool.input_schema["type"], "object");
            assert_eq!(tool.output_schema.as_ref().unwrap()["type"], "object");
        }
    }
}
