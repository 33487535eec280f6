//! `m4 config`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use mcp_server::config::BackendKind;

use super::backend;
use crate::clients::Client;

/// What `m4 config` takes.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  m4 config claude
  m4 config vscode --working-directory . --dry-run
  m4 config codex --transport http --url https://m4.example/mcp
  m4 config cursor --enable-oauth2 --oauth2-issuer https://issuer.example --oauth2-audience m4-api
  m4 config cursor --remove
  m4 config check"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that is typed")]
pub struct ConfigArgs {
    /// What to look at instead of writing.
    #[command(subcommand)]
    pub target: Option<ConfigTarget>,
    /// The client whose file is written; left out, the JSON for any MCP client is printed
    #[arg(value_name = "CLIENT", value_enum)]
    pub client: Option<Client>,
    /// What the client is to start or to connect to.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The client's file, where it is not in its usual place; without a client, a new file for the JSON
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write the file of the project in this folder instead of the user's
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    pub working_directory: Option<PathBuf>,
    /// Ask nothing; -q does the same
    #[arg(long, visible_alias = "no-interactive")]
    pub quick: bool,
    /// Print the entry that would be written, and write nothing
    #[arg(long, requires = "client")]
    pub dry_run: bool,
    /// Remove the server's entry, and nothing else
    #[arg(long, requires = "client", conflicts_with_all = ENTRY)]
    pub remove: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What to look at.
#[derive(Debug, Subcommand)]
pub enum ConfigTarget {
    /// Look at the clients' files: whether they start a server that runs
    Check(CheckClientsArgs),
    /// Show every setting of M4 with where its value comes from
    Show(ShowArgs),
}

/// What the client is to start or to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ServerArgs {
    /// What the client calls the server
    #[arg(long, value_name = "NAME", default_value = SERVER_NAME)]
    pub server_name: String,
    /// The engine that answers queries: duckdb or bigquery
    #[arg(long, short, value_name = "BACKEND", value_parser = backend::parse)]
    pub backend: Option<BackendKind>,
    /// The Google Cloud project that pays for BigQuery queries
    #[arg(long, value_name = "ID")]
    pub project_id: Option<String>,
    /// The database of a dataset, in the folder `databases` of a data folder
    #[arg(long, short = 'p', value_name = "FILE")]
    pub db_path: Option<PathBuf>,
    /// Let in only callers with an access token
    #[arg(long, alias = "oauth2-enabled", conflicts_with = "disable_oauth2")]
    pub enable_oauth2: bool,
    /// Let in everybody again
    #[arg(long)]
    pub disable_oauth2: bool,
    /// The issuer, exactly as its tokens spell it in `iss`
    #[arg(long, value_name = "URL", conflicts_with = "disable_oauth2")]
    pub oauth2_issuer: Option<String>,
    /// The audience its tokens name in `aud`; several separated by commas
    #[arg(long, value_name = "AUDIENCE", conflicts_with = "disable_oauth2")]
    pub oauth2_audience: Option<String>,
    /// The scopes every call needs, separated by commas
    #[arg(long, value_name = "SCOPES", conflicts_with = "disable_oauth2")]
    pub oauth2_scopes: Option<String>,
    /// Where the issuer's keys are, where they are not to be discovered
    #[arg(long, value_name = "URL", conflicts_with = "disable_oauth2")]
    pub oauth2_jwks_url: Option<String>,
    /// The server's own client ID at the issuer
    #[arg(long, value_name = "ID", conflicts_with = "disable_oauth2")]
    pub oauth2_client_id: Option<String>,
    /// Calls per subject: a number per hour, or with its window, like 100/3600
    #[arg(long, value_name = "N[/SECONDS]", conflicts_with = "disable_oauth2", value_parser = rate_limit)]
    pub oauth2_rate_limit: Option<RateLimit>,
    /// How the client reaches the server: started by it, or over HTTP
    #[arg(long, value_enum, value_name = "TRANSPORT")]
    pub transport: Option<Transport>,
    /// Where the server answers over HTTP: its public URL and /mcp
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

impl Default for ServerArgs {
    fn default() -> Self {
        Self {
            server_name: SERVER_NAME.to_owned(),
            backend: None,
            project_id: None,
            db_path: None,
            enable_oauth2: false,
            disable_oauth2: false,
            oauth2_issuer: None,
            oauth2_audience: None,
            oauth2_scopes: None,
            oauth2_jwks_url: None,
            oauth2_client_id: None,
            oauth2_rate_limit: None,
            transport: None,
            url: None,
        }
    }
}

/// How a client reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// It starts the server and talks over its standard streams.
    Stdio,
    /// The server runs already, here or elsewhere.
    Http,
}

/// Calls per subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many.
    pub requests: u64,
    /// In how many seconds; `None` leaves the window as it is.
    pub window: Option<u64>,
}

/// What `m4 config check` takes.
#[derive(Debug, Args)]
pub struct CheckClientsArgs {
    /// The client to look at; left out, all
    #[arg(value_name = "CLIENT", value_enum)]
    pub client: Option<Client>,
    /// Look at the files of the project in this folder too
    #[arg(long, value_name = "DIR")]
    pub working_directory: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What `m4 config show` takes.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

fn rate_limit(text: &str) -> Result<RateLimit, String> {
    let number = |text: &str| text.trim().parse().ok().filter(|number| *number > 0);
    let parsed = match text.split_once('/') {
        None => number(text).map(|requests| RateLimit { requests, window: None }),
        Some((requests, window)) => number(requests)
            .zip(number(window))
            .map(|(requests, window)| RateLimit { requests, window: Some(window) }),
    };
    parsed.ok_or_else(|| "write a number of calls, or calls/seconds like 100/3600".to_owned())
}

const SERVER_NAME: &str = "m4";

/// What describes an entry, which is beside the point where one is removed.
const ENTRY: [&str; 12] = [
    "backend",
    "project_id",
    "db_path",
    "enable_oauth2",
    "disable_oauth2",
    "oauth2_issuer",
    "oauth2_audience",
    "oauth2_scopes",
    "oauth2_jwks_url",
    "oauth2_client_id",
    "oauth2_rate_limit",
    "transport",
];
