//! How much one query may take, and how much is logged.

use std::path::PathBuf;
use std::time::Duration;

use super::parse;
use super::reader::Reader;
use super::setting;

/// What bounds one query and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most rows an answer holds.
    pub max_rows: u64,
    /// The most bytes an answer holds.
    pub max_bytes: u64,
    /// How long a query may run.
    pub timeout: Duration,
    /// How many bytes of memory the engine may use.
    pub memory: u64,
    /// How many threads the engine may use.
    pub threads: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_rows: 1_000,
            max_bytes: 256 << 10,
            timeout: Duration::from_mins(1),
            memory: 1 << 30,
            threads: 2,
        }
    }
}

/// What is logged, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// A level or `tracing` directives.
    pub filter: String,
    /// The file to log to; stderr unless given.
    pub file: Option<PathBuf>,
}

/// Reads the limits; a value that cannot be used is noted and its default stands.
pub(crate) fn read(reader: &mut Reader<'_>) -> Limits {
    let default = Limits::default();
    Limits {
        max_rows: reader
            .read(&setting::QUERY_MAX_ROWS, |raw| parse::count(raw, 1, 1_000_000))
            .unwrap_or(default.max_rows),
        max_bytes: reader
            .read(&setting::QUERY_MAX_BYTES, |raw| parse::size(raw, 1 << 10, 64 << 20))
            .unwrap_or(default.max_bytes),
        timeout: reader
            .read(&setting::QUERY_TIMEOUT, |raw| parse::duration(raw, Duration::from_secs(1), HOUR))
            .unwrap_or(default.timeout),
        memory: reader
            .read(&setting::QUERY_MEMORY, |raw| parse::size(raw, 64 << 20, 1 << 40))
            .unwrap_or(default.memory),
        threads: reader
            .read(&setting::QUERY_THREADS, |raw| parse::count(raw, 1, 256))
            .unwrap_or(default.threads),
    }
}

/// Reads what is logged. The filter's grammar is the subscriber's to check.
pub(crate) fn read_log(reader: &mut Reader<'_>) -> LogConfig {
    LogConfig {
        filter: reader.read(&setting::LOG, parse::text).unwrap_or_else(|| "info".to_owned()),
        file: reader.read(&setting::LOG_FILE, parse::text).map(PathBuf::from),
    }
}

const HOUR: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::{Flags, Layers};
    use crate::env::Environment;

    fn read_from(pairs: &[(&str, &str)]) -> (Limits, usize) {
        let env = Environment::from_pairs(pairs.iter().copied());
        let flags = Flags::new();
        let layers = Layers::new(&env, &flags, None);
        let mut reader = Reader::new(&layers);
        (read(&mut reader), reader.problems.len())
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        assert_eq!(read_from(&[]), (Limits::default(), 0));
    }

    #[test]
    fn every_limit_has_bounds_on_both_sides() {
        for (name, low, fits, high) in [
            ("M4_QUERY_MAX_ROWS", "0", "1", "1000001"),
            ("M4_QUERY_MAX_BYTES", "1000", "1KiB", "65MiB"),
            ("M4_QUERY_TIMEOUT", "0", "1h", "3601"),
            ("M4_QUERY_MEMORY", "1MB", "2GB", "2000GiB"),
            ("M4_QUERY_THREADS", "0", "8", "257"),
        ] {
            assert_eq!(read_from(&[(name, low)]).1, 1, "{name}={low}");
            assert_eq!(read_from(&[(name, fits)]).1, 0, "{name}={fits}");
            assert_eq!(read_from(&[(name, high)]).1, 1, "{name}={high}");
        }
    }
}
