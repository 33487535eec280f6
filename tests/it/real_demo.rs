//! The real MIMIC-IV demo, where `M4_TEST_DATA` names a directory that holds `mimic-iv-demo/`.

use std::path::PathBuf;

use m4_tests::ambient;
use m4_tests::cli::m4;
use m4_tests::issuer::TokenSpec;
use serde_json::json;

use crate::setup::{Guarded, call, empty, install, issuer, made_once, present, protected, skip, sql, start};

/// The demo's files, or a line that says what is not tested.
fn source() -> Option<PathBuf> {
    let Some(folder) = ambient::variable("M4_TEST_DATA") else {
        skip("M4_TEST_DATA is not set, so nothing is tested on the real MIMIC-IV demo");
        return None;
    };
    let demo = PathBuf::from(folder).join("mimic-iv-demo");
    assert!(demo.is_dir(), "M4_TEST_DATA has no mimic-iv-demo: {}", demo.display());
    Some(demo)
}

fn database() -> Option<PathBuf> {
    let demo = source()?;
    Some(made_once("demo", |sandbox| {
        let output = m4(sandbox, ["init", "mimic-iv-demo", "--src", demo.to_str().unwrap()]).unwrap();
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        sandbox.data_dir().join("databases/mimic_iv_demo.duckdb")
    }))
}

#[test]
fn the_counts_are_those_of_the_published_files() {
    let Some(database) = database() else { return };
    let issuer = issuer();
    let sandbox = protected(empty(), &issuer);
    install(&sandbox, &database, "mimic_iv_demo.duckdb");
    present(&sandbox, &issuer.mint(TokenSpec::new()));
    let mut guarded = Guarded { server: start(&sandbox), sandbox, issuer };
    let server = &mut guarded.server;
    for (table, rows) in [
        ("mimiciv_hosp.patients", 100),
        ("mimiciv_hosp.admissions", 275),
        ("mimiciv_hosp.labevents", 107_727),
        ("mimiciv_icu.icustays", 140),
    ] {
        assert_eq!(sql(server, &format!("SELECT count(*) FROM {table}")).rows(), &[json!([rows])], "{table}");
        let info = call(server, "get_table_info", json!({ "table_name": table }));
        assert_eq!(info.structured["rows"], rows, "{table}");
    }
    present(&guarded.sandbox, "expired or not, this is no token");
    assert!(sql(server, "SELECT 1").refusal().starts_with("Error: Invalid token format"));
}

#[test]
fn ids_are_integers_and_times_are_timestamps() {
    let Some(database) = database() else { return };
    let sandbox = empty();
    install(&sandbox, &database, "mimic_iv_demo.duckdb");
    let mut server = start(&sandbox);
    let wrong = sql(
        &mut server,
        "SELECT table_schema || '.' || table_name || '.' || column_name || ' ' || data_type AS wrong \
         FROM information_schema.columns WHERE table_schema LIKE 'mimiciv%' AND ( \
           (column_name IN ('subject_id', 'hadm_id', 'stay_id', 'itemid', 'labevent_id') AND data_type NOT IN ('INTEGER', 'BIGINT')) \
           OR (column_name IN ('admittime', 'dischtime', 'charttime', 'storetime', 'intime', 'outtime', 'starttime', 'endtime') \
               AND data_type <> 'TIMESTAMP'))",
    );
    assert!(wrong.rows().is_empty(), "{}", wrong.text);
    let typed = sql(
        &mut server,
        "SELECT count(DISTINCT i.stay_id) FROM mimiciv_icu.icustays i JOIN mimiciv_hosp.admissions a USING (hadm_id) \
         WHERE i.intime >= a.admittime - INTERVAL 1 DAY",
    );
    assert_eq!(typed.rows(), &[json!([140])]);
}
