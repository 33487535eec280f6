//! `m4 define-dataset`: a folder of files becomes a dataset that `m4 init` can set up.

use std::path::Path;

use mcp_server::config::{Config, Flags};
use mcp_server::dataset::infer::{self, Inferred};
use mcp_server::dataset::{Name, Origin, Registry};
use mcp_server::env::Environment;
use mcp_server::error::codes;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::args::DefineDatasetArgs;
use crate::failure::Failure;
use crate::output::{Column, Printer, Table};
use crate::{Outcome, files};

pub(super) fn run(args: &DefineDatasetArgs, env: &Environment, printer: &Printer) -> Outcome {
    let config = Config::load(env, &Flags::new());
    if !config.problems().is_empty() {
        return Err(config.problems().clone().into());
    }
    let data_dir = &config.locations.data_dir;
    let registry = Registry::open(data_dir);
    let name: Name = args.name.parse()?;
    let file = data_dir.join("datasets").join(format!("{name}.json"));
    let replaces = in_the_way(&name, &registry, &file, args.force)?;
    let inferred = infer::infer(name, description(args), &args.src)?;
    let text = serde_json::to_string_pretty(&inferred).map_err(|error| Failure::output(error.into()))? + "\n";
    if text.len() > LARGEST {
        return Err(Failure::coded(
            codes::BAD_DEFINITION,
            format!("the definition would be larger than {LARGEST} bytes"),
            "define several datasets, each of fewer tables",
        ));
    }
    if !args.dry_run {
        files::write(&file, text.as_bytes(), Some(files::PRIVATE)).map_err(|source| {
            let place = file.display();
            Failure::io(format!("cannot write {place}"), "choose a data folder that you may write", source)
        })?;
    }
    warn(&inferred, &registry, printer);
    let report = Report::of(&inferred, args, replaces, printer.paths().path(&file), &text);
    printer.answer(&report, |printer| print(&inferred, &report, printer))
}

/// Fails where the name is another's, or where a definition is in the way; says whether one is replaced.
fn in_the_way(name: &Name, registry: &Registry, file: &Path, force: bool) -> Result<bool, Failure> {
    let stem = name.file_stem();
    let known = registry.definitions().iter().find(|known| known.name.file_stem() == stem);
    match known.map(|known| (&known.name, &known.origin)) {
        Some((_, Origin::BuiltIn)) => {
            Err(Failure::coded(codes::EXISTS, format!("{name} is built in"), "choose another name"))
        }
        Some((other, _)) if other != name => Err(Failure::coded(
            codes::EXISTS,
            format!("{name} would share the database of {other}"),
            "choose another name; '-' and '_' count as the same",
        )),
        Some((_, Origin::File(known))) if file.file_name().is_none_or(|own| own != known.as_str()) => {
            Err(Failure::coded(
                codes::EXISTS,
                format!("{name} is defined in {known} already"),
                "remove that file, or choose another name",
            ))
        }
        _ if file.symlink_metadata().is_err() => Ok(false),
        _ if force => Ok(true),
        _ => Err(Failure::coded(
            codes::EXISTS,
            format!("{name} is defined already"),
            "--force replaces its definition; what was changed in it by hand is lost",
        )),
    }
}

fn description(args: &DefineDatasetArgs) -> String {
    let words = [&args.title, &args.description];
    let words: Vec<&str> =
        words.into_iter().flatten().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
    words.join(": ")
}

fn warn(inferred: &Inferred, registry: &Registry, printer: &Printer) {
    if !inferred.ignored.is_empty() {
        printer.warning(format_args!("files of no table were left out: {}", inferred.ignored.join(", ")));
    }
    let name = &inferred.name;
    let uncertain = inferred.tables.iter().filter(|table| !table.certain).map(|table| table.name.as_str());
    let uncertain: Vec<&str> = uncertain.collect();
    if !uncertain.is_empty() {
        printer.warning(format_args!(
            "only the first rows were looked at, so check the types of: {}",
            uncertain.join(", ")
        ));
    }
    let is_set_up = registry.find(name.as_str()).is_ok_and(|known| registry.database(known).exists());
    if is_set_up {
        printer.warning(format_args!(
            "{name} is set up by its former definition; m4 init {name} --src DIR --force makes it anew"
        ));
    }
}

/// What was defined.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DefineDataset")]
pub(super) struct Report {
    /// The dataset's name.
    name: String,
    description: String,
    /// Its tables, by file.
    tables: Vec<TableReport>,
    /// Files and folders that hold no table, by their path from the source directory.
    ignored: Vec<String>,
    /// The file that holds the definition.
    definition_file: String,
    /// Whether another definition was replaced, or would be.
    replaced: bool,
    /// Whether nothing was written.
    dry_run: bool,
    /// What sets it up.
    next: String,
    /// The definition itself, as in the file.
    definition: Value,
}

/// A table that was defined.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DefinedTable")]
struct TableReport {
    /// As SQL names it.
    name: String,
    /// Its file, by its path from the source directory.
    file: String,
    /// How many columns it has.
    columns: usize,
    /// Whether every row was looked at, so that the types are certain.
    certain: bool,
}

impl Report {
    fn of(
        inferred: &Inferred,
        args: &DefineDatasetArgs,
        replaced: bool,
        definition_file: String,
        text: &str,
    ) -> Self {
        let table = |table: &infer::InferredTable| TableReport {
            name: table.name.clone(),
            file: table.file.clone(),
            columns: table.columns.len(),
            certain: table.certain,
        };
        Self {
            name: inferred.name.to_string(),
            description: inferred.description.clone(),
            tables: inferred.tables.iter().map(table).collect(),
            ignored: inferred.ignored.clone(),
            definition_file,
            replaced,
            dry_run: args.dry_run,
            next: format!("m4 init {} --src DIR", inferred.name),
            definition: serde_json::from_str(text).unwrap_or_default(),
        }
    }
}

fn print(inferred: &Inferred, report: &Report, printer: &Printer) -> Outcome {
    let column = |name: &str| Column { name: name.to_owned(), numeric: false };
    let mut table = Table::new(["table", "file", "column", "type"].map(column).into());
    for inferred in &inferred.tables {
        for (at, (name, kind)) in inferred.columns.iter().enumerate() {
            let once = |text: &str| Some(if at == 0 { text } else { "" }.to_owned());
            table.push(vec![
                once(&inferred.name),
                once(&inferred.file),
                Some(name.clone()),
                Some(kind.to_string()),
            ]);
        }
    }
    printer.table(&table)?;
    let done = if report.dry_run { "nothing was written to" } else { "wrote" };
    printer.note(format_args!("{done} {}\nnext: {}", report.definition_file, report.next));
    Ok(())
}

/// The largest definition that is read.
const LARGEST: usize = 1 << 20;
