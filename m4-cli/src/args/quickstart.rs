//! `m4 quickstart`.

use clap::Args;

/// What `m4 quickstart` takes.
#[derive(Debug, Args)]
pub struct QuickstartArgs {
    /// Take the usual answer to every question
    #[arg(long, short)]
    pub yes: bool,
    /// Never ask: without --yes nothing is done
    #[arg(long)]
    pub no_interactive: bool,
}
