//! What went wrong and what to do about it.

use std::fmt;
use std::io::{self, Write as _};

/// The result of every workflow.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// One sentence about what failed, and one about the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    what: String,
    hint: String,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }

    /// For files that cannot be read or written.
    pub(crate) fn io(doing: &str, error: &io::Error) -> Self {
        Self::new(
            format!("cannot {doing}: {error}"),
            "check permissions and free disk space, then run it again",
        )
    }

    pub(crate) fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)
    }
}

/// A line for the person at the terminal; stdout is kept for what programs read.
pub(crate) fn say(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A line of output proper.
pub(crate) fn print(line: impl fmt::Display) {
    let _ = writeln!(io::stdout(), "{line}");
}
