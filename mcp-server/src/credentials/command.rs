//! A token that a command prints: `M4_OAUTH2_TOKEN_COMMAND`, run without a shell and bounded in time and output.

use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::str::FromStr;
use std::time::Duration;

use auth_core::secret::Secret;
use auth_core::time::UnixTime;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::file::{self, NoToken};
use super::renewal::{Issued, Origin, Renewal};
use crate::error::Explain;

/// A program and its arguments, which may hold secrets.
#[derive(Debug, Clone)]
pub struct CommandLine {
    program: Secret,
    arguments: Vec<Secret>,
}

impl CommandLine {
    /// The program, then its arguments, each as it is.
    pub fn from_words(words: Vec<String>) -> Result<Self, InvalidCommandLine> {
        let mut words = words.into_iter().map(Secret::new);
        let program = words.next().filter(|program| !program.is_empty()).ok_or(InvalidCommandLine::Empty)?;
        Ok(Self { program, arguments: words.collect() })
    }
}

impl FromStr for CommandLine {
    type Err = InvalidCommandLine;

    /// Splits text as a POSIX shell does, with its quotes and backslashes. Nothing is expanded.
    fn from_str(text: &str) -> Result<Self, InvalidCommandLine> {
        Self::from_words(shlex::split(text).ok_or(InvalidCommandLine::Unfinished)?)
    }
}

/// Text that is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCommandLine {
    /// A quote is open at its end, or a backslash stands there.
    #[error("has a quote that is not closed, or ends in a backslash")]
    Unfinished,
    /// No program is named.
    #[error("names no program")]
    Empty,
}

impl InvalidCommandLine {
    /// What to do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Unfinished => "quote as in a POSIX shell; a Windows path goes into single quotes",
            Self::Empty => "write the program that prints the token, then its arguments",
        }
    }
}

/// The token that a command prints, kept until it is due.
#[derive(Debug)]
pub(super) struct TokenCommand(Renewal<Program>);

impl TokenCommand {
    pub(super) fn new(line: CommandLine) -> Self {
        Self(Renewal::new(Program { line, limit: TIME_LIMIT }))
    }

    /// The token; blocks while the command runs.
    pub(super) fn current(&self) -> Result<Secret, CommandError> {
        self.0.current()
    }
}

/// Why a command gave no token. Holds nothing of what it printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The program cannot be started.
    #[error("the token command cannot be started: {kind}")]
    NotStarted {
        /// Why.
        kind: io::ErrorKind,
    },
    /// It said that it failed.
    #[error("the token command failed with exit code {code}")]
    Failed {
        /// Its exit code.
        code: i32,
    },
    /// It did not come to its end by itself.
    #[error("the token command was ended by a signal")]
    Ended,
    /// It ran for too long and was ended.
    #[error("the token command took more than {} seconds and was ended", .limit.as_secs())]
    TimedOut {
        /// How long it may take.
        limit: Duration,
    },
    /// It printed more than a token can be, and was ended.
    #[error("the token command printed more than {} bytes and was ended", file::LARGEST)]
    TooMuch,
    /// It printed nothing but white space.
    #[error("the token command printed nothing")]
    Nothing,
    /// It printed more than one line, or bytes that no token holds.
    #[error("the token command did not print one token alone")]
    NotAToken,
}

impl CommandError {
    /// What is wrong, for a caller who need not know how the token is had.
    pub(super) const fn for_callers(self) -> &'static str {
        match self {
            Self::NotStarted { .. } => "the token command cannot be started",
            Self::Failed { .. } | Self::Ended => "the token command failed",
            Self::TimedOut { .. } => "the token command took too long",
            Self::TooMuch => "the token command printed too much",
            Self::Nothing => "the token command printed nothing",
            Self::NotAToken => "the token command did not print one token alone",
        }
    }
}

impl Explain for CommandError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotStarted { .. } => {
                "M4_OAUTH2_TOKEN_COMMAND must name a program of this machine and its arguments; no shell runs it"
            }
            Self::Failed { .. } | Self::Ended => {
                "run the command of M4_OAUTH2_TOKEN_COMMAND yourself; what it writes to stderr is logged with \
                 M4_LOG=m4::login=debug"
            }
            Self::TimedOut { .. } => "the command of M4_OAUTH2_TOKEN_COMMAND must not wait for a person",
            Self::TooMuch | Self::Nothing | Self::NotAToken => {
                "the command of M4_OAUTH2_TOKEN_COMMAND must print the access token alone"
            }
        };
        Some(hint.to_owned())
    }
}

#[derive(Debug)]
struct Program {
    line: CommandLine,
    limit: Duration,
}

impl Origin for Program {
    type Error = CommandError;

    const NAME: &'static str = "token command";

    fn fetch(&self, _: UnixTime) -> Result<Issued, CommandError> {
        let not_started = |error: io::Error| CommandError::NotStarted { kind: error.kind() };
        // A runtime of its own, as for a request to an issuer: the caller may have none.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let token = runtime.map_err(not_started)?.block_on(self.run())?;
        Ok(Issued { token, expires_in: None })
    }

    fn is_temporary(_: &CommandError) -> bool {
        true
    }
}

impl Program {
    async fn run(&self) -> Result<Secret, CommandError> {
        let mut command = Command::new(self.line.program.expose());
        command
            .args(self.line.arguments.iter().map(Secret::expose))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| CommandError::NotStarted { kind: error.kind() })?;
        let mut printed = Output::new(file::LARGEST);
        let mut said = Output::new(MOST_LOGGED);
        let ended = self.until_end(&mut child, &mut printed, &mut said).await;
        if ended.is_err() {
            kill(&mut child);
            // So that it leaves no trace in the list of processes. What cannot be killed is not waited for.
            let _ = tokio::time::timeout(LAST_BYTES, child.wait()).await;
        }
        let token = ended.and_then(|status| token(status, &printed));
        log(&said, token.as_ref().ok());
        token
    }

    async fn until_end(
        &self,
        child: &mut Child,
        printed: &mut Output,
        said: &mut Output,
    ) -> Result<ExitStatus, CommandError> {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut streams = pin!(async { tokio::try_join!(printed.fill(stdout), said.drain(stderr)) });
        let work = async {
            let status = tokio::select! {
                biased;
                read = &mut streams => {
                    read?;
                    child.wait().await
                }
                status = child.wait() => {
                    // What it left running in the background, an agent for instance, may keep the pipes open for ever.
                    if let Ok(read) = tokio::time::timeout(LAST_BYTES, &mut streams).await {
                        read?;
                    }
                    status
                }
            };
            status.map_err(|_| CommandError::Ended)
        };
        let limit = self.limit;
        tokio::time::timeout(limit, work).await.unwrap_or(Err(CommandError::TimedOut { limit }))
    }
}

fn token(status: ExitStatus, printed: &Output) -> Result<Secret, CommandError> {
    if !status.success() {
        return Err(status.code().map_or(CommandError::Ended, |code| CommandError::Failed { code }));
    }
    let text = std::str::from_utf8(&printed.bytes).map_err(|_| CommandError::NotAToken)?;
    file::token_in(text).map_err(|problem| match problem {
        NoToken::Empty => CommandError::Nothing,
        NoToken::Several => CommandError::NotAToken,
    })
}

/// Ends the command with everything it started.
fn kill(child: &mut Child) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(leader) = leader {
            // It may have ended in this very moment.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
    let _ = child.start_kill();
}

/// What came out of a stream, up to a limit.
struct Output {
    /// With room for all of it from the start: a buffer that grows leaves copies behind.
    bytes: Zeroizing<Vec<u8>>,
    limit: usize,
}

impl Output {
    fn new(limit: usize) -> Self {
        Self { bytes: Zeroizing::new(Vec::with_capacity(limit)), limit }
    }

    /// Reads to the end; more than the limit is an error.
    async fn fill(&mut self, stream: Option<impl AsyncRead + Unpin>) -> Result<(), CommandError> {
        if self.read(stream).await { Ok(()) } else { Err(CommandError::TooMuch) }
    }

    /// Reads to the end and keeps what comes first.
    async fn drain(&mut self, stream: Option<impl AsyncRead + Unpin>) -> Result<(), CommandError> {
        let Some(mut stream) = stream else { return Ok(()) };
        if !self.read(Some(&mut stream)).await {
            // Not to be read any more would stop the command. A pipe that breaks has no more to say.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
        Ok(())
    }

    /// Whether the end was reached.
    async fn read(&mut self, stream: Option<impl AsyncRead + Unpin>) -> bool {
        let Some(mut stream) = stream else { return true };
        let mut chunk = Zeroizing::new([0; 4096]);
        loop {
            match stream.read(chunk.as_mut_slice()).await {
                Ok(0) | Err(_) => return true,
                Ok(length) => {
                    let room = self.limit - self.bytes.len();
                    self.bytes.extend_from_slice(&chunk[..length.min(room)]);
                    if length > room {
                        return false;
                    }
                }
            }
        }
    }
}

/// What the command wrote to stderr, without the token should it stand there, or anything like one.
fn log(said: &Output, token: Option<&Secret>) {
    let token = token.map_or("", Secret::expose).split_ascii_whitespace().next_back();
    for line in String::from_utf8_lossy(&said.bytes).lines() {
        let is_secret =
            |word: &str| word.contains(JWT_BEGINS) || token.is_some_and(|token| word.contains(token));
        let words: Vec<_> =
            line.split(' ').map(|word| if is_secret(word) { "[redacted]" } else { word }).collect();
        let line = words.join(" ");
        tracing::debug!(target: "m4::login", stderr = %line.escape_debug(), "the token command");
    }
}

/// `{"` in base64url, with which every JWT begins.
const JWT_BEGINS: &str = "eyJ";

/// Programs that fetch a token over the network are done long before; one that asks a person never is.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// For what is in the pipes when the command has ended.
const LAST_BYTES: Duration = Duration::from_millis(250);
/// Of stderr.
const MOST_LOGGED: usize = 8 * 1024;

#[cfg(test)]
#[cfg(unix)]
mod tests;
