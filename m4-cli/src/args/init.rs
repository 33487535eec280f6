//! `m4 init`.

use std::path::PathBuf;

use clap::Args;

/// What `m4 init` takes.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The dataset, for example mimic-iv-sample
    #[arg(value_name = "NAME")]
    pub dataset: String,
    /// The folder that holds the dataset's files
    #[arg(long, value_name = "DIR")]
    pub src: Option<PathBuf>,
    /// Replace the database that is there
    #[arg(long)]
    pub force: bool,
}
