//! Errors a person reads: what happened, why, and what to do about it.

use std::error::Error;

/// An error that can say what would mend it.
///
/// `Display` is one sentence without a full stop, `source()` is the cause, and [`Explain::hint`] is the next step.
/// Front ends render the three as `error: …`, `Caused by: …`, `hint: …`.
pub trait Explain: Error + Send + Sync + 'static {
    /// What the reader can do now, or `None` where nothing useful can be said.
    fn hint(&self) -> Option<String>;
}
