//! Where the workspace and its target directory are, and how cargo is run in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::environment;
use crate::failure::{Failure, Outcome};

/// The workspace this xtask was compiled from, wherever it is called.
pub(crate) struct Workspace {
    root: PathBuf,
    metadata: OnceLock<Value>,
}

/// Which of the two profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Debug,
    Release,
}

impl Workspace {
    pub(crate) fn find() -> Self {
        let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest_dir.parent().unwrap_or(manifest_dir).to_owned();
        Self { root, metadata: OnceLock::new() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// `CARGO_TARGET_DIR`, else what cargo's configuration says.
    pub(crate) fn target(&self) -> Outcome<PathBuf> {
        let metadata = self.metadata()?;
        metadata["target_directory"].as_str().map(PathBuf::from).ok_or_else(|| {
            Failure::new("cargo metadata names no target directory", "update cargo: `rustup update stable`")
        })
    }

    /// Where cargo puts the binaries of a profile.
    pub(crate) fn binaries(&self, profile: Profile) -> Outcome<PathBuf> {
        Ok(self.target()?.join(profile.folder()))
    }

    /// `cargo metadata --no-deps`, asked once.
    pub(crate) fn metadata(&self) -> Outcome<&Value> {
        if let Some(known) = self.metadata.get() {
            return Ok(known);
        }
        let output = self
            .cargo(["metadata", "--no-deps", "--format-version", "1"])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| Failure::io("run cargo metadata", &error))?;
        let parsed = serde_json::from_slice(&output.stdout).map_err(|error| {
            Failure::new(format!("cargo metadata gave no JSON: {error}"), "see cargo's own message above")
        })?;
        Ok(self.metadata.get_or_init(|| parsed))
    }

    /// The cargo that runs this xtask, at the workspace's root.
    pub(crate) fn cargo<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let cargo = environment::variable("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(args).current_dir(&self.root).stdin(Stdio::null());
        command
    }
}

impl Profile {
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// Runs a command whose output goes where ours goes.
pub(crate) fn status(command: &mut Command) -> Outcome<ExitStatus> {
    command.status().map_err(|error| not_started(command, &error))
}

/// Runs a command and keeps its output.
pub(crate) fn output(command: &mut Command) -> Outcome<Output> {
    command.output().map_err(|error| not_started(command, &error))
}

/// Runs a command that must succeed; `hint` tells what to do when it does not.
pub(crate) fn succeed(command: &mut Command, hint: &str) -> Outcome {
    if status(command)?.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("`{}` failed", shown(command)), hint))
    }
}

/// A command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or(command.get_program());
    let mut words = vec![program.to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    let program = command.get_program().to_string_lossy();
    Failure::new(
        format!("cannot run {program}: {error}"),
        format!("install {program}, or put it on the PATH"),
    )
}
