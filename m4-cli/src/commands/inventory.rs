//! What there is of a dataset on this machine: as the database says of itself, asked through the gate as any query.

use mcp_server::error::{Explain, codes};
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

/// Asks for it, in one call where M4 made the database and in two elsewhere.
pub(super) fn of(asking: &Asking, dataset: &str) -> Result<Inventory, CallError> {
    let row = |sql: &str| -> Result<Value, CallError> {
        let args = QueryArgs { sql_query: sql.to_owned(), dataset: Some(dataset.to_owned()), limit: None };
        Ok(asking.query(&args)?.to_json()["rows"][0].take())
    };
    match row(MADE_BY_M4) {
        Ok(row) => Ok(Inventory {
            tables: number(&row[0]),
            rows: number(&row[1]),
            rejected_rows: Some(number(&row[2])),
            rejects: rejects(row[3].as_str().unwrap_or_default()),
            release: row[4].as_str().map(str::to_owned),
            created_by: row[5].as_str().map(str::to_owned),
            note_index: (row[6] == true).then(|| row[7] == true),
        }),
        Err(error) if Explain::code(&error) == codes::QUERY_FAILED => {
            let row = row(MADE_ELSEWHERE)?;
            Ok(Inventory { tables: number(&row[0]), rows: number(&row[1]), ..Inventory::default() })
        }
        Err(error) => Err(error),
    }
}

/// Lines of a table and a number.
fn rejects(text: &str) -> Vec<Rejects> {
    let parsed = text.lines().filter_map(|line| line.rsplit_once(' '));
    parsed
        .map(|(table, rows)| Rejects { table: table.to_owned(), rows: rows.parse().unwrap_or_default() })
        .collect()
}

/// Whether the dataset's database is at fault, and not who asks.
pub(super) fn is_of_the_database(error: &CallError) -> bool {
    [codes::DATABASE_UNREADABLE, codes::QUERY_FAILED].contains(&Explain::code(error))
}

/// Large numbers come as text.
fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

/// One row, however few of them an answer may hold.
const MADE_BY_M4: &str = "
    SELECT count(*), coalesce(sum(row_count), 0)::BIGINT, coalesce(sum(rejected), 0)::BIGINT,
           string_agg(schema_name || '.' || table_name || ' ' || rejected, chr(10) ORDER BY schema_name, table_name)
               FILTER (WHERE rejected > 0),
           (SELECT any_value(version) FROM m4_meta.dataset),
           (SELECT any_value(created_by) FROM m4_meta.dataset),
           (SELECT coalesce(bool_or(schema_name LIKE '%_note'), false) FROM duckdb_tables()),
           (SELECT coalesce(bool_or(schema_name = 'm4_notes'), false) FROM duckdb_tables())
    FROM m4_meta.tables";
const MADE_ELSEWHERE: &str = "SELECT count(*), coalesce(sum(estimated_size), 0)::BIGINT FROM duckdb_tables()";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_with_spaces_keep_their_names() {
        let found = rejects("lab.my results 7\nmimiciv_hosp.labevents 1");
        assert_eq!(
            found,
            [
                Rejects { table: "lab.my results".to_owned(), rows: 7 },
                Rejects { table: "mimiciv_hosp.labevents".to_owned(), rows: 1 }
            ]
        );
        assert_eq!(rejects(""), []);
    }
}
