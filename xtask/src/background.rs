//! Programs that run beside the workflow and end with it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::failure::{Failure, Outcome};
use crate::workspace::shown;

/// A running program; killed when dropped.
#[derive(Debug)]
pub(crate) struct Background(Child);

impl Background {
    /// Starts a program and returns the JSON line that it writes first. The rest of its stdout is passed over.
    pub(crate) fn announced(command: &mut Command, log: &Path) -> Outcome<(Self, Value)> {
        let mut running = Self::start(command.stdout(Stdio::piped()), log)?;
        let stdout = running.0.stdout.take();
        let (sender, first) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout?).lines() {
                // Read on: a program whose stdout nobody reads stops at some point.
                let _ = sender.send(line.ok()?);
            }
            Some(())
        });
        let line = first.recv_timeout(PATIENCE).map_err(|_| silent(command, log))?;
        let announcement = serde_json::from_str(&line).map_err(|_| silent(command, log))?;
        Ok((running, announcement))
    }

    /// Starts a server that does not announce itself, and waits until it accepts connections at this address.
    pub(crate) fn listening(command: &mut Command, address: SocketAddr, log: &Path) -> Outcome<Self> {
        let mut running = Self::start(command.stdout(Stdio::null()), log)?;
        let start = Instant::now();
        while TcpStream::connect_timeout(&address, POLL).is_err() {
            let ended = running.0.try_wait().map_err(|error| Failure::io("watch a program", &error))?;
            if ended.is_some() || start.elapsed() > PATIENCE {
                return Err(silent(command, log));
            }
            std::thread::sleep(POLL);
        }
        Ok(running)
    }

    fn start(command: &mut Command, log: &Path) -> Outcome<Self> {
        let file = File::create(log).map_err(|error| Failure::io("write a log", &error))?;
        let child = command.stdin(Stdio::null()).stderr(file).spawn();
        child.map(Self).map_err(|error| Failure::io(&format!("run {}", shown(command)), &error))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address on the loopback interface that nobody listens at.
pub(crate) fn free_address() -> Outcome<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|error| Failure::io("find a free port", &error))
}

fn silent(command: &Command, log: &Path) -> Failure {
    let program = Path::new(command.get_program()).file_stem().unwrap_or(command.get_program());
    Failure::new(
        format!("{} did not start to serve", program.to_string_lossy()),
        format!("see {}", log.display()),
    )
}

const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(50);

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_first_line_is_read_and_the_program_dies_with_its_handle() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = "echo why >&2; echo '{\"ready\":true}'; exec sleep 600";
        let (running, line) = Background::announced(&mut shell(script), &log).unwrap();
        assert_eq!(line["ready"], true);
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "why\n");
        drop(running);
    }

    #[test]
    fn a_program_that_ends_or_says_something_else_is_named_with_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        for script in ["exit 1", "echo hello"] {
            let failure = Background::announced(&mut shell(script), &log).unwrap_err();
            assert!(failure.hint().contains("log"), "{failure}");
        }
        let nobody = free_address().unwrap();
        assert!(Background::listening(&mut shell("exit 1"), nobody, &log).is_err());
    }
}
