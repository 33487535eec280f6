//! A real keyring, GNOME's, on a session bus of its own, with a home of its own.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::ambient;

/// A session whose keyring is unlocked at first. The keyring ends with the bus, and that when this is dropped.
#[derive(Debug)]
pub struct SecretService {
    bus: Child,
    address: String,
    folder: TempDir,
}

impl SecretService {
    /// `None` where the programs are not installed; `cargo xtask keyring` installs them.
    ///
    /// # Errors
    /// When they are and do not start.
    pub fn start() -> io::Result<Option<Self>> {
        if PROGRAMS.iter().any(|program| !is_on_path(program)) {
            return Ok(None);
        }
        // Short: the path of a socket may have 107 bytes.
        let folder = tempfile::Builder::new().prefix("m4-bus-").tempdir_in("/tmp")?;
        let (bus, address) = bus(folder.path())?;
        let session = Self { bus, address, folder };
        session.unlock()?;
        Ok(Some(session))
    }

    /// What belongs into `DBUS_SESSION_BUS_ADDRESS`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Locks the collection that keys are kept in.
    ///
    /// # Errors
    /// When the keyring does not do it.
    pub fn lock(&self) -> io::Result<()> {
        let mut lock = self.command("dbus-send");
        lock.args([
            "--session",
            "--print-reply",
            "--dest=org.freedesktop.secrets",
            "/org/freedesktop/secrets",
        ]);
        lock.arg("org.freedesktop.Secret.Service.Lock");
        lock.arg("array:objpath:/org/freedesktop/secrets/collection/login");
        finish(&mut lock, None)
    }

    /// Ends the session and begins another for the same person, at another address; the keyring is unlocked.
    ///
    /// # Errors
    /// When it does not start again.
    pub fn log_in_again(&mut self) -> io::Result<()> {
        self.end();
        (self.bus, self.address) = bus(self.folder.path())?;
        self.unlock()
    }

    fn unlock(&self) -> io::Result<()> {
        let mut daemon = self.command("gnome-keyring-daemon");
        finish(daemon.args(["--unlock", "--components=secrets"]), Some("password"))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = isolated(program, self.folder.path());
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address);
        command
    }

    fn end(&mut self) {
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}

impl Drop for SecretService {
    fn drop(&mut self) {
        self.end();
    }
}

fn bus(folder: &Path) -> io::Result<(Child, String)> {
    let mut command = isolated("dbus-daemon", folder);
    command.args(["--session", "--nofork", "--print-address=1"]);
    let mut bus = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut address = String::new();
    if let Some(stdout) = bus.stdout.take() {
        BufReader::new(stdout).read_line(&mut address)?;
    }
    Ok((bus, address.trim().to_owned()))
}

/// Nothing of the developer's session reaches it, and nothing of it stays.
fn isolated(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", folder).env("XDG_RUNTIME_DIR", folder).current_dir(folder);
    command.envs(ambient::variable("PATH").map(|path| ("PATH", path)));
    command
}

fn finish(command: &mut Command, input: Option<&str>) -> io::Result<()> {
    // A daemon that stays behind would hold pipes open.
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        stdin.write_all(input.as_bytes())?;
    }
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?}: {status}"))) }
}

fn is_on_path(program: &str) -> bool {
    let folders = ambient::variable("PATH").unwrap_or_default();
    std::env::split_paths(&folders).map(|folder: PathBuf| folder.join(program)).any(|path| path.is_file())
}

const PROGRAMS: [&str; 3] = ["dbus-daemon", "dbus-send", "gnome-keyring-daemon"];
