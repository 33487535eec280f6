//! `m4 login` under way, with the test in the place of the browser.

use std::io;
use std::time::{Duration, Instant};

use crate::binaries;
use crate::http::{Answer, Asking};
use crate::sandbox::Sandbox;
use crate::server::{Exit, RawServer};

/// A login that waits for its browser. Killed when dropped.
pub struct LoginRun {
    process: RawServer,
}

impl LoginRun {
    /// Starts `m4 login` with these arguments. The browser it opens does nothing.
    ///
    /// # Errors
    /// When the binary is missing.
    pub fn start(sandbox: &Sandbox, args: &[&str]) -> io::Result<Self> {
        let args: Vec<_> = std::iter::once("login").chain(args.iter().copied()).collect();
        let sandbox = sandbox.clone().with("BROWSER", "true");
        Ok(Self { process: RawServer::spawn_program(binaries::find("m4")?, &args, &sandbox)? })
    }

    /// The URL the person is to open.
    ///
    /// # Errors
    /// When none is printed in time; the message holds what was.
    pub fn url(&mut self) -> io::Result<String> {
        self.said(|line| line.strip_prefix("  http").map(|rest| format!("http{rest}")))
    }

    /// What `find` finds in a line of stderr, as soon as it is there.
    ///
    /// # Errors
    /// When it never is.
    pub fn said(&mut self, find: impl Fn(&str) -> Option<String>) -> io::Result<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let stderr = self.process.stderr();
            let whole = stderr.rsplit_once('\n').map_or("", |(whole, _)| whole);
            if let Some(found) = whole.lines().find_map(&find) {
                return Ok(found);
            }
            if Instant::now() > end {
                return Err(io::Error::new(io::ErrorKind::TimedOut, stderr));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Where the issuer sends the browser back to, code and all.
    ///
    /// # Errors
    /// When it does not.
    pub fn redirect(&mut self) -> io::Result<String> {
        let answer = Asking::to("GET", &self.url()?).send()?;
        let back = answer.field("location").map(str::to_owned);
        back.ok_or_else(|| io::Error::other(format!("{}: {}", answer.status, answer.body)))
    }

    /// Goes where a browser would be sent.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn go(&self, url: &str) -> io::Result<Answer> {
        Asking::to("GET", url).send()
    }

    /// Types a line.
    ///
    /// # Errors
    /// When nobody reads it.
    pub fn paste(&mut self, line: &str) -> io::Result<()> {
        self.process.send_line(line)
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn wait(self) -> io::Result<Exit> {
        self.process.wait(PATIENCE)
    }
}

/// Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
