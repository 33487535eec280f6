//! `capabilities`: what this server can do, for a model that plans its calls.

use schemars::JsonSchema;
use serde::Serialize;

use super::datasets::{DatasetOutput, known};
use super::{Output, Toolbox, definitions};
use crate::gate::Granted;

pub(super) const NAME: &str = "capabilities";

/// What `capabilities` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CapabilitiesOutput {
    version: &'static str,
    /// The backend that answers queries, and whether this version can use it.
    backend: &'static str,
    backend_available: bool,
    /// SQL dialect of `execute_query`.
    sql_dialect: &'static str,
    /// Whether calls need an access token.
    oauth2: bool,
    tools: Vec<String>,
    datasets: Vec<DatasetOutput>,
    limits: LimitsOutput,
}

/// What bounds one answer.
#[derive(Debug, Serialize, JsonSchema)]
struct LimitsOutput {
    max_rows: usize,
    max_bytes: usize,
    timeout_seconds: u64,
}

/// Describes the server.
pub(super) fn run(toolbox: &Toolbox, granted: &Granted) -> Output {
    let output = CapabilitiesOutput {
        version: env!("CARGO_PKG_VERSION"),
        backend: toolbox.backend_kind.name(),
        backend_available: toolbox.backend.is_some(),
        sql_dialect: "DuckDB",
        oauth2: granted.principal().is_some(),
        tools: definitions().iter().map(|tool| tool.name.to_string()).collect(),
        datasets: known(&toolbox.registry()),
        limits: LimitsOutput {
            max_rows: toolbox.limits.max_rows,
            max_bytes: toolbox.limits.max_bytes,
            timeout_seconds: toolbox.limits.timeout.as_secs(),
        },
    };
    let set_up = output.datasets.iter().filter(|dataset| dataset.set_up).map(|dataset| dataset.name.as_str());
    let text = format!(
        "M4 {}, backend {} ({} dialect)\ntools: {}\ndatasets set up: {}\nan answer holds at most {} rows, {} bytes, and takes at most {} s\n",
        output.version,
        output.backend,
        output.sql_dialect,
        output.tools.join(", "),
        joined(set_up),
        output.limits.max_rows,
        output.limits.max_bytes,
        output.limits.timeout_seconds,
    );
    Output { text, structured: super::to_json(&output), rows: None }
}

fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
