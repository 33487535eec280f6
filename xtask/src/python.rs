//! Python and packages of the Python package index, in an environment under the target directory.
//!
//! Only wheels are installed: no build script of any package is run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Failure, Outcome, say};
use crate::node::Package;
use crate::workspace::{Workspace, output};

/// A virtual environment, and the versions of what the packages in it depend on.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    program: PathBuf,
    constraints: PathBuf,
}

impl Python {
    /// The environment of this name under the target directory, made from the Python on the PATH when it is not there.
    pub(crate) fn environment(workspace: &Workspace, name: &str, constraints: &Path) -> Outcome<Self> {
        let folder = workspace.target()?.join(name);
        let program = folder.join(PROGRAM);
        let found = Self { program, constraints: constraints.to_owned() };
        if found.works() {
            return Ok(found);
        }
        let mut reason = String::new();
        for name in ["python3", "python"] {
            let mut command = Command::new(name);
            command.args(["-m", "venv", "--clear"]).arg(&folder).stdin(Stdio::null());
            match output(&mut command) {
                Ok(result) if result.status.success() && found.works() => return Ok(found),
                Ok(result) => reason = last_line(&[result.stdout, result.stderr].concat()),
                Err(failure) if reason.is_empty() => reason = failure.to_string(),
                Err(_) => {}
            }
        }
        Err(Failure::new(
            format!("there is no Python {OLDEST} with venv: {reason}"),
            "install it (Debian: python3-venv) and put it on the PATH",
        ))
    }

    /// Installs a package at exactly its version, unless it is there.
    pub(crate) fn install(&self, package: Package) -> Outcome {
        let Package { name, version } = package;
        let installed = format!("import importlib.metadata as m; assert m.version('{name}') == '{version}'");
        if self.runs(&installed) {
            return Ok(());
        }
        say(format_args!("installing {name}=={version} with pip"));
        let mut command = Command::new(&self.program);
        command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        command.args(["--only-binary", ":all:", "--constraint"]).arg(&self.constraints);
        command.arg(format!("{name}=={version}")).stdin(Stdio::null());
        let result = output(&mut command)?;
        if result.status.success() {
            return Ok(());
        }
        Err(Failure::new(
            format!("pip could not install {name}=={version}: {}", last_line(&result.stderr)),
            "check the network, `pip config list`, and that Python is not too old or too new for it",
        ))
    }

    /// A program that a package brought with it.
    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        self.program.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    /// A command that runs this script.
    pub(crate) fn run(&self, script: &Path) -> Command {
        let mut command = Command::new(&self.program);
        // Without -B it would write its cache beside the script, into the repository.
        command.arg("-B").arg(script);
        command
    }

    fn works(&self) -> bool {
        self.runs("import pip, sys; assert sys.version_info >= (3, 10)")
    }

    fn runs(&self, code: &str) -> bool {
        let mut command = Command::new(&self.program);
        command.args(["-c", code]).stdin(Stdio::null());
        output(&mut command).is_ok_and(|result| result.status.success())
    }
}

fn last_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.unwrap_or("it gave no reason").trim().to_owned()
}

/// What the clients ask for.
const OLDEST: &str = "3.10";

const PROGRAM: &str = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_last_thing_said() {
        assert_eq!(last_line(b"one\nERROR: two \n\n"), "ERROR: two");
        assert_eq!(last_line(b"\n"), "it gave no reason");
    }

    #[test]
    fn an_interpreter_that_is_not_there_does_not_work() {
        let python = Python { program: "no-such-python".into(), constraints: PathBuf::new() };
        assert!(!python.works());
        assert!(python.install(Package { name: "mcp", version: "0" }).is_err());
    }
}
