//! Every function and system view of the engine, sorted into allowed and denied.
//!
//! What is in neither list is refused, so a function that a new engine version brings, or a macro that a database file
//! holds, stays out until someone has looked at it; a test names what is unsorted.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Where a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Allowed,
    /// Refused, and why.
    Denied(&'static str),
    /// In no list.
    Unknown,
}

/// Scalar, aggregate and window functions, operators and the engine's scalar macros. `name` in lower case.
pub(super) fn scalar(name: &str) -> Standing {
    static ALLOWED: LazyLock<HashSet<&str>> =
        LazyLock::new(|| include_str!("scalar_allowed.txt").split_whitespace().collect());
    static DENIED: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
        include_str!("scalar_denied.txt").lines().filter_map(|line| line.split_once(": ")).collect()
    });
    if ALLOWED.contains(name) {
        return Standing::Allowed;
    }
    let family =
        || DENIED.iter().find(|(key, _)| key.strip_suffix('*').is_some_and(|stem| name.starts_with(stem)));
    match DENIED.get(name).or_else(|| family().map(|(_, reason)| reason)) {
        Some(reason) => Standing::Denied(reason),
        None => Standing::Unknown,
    }
}

/// Functions that stand where a table stands. `name` in lower case.
pub(super) fn table(name: &str) -> Standing {
    standing(name, TABLE_ALLOWED, TABLE_DENIED)
}

/// Views the engine brings: `information_schema`, `pg_catalog` and its own. `name` in lower case, without its schema.
pub(super) fn view(name: &str) -> Standing {
    standing(name, VIEW_ALLOWED, VIEW_DENIED)
}

/// Whether a table of this name is, or could one day be, one of the engine's own. Both arguments in lower case.
pub(super) fn is_system_view(schema: &str, name: &str) -> bool {
    matches!(schema, "information_schema" | "pg_catalog")
        || ["duckdb_", "pragma_", "sqlite_", "pg_"].iter().any(|prefix| name.starts_with(prefix))
}

fn standing(name: &str, allowed: &[&str], denied: &[(&'static str, &[&str])]) -> Standing {
    if allowed.contains(&name) {
        return Standing::Allowed;
    }
    match denied.iter().find(|(_, names)| names.contains(&name)) {
        Some((reason, _)) => Standing::Denied(reason),
        None => Standing::Unknown,
    }
}

const TABLE_ALLOWED: &[&str] = &[
    "duckdb_columns",
    "duckdb_constraints",
    "duckdb_dependencies",
    "duckdb_indexes",
    "duckdb_keywords",
    "duckdb_schemas",
    "duckdb_sequences",
    "duckdb_tables",
    "duckdb_types",
    "generate_series",
    "icu_calendar_names",
    "json_each",
    "json_tree",
    "pg_timezone_names",
    "range",
    "repeat",
    "repeat_row",
    "summary",
    "unnest",
];

const TABLE_DENIED: &[(&str, &[&str])] = &[
    (
        "it reads files or the network",
        &[
            "glob",
            "parquet_bloom_probe",
            "parquet_file_metadata",
            "parquet_full_metadata",
            "parquet_kv_metadata",
            "parquet_metadata",
            "parquet_scan",
            "parquet_schema",
            "read_blob",
            "read_csv",
            "read_csv_auto",
            "read_duckdb",
            "read_json",
            "read_json_auto",
            "read_json_objects",
            "read_json_objects_auto",
            "read_ndjson",
            "read_ndjson_auto",
            "read_ndjson_objects",
            "read_parquet",
            "read_text",
            "sniff_csv",
        ],
    ),
    (
        "it runs SQL, or reads a table, named by a string",
        &[
            "histogram",
            "histogram_values",
            "json_execute_serialized_sql",
            "pragma_show",
            "pragma_storage_info",
            "pragma_table_info",
            "query",
            "query_table",
        ],
    ),
    (
        "it tells local paths, settings or the state of the server",
        &[
            "duckdb_approx_database_count",
            "duckdb_connection_count",
            "duckdb_databases",
            "duckdb_extensions",
            "duckdb_external_file_cache",
            "duckdb_log_contexts",
            "duckdb_logs",
            "duckdb_logs_parsed",
            "duckdb_memory",
            "duckdb_optimizers",
            "duckdb_prepared_statements",
            "duckdb_profiling_settings",
            "duckdb_secret_types",
            "duckdb_secrets",
            "duckdb_settings",
            "duckdb_table_sample",
            "duckdb_temporary_files",
            "duckdb_variables",
            "pragma_database_list",
            "pragma_database_size",
            "pragma_metadata_info",
            "pragma_platform",
            "pragma_user_agent",
            "pragma_version",
            "which_secret",
        ],
    ),
    ("it shows definitions, which may name local files", &["duckdb_functions", "duckdb_views"]),
    (
        "it changes the state of the engine",
        &[
            "check_peg_parser",
            "checkpoint",
            "disable_logging",
            "disable_peg_parser",
            "disable_profiling",
            "enable_logging",
            "enable_peg_parser",
            "enable_profiling",
            "force_checkpoint",
            "truncate_duckdb_logs",
        ],
    ),
    (
        "it is for programs that embed the engine",
        &[
            "arrow_scan",
            "arrow_scan_dumb",
            "duckdb_coordinate_systems",
            "pandas_scan",
            "pragma_collations",
            "python_map_function",
            "seq_scan",
            "sql_auto_complete",
            "test_all_types",
            "test_vector_types",
        ],
    ),
];

const VIEW_ALLOWED: &[&str] = &[
    "character_sets",
    "check_constraints",
    "columns",
    "constraint_column_usage",
    "constraint_table_usage",
    "duckdb_columns",
    "duckdb_constraints",
    "duckdb_indexes",
    "duckdb_schemas",
    "duckdb_tables",
    "duckdb_types",
    "key_column_usage",
    "pg_am",
    "pg_attrdef",
    "pg_attribute",
    "pg_class",
    "pg_collation",
    "pg_constraint",
    "pg_depend",
    "pg_description",
    "pg_enum",
    "pg_index",
    "pg_indexes",
    "pg_namespace",
    "pg_sequence",
    "pg_sequences",
    "pg_tables",
    "pg_type",
    "referential_constraints",
    "schemata",
    "table_constraints",
    "tables",
];

const VIEW_DENIED: &[(&str, &[&str])] = &[
    (
        "it tells local paths, settings or the state of the server",
        &[
            "duckdb_databases",
            "duckdb_logs",
            "pg_database",
            "pg_prepared_statements",
            "pg_settings",
            "pg_tablespace",
            "pragma_database_list",
        ],
    ),
    (
        "it shows definitions, which may name local files",
        &[
            "duckdb_views",
            "pg_proc",
            "pg_views",
            "sqlite_master",
            "sqlite_schema",
            "sqlite_temp_master",
            "sqlite_temp_schema",
            "views",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parser::with_engine;

    fn names(sql: &str) -> Vec<String> {
        with_engine(|engine| {
            let mut statement = engine.prepare(sql).unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        })
    }

    #[test]
    fn every_table_function_of_the_engine_is_sorted() {
        let names = names(
            "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro')",
        );
        assert!(names.len() > 60, "{}", names.len());
        let unsorted: Vec<_> = names.iter().filter(|name| table(name) == Standing::Unknown).collect();
        assert!(unsorted.is_empty(), "decide about these table functions: {unsorted:?}");
    }

    #[test]
    fn every_other_function_of_the_engine_is_sorted() {
        let names = names(
            "SELECT DISTINCT lower(function_name) FROM duckdb_functions()
             WHERE function_type NOT IN ('table', 'table_macro', 'pragma')",
        );
        assert!(names.len() > 600, "{}", names.len());
        let unsorted: Vec<_> = names.iter().filter(|name| scalar(name) == Standing::Unknown).collect();
        assert!(unsorted.is_empty(), "decide about these functions: {unsorted:?}");
    }

    #[test]
    fn every_view_of_the_engine_is_sorted_and_known_as_its_own() {
        let names = names("SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE internal");
        assert!(names.len() > 40, "{}", names.len());
        for name in names {
            let (schema, name) = name.split_once('.').unwrap();
            assert!(is_system_view(schema, name), "{schema}.{name}");
            assert_ne!(view(name), Standing::Unknown, "decide about {schema}.{name}");
        }
    }

    #[test]
    fn no_name_is_both_allowed_and_denied() {
        for name in TABLE_ALLOWED {
            assert!(TABLE_DENIED.iter().all(|(_, names)| !names.contains(name)), "{name}");
        }
        for name in VIEW_ALLOWED {
            assert!(VIEW_DENIED.iter().all(|(_, names)| !names.contains(name)), "{name}");
        }
        for line in include_str!("scalar_denied.txt").lines() {
            let (name, _) = line.split_once(": ").unwrap();
            assert!(
                !include_str!("scalar_allowed.txt").split_whitespace().any(|word| word == name),
                "{name}"
            );
        }
    }
}
