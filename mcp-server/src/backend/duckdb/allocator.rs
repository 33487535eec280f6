//! Gives back to the operating system what the engine's allocator keeps of a query's memory.
//!
//! That allocator (jemalloc, in DuckDB's builds for Linux) is one for the whole process. It keeps the pages that a query
//! freed until something asks it not to, and its own threads, which would ask after a second, are switched off by every
//! database that is opened or closed anywhere in the process, such as those that parse. So it is asked from here, where
//! somebody knows when queries end.

use std::sync::{Mutex, PoisonError};

use ::duckdb::Connection;

/// A database in memory that never sees a caller's SQL, and whose settings therefore need no lock.
static ENGINE: Mutex<Option<Connection>> = Mutex::new(None);

/// Gives back what is free. Takes a millisecond for each gigabyte or so.
pub(super) fn give_back() {
    let mut engine = ENGINE.lock().unwrap_or_else(PoisonError::into_inner);
    let given = match engine.take().map_or_else(open, Ok) {
        // DuckDB flushes its allocator, that of the whole process, when a limit is set: BufferPool::SetLimit.
        Ok(connection) => connection.execute_batch(SMALLEST).map(|()| connection),
        Err(error) => Err(error),
    };
    match given {
        Ok(connection) => *engine = Some(connection),
        Err(error) => tracing::debug!(%error, "memory was not given back"),
    }
}

fn open() -> Result<Connection, ::duckdb::Error> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(LOCKS)?;
    Ok(connection)
}

const LOCKS: &str = "SET threads = 1; SET temp_directory = ''; SET enable_external_access = false;";

const SMALLEST: &str = "SET memory_limit = '16MB'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_memory_back_stays_open_for_the_next_time() {
        give_back();
        give_back();
        assert!(ENGINE.lock().unwrap().is_some());
    }
}
