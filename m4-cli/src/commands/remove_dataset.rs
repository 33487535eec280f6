//! `m4 remove-dataset`: takes a dataset off this machine, once somebody said that this is meant.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use mcp_server::config::{Config, Flags};
use mcp_server::dataset::Registry;
use mcp_server::dataset::remove::Removal;
use mcp_server::env::Environment;
use mcp_server::error::codes;
use schemars::JsonSchema;
use serde::Serialize;

use crate::Outcome;
use crate::args::RemoveDatasetArgs;
use crate::failure::Failure;
use crate::output::{Paths, Printer, size};

pub(super) fn run(args: &RemoveDatasetArgs, env: &Environment, printer: &Printer) -> Outcome {
    let config = Config::load(env, &Flags::new());
    if !config.problems().is_empty() {
        return Err(config.problems().clone().into());
    }
    let data_dir = &config.locations.data_dir;
    let removal = Removal::of(&Registry::open(data_dir), data_dir, &args.name, args.definition)?;
    if !args.dry_run && !removal.parts.is_empty() {
        if !args.yes {
            confirm(&removal, args, printer)?;
        }
        removal.carry_out()?;
    }
    let report = Report::of(&removal, args, printer.paths());
    printer.answer(&report, |printer| printer.data(report.text()))
}

fn confirm(removal: &Removal, args: &RemoveDatasetArgs, printer: &Printer) -> Outcome {
    let whats: Vec<&str> = removal.parts.iter().map(|part| part.what.name()).collect();
    let what = format!("{} of {} ({})", size(removal.bytes()), removal.name, whats.join(", "));
    if args.no_interactive || !io::stdin().is_terminal() {
        return Err(Failure::coded(
            codes::NOT_CONFIRMED,
            format!("nobody said yes to removing {what}"),
            "add --yes if you mean it; --dry-run shows what would go",
        ));
    }
    printer.ask(format_args!("Remove {what}? It cannot be undone. [y/N]"));
    let mut answer = String::new();
    let read = io::stdin().lock().take(LONGEST_ANSWER).read_line(&mut answer);
    match read {
        Ok(_) if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") => Ok(()),
        _ => Err(Failure::coded(codes::NOT_CONFIRMED, "nothing was removed", "answer y if you mean it")),
    }
}

/// What was removed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RemoveDataset")]
pub(super) struct Report {
    /// The dataset's name.
    name: String,
    /// What went, or would go; empty where there was nothing.
    removed: Vec<Removed>,
    /// The space that all of it took.
    freed_bytes: u64,
    /// Whether nothing was removed.
    dry_run: bool,
}

#[derive(Serialize, JsonSchema)]
struct Removed {
    /// `database`, `unfinished` or `definition`.
    what: &'static str,
    path: String,
    bytes: u64,
}

impl Report {
    fn of(removal: &Removal, args: &RemoveDatasetArgs, paths: &Paths) -> Self {
        let removed = removal.parts.iter().map(|part| Removed {
            what: part.what.name(),
            path: paths.path(&part.path),
            bytes: part.bytes,
        });
        Self {
            name: removal.name.to_string(),
            removed: removed.collect(),
            freed_bytes: removal.bytes(),
            dry_run: args.dry_run,
        }
    }

    fn text(&self) -> String {
        if self.removed.is_empty() {
            return format!("there is nothing of {} to remove", self.name);
        }
        let done = if self.dry_run { "would remove" } else { "removed" };
        let part = |part: &Removed| format!("  {} {} ({})", part.what, part.path, size(part.bytes));
        let parts: Vec<String> = self.removed.iter().map(part).collect();
        format!("{done} {} of {}\n{}", size(self.freed_bytes), self.name, parts.join("\n"))
    }
}

const LONGEST_ANSWER: u64 = 64;
