//! A folder becomes the definition that loads it, or an error that names the file.

use std::io::Write as _;

use super::*;
use crate::dataset::Registry;
use crate::error::Explain as _;
use crate::ingest;

fn put(root: &Path, file: &str, bytes: &[u8]) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn gz(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn look(root: &Path) -> Result<Inferred, InferError> {
    infer("ward-7".parse().unwrap(), "Ours".to_owned(), root)
}

fn of(file: &str, bytes: &[u8]) -> Result<Inferred, InferError> {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), file, bytes);
    look(root.path())
}

fn kinds(inferred: &Inferred) -> Vec<String> {
    inferred.tables[0].columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect()
}

#[test]
fn what_is_inferred_is_a_definition_that_loads_every_row() {
    let root = tempfile::tempdir().unwrap();
    put(
        root.path(),
        "src/patients.csv",
        b"\xef\xbb\xbfsubject_id,mrn,Born\r\n1,007,2150-01-02\r\n2,120,\r\n",
    );
    put(
        root.path(),
        "src/lab/results.csv.gz",
        &gz("subject_id,\"it's \"\"x\"\"\",taken\n1,5.5,2180-05-06 22:23:00\n2,7,\n"),
    );
    put(root.path(), "src/ward_7/stays.csv", b"stay_id\n1\n");
    put(root.path(), "src/readme.txt", b"hello");
    put(root.path(), "src/.hidden.csv", b"a\n1\n");
    let inferred = look(&root.path().join("src")).unwrap();
    let names: Vec<_> = inferred.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["lab.results", "patients", "ward_7_data.stays"]);
    assert_eq!(inferred.ignored, ["readme.txt"]);
    assert!(inferred.tables.iter().all(|table| table.certain));
    put(root.path(), "datasets/ward-7.json", serde_json::to_string(&inferred).unwrap().as_bytes());
    let registry = Registry::open(root.path());
    assert!(registry.problems().is_empty(), "{:?}", registry.problems());
    let report = ingest::load(
        registry.find("ward-7").unwrap(),
        &root.path().join("src"),
        &root.path().join("databases/ward_7.duckdb"),
        &mut |_| {},
    )
    .unwrap();
    assert_eq!((report.rows(), report.rejected(), report.absent.len()), (5, 0, 0));
    assert!(
        report.tables.iter().all(|table| table.unexpected.is_empty() && table.missing.is_empty()),
        "{report:?}"
    );
}

#[test]
fn types_follow_the_values() {
    let csv = b"subject_id,icd_code,value,when,flag,empty\n1,4019,5,2180-05-06 22:23:00,true,\n2,0010,5.5,,false,\n";
    assert_eq!(
        kinds(&of("t.csv", csv).unwrap()),
        [
            "subject_id BIGINT",
            "icd_code VARCHAR",
            "value DOUBLE",
            "when TIMESTAMP",
            "flag BOOLEAN",
            "empty VARCHAR"
        ]
    );
    let not_text = of("t.csv", b"a,b\n1,\xff\n").unwrap();
    assert_eq!(kinds(&not_text), ["a BIGINT", "b VARCHAR"]);
    let unnamed = of("t.csv", b",b\n1,2\n").unwrap();
    assert_eq!(kinds(&unnamed), ["column_1 BIGINT", "b BIGINT"]);
}

#[test]
fn beyond_the_sample_a_number_may_have_a_fraction() {
    let mut csv = b"id,value\n".to_vec();
    for row in 0..=MOST_ROWS {
        writeln!(csv, "{row},{row}").unwrap();
    }
    let inferred = of("t.csv", &csv).unwrap();
    assert!(!inferred.tables[0].certain);
    assert_eq!(kinds(&inferred), ["id BIGINT", "value DOUBLE"]);
}

#[test]
fn one_line_of_any_length_is_read_in_bounded_memory() {
    let mut csv = b"id,text\n1,".to_vec();
    csv.resize(usize::try_from(MOST_BYTES).unwrap() + 100, b'7');
    let inferred = of("t.csv", &csv).unwrap();
    assert!(!inferred.tables[0].certain);
    assert_eq!(kinds(&inferred), ["id VARCHAR", "text VARCHAR"]);
    let error = of("t.csv", &vec![b'x'; 1 << 20]).unwrap_err();
    assert!(matches!(&error, InferError::Header { .. }) && error.to_string().len() < 200, "{error}");
}

#[test]
fn a_header_that_is_none_is_named_with_its_file() {
    for (csv, said) in [
        (&b""[..], "it is empty"),
        (b"1,2\n3,4\n", "\"1\" in its first line is data"),
        (b"a,2180-01-01\n", "is data"),
        (b"a,b,A\n1,2,3\n", "\"A\" twice"),
        (b"a;b\n1;2\n", "';'"),
        (b"a\tb\n", "'\\t'"),
        (b"a,\xff\n", "not UTF-8"),
        (b"a\0,b\n", "cannot name a column"),
    ] {
        let error = of("lab/x.csv", csv).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("lab/x.csv does not start with a header: ") && text.contains(said),
            "{text}"
        );
        assert!(error.hint().unwrap().contains("first line"));
    }
}

#[test]
fn a_compressed_file_that_is_cut_short_is_named() {
    let mut whole = gz(&"a,b\n1,2\n".repeat(5000));
    whole.truncate(whole.len() / 2);
    let error = of("lab/x.csv.gz", &whole).unwrap_err();
    assert!(
        matches!(&error, InferError::Damaged { .. }) && error.to_string().contains("lab/x.csv.gz"),
        "{error}"
    );
    assert!(matches!(of("x.csv.gz", b"no gzip").unwrap_err(), InferError::Damaged { .. }));
}

#[test]
fn files_that_cannot_become_tables_are_named() {
    for name in ["it's.csv", "a b.csv", "1st.csv", "a\"b.csv", "a;b.csv", "lab/x-y.csv.gz", "X.CSV"] {
        let error = of(name, b"a\n1\n").unwrap_err();
        assert!(matches!(&error, InferError::FileName { .. }), "{name}: {error}");
    }
    assert!(
        matches!(of("a/b/x.csv", b"a\n1\n").unwrap_err(), InferError::TooDeep { file } if file == "a/b/x.csv")
    );
    assert!(matches!(of("readme.txt", b"x").unwrap_err(), InferError::NothingFound { .. }));
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "x.csv", b"a\n1\n");
    put(root.path(), "x.csv.gz", &gz("a\n1\n"));
    assert!(matches!(look(root.path()).unwrap_err(), InferError::SameTable { .. }));
    assert!(matches!(look(&root.path().join("x.csv")).unwrap_err(), InferError::NotAFolder { .. }));
    assert!(matches!(look(&root.path().join("nope")).unwrap_err(), InferError::Read { .. }));
    assert!(matches!(of("x.parquet", b"no parquet").unwrap_err(), InferError::Parquet { .. }));
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_not_followed() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "outside/x.csv", b"a\n1\n");
    put(root.path(), "src/y.csv", b"a\n1\n");
    symlink(root.path().join("outside/x.csv"), root.path().join("src/x.csv")).unwrap();
    assert!(
        matches!(look(&root.path().join("src")).unwrap_err(), InferError::Outside { file } if file == "x.csv")
    );
    fs::remove_file(root.path().join("src/x.csv")).unwrap();
    symlink("../outside", root.path().join("src/lab")).unwrap();
    assert!(
        matches!(look(&root.path().join("src")).unwrap_err(), InferError::Outside { file } if file == "lab")
    );
}

#[test]
fn a_parquet_file_keeps_its_types() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("t.parquet");
    let copy = format!(
        "COPY (SELECT 1::INTEGER AS a, 'x' AS b, 1.5::DECIMAL(9,2) AS c, DATE '2180-01-01' AS d, now() AS e, [1] AS f) \
         TO '{}' (FORMAT parquet)",
        path.display()
    );
    duckdb::Connection::open_in_memory().unwrap().execute_batch(&copy).unwrap();
    assert_eq!(
        kinds(&look(root.path()).unwrap()),
        ["a INTEGER", "b VARCHAR", "c DECIMAL(9,2)", "d DATE", "e VARCHAR", "f VARCHAR"]
    );
}
