//! Answers from a script, for tests.

use std::collections::VecDeque;

use auth_core::secret::Secret;

use super::{Ask, Unanswered};

/// One answer.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    /// The choice that begins with this.
    Choose(&'static str),
    /// This text; an empty one takes what is usual.
    Text(String),
    Yes,
    No,
    CtrlC,
}

/// Gives its answers one after the other, and keeps what it was asked.
pub(crate) struct Scripted {
    answers: VecDeque<Says>,
    /// The questions, in order.
    pub(crate) asked: Vec<String>,
}

impl Scripted {
    pub(crate) fn new(answers: impl IntoIterator<Item = Says>) -> Self {
        Self { answers: answers.into_iter().collect(), asked: Vec::new() }
    }

    /// Whether all of the script was used.
    pub(crate) fn is_through(&self) -> bool {
        self.answers.is_empty()
    }

    fn next(&mut self, question: &str) -> Result<Says, Unanswered> {
        self.asked.push(question.to_owned());
        match self.answers.pop_front() {
            Some(Says::CtrlC) => Err(Unanswered::Stopped),
            Some(answer) => Ok(answer),
            None => panic!("the script has no answer to {question:?}"),
        }
    }
}

impl Ask for Scripted {
    fn choose(&mut self, question: &str, choices: &[String], _: usize) -> Result<usize, Unanswered> {
        match self.next(question)? {
            Says::Choose(start) => {
                let place = choices.iter().position(|choice| choice.starts_with(start));
                Ok(place.unwrap_or_else(|| panic!("{question:?} has no {start:?} among {choices:?}")))
            }
            other => panic!("{question:?} is a choice, not {other:?}"),
        }
    }

    fn text(&mut self, question: &str, usual: Option<&str>) -> Result<String, Unanswered> {
        match self.next(question)? {
            Says::Text(text) if text.is_empty() => Ok(usual.unwrap_or_default().to_owned()),
            Says::Text(text) => Ok(text),
            other => panic!("{question:?} wants text, not {other:?}"),
        }
    }

    fn confirm(&mut self, question: &str, _: bool) -> Result<bool, Unanswered> {
        match self.next(question)? {
            Says::Yes => Ok(true),
            Says::No => Ok(false),
            other => panic!("{question:?} wants yes or no, not {other:?}"),
        }
    }

    fn secret(&mut self, question: &str) -> Result<Secret, Unanswered> {
        self.text(question, None).map(Secret::new)
    }

    fn may_think_again(&self) -> bool {
        true
    }
}
