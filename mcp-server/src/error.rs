//! Errors a person reads: what happened, why, and what to do about it.

pub mod codes;

use std::error::Error;
use std::fmt;

/// An error that can say what would mend it.
///
/// `Display` is one sentence without a full stop, `source()` is the cause, and [`Explain::hint`] is the next step.
/// Front ends render the three as `error: …`, `Caused by: …`, `hint: …`.
pub trait Explain: Error + Send + Sync + 'static {
    /// What the reader can do now, or `None` where nothing useful can be said.
    fn hint(&self) -> Option<String>;

    /// The word that programs tell it by: one of [`codes::ALL`], which do not change.
    fn code(&self) -> &'static str {
        codes::FAILED
    }
}

/// What happened with its causes, the nearest first, in one line.
pub fn in_one_line(error: &dyn Explain) -> String {
    let told = lines(error).into_iter().filter(|(label, _)| *label != Label::Hint);
    told.map(|(_, text)| text).collect::<Vec<_>>().join(": ")
}

/// What a line of a rendered error begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// `error`: what happened.
    Error,
    /// `Caused by`: why.
    CausedBy,
    /// `hint`: what to do.
    Hint,
}

/// An error as lines, in the order people read them: what happened, its causes from the nearest, the hint.
pub fn lines(error: &dyn Explain) -> Vec<(Label, String)> {
    let mut lines = vec![(Label::Error, error.to_string())];
    let mut cause = error.source();
    while let Some(inner) = cause {
        lines.push((Label::CausedBy, inner.to_string()));
        cause = inner.source();
    }
    lines.extend(error.hint().map(|hint| (Label::Hint, hint)));
    lines
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::CausedBy => "Caused by",
            Self::Hint => "hint",
        })
    }
}
