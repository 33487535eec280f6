//! Why a command stopped, and which exit code that means.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

use mcp_server::error::{Explain, codes};

use crate::exit_code::Exit;

/// Why a command stopped.
#[derive(Debug)]
pub enum Failure {
    /// Something the user can mend.
    Mendable(Box<dyn Explain>),
    /// What was typed makes no sense.
    Usage(Box<dyn Explain>),
    /// The result was printed and says what is wrong; a program that reads JSON is told so once more.
    Reported(Box<dyn Explain>),
    /// The reader of the output went away, as `head` does. That is no error.
    ReaderGone,
}

impl Failure {
    /// A usage error in words.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage(Box::new(Plain::new(codes::USAGE, message, Some(hint.into()))))
    }

    /// A failure in words, that has no code of its own.
    pub fn mendable(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::coded(codes::FAILED, message, hint)
    }

    /// A failure in words, with one of [`codes::ALL`].
    pub fn coded(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Mendable(Box::new(Plain::new(code, message, Some(hint.into()))))
    }

    /// The result says what is wrong: this is what it comes to, for programs.
    pub fn reported(code: &'static str, message: impl Into<String>, hint: Option<String>) -> Self {
        Self::Reported(Box::new(Plain::new(code, message, hint)))
    }

    /// An I/O error, told as what could not be done.
    pub fn io(message: impl Into<String>, hint: impl Into<String>, source: io::Error) -> Self {
        let plain = Plain::new(codes::IO, message, Some(hint.into()));
        Self::Mendable(Box::new(Plain { source: Some(source), ..plain }))
    }

    /// An error while printing.
    pub fn output(error: io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe {
            return Self::ReaderGone;
        }
        Self::io("cannot write the output", "is the disk it goes to full?", error)
    }

    /// The exit code it means.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Mendable(_) | Self::Reported(_) => Exit::Mendable,
            Self::Usage(_) => Exit::Usage,
            Self::ReaderGone => Exit::Success,
        }
    }

    /// The error to show, if there is one left to show.
    pub fn error(&self) -> Option<&dyn Explain> {
        match self {
            Self::Mendable(error) | Self::Usage(error) => Some(error.as_ref()),
            Self::Reported(_) | Self::ReaderGone => None,
        }
    }

    /// Why it failed, whether that was shown or not.
    pub fn reason(&self) -> Option<&dyn Explain> {
        match self {
            Self::Mendable(error) | Self::Usage(error) | Self::Reported(error) => Some(error.as_ref()),
            Self::ReaderGone => None,
        }
    }
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Mendable(Box::new(error))
    }
}

/// An error that needs no type of its own.
#[derive(Debug)]
struct Plain {
    code: &'static str,
    message: String,
    hint: Option<String>,
    source: Option<io::Error>,
}

impl Plain {
    fn new(code: &'static str, message: impl Into<String>, hint: Option<String>) -> Self {
        Self { code, message: message.into(), hint, source: None }
    }
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Plain {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as &(dyn Error + 'static))
    }
}

impl Explain for Plain {
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    fn code(&self) -> &'static str {
        self.code
    }
}
