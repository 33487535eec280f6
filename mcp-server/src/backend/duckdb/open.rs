//! Opens a database so that SQL can read it and do nothing else: the second defence, which does not rely on the policy.
//!
//! Read-only; no file, network, extension or secret within reach; no spilling to disk (a query that needs more memory than
//! it is given fails and says so, rather than write patients' data to a temporary file); and no way to change any of it.
//!
//! What these locks do not bound is the text of the batch that the engine is computing; [`super::ceiling`] does.

use std::path::Path;

use ::duckdb::{AccessMode, Config, Connection};

/// What the engine may use, per database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resources {
    /// Memory in mebibytes, for all queries together.
    pub memory_mib: u32,
    /// Threads, for all queries together.
    pub threads: u16,
}

impl Default for Resources {
    /// 2 GiB, and as many threads as the machine has up to 8.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, |count| count.get().min(8));
        Self { memory_mib: 2_048, threads: u16::try_from(threads).unwrap_or(8) }
    }
}

/// Opens the database at `path`, locked.
pub fn locked(path: &Path, resources: &Resources) -> Result<Connection, ::duckdb::Error> {
    let config = Config::default()
        .access_mode(AccessMode::ReadOnly)?
        .with("autoinstall_known_extensions", "false")?
        .with("autoload_known_extensions", "false")?
        .with("allow_community_extensions", "false")?
        .with("allow_unsigned_extensions", "false")?
        .with("allow_persistent_secrets", "false")?
        .with("allow_unredacted_secrets", "false")?
        .threads(i64::from(resources.threads))?
        .max_memory(&format!("{}MiB", resources.memory_mib))?;
    let connection = Connection::open_with_flags(path, config)?;
    connection.execute_batch(LOCKS)?;
    Ok(connection)
}

/// A further connection to a locked database, where one batch of a result waits at a time.
///
/// By default batches wait until they have a megabyte, and a text counts as 16 bytes, however long: 30 batches of 2,048
/// rows, which are 6 GB where a text has 100 kB. The setting is a connection's own, so it is the one that is not locked.
pub(super) fn connect(root: &Connection) -> Result<Connection, ::duckdb::Error> {
    let connection = root.try_clone()?;
    connection.execute_batch("SET streaming_buffer_size = '1KB'")?;
    Ok(connection)
}

/// Settings that a running database takes, in the order it takes them: the last one makes all of them final.
const LOCKS: &str = "
    SET temp_directory = '';
    SET max_temp_directory_size = '0KB';
    SET secret_directory = '';
    SET enable_logging = false;
    SET max_expression_depth = 250;
    SET pivot_limit = 1000;
    SET arrow_lossless_conversion = true;
    SET enable_external_access = false;
    SET allowed_configs = ['streaming_buffer_size'];
    SET lock_configuration = true;
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::duckdb::fixture::Fixture;

    /// Runs each statement on the locked database, without the policy, and returns those that did not fail.
    fn survivors<'a>(fixture: &Fixture, statements: &[&'a str]) -> Vec<&'a str> {
        let connection = locked(fixture.path(), &Resources::default()).unwrap();
        statements
            .iter()
            .copied()
            .filter(|sql| {
                let clone = connection.try_clone().unwrap();
                let rows = clone.prepare(sql).and_then(|mut statement| {
                    let mut rows = statement.query([])?;
                    while rows.next()?.is_some() {}
                    Ok(())
                });
                rows.is_ok()
            })
            .collect()
    }

    #[test]
    fn the_engine_itself_refuses_files_and_network() {
        let fixture = Fixture::hospital();
        let secret = fixture.directory().join("secret.csv");
        std::fs::write(&secret, "a,b\n1,2\n").unwrap();
        let path = secret.to_str().unwrap();
        let out = fixture.directory().join("out").to_str().unwrap().to_owned();
        let other = fixture.directory().join("other.duckdb").to_str().unwrap().to_owned();
        let statements = [
            format!("SELECT * FROM read_csv('{path}')"),
            format!("SELECT * FROM read_csv_auto('{path}')"),
            format!("SELECT * FROM read_text('{path}')"),
            format!("SELECT * FROM read_blob('{path}')"),
            format!("SELECT * FROM read_parquet('{path}')"),
            format!("SELECT * FROM parquet_scan('{path}')"),
            format!("SELECT * FROM parquet_metadata('{path}')"),
            format!("SELECT * FROM parquet_schema('{path}')"),
            format!("SELECT * FROM parquet_file_metadata('{path}')"),
            format!("SELECT * FROM parquet_kv_metadata('{path}')"),
            format!("SELECT * FROM read_json('{path}')"),
            format!("SELECT * FROM read_json_objects('{path}')"),
            format!("SELECT * FROM read_ndjson('{path}')"),
            format!("SELECT * FROM read_duckdb('{path}')"),
            format!("SELECT * FROM glob('{path}')"),
            format!("SELECT * FROM sniff_csv('{path}')"),
            format!("SELECT * FROM '{path}'"),
            format!("DESCRIBE '{path}'"),
            format!("SUMMARIZE '{path}'"),
            format!("SELECT * FROM query('FROM ''{path}''')"),
            format!("SELECT * FROM query_table('{path}')"),
            "SELECT * FROM read_csv('https://example.com/x.csv')".to_owned(),
            "SELECT * FROM 's3://bucket/x.parquet'".to_owned(),
            format!("COPY (SELECT 1) TO '{out}.csv'"),
            format!("COPY mimiciv_hosp.patients TO '{out}.parquet'"),
            format!("COPY mimiciv_hosp.patients FROM '{path}'"),
            format!("EXPORT DATABASE '{out}'"),
            format!("IMPORT DATABASE '{out}'"),
            format!("ATTACH '{other}'"),
            format!("ATTACH '{other}' (READ_ONLY)"),
            "INSTALL httpfs".to_owned(),
            "LOAD httpfs".to_owned(),
            format!("LOAD '{path}'"),
            "UPDATE EXTENSIONS".to_owned(),
            format!("PRAGMA import_database('{out}')"),
            "CREATE PERSISTENT SECRET s (TYPE s3)".to_owned(),
            "SELECT getenv('HOME')".to_owned(),
        ];
        let survivors = survivors(&fixture, &statements.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(survivors.is_empty(), "the engine let through: {survivors:#?}");
        let left: Vec<_> =
            std::fs::read_dir(fixture.directory()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "files were written: {left:?}");
    }

    #[test]
    fn the_engine_itself_refuses_to_write() {
        let survivors = survivors(
            &Fixture::hospital(),
            &[
                "CREATE TABLE x (a INTEGER)",
                "CREATE TABLE mimiciv_hosp.x AS SELECT 1",
                "CREATE VIEW v AS SELECT 1",
                "CREATE SCHEMA s",
                "CREATE SEQUENCE s",
                "CREATE MACRO m(a) AS a",
                "CREATE TYPE e AS ENUM ('a')",
                "CREATE INDEX i ON mimiciv_hosp.patients (subject_id)",
                "ALTER TABLE mimiciv_hosp.patients ADD COLUMN x INTEGER",
                "DROP TABLE mimiciv_hosp.patients",
                "DROP SCHEMA mimiciv_hosp CASCADE",
                "TRUNCATE mimiciv_hosp.patients",
                "COMMENT ON TABLE mimiciv_hosp.patients IS 'x'",
                "INSERT INTO mimiciv_hosp.patients VALUES (9, 'F', 1, NULL)",
                "UPDATE mimiciv_hosp.patients SET gender = 'x'",
                "DELETE FROM mimiciv_hosp.patients",
                "MERGE INTO mimiciv_hosp.patients p USING mimiciv_hosp.admissions q ON p.subject_id = q.subject_id WHEN MATCHED THEN DELETE",
            ],
        );
        assert!(survivors.is_empty(), "the engine let through: {survivors:#?}");
    }

    #[test]
    fn the_engine_itself_refuses_to_change_settings() {
        let survivors = survivors(
            &Fixture::hospital(),
            &[
                "SET enable_external_access = true",
                "SET GLOBAL enable_external_access = true",
                "SET lock_configuration = false",
                "RESET lock_configuration",
                "SET threads = 64",
                "SET memory_limit = '1TB'",
                "RESET memory_limit",
                "SET temp_directory = '/tmp/x'",
                "SET allow_community_extensions = true",
                "SET autoload_known_extensions = true",
                "SET custom_extension_repository = 'http://example.com'",
                "SET extension_directory = '/tmp'",
                "SET secret_directory = '/tmp'",
                "SET allow_persistent_secrets = true",
                "SET allowed_directories = ['/']",
                "SET allowed_paths = ['/etc/passwd']",
                "SET home_directory = '/tmp'",
                "SET log_query_path = '/tmp/x'",
                "SET profiling_output = '/tmp/x'",
                "SET enable_logging = true",
                "SET max_expression_depth = 100000",
                "PRAGMA threads = 64",
                "PRAGMA enable_profiling = 'json'",
            ],
        );
        assert!(survivors.is_empty(), "the engine let through: {survivors:#?}");
    }

    #[test]
    fn every_setting_holds_its_value() {
        let connection =
            locked(Fixture::hospital().path(), &Resources { memory_mib: 512, threads: 3 }).unwrap();
        for (name, expected) in [
            ("access_mode", "read_only"),
            ("enable_external_access", "false"),
            ("lock_configuration", "true"),
            ("autoinstall_known_extensions", "false"),
            ("autoload_known_extensions", "false"),
            ("allow_community_extensions", "false"),
            ("allow_unsigned_extensions", "false"),
            ("allow_persistent_secrets", "false"),
            ("allow_unredacted_secrets", "false"),
            ("secret_directory", ""),
            ("temp_directory", ""),
            ("max_temp_directory_size", "0 bytes"),
            ("enable_logging", "0"),
            ("max_expression_depth", "250"),
            ("memory_limit", "512.0 MiB"),
            ("threads", "3"),
        ] {
            let value: String = connection
                .query_row("SELECT value FROM duckdb_settings() WHERE name = ?", [name], |row| row.get(0))
                .unwrap();
            assert_eq!(value.to_lowercase(), expected.to_lowercase(), "{name}");
        }
    }
}
