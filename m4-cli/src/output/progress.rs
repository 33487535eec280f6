//! Telling about work that takes a while: a bar for all of it and one for each piece in work on a terminal, plain lines
//! elsewhere.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Printer;

/// Work that is being told about. Dropping it without [`Task::finish`] takes the bars away and says nothing.
pub struct Task {
    printer: Printer,
    label: String,
    bars: Option<Bars>,
}

struct Bars {
    all: MultiProgress,
    whole: ProgressBar,
    pieces: RefCell<BTreeMap<String, ProgressBar>>,
}

impl Task {
    pub(super) fn start(printer: &Printer, label: String, pieces: Option<u64>) -> Self {
        let bars = printer.draws().then(|| Bars::new(&label, pieces));
        if bars.is_none() {
            printer.note(format_args!("{label} …"));
        }
        Self { printer: printer.clone(), label, bars }
    }

    /// Sets how many pieces there are, once that is known.
    pub fn set_pieces(&self, pieces: u64) {
        if let Some(bars) = &self.bars {
            bars.whole.set_style(style(WHOLE));
            bars.whole.set_length(pieces);
        }
    }

    /// Says how many bytes of a piece are done, of how many where that is known. Only bars show it.
    pub fn advance(&self, piece: &str, done: u64, total: Option<u64>) {
        let Some(bars) = &self.bars else { return };
        let mut pieces = bars.pieces.borrow_mut();
        let bar = pieces.entry(piece.to_owned()).or_insert_with(|| {
            let bar = bars.all.add(ProgressBar::no_length());
            bar.set_prefix(piece.to_owned());
            bar.set_style(style(UNMEASURED));
            bar.enable_steady_tick(TICK);
            bar
        });
        if let (Some(total), None) = (total, bar.length()) {
            bar.set_style(style(PIECE));
            bar.set_length(total);
        }
        bar.set_position(done);
    }

    /// Ends a piece; the line says what came of it.
    pub fn end(&self, piece: &str, line: impl AsRef<str>) {
        if let Some(bars) = &self.bars {
            if let Some(bar) = bars.pieces.borrow_mut().remove(piece) {
                bar.finish_and_clear();
                bars.all.remove(&bar);
            }
            bars.whole.inc(1);
        }
        self.report(line);
    }

    /// Says what is being done now with the whole; a bar shows it beside itself, and nothing else does.
    pub fn doing(&self, what: impl Into<String>) {
        if let Some(bars) = &self.bars {
            bars.whole.set_message(what.into());
        }
    }

    /// Reports a step that is worth a line of its own.
    pub fn report(&self, line: impl AsRef<str>) {
        let say = || self.printer.note(line.as_ref());
        match &self.bars {
            Some(bars) => bars.all.suspend(say),
            None => say(),
        }
    }

    /// Ends the work with a line that says what came of it.
    pub fn finish(mut self, result: impl AsRef<str>) {
        drop(self.bars.take());
        self.printer.note(format_args!("{}: {}", self.label, result.as_ref()));
    }
}

impl Bars {
    fn new(label: &str, pieces: Option<u64>) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let whole = all.add(ProgressBar::no_length());
        whole.set_prefix(label.to_owned());
        whole.set_style(style(if pieces.is_some() { WHOLE } else { UNMEASURED }));
        if let Some(pieces) = pieces {
            whole.set_length(pieces);
        }
        whole.enable_steady_tick(TICK);
        Self { all, whole, pieces: RefCell::default() }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for bar in self.pieces.borrow().values() {
            bar.finish_and_clear();
        }
        self.whole.finish_and_clear();
        // Nobody is left to tell when the terminal is gone.
        let _ = self.all.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

const WHOLE: &str = "{prefix} [{bar:30}] {pos}/{len} {elapsed} {wide_msg}";
const PIECE: &str = "  {prefix:32} [{bar:20}] {bytes}/{total_bytes} {eta}";
const UNMEASURED: &str = "{spinner} {prefix} {bytes} {elapsed} {wide_msg}";
const TICK: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Kept;

    #[test]
    fn away_from_a_terminal_there_are_lines_and_no_bar() {
        let err = Kept::default();
        let printer = Printer::to(std::io::sink(), err.clone(), false);
        let task = printer.task("loading mimic-iv-demo", Some(2));
        task.advance("hosp/patients", 1, Some(2));
        task.doing("hosp/patients");
        task.end("hosp/patients", "hosp/patients: 100 rows");
        task.finish("100 rows in 1 table");
        assert_eq!(
            err.text(),
            "loading mimic-iv-demo …\nhosp/patients: 100 rows\nloading mimic-iv-demo: 100 rows in 1 table\n"
        );
    }

    #[test]
    fn pieces_come_and_go_and_the_whole_counts_them() {
        let bars = Bars::new("x", None);
        bars.all.set_draw_target(ProgressDrawTarget::hidden());
        let printer = Printer::to(std::io::sink(), Kept::default(), true);
        let task = Task { printer, label: "x".into(), bars: Some(bars) };
        task.set_pieces(2);
        task.advance("a", 5, None);
        task.advance("a", 6, Some(10));
        task.advance("b", 1, Some(2));
        let bars = task.bars.as_ref().unwrap();
        assert_eq!(bars.pieces.borrow()["a"].length(), Some(10));
        task.end("a", "done");
        task.end("never begun", "kept");
        assert_eq!((bars.whole.position(), bars.whole.length()), (2, Some(2)));
        assert_eq!(bars.pieces.borrow().len(), 1);
    }

    #[test]
    fn every_template_is_valid() {
        for template in [WHOLE, PIECE, UNMEASURED] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
