//! A call as it arrives: a tool's name and its arguments, parsed.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::datasets::SetDatasetArgs;
use super::query::QueryArgs;
use super::schema::SchemaArgs;
use super::table::TableArgs;
use super::{
    CallError, DataSource, Output, Source, Toolbox, capabilities, datasets, query, schema, table, whoami,
};
use crate::backend::QueryLimits;
use crate::gate::Granted;

/// One call of one tool.
#[derive(Debug, Clone)]
pub enum Call {
    /// `list_datasets`
    ListDatasets,
    /// `get_database_schema`
    GetDatabaseSchema(SchemaArgs),
    /// `get_table_info`
    GetTableInfo(TableArgs),
    /// `execute_query`
    ExecuteQuery(QueryArgs),
    /// `capabilities`
    Capabilities,
    /// `whoami`
    Whoami,
    /// `set_dataset`
    SetDataset(SetDatasetArgs),
}

impl Call {
    /// Takes a tool's name and arguments as a client sent them.
    pub fn parse(name: &str, arguments: Option<Map<String, Value>>) -> Result<Self, BadCall> {
        let arguments = arguments.unwrap_or_default();
        match name {
            datasets::LIST => no_arguments(name, &arguments).map(|()| Self::ListDatasets),
            schema::NAME => parse(name, arguments).map(Self::GetDatabaseSchema),
            table::NAME => parse(name, arguments).map(Self::GetTableInfo),
            query::NAME => parse(name, arguments).map(Self::ExecuteQuery),
            capabilities::NAME => no_arguments(name, &arguments).map(|()| Self::Capabilities),
            whoami::NAME => no_arguments(name, &arguments).map(|()| Self::Whoami),
            datasets::SET => parse(name, arguments).map(Self::SetDataset),
            _ => Err(BadCall::UnknownTool),
        }
    }

    /// The tool's name.
    pub fn tool(&self) -> &'static str {
        match self {
            Self::ListDatasets => datasets::LIST,
            Self::GetDatabaseSchema(_) => schema::NAME,
            Self::GetTableInfo(_) => table::NAME,
            Self::ExecuteQuery(_) => query::NAME,
            Self::Capabilities => capabilities::NAME,
            Self::Whoami => whoami::NAME,
            Self::SetDataset(_) => datasets::SET,
        }
    }

    /// What data it is about.
    pub fn reads(&self) -> Reads<'_> {
        match self {
            Self::GetDatabaseSchema(args) => Reads::Dataset(args.dataset.as_deref()),
            Self::GetTableInfo(args) => Reads::Dataset(args.dataset.as_deref()),
            Self::ExecuteQuery(args) => Reads::Dataset(args.dataset.as_deref()),
            Self::ListDatasets | Self::Capabilities | Self::Whoami | Self::SetDataset(_) => Reads::Nothing,
        }
    }

    /// Finds out, without running it, whether all that it reads may be read. A tool that is not looked into finds out when
    /// it runs.
    pub(super) async fn look(&self, source: DataSource<'_>, limits: &QueryLimits) -> Result<(), CallError> {
        let DataSource { backend, dataset } = source;
        match self {
            Self::ExecuteQuery(args) => Ok(backend.inspect(&dataset, &args.sql_query, limits).await?),
            Self::GetTableInfo(args) => {
                let no_rows = QueryLimits { max_rows: 0, ..*limits };
                Ok(backend.table(&dataset, &args.table_name, &no_rows).await.map(drop)?)
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn run(
        &self,
        toolbox: &Toolbox,
        granted: &Granted,
        source: Source<'_>,
    ) -> Result<Output, CallError> {
        match self {
            Self::ListDatasets => Ok(datasets::list(toolbox, granted)),
            Self::GetDatabaseSchema(_) => schema::run(toolbox, granted, source.found()?).await,
            Self::GetTableInfo(args) => table::run(toolbox, granted, source.found()?, args).await,
            Self::ExecuteQuery(args) => {
                Ok(query::run(toolbox, granted, source.found()?, args).await?.into_output())
            }
            Self::Capabilities => Ok(capabilities::run(toolbox, granted)),
            Self::Whoami => Ok(whoami::run(granted)),
            Self::SetDataset(args) => Ok(datasets::set(toolbox, granted, args)),
        }
    }
}

/// What data a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads<'a> {
    /// None: it is about the server itself.
    Nothing,
    /// One dataset: the named one, or the one that is meant when no name is given.
    Dataset(Option<&'a str>),
}

impl<'a> Reads<'a> {
    /// What calls of a tool that give this name are about; `None` where there is no such tool.
    pub fn of(tool: &str, named: Option<&'a str>) -> Option<Self> {
        match tool {
            schema::NAME | table::NAME | query::NAME => Some(Self::Dataset(named)),
            datasets::LIST | datasets::SET | capabilities::NAME | whoami::NAME => Some(Self::Nothing),
            _ => None,
        }
    }
}

/// A call that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCall {
    /// There is no such tool.
    #[error("there is no such tool")]
    UnknownTool,
    /// The arguments are not what the tool takes.
    #[error("Invalid arguments for {tool}: {what}")]
    Arguments {
        /// The tool.
        tool: String,
        /// What is wrong with them.
        what: String,
    },
}

fn parse<T: DeserializeOwned>(tool: &str, arguments: Map<String, Value>) -> Result<T, BadCall> {
    serde_json::from_value(Value::Object(arguments)).map_err(|error| BadCall::Arguments {
        tool: tool.to_owned(),
        // serde quotes what the caller sent; it goes back to that caller only, and never at length.
        what: error.to_string().chars().take(300).collect(),
    })
}

fn no_arguments(tool: &str, arguments: &Map<String, Value>) -> Result<(), BadCall> {
    if arguments.is_empty() {
        return Ok(());
    }
    Err(BadCall::Arguments { tool: tool.to_owned(), what: "it takes none".to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(name: &str, arguments: Value) -> Result<Call, BadCall> {
        let Value::Object(arguments) = arguments else { panic!("an object") };
        Call::parse(name, Some(arguments))
    }

    #[test]
    fn a_misspelt_or_missing_argument_is_named() {
        let what = |name, arguments| parse(name, arguments).unwrap_err().to_string();
        assert!(what("execute_query", json!({ "sql": "SELECT 1" })).contains("unknown field `sql`"));
        assert!(what("execute_query", json!({})).contains("missing field `sql_query`"));
        assert!(what("execute_query", json!({ "sql_query": "x", "limit": -1 })).contains("invalid value"));
        assert!(what("get_table_info", json!({ "table_name": 7 })).contains("expected a string"));
        assert!(what("list_datasets", json!({ "x": 1 })).contains("it takes none"));
    }

    #[test]
    fn null_stands_for_an_argument_left_out() {
        let call =
            parse("execute_query", json!({ "sql_query": "x", "dataset": null, "limit": null })).unwrap();
        assert_eq!(call.reads(), Reads::Dataset(None));
    }

    #[test]
    fn what_a_tool_reads_is_known_without_a_call() {
        let arguments = |tool: &str| match tool {
            "get_table_info" => json!({ "table_name": "t", "dataset": "d" }),
            "execute_query" => json!({ "sql_query": "x", "dataset": "d" }),
            "get_database_schema" => json!({ "dataset": "d" }),
            "set_dataset" => json!({ "dataset_name": "d" }),
            _ => json!({}),
        };
        for tool in crate::tools::definitions() {
            let call = parse(&tool.name, arguments(&tool.name)).unwrap();
            assert_eq!(Reads::of(&tool.name, Some("d")), Some(call.reads()), "{}", tool.name);
        }
        assert_eq!(Reads::of("search_notes", None), None);
    }

    #[test]
    fn an_unknown_tool_is_no_call() {
        assert_eq!(Call::parse("drop_everything", None).unwrap_err(), BadCall::UnknownTool);
    }
}
