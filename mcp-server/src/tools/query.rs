//! `execute_query`: one read-only statement, its rows, and whether that is all of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CallError, DataSource, Output, Toolbox};
use crate::backend::{Column, CutBy, QueryLimits, ResultSet};
use crate::gate::Granted;
use crate::sql::bare;

pub(super) const NAME: &str = "execute_query";

/// What `execute_query` takes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryArgs {
    /// One read-only SQL statement; tables by canonical name, such as `mimiciv_hosp.patients`.
    pub sql_query: String,
    /// The dataset; may be left out when only one is set up.
    #[serde(default)]
    pub dataset: Option<String>,
    /// Most rows to return; the server's own limit stays in force.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Rows with the dataset they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The dataset that was asked.
    pub dataset: String,
    /// What came back.
    pub result: ResultSet,
    /// The query for the rows that follow, where it was cut and its order tells.
    pub next_query: Option<String>,
}

/// What `execute_query` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct QueryOutput {
    /// The dataset that was asked.
    dataset: String,
    columns: Vec<ColumnOutput>,
    /// Values in column order. Numbers too large or precise for JSON are strings; null is null.
    rows: Vec<Vec<Value>>,
    row_count: usize,
    /// Whether there is more than `rows` holds.
    truncated: bool,
    /// The limit that cut it: rows or bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_by: Option<&'static str>,
    /// The query for the rows that follow, where the order of these tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_query: Option<String>,
    elapsed_ms: u64,
}

/// A column of a result.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ColumnOutput {
    name: String,
    /// SQL type.
    r#type: String,
}

/// Runs the statement.
pub(super) async fn run(
    toolbox: &Toolbox,
    _proof: &Granted,
    source: DataSource<'_>,
    args: &QueryArgs,
) -> Result<Answer, CallError> {
    let DataSource { backend, dataset } = source;
    let asked = args.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let limits = QueryLimits { max_rows: toolbox.limits.max_rows.min(asked), ..toolbox.limits };
    let result = backend.query(&dataset, &args.sql_query, &limits).await?;
    let next_query = result.next.as_ref().map(|next| next.of(bare(&args.sql_query)));
    let next_query = next_query.filter(|query| query.len() <= LONGEST_NEXT_QUERY);
    Ok(Answer { dataset: dataset.name, result, next_query })
}

impl Answer {
    /// The answer as JSON of `execute_query`'s output schema.
    pub fn to_json(&self) -> Value {
        let output = QueryOutput {
            dataset: self.dataset.clone(),
            columns: columns(&self.result.columns),
            rows: rows(&self.result),
            row_count: self.result.rows.len(),
            truncated: self.result.truncated.is_some(),
            cut_by: self.result.truncated.map(|truncation| match truncation.by {
                CutBy::Rows => "rows",
                CutBy::Bytes => "bytes",
            }),
            next_query: self.next_query.clone(),
            elapsed_ms: u64::try_from(self.result.elapsed.as_millis()).unwrap_or(u64::MAX),
        };
        super::to_json(&output)
    }

    pub(super) fn into_output(self) -> Output {
        Output { text: self.result.to_text(), structured: self.to_json(), rows: Some(self.result.rows.len()) }
    }
}

/// The longest query that is repeated in an answer.
const LONGEST_NEXT_QUERY: usize = 4_000;

pub(super) fn columns(columns: &[Column]) -> Vec<ColumnOutput> {
    let output =
        |column: &Column| ColumnOutput { name: column.name.clone(), r#type: column.type_name.clone() };
    columns.iter().map(output).collect()
}

pub(super) fn rows(result: &ResultSet) -> Vec<Vec<Value>> {
    result.rows.iter().map(|row| row.iter().map(crate::backend::Value::to_json).collect()).collect()
}
