//! The one printer: results to stdout, everything else to stderr; with `--json`, one [envelope] to stdout.

mod asked;
pub mod color;
pub mod envelope;
mod error;
mod events;
mod paths;
mod progress;
mod table;
mod when;

use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use mcp_server::env::Environment;
use mcp_server::error::Explain;
use serde::Serialize;
use serde_json::{Map, Value};

pub use self::asked::Asked;
use self::envelope::{Envelope, ErrorBody};
pub use self::events::Event;
use self::events::Events;
pub use self::paths::Paths;
pub use self::progress::Task;
pub use self::table::{Cell, Column, Table, visible};
pub use self::when::relative;

use crate::Outcome;
use crate::args::GlobalArgs;
use crate::exit_code::Exit;
use crate::failure::Failure;

/// Prints. Clones share the streams.
#[derive(Clone)]
pub struct Printer {
    out: Stream,
    err: Stream,
    out_is_terminal: bool,
    err_is_terminal: bool,
    err_color: ColorChoice,
    quiet: bool,
    paths: Arc<Paths>,
    /// The answer as far as it is known, where it is to be JSON.
    envelope: Option<Arc<Mutex<Envelope>>>,
    /// Where it is to be events, the envelope being in the last.
    events: Option<Arc<Mutex<Events>>>,
}

type Stream = Arc<Mutex<Box<dyn Write + Send>>>;

impl Printer {
    /// Prints to this process's own streams.
    pub fn for_terminal(env: &Environment, global: &GlobalArgs, asked: &Asked) -> Self {
        let choose = |is_terminal| color::choose(global.color, env, is_terminal);
        let out = AutoStream::new(io::stdout(), choose(io::stdout().is_terminal()));
        let err_color = choose(io::stderr().is_terminal());
        let err = AutoStream::new(io::stderr(), err_color);
        let mut printer = Self::to(out, err, global.quiet);
        printer.paths = Arc::new(if global.paths { Paths::Shown } else { Paths::hidden_for(env) });
        printer.envelope = asked.json.then(|| Arc::new(Mutex::new(Envelope::new(&*asked.command))));
        printer.events = asked.events.then(|| Arc::new(Mutex::new(Events::new(&asked.command))));
        printer.out_is_terminal = io::stdout().is_terminal();
        printer.err_is_terminal = io::stderr().is_terminal();
        printer.err_color = err_color;
        printer
    }

    /// Prints to any two streams, neither of them a terminal.
    pub fn to(out: impl Write + Send + 'static, err: impl Write + Send + 'static, quiet: bool) -> Self {
        Self {
            out: Arc::new(Mutex::new(Box::new(out))),
            err: Arc::new(Mutex::new(Box::new(err))),
            out_is_terminal: false,
            err_is_terminal: false,
            err_color: ColorChoice::Never,
            quiet,
            paths: Arc::new(Paths::hidden([])),
            envelope: None,
            events: None,
        }
    }

    /// The command's answer: kept for the envelope where JSON was asked for, else what `print` makes of it.
    pub fn answer(&self, data: &impl Serialize, print: impl FnOnce(&Self) -> Outcome) -> Outcome {
        match &self.envelope {
            None => print(self),
            Some(envelope) => {
                let data = serde_json::to_value(data).map_err(|error| Failure::output(error.into()))?;
                envelope.lock().unwrap_or_else(PoisonError::into_inner).data = Some(data);
                Ok(())
            }
        }
    }

    /// Says how the command ended, which is the last that is said: the envelope where JSON was asked for, else the error if
    /// there is one.
    pub fn finish(&self, outcome: &Outcome) -> Exit {
        let exit = |outcome: &Outcome| outcome.as_ref().err().map_or(Exit::Success, Failure::exit);
        match &self.envelope {
            None => {
                if let Err(failure) = outcome {
                    self.failure(failure);
                }
                exit(outcome)
            }
            Some(envelope) => {
                let envelope = envelope.lock().unwrap_or_else(PoisonError::into_inner).clone();
                match self.envelop(envelope, outcome.as_ref().err().and_then(Failure::reason)) {
                    Ok(()) => exit(outcome),
                    Err(unprinted) => {
                        self.failure(&unprinted);
                        exit(&Err(unprinted))
                    }
                }
            }
        }
    }

    fn envelop(&self, envelope: Envelope, reason: Option<&dyn Explain>) -> Outcome {
        let envelope = match reason {
            Some(error) => envelope.failed(ErrorBody::of(error, &self.paths)),
            None => envelope,
        };
        if self.events.is_some() {
            let event = if envelope.ok { Event::OperationCompleted } else { Event::OperationFailed };
            let mut fields = Map::new();
            if let Some(error) = &envelope.error {
                fields.insert("error".into(), json(error)?);
            }
            fields.insert("result".into(), json(&envelope)?);
            return self.event(event, &fields);
        }
        self.data(envelope.to_text().map_err(|error| Failure::output(error.into()))?)
    }

    /// An event, to stdout, where events were asked for.
    pub fn event(&self, event: Event, fields: &Map<String, Value>) -> Outcome {
        let Some(events) = &self.events else { return Ok(()) };
        let line = events.lock().unwrap_or_else(PoisonError::into_inner).line(event, fields);
        self.data(line.map_err(|error| Failure::output(error.into()))?)
    }

    /// Whether events were asked for.
    pub const fn tells_events(&self) -> bool {
        self.events.is_some()
    }

    /// How paths may be shown.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Whether nothing but results and errors is to be said.
    pub const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether JSON was asked for.
    pub const fn answers_in_json(&self) -> bool {
        self.envelope.is_some()
    }

    /// A line of the result, to stdout.
    pub fn data(&self, text: impl Display) -> Outcome {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(out, "{text}").and_then(|()| out.flush()).map_err(Failure::output)
    }

    /// A table of the result, to stdout; on a screen no wider than that. `--json` shows what is cut.
    pub fn table(&self, table: &Table) -> Outcome {
        let screen = if self.out_is_terminal { terminal_size::terminal_size() } else { None };
        self.data(table.render_within(WIDEST_CELL, screen.map(|(width, _)| width.0)))
    }

    /// JSON that is for other programs' files, to stdout, without an envelope.
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

    /// Something that may be a mistake: into the envelope where JSON was asked for, else to stderr.
    pub fn warning(&self, text: impl Display) {
        if let Some(envelope) = &self.envelope {
            let text = self.paths.in_text(&text);
            return envelope.lock().unwrap_or_else(PoisonError::into_inner).warnings.push(text);
        }
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

    /// Whether what goes to stderr is in colour.
    pub const fn asks_in_color(&self) -> bool {
        matches!(self.err_color, ColorChoice::Always)
    }

    const fn draws(&self) -> bool {
        self.err_is_terminal && !self.quiet && self.events.is_none()
    }

    fn say(&self, text: fmt::Arguments<'_>) {
        let mut err = self.err.lock().unwrap_or_else(PoisonError::into_inner);
        // There is nowhere left to say that stderr is gone.
        let _ = writeln!(err, "{text}").and_then(|()| err.flush());
    }
}

fn json(value: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::output(error.into()))
}

/// Prints what clap has to say: help and version to stdout, usage errors to stderr, or to stdout where JSON was asked for.
pub fn usage(error: &clap::Error, asked: &Asked) -> Exit {
    if error.exit_code() == 0 {
        // A reader that is gone needs no help text.
        let _ = error.print();
        return Exit::Success;
    }
    if asked.json {
        let envelope = Envelope::new(&*asked.command).failed(ErrorBody::of_usage(error));
        let _ = envelope.to_text().map(|text| writeln!(io::stdout(), "{text}"));
    } else {
        let _ = error.print();
    }
    Exit::Usage
}

/// Prints what `--version` asks for. It looks at the engine that was loaded, which no other command line needs.
pub fn version() -> Exit {
    // A reader that is gone needs no version.
    let _ = writeln!(io::stdout(), "{}", mcp_server::version::line("m4"));
    Exit::Success
}

/// A number of bytes as people say it.
pub fn size(bytes: u64) -> String {
    let unit = UNITS.iter().rev().find(|(_, unit)| bytes >= *unit);
    unit.map_or_else(
        || format!("{bytes} bytes"),
        |(name, unit)| format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
    )
}

const UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Characters of a table's cell that are shown.
const WIDEST_CELL: usize = 120;

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
impl Printer {
    /// The same, in JSON.
    pub(crate) fn in_json(self, command: &str) -> Self {
        Self { envelope: Some(Arc::new(Mutex::new(Envelope::new(command)))), ..self }
    }

    /// The same, in events.
    pub(crate) fn in_events(self, command: &str) -> Self {
        let events = Some(Arc::new(Mutex::new(Events::new(command))));
        Self { events, ..self.in_json(command) }
    }

    /// The same, that shows paths.
    pub(crate) fn showing_paths(self) -> Self {
        Self { paths: Arc::new(Paths::Shown), ..self }
    }

    /// The same, to a terminal.
    pub(crate) fn on_a_screen(self) -> Self {
        Self { out_is_terminal: true, ..self }
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
    fn a_size_is_told_in_the_largest_unit_it_has() {
        let told = [0, 1023, 1536, 10 << 20, (3 << 30) + (1 << 29)].map(size);
        assert_eq!(told, ["0 bytes", "1023 bytes", "1.5 KiB", "10.0 MiB", "3.5 GiB"]);
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
    fn where_events_are_asked_for_stdout_holds_nothing_else_and_the_last_has_the_envelope() {
        let (out, err) = (Kept::default(), Kept::default());
        let printer = Printer::to(out.clone(), err.clone(), false).in_events("init");
        printer.event(Event::OperationStarted, &Map::new()).unwrap();
        printer.warning("careful");
        printer.answer(&7, |printer| printer.data("never printed")).unwrap();
        assert_eq!(printer.finish(&Ok(())), Exit::Success);
        let text = out.text();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [first, last] = lines.as_slice() else { panic!("{text}") };
        assert_eq!(
            (&first["event"], &last["event"]),
            (&"operation_started".into(), &"operation_completed".into())
        );
        assert_eq!((&last["result"]["data"], &last["result"]["warnings"][0]), (&7.into(), &"careful".into()));
        assert_eq!(err.text(), "");
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
