//! Datasets of the user's own, with tables of their own.

use super::*;

const WARD: &str = r#"{"name": "ward", "tables": {
    "lab.Results": {"file": "sub dir/it's [1].csv.gz", "columns": {"ID": "BIGINT", "cost": "DECIMAL(6,2)", "ok": "BOOLEAN", "gone": "DATE"}},
    "plain": {"file": "plain.csv", "columns": {"a": "VARCHAR"}},
    "absent": {"file": "absent.csv", "columns": {"a": "VARCHAR"}}}}"#;

struct Ward {
    home: TempDir,
    registry: Registry,
}

impl Ward {
    fn new(json: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        for folder in ["datasets", "src/sub dir", "other"] {
            fs::create_dir_all(home.path().join(folder)).unwrap();
        }
        fs::write(home.path().join("datasets/ward.json"), json).unwrap();
        let registry = Registry::open(home.path());
        assert!(registry.problems().is_empty(), "{:?}", registry.problems());
        Self { home, registry }
    }

    fn src(&self) -> PathBuf {
        self.home.path().join("src")
    }

    fn load(&self) -> Result<Report, IngestError> {
        let ward = self.registry.find("ward").unwrap();
        load(ward, &self.src(), &self.registry.database(ward), &mut |_| {})
    }
}

#[test]
fn declared_tables_load_with_their_types_from_the_files_they_name() {
    let ward = Ward::new(WARD);
    fs::write(
        ward.src().join("sub dir/it's [1].csv.gz"),
        gzip("id,cost,ok,extra\n3000000000,1.25,true,x\n1,12345.67,no,\n2,oops,f,\n4,1,t,\n5,1,t,\n"),
    )
    .unwrap();
    fs::write(ward.src().join("plain.csv"), "a\n1\n").unwrap();
    fs::write(ward.src().join("other.csv"), "a\n1\n").unwrap();
    let report = ward.load().unwrap();
    assert_eq!(report.absent, ["main.absent"]);
    assert_eq!(report.unrecognised, ["other.csv"]);
    let table = report.table("lab.Results").unwrap();
    assert_eq!((table.rows, table.rejected), (3, 2), "{table:?}");
    assert_eq!(
        (table.unexpected.as_slice(), table.missing.as_slice()),
        (&["extra".to_owned()][..], &["gone".to_owned()][..])
    );
    let database = ward.registry.database(ward.registry.find("ward").unwrap());
    let sql =
        "SELECT count(*) FROM lab.results WHERE id = 3000000000 AND cost = 1.25 AND ok AND gone IS NULL";
    assert_eq!(number(&database, sql), 1);
    assert_eq!(number(&database, "SELECT count(*) FROM plain"), 1);
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_source_is_refused_by_name_and_one_inside_is_followed() {
    use std::os::unix::fs::symlink;
    let ward = Ward::new(WARD);
    fs::write(ward.home.path().join("other/secret.csv"), "a\n1\n").unwrap();
    symlink(ward.home.path().join("other/secret.csv"), ward.src().join("plain.csv")).unwrap();
    let error = ward.load().unwrap_err();
    assert!(matches!(&error, IngestError::Outside { path } if path.ends_with("src/plain.csv")), "{error}");

    fs::remove_file(ward.src().join("plain.csv")).unwrap();
    fs::write(ward.src().join("sub dir/real.csv"), "a\n1\n").unwrap();
    symlink("sub dir/real.csv", ward.src().join("plain.csv")).unwrap();
    assert_eq!(ward.load().unwrap().rows(), 1);

    fs::remove_dir_all(ward.src().join("sub dir")).unwrap();
    fs::remove_file(ward.src().join("plain.csv")).unwrap();
    symlink(ward.home.path().join("other"), ward.src().join("sub dir")).unwrap();
    fs::write(ward.home.path().join("other/it's [1].csv.gz"), gzip("id\n1\n")).unwrap();
    assert!(matches!(ward.load(), Err(IngestError::Outside { .. })));
}

#[test]
fn a_directory_with_the_name_of_a_table_is_no_file() {
    let ward = Ward::new(WARD);
    fs::create_dir(ward.src().join("plain.csv")).unwrap();
    assert!(matches!(ward.load(), Err(IngestError::NotAFile { .. })));
}

#[test]
fn eicu_loads_from_the_root_of_its_release_whatever_the_case_of_its_file_names() {
    let case = Case::new(&[
        ("eicu-collaborative-research-database-2.0/patient.csv", "patientunitstayid,age\n1,> 89\n"),
        ("eicu-collaborative-research-database-2.0/LICENSE.txt", "text"),
    ]);
    case.write(
        "eicu-collaborative-research-database-2.0/vitalPeriodic.csv.gz",
        &gzip("vitalperiodicid,patientunitstayid,temperature\n3000000000,1,36.6\n"),
    );
    let definition = Registry::open(Path::new("/nonexistent/m4")).find("eicu").unwrap().clone();
    let report = load(&definition, &case.src(), &case.database(), &mut |_| {}).unwrap();
    assert_eq!((report.rows(), report.rejected(), report.absent.len()), (2, 0, 29));
    let sql = "SELECT count(*) FROM eicu_crd.vitalperiodic WHERE vitalperiodicid = 3000000000 AND temperature = 36.6";
    assert_eq!(number(&case.database(), sql), 1);
}
