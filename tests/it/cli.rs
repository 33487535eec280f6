//! `m4` on a terminal: exit codes, where words go, and what each command leaves behind.

use std::fs;
use std::path::Path;

use m4_tests::cli::{Output, m4};
use m4_tests::sandbox::Sandbox;
use serde_json::json;

use crate::setup::{COUNT_PATIENTS, call, empty, every_tool, skip, start, with_sample};

#[track_caller]
fn run(sandbox: &Sandbox, args: &[&str], code: i32) -> Output {
    let output = m4(sandbox, args).unwrap();
    assert_eq!(output.code, Some(code), "{args:?}\nstdout: {}\nstderr: {}", output.stdout, output.stderr);
    output
}

/// Fails, with nothing on stdout and these lines on stderr.
#[track_caller]
fn fails(sandbox: &Sandbox, args: &[&str], error: &str, hint: &str) {
    let output = run(sandbox, args, 1);
    assert_eq!(output.stdout, "", "{args:?}");
    let begin = format!("error: {error}");
    assert!(output.stderr.lines().any(|line| line.starts_with(&begin)), "{}", output.stderr);
    let hinted = output
        .stderr
        .lines()
        .last()
        .unwrap()
        .strip_prefix("hint: ")
        .unwrap_or_else(|| panic!("no hint: {}", output.stderr));
    assert!(hinted.contains(hint), "{}", output.stderr);
}

#[test]
fn success_is_0_and_what_the_user_can_mend_is_1_and_usage_is_2() {
    let sandbox = with_sample();
    for args in [
        vec!["--version"],
        vec!["--help"],
        vec!["status"],
        vec!["backend"],
        vec!["query", "--sql", "SELECT 1"],
    ] {
        run(&sandbox, &args, 0);
    }
    for args in [
        vec!["query", "--sql", "SELECT nope"],
        vec!["query", "--sql", "DROP TABLE x"],
        vec!["query", "--dataset", "nope", "--sql", "SELECT 1"],
        vec!["init", "nope"],
    ] {
        let output = run(&sandbox, &args, 1);
        assert!(output.stderr.starts_with("error: ") && output.stdout.is_empty(), "{}", output.stderr);
    }
    for args in [
        vec![],
        vec!["no-such-command"],
        vec!["query"],
        vec!["query", "--sql", " "],
        vec!["query", "--sql", "SELECT 1", "--limit", "0"],
        vec!["backend", "postgres"],
        vec!["backend", "duckdb", "--project-id", "p"],
        vec!["config", "--oauth2-issuer", "https://issuer.example"],
        vec!["config", "--enable-oauth2"],
        vec!["init", "--no-such-option"],
    ] {
        let output = run(&sandbox, &args, 2);
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{args:?}: {}", output.stdout);
    }
}

#[test]
fn init_makes_the_sample_and_does_not_make_it_twice() {
    let sandbox = empty();
    let first = run(&sandbox, &["init", "mimic-iv-sample", "--paths"], 0);
    let database = sandbox.data_dir().join("databases/mimic_iv_sample.duckdb");
    let [summary, path] = first.stdout.lines().collect::<Vec<_>>()[..] else { panic!("{}", first.stdout) };
    assert!(summary.starts_with("mimic-iv-sample is set up: "), "{summary}");
    assert_eq!(path, database.to_str().unwrap());
    let made = fs::metadata(&database).unwrap().modified().unwrap();
    let again = run(&sandbox, &["init", "mimic-iv-sample"], 0);
    assert!(again.stderr.contains("set up already") && again.stderr.contains("--force"), "{}", again.stderr);
    assert_eq!(fs::metadata(&database).unwrap().modified().unwrap(), made);
}

#[test]
fn init_of_what_cannot_be_set_up_says_what_can() {
    let sandbox = empty();
    fails(
        &sandbox,
        &["init", "mimic-iv-sampel"],
        "there is no dataset mimic-iv-sampel (did you mean mimic-iv-sample",
        "known datasets: ",
    );
    fails(&sandbox, &["init", "../../etc"], "", "");
    fails(&sandbox, &["init", "eicu"], "there are no files of eicu yet", "m4 init eicu --download");
    fails(
        &sandbox,
        &["init", "mimic-iv-sample", "--src", "."],
        "mimic-iv-sample is generated: there is nothing to read",
        "m4 init mimic-iv-sample",
    );
    fails(&sandbox, &["init", "mimic-iv-demo", "--src", "no/such/dir"], "", "");
    let nothing = sandbox.root().join("nothing");
    fs::create_dir(&nothing).unwrap();
    fails(
        &sandbox,
        &["init", "mimic-iv-demo", "--src", nothing.to_str().unwrap()],
        "no table of mimic-iv-demo was found",
        "looked for ",
    );
    assert!(!sandbox.data_dir().join("databases/mimic_iv_demo.duckdb").exists());
}

#[test]
fn init_loads_the_tables_that_are_there_and_lists_the_absent_ones() {
    let sandbox = empty();
    let source = sandbox.root().join("source");
    fs::create_dir_all(source.join("hosp")).unwrap();
    fs::write(
        source.join("hosp/patients.csv"),
        "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n\
         1,F,71,2180,2011 - 2013,\n2,M,34,2181,2014 - 2016,2182-05-06\n",
    )
    .unwrap();
    fs::write(source.join("hosp/notes.txt"), "not a table").unwrap();
    let output = run(&sandbox, &["init", "mimic-iv-demo", "--src", source.to_str().unwrap()], 0);
    let absent = output.stderr.lines().find(|line| line.contains("not in the source")).unwrap();
    assert!(
        absent.starts_with("warning: ")
            && absent.contains("mimiciv_hosp.admissions")
            && absent.contains("mimiciv_icu.icustays"),
        "{absent}"
    );
    assert!(!absent.contains("patients"), "{absent}");
    let rows =
        run(&sandbox, &["query", "--json", "--sql", "FROM mimiciv_hosp.patients ORDER BY subject_id"], 0);
    let rows = rows.data();
    assert_eq!(rows["rows"][1], json!([2, "M", 34, 2181, "2014 - 2016", "2182-05-06"]));
    assert_eq!(rows["dataset"], "mimic-iv-demo");
    // Where the files were is the operator's business, not every caller's.
    let meta = run(&sandbox, &["query", "--json", "--sql", "FROM m4_meta.dataset"], 0);
    let tables = run(&sandbox, &["query", "--json", "--sql", "FROM m4_meta.tables"], 0);
    for text in [&meta.stdout, &tables.stdout] {
        assert!(!text.contains(sandbox.root().to_str().unwrap()), "{text}");
    }
}

#[test]
fn a_query_prints_data_to_stdout_and_the_rest_to_stderr() {
    let sandbox = with_sample();
    let table = run(&sandbox, &["query", "--sql", COUNT_PATIENTS], 0);
    assert!(table.stdout.contains('n') && table.stdout.contains("100"), "{}", table.stdout);
    assert!(table.stderr.contains("(1 row"), "{}", table.stderr);
    assert!(!table.stdout.contains('\u{1b}') && !table.stderr.contains('\u{1b}'), "colour in a pipe");
    let json = run(&sandbox, &["query", "--json", "--sql", COUNT_PATIENTS], 0);
    let answer = json.data();
    assert_eq!(
        (&answer["rows"], &answer["columns"]),
        (&json!([[100]]), &json!([{ "name": "n", "type": "BIGINT" }]))
    );
    let cut = run(&sandbox, &["query", "--json", "--limit", "3", "--sql", "FROM range(10)"], 0);
    let answer = cut.data();
    assert_eq!((&answer["row_count"], &answer["truncated"]), (&json!(3), &json!(true)));
}

#[test]
fn the_choice_of_a_backend_is_stored_shown_and_obeyed_by_the_server() {
    const SAYS: &str = "the bigquery backend is not available in this version of M4";
    let sandbox = with_sample();
    assert_eq!(run(&sandbox, &["backend"], 0).stdout, "duckdb\n");
    run(&sandbox, &["backend", "bigquery", "--project-id", "my-project"], 0);
    assert_eq!(run(&sandbox, &["backend"], 0).stdout, "bigquery\n");
    let status = run(&sandbox, &["status", "--json"], 0).data();
    assert_eq!((&status["backend"], &status["project_id"]), (&json!("bigquery"), &json!("my-project")));

    let mut server = start(&sandbox);
    for (tool, arguments) in every_tool() {
        let reply = call(&mut server, tool, arguments);
        match tool {
            "list_datasets" => assert_eq!(reply.structured["backend"], "bigquery"),
            "capabilities" => assert_eq!(reply.structured["backend_available"], false),
            "set_dataset" | "whoami" => assert!(!reply.is_error),
            _ => assert_eq!(
                reply.refusal(),
                format!("Error: {SAYS}\nHint: switch to the local one: m4 backend duckdb"),
                "{tool}"
            ),
        }
    }
    fails(&sandbox, &["query", "--sql", COUNT_PATIENTS], SAYS, "m4 backend duckdb");

    run(&sandbox, &["backend", "duckdb"], 0);
    run(&sandbox, &["query", "--sql", COUNT_PATIENTS], 0);
    let overridden = run(&sandbox.clone().with("M4_BACKEND", "bigquery"), &["backend", "duckdb"], 0);
    assert!(overridden.stderr.contains("M4_BACKEND is set and overrides"), "{}", overridden.stderr);
}

#[test]
fn a_project_id_that_is_none_is_a_usage_error_and_stores_nothing() {
    let sandbox = empty();
    for id in ["", "P", "a b", "x/../y", "-x"] {
        run(&sandbox, &["backend", "bigquery", &format!("--project-id={id}")], 2);
    }
    assert_eq!(run(&sandbox, &["backend"], 0).stdout, "duckdb\n");
    assert_eq!(fs::read_dir(sandbox.config_dir()).unwrap().count(), 0);
}

#[test]
fn status_says_what_is_set_up_and_whether_a_token_is_needed() {
    let text = run(&with_sample(), &["status"], 0).stdout;
    assert!(text.contains("backend: duckdb") && text.contains("oauth2:  disabled"), "{text}");
    let line = text.lines().find(|line| line.contains("mimic-iv-sample")).unwrap();
    assert!(line.contains("yes") && line.contains("SYNTHETIC"), "{line}");
    let misconfigured = run(&empty().with("M4_OAUTH2_ENABLED", "true"), &["status", "--json"], 0);
    assert_eq!(misconfigured.data()["oauth2"], "misconfigured");
    let warnings = misconfigured.envelope()["warnings"].to_string();
    assert!(warnings.contains("M4_OAUTH2_ISSUER_URL is not set"), "{warnings}");
    assert_eq!(misconfigured.stderr, "");
}

#[test]
fn doctor_fails_on_what_keeps_m4_from_working_and_says_so_in_json_too() {
    let sandbox = with_sample().with("M4_OAUTH2_ENABLED", "true");
    let output = run(&sandbox, &["doctor", "--json"], 1);
    assert_eq!(output.envelope()["error"]["code"], "needs_mending");
    let findings = output.data();
    assert!(findings.to_string().contains("M4_OAUTH2_ISSUER_URL is not set"), "{findings}");
    assert!(run(&sandbox, &["doctor"], 1).stdout.contains("M4_OAUTH2_AUDIENCE is not set"));
    run(&with_sample(), &["doctor"], 0);
}

/// Without `HOME` the system may still know where this user's home is, and a test has no business there.
#[test]
fn a_home_that_cannot_be_had_is_an_error_with_a_way_out() {
    let sandbox = empty();
    let file = sandbox.root().join("file");
    fs::write(&file, "").unwrap();
    let mut homeless = sandbox.clone().with("HOME", file.join("home")).with("USERPROFILE", file.join("home"));
    for name in ["M4_HOME", "M4_DATA_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "APPDATA"] {
        homeless = homeless.without(name);
    }
    for args in [["init", "mimic-iv-sample"], ["backend", "duckdb"], ["config", "claude"]] {
        let output = run(&homeless, &args, 1);
        assert!(
            output.stderr.contains("error: ") && output.stderr.contains("Caused by: "),
            "{args:?}: {}",
            output.stderr
        );
        assert!(output.stderr.lines().last().unwrap().starts_with("hint: "), "{args:?}: {}", output.stderr);
    }
    run(&homeless, &["status"], 0);
    // Whether there is a configuration in such a home cannot be known, so nobody is let in.
    let reply = call(&mut start(&homeless), "list_datasets", json!({}));
    assert!(
        reply.refusal().starts_with("Error: OAuth2 is misconfigured: the configuration file cannot be read"),
        "{}",
        reply.text
    );
}

#[cfg(unix)]
#[test]
fn folders_that_cannot_be_written_are_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = empty();
    let read_only = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o555)).unwrap();
    read_only(&sandbox.data_dir());
    read_only(&sandbox.config_dir());
    if fs::write(sandbox.data_dir().join("probe"), "").is_ok() {
        skip("this user (root?) may write to read-only folders");
        return;
    }
    fails(&sandbox, &["init", "mimic-iv-sample"], "", "you may write there");
    fails(&sandbox, &["backend", "bigquery"], "", "");
}

/// A file in the way of a folder stops root too.
#[test]
fn a_file_where_a_folder_should_be_is_named() {
    let sandbox = empty();
    let file = sandbox.root().join("file");
    fs::write(&file, "").unwrap();
    let blocked = sandbox.clone().with("M4_DATA_DIR", file.join("data"));
    let output = run(&blocked, &["init", "mimic-iv-sample"], 1);
    assert!(
        output.stderr.contains("cannot be written") && output.stderr.contains("Caused by: "),
        "{}",
        output.stderr
    );
    assert!(output.stderr.lines().last().unwrap().starts_with("hint: "), "{}", output.stderr);
    let blocked = sandbox.with("M4_HOME", file.join("config"));
    let output = run(&blocked, &["backend", "bigquery"], 1);
    assert!(output.stderr.lines().last().unwrap().starts_with("hint: "), "{}", output.stderr);
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    let sandbox = with_sample();
    let m4 = m4_tests::binaries::find("m4").unwrap();
    let script = format!(
        "'{}' query --limit 1000 --sql 'FROM range(1000)' | head -n 1; exit ${{PIPESTATUS[0]}}",
        m4.display()
    );
    let output = m4_tests::cli::run("bash", &sandbox, ["-c", &script]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(!output.stderr.contains("panicked") && !output.stderr.contains("error"), "{}", output.stderr);
}
