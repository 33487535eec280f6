//! `m4 status`.

use clap::Args;

use super::data::CallArgs;

/// What `m4 status` takes.
#[derive(Debug, Default, Args)]
pub struct StatusArgs {
    /// Show rows, rejected rows, release and note index of every dataset too
    #[arg(long)]
    pub all: bool,
    /// Show that of this dataset alone
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// How it is asked.
    #[command(flatten)]
    pub call: CallArgs,
}
