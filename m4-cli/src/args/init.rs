//! `m4 init` and what it shares with `m4 download`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What `m4 init` takes.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The dataset
    #[arg(value_name = "NAME", default_value = "mimic-iv-demo")]
    pub dataset: String,
    /// The folder that holds the dataset's files: CSV, gzipped CSV or Parquet
    #[arg(long, value_name = "DIR", conflicts_with_all = ["download", "mirror"])]
    pub src: Option<PathBuf>,
    /// Download the files, or those that are missing, first
    #[arg(long)]
    pub download: bool,
    /// Replace the database that is there
    #[arg(long, short)]
    pub force: bool,
    /// How to download.
    #[command(flatten)]
    pub fetch: FetchArgs,
    /// How to tell about it.
    #[command(flatten)]
    pub tell: TellArgs,
}

/// How files are downloaded.
#[derive(Debug, Default, Args)]
pub struct FetchArgs {
    /// Take the files from this listing in place of the published one
    #[arg(long, value_name = "URL", help_heading = "Downloading")]
    pub mirror: Option<String>,
    /// A file with the PhysioNet user and password, readable by you alone
    #[arg(long, value_name = "FILE", help_heading = "Downloading")]
    pub physionet_credentials_file: Option<PathBuf>,
    /// Read the PhysioNet user and password from standard input
    #[arg(long, help_heading = "Downloading", conflicts_with = "physionet_credentials_file")]
    pub physionet_credentials_stdin: bool,
    /// Never ask for anything
    #[arg(long, help_heading = "Downloading")]
    pub no_interactive: bool,
}

/// How long work is told about.
#[derive(Debug, Default, Args)]
pub struct TellArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print nothing to standard output but events as they happen, the result being the last
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub events: Option<EventFormat>,
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EventFormat {
    /// One JSON object a line.
    Ndjson,
}
