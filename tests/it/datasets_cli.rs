//! `m4 define-dataset` and `m4 remove-dataset`: a folder of one's own files becomes a dataset, and goes again.

use std::fs;
use std::path::Path;

use m4_tests::cli::{Output, m4};
use m4_tests::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::setup::{COUNT_PATIENTS, empty, sql, start, with_sample};

#[track_caller]
fn run(sandbox: &Sandbox, args: &[&str], code: i32) -> Output {
    let output = m4(sandbox, args).unwrap();
    assert_eq!(output.code, Some(code), "{args:?}\nstdout: {}\nstderr: {}", output.stdout, output.stderr);
    output
}

fn put(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A folder of files as people have them: a byte order mark, CRLF, leading zeros, quotes in names.
fn ward() -> Sandbox {
    let sandbox = empty();
    let src = sandbox.root().join("ward files");
    put(&src, "patients.csv", "\u{feff}subject_id,mrn,born\r\n1,007,2150-01-02\r\n2,120,\r\n");
    put(
        &src,
        "lab/results.csv",
        "subject_id,icd_code,\"it's \"\"x\"\"\",taken\n1,4019,5.5,2180-05-06 22:23:00\n2,0010,7,\n",
    );
    put(&src, "readme.txt", "hello");
    sandbox
}

fn source(sandbox: &Sandbox) -> String {
    sandbox.root().join("ward files").to_str().unwrap().to_owned()
}

#[test]
fn a_defined_dataset_is_set_up_and_asked_like_any_other() {
    let sandbox = ward();
    let src = source(&sandbox);
    let line = ["define-dataset", "ward-7", "--src", &src, "--description", "Ours", "--json"];
    let defined = run(&sandbox, &line, 0).data();
    assert_eq!(defined["ignored"], json!(["readme.txt"]));
    assert_eq!((&defined["next"], &defined["replaced"]), (&json!("m4 init ward-7 --src DIR"), &json!(false)));
    let file = sandbox.data_dir().join("datasets/ward-7.json");
    let written: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written, defined["definition"]);
    assert_eq!(
        written["tables"]["lab.results"],
        json!({
            "file": "lab/results.csv",
            "columns": {
                "subject_id": "BIGINT", "icd_code": "VARCHAR", "it's \"x\"": "DOUBLE", "taken": "TIMESTAMP"
            }
        })
    );
    let loaded = run(&sandbox, &["init", "ward-7", "--src", &src, "--json"], 0);
    assert_eq!((&loaded.data()["rows"], &loaded.data()["rejected"]), (&json!(4), &json!(0)));
    let rows = |query: &str| run(&sandbox, &["query", "--json", query], 0).data()["rows"].clone();
    assert_eq!(
        rows("FROM patients ORDER BY subject_id"),
        json!([[1, "007", "2150-01-02"], [2, "120", null]])
    );
    assert_eq!(
        rows(r#"SELECT icd_code, "it's ""x""", taken FROM lab.results ORDER BY subject_id"#),
        json!([["4019", 5.5, "2180-05-06T22:23:00"], ["0010", 7.0, null]])
    );
    let tables = run(&sandbox, &["schema"], 0).stdout;
    assert!(tables.contains("lab.results") && tables.contains("patients"), "{tables}");
    let described = run(&sandbox, &["describe-table", "lab.results"], 0).stdout;
    assert!(described.contains("VARCHAR") && described.contains("4019"), "{described}");
    assert!(run(&sandbox, &["status", "--all"], 0).stdout.contains("ward-7"));
}

#[test]
fn a_definition_is_replaced_on_request_alone_and_a_dry_run_writes_nothing() {
    let sandbox = ward();
    let src = source(&sandbox);
    let file = sandbox.data_dir().join("datasets/ward-7.json");
    let dry = run(&sandbox, &["define-dataset", "ward-7", "--src", &src, "--dry-run"], 0);
    assert!(dry.stdout.contains("icd_code") && !file.exists(), "{}", dry.stdout);
    run(&sandbox, &["define-dataset", "ward-7", "--src", &src], 0);
    let before = fs::read_to_string(&file).unwrap();
    let again = run(&sandbox, &["define-dataset", "ward-7", "--src", &src, "--title", "New"], 1);
    assert!(again.stderr.contains("defined already") && again.stderr.contains("--force"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    run(&sandbox, &["define-dataset", "ward-7", "--src", &src, "--title", "New", "--force"], 0);
    assert!(fs::read_to_string(&file).unwrap().contains("\"New\""));
    for taken in ["mimic-iv", "mimic_iv", "ward_7"] {
        let refused = run(&sandbox, &["define-dataset", taken, "--src", &src, "--force"], 1);
        assert!(refused.stderr.contains("choose another name"), "{}", refused.stderr);
    }
    let names: Vec<_> = fs::read_dir(sandbox.data_dir().join("datasets")).unwrap().flatten().collect();
    assert_eq!(names.len(), 1, "nothing is left beside it: {names:?}");
}

#[test]
fn files_that_cannot_be_used_are_named_and_nothing_is_written() {
    for (file, text, said) in [
        ("lab/x.csv", "a,b,A\n", "lab/x.csv does not start with a header: it names \"A\" twice"),
        ("x.csv", "1,2\n3,4\n", "x.csv does not start with a header"),
        ("x.csv", "", "x.csv does not start with a header: it is empty"),
        ("x.csv.gz", "no gzip", "x.csv.gz is damaged or incomplete"),
        ("x'y.csv", "a\n1\n", "cannot become a table"),
        ("a/b/x.csv", "a\n1\n", "a/b/x.csv lies more than one folder deep"),
        ("x.txt", "a\n", "no CSV or Parquet file was found"),
    ] {
        let sandbox = empty();
        let src = sandbox.root().join("src");
        put(&src, file, text);
        let refused = run(&sandbox, &["define-dataset", "mine", "--src", src.to_str().unwrap()], 1);
        assert!(refused.stderr.contains(said), "{file}: {}", refused.stderr);
        assert!(refused.stderr.lines().last().unwrap().starts_with("hint: "), "{}", refused.stderr);
        assert!(!sandbox.data_dir().join("datasets").exists());
    }
}

#[test]
fn nothing_is_removed_unless_somebody_says_yes() {
    let sandbox = with_sample();
    let database = sandbox.data_dir().join("databases/mimic_iv_sample.duckdb");
    for line in [
        &["remove-dataset", "mimic-iv-sample"][..],
        &["remove-dataset", "mimic-iv-sample", "--no-interactive"],
    ] {
        let refused = run(&sandbox, line, 1);
        assert!(refused.stdout.is_empty() && refused.stderr.contains("--yes"), "{}", refused.stderr);
        assert!(database.exists());
    }
    let dry = run(&sandbox, &["remove-dataset", "mimic-iv-sample", "--dry-run"], 0);
    assert!(dry.stdout.starts_with("would remove ") && database.exists(), "{}", dry.stdout);
    let removed = run(&sandbox, &["remove-dataset", "mimic-iv-sample", "--yes", "--json"], 0).data();
    assert_eq!((&removed["removed"][0]["what"], database.exists()), (&json!("database"), false));
    let nothing = run(&sandbox, &["remove-dataset", "mimic-iv-sample"], 0);
    assert!(nothing.stdout.contains("nothing"), "{}", nothing.stdout);
}

#[test]
fn a_server_that_has_it_open_says_so_once_it_is_gone_and_serves_it_again_once_it_is_back() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
    run(&sandbox, &["remove-dataset", "mimic-iv-sample", "--yes"], 0);
    let refused = sql(&mut server, COUNT_PATIENTS);
    assert!(refused.refusal().contains("no dataset is set up"), "{}", refused.text);
    run(&sandbox, &["init", "mimic-iv-sample"], 0);
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
}

#[test]
fn the_files_a_dataset_was_made_of_stay_and_its_definition_goes_on_request() {
    let sandbox = ward();
    let src = source(&sandbox);
    run(&sandbox, &["define-dataset", "ward-7", "--src", &src], 0);
    run(&sandbox, &["init", "ward-7", "--src", &src], 0);
    let definition = sandbox.data_dir().join("datasets/ward-7.json");
    run(&sandbox, &["remove-dataset", "ward-7", "--yes"], 0);
    assert!(definition.exists());
    let removed = run(&sandbox, &["remove-dataset", "ward-7", "--definition", "--yes"], 0);
    assert!(removed.stdout.contains("definition") && !definition.exists(), "{}", removed.stdout);
    assert!(Path::new(&src).join("patients.csv").exists());
    let unknown = run(&sandbox, &["remove-dataset", "ward-7", "--yes"], 1);
    assert!(unknown.stderr.contains("there is no dataset ward-7"), "{}", unknown.stderr);
}

#[cfg(unix)]
#[test]
fn links_out_of_the_data_folder_are_not_followed() {
    use std::os::unix::fs::symlink;
    let sandbox = empty();
    let theirs = sandbox.root().join("theirs");
    put(&theirs, "mimic_iv_demo.duckdb", "x");
    symlink(&theirs, sandbox.data_dir().join("databases")).unwrap();
    let refused = run(&sandbox, &["remove-dataset", "mimic-iv-demo", "--yes", "--json"], 1);
    assert_eq!(refused.envelope()["error"]["code"], "io");
    assert!(theirs.join("mimic_iv_demo.duckdb").exists());
    fs::remove_file(sandbox.data_dir().join("databases")).unwrap();
    fs::create_dir(sandbox.data_dir().join("databases")).unwrap();
    let link = sandbox.data_dir().join("databases/mimic_iv_demo.duckdb");
    symlink(theirs.join("mimic_iv_demo.duckdb"), &link).unwrap();
    run(&sandbox, &["remove-dataset", "mimic-iv-demo", "--yes"], 0);
    assert!(link.symlink_metadata().is_err() && theirs.join("mimic_iv_demo.duckdb").exists());
    // A definition is not inferred from what a link leads to either.
    let src = sandbox.root().join("src");
    fs::create_dir(&src).unwrap();
    symlink("/etc", src.join("lab")).unwrap();
    let refused = run(&sandbox, &["define-dataset", "mine", "--src", src.to_str().unwrap()], 1);
    assert!(refused.stderr.contains("lab leads out of the folder"), "{}", refused.stderr);
}
