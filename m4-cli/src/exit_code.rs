//! What the exit codes mean. Scripts rely on them: they do not change.

use std::process::ExitCode;

/// How a run of `m4` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked; also when the reader of its output had read enough.
    Success,
    /// It could not, and the message says what the user can mend.
    Mendable,
    /// What was typed makes no sense.
    Usage,
}

impl Exit {
    /// Every way to end.
    pub const ALL: [Self; 3] = [Self::Success, Self::Mendable, Self::Usage];

    /// What it means, for the reference.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Success => "done; also when the reader of the output left early, as `head` does",
            Self::Mendable => "not done, or something needs mending: the error says what",
            Self::Usage => "what was typed makes no sense",
        }
    }

    /// The code the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => SUCCESS,
            Self::Mendable => MENDABLE,
            Self::Usage => USAGE,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// [`Exit::Success`].
pub const SUCCESS: u8 = 0;
/// [`Exit::Mendable`].
pub const MENDABLE: u8 = 1;
/// [`Exit::Usage`]; the code clap uses for the same.
pub const USAGE: u8 = 2;
