//! What the sample promises, asked of the database it becomes.

use std::path::Path;

use duckdb::{AccessMode, Config, Connection};
use tempfile::TempDir;

use crate::dataset::Registry;
use crate::ingest::{self, Report, Source};

fn sample() -> (TempDir, Report, Connection) {
    let home = tempfile::tempdir().unwrap();
    let registry = Registry::open(home.path());
    let definition = registry.find("mimic-iv-sample").unwrap();
    let report = ingest::init(&registry, definition, &Source::Generated, &mut |_| {}).unwrap();
    let config = Config::default().access_mode(AccessMode::ReadOnly).unwrap();
    let connection = Connection::open_with_flags(&report.database, config).unwrap();
    (home, report, connection)
}

/// Every row of every table, in a fixed order, as one digest.
fn digest(report: &Report, connection: &Connection) -> String {
    let digests = report.tables.iter().map(|table| {
        let sql = format!(
            "SELECT sha256(string_agg(row, chr(10) ORDER BY row)) FROM (SELECT t::VARCHAR AS row FROM {} t)",
            table.name
        );
        connection.query_row(&sql, [], |row| row.get::<_, String>(0)).unwrap()
    });
    let all: String = digests.collect();
    connection.query_row("SELECT sha256(?)", [all], |row| row.get(0)).unwrap()
}

#[test]
fn two_runs_hold_the_same_rows_and_they_are_the_pinned_ones() {
    let (_one, report, connection) = sample();
    let (_two, second_report, second) = sample();
    let first = digest(&report, &connection);
    assert_eq!(first, digest(&second_report, &second));
    assert_eq!(
        first, PINNED_DIGEST,
        "the sample changed: say so in the changelog and pin the new digest and counts"
    );
}

#[test]
fn all_35_tables_load_whole_and_hold_rows() {
    let (_home, report, connection) = sample();
    assert_eq!(report.tables.len(), 35);
    assert_eq!(report.absent, Vec::<String>::new());
    assert_eq!(report.rejected(), 0);
    for table in &report.tables {
        assert!(table.unexpected.is_empty() && table.missing.is_empty(), "{table:?}");
        assert!(table.rows > 0, "{} is empty", table.name);
    }
    for (table, rows) in PINNED_ROWS {
        assert_eq!(report.table(table).map(|table| table.rows), Some(rows), "{table}");
    }
    let synthetic: bool =
        connection.query_row("SELECT synthetic FROM m4_meta.dataset", [], |row| row.get(0)).unwrap();
    assert!(synthetic);
}

#[test]
fn the_promises_hold() {
    let (_home, _report, connection) = sample();
    for (promise, violations) in PROMISES {
        let sql = format!("SELECT count(*) FROM ({violations})");
        let count: i64 =
            connection.query_row(&sql, [], |row| row.get(0)).unwrap_or_else(|e| panic!("{promise}: {e}"));
        assert_eq!(count, 0, "broken promise: {promise}");
    }
}

#[test]
fn every_identifier_resolves() {
    let (_home, report, connection) = sample();
    for (column, parent) in [
        ("subject_id", "mimiciv_hosp.patients"),
        ("hadm_id", "mimiciv_hosp.admissions"),
        ("stay_id", "mimiciv_icu.icustays"),
        ("pharmacy_id", "mimiciv_hosp.pharmacy"),
        ("poe_id", "mimiciv_hosp.poe"),
        ("caregiver_id", "mimiciv_icu.caregiver"),
        ("emar_id", "mimiciv_hosp.emar"),
    ] {
        for table in &report.tables {
            if !has_column(&connection, &table.name, column) {
                continue;
            }
            let sql = format!(
                "SELECT count(*) FROM {} c ANTI JOIN {parent} p USING ({column}) WHERE c.{column} IS NOT NULL",
                table.name
            );
            let strays: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
            assert_eq!(strays, 0, "{}.{column} without a row in {parent}", table.name);
            let nulls = format!("SELECT count(*) FROM {} WHERE {column} IS NULL", table.name);
            let nulls: i64 = connection.query_row(&nulls, [], |row| row.get(0)).unwrap();
            assert_eq!(nulls, 0, "{}.{column} is NULL", table.name);
        }
    }
}

#[test]
fn making_it_leaves_only_the_database() {
    let (_home, report, _connection) = sample();
    let directory: &Path = report.database.parent().unwrap();
    let mut names: Vec<_> = std::fs::read_dir(directory).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".mimic_iv_sample.lock", "mimic_iv_sample.duckdb"]);
}

fn has_column(connection: &Connection, table: &str, column: &str) -> bool {
    let (schema, name) = table.split_once('.').unwrap();
    let sql = "SELECT count(*) FROM information_schema.columns WHERE table_schema = ? AND table_name = ? AND column_name = ?";
    connection.query_row(sql, [schema, name, column], |row| row.get::<_, i64>(0)).unwrap() > 0
}

/// Each with a query for what would break it.
#[rustfmt::skip]
static PROMISES: [(&str, &str); 22] = [
    ("subjects are beyond any of MIMIC's", "FROM mimiciv_hosp.patients WHERE subject_id < 90000001"),
    ("times lie in the shifted centuries", "FROM mimiciv_hosp.admissions WHERE year(admittime) NOT BETWEEN 2100 AND 2200 OR year(dischtime) > 2200"),
    ("admissions end after they begin", "FROM mimiciv_hosp.admissions WHERE dischtime <= admittime"),
    ("nobody is admitted twice at once", "FROM mimiciv_hosp.admissions a JOIN mimiciv_hosp.admissions b USING (subject_id) WHERE a.hadm_id < b.hadm_id AND b.admittime < a.dischtime"),
    ("a death time goes with the flag", "FROM mimiciv_hosp.admissions WHERE (deathtime IS NOT NULL) <> (hospital_expire_flag = 1)"),
    ("a death time is the discharge, and DIED its place", "FROM mimiciv_hosp.admissions WHERE (hospital_expire_flag = 1) <> (discharge_location = 'DIED') OR deathtime <> dischtime"),
    ("a death in hospital is the date of death", "FROM mimiciv_hosp.admissions JOIN mimiciv_hosp.patients USING (subject_id) WHERE deathtime IS NOT NULL AND dod IS DISTINCT FROM deathtime::DATE"),
    ("nobody is admitted after death", "FROM mimiciv_hosp.admissions JOIN mimiciv_hosp.patients USING (subject_id) WHERE admittime::DATE > dod OR dischtime::DATE > dod"),
    ("the emergency room comes first", "FROM mimiciv_hosp.admissions WHERE edregtime >= edouttime OR edouttime > admittime"),
    ("stays lie inside their admission", "FROM mimiciv_icu.icustays JOIN mimiciv_hosp.admissions USING (hadm_id) WHERE intime >= outtime OR intime < admittime OR outtime > dischtime"),
    ("length of stay is what the times say", "FROM mimiciv_icu.icustays WHERE abs(los - date_diff('second', intime, outtime) / 86400.0) > 0.001"),
    ("results lie inside their admission", "FROM mimiciv_hosp.labevents JOIN mimiciv_hosp.admissions USING (hadm_id) WHERE charttime NOT BETWEEN admittime AND dischtime"),
    ("results belong to the admission's subject", "FROM mimiciv_hosp.labevents l JOIN mimiciv_hosp.admissions a USING (hadm_id) WHERE l.subject_id <> a.subject_id"),
    ("a flag means outside the range", "FROM mimiciv_hosp.labevents WHERE (flag IS NOT NULL) <> (valuenum < ref_range_lower OR valuenum > ref_range_upper)"),
    ("charting lies inside its stay", "FROM mimiciv_icu.chartevents JOIN mimiciv_icu.icustays USING (stay_id) WHERE charttime NOT BETWEEN intime AND outtime"),
    ("events lie inside their stay and run forward", "FROM (SELECT stay_id, starttime, endtime FROM mimiciv_icu.inputevents UNION ALL SELECT stay_id, starttime, endtime FROM mimiciv_icu.procedureevents) JOIN mimiciv_icu.icustays USING (stay_id) WHERE starttime < intime OR endtime > outtime OR endtime <= starttime"),
    ("charted items are in the dictionary, under their table", "FROM (SELECT DISTINCT itemid, 'chartevents' AS source FROM mimiciv_icu.chartevents UNION SELECT itemid, 'inputevents' FROM mimiciv_icu.inputevents UNION SELECT itemid, 'outputevents' FROM mimiciv_icu.outputevents UNION SELECT itemid, 'procedureevents' FROM mimiciv_icu.procedureevents UNION SELECT itemid, 'datetimeevents' FROM mimiciv_icu.datetimeevents UNION SELECT itemid, 'ingredientevents' FROM mimiciv_icu.ingredientevents) e LEFT JOIN mimiciv_icu.d_items d USING (itemid) WHERE d.linksto IS DISTINCT FROM e.source"),
    ("tests are in the dictionary", "FROM mimiciv_hosp.labevents ANTI JOIN mimiciv_hosp.d_labitems USING (itemid)"),
    ("diagnoses and procedures have titles", "SELECT icd_code FROM mimiciv_hosp.diagnoses_icd ANTI JOIN mimiciv_hosp.d_icd_diagnoses USING (icd_code, icd_version) UNION ALL SELECT icd_code FROM mimiciv_hosp.procedures_icd ANTI JOIN mimiciv_hosp.d_icd_procedures USING (icd_code, icd_version)"),
    ("no diagnosis is coded twice", "SELECT 1 FROM mimiciv_hosp.diagnoses_icd GROUP BY hadm_id, icd_code HAVING count(*) > 1"),
    ("every note says it is synthetic", "FROM (SELECT text FROM mimiciv_note.discharge UNION ALL SELECT text FROM mimiciv_note.radiology) WHERE NOT starts_with(text, '[SYNTHETIC NOTE]')"),
    ("prescriptions run forward", "FROM mimiciv_hosp.prescriptions WHERE stoptime <= starttime"),
];

const PINNED_DIGEST: &str = "66ab76adef9f938d993a11048a2841c476c44095a00871668c7d01c15885f30d";

static PINNED_ROWS: [(&str, u64); 8] = [
    ("mimiciv_hosp.patients", 100),
    ("mimiciv_hosp.admissions", 155),
    ("mimiciv_hosp.labevents", 24_389),
    ("mimiciv_hosp.diagnoses_icd", 702),
    ("mimiciv_hosp.prescriptions", 802),
    ("mimiciv_icu.icustays", 80),
    ("mimiciv_icu.chartevents", 36_674),
    ("mimiciv_note.discharge", 155),
];
