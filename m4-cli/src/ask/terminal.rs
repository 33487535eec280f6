//! Questions on the terminal, with keys to choose by and lines that can be edited.
//!
//! While a question waits, the terminal is in raw mode. It is put back when the question is answered, when Ctrl-C is typed, and
//! when the process is asked to end or its terminal goes away; only a `kill -9` leaves it as it is.

use std::io;

use auth_core::secret::Secret;
use inquire::ui::RenderConfig;
use inquire::{Confirm, InquireError, Password, PasswordDisplayMode, Select, Text};

use super::{Ask, Unanswered};
use crate::signals;

/// The terminal of this process: questions on stderr, answers from stdin.
pub struct Terminal {
    look: RenderConfig<'static>,
}

impl Terminal {
    /// Begins to ask, in colour or without.
    pub fn new(in_color: bool) -> Self {
        signals::when_ended(put_back);
        let look = if in_color { RenderConfig::default_colored() } else { RenderConfig::empty() };
        Self { look }
    }
}

impl Ask for Terminal {
    fn choose(&mut self, question: &str, choices: &[String], usual: usize) -> Result<usize, Unanswered> {
        let select = Select::new(question, choices.to_vec())
            .with_starting_cursor(usual)
            .with_page_size(MOST_CHOICES)
            .with_render_config(self.look)
            .with_help_message("arrow keys and Enter; typing narrows them down");
        select.raw_prompt().map(|chosen| chosen.index).map_err(unanswered)
    }

    fn text(&mut self, question: &str, usual: Option<&str>) -> Result<String, Unanswered> {
        let mut text = Text::new(question).with_render_config(self.look);
        text.default = usual;
        text.prompt().map(|answer| answer.trim().to_owned()).map_err(unanswered)
    }

    fn confirm(&mut self, question: &str, usual: bool) -> Result<bool, Unanswered> {
        Confirm::new(question).with_default(usual).with_render_config(self.look).prompt().map_err(unanswered)
    }

    fn secret(&mut self, question: &str) -> Result<Secret, Unanswered> {
        let password = Password::new(question)
            .with_display_mode(PasswordDisplayMode::Hidden)
            .with_render_config(self.look)
            .without_confirmation();
        password.prompt().map(Secret::new).map_err(unanswered)
    }

    fn may_think_again(&self) -> bool {
        true
    }
}

/// Ctrl-C ends the process, as it does where nothing is asked; the terminal is as it was by then.
fn unanswered(error: InquireError) -> Unanswered {
    match error {
        InquireError::OperationInterrupted | InquireError::OperationCanceled => {
            signals::end_as_by_ctrl_c();
            Unanswered::Stopped
        }
        InquireError::IO(error) => Unanswered::Terminal(error),
        other => Unanswered::Terminal(io::Error::other(other.to_string())),
    }
}

/// Leaves the terminal as a question found it, whether one waits or not.
fn put_back() {
    // There is nobody left to tell that it failed.
    let _ = crossterm::terminal::disable_raw_mode();
    let _ =
        crossterm::execute!(io::stderr(), crossterm::event::DisableBracketedPaste, crossterm::cursor::Show);
}

/// Enough for every client.
const MOST_CHOICES: usize = 14;
