//! What was measured, as tables in Markdown, and what of it is as it should be.

use super::stats::milliseconds;
use super::tokens::{Counts, VOCABULARIES};
use crate::failure::print;

/// One of the aims, and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) criterion: &'static str,
    pub(super) aim: String,
    /// What was found; why it was not, when it could not be measured.
    pub(super) found: Result<Found, String>,
}

/// A figure, and whether it is good enough.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) figure: String,
    pub(super) met: bool,
}

/// The run as a whole.
#[derive(Debug, Default)]
pub(super) struct Report {
    verdicts: Vec<Verdict>,
    /// Queries whose results differ.
    wrong: Vec<String>,
}

impl Report {
    /// A verdict on a ratio that must be at least this.
    pub(super) fn ratio(&mut self, criterion: &'static str, ratio: f64, least: f64) {
        let found = Ok(Found { figure: format!("{ratio:.1} ×"), met: ratio >= least });
        self.add(Verdict { criterion, aim: format!("≥ {least} ×"), found });
    }

    pub(super) fn add(&mut self, verdict: Verdict) {
        self.verdicts.push(verdict);
    }

    pub(super) fn wrong(&mut self, query: &str, difference: &str) {
        self.wrong.push(format!("{query}: {difference}"));
    }

    /// Whether every result was the same.
    pub(super) fn is_right(&self) -> bool {
        self.wrong.is_empty()
    }

    /// Whether every aim was measured and met.
    pub(super) fn is_met(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.found.as_ref().is_ok_and(|found| found.met))
    }

    /// Prints the verdicts, and the results that differ.
    pub(super) fn print(&self) {
        let mut rows = Vec::new();
        for Verdict { criterion, aim, found } in &self.verdicts {
            let (figure, verdict) = match found {
                Ok(Found { figure, met: true }) => (figure.clone(), "met"),
                Ok(Found { figure, met: false }) => (figure.clone(), "**MISSED**"),
                Err(why) => (why.clone(), "**not measured**"),
            };
            rows.push(vec![(*criterion).to_owned(), figure, aim.clone(), verdict.to_owned()]);
        }
        let results = match self.wrong.len() {
            0 => ("all the same".to_owned(), "met"),
            wrong => (format!("{wrong} differ"), "**WRONG**"),
        };
        rows.push(vec!["results".into(), results.0, "the same rows".into(), results.1.into()]);
        table("Verdicts", &["criterion", "found", "aim", "verdict"], &rows);
        for wrong in &self.wrong {
            print(format_args!("- WRONG: {wrong}"));
        }
    }
}

/// Prints a table under a heading. Every column but the first is flush right.
pub(super) fn table(heading: &str, names: &[&str], rows: &[Vec<String>]) {
    print(format_args!("\n### {heading}\n"));
    print(format_args!("| {} |", names.join(" | ")));
    let rule: Vec<&str> =
        names.iter().enumerate().map(|(at, _)| if at == 0 { "---" } else { "--:" }).collect();
    print(format_args!("|{}|", rule.join("|")));
    for row in rows {
        print(format_args!("| {} |", row.join(" | ")));
    }
}

/// The tokens of each query's answer, ours and the other's.
pub(super) fn tokens(peer: &str, names: &[String], counts: &[(Counts, Counts)], report: &mut Report) {
    let mut rows = Vec::new();
    let (mut ours, mut theirs) = ([0; VOCABULARIES.len()], [0; VOCABULARIES.len()]);
    let mut more = Vec::new();
    for (name, (mine, other)) in names.iter().zip(counts) {
        let mut row = vec![name.clone()];
        for at in 0..VOCABULARIES.len() {
            ours[at] += mine[at];
            theirs[at] += other[at];
            row.extend([mine[at].to_string(), other[at].to_string()]);
        }
        if mine[0] >= other[0] {
            more.push(name.as_str());
        }
        row.push(if mine[0] < other[0] { "fewer".into() } else { "**not fewer**".into() });
        rows.push(row);
    }
    let mut total = vec!["**total**".to_owned()];
    for at in 0..VOCABULARIES.len() {
        total.extend([ours[at].to_string(), theirs[at].to_string()]);
    }
    total.push(format!("{:.0} %", share(ours[0], theirs[0])));
    rows.push(total);
    let [first, second] = VOCABULARIES;
    let names = [
        "tokens of the text",
        &format!("M4, {first}"),
        &format!("{peer}, {first}"),
        &format!("M4, {second}"),
        &format!("{peer}, {second}"),
        "M4",
    ];
    table("Tokens", &names, &rows);
    let figure = format!("{} against {}", ours[0], theirs[0]);
    let found = Ok(Found { figure, met: ours[0] < theirs[0] });
    report.add(Verdict { criterion: "tokens in total", aim: "fewer".into(), found });
    let figure = match more.len() {
        0 => "fewer in every query".to_owned(),
        _ => format!("not fewer in {}: {}", more.len(), more.join(", ")),
    };
    let found = Ok(Found { figure, met: more.is_empty() });
    report.add(Verdict { criterion: "tokens per query", aim: "fewer".into(), found });
}

/// Bytes in MB, the decimal ones.
pub(super) fn megabytes(bytes: u64) -> String {
    // A tenth of a megabyte is as fine as it is steady.
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

/// A duration for a cell.
pub(super) fn cell(duration: std::time::Duration) -> String {
    format!("{} ms", milliseconds(duration))
}

fn share(ours: u64, theirs: u64) -> f64 {
    let exact = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    100.0 * exact(ours) / exact(theirs).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_that_was_missed_or_not_measured_is_not_met() {
        let mut report = Report::default();
        assert!(report.is_met());
        report.ratio("a", 3.0, 3.0);
        assert!(report.is_met());
        report.add(Verdict { criterion: "b", aim: "≥ 1 ×".into(), found: Err("no system for it".into()) });
        assert!(!report.is_met());
        let mut report = Report::default();
        report.ratio("a", 2.9, 3.0);
        assert!(!report.is_met());
    }

    #[test]
    fn one_query_with_more_tokens_misses_the_aim_per_query() {
        let mut report = Report::default();
        let names = ["a".to_owned(), "b".to_owned()];
        tokens("peer", &names, &[([1, 1], [9, 9]), ([3, 3], [3, 3])], &mut report);
        let met: Vec<bool> =
            report.verdicts.iter().map(|verdict| verdict.found.as_ref().unwrap().met).collect();
        assert_eq!(met, [true, false]);
    }

    #[test]
    fn wrong_results_are_kept() {
        let mut report = Report::default();
        assert!(report.is_right());
        report.wrong("q", "1 against 2");
        assert!(!report.is_right());
        assert_eq!(megabytes(23_876_000), "23.8 MB");
    }
}
