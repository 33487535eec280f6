//! What the commands take that ask for data: `m4 schema`, `m4 describe-table`, `m4 list-datasets`, `m4 capabilities`.

use clap::Args;
use mcp_server::config::{BackendKind, Flags, setting};

use super::backend;

/// How a data command is asked. None of them asks anything back.
#[derive(Debug, Clone, Default, Args)]
pub struct CallArgs {
    /// Ask this engine, for this call: duckdb or bigquery
    #[arg(long, value_name = "BACKEND", value_parser = backend::parse)]
    pub backend: Option<BackendKind>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Accepted for scripts: this command never asks
    #[arg(long)]
    pub no_interactive: bool,
}

impl CallArgs {
    /// What was typed, as a layer over the settings.
    pub fn flags(&self) -> Flags {
        Flags::new().with(&setting::BACKEND, "--backend", self.backend.map(|kind| kind.name().to_owned()))
    }
}

/// Which dataset is meant.
#[derive(Debug, Clone, Default, Args)]
pub struct DatasetArg {
    /// The dataset, where more than one is set up
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
}

/// What `m4 schema` takes.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetArg,
    /// How it is asked.
    #[command(flatten)]
    pub call: CallArgs,
}

/// What `m4 describe-table` takes.
#[derive(Debug, Args)]
pub struct DescribeTableArgs {
    /// The table, such as `mimiciv_hosp.admissions`; the schema may be left out where one has it
    #[arg(value_name = "TABLE")]
    pub table: String,
    /// Show the first rows too, as is usual
    #[arg(long, overrides_with = "no_sample")]
    pub sample: bool,
    /// Show columns alone
    #[arg(long)]
    pub no_sample: bool,
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetArg,
    /// How it is asked.
    #[command(flatten)]
    pub call: CallArgs,
}

/// What `m4 list-datasets` takes.
#[derive(Debug, Args)]
pub struct ListDatasetsArgs {
    /// Only this one
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// How it is asked.
    #[command(flatten)]
    pub call: CallArgs,
}

/// What `m4 capabilities` takes.
#[derive(Debug, Args)]
pub struct CapabilitiesArgs {
    /// How it is asked.
    #[command(flatten)]
    pub call: CallArgs,
}
