//! What `m4-mcp-server` takes on its command line.

use std::path::PathBuf;

use clap::Parser;

use crate::config::{Flags, setting};

/// MCP server for clinical databases behind one OAuth2 gate. Speaks MCP on stdin and stdout, or over HTTP; log lines go
/// to stderr.
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
    #[command(flatten)]
    pub(crate) http: HttpArgs,
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
            .and(self.http.flags())
    }
}

/// How MCP is served over HTTP; shared by `m4-mcp-server` and `m4 serve`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpArgs {
    /// Serve over HTTP at this address
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, default_missing_value = DEFAULT_ADDRESS)]
    pub http: Option<String>,
    /// URL that clients use, without /mcp, where a proxy stands in front
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Certificate chain (PEM); with --tls-key
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Serve other machines without authentication
    #[arg(long)]
    pub allow_insecure: bool,
}

/// Where `--http` listens when it does not say.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:8000";

impl HttpArgs {
    /// The flags that were given.
    pub fn flags(self) -> Flags {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        Flags::new()
            .with(&setting::HTTP_LISTEN, "--http", self.http)
            .with(&setting::HTTP_PUBLIC_URL, "--public-url", self.public_url)
            .with(&setting::HTTP_TLS_CERT, "--tls-cert", self.tls_cert.map(text))
            .with(&setting::HTTP_TLS_KEY, "--tls-key", self.tls_key.map(text))
            .with(
                &setting::HTTP_ALLOW_INSECURE,
                "--allow-insecure",
                self.allow_insecure.then(|| "true".to_owned()),
            )
    }
}
