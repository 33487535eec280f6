//! The engine's catalog: tables and their columns.

use ::duckdb::Connection;

use crate::backend::catalog::{ColumnInfo, TableSummary};

/// A table as the catalog has it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) schema: String,
    pub(super) table: String,
    pub(super) summary: TableSummary,
}

impl Entry {
    /// The name as SQL, quoted.
    pub(super) fn quoted(&self) -> String {
        format!("{}.{}", quote(&self.schema), quote(&self.table))
    }
}

/// Tables and views that are neither the engine's own nor M4's, sorted by canonical name.
pub(super) fn entries(connection: &Connection) -> Result<Vec<Entry>, ::duckdb::Error> {
    let mut statement = connection.prepare(TABLES)?;
    let rows = statement.query_map([], |row| {
        let (schema, table): (String, String) = (row.get(0)?, row.get(1)?);
        let name = if schema == "main" { table.clone() } else { format!("{schema}.{table}") };
        let columns: i64 = row.get(2)?;
        let estimated_rows: Option<i64> = row.get(3)?;
        let summary = TableSummary {
            name,
            columns: usize::try_from(columns).unwrap_or(0),
            estimated_rows: estimated_rows.and_then(|rows| u64::try_from(rows).ok()),
        };
        Ok(Entry { schema, table, summary })
    })?;
    let mut entries = rows.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by(|a, b| a.summary.name.cmp(&b.summary.name));
    Ok(entries)
}

/// The columns of one table, in order.
pub(super) fn columns(connection: &Connection, entry: &Entry) -> Result<Vec<ColumnInfo>, ::duckdb::Error> {
    let mut statement = connection.prepare(COLUMNS)?;
    let rows = statement.query_map([&entry.schema, &entry.table], |row| {
        Ok(ColumnInfo { name: row.get(0)?, type_name: row.get(1)?, nullable: row.get(2)? })
    })?;
    rows.collect()
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

const TABLES: &str = "
    SELECT schema_name, table_name, column_count::BIGINT, estimated_size::BIGINT
    FROM system.main.duckdb_tables()
    WHERE NOT internal AND NOT temporary AND database_name = system.main.current_database()
      AND schema_name NOT IN ('m4_meta', 'm4_notes')
    UNION ALL
    SELECT schema_name, view_name, column_count::BIGINT, NULL
    FROM system.main.duckdb_views()
    WHERE NOT internal AND NOT temporary AND database_name = system.main.current_database()";

const COLUMNS: &str = "
    SELECT column_name, data_type, is_nullable
    FROM system.main.duckdb_columns()
    WHERE database_name = system.main.current_database() AND schema_name = ? AND table_name = ?
    ORDER BY column_index";
