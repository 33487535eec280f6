//! What there is of a dataset on this machine: as the database says of itself, asked through the gate as any query.

use mcp_server::error::Explain;
use mcp_server::tools::{CallError, QueryArgs};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::ask::Asking;

/// What a database says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Inventory {
    /// How many tables it has.
    pub(super) tables: u64,
    /// How many rows, over all tables.
    pub(super) rows: u64,
    /// How many rows of its files were left out because they did not parse; absent where M4 did not make it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rejected_rows: Option<u64>,
    /// Tables of which rows were left out, with how many.
    pub(super) rejects: Vec<Rejects>,
    /// Which release it is, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) release: Option<String>,
    /// Which program made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_by: Option<String>,
    /// Whether searches in its notes use an index; absent where it has no notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note_index: Option<bool>,
}

/// Rows of a table that were left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Rejects {
    /// The table with its schema.
    pub(super) table: String,
    /// How many.
    pub(super) rows: u64,
}

/// Asks for it.
pub(super) fn of(asking: &Asking, dataset: &str) -> Result<Inventory, CallError> {
    let rows = |sql: &str| -> Result<Vec<Value>, CallError> {
        let args = QueryArgs { sql_query: sql.to_owned(), dataset: Some(dataset.to_owned()), limit: None };
        Ok(asking.query(&args)?.to_json()["rows"].as_array().cloned().unwrap_or_default())
    };
    let has = rows(THERE)?;
    let [made_by_m4, notes, index] = [0, 1, 2].map(|at| has.first().is_some_and(|row| row[at] == true));
    let note_index = notes.then_some(index);
    if !made_by_m4 {
        let counted = rows(ESTIMATED)?;
        let counted = counted.first().unwrap_or(&Value::Null);
        let (tables, rows) = (number(&counted[0]), number(&counted[1]));
        return Ok(Inventory { tables, rows, note_index, ..Inventory::default() });
    }
    let (mut inventory, mut rejected) = (Inventory { note_index, ..Inventory::default() }, 0);
    for table in rows(TABLES)? {
        inventory.tables += 1;
        inventory.rows += number(&table[1]);
        if number(&table[2]) > 0 {
            rejected += number(&table[2]);
            let name = table[0].as_str().unwrap_or_default().to_owned();
            inventory.rejects.push(Rejects { table: name, rows: number(&table[2]) });
        }
    }
    inventory.rejected_rows = Some(rejected);
    if let Some(about) = rows(ABOUT)?.first() {
        inventory.release = about[0].as_str().map(str::to_owned);
        inventory.created_by = about[1].as_str().map(str::to_owned);
    }
    Ok(inventory)
}

/// Whether the dataset's database is at fault, and not who asks.
pub(super) fn is_of_the_database(error: &CallError) -> bool {
    use mcp_server::error::codes::{DATABASE_UNREADABLE, QUERY_FAILED};
    [DATABASE_UNREADABLE, QUERY_FAILED].contains(&Explain::code(error))
}

/// Large numbers come as text.
fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

const THERE: &str = "
    SELECT coalesce(bool_or(schema_name = 'm4_meta' AND table_name = 'tables'), false),
           coalesce(bool_or(schema_name LIKE '%_note'), false),
           coalesce(bool_or(schema_name = 'm4_notes'), false)
    FROM duckdb_tables()";
const ESTIMATED: &str = "SELECT count(*), sum(estimated_size)::BIGINT FROM duckdb_tables()";
const TABLES: &str = "
    SELECT schema_name || '.' || table_name, row_count, rejected FROM m4_meta.tables
    ORDER BY schema_name, table_name";
const ABOUT: &str = "SELECT version, created_by FROM m4_meta.dataset";
