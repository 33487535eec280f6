//! Load: what authentication costs, and what a flood of worthless tokens does to those who have good ones.

use std::process::{Command, ExitCode};

use clap::Args;

use crate::args::LibraryArgs;
use crate::build;
use crate::failure::{Failure, Outcome, say};
use crate::workspace::{Profile, Workspace, status};

/// What `cargo xtask load` takes.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Measures the unoptimised binaries, which are there sooner; their ratios are not the product's.
    #[arg(long)]
    debug: bool,
    /// Passed on to `m4-load`: `--seconds`, `--connections`, `--flood`.
    #[arg(last = true)]
    rest: Vec<String>,
    #[command(flatten)]
    library: LibraryArgs,
}

/// Builds servers and load generator, runs it and gives its exit code: 0 when every aim is met.
pub(crate) fn run(workspace: &Workspace, args: &LoadArgs) -> Outcome<ExitCode> {
    let profile = if args.debug { Profile::Debug } else { Profile::Release };
    if profile == Profile::Release {
        say("building optimised binaries… the first time takes about 15 minutes on 2 cores");
    }
    let library = args.library.resolve(workspace)?;
    build::run(workspace, &library, profile)?;
    if profile == Profile::Release {
        build::load_generator(workspace, &library)?;
    }
    let mut command = Command::new(build::binary(&workspace.binaries(profile)?, "m4-load"));
    command.args(&args.rest);
    let status = status(&mut command)?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map(ExitCode::from).ok_or_else(|| {
        Failure::new("the load generator was stopped by a signal", "run `cargo xtask load` again")
    })
}
