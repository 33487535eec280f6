//! `m4 define-dataset` and `m4 remove-dataset`.

use std::path::PathBuf;

use clap::Args;

/// What `m4 define-dataset` takes.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct DefineDatasetArgs {
    /// What to call it: lower-case letters, digits, '-' and '_'
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The folder that holds its files
    #[arg(long, value_name = "DIR")]
    pub src: PathBuf,
    /// What it is called in words; stands before the description
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// One line about it
    #[arg(long, visible_alias = "summary", value_name = "TEXT")]
    pub description: Option<String>,
    /// Replace a definition of that name
    #[arg(long)]
    pub force: bool,
    /// Show the definition, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Accepted for scripts: this command never asks
    #[arg(long)]
    pub no_interactive: bool,
}

/// What `m4 remove-dataset` takes.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct RemoveDatasetArgs {
    /// The dataset
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Remove the definition of a dataset of your own as well
    #[arg(long)]
    pub definition: bool,
    /// Keep the definition, as is usual
    #[arg(long, conflicts_with = "definition")]
    pub keep_definition: bool,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask whether you mean it
    #[arg(long, short)]
    pub yes: bool,
    /// Never ask: without --yes nothing is removed
    #[arg(long)]
    pub no_interactive: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
