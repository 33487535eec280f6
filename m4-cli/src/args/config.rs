//! `m4 config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What `m4 config` takes.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ConfigArgs {
    /// What to write or show; left out, the JSON for any MCP client is printed.
    #[command(subcommand)]
    pub target: Option<ConfigTarget>,
    /// What the client is to start.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Write the JSON to this file instead of printing it
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What to write or show.
#[derive(Debug, Subcommand)]
pub enum ConfigTarget {
    /// Add the server to Claude Desktop's configuration
    Claude(ClaudeArgs),
    /// Show every setting of M4 with where its value comes from
    Show(ShowArgs),
}

/// What `m4 config claude` takes.
#[derive(Debug, Args)]
pub struct ClaudeArgs {
    /// What the client is to start.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The configuration file, where it is not in its usual place
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print the entry that would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What the client is to start.
#[derive(Debug, Clone, Args)]
pub struct ServerArgs {
    /// What the client calls the server
    #[arg(long, value_name = "NAME", default_value = "m4")]
    pub server_name: String,
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
}

/// What `m4 config show` takes.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
