//! `m4 list-datasets`: what the tool of that name says, as a table.

use mcp_server::dataset::Registry;
use mcp_server::env::Environment;
use serde_json::{Value, json};

use super::ask::Asking;
use crate::Outcome;
use crate::args::ListDatasetsArgs;
use crate::output::{Column, Printer, Table};

pub(super) fn run(args: &ListDatasetsArgs, env: &Environment, printer: &Printer) -> Outcome {
    let asking = Asking::begin(env, &args.call.flags(), printer)?;
    let mut answer = asking.call("list_datasets", json!({}))?.structured;
    let registry = Registry::open(&asking.config.locations.data_dir);
    for problem in registry.problems() {
        printer.warning(mcp_server::error::in_one_line(problem));
    }
    if let Some(named) = &args.dataset {
        let name = registry.find(named)?.name.to_string();
        if let Some(datasets) = answer["datasets"].as_array_mut() {
            datasets.retain(|dataset| dataset["name"] == name);
        }
    }
    printer.answer(&answer, |printer| printer.table(&table(&answer)))
}

fn table(answer: &Value) -> Table {
    let column = |name: &str| Column { name: name.to_owned(), numeric: false };
    let mut table = Table::new(["dataset", "set up", "holds", "description"].map(column).into());
    for dataset in answer["datasets"].as_array().into_iter().flatten() {
        let words = |key: &str| dataset[key].as_str().map(str::to_owned);
        let modalities = dataset["modalities"].as_array().into_iter().flatten().filter_map(Value::as_str);
        table.push(vec![
            words("name"),
            Some(if dataset["set_up"] == true { "yes" } else { "no" }.to_owned()),
            Some(modalities.collect::<Vec<_>>().join(", ")),
            words("description"),
        ]);
    }
    table
}
