//! The SQL policy, tried by anyone: the corpus in `tests/sql`, or statements of one's own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::args::LibraryArgs;
use crate::failure::{Failure, Outcome};
use crate::workspace::{Workspace, status};

/// What `cargo xtask sql` takes.
#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// A file of statements, one a line. Without it: the corpus, where each has to go as its file says.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// One statement.
    #[arg(short, long, value_name = "SQL", conflicts_with = "file")]
    execute: Option<String>,
    #[command(flatten)]
    library: LibraryArgs,
}

/// Builds the program that asks both defences, runs it and gives its exit code.
pub(crate) fn run(workspace: &Workspace, args: &SqlArgs) -> Outcome<ExitCode> {
    let file = args.file.as_deref().map(std::path::absolute).transpose();
    let file = file.map_err(|error| Failure::io("find the file", &error))?;
    let mut cargo = workspace.cargo(["run", "--quiet", "--package", "mcp-server", "--example", "sql", "--"]);
    args.library.resolve(workspace)?.apply(&mut cargo);
    if let Some(sql) = &args.execute {
        cargo.args(["--execute", sql]);
    }
    cargo.args(file);
    let status = status(&mut cargo)?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
