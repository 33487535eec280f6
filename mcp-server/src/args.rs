//! What `m4-mcp-server` takes on its command line.

use std::path::PathBuf;

use clap::Parser;

use crate::config::{Flags, setting};

/// MCP server for clinical databases behind one OAuth2 gate. Speaks MCP on stdin and stdout; log lines go to stderr.
#[derive(Debug, Parser)]
#[command(
    name = "m4-mcp-server",
    version,
    after_help = "MCP clients start this program; `m4 config claude` writes the entry for one.\nSettings come from flags, M4_* variables and the configuration file, in this order: `m4 config show` lists them."
)]
pub(crate) struct Args {
    /// Backend that answers queries: duckdb or bigquery
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
    /// Google Cloud project that pays for BigQuery queries
    #[arg(long, value_name = "ID")]
    pub(crate) project_id: Option<String>,
    /// Dataset a call means when it names none
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// Directory of the databases
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// What to log: error, warn, info, debug, trace, or target=level pairs
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
}

impl Args {
    /// The flags that were given, as a layer of the configuration.
    pub(crate) fn flags(self) -> Flags {
        let data_dir = self.data_dir.map(|path| path.to_string_lossy().into_owned());
        Flags::new()
            .with(&setting::BACKEND, "--backend", self.backend)
            .with(&setting::PROJECT_ID, "--project-id", self.project_id)
            .with(&setting::DEFAULT_DATASET, "--dataset", self.dataset)
            .with(&setting::DATA_DIR, "--data-dir", data_dir)
            .with(&setting::LOG, "--log", self.log)
    }
}
