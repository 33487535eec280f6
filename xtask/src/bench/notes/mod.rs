//! Searching notes: as many as MIMIC-IV-Note has discharge summaries, generated, set up by `m4 init` and searched through MCP.

mod generate;
mod queries;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::data::client::Client;
use super::data::stats::{Sample, milliseconds};
use crate::args::LibraryArgs;
use crate::build::{self, binary};
use crate::failure::{Failure, Outcome, print, say};
use crate::interop::isolate;
use crate::workspace::{Profile, Workspace};
use queries::Query;

/// What `cargo xtask bench notes` takes.
#[derive(Debug, Args)]
pub(crate) struct NotesArgs {
    /// How many notes; each has 8 to 10 kB.
    #[arg(long, default_value_t = 330_000)]
    notes: u32,
    /// How often each query is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Searches what the last run set up.
    #[arg(long)]
    keep: bool,
    /// Keeps the notes and the database in this directory; both need about 30 kB per note.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Measures `m4` and `m4-mcp-server` of this directory instead of building optimised ones.
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
    #[command(flatten)]
    library: LibraryArgs,
}

/// Measures, prints a table, and fails where a query takes longer than [`AIM`] or finds something else than was generated.
pub(super) fn run(workspace: &Workspace, args: &NotesArgs) -> Outcome<ExitCode> {
    let folder = match &args.folder {
        Some(folder) => folder.join("m4-bench-notes"),
        None => workspace.target()?.join("bench").join("notes"),
    };
    let binaries = match &args.binaries {
        Some(directory) => directory.clone(),
        None => {
            say("building optimised binaries… the first time takes about 15 minutes on 2 cores");
            build::run(workspace, &args.library.resolve(workspace)?, Profile::Release)?;
            workspace.binaries(Profile::Release)?
        }
    };
    let place = Place { binaries, folder };
    if !args.keep {
        place.set_up(args.notes)?;
    }
    let mut client = Client::start(place.command("m4-mcp-server"), &place.folder.join("server.log"))?;
    // The first question opens the database; every later one finds it open.
    let (first, _) = client.call("search_notes", &json!({ "query": queries::ALL[0].text }))?;
    let verdict = search(&mut client, args)?;
    print(format_args!(
        "\nfirst answer of a new server, which opens the database: {} ms",
        milliseconds(first)
    ));
    if let Some(resident) = client.resident() {
        print(format_args!("\nresident memory of the server afterwards: {} MiB", resident >> 20));
    }
    Ok(if verdict { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where everything lies.
struct Place {
    binaries: PathBuf,
    folder: PathBuf,
}

impl Place {
    fn set_up(&self, notes: u32) -> Outcome {
        let io = |doing: &'static str| move |error: std::io::Error| Failure::io(doing, &error);
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).map_err(io("empty the bench's directory"))?;
        }
        let source = self.folder.join("source").join("note");
        fs::create_dir_all(&source).map_err(io("make a directory"))?;
        fs::create_dir_all(self.folder.join("data").join("datasets")).map_err(io("make a directory"))?;
        let definition = json!({
            "name": DATASET, "description": "generated notes", "schema_mapping": { "note": "mimiciv_note" },
            "modalities": ["NOTES"],
        });
        fs::write(self.folder.join("data/datasets/notes-bench.json"), definition.to_string())
            .map_err(io("write a definition"))?;
        say(format_args!("generating {notes} notes…"));
        let bytes = generate::write(&source.join("discharge.csv"), notes).map_err(io("write notes"))?;
        say(format_args!("setting {} MB of notes up…", bytes / 1_000_000));
        let (took, peak, said) = self.init()?;
        fs::remove_dir_all(self.folder.join("source")).map_err(io("remove the generated notes"))?;
        let report = if said["data"].is_object() { &said["data"] } else { &said };
        let index = &report["indexed"][0];
        let (words, size) = (index["words"].as_u64().unwrap_or(0), index["bytes"].as_u64().unwrap_or(0));
        let building = Duration::from_millis(index["milliseconds"].as_u64().unwrap_or(0));
        if index["notes"] != notes {
            return Err(Failure::new(format!("m4 init indexed other notes: {index}"), "see its report"));
        }
        let database = fs::metadata(self.folder.join("data/databases/notes_bench.duckdb"));
        print(format_args!("## Searching {notes} notes\n\n| | |\n|---|---|"));
        print(format_args!("| notes | {notes}, {} MB of CSV, {words} words |", bytes / 1_000_000));
        print(format_args!("| set-up (`m4 init`) | {:.1} s |", took.as_secs_f64()));
        let share = 100.0 * building.as_secs_f64() / took.as_secs_f64();
        print(format_args!("| of it the index | {:.1} s, {share:.0} % |", building.as_secs_f64()));
        print(format_args!("| peak memory of set-up | {} MiB |", peak >> 20));
        #[expect(clippy::cast_precision_loss, reason = "two digits of it are shown")]
        let per_word = size as f64 / words as f64;
        print(format_args!("| size of the index | {} MB, {per_word:.2} bytes per word |", size / 1_000_000));
        let whole = database.map_or(0, |data| data.len());
        print(format_args!("| size of the database | {} MB |\n", whole / 1_000_000));
        Ok(())
    }

    /// How long it took, the most memory it had resident, and what it said.
    fn init(&self) -> Outcome<(Duration, u64, Value)> {
        let mut command = self.command("m4");
        command.args(["init", DATASET, "--json", "--src"]).arg(self.folder.join("source"));
        let log = fs::File::create(self.folder.join("init.log"));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(log.map_err(|error| Failure::io("write a log", &error))?);
        let start = Instant::now();
        let mut child = command.spawn().map_err(|error| Failure::io("run m4", &error))?;
        let (status, mut peak) = (format!("/proc/{}/status", child.id()), 0);
        let ended = loop {
            match child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => break status,
                Err(error) => return Err(Failure::io("wait for m4", &error)),
            }
            peak = peak.max(peak_memory(&status));
            std::thread::sleep(LOOK_EVERY);
        };
        let took = start.elapsed();
        let output = child.wait_with_output().map_err(|error| Failure::io("read from m4", &error))?;
        if !ended.success() {
            let log = self.folder.join("init.log");
            return Err(Failure::new("m4 init failed", format!("see {}", log.display())));
        }
        Ok((took, peak, serde_json::from_slice(&output.stdout).unwrap_or_default()))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(binary(&self.binaries, program));
        isolate(&mut command);
        command.env("HOME", &self.folder).env("M4_HOME", self.folder.join("home"));
        command.env("M4_DATA_DIR", self.folder.join("data"));
        command
    }
}

/// The most memory a process ever had resident, in bytes; 0 where the system does not tell.
fn peak_memory(status: &str) -> u64 {
    let text = fs::read_to_string(Path::new(status)).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Runs every query; whether all were fast enough and right.
fn search(client: &mut Client, args: &NotesArgs) -> Outcome<bool> {
    let mut good = true;
    let (mut medians, mut worst) = (Sample::default(), (Duration::ZERO, ""));
    print("| query | kind | notes that fit | median ms (least–most) |\n|---|---|---|---|");
    for query in queries::ALL {
        let (mut sample, mut fits) = (Sample::default(), 0);
        for _ in 0..args.rounds {
            let (took, answer) = client.call("search_notes", &json!({ "query": query.text }))?;
            let section = &answer["structuredContent"]["note_types"][0];
            let (found, indexed) = (section["matches"].as_u64(), &answer["structuredContent"]["indexed"]);
            let Some(found) = found.filter(|_| indexed == true) else {
                return Err(Failure::new(
                    format!("`{}` was not answered: {answer}", query.text),
                    "run it again",
                ));
            };
            fits = found;
            sample.add(took);
            if took > worst.0 {
                worst = (took, query.text);
            }
        }
        let all = client_says_all(client, query)?;
        if !query.expects(fits, args.notes, all) {
            print(format_args!("WRONG: `{}` fits {fits} notes", query.text));
            good = false;
        }
        medians.add(sample.median());
        let text = query.text.replace('|', "\\|");
        print(format_args!("| `{text}` | {} | {fits} | {} |", query.kind, sample.shown()));
    }
    print(format_args!(
        "\n{} queries: median {} ms, worst single answer {} ms (`{}`), aim {} ms: {}",
        queries::ALL.len(),
        milliseconds(medians.median()),
        milliseconds(worst.0),
        worst.1,
        AIM.as_millis(),
        if worst.0 <= AIM { "met" } else { "MISSED" },
    ));
    Ok(good && worst.0 <= AIM)
}

/// Whether the notes have everything that was looked for.
fn client_says_all(client: &mut Client, query: &Query) -> Outcome<bool> {
    let (_, answer) = client.call("search_notes", &json!({ "query": query.text, "limit": 1 }))?;
    Ok(answer["structuredContent"]["matching"] == "all")
}

const DATASET: &str = "notes-bench";
/// What an answer may take.
const AIM: Duration = Duration::from_millis(300);
const LOOK_EVERY: Duration = Duration::from_millis(50);
