//! `m4 migrate`: what there is of the Python packages and of FluidMCP, and taking it over. What it is taken from stays as it is.

mod clients;
mod data;
mod item;
mod logins;
mod old;
mod stored;
mod variables;

use mcp_server::config::{Config, Flags};
use mcp_server::env::Environment;
use mcp_server::error::codes;
use schemars::JsonSchema;
use serde::Serialize;

use self::item::{Item, State};
use self::old::Old;
use crate::Outcome;
use crate::args::MigrateArgs;
use crate::commands::config::is_project;
use crate::commands::init::Interrupt;
use crate::failure::Failure;
use crate::output::{Column, Printer, Table};

pub(super) fn run(args: &MigrateArgs, env: &Environment, printer: &Printer) -> Outcome {
    args.working_directory.as_deref().map_or(Ok(()), is_project)?;
    let config = Config::load(env, &Flags::new());
    if !config.problems().is_empty() {
        return Err(config.problems().clone().into());
    }
    let data_dir = config.locations.data_dir.clone();
    let (old, problem) = Old::find(args.from.as_deref(), env, &data_dir)?.map(Old::open).unzip();
    let from = old.as_ref().map(|old| printer.paths().path(&old.folder));
    let loads = Loads { printer, interrupt: args.apply.then(|| Interrupt::watch(printer)) };
    let mut items: Vec<Item<'_>> = problem.flatten().into_iter().chain(Old::shared(&data_dir)).collect();
    if let Some(old) = &old {
        items.extend(data::definitions(old, &data_dir));
        items.extend(data::datasets(old, &data_dir, &loads));
        items.extend(stored::find(old, &config, env));
    }
    items.extend(clients::find(args.working_directory.as_deref(), env));
    items.extend(logins::find(&config, env));
    if args.apply {
        for item in &mut items {
            item.apply();
        }
    }
    let folder = old.as_ref().and_then(|old| old.folder.to_str());
    let paths = printer.paths().knowing(folder);
    for item in &mut items {
        item.show_paths_as(&paths);
    }
    let report = Report { from, applied: args.apply, left: left(&items), items };
    printer.answer(&report, |printer| report.print(printer))?;
    match report.items.iter().filter(|item| item.state == State::Problem).count() {
        0 => Ok(()),
        count => Err(Failure::reported(
            codes::NEEDS_MENDING,
            format!("{count} of {} things cannot be taken over", report.items.len()),
            Some("the answer says why, and what to do".to_owned()),
        )),
    }
}

/// How loads go on, which may take long.
struct Loads<'a> {
    printer: &'a Printer,
    /// There is one where anything is loaded.
    interrupt: Option<Interrupt>,
}

fn left(items: &[Item<'_>]) -> usize {
    items.iter().filter(|item| item.state == State::ToDo).count()
}

/// What was found, and what came of it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Migrate")]
pub(super) struct Report<'a> {
    /// The Python package's data folder; null where there is none.
    from: Option<String>,
    /// Whether it was to be taken over, and not only shown.
    applied: bool,
    /// How many things `--apply` would take over now.
    left: usize,
    items: Vec<Item<'a>>,
}

impl Report<'_> {
    fn print(&self, printer: &Printer) -> Outcome {
        match &self.from {
            Some(from) => printer.note(format_args!("data folder of the Python package: {from}")),
            None => printer.note("no data folder of the Python package was found; --from names one"),
        }
        if !self.items.is_empty() {
            let column = |name: &str| Column { name: name.to_owned(), numeric: false };
            let mut table = Table::new(["what", "name", "state", "detail"].map(column).into());
            self.items.iter().for_each(|item| table.push(item.row()));
            printer.table(&table)?;
        }
        for advice in self.items.iter().filter_map(Item::advice) {
            printer.note(advice);
        }
        match self.left {
            0 => printer.data("nothing is left to take over"),
            left => printer.data(format_args!("{left} to take over; run: m4 migrate --apply")),
        }
    }
}
