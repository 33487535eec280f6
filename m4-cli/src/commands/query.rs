//! `m4 query`: one query through the same gate as every client's.

use mcp_server::backend::{ResultSet, Value};
use mcp_server::env::Environment;
use mcp_server::tools;

use super::ask::Asking;
use crate::Outcome;
use crate::args::QueryArgs;
use crate::output::{Column, Printer, Table};

pub(super) fn run(args: &QueryArgs, env: &Environment, printer: &Printer) -> Outcome {
    let sql_query = args.text(std::io::stdin())?;
    let asking = Asking::begin(env, &args.call.flags(), printer)?;
    let asked = tools::QueryArgs { sql_query, dataset: args.dataset.dataset.clone(), limit: args.limit };
    let answer = asking.query(&asked)?;
    printer.answer(&answer.to_json(), |printer| {
        printer.table(&table(&answer.result))?;
        printer.note(answer.result.footer());
        Ok(())
    })
}

fn table(result: &ResultSet) -> Table {
    let columns = result
        .columns
        .iter()
        .map(|column| Column { name: column.name.clone(), numeric: is_numeric(&column.type_name) });
    let mut table = Table::new(columns.collect());
    for row in &result.rows {
        table.push(row.iter().map(|value| (*value != Value::Null).then(|| value.to_string())).collect());
    }
    table
}

fn is_numeric(type_name: &str) -> bool {
    let whole = type_name.trim_start_matches('U').ends_with("INT") || type_name.ends_with("INTEGER");
    whole || type_name.starts_with("DECIMAL") || matches!(type_name, "DOUBLE" | "FLOAT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_what_merely_looks_like_them() {
        for name in ["INTEGER", "BIGINT", "UTINYINT", "HUGEINT", "DECIMAL(10,2)", "DOUBLE", "UINTEGER"] {
            assert!(is_numeric(name), "{name}");
        }
        for name in ["VARCHAR", "INTEGER[]", "TIMESTAMP", "BOOLEAN", "INTERVAL"] {
            assert!(!is_numeric(name), "{name}");
        }
    }
}
