//! The two programs that are compared, each run with nothing of our environment and a home of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::build::binary;
use crate::failure::{Failure, Outcome};
use crate::interop::isolate;
use crate::node::Package;
use crate::python::Python;
use crate::workspace::{Workspace, output};

/// A command line and a stdio server over the same data directory.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    /// As it stands in the tables.
    pub(crate) name: String,
    cli: PathBuf,
    server: PathBuf,
    /// What keeps its `init` from asking or drawing.
    quiet: &'static [&'static str],
    folder: PathBuf,
}

/// What a command took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) elapsed: Duration,
    /// Time of the processors, which depends less on what else runs; where the system tells.
    pub(crate) processor: Option<Duration>,
}

impl Side {
    /// The binaries in this directory.
    pub(crate) fn ours(binaries: &Path, folder: &Path) -> Self {
        Self {
            name: "M4".into(),
            cli: binary(binaries, "m4"),
            server: binary(binaries, "m4-mcp-server"),
            quiet: &[],
            folder: folder.join("m4"),
        }
    }

    /// The Python package, installed into an environment of its own.
    pub(crate) fn peer(workspace: &Workspace, folder: &Path) -> Outcome<(Self, Python)> {
        let constraints = workspace.root().join("tests").join("bench").join("constraints.txt");
        let python = Python::environment(workspace, PEER.name, &constraints)?;
        python.install(PEER)?;
        let side = Self {
            name: format!("{} {}", PEER.name, PEER.version),
            cli: python.tool("m4"),
            server: python.tool("m4-mcp-server"),
            quiet: &["--json", "--no-interactive"],
            folder: folder.join(PEER.name),
        };
        Ok((side, python))
    }

    /// Sets a dataset up from nothing but the files in `src`; what the command took.
    pub(crate) fn init(&self, dataset: &str, src: Option<&Path>) -> Outcome<Took> {
        let mut command = self.command(&self.cli)?;
        command.args(["init", dataset]).args(self.quiet).stdin(Stdio::null());
        if let Some(src) = src {
            command.arg("--src").arg(src);
        }
        let (start, before) = (Instant::now(), processor_of_children());
        let result = output(&mut command)?;
        let elapsed = start.elapsed();
        let processor =
            processor_of_children().zip(before).map(|(after, before)| after.saturating_sub(before));
        if result.status.success() {
            return Ok(Took { elapsed, processor });
        }
        let said = [result.stdout, result.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let reason = said.lines().find(|line| line.contains("rror")).unwrap_or("it gave no reason").trim();
        Err(Failure::new(
            format!("{} could not set up {dataset}: {reason}", self.name),
            format!("see what it says: init {dataset} with M4_DATA_DIR={}", self.data().display()),
        ))
    }

    /// How long its command line takes to start and say its version.
    pub(crate) fn version(&self) -> Outcome<Duration> {
        let mut command = self.command(&self.cli)?;
        command.arg("--version").stdin(Stdio::null());
        let start = Instant::now();
        output(&mut command)?;
        Ok(start.elapsed())
    }

    /// Its command line.
    pub(crate) fn cli(&self) -> Outcome<Command> {
        let mut command = self.command(&self.cli)?;
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// Its stdio server.
    pub(crate) fn server(&self) -> Outcome<Command> {
        self.command(&self.server)
    }

    /// What was set up so far is gone.
    pub(crate) fn clear(&self) -> Outcome {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
        .map_err(|error| Failure::io(&format!("empty {}", self.folder.display()), &error))
    }

    /// The home of whoever runs it.
    pub(crate) fn home(&self) -> Outcome<PathBuf> {
        fs::create_dir_all(&self.folder).map_err(|error| Failure::io("make a home", &error))?;
        Ok(self.folder.clone())
    }

    /// Where it keeps databases.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Where it writes what a program says beside its answers.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    fn command(&self, program: &Path) -> Outcome<Command> {
        fs::create_dir_all(self.data()).map_err(|error| Failure::io("make a data directory", &error))?;
        let mut command = Command::new(program);
        isolate(&mut command);
        command.env("HOME", &self.folder).env("USERPROFILE", &self.folder).current_dir(&self.folder);
        command.env("M4_HOME", self.folder.join("home")).env("M4_DATA_DIR", self.data());
        Ok(command)
    }
}

/// The processor time of all processes that this one started and waited for.
fn processor_of_children() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name in parentheses, and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(13..15)?.iter().map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    Some(Duration::from_millis(ticks * MILLISECONDS_A_TICK))
}

/// `USER_HZ` is 100 wherever Linux runs.
const MILLISECONDS_A_TICK: u64 = 10;

/// What M4 replaces.
const PEER: Package = Package { name: "m4-infra", version: "0.5.9" };

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_computes_is_counted() {
        let run = |script: &str| {
            let before = processor_of_children().unwrap();
            Command::new("/bin/sh").args(["-c", script]).status().unwrap();
            processor_of_children().unwrap().checked_sub(before).unwrap()
        };
        let busy = run("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done");
        assert!(busy >= Duration::from_millis(20), "{busy:?}");
    }
}
