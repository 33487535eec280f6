//! What was found, step by step, and the table of it.

use std::fmt::Write as _;

use serde_json::Value;

use super::parts::Part;
use crate::failure::Failure;

/// All that was found in a run.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    part: &'static str,
    algorithm: &'static str,
    step: String,
    end: End,
    milliseconds: Option<u64>,
    detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Ok,
    Failed,
    Skipped,
}

/// A step as a script reports it: one line of JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    name: String,
    pub(super) ok: bool,
    milliseconds: u64,
    detail: String,
}

impl Step {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        Some(Self {
            name: line["step"].as_str()?.to_owned(),
            ok: line["ok"].as_bool()?,
            milliseconds: line["ms"].as_u64()?,
            detail: line["detail"].as_str()?.to_owned(),
        })
    }

    pub(super) fn is_ok(&self, name: &str) -> bool {
        self.ok && self.name == name
    }
}

impl Report {
    /// Adds a step and returns its line.
    pub(super) fn add(&mut self, part: Part, algorithm: &'static str, step: Step) -> String {
        let end = if step.ok { End::Ok } else { End::Failed };
        let milliseconds = Some(step.milliseconds);
        self.push(Row {
            part: part.name(),
            algorithm,
            step: step.name,
            end,
            milliseconds,
            detail: step.detail,
        })
    }

    /// What a script did not report although it had to, or reported although nobody asked. A step that failed ends its
    /// script, and says enough.
    pub(super) fn complete(&mut self, part: Part, algorithm: &'static str, log: &str) -> Option<String> {
        if self.has_failed(part, algorithm) {
            return None;
        }
        let mine = |row: &&Row| row.part == part.name() && row.algorithm == algorithm;
        let steps: Vec<&str> = self.rows.iter().filter(mine).map(|row| row.step.as_str()).collect();
        if steps == part.steps() {
            return None;
        }
        let missing = part.steps().iter().find(|step| !steps.contains(step));
        let what = missing.map_or("steps in another order".to_owned(), |step| format!("no {step}"));
        Some(self.fail(part, algorithm, &Failure::new(what, format!("see {log}"))))
    }

    pub(super) fn has_failed(&self, part: Part, algorithm: &str) -> bool {
        let mine = |row: &&Row| row.part == part.name() && row.algorithm == algorithm;
        self.rows.iter().filter(mine).any(|row| row.end == End::Failed)
    }

    pub(super) fn fail(&mut self, part: Part, algorithm: &'static str, failure: &Failure) -> String {
        let detail = format!("{failure}; {}", failure.hint());
        self.push(Row {
            part: part.name(),
            algorithm,
            step: "whole".into(),
            end: End::Failed,
            milliseconds: None,
            detail,
        })
    }

    pub(super) fn skip(&mut self, part: Part, failure: &Failure) -> String {
        let detail = format!("{failure}; {}", failure.hint());
        let (step, end) = ("all".to_owned(), End::Skipped);
        self.push(Row { part: part.name(), algorithm: "both", step, end, milliseconds: None, detail })
    }

    fn push(&mut self, row: Row) -> String {
        let line = row.line();
        self.rows.push(row);
        line
    }

    pub(super) fn failed(&self) -> usize {
        self.count(End::Failed)
    }

    /// All rows, and how many there are of each kind.
    pub(super) fn table(&self) -> String {
        let mut table = String::new();
        for row in &self.rows {
            let _ = writeln!(table, "{}", row.line());
        }
        let (ok, failed, skipped) = (self.count(End::Ok), self.count(End::Failed), self.count(End::Skipped));
        let _ = write!(table, "{ok} passed, {failed} failed, {skipped} skipped");
        table
    }

    fn count(&self, end: End) -> usize {
        self.rows.iter().filter(|row| row.end == end).count()
    }
}

impl Row {
    fn line(&self) -> String {
        let Self { part, algorithm, step, end, milliseconds, detail } = self;
        let end = match end {
            End::Ok => "ok",
            End::Failed => "FAILED",
            End::Skipped => "SKIPPED",
        };
        let time = milliseconds.map_or(String::new(), |milliseconds| format!("{milliseconds} ms"));
        let line = format!("{part:<10}  {algorithm:<5}  {step:<27}  {end:<7}  {time:>9}  {detail}");
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(steps: &[&str]) -> Report {
        let mut report = Report::default();
        for step in steps {
            let line = format!("{{\"step\":\"{step}\",\"ok\":true,\"ms\":5,\"detail\":\"\"}}");
            report.add(Part::Rotation, "RS256", Step::parse(&line).unwrap());
        }
        report
    }

    #[test]
    fn a_script_that_leaves_a_step_out_has_failed() {
        let mut whole = report(Part::Rotation.steps());
        assert_eq!(whole.complete(Part::Rotation, "RS256", "log"), None);
        assert_eq!(whole.failed(), 0);
        let mut short = report(&Part::Rotation.steps()[..3]);
        assert!(short.complete(Part::Rotation, "RS256", "log").unwrap().contains("no no call failed"));
        assert_eq!(short.failed(), 1);
        assert!(
            whole.complete(Part::Rotation, "ES256", "log").is_some(),
            "the other algorithm's steps do not count"
        );
    }

    #[test]
    fn a_failed_step_speaks_for_itself_and_a_skipped_part_is_no_success() {
        let mut report = Report::default();
        let failed = r#"{"step":"token","ok":false,"ms":1,"detail":"why"}"#;
        report.add(Part::Inspector, "ES256", Step::parse(failed).unwrap());
        assert_eq!(report.complete(Part::Inspector, "ES256", "log"), None);
        report.skip(Part::Fastmcp, &Failure::new("no network", "find one"));
        assert!(report.table().ends_with("0 passed, 1 failed, 1 skipped"), "{}", report.table());
        assert!(report.table().contains("fastmcp     both   all                          SKIPPED"));
    }

    #[test]
    fn what_is_no_step_is_none() {
        for line in ["", "hello", "{}", r#"{"step":"a","ok":"yes","ms":1,"detail":""}"#] {
            assert_eq!(Step::parse(line), None, "{line}");
        }
    }
}
