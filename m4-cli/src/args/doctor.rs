//! `m4 doctor`.

use clap::Args;

/// What `m4 doctor` takes.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
