//! `DuckDB`'s own parser, asked for the tree of a statement without running it.

use std::sync::{Mutex, PoisonError};

use duckdb::Connection;
use serde::Deserialize;
use serde_json::Value;

/// What the parser says about some SQL.
pub(super) enum Parsed {
    /// Only queries (`SELECT`, `VALUES`, `DESCRIBE`, `SUMMARIZE`, `SHOW` …): one tree per statement.
    Queries(Vec<Value>),
    /// It parses, and at least one statement is not a query.
    NotOnlyQueries,
    /// It does not parse.
    Syntax { message: String, position: Option<usize> },
    /// It parses into a tree deeper than [`MAX_TREE_DEPTH`].
    TooDeep,
}

/// Parses `sql`. An `Err` means the parser itself could not be used.
pub(super) fn parse(sql: &str) -> Result<Parsed, duckdb::Error> {
    let connection = match checkout() {
        Some(connection) => connection,
        None => open()?,
    };
    let json = serialize(&connection, sql);
    give_back(connection);
    Ok(read(&json?))
}

/// Runs `read` on a parser connection, for questions about the engine itself.
#[cfg(test)]
pub(super) fn with_engine<T>(read: impl FnOnce(&Connection) -> T) -> T {
    read(&open().unwrap())
}

fn serialize(connection: &Connection, sql: &str) -> Result<String, duckdb::Error> {
    connection.prepare_cached(SERIALIZE)?.query_row([sql], |row| row.get(0))
}

fn read(json: &str) -> Parsed {
    if depth(json) > MAX_TREE_DEPTH {
        return Parsed::TooDeep;
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    // The depth was just bounded, and lower than what a thread's stack holds.
    deserializer.disable_recursion_limit();
    let Ok(answer) = Answer::deserialize(&mut deserializer) else { return Parsed::NotOnlyQueries };
    if !answer.error {
        return Parsed::Queries(answer.statements);
    }
    if answer.error_type == "not implemented" {
        return Parsed::NotOnlyQueries;
    }
    let position = answer.position.and_then(|position| position.parse().ok());
    Parsed::Syntax { message: answer.error_message, position }
}

/// How deep objects and arrays are nested in JSON text.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn checkout() -> Option<Connection> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

fn give_back(connection: Connection) {
    let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if idle.len() < MAX_IDLE {
        idle.push(connection);
    }
}

/// An empty database in memory, shut off like the ones that hold data.
fn open() -> Result<Connection, duckdb::Error> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(LOCKS)?;
    Ok(connection)
}

#[derive(Deserialize)]
struct Answer {
    error: bool,
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error_message: String,
    position: Option<String>,
    #[serde(default)]
    statements: Vec<Value>,
}

const SERIALIZE: &str = "SELECT json_serialize_sql(?::VARCHAR, skip_null := true, skip_empty := true, skip_default := true)::VARCHAR";

const LOCKS: &str = "SET threads = 1; SET memory_limit = '256MB'; SET temp_directory = ''; \
     SET autoinstall_known_extensions = false; SET autoload_known_extensions = false; \
     SET allow_community_extensions = false; SET enable_external_access = false; SET lock_configuration = true;";

/// A hundred chained operators take 200 levels; a person's query stays under 60.
const MAX_TREE_DEPTH: usize = 500;

/// Parser connections kept for the next query; each costs under a megabyte.
const MAX_IDLE: usize = 8;

static IDLE: Mutex<Vec<Connection>> = Mutex::new(Vec::new());
