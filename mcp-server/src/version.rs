//! What this build is: release, commit and engine.

use crate::backend::duckdb::version;

/// The release.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// The commit it was built from, in 7 digits or more; absent where it was built from an archive.
pub const COMMIT: Option<&str> = option_env!("M4_COMMIT");

/// What `--version` prints for a program: `m4 0.1.0 (334d293, DuckDB 1.5.6)`.
pub fn line(program: &str) -> String {
    told(program, COMMIT, duckdb().as_deref())
}

/// The version of the DuckDB library that was loaded, such as `1.5.6`; absent where it does not say.
pub fn duckdb() -> Option<String> {
    version::loaded().map(|version| version.trim_start_matches('v').to_owned())
}

fn told(program: &str, commit: Option<&str>, duckdb: Option<&str>) -> String {
    let engine = duckdb.map(|version| format!("DuckDB {version}"));
    let parts: Vec<&str> = commit.into_iter().chain(engine.as_deref()).collect();
    if parts.is_empty() {
        return format!("{program} {RELEASE}");
    }
    format!("{program} {RELEASE} ({})", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out() {
        let release = RELEASE;
        for (commit, duckdb, expected) in [
            (Some("334d293"), Some("1.5.6"), format!("m4 {release} (334d293, DuckDB 1.5.6)")),
            (None, Some("1.5.6"), format!("m4 {release} (DuckDB 1.5.6)")),
            (Some("334d293"), None, format!("m4 {release} (334d293)")),
            (None, None, format!("m4 {release}")),
        ] {
            assert_eq!(told("m4", commit, duckdb), expected);
        }
    }

    #[test]
    fn the_engine_that_was_loaded_tells_its_version() {
        let version = duckdb().unwrap();
        assert!(version.split('.').count() == 3 && version.starts_with("1."), "{version}");
    }
}
