//! What is kept of a run that did not finish, and what is not.

use super::super::build::BATCH;
use super::*;

/// Every table with its columns and a hash of its rows, whatever their order; M4's own tables included.
pub(super) fn content(database: &Path) -> BTreeMap<String, (String, i64, String)> {
    let connection = open(database);
    let mut statement = connection
        .prepare(
            "SELECT schema_name || '.' || table_name, string_agg(column_name || ' ' || data_type, ',' ORDER BY column_index) \
             FROM duckdb_columns() WHERE NOT internal GROUP BY ALL",
        )
        .unwrap();
    let tables: Vec<(String, String)> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    let described = |(name, columns): (String, String)| {
        let sql = format!("SELECT count(*), coalesce(sum(hash(t)::HUGEINT), 0)::VARCHAR FROM {name} t");
        let (rows, sum) = connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        // How it was loaded may differ, what was loaded may not.
        let sum = if name == "m4_meta.dataset" { String::new() } else { sum };
        (name, (columns, rows, sum))
    };
    tables.into_iter().map(described).collect()
}

const GOOD: [(&str, &str); 6] = [
    ("hosp/d_hcpcs.csv", "code\nAAAAAAAAA\nB\n"),
    ("hosp/services.csv", "subject_id\n1\n2\n3\n"),
    ("icu/d_items.csv", "itemid\n11111\n22222\n"),
    ("hosp/patients.csv", PATIENTS),
    ("hosp/provider.csv", "provider_id\nP1\nP2\n"),
    ("icu/caregiver.csv", "caregiver_id\n1\nx\n3\n"),
];

/// The good files, each as large as what is committed at once.
fn good() -> Case {
    let case = Case::new(&[]);
    for (file, text) in GOOD {
        let (header, rows) = text.split_once('\n').unwrap();
        let rows = rows.lines().map(|row| format!("{row},\n")).collect::<Vec<_>>().concat();
        // Blank lines are no rows where there are several columns.
        case.write(
            file,
            format!("{header},pad\n{rows}{}", "\n".repeat(usize::try_from(BATCH).unwrap())).as_bytes(),
        );
    }
    case
}

/// A run that failed: its smallest file, which comes last, is damaged. At most four load at a time, so some of the
/// others are in.
fn failed() -> Case {
    let case = good();
    case.write("hosp/d_labitems.csv", b"itemid\n\"1\n2\n");
    assert!(matches!(case.load(), Err(IngestError::NotCsv { .. })));
    case
}

fn steps(case: &Case) -> (Report, BTreeMap<String, &'static str>) {
    let mut steps = BTreeMap::new();
    let report = load(&demo(), &case.src(), &case.database(), &mut |step| match step {
        Progress::Reused { table, .. } => _ = steps.insert(table.to_owned(), "reused"),
        Progress::Finished { table, .. } => _ = steps.insert(table.to_owned(), "loaded"),
        _ => {}
    })
    .unwrap();
    (report, steps)
}

#[test]
fn tables_that_were_in_are_kept_and_the_result_is_that_of_one_run() {
    let case = failed();
    case.write("hosp/d_labitems.csv", b"itemid,label,fluid,category\n1,l,f,c\n");
    let (report, steps) = steps(&case);
    // Which tables were in when the run failed depends on who was faster; that one that was in is kept does not.
    assert!(steps.values().filter(|step| **step == "reused").count() >= 2, "{steps:?}");
    assert_eq!(steps["mimiciv_hosp.d_labitems"], "loaded");
    let other = good();
    other.write("hosp/d_labitems.csv", b"itemid,label,fluid,category\n1,l,f,c\n");
    let whole = other.load().unwrap();
    assert_eq!(report.tables, whole.tables);
    assert_eq!(content(&case.database()), content(&other.database()));
    assert_eq!(case.left_behind(), [".demo.lock", "demo.duckdb"]);
}

#[test]
fn a_table_whose_file_changed_is_loaded_anew() {
    let case = failed();
    case.write("hosp/d_labitems.csv", b"itemid,label,fluid,category\n1,l,f,c\n");
    // Of the same size: the time of last change tells it apart.
    let path = case.src().join("hosp/provider.csv");
    let text = fs::read_to_string(&path).unwrap().replace("P1", "P8").replace("P2", "P9");
    fs::write(&path, text).unwrap();
    let later = fs::metadata(&path).unwrap().modified().unwrap() + std::time::Duration::from_secs(2);
    File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    case.write("icu/caregiver.csv", b"caregiver_id\n4\n5\n6\n7\n");
    let (_, steps) = steps(&case);
    assert_eq!((steps["mimiciv_hosp.provider"], steps["mimiciv_icu.caregiver"]), ("loaded", "loaded"));
    let sql = "SELECT count(*) FROM mimiciv_hosp.provider WHERE provider_id IN ('P8', 'P9')";
    assert_eq!(number(&case.database(), sql), 2);
    assert_eq!(number(&case.database(), "SELECT count(*) FROM mimiciv_icu.caregiver"), 4);
}

#[test]
fn a_table_that_is_no_longer_in_the_source_is_gone() {
    let case = failed();
    fs::remove_file(case.src().join("hosp/d_labitems.csv")).unwrap();
    fs::remove_file(case.src().join("hosp/provider.csv")).unwrap();
    case.load().unwrap();
    let names: Vec<_> =
        content(&case.database()).into_keys().filter(|name| name.starts_with("mimiciv")).collect();
    assert!(
        names.iter().all(|name| !name.ends_with("provider") && !name.ends_with("d_labitems")),
        "{names:?}"
    );
    assert_eq!(names.len(), 5);
}

#[test]
fn a_database_in_the_making_that_is_damaged_or_has_no_journal_is_made_anew() {
    for damage in ["new.duckdb", "journal"] {
        let case = failed();
        let partial = case.database().with_file_name(".demo.partial");
        if damage == "journal" {
            fs::write(partial.join(damage), "{\"key\":\"half a li").unwrap();
        } else {
            fs::write(partial.join(damage), "no database").unwrap();
        }
        case.write("hosp/d_labitems.csv", b"itemid,label,fluid,category\n1,l,f,c\n");
        let (report, steps) = steps(&case);
        assert!(steps.values().all(|step| *step == "loaded"), "{damage}: {steps:?}");
        assert_eq!(report.rows(), 14);
    }
}

#[test]
fn what_is_kept_can_be_given_up() {
    let case = failed();
    clear_unfinished(&case.database()).unwrap();
    assert_eq!(case.left_behind(), [".demo.lock"]);
}
