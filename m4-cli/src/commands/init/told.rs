//! Tells of a download and of a load as they go: bars or lines for people, events for programs.

use indicatif::HumanBytes;
use mcp_server::download;
use mcp_server::ingest::{Progress, Report};
use serde_json::{Map, Value, json};

use crate::output::{Event, Printer, Task};

/// Who is told, of which dataset.
pub(crate) struct Told<'a> {
    printer: &'a Printer,
    dataset: String,
    task: Option<Task>,
}

impl<'a> Told<'a> {
    /// Says that it begins.
    pub(crate) fn begin(printer: &'a Printer, dataset: &str) -> Self {
        let told = Self { printer, dataset: dataset.to_owned(), task: None };
        told.event(Event::OperationStarted, json!({}));
        told
    }

    /// A step of a download.
    pub(crate) fn download(&mut self, step: &download::Progress) {
        use download::Progress as Step;
        match step {
            Step::Listed { files } => {
                self.start(format!("downloading {}", self.dataset), *files as u64);
                self.progress("download", json!({ "state": "listed", "files": files }));
            }
            Step::Started { file, done, total } => {
                self.advance(file, *done, *total);
                self.progress(
                    "download",
                    json!({ "state": "started", "file": file, "done": done, "total": total }),
                );
            }
            Step::Advanced { file, done, total } => {
                self.advance(file, *done, *total);
                self.progress(
                    "download",
                    json!({ "state": "running", "file": file, "done": done, "total": total }),
                );
            }
            Step::Waiting { file, wait, why } => {
                self.report(&format!("  {file}: {why}; tried again in {} s", wait.as_secs_f32()));
                let seconds = wait.as_secs_f32();
                self.progress(
                    "download",
                    json!({ "state": "waiting", "file": file, "seconds": seconds, "why": why }),
                );
            }
            Step::Finished(file) => {
                let how = if file.fetched == 0 { "there already" } else { "downloaded" };
                let checked = if file.verified { "" } else { ", not checked" };
                let line = format!("  {}: {how}, {}{checked}", file.file, HumanBytes(file.bytes));
                self.end(&file.file, &line);
                let (done, fetched, verified) = (file.bytes, file.fetched, file.verified);
                let fields = json!({
                    "state": "finished", "file": file.file, "done": done, "total": done, "fetched": fetched,
                    "verified": verified,
                });
                self.progress("download", fields);
            }
        }
    }

    /// The download is over.
    pub(crate) fn downloaded(&mut self, report: &download::Report) {
        let (files, bytes) = (report.files.len(), HumanBytes(report.bytes()));
        self.finish(&format!("{files} files, {bytes}, of which {} came now", HumanBytes(report.fetched())));
    }

    /// A step of a load. Nothing is said before it is clear that there is something to load.
    pub(crate) fn load(&mut self, step: &Progress<'_>) {
        match *step {
            Progress::Planned { tables, bytes } => {
                self.start(format!("loading {}", self.dataset), tables as u64);
                self.progress("load", json!({ "state": "planned", "tables": tables, "total": bytes }));
            }
            Progress::Started { table, bytes } => {
                self.advance(table, 0, Some(bytes));
                self.progress(
                    "load",
                    json!({ "state": "started", "table": table, "done": 0, "total": bytes }),
                );
            }
            Progress::Advanced { table, read, bytes } => {
                self.advance(table, read, Some(bytes));
                self.progress(
                    "load",
                    json!({ "state": "running", "table": table, "done": read, "total": bytes }),
                );
            }
            Progress::Finished { table, rows, rejected, bytes } => {
                self.end(table, &format!("  {table}: {rows} rows"));
                let fields = json!({
                    "state": "finished", "table": table, "done": bytes, "total": bytes, "rows": rows,
                    "rejected": rejected,
                });
                self.progress("load", fields);
            }
            Progress::Reused { table, rows, rejected, bytes } => {
                self.end(table, &format!("  {table}: {rows} rows, kept from the run before"));
                let fields = json!({
                    "state": "reused", "table": table, "done": bytes, "total": bytes, "rows": rows,
                    "rejected": rejected,
                });
                self.progress("load", fields);
            }
            Progress::Indexing { table, notes, of } => {
                if let Some(task) = &self.task {
                    task.doing(format!("indexing the notes of {table}"));
                }
                self.progress(
                    "index",
                    json!({ "state": "running", "table": table, "done": notes, "total": of }),
                );
            }
            Progress::Publishing => {
                if let Some(task) = &self.task {
                    task.doing("writing the database");
                }
                self.progress("publish", json!({ "state": "running" }));
            }
        }
    }

    /// The load is over.
    pub(crate) fn loaded(&mut self, report: &Report) {
        self.finish(&format!("{} rows in {} tables", report.rows(), report.tables.len()));
    }

    fn start(&mut self, label: String, pieces: u64) {
        if !self.printer.tells_events() {
            self.task = Some(self.printer.task(label, Some(pieces)));
        }
    }

    fn advance(&self, piece: &str, done: u64, total: Option<u64>) {
        if let Some(task) = &self.task {
            task.advance(piece, done, total);
        }
    }

    fn end(&self, piece: &str, line: &str) {
        if let Some(task) = &self.task {
            task.end(piece, line);
        }
    }

    fn report(&self, line: &str) {
        if let Some(task) = &self.task {
            task.report(line);
        }
    }

    fn finish(&mut self, result: &str) {
        if let Some(task) = self.task.take() {
            task.finish(result);
        }
    }

    fn progress(&self, phase: &str, fields: Value) {
        let mut fields = object(fields);
        fields.insert("phase".to_owned(), phase.into());
        self.event(Event::OperationProgress, Value::Object(fields));
    }

    fn event(&self, event: Event, fields: Value) {
        if !self.printer.tells_events() {
            return;
        }
        let mut all = Map::from_iter([("dataset".to_owned(), Value::from(self.dataset.as_str()))]);
        all.extend(object(fields));
        // A reader that left misses the rest, the last event included, whose printing says so.
        let _ = self.printer.event(event, &all);
    }
}

fn object(fields: Value) -> Map<String, Value> {
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
