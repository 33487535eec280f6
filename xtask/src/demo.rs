//! Builds what the demonstration needs and runs it.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::args::LibraryArgs;
use crate::build;
use crate::failure::{Failure, Outcome};
use crate::workspace::{Profile, Workspace, status};

/// Runs the demonstration client with the same options and gives its exit code.
pub(crate) fn run(
    workspace: &Workspace,
    library: LibraryArgs,
    json: bool,
    source: Option<&Path>,
) -> Outcome<ExitCode> {
    // Checked before minutes of compiling.
    let source =
        source.map(std::path::absolute).transpose().map_err(|error| Failure::io("read --src", &error))?;
    if let Some(directory) = source.as_deref().filter(|directory| !directory.is_dir()) {
        return Err(Failure::new(
            format!("{} is not a directory", directory.display()),
            "--src names the directory of the MIMIC-IV demo, the one that holds hosp/ and icu/",
        ));
    }
    build::announce(workspace)?;
    build::run(workspace, &library.resolve(workspace)?, Profile::Debug)?;
    let directory = workspace.binaries(Profile::Debug)?;
    let mut command = Command::new(build::binary(&directory, "m4-demo"));
    if json {
        command.arg("--json");
    }
    if let Some(source) = source {
        command.arg("--src").arg(source);
    }
    let status = status(&mut command)?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
