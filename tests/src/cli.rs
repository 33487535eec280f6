//! Runs the `m4` binary in a sandbox.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::binaries;
use crate::sandbox::Sandbox;

/// What a command left behind.
#[derive(Debug)]
pub struct Output {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// How long it ran.
    pub elapsed: Duration,
}

impl Output {
    /// Standard output, as the envelope that `--json` makes it.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn envelope(&self) -> Value {
        let envelope: Value = serde_json::from_str(&self.stdout).expect("stdout is one JSON value");
        assert_eq!(envelope["version"], 1, "{envelope}");
        assert_eq!(envelope["ok"] == true, self.code == Some(0), "{envelope}");
        envelope
    }

    /// The answer in that envelope, whether the command succeeded or not.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn data(&self) -> Value {
        let mut envelope = self.envelope();
        assert!(envelope.get("data").is_some(), "{envelope}");
        envelope["data"].take()
    }
}

/// Runs `m4` with these arguments, no standard input, and the sandbox's environment.
///
/// # Errors
/// When the binary is missing or does not start.
pub fn m4<S: AsRef<OsStr>>(sandbox: &Sandbox, args: impl IntoIterator<Item = S>) -> io::Result<Output> {
    run(binaries::find("m4")?, sandbox, args)
}

/// Runs any program the way [`m4`] is run.
pub fn run<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    sandbox: &Sandbox,
    args: impl IntoIterator<Item = S>,
) -> io::Result<Output> {
    let start = Instant::now();
    let output = Command::new(program)
        .args(args)
        .env_clear()
        .envs(sandbox.variables())
        .current_dir(sandbox.root())
        .stdin(Stdio::null())
        .output()?;
    Ok(Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        elapsed: start.elapsed(),
    })
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_exit_code_are_told_apart() {
        let sandbox = Sandbox::new().unwrap().with("M4_X", "42");
        let output = run("/bin/sh", &sandbox, ["-c", "echo out$M4_X; echo err >&2; exit 3"]).unwrap();
        assert_eq!(
            (output.code, output.stdout.as_str(), output.stderr.as_str()),
            (Some(3), "out42\n", "err\n")
        );
    }

    #[test]
    fn no_input_reaches_the_command() {
        let output = run("cat", &Sandbox::new().unwrap(), [] as [&str; 0]).unwrap();
        assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""));
    }
}
