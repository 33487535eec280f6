//! What the guided commands ask, and the steps they take: each by the command of that name.

pub(super) mod backend;
pub(super) mod client;
pub(super) mod dataset;
pub(super) mod diff;
pub(super) mod login;
pub(super) mod oauth2;
pub(super) mod write;

use clap::Parser as _;
use mcp_server::env::Environment;

use crate::Outcome;
use crate::args::Cli;
use crate::ask::{Ask, Unanswered};
use crate::failure::Failure;
use crate::output::Printer;

/// Whoever is guided, and where.
pub(super) struct Guide<'a> {
    /// Who answers.
    pub(super) person: &'a mut dyn Ask,
    /// The environment of this process.
    pub(super) env: &'a Environment,
    /// Where everything else is said.
    pub(super) printer: &'a Printer,
}

impl Guide<'_> {
    /// Asks for a line until `check` finds nothing to say about it.
    pub(super) fn line(
        &mut self,
        question: &str,
        usual: Option<&str>,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, Failure> {
        loop {
            let answer = self.person.text(question, usual)?;
            match check(&answer) {
                Ok(()) => return Ok(answer),
                Err(why) if self.person.may_think_again() => self.printer.ask(format_args!("  {why}")),
                Err(why) => return Err(Failure::usage(why, "leave --yes out, or correct the setting")),
            }
        }
    }

    /// Asks for one of several.
    pub(super) fn choose<'c, C>(
        &mut self,
        question: &str,
        choices: &'c [(String, C)],
        usual: usize,
    ) -> Result<&'c C, Failure> {
        let labels: Vec<String> = choices.iter().map(|(label, _)| label.clone()).collect();
        let place = self.person.choose(question, &labels, usual)?;
        let chosen = choices.get(place).ok_or_else(|| Unanswered::NoUsual(question.to_owned()))?;
        Ok(&chosen.1)
    }

    /// Runs another command, saying which.
    pub(super) fn command(&self, words: &[&str]) -> Outcome {
        self.printer.note(format_args!("> m4 {}", words.join(" ")));
        let line = std::iter::once("m4").chain(words.iter().copied());
        let cli = Cli::try_parse_from(line)
            .map_err(|error| Failure::usage(error.to_string(), "answer something that the command takes"))?;
        super::run(&cli.command, self.env, self.printer)
    }
}

#[cfg(test)]
mod tests;
