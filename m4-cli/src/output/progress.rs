//! Telling about work that takes a while: a bar on a terminal, plain lines elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Printer;

/// Work that is being told about. Dropping it without [`Task::finish`] takes the bar away and says nothing.
pub struct Task {
    printer: Printer,
    label: String,
    bar: Option<ProgressBar>,
}

impl Task {
    pub(super) fn start(printer: &Printer, label: String, total: Option<u64>) -> Self {
        let bar = printer.draws().then(|| bar(&label, total));
        if bar.is_none() {
            printer.note(format_args!("{label} …"));
        }
        Self { printer: printer.clone(), label, bar }
    }

    /// Sets how many steps there are, once that is known.
    pub fn set_total(&self, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_style(style(true));
            bar.set_length(total);
        }
    }

    /// Sets how many steps are done. Only a bar shows it.
    pub fn set_done(&self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
    }

    /// Says what is being done now; a bar shows it beside itself, and nothing else does.
    pub fn doing(&self, what: impl Into<String>) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.into());
        }
    }

    /// Reports a step that is worth a line of its own.
    pub fn report(&self, line: impl AsRef<str>) {
        let say = || self.printer.note(line.as_ref());
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    /// Ends the work with a line that says what came of it.
    pub fn finish(mut self, result: impl AsRef<str>) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.printer.note(format_args!("{}: {}", self.label, result.as_ref()));
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(label: &str, total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    bar.set_style(style(total.is_some()));
    bar.set_prefix(label.to_owned());
    bar.enable_steady_tick(TICK);
    bar
}

fn style(has_total: bool) -> ProgressStyle {
    let template = if has_total { WITH_TOTAL } else { WITHOUT_TOTAL };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

const WITH_TOTAL: &str = "{prefix} [{bar:30}] {percent}% {eta} {wide_msg}";
const WITHOUT_TOTAL: &str = "{spinner} {prefix} {elapsed} {wide_msg}";
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
        task.set_done(1);
        task.doing("hosp/patients");
        task.report("hosp/patients: 100 rows");
        task.finish("100 rows in 1 table");
        assert_eq!(
            err.text(),
            "loading mimic-iv-demo …\nhosp/patients: 100 rows\nloading mimic-iv-demo: 100 rows in 1 table\n"
        );
    }

    #[test]
    fn both_templates_are_valid() {
        assert!(ProgressStyle::with_template(WITH_TOTAL).is_ok());
        assert!(ProgressStyle::with_template(WITHOUT_TOTAL).is_ok());
    }
}
