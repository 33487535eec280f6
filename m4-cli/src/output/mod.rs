//! The one printer: results to stdout, everything else to stderr.

pub mod color;
mod error;
mod progress;
mod table;
mod when;

use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use mcp_server::env::Environment;
use serde::Serialize;

pub use self::progress::Task;
pub use self::table::{Cell, Column, Table, visible};
pub use self::when::relative;

use crate::Outcome;
use crate::args::Color;
use crate::exit_code::Exit;
use crate::failure::Failure;

/// Prints. Clones share the streams.
#[derive(Clone)]
pub struct Printer {
    out: Stream,
    err: Stream,
    out_is_terminal: bool,
    err_is_terminal: bool,
    quiet: bool,
}

type Stream = Arc<Mutex<Box<dyn Write + Send>>>;

impl Printer {
    /// Prints to this process's own streams.
    pub fn for_terminal(env: &Environment, color: Color, quiet: bool) -> Self {
        let out = AutoStream::new(io::stdout(), color::choose(color, env, io::stdout().is_terminal()));
        let err = AutoStream::new(io::stderr(), color::choose(color, env, io::stderr().is_terminal()));
        let mut printer = Self::to(out, err, quiet);
        printer.out_is_terminal = io::stdout().is_terminal();
        printer.err_is_terminal = io::stderr().is_terminal();
        printer
    }

    /// Prints to any two streams, neither of them a terminal.
    pub fn to(out: impl Write + Send + 'static, err: impl Write + Send + 'static, quiet: bool) -> Self {
        Self {
            out: Arc::new(Mutex::new(Box::new(out))),
            err: Arc::new(Mutex::new(Box::new(err))),
            out_is_terminal: false,
            err_is_terminal: false,
            quiet,
        }
    }

    /// A line of the result, to stdout.
    pub fn data(&self, text: impl Display) -> Outcome {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(out, "{text}").and_then(|()| out.flush()).map_err(Failure::output)
    }

    /// The result as JSON, to stdout.
    pub fn json(&self, result: &impl Serialize) -> Outcome {
        let text = serde_json::to_string_pretty(result).map_err(|error| Failure::output(error.into()))?;
        self.data(text)
    }

    /// Something worth knowing, to stderr, unless quiet.
    pub fn note(&self, text: impl Display) {
        if !self.quiet {
            self.say(format_args!("{text}"));
        }
    }

    /// Something the person has to do, to stderr, however quiet it is to be.
    pub fn ask(&self, text: impl Display) {
        self.say(format_args!("{text}"));
    }

    /// Something that may be a mistake, to stderr.
    pub fn warning(&self, text: impl Display) {
        self.say(format_args!("{WARNING}warning{WARNING:#}: {text}"));
    }

    /// Why the command stopped, with causes and hint, to stderr.
    pub fn failure(&self, failure: &Failure) {
        if let Some(error) = failure.error() {
            self.say(format_args!("{}", error::render(error)));
        }
    }

    /// Starts telling about work that takes a while; `total` is how many steps it has, where that is known.
    pub fn task(&self, label: impl Into<String>, total: Option<u64>) -> Task {
        Task::start(self, label.into(), total)
    }

    /// Whether somebody sees the result itself.
    pub const fn shows_on_a_screen(&self) -> bool {
        self.out_is_terminal
    }

    const fn draws(&self) -> bool {
        self.err_is_terminal && !self.quiet
    }

    fn say(&self, text: fmt::Arguments<'_>) {
        let mut err = self.err.lock().unwrap_or_else(PoisonError::into_inner);
        // There is nowhere left to say that stderr is gone.
        let _ = writeln!(err, "{text}").and_then(|()| err.flush());
    }
}

/// Prints what clap has to say: help and version to stdout, usage errors to stderr.
pub fn usage(error: &clap::Error) -> Exit {
    // A reader that is gone needs no help text.
    let _ = error.print();
    if error.exit_code() == 0 { Exit::Success } else { Exit::Usage }
}

const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// A stream that keeps what is written, for tests.
#[cfg(test)]
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

#[cfg(test)]
impl Kept {
    pub(crate) fn text(&self) -> String {
        let styled = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        anstream::adapter::strip_str(&styled).to_string()
    }
}

#[cfg(test)]
impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe whose reader left.
    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_reader_that_left_ends_the_command_without_an_error() {
        let err = Kept::default();
        let printer = Printer::to(Gone, err.clone(), false);
        let failure = printer.data("x").unwrap_err();
        printer.failure(&failure);
        assert_eq!(failure.exit(), Exit::Success);
        assert_eq!(err.text(), "");
        Printer::to(io::sink(), Gone, false).warning("nobody hears this");
    }

    #[test]
    fn results_and_everything_else_go_separate_ways() {
        let (out, err) = (Kept::default(), Kept::default());
        let printer = Printer::to(out.clone(), err.clone(), false);
        printer.data("result").unwrap();
        printer.note("note");
        printer.warning("careful");
        assert_eq!(out.text(), "result\n");
        assert_eq!(err.text(), "note\nwarning: careful\n");
    }

    #[test]
    fn quiet_leaves_results_warnings_and_errors() {
        let (out, err) = (Kept::default(), Kept::default());
        let printer = Printer::to(out.clone(), err.clone(), true);
        printer.data("result").unwrap();
        printer.note("note");
        printer.warning("careful");
        printer.task("work", None).finish("done");
        assert_eq!((out.text().as_str(), err.text().as_str()), ("result\n", "warning: careful\n"));
    }
}
