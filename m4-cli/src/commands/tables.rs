//! `m4 schema` and `m4 describe-table`: the tables of a dataset, and one of them.

use mcp_server::env::Environment;
use serde_json::{Value, json};

use super::ask::Asking;
use crate::Outcome;
use crate::args::{DescribeTableArgs, SchemaArgs};
use crate::output::{Column, Printer, Table};

/// Lists the tables.
pub(super) fn list(args: &SchemaArgs, env: &Environment, printer: &Printer) -> Outcome {
    let asking = Asking::begin(env, &args.call.flags(), printer)?;
    let answer = asking.call("get_database_schema", json!({ "dataset": args.dataset.dataset }))?.structured;
    printer.answer(&answer, |printer| {
        let mut table = Table::new(vec![text("table"), number("columns"), number("rows")]);
        for row in members(&answer, "tables") {
            table.push(["name", "columns", "rows"].map(|key| shown(&row[key])).into());
        }
        printer.table(&table)?;
        printer.note(format_args!(
            "{} tables in {}",
            members(&answer, "tables").len(),
            plain(&answer["dataset"])
        ));
        Ok(())
    })
}

/// Describes a table.
pub(super) fn describe(args: &DescribeTableArgs, env: &Environment, printer: &Printer) -> Outcome {
    let asking = Asking::begin(env, &args.call.flags(), printer)?;
    let arguments = json!({
        "table_name": args.table,
        "show_sample": !args.no_sample,
        "dataset": args.dataset.dataset,
    });
    let answer = asking.call("get_table_info", arguments)?.structured;
    printer.answer(&answer, |printer| {
        let columns = members(&answer, "columns");
        let mut table = Table::new(vec![text("column"), text("type"), text("null")]);
        for column in columns {
            let nullable = if column["nullable"] == false { "no" } else { "yes" };
            table.push(vec![shown(&column["name"]), shown(&column["type"]), Some(nullable.to_owned())]);
        }
        printer.table(&table)?;
        if answer["sample"].is_array() {
            let mut sample = Table::new(columns.iter().map(|column| text(&plain(&column["name"]))).collect());
            for row in members(&answer, "sample") {
                sample.push(row.as_array().into_iter().flatten().map(shown).collect());
            }
            printer.data("\nFirst rows:")?;
            printer.table(&sample)?;
        }
        let rows = shown(&answer["rows"]).map_or_else(String::new, |rows| format!(", {rows} rows"));
        printer.note(format_args!("{} of {}{rows}", plain(&answer["table"]), plain(&answer["dataset"])));
        Ok(())
    })
}

fn text(name: &str) -> Column {
    Column { name: name.to_owned(), numeric: false }
}

fn number(name: &str) -> Column {
    Column { name: name.to_owned(), numeric: true }
}

fn members<'a>(answer: &'a Value, key: &str) -> &'a [Value] {
    answer[key].as_array().map_or(&[], Vec::as_slice)
}

/// A value as a cell; null has none.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn plain(value: &Value) -> String {
    shown(value).unwrap_or_default()
}
