//! `m4 download`.

use std::path::PathBuf;

use clap::Args;

use super::init::{FetchArgs, TellArgs};

/// What `m4 download` takes.
#[derive(Debug, Args)]
pub struct DownloadArgs {
    /// The dataset
    #[arg(value_name = "NAME")]
    pub dataset: String,
    /// Where the files go in place of M4's data folder
    #[arg(long, value_name = "DIR")]
    pub target: Option<PathBuf>,
    /// How to download.
    #[command(flatten)]
    pub fetch: FetchArgs,
    /// How to tell about it.
    #[command(flatten)]
    pub tell: TellArgs,
}
