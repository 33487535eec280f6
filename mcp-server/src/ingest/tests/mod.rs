//! Loads of small made-up files, and of the real demo where `M4_TEST_DATA` says it is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use duckdb::{AccessMode, Config, Connection};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use tempfile::TempDir;

mod bad_input;
mod declared;
mod parquet;
mod resume;

use super::*;
use crate::dataset::Registry;
use crate::error::Explain;

/// A source directory and a place for the database.
struct Case {
    home: TempDir,
}

impl Case {
    fn new(files: &[(&str, &str)]) -> Self {
        let case = Self { home: tempfile::tempdir().unwrap() };
        fs::create_dir(case.src()).unwrap();
        for (file, text) in files {
            case.write(file, text.as_bytes());
        }
        case
    }

    fn src(&self) -> PathBuf {
        self.home.path().join("it's a [source]* ünï")
    }

    fn database(&self) -> PathBuf {
        self.home.path().join("da'ta [x]/databases/demo.duckdb")
    }

    fn write(&self, file: &str, bytes: &[u8]) {
        let path = self.src().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn load(&self) -> Result<Report, IngestError> {
        load(&demo(), &self.src(), &self.database(), &mut |_| {})
    }

    fn left_behind(&self) -> Vec<String> {
        let entries = fs::read_dir(self.database().parent().unwrap()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn demo() -> Definition {
    Registry::open(Path::new("/nonexistent/m4")).find("mimic-iv-demo").unwrap().clone()
}

fn open(database: &Path) -> Connection {
    Connection::open_with_flags(database, Config::default().access_mode(AccessMode::ReadOnly).unwrap())
        .unwrap()
}

fn number(database: &Path, sql: &str) -> i64 {
    open(database).query_row(sql, [], |row| row.get(0)).unwrap()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

const PATIENTS: &str = "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n\
    10000001,F,52,2180,2014 - 2016,2180-09-09\n10000002,M,70,2150,2011 - 2013,\n";

#[test]
fn plain_and_compressed_files_load_with_declared_types_from_an_awkward_path() {
    let case = Case::new(&[("hosp/patients.csv", PATIENTS)]);
    case.write("icu/caregiver.csv.gz", &gzip("caregiver_id\n1\n2\n3\n"));
    let report = case.load().unwrap();
    let rows: Vec<_> = report.tables.iter().map(|table| (table.name.as_str(), table.rows)).collect();
    assert_eq!(rows, [("mimiciv_hosp.patients", 2), ("mimiciv_icu.caregiver", 3)]);
    assert_eq!(
        number(&case.database(), "SELECT year(dod) FROM mimiciv_hosp.patients WHERE subject_id = 10000001"),
        2180
    );
}

#[test]
fn a_directory_named_like_a_pattern_stands_for_itself() {
    let home = tempfile::tempdir().unwrap();
    for (release, rows) in [("release[1]", "1\n"), ("release1", "1\n2\n3\n")] {
        fs::create_dir_all(home.path().join(release).join("icu")).unwrap();
        fs::write(home.path().join(release).join("icu/caregiver.csv"), format!("caregiver_id\n{rows}"))
            .unwrap();
    }
    let src = home.path().join("release[1]");
    assert_eq!(load(&demo(), &src, &home.path().join("demo.duckdb"), &mut |_| {}).unwrap().rows(), 1);
}

#[test]
fn what_is_not_there_is_listed_and_the_rest_loads() {
    let report = Case::new(&[("hosp/patients.csv", PATIENTS)]).load().unwrap();
    assert_eq!(report.absent.len(), 30);
    assert!(report.absent.contains(&"mimiciv_icu.chartevents".to_owned()));
}

#[test]
fn a_directory_without_any_table_says_what_was_looked_for() {
    let case = Case::new(&[("readme.txt", "nothing")]);
    let error = case.load().unwrap_err();
    assert!(matches!(error, IngestError::NothingFound { .. }), "{error}");
    assert_eq!(
        error.hint().unwrap(),
        "looked for hosp/*.csv.gz, hosp/*.csv, hosp/*.parquet, icu/*.csv.gz, icu/*.csv, icu/*.parquet"
    );
    assert!(!case.database().exists());
}

#[test]
fn a_source_that_does_not_exist_is_named() {
    let case = Case::new(&[]);
    let error = load(&demo(), Path::new("/nonexistent/mimic"), &case.database(), &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "/nonexistent/mimic cannot be read");
}

#[test]
fn the_folder_an_archive_unpacks_into_is_found() {
    let case = Case::new(&[("mimic-iv-demo-2.2/hosp/patients.csv", PATIENTS)]);
    assert_eq!(case.load().unwrap().rows(), 2);
}

#[test]
fn two_releases_side_by_side_are_not_chosen_between() {
    let case = Case::new(&[("a/hosp/patients.csv", PATIENTS), ("b/hosp/patients.csv", PATIENTS)]);
    assert!(matches!(case.load(), Err(IngestError::NothingFound { .. })));
}

#[test]
fn unexpected_columns_are_kept_missing_ones_null_and_unknown_files_listed() {
    let case = Case::new(&[
        ("hosp/patients.csv", "SUBJECT_ID,new\"col,gender\n1,007,F\n"),
        ("hosp/mystery.csv", "a\n1\n"),
    ]);
    let report = case.load().unwrap();
    let table = report.table("mimiciv_hosp.patients").unwrap();
    assert_eq!(table.unexpected, ["new\"col"]);
    assert_eq!(table.missing, ["anchor_age", "anchor_year", "anchor_year_group", "dod"]);
    assert_eq!(report.unrecognised, ["hosp/mystery.csv"]);
    let sql = "SELECT count(*) FROM mimiciv_hosp.patients WHERE \"new\"\"col\" = '007' AND dod IS NULL";
    assert_eq!(number(&case.database(), sql), 1);
}

#[test]
fn rows_that_do_not_parse_are_counted_and_located_and_the_rest_loads() {
    let rows = "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n\
        1,F,1,2180,x,\nten,F,2,2180,x,\n3,F,3,2180,x,yesterday\n4,F,4,2180,x,,surplus\n5,F,5,2180,x,\n6,F,6,2180,x,\n7,F,7,2180,x,\n";
    let case = Case::new(&[("hosp/patients.csv", rows)]);
    let report = case.load().unwrap();
    let table = report.table("mimiciv_hosp.patients").unwrap();
    assert_eq!((table.rows, table.rejected, report.rejected()), (4, 3, 3));
    let located: Vec<_> =
        table.rejects.iter().map(|r| (r.file.as_str(), r.line, r.column.as_deref())).collect();
    assert_eq!(
        located,
        [
            ("hosp/patients.csv", 3, Some("subject_id")),
            ("hosp/patients.csv", 4, Some("dod")),
            ("hosp/patients.csv", 5, None)
        ]
    );
    assert!(table.rejects[0].message.contains("ten"), "{}", table.rejects[0].message);
    assert_eq!(number(&case.database(), "SELECT rejected::BIGINT FROM m4_meta.tables"), 3);
}

#[test]
fn rejects_of_one_table_are_not_counted_for_the_next() {
    let case = Case::new(&[
        ("hosp/d_labitems.csv", "itemid,label,fluid,category\nx,a,b,c\n1,a,b,c\n"),
        ("hosp/provider.csv", "provider_id\nP1\n"),
        ("icu/caregiver.csv", "caregiver_id\n1\n2\nx\n"),
    ]);
    let rejected: Vec<_> = case.load().unwrap().tables.iter().map(|table| table.rejected).collect();
    assert_eq!(rejected, [1, 0, 1]);
}

#[test]
fn a_file_that_mostly_fails_is_refused_with_its_first_fault() {
    let case = Case::new(&[
        ("hosp/provider.csv", "provider_id\n"),
        ("icu/caregiver.csv", "caregiver_id\n1\nx\ny\n"),
    ]);
    let error = case.load().unwrap_err().to_string();
    assert!(
        error.contains("caregiver.csv") && error.contains("line 3") && error.contains("2 rows failed"),
        "{error}"
    );
}

#[test]
fn a_file_without_the_tables_header_is_refused() {
    for text in ["", "subject_id;gender\n1;F\n", "10000001,F,52,2180\n", "gender,Gender\n"] {
        let error = Case::new(&[("hosp/patients.csv", text)]).load().unwrap_err();
        assert!(matches!(error, IngestError::Header { .. }), "{text:?}: {error}");
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_trouble() {
    let case = Case::new(&[("hosp/d_labitems.csv", "\u{feff}itemid,label\r\n1,\"a\r\nb\"\r\n")]);
    let report = case.load().unwrap();
    assert_eq!((report.rows(), report.rejected()), (1, 0));
    assert_eq!(report.tables[0].missing, ["fluid", "category"]);
}

#[test]
fn a_truncated_file_is_named_and_the_old_database_stays() {
    let case = Case::new(&[("hosp/patients.csv", PATIENTS)]);
    case.load().unwrap();
    let before = fs::read(case.database()).unwrap();
    let mut text = "itemid,label,fluid,category\n".to_owned();
    (0..20_000).for_each(|item| writeln!(text, "{item},label {item},Blood,Chemistry").unwrap());
    let whole = gzip(&text);
    for keep in [20, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        case.write("hosp/d_labitems.csv.gz", &whole[..keep]);
        let error = case.load().unwrap_err();
        assert!(matches!(error, IngestError::Damaged { .. }), "{keep}: {error}");
        assert!(error.to_string().contains("d_labitems.csv.gz"), "{error}");
    }
    assert_eq!(fs::read(case.database()).unwrap(), before);
    assert_eq!(case.left_behind(), [".demo.lock", ".demo.partial", "demo.duckdb"]);
    fs::remove_file(case.src().join("hosp/d_labitems.csv.gz")).unwrap();
    case.load().unwrap();
    assert_eq!(case.left_behind(), [".demo.lock", "demo.duckdb"]);
}

#[test]
fn what_a_killed_run_left_is_cleared_away() {
    let case = Case::new(&[("hosp/patients.csv", PATIENTS)]);
    let partial = case.database().with_file_name(".demo.partial");
    fs::create_dir_all(partial.join("spill")).unwrap();
    fs::write(partial.join("new.duckdb"), "half a database").unwrap();
    fs::write(partial.join("new.duckdb.wal"), "half a log").unwrap();
    fs::write(case.database().with_extension("duckdb.wal"), "a log of the old file").unwrap();
    assert_eq!(case.load().unwrap().rows(), 2);
    assert_eq!(case.left_behind(), [".demo.lock", "demo.duckdb"]);
    assert_eq!(number(&case.database(), "SELECT count(*) FROM mimiciv_hosp.patients"), 2);
}

#[test]
fn two_runs_do_not_collide() {
    let case = Case::new(&[("hosp/patients.csv", PATIENTS)]);
    let _other = Staging::begin(&case.database()).unwrap();
    assert!(matches!(case.load(), Err(IngestError::Busy { .. })));
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_what_was_loaded() {
    use std::os::unix::fs::PermissionsExt;
    let case = Case::new(&[("hosp/patients.csv", PATIENTS)]);
    case.load().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&case.database()), 0o600);
    assert_eq!(mode(case.database().parent().unwrap()), 0o700);
}

#[test]
fn the_database_says_what_it_is_and_holds_no_local_path() {
    let case = Case::new(&[("hosp/patients.csv", PATIENTS)]);
    case.load().unwrap();
    let said: (String, String, bool) = open(&case.database())
        .query_row("SELECT name, version, synthetic FROM m4_meta.dataset", [], |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?))
        })
        .unwrap();
    assert_eq!(said, ("mimic-iv-demo".to_owned(), "2.2".to_owned(), false));
    let bytes = fs::read(case.database()).unwrap();
    let home = case.home.path().file_name().unwrap().to_str().unwrap().as_bytes().to_vec();
    assert!(!bytes.windows(home.len()).any(|window| window == home));
}

#[test]
fn progress_tells_of_every_table_in_order() {
    let case = Case::new(&[("hosp/patients.csv", PATIENTS), ("icu/caregiver.csv", "caregiver_id\n1\n")]);
    let mut told = Vec::new();
    load(&demo(), &case.src(), &case.database(), &mut |progress| told.push(format!("{progress:?}"))).unwrap();
    told.retain(|step| !step.starts_with("Advanced"));
    let at = |start: &str| told.iter().position(|step| step.starts_with(start)).unwrap();
    assert_eq!((at("Planned"), at("Publishing"), told.len()), (0, 5, 6), "{told:?}");
    for table in ["mimiciv_hosp.patients", "mimiciv_icu.caregiver"] {
        let started = at(&format!("Started {{ table: \"{table}\""));
        assert!(started < at(&format!("Finished {{ table: \"{table}\"")), "{told:?}");
    }
}

#[test]
fn the_real_demo_loads_whole() {
    let Some(src) = test_data() else { return };
    let home = tempfile::tempdir().unwrap();
    let database = home.path().join("databases/mimic_iv_demo.duckdb");
    let report = load(&demo(), &src, &database, &mut |_| {}).unwrap();

    assert_eq!(report.absent, ["mimiciv_icu.chartevents"]);
    assert_eq!(report.unrecognised, Vec::<String>::new());
    assert_eq!(report.rejected(), 0);
    assert!(
        report.tables.iter().all(|t| t.unexpected.is_empty() && t.missing.is_empty()),
        "{:?}",
        report.tables
    );
    let rows: BTreeMap<_, _> = report.tables.iter().map(|table| (table.name.as_str(), table.rows)).collect();
    for (table, expected) in [("patients", 100), ("admissions", 275), ("labevents", 107_727)] {
        assert_eq!(rows[format!("mimiciv_hosp.{table}").as_str()], expected);
    }
    assert_eq!(rows["mimiciv_icu.icustays"], 140);
    assert_eq!(rows.len(), 30);
    for table in &report.tables {
        let records = records(&src.join(&table.file));
        assert_eq!(table.rows, records, "{}", table.name);
        assert_eq!(
            number(&database, &format!("SELECT count(*) FROM {}", table.name)),
            i64::try_from(records).unwrap(),
            "{}",
            table.name
        );
    }
}

#[test]
fn the_real_demo_has_the_types_mimic_defines() {
    let Some(src) = test_data() else { return };
    let home = tempfile::tempdir().unwrap();
    let database = home.path().join("mimic_iv_demo.duckdb");
    load(&demo(), &src, &database, &mut |_| {}).unwrap();
    let connection = open(&database);
    let mut statement = connection
        .prepare("SELECT data_type FROM information_schema.columns WHERE table_schema = ? AND table_name = ? AND column_name = ?")
        .unwrap();
    for (schema, table, column, expected) in [
        ("mimiciv_hosp", "patients", "subject_id", "INTEGER"),
        ("mimiciv_hosp", "patients", "dod", "DATE"),
        ("mimiciv_hosp", "admissions", "admittime", "TIMESTAMP"),
        ("mimiciv_hosp", "admissions", "deathtime", "TIMESTAMP"),
        ("mimiciv_hosp", "admissions", "hospital_expire_flag", "INTEGER"),
        ("mimiciv_hosp", "labevents", "itemid", "INTEGER"),
        ("mimiciv_hosp", "labevents", "charttime", "TIMESTAMP"),
        ("mimiciv_hosp", "labevents", "valuenum", "DOUBLE"),
        ("mimiciv_hosp", "labevents", "value", "VARCHAR"),
        ("mimiciv_hosp", "diagnoses_icd", "icd_code", "VARCHAR"),
        ("mimiciv_hosp", "prescriptions", "ndc", "VARCHAR"),
        ("mimiciv_icu", "icustays", "stay_id", "INTEGER"),
        ("mimiciv_icu", "icustays", "los", "DOUBLE"),
        ("mimiciv_icu", "datetimeevents", "value", "TIMESTAMP"),
        ("mimiciv_icu", "procedureevents", "originalamount", "DOUBLE"),
    ] {
        let found: String = statement.query_row([schema, table, column], |row| row.get(0)).unwrap();
        assert_eq!(found, expected, "{schema}.{table}.{column}");
    }
    // Leading zeros are part of a code.
    let codes =
        "SELECT count(*) FROM mimiciv_hosp.d_icd_diagnoses WHERE icd_code = '0010' AND icd_version = 9";
    assert_eq!(number(&database, codes), 1);
}

fn records(path: &Path) -> u64 {
    let file = File::open(path).unwrap();
    let bytes: Box<dyn Read> =
        if path.extension().unwrap() == "gz" { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut reader = csv::Reader::from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    let mut count = 0;
    while reader.read_byte_record(&mut record).unwrap() {
        count += 1;
    }
    count
}

#[expect(clippy::disallowed_methods, reason = "tests find the demo through the environment")]
fn test_data() -> Option<PathBuf> {
    let found = std::env::var_os("M4_TEST_DATA").map(|dir| PathBuf::from(dir).join("mimic-iv-demo"));
    if found.is_none() {
        println!("skipped: set M4_TEST_DATA to the directory that holds mimic-iv-demo/");
    }
    found
}
