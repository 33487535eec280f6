//! `get_database_schema`: the tables of a dataset.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CallError, DataSource, Output, Toolbox};
use crate::gate::Granted;

pub(super) const NAME: &str = "get_database_schema";

/// What `get_database_schema` takes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchemaArgs {
    /// The dataset; may be left out when only one is set up.
    #[serde(default)]
    pub dataset: Option<String>,
}

/// What `get_database_schema` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SchemaOutput {
    dataset: String,
    tables: Vec<TableSummaryOutput>,
    /// Schemas of other datasets in this database, whose tables the caller may not read; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    withheld: Vec<Withheld>,
}

/// A schema that is not shown.
#[derive(Debug, Serialize, JsonSchema)]
struct Withheld {
    schema: String,
    /// Why not.
    reason: String,
}

/// A table in a list.
#[derive(Debug, Serialize, JsonSchema)]
struct TableSummaryOutput {
    /// Canonical name, as SQL uses it.
    name: String,
    columns: usize,
    /// About how many rows it has.
    rows: Option<u64>,
}

/// Lists the tables.
pub(super) async fn run(
    toolbox: &Toolbox,
    _proof: &Granted,
    source: DataSource<'_>,
) -> Result<Output, CallError> {
    let DataSource { backend, dataset } = source;
    let tables = backend.schema(&dataset, &toolbox.limits).await?;
    let mut text = format!("{}: {} tables (columns, rows)\n", dataset.name, tables.len());
    for table in &tables {
        let rows = table.estimated_rows.map_or_else(|| "?".to_owned(), |rows| rows.to_string());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} ({}, {rows})", table.name, table.columns);
    }
    let withheld = dataset.reach.withheld().into_iter();
    let withheld = withheld.map(|(schema, why)| Withheld { schema, reason: why.to_string() });
    let withheld: Vec<Withheld> = withheld.collect();
    for Withheld { schema, reason } in &withheld {
        let _ = writeln!(text, "{schema} is not shown: {reason}");
    }
    let tables = tables
        .into_iter()
        .map(|table| TableSummaryOutput {
            name: table.name,
            columns: table.columns,
            rows: table.estimated_rows,
        })
        .collect();
    let structured = super::to_json(&SchemaOutput { dataset: dataset.name, tables, withheld });
    Ok(Output { text, structured, rows: None })
}
