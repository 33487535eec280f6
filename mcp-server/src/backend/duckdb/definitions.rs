//! The views, macros and tables that a database defines, as its catalog shows them.
//!
//! The catalog is asked through `system.main`, so that a definition of the database cannot answer in its place.

use ::duckdb::Connection;

use crate::sql::Stored;
use crate::sql::stored::{Macro, Relation};

/// Reads the definitions. The database is read-only, so they stay as they are while it is open.
pub(super) fn read(connection: &Connection) -> Result<Stored, ::duckdb::Error> {
    let catalog: String = connection.query_row(CATALOG, [], |row| row.get(0))?;
    let mut statement = connection.prepare(RELATIONS)?;
    let relations = statement.query_map([], |row| {
        Ok(Relation {
            schema: row.get(0)?,
            name: row.get(1)?,
            is_view: row.get(2)?,
            definition: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
        })
    })?;
    let relations = relations.collect::<Result<Vec<_>, _>>()?;
    let mut statement = connection.prepare(MACROS)?;
    let macros = statement.query_map([], |row| {
        let parameters: i64 = row.get(2)?;
        Ok(Macro {
            schema: row.get(0)?,
            name: row.get(1)?,
            parameters: usize::try_from(parameters).unwrap_or(usize::MAX),
            definition: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
            is_table: row.get(4)?,
        })
    })?;
    Ok(Stored::new(&catalog, relations, macros.collect::<Result<Vec<_>, _>>()?))
}

const CATALOG: &str = "SELECT system.main.current_database()";

const RELATIONS: &str = "
    SELECT schema_name, table_name, false, sql FROM system.main.duckdb_tables()
    WHERE NOT internal AND NOT temporary AND database_name = system.main.current_database()
    UNION ALL
    SELECT schema_name, view_name, true, sql FROM system.main.duckdb_views()
    WHERE NOT internal AND NOT temporary AND database_name = system.main.current_database()";

const MACROS: &str = "
    SELECT schema_name, function_name, coalesce(system.main.len(parameters), 0)::BIGINT, macro_definition,
           function_type = 'table_macro'
    FROM system.main.duckdb_functions()
    WHERE NOT internal AND database_name = system.main.current_database()";
