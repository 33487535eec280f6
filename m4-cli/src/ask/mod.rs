//! Questions to whoever sits at the terminal. What is asked is apart from how, so that tests answer from a script.

mod terminal;
mod usual;

#[cfg(test)]
pub(crate) mod scripted;

use std::io::{self, IsTerminal as _};

use auth_core::secret::Secret;
use mcp_server::error::{Explain, codes};

pub use self::terminal::Terminal;
pub use self::usual::Usual;

/// Somebody who answers.
pub trait Ask {
    /// One of several, by its place among them.
    fn choose(&mut self, question: &str, choices: &[String], usual: usize) -> Result<usize, Unanswered>;

    /// A line of text, without blanks around it; `usual` is what an empty answer means.
    fn text(&mut self, question: &str, usual: Option<&str>) -> Result<String, Unanswered>;

    /// Yes or no.
    fn confirm(&mut self, question: &str, usual: bool) -> Result<bool, Unanswered>;

    /// Something that nobody else may read, and that is not shown.
    fn secret(&mut self, question: &str) -> Result<Secret, Unanswered>;

    /// Whether the same question, asked again, may get another answer.
    fn may_think_again(&self) -> bool;
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// Ctrl-C or Escape was typed.
    #[error("stopped at a question")]
    Stopped,
    /// Nobody is there, and the question has no usual answer.
    #[error("there is no usual answer to: {0}")]
    NoUsual(String),
    /// The terminal cannot be asked on.
    #[error("the terminal cannot be asked on")]
    Terminal(#[source] io::Error),
}

impl Explain for Unanswered {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Stopped => "run the same command again; what was done before the question stays done",
            Self::NoUsual(_) => "leave --yes out, or use the command of that step with its options",
            Self::Terminal(_) => {
                "use the options of the command in place of the questions: `--help` shows them"
            }
        };
        Some(hint.to_owned())
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Stopped => codes::CANCELLED,
            Self::NoUsual(_) => codes::USAGE,
            Self::Terminal(_) => codes::IO,
        }
    }
}

/// Whether there is somebody who sees a question and can answer it.
pub fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}
