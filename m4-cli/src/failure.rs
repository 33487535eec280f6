//! Why a command stopped, and which exit code that means.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

use mcp_server::error::Explain;

use crate::exit_code::Exit;

/// Why a command stopped.
#[derive(Debug)]
pub enum Failure {
    /// Something the user can mend.
    Mendable(Box<dyn Explain>),
    /// What was typed makes no sense.
    Usage(Box<dyn Explain>),
    /// Everything needed was already printed; only the exit code is left to say.
    Reported,
    /// The reader of the output went away, as `head` does. That is no error.
    ReaderGone,
}

impl Failure {
    /// A usage error in words.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage(Box::new(Plain { message: message.into(), hint: hint.into(), source: None }))
    }

    /// A failure in words.
    pub fn mendable(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Mendable(Box::new(Plain { message: message.into(), hint: hint.into(), source: None }))
    }

    /// An I/O error, told as what could not be done.
    pub fn io(message: impl Into<String>, hint: impl Into<String>, source: io::Error) -> Self {
        Self::Mendable(Box::new(Plain { message: message.into(), hint: hint.into(), source: Some(source) }))
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
            Self::Mendable(_) | Self::Reported => Exit::Mendable,
            Self::Usage(_) => Exit::Usage,
            Self::ReaderGone => Exit::Success,
        }
    }

    /// The error to show, if there is one left to show.
    pub fn error(&self) -> Option<&dyn Explain> {
        match self {
            Self::Mendable(error) | Self::Usage(error) => Some(error.as_ref()),
            Self::Reported | Self::ReaderGone => None,
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
    message: String,
    hint: String,
    source: Option<io::Error>,
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
        Some(self.hint.clone())
    }
}
