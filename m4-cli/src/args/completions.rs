//! `m4 completions`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// What `m4 completions` takes.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell whose script is printed
    #[arg(value_name = "SHELL", value_enum, required_unless_present = "man")]
    pub shell: Option<Shell>,
    /// Write the manual pages into this folder instead
    #[arg(long, value_name = "DIR", conflicts_with = "shell")]
    pub man: Option<PathBuf>,
}
