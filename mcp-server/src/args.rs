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
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// What a server takes, under whatever name it is started.
#[derive(Clone, clap::Args)]
pub struct ServerArgs {
    /// Backend that answers queries: duckdb or bigquery
    #[arg(long, value_name = "NAME")]
    pub backend: Option<String>,
    /// Google Cloud project that pays for BigQuery queries
    #[arg(long, value_name = "ID")]
    pub project_id: Option<String>,
    /// Dataset a call means when it names none
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// Directory of the databases
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// What to log: error, warn, info, debug, trace, or target=level pairs
    #[arg(long, value_name = "LEVEL")]
    pub log: Option<String>,
    /// Serve over HTTP at this address
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        num_args = 0..=1,
        default_missing_value = DEFAULT_ADDRESS,
        help_heading = HTTP
    )]
    pub http: Option<String>,
    /// URL that clients use, without /mcp, where a proxy stands in front
    #[arg(long, value_name = "URL", help_heading = HTTP)]
    pub public_url: Option<String>,
    /// Certificate chain (PEM); with --tls-key
    #[arg(long, value_name = "FILE", help_heading = HTTP)]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", help_heading = HTTP)]
    pub tls_key: Option<PathBuf>,
    /// Admit API keys; without OAuth2 make one if there is none, and show it once
    #[arg(long, help_heading = HTTP)]
    pub secure: bool,
    /// With --secure, admit this text as an API key (other users of this machine can read it)
    #[arg(long, value_name = "KEY", requires = "secure", help_heading = HTTP)]
    pub token: Option<String>,
    /// Serve other machines without authentication
    #[arg(long, help_heading = HTTP)]
    pub allow_insecure: bool,
}

const HTTP: &str = "HTTP";

/// Where `--http` listens when it does not say.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:8000";

impl ServerArgs {
    /// The flags that were given, as a layer of the configuration.
    pub fn flags(&self) -> Flags {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        Flags::new()
            .with(&setting::BACKEND, "--backend", self.backend.clone())
            .with(&setting::PROJECT_ID, "--project-id", self.project_id.clone())
            .with(&setting::DEFAULT_DATASET, "--dataset", self.dataset.clone())
            .with(&setting::DATA_DIR, "--data-dir", path(&self.data_dir))
            .with(&setting::LOG, "--log", self.log.clone())
            .with(&setting::HTTP_LISTEN, "--http", self.http.clone())
            .with(&setting::HTTP_PUBLIC_URL, "--public-url", self.public_url.clone())
            .with(&setting::HTTP_TLS_CERT, "--tls-cert", path(&self.tls_cert))
            .with(&setting::HTTP_TLS_KEY, "--tls-key", path(&self.tls_key))
            .with(
                &setting::HTTP_ALLOW_INSECURE,
                "--allow-insecure",
                self.allow_insecure.then(|| "true".to_owned()),
            )
    }
}

impl std::fmt::Debug for ServerArgs {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerArgs")
            .field("http", &self.http)
            .field("secure", &self.secure)
            .finish_non_exhaustive()
    }
}
