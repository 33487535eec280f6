//! `m4 init`: makes a dataset's database.

use mcp_server::config::{Config, Flags};
use mcp_server::dataset::Registry;
use mcp_server::env::Environment;
use mcp_server::ingest::{self, Progress, Report, TableReport};

use crate::Outcome;
use crate::args::InitArgs;
use crate::output::{Printer, Task};

pub(super) fn run(args: &InitArgs, env: &Environment, printer: &Printer) -> Outcome {
    let config = Config::load(env, &Flags::new());
    if !config.problems().is_empty() {
        return Err(config.problems().clone().into());
    }
    let registry = Registry::open(&config.locations.data_dir);
    for problem in registry.problems() {
        printer.warning(problem);
    }
    let definition = registry.find(&args.dataset)?;
    let database = registry.database(definition);
    if database.exists() && !args.force {
        printer.note(format_args!(
            "{} is set up already, nothing was done; --force makes it anew",
            definition.name
        ));
        return Ok(());
    }
    let mut told = Told { printer, label: format!("setting up {}", definition.name), task: None, done: 0 };
    let report = ingest::init(&registry, &args.dataset, args.src.as_deref(), &mut |step| told.step(step))?;
    told.finish(&report);
    tell(&report, printer);
    printer.data(report.database.display())
}

/// Tells of the load as it goes. Nothing is said before it is clear that there is something to load.
struct Told<'a> {
    printer: &'a Printer,
    label: String,
    task: Option<Task>,
    /// Bytes of the tables that are in.
    done: u64,
}

impl Told<'_> {
    fn step(&mut self, step: Progress<'_>) {
        if let Progress::Planned { bytes, .. } = step {
            self.task = Some(self.printer.task(self.label.clone(), Some(bytes)));
        }
        let Some(task) = &self.task else { return };
        match step {
            Progress::Planned { .. } => {}
            Progress::Started { table, .. } => task.doing(table),
            Progress::Advanced { read, .. } => task.set_done(self.done + read),
            Progress::Finished { table, rows, bytes, .. } | Progress::Reused { table, rows, bytes, .. } => {
                self.done += bytes;
                task.set_done(self.done);
                task.report(format!("  {table}: {rows} rows"));
            }
            Progress::Indexing { table, .. } => task.doing(format!("indexing the notes of {table}")),
            Progress::Publishing => task.doing("writing the database"),
        }
    }

    fn finish(self, report: &Report) {
        if let Some(task) = self.task {
            task.finish(format!("{} rows in {} tables", report.rows(), report.tables.len()));
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
    use crate::exit_code::Exit;
    use crate::output::Kept;

    fn init(home: &std::path::Path, dataset: &str, force: bool) -> (String, String, Outcome) {
        let env = Environment::from_pairs([
            ("M4_HOME", home.to_str().unwrap()),
            ("M4_DATA_DIR", home.join("data").to_str().unwrap()),
        ]);
        let (out, err) = (Kept::default(), Kept::default());
        let printer = Printer::to(out.clone(), err.clone(), false);
        let outcome = run(&InitArgs { dataset: dataset.into(), src: None, force }, &env, &printer);
        (out.text(), err.text(), outcome)
    }

    #[test]
    fn the_sample_is_made_once_and_again_only_when_forced() {
        let home = tempfile::tempdir().unwrap();
        let (out, err, outcome) = init(home.path(), "mimic-iv-sample", false);
        outcome.unwrap();
        assert!(out.trim_end().ends_with("mimic_iv_sample.duckdb"), "{out}");
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
