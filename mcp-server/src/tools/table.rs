//! `get_table_info`: one table's columns and its first rows.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::query;
use super::{CallError, DataSource, Output, Toolbox};
use crate::backend::QueryLimits;
use crate::gate::Granted;

pub(super) const NAME: &str = "get_table_info";

/// What `get_table_info` takes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableArgs {
    /// The table, such as `mimiciv_hosp.patients`.
    pub table_name: String,
    /// Whether to show the first rows.
    #[serde(default = "yes")]
    pub show_sample: bool,
    /// The dataset; may be left out when only one is set up.
    #[serde(default)]
    pub dataset: Option<String>,
}

/// What `get_table_info` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TableOutput {
    dataset: String,
    /// Canonical name, as SQL uses it.
    table: String,
    columns: Vec<TableColumnOutput>,
    /// About how many rows it has.
    rows: Option<u64>,
    /// The first rows, values in column order; absent unless asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<Vec<Vec<Value>>>,
}

/// A column of a table.
#[derive(Debug, Serialize, JsonSchema)]
struct TableColumnOutput {
    name: String,
    /// SQL type.
    r#type: String,
    nullable: bool,
}

/// Describes the table.
pub(super) async fn run(
    toolbox: &Toolbox,
    _proof: &Granted,
    source: DataSource<'_>,
    args: &TableArgs,
) -> Result<Output, CallError> {
    let DataSource { backend, dataset } = source;
    let limits = QueryLimits { max_rows: if args.show_sample { SAMPLE_ROWS } else { 0 }, ..toolbox.limits };
    let table = backend.table(&dataset, &args.table_name, &limits).await?;
    let mut text = table.name.clone();
    // Writing to a string cannot fail.
    if let Some(rows) = table.estimated_rows {
        let _ = write!(text, ": {rows} rows");
    }
    text.push('\n');
    for column in &table.columns {
        let required = if column.nullable { "" } else { " NOT NULL" };
        let _ = writeln!(text, "{} {}{required}", column.name, column.type_name);
    }
    if let Some(sample) = &table.sample {
        let _ = write!(text, "\nFirst rows:\n{}", sample.to_text());
    }
    let output = TableOutput {
        dataset: dataset.name,
        table: table.name,
        columns: table
            .columns
            .into_iter()
            .map(|column| TableColumnOutput {
                name: column.name,
                r#type: column.type_name,
                nullable: column.nullable,
            })
            .collect(),
        rows: table.estimated_rows,
        sample: table.sample.as_ref().map(query::rows),
    };
    let rows = table.sample.map(|sample| sample.rows.len());
    Ok(Output { text, structured: super::to_json(&output), rows })
}

const SAMPLE_ROWS: usize = 3;

const fn yes() -> bool {
    true
}
