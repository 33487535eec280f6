//! Parquet trees, as the Python package makes them.

use super::*;

fn write(case: &Case, file: &str, select: &str) {
    let path = case.src().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let path = path.to_str().unwrap().replace('\'', "''");
    Connection::open_in_memory()
        .unwrap()
        .execute_batch(&format!("COPY ({select}) TO '{path}' (FORMAT parquet)"))
        .unwrap();
}

#[test]
fn a_parquet_tree_gets_the_declared_types_and_rows_that_do_not_cast_are_counted() {
    let case = Case::new(&[("hosp/patients.csv", PATIENTS)]);
    write(
        &case,
        "hosp/d_labitems.parquet",
        "SELECT * FROM (VALUES (1::BIGINT, 7, 'x', [1, 2]), (2, 8, 'y', NULL), (3000000000, 9, 'z', NULL)) \
         t(ItemID, label, fluid, extra)",
    );
    write(&case, "icu/caregiver.parquet", "SELECT i::VARCHAR AS caregiver_id FROM range(300000) t(i)");
    let report = case.load().unwrap();
    assert_eq!(report.unrecognised, Vec::<String>::new());
    let table = report.table("mimiciv_hosp.d_labitems").unwrap();
    assert_eq!((table.rows, table.rejected), (2, 1));
    assert_eq!(
        (table.unexpected.as_slice(), table.missing.as_slice()),
        (&["extra".to_owned()][..], &["category".to_owned()][..])
    );
    assert_eq!(
        table.rejects,
        [Reject {
            file: "hosp/d_labitems.parquet".into(),
            line: 3,
            column: Some("itemid".into()),
            message: "Could not cast \"3000000000\" to INTEGER".into()
        }]
    );
    let types = "SELECT count(*) FROM mimiciv_hosp.d_labitems WHERE typeof(itemid) = 'INTEGER' AND label IN ('7', '8') \
                 AND coalesce(extra, '[1, 2]') = '[1, 2]'";
    assert_eq!(number(&case.database(), types), 2);
    assert_eq!(report.table("mimiciv_icu.caregiver").unwrap().rows, 300_000);
    assert_eq!(
        number(&case.database(), "SELECT count(*) FROM m4_meta.dataset WHERE source = 'csv and parquet'"),
        1
    );
}

#[test]
fn of_a_csv_and_a_parquet_file_of_one_table_the_csv_is_loaded_and_the_other_named() {
    let case = Case::new(&[("icu/caregiver.csv", "caregiver_id\n1\n")]);
    write(&case, "icu/caregiver.parquet", "SELECT 1 AS caregiver_id");
    let report = case.load().unwrap();
    assert_eq!((report.rows(), report.unrecognised), (1, vec!["icu/caregiver.parquet".to_owned()]));
}

#[test]
fn a_file_that_is_no_parquet_or_cut_short_is_named() {
    let case = Case::new(&[("icu/caregiver.parquet", "caregiver_id\n1\n")]);
    let error = case.load().unwrap_err();
    assert!(error.to_string().ends_with("caregiver.parquet"), "{error}");
    write(&case, "icu/caregiver.parquet", "SELECT i AS caregiver_id FROM range(100000) t(i)");
    let whole = fs::read(case.src().join("icu/caregiver.parquet")).unwrap();
    case.write("icu/caregiver.parquet", &whole[..whole.len() - 100]);
    assert!(matches!(case.load(), Err(IngestError::Engine { .. })));
    let mut torn = whole.clone();
    torn[100..1000].fill(0xff);
    case.write("icu/caregiver.parquet", &torn);
    // A flipped page may still decode to other values: Parquet from here has no checksums, and none is claimed.
    if let Ok(report) = case.load() {
        assert_eq!(report.rows() + report.rejected(), 100_000);
    }
}

#[test]
fn a_parquet_file_that_mostly_fails_is_refused() {
    let case = Case::new(&[]);
    write(&case, "icu/caregiver.parquet", "SELECT 'x' || i AS caregiver_id FROM range(10) t(i)");
    let error = case.load().unwrap_err();
    assert!(matches!(error, IngestError::MostlyRejected { rejected: 10, line: 1, .. }), "{error:?}");
}

#[test]
fn the_real_demo_as_parquet_is_the_same_as_from_csv() {
    let Some(src) = test_data() else { return };
    let home = tempfile::tempdir().unwrap();
    let from_csv = home.path().join("csv/demo.duckdb");
    load(&demo(), &src, &from_csv, &mut |_| {}).unwrap();
    let tree = home.path().join("tree");
    let connection = open(&from_csv);
    let mut statement = connection
        .prepare("SELECT schema_name, table_name FROM duckdb_tables() WHERE schema_name LIKE 'mimiciv%'")
        .unwrap();
    let tables: Vec<(String, String)> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    for (schema, table) in &tables {
        let folder = tree.join(schema.trim_start_matches("mimiciv_"));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{table}.parquet"));
        connection
            .execute_batch(&format!("COPY {schema}.{table} TO '{}' (FORMAT parquet)", file.display()))
            .unwrap();
    }
    drop(statement);
    drop(connection);
    let from_parquet = home.path().join("parquet/demo.duckdb");
    let report = load(&demo(), &tree, &from_parquet, &mut |_| {}).unwrap();
    assert_eq!((report.rejected(), report.tables.len()), (0, tables.len()));
    assert_eq!(resume::content(&from_csv), resume::content(&from_parquet));
}
