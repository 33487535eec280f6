//! `m4 quickstart`.

use clap::Args;

/// What `m4 quickstart` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  m4 quickstart           asks for a dataset, an engine, a client and, with OAuth2, a login
  m4 quickstart --yes     the usual answers: invented data, DuckDB, the first client found, OAuth2 as it is set")]
pub struct QuickstartArgs {
    /// Take the usual answer to every question
    #[arg(long, short)]
    pub yes: bool,
    /// Never ask: without --yes nothing is done
    #[arg(long)]
    pub no_interactive: bool,
}
