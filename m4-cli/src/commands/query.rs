//! `m4 query`: one query through the same gate as every client's.

use mcp_server::backend::{ResultSet, Value};
use mcp_server::config::{Config, Flags};
use mcp_server::env::Environment;
use mcp_server::logging;
use mcp_server::tools::{self, Answer, CallError, Toolbox};

use crate::Outcome;
use crate::args::QueryArgs;
use crate::failure::Failure;
use crate::output::{Column, Printer, Table};

pub(super) fn run(args: &QueryArgs, env: &Environment, printer: &Printer) -> Outcome {
    let sql_query = args.text(std::io::stdin())?;
    let config = Config::load(env, &Flags::new());
    logging::start_if_asked_for(&config)?;
    for warning in config.warnings() {
        printer.warning(warning);
    }
    let asked = tools::QueryArgs { sql_query, dataset: args.dataset.clone(), limit: args.limit };
    let answer = ask(&config, &asked)?;
    printer.answer(&answer.to_json(), |printer| {
        printer.data(table(&answer.result).render(WIDEST))?;
        printer.note(answer.result.footer());
        Ok(())
    })
}

/// Ctrl-C ends the process, and the engine with it.
fn ask(config: &Config, args: &tools::QueryArgs) -> Result<Answer, Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| {
        Failure::io("the operating system gave no threads to work with", "check `ulimit -u`", error)
    })?;
    let answer: Result<Answer, CallError> = runtime.block_on(async {
        let toolbox = Toolbox::new(config);
        toolbox.query(toolbox.own_credential().await, args).await
    });
    Ok(answer?)
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

/// Characters of a cell that are shown; `--json` shows all.
const WIDEST: usize = 120;

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
