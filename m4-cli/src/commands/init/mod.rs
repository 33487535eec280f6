//! `m4 init`: makes a dataset's database, from files that are there or are downloaded first.

pub(super) mod credentials;
mod interrupt;
mod told;

use mcp_server::config::{Config, Flags};
use mcp_server::dataset::Registry;
use mcp_server::env::Environment;
use mcp_server::ingest::{self, Report, Source, TableReport};
use schemars::JsonSchema;
use serde::Serialize;

pub(super) use self::interrupt::Interrupt;
pub(super) use self::told::Told;

use super::download::{self, Downloaded};
use crate::Outcome;
use crate::args::InitArgs;
use crate::output::{Paths, Printer};

pub(super) fn run(args: &InitArgs, env: &Environment, printer: &Printer) -> Outcome {
    let mut told = Told::begin(printer, &args.dataset);
    let config = Config::load(env, &Flags::new());
    if !config.problems().is_empty() {
        return Err(config.problems().clone().into());
    }
    let data_dir = &config.locations.data_dir;
    let registry = Registry::open(data_dir);
    for problem in registry.problems() {
        printer.warning(problem);
    }
    let definition = registry.find(&args.dataset)?;
    ingest::check(definition)?;
    if registry.database(definition).exists() && !args.force {
        printer.note(format_args!(
            "{} is set up already, nothing was done; --force makes it anew",
            definition.name
        ));
        return printer.answer(&Answer::already(&args.dataset), |_| Ok(()));
    }
    let is_asked = args.download || args.fetch.mirror.is_some();
    let source = Source::find(definition, data_dir, args.src.as_deref(), is_asked)?;
    let interrupt = Interrupt::watch(printer);
    let downloaded = match &source {
        Source::Download(folder) => {
            Some(download::fetch(definition, folder, &args.fetch, env, printer, &interrupt, &mut told)?)
        }
        Source::Downloaded(_) => {
            printer.note(format_args!("reading what was downloaded before (raw_files/{})", definition.name));
            None
        }
        Source::Parquet(_) => {
            printer.note(format_args!(
                "reading the Parquet files of the Python package (parquet/{})",
                definition.name
            ));
            None
        }
        Source::Generated | Source::Given(_) => None,
    };
    interrupt.loading();
    let report = ingest::init(&registry, definition, &source, &mut |step| told.load(&step))?;
    told.loaded(&report);
    tell(&report, printer);
    let mut answer = Answer::of(&report, &source, printer.paths());
    answer.download = downloaded.map(|report| Downloaded::of(&report, printer.paths()));
    printer.answer(&answer, |printer| {
        let (tables, rows) = (answer.tables.len(), answer.rows);
        printer.data(format_args!("{} is set up: {rows} rows in {tables} tables", answer.dataset))?;
        match printer.paths() {
            Paths::Shown => printer.data(report.database.display()),
            Paths::Hidden { .. } => Ok(()),
        }
    })
}

/// What came of it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Init")]
pub(super) struct Answer {
    dataset: String,
    /// `ready`, or `already_set_up` where nothing was done.
    status: &'static str,
    /// What it was made from: `generated`, `given`, `downloaded` (before), `parquet`, or `download` (now).
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    /// The database.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    rows: u64,
    /// Rows that did not parse and were left out.
    rejected: u64,
    tables: Vec<TableAnswer>,
    /// Tables the dataset has and the source lacked.
    absent: Vec<String>,
    /// Files of no known table, which were not loaded.
    unrecognised: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    download: Option<Downloaded>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "InitTable")]
struct TableAnswer {
    name: String,
    rows: u64,
    rejected: u64,
}

impl Answer {
    fn already(dataset: &str) -> Self {
        Self {
            dataset: dataset.to_owned(),
            status: "already_set_up",
            source: None,
            database: None,
            rows: 0,
            rejected: 0,
            tables: Vec::new(),
            absent: Vec::new(),
            unrecognised: Vec::new(),
            download: None,
        }
    }

    fn of(report: &Report, source: &Source, paths: &Paths) -> Self {
        let table = |table: &TableReport| TableAnswer {
            name: table.name.clone(),
            rows: table.rows,
            rejected: table.rejected,
        };
        Self {
            status: "ready",
            source: Some(match source {
                Source::Generated => "generated",
                Source::Given(_) => "given",
                Source::Downloaded(_) => "downloaded",
                Source::Parquet(_) => "parquet",
                Source::Download(_) => "download",
            }),
            database: Some(paths.path(&report.database)),
            rows: report.rows(),
            rejected: report.rejected(),
            tables: report.tables.iter().map(table).collect(),
            absent: report.absent.clone(),
            unrecognised: report.unrecognised.clone(),
            ..Self::already(&report.dataset)
        }
    }
}

/// Everything about the load that a user must know before trusting the data.
fn tell(report: &Report, printer: &Printer) {
    if !report.absent.is_empty() {
        printer.warning(format_args!("not in the source, so not loaded: {}", report.absent.join(", ")));
    }
    if !report.unrecognised.is_empty() {
        let names = report.unrecognised.join(", ");
        printer.warning(format_args!("files of no known table were not loaded: {names}"));
    }
    for table in &report.tables {
        tell_of_table(table, printer);
    }
}

fn tell_of_table(table: &TableReport, printer: &Printer) {
    let name = &table.name;
    if !table.unexpected.is_empty() {
        let columns = table.unexpected.join(", ");
        printer.warning(format_args!("{name}: columns it does not define were kept as text: {columns}"));
    }
    if !table.missing.is_empty() {
        let columns = table.missing.join(", ");
        printer.warning(format_args!("{name}: columns its file lacks are all NULL: {columns}"));
    }
    if table.rejected > 0 {
        printer.warning(format_args!("{name}: {} rows did not parse and were left out", table.rejected));
        for reject in &table.rejects {
            let column =
                reject.column.as_deref().map_or_else(String::new, |column| format!(", column {column}"));
            printer
                .warning(format_args!("  {} line {}{column}: {}", reject.file, reject.line, reject.message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{FetchArgs, TellArgs};
    use crate::exit_code::Exit;
    use crate::output::Kept;

    fn init(home: &std::path::Path, dataset: &str, force: bool) -> (String, String, Outcome) {
        let env = Environment::from_pairs([
            ("M4_HOME", home.to_str().unwrap()),
            ("M4_DATA_DIR", home.join("data").to_str().unwrap()),
        ]);
        let (out, err) = (Kept::default(), Kept::default());
        let printer = Printer::to(out.clone(), err.clone(), false);
        let args = InitArgs {
            dataset: dataset.into(),
            src: None,
            download: false,
            force,
            fetch: FetchArgs::default(),
            tell: TellArgs::default(),
        };
        let outcome = run(&args, &env, &printer);
        (out.text(), err.text(), outcome)
    }

    #[test]
    fn the_sample_is_made_once_and_again_only_when_forced() {
        let home = tempfile::tempdir().unwrap();
        let (out, err, outcome) = init(home.path(), "mimic-iv-sample", false);
        outcome.unwrap();
        assert!(out.starts_with("mimic-iv-sample is set up: "), "{out}");
        assert!(!out.contains('/'), "no path of this machine: {out}");
        assert!(err.contains("mimiciv_hosp.patients: 100 rows"), "{err}");
        assert!(init(home.path(), "mimic-iv-sample", false).1.contains("nothing was done"));
        assert!(init(home.path(), "mimic-iv-sample", true).1.contains("100 rows"));
    }

    #[test]
    fn an_unknown_dataset_is_the_users_to_mend() {
        let home = tempfile::tempdir().unwrap();
        let failure = init(home.path(), "mimic-iv-sampel", false).2.unwrap_err();
        assert_eq!(failure.exit(), Exit::Mendable);
        assert!(failure.error().unwrap().to_string().contains("mimic-iv-sampel"));
    }
}
