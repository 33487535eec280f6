//! `m4 backend`.

use clap::Args;
use mcp_server::config::BackendKind;

/// What `m4 backend` takes.
#[derive(Debug, Args)]
pub struct BackendArgs {
    /// The engine: duckdb or bigquery. Left out, the current one is shown
    #[arg(value_name = "BACKEND", value_parser = parse)]
    pub kind: Option<BackendKind>,
    /// The Google Cloud project that pays for BigQuery queries
    #[arg(long, value_name = "ID", requires = "kind")]
    pub project_id: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) fn parse(text: &str) -> Result<BackendKind, String> {
    text.parse().map_err(|_| "the backends are duckdb and bigquery".to_owned())
}
