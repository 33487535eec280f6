//! Programs that end with this one, with all that they started (tests/interop/leash.mjs).

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crate::environment;
use crate::failure::{Failure, Outcome};
use crate::node::Node;

/// Puts programs on a leash.
#[derive(Clone, Debug)]
pub(super) struct Leash {
    pub(super) node: Node,
    /// `leash.mjs`.
    pub(super) script: PathBuf,
}

/// A running program. Dropping it ends it; so does the end of this process, however it comes.
#[derive(Debug)]
pub(super) struct Leashed {
    child: Child,
    lines: Receiver<String>,
    log: PathBuf,
}

impl Leash {
    /// Starts a program, with nothing of our environment but what [`isolate`] leaves; its stderr goes to the log.
    pub(super) fn start(&self, command: &Command, log: &Path) -> Outcome<Leashed> {
        let io = |error: std::io::Error| Failure::io("run a program", &error);
        let mut leash = self.node.run(&self.script);
        leash.arg(command.get_program()).args(command.get_args());
        isolate(&mut leash);
        leash.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let log_file = File::create(log).map_err(io)?;
        leash.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log_file);
        let mut child = leash.spawn().map_err(io)?;
        let stdout = child.stdout.take();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            // Read on when nobody listens: a program whose stdout nobody reads stops at some point.
            for line in BufReader::new(stdout?).lines() {
                let _ = sender.send(line.ok()?);
            }
            Some(())
        });
        Ok(Leashed { child, lines, log: log.to_owned() })
    }
}

/// Leaves a program only what it needs to run at all: no settings of M4, no proxy, no home with logins in it.
/// What is to be added comes after this.
pub(crate) fn isolate(command: &mut Command) {
    command.env_clear();
    // No variable hides the developer's own keyring on every platform.
    command.env("M4_LOGIN_KEYRING", "off");
    for name in KEPT {
        if let Some(value) = environment::variable(name) {
            command.env(name, value);
        }
    }
}

impl Leashed {
    /// The next line on its stdout; `None` when there will be no other.
    pub(super) fn line(&self, patience: Duration) -> Outcome<Option<String>> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Ok(Some(line)),
            Err(mpsc::RecvTimeoutError::Disconnected) => Ok(None),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                Err(self.failure(&format!("said nothing for {} seconds", patience.as_secs())))
            }
        }
    }

    /// The first line of a server, which it prints when it is ready.
    pub(super) fn announcement(&self) -> Outcome<String> {
        self.line(PATIENCE)?.ok_or_else(|| self.failure("ended before it was ready"))
    }

    /// Waits for its end, which is near once its stdout has closed.
    pub(super) fn end(mut self) -> Outcome<ExitStatus> {
        self.wait().ok_or_else(|| self.failure("does not end"))
    }

    fn wait(&mut self) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < END {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(POLL);
        }
        None
    }

    fn failure(&self, what: &str) -> Failure {
        let name = self.log.file_stem().unwrap_or_default().to_string_lossy();
        Failure::new(format!("{name} {what}"), format!("see {}", self.log.display()))
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        // The leash waits for this.
        drop(self.child.stdin.take());
        if self.wait().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than the leash leaves a program before it kills it.
const END: Duration = Duration::from_secs(10);

/// The way to libraries, and what Windows needs to open a socket.
const KEPT: [&str; 6] = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TMPDIR", "TEMP"];

const POLL: Duration = Duration::from_millis(20);
