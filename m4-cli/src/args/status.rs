//! `m4 status`.

use clap::Args;

/// What `m4 status` takes.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
