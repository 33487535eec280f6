//! Cargo subcommands that contributors need now and then: found, or built once into the target directory.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::build::binary;
use crate::failure::{Failure, Outcome, say};
use crate::workspace::{Workspace, output, succeed};

/// A program of crates.io.
pub(crate) struct Tool {
    /// Its crate and binary.
    pub(crate) name: &'static str,
    /// The version that is built when none is installed.
    pub(crate) version: &'static str,
    /// How long that takes on two cores.
    pub(crate) minutes: u32,
}

impl Tool {
    /// On the PATH, built by an earlier run, or built now; `None` when it cannot be built here.
    pub(crate) fn find(&self, workspace: &Workspace) -> Outcome<Option<PathBuf>> {
        let tools = workspace.target()?.join("tools");
        let built = binary(&tools.join("bin"), self.name);
        for candidate in [PathBuf::from(self.name), built.clone()] {
            let mut command = Command::new(&candidate);
            // Cargo tells a subcommand its own name first.
            let subcommand = self.name.strip_prefix("cargo-").unwrap_or(self.name);
            command.args([subcommand, "--version"]).stdin(Stdio::null()).stderr(Stdio::null());
            if output(&mut command).is_ok_and(|result| result.status.success()) {
                return Ok(Some(candidate));
            }
        }
        say(format_args!("building {}, once (about {} minutes on 2 cores)", self.name, self.minutes));
        let mut install = workspace.cargo(["install", "--quiet", "--locked", self.name]);
        let scratch = tools.join("build");
        install.args(["--version", self.version]).arg("--root").arg(&tools).arg("--target-dir").arg(&scratch);
        let installed = succeed(&mut install, "");
        let _ = std::fs::remove_dir_all(scratch);
        Ok(installed.ok().map(|()| built))
    }

    /// Like [`Tool::find`], for a workflow that is nothing without it.
    pub(crate) fn need(&self, workspace: &Workspace) -> Outcome<PathBuf> {
        self.find(workspace)?.ok_or_else(|| {
            Failure::new(
                format!("{} is not here and could not be built", self.name),
                format!("see above; `cargo install --locked {}@{}` does the same", self.name, self.version),
            )
        })
    }
}
