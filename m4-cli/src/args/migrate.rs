//! `m4 migrate`.

use std::path::PathBuf;

use clap::Args;

/// What `m4 migrate` takes.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Data folder of the Python package, where it is not found: an `m4_data` or `m3_data` here, above or at home
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Look at the clients' files of the project in this folder too
    #[arg(long, value_name = "DIR")]
    pub working_directory: Option<PathBuf>,
    /// Take over what is shown
    #[arg(long)]
    pub apply: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
