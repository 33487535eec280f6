//! The measurements, each of both sides in turn.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Client, text};
use super::compare;
use super::others;
use super::queries::{self, DEMO, NOTES, Query};
use super::report::{Report, Verdict, cell, megabytes, table, tokens as print_tokens};
use super::side::{Side, Took};
use super::source::Source;
use super::stats::{Sample, median_of, ratio};
use super::tokens;
use crate::failure::{Failure, Outcome, say};
use crate::workspace::Workspace;

/// Who is compared, on what and how often.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) ours: Side,
    pub(super) peer: Side,
    pub(super) source: Source,
    pub(super) runs: u32,
    pub(super) rounds: u32,
    /// Where the texts of the answers are kept.
    pub(super) answers: PathBuf,
}

/// A query with what both sides needed and said.
struct Measured {
    query: Query,
    ours: Sample,
    theirs: Sample,
    our_text: String,
    their_text: String,
}

impl Run {
    /// `m4 init` of both, and leaves both set up with all that there is.
    pub(super) fn set_up(&self, report: &mut Report) -> Outcome {
        let mut rows = Vec::new();
        let (ours, theirs) = self.init("m4 init of the demo", &self.source.demo, &mut rows)?;
        report.ratio("init of the demo", ratio(theirs.median(), ours.median()), INIT);
        if let Some(complete) = &self.source.complete {
            self.init("the same with chartevents", complete, &mut rows)?;
        }
        let (mut our_start, mut their_start) = (Sample::default(), Sample::default());
        for _ in 0..self.runs {
            our_start.add(self.ours.version()?);
            their_start.add(self.peer.version()?);
        }
        row("m4 --version, for comparison", &our_start, &their_start, &mut rows);
        let names = ["whole commands, ms: median (least–most)", &self.ours.name, &self.peer.name, "ratio"];
        table("Set-up", &names, &rows);
        Ok(())
    }

    fn init(&self, what: &str, src: &Path, rows: &mut Vec<Vec<String>>) -> Outcome<(Sample, Sample)> {
        let (mut ours, mut theirs) = (Sample::default(), Sample::default());
        let (mut our_processor, mut their_processor) = (Sample::default(), Sample::default());
        // The first is to have the files in the system's cache, for both.
        for run in 0..=self.runs {
            say(format_args!("{what}: run {run} of {}", self.runs));
            for (side, sample, processor) in
                [(&self.ours, &mut ours, &mut our_processor), (&self.peer, &mut theirs, &mut their_processor)]
            {
                side.clear()?;
                let took = side.init(DEMO, Some(src))?;
                if run > 0 {
                    sample.add(took.elapsed);
                    took.processor.into_iter().for_each(|took| processor.add(took));
                }
            }
        }
        row(what, &ours, &theirs, rows);
        if our_processor.median() > Duration::ZERO {
            row(&format!("{what}: processor time"), &our_processor, &their_processor, rows);
        }
        Ok((ours, theirs))
    }

    /// From the start of the process to the answer to `initialize`, and the memory held then.
    pub(super) fn start(&self, report: &mut Report) -> Outcome {
        let (mut ours, mut theirs) = (Sample::default(), Sample::default());
        let mut memory = [None, None];
        for run in 0..=self.runs {
            for (at, (side, sample)) in
                [(&self.ours, &mut ours), (&self.peer, &mut theirs)].into_iter().enumerate()
            {
                let client = Client::start(side.server()?, &side.log())?;
                if run > 0 {
                    sample.add(client.started_in);
                }
                if run == self.runs {
                    memory[at] = client.resident();
                }
            }
        }
        let mut rows = Vec::new();
        row("start to the answer to initialize", &ours, &theirs, &mut rows);
        table("Start", &self.columns(), &rows);
        report.ratio("start", ratio(theirs.median(), ours.median()), START);
        self.memory("memory at rest, initialised", memory, Some(MEMORY), report);
        Ok(())
    }

    fn memory(
        &self,
        what: &'static str,
        [ours, theirs]: [Option<u64>; 2],
        aim: Option<f64>,
        report: &mut Report,
    ) {
        let (Some(ours), Some(theirs)) = (ours, theirs) else {
            say(format_args!("SKIPPED: {what}: this system does not tell (needs /proc)"));
            if let Some(least) = aim {
                let found = Err("needs /proc".to_owned());
                report.add(Verdict { criterion: what, aim: format!("≥ {least} ×"), found });
            }
            return;
        };
        let exact = |bytes: u64| f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX));
        let ratio = exact(theirs) / exact(ours).max(1.0);
        let row = vec![
            "VmRSS, children included".into(),
            megabytes(ours),
            megabytes(theirs),
            format!("{ratio:.1} ×"),
        ];
        table(what, &["", &self.ours.name, &self.peer.name, "ratio"], &[row]);
        if let Some(least) = aim {
            report.ratio(what, ratio, least);
        }
    }

    /// Every query by both servers in turn: times, memory afterwards, results and tokens.
    pub(super) fn query(&self, workspace: &Workspace, report: &mut Report) -> Outcome {
        let notes = self.notes();
        let mut ours = Client::start(self.ours.server()?, &self.ours.log())?;
        let mut theirs = Client::start(self.peer.server()?, &self.peer.log())?;
        let mut measured = Vec::new();
        for query in queries::all() {
            if let Some(first) = first(&query, &mut ours, &mut theirs, report)? {
                measured.push(first);
            }
        }
        for round in 0..self.rounds {
            say(format_args!("queries: round {} of {}", round + 1, self.rounds));
            for Measured { query, ours: ours_took, theirs: theirs_took, .. } in &mut measured {
                // Whoever goes second may find the processor warmer.
                if round % 2 == 0 {
                    ours_took.add(ask(&mut ours, query)?.0);
                    theirs_took.add(ask(&mut theirs, query)?.0);
                } else {
                    theirs_took.add(ask(&mut theirs, query)?.0);
                    ours_took.add(ask(&mut ours, query)?.0);
                }
            }
        }
        self.keep(&measured)?;
        self.times(&measured, report);
        // Half of it is the engine's cache, which is there to be used: a figure without an aim.
        self.memory("memory after the queries", [ours.resident(), theirs.resident()], None, report);
        let called = others::ask(&mut ours, &mut theirs, self.rounds, notes, report)?;
        let mut rows = Vec::new();
        for others::Called { name, ours, theirs, .. } in &called {
            row(name, ours, theirs, &mut rows);
        }
        table("Other tools", &self.columns(), &rows);
        self.count(workspace, &measured, &called, report);
        Ok(())
    }

    /// Sets the notes up on both sides, for the tools that read them; says why where that cannot be.
    fn notes(&self) -> bool {
        let Some(src) = &self.source.notes else {
            say(
                "SKIPPED: tools for notes: there are no note files; put mimic-iv-demo-derived beside the demo",
            );
            return false;
        };
        let both = [&self.ours, &self.peer].map(|side| side.init(NOTES, Some(src)));
        match both.into_iter().collect::<Outcome<Vec<Took>>>() {
            Ok(_) => true,
            Err(failure) => {
                say(format_args!("SKIPPED: tools for notes: {failure}; {}", failure.hint()));
                false
            }
        }
    }

    fn columns(&self) -> [&str; 4] {
        ["ms: median (least–most)", &self.ours.name, &self.peer.name, "ratio"]
    }

    /// Writes the texts to files, for whoever wants to see what was compared and counted.
    fn keep(&self, measured: &[Measured]) -> Outcome {
        let folder = &self.answers;
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(folder)?;
            for (number, one) in measured.iter().enumerate() {
                for (side, text) in [(&self.ours, &one.our_text), (&self.peer, &one.their_text)] {
                    let name = format!("{:02} {}, {}.txt", number + 1, one.query.name, side.name);
                    fs::write(folder.join(name), text)?;
                }
            }
            Ok(())
        };
        write().map_err(|error| Failure::io("keep the answers", &error))?;
        say(format_args!("the answers are in {}", folder.display()));
        Ok(())
    }

    fn times(&self, measured: &[Measured], report: &mut Report) {
        let mut rows = Vec::new();
        let mut ratios = Vec::new();
        for Measured { query, ours, theirs, .. } in measured {
            row(&query.name, ours, theirs, &mut rows);
            ratios.push(ratio(theirs.median(), ours.median()));
        }
        let whole = |side: fn(&Measured) -> &Sample| measured.iter().map(|one| side(one).median()).sum();
        let (ours, theirs): (Duration, Duration) = (whole(|one| &one.ours), whole(|one| &one.theirs));
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let (median, all) = (median_of(ratios), ratio(theirs, ours));
        rows.push(vec!["**all**".into(), cell(ours), cell(theirs), format!("{all:.1} ×")]);
        let heading = format!("{} queries through MCP over stdio", measured.len());
        table(&heading, &self.columns(), &rows);
        say(format_args!("the smallest ratio of a query is {least:.1}"));
        report.ratio("queries, median of the ratios", median, QUERIES);
        report.ratio("queries, all together", all, QUERIES);
    }

    fn count(
        &self,
        workspace: &Workspace,
        measured: &[Measured],
        called: &[others::Called],
        report: &mut Report,
    ) {
        let mut texts: Vec<String> =
            measured.iter().flat_map(|one| [one.our_text.clone(), one.their_text.clone()]).collect();
        texts.extend(called.iter().flat_map(|call| call.texts.clone()));
        match tokens::count(workspace, &texts) {
            Ok(counts) => {
                let pairs: Vec<_> = counts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
                let names: Vec<String> = measured.iter().map(|one| one.query.name.clone()).collect();
                let (pairs, others) = pairs.split_at(names.len());
                print_tokens(&self.peer.name, &names, pairs, report);
                let rows: Vec<Vec<String>> = called
                    .iter()
                    .zip(others)
                    .map(|(call, (ours, theirs))| {
                        vec![call.name.clone(), ours[0].to_string(), theirs[0].to_string()]
                    })
                    .collect();
                let names = ["tokens of other tools, no aim", &self.ours.name, &self.peer.name];
                table("Tokens of other tools", &names, &rows);
            }
            Err(failure) => {
                say(format_args!("SKIPPED: tokens: {failure}; {}", failure.hint()));
                let found = Err(failure.to_string());
                report.add(Verdict { criterion: "tokens", aim: "fewer".into(), found });
            }
        }
    }
}

fn row(what: &str, ours: &Sample, theirs: &Sample, rows: &mut Vec<Vec<String>>) {
    let ratio = ratio(theirs.median(), ours.median());
    rows.push(vec![what.into(), ours.shown(), theirs.shown(), format!("{ratio:.1} ×")]);
}

/// Asks both once, unmeasured, and compares; `None` when neither answers.
fn first(
    query: &Query,
    ours: &mut Client,
    theirs: &mut Client,
    report: &mut Report,
) -> Outcome<Option<Measured>> {
    let (_, our_result) = ask(ours, query)?;
    let (_, their_result) = ask(theirs, query)?;
    let (our_text, their_text) = (text(&our_result), text(&their_result));
    let refused = [our_result["isError"] == true, their_text.starts_with("**Error:**")];
    match refused {
        [true, true] => {
            say(format_args!(
                "SKIPPED: query {:?}: neither answers it: {}",
                query.name,
                first_line(&our_text)
            ));
            return Ok(None);
        }
        [true, false] => report.wrong(&query.name, &format!("ours refuses: {}", first_line(&our_text))),
        [false, true] => report.wrong(&query.name, &format!("theirs refuses: {}", first_line(&their_text))),
        [false, false] => {
            if let Err(difference) = compare::same(&our_result["structuredContent"], &their_text) {
                report.wrong(&query.name, &difference);
            }
        }
    }
    let (ours, theirs) = (Sample::default(), Sample::default());
    Ok(Some(Measured { query: query.clone(), ours, theirs, our_text, their_text }))
}

fn ask(client: &mut Client, query: &Query) -> Outcome<(Duration, Value)> {
    client.call("execute_query", &json!({ "sql_query": query.sql, "dataset": DEMO }))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

const INIT: f64 = 3.0;
const QUERIES: f64 = 3.0;
const START: f64 = 40.0;
const MEMORY: f64 = 3.0;
