//! What `m4 init` makes a database from when nobody names a folder, and what it tells programs about it.

use std::fs;

use m4_tests::cli::{Output, m4};
use m4_tests::file_server::{Fault, FileServer, small_tree};
use m4_tests::sandbox::Sandbox;
use serde_json::Value;

use crate::download::DEMO;
use crate::setup::empty;

/// The lines of stdout, each of which must be a JSON object.
fn events(output: &Output) -> Vec<Value> {
    let parsed =
        output.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")));
    let events: Vec<Value> = parsed.collect();
    for (index, event) in events.iter().enumerate() {
        assert_eq!((&event["version"], &event["sequence"]), (&1.into(), &(index + 1).into()), "{event}");
        assert!(event["time"].as_str().unwrap().ends_with('Z'), "{event}");
        assert_eq!(event["operation"], "init");
    }
    events
}

fn put(sandbox: &Sandbox, folder: &str) {
    for (path, content) in small_tree() {
        let path = sandbox.data_dir().join(folder).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

#[test]
fn events_tell_of_download_and_load_and_end_with_the_envelope() {
    for more in [&[][..], &["--json"]] {
        let (sandbox, server) = (empty(), FileServer::start(small_tree()));
        server.fault("hosp/patients.csv", Fault::Drop(10));
        let url = server.url();
        let mut args = vec!["init", DEMO, "--mirror", &url, "--events", "ndjson"];
        args.extend(more);
        let output = m4(&sandbox, args).unwrap();
        assert_eq!(output.code, Some(0), "{}", output.stdout);
        let events = events(&output);
        assert_eq!((&events[0]["event"], &events[0]["dataset"]), (&"operation_started".into(), &DEMO.into()));
        let progress: Vec<_> = events.iter().filter(|event| event["event"] == "operation_progress").collect();
        assert_eq!(progress.len(), events.len() - 2);
        let with = |phase: &str, key: &str, name: &str, state: &str| {
            progress
                .iter()
                .any(|event| event["phase"] == phase && event[key] == name && event["state"] == state)
        };
        assert!(with("download", "file", "hosp/patients.csv", "waiting"));
        assert!(with("download", "file", "hosp/labevents.csv", "finished"));
        assert!(with("load", "table", "mimiciv_hosp.labevents", "started"));
        assert!(with("load", "table", "mimiciv_hosp.labevents", "finished"));
        assert!(progress.iter().any(|event| event["phase"] == "publish"));
        let last = events.last().unwrap();
        assert_eq!((&last["event"], &last["result"]["ok"]), (&"operation_completed".into(), &true.into()));
        assert_eq!(last["result"]["data"]["source"], "download");
        assert!(!output.stdout.contains(sandbox.root().to_str().unwrap()), "{}", output.stdout);
    }
}

#[test]
fn a_failure_is_the_last_event_with_its_code() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    server.always("hosp/patients.csv", Fault::Status(404, vec![]));
    let output = m4(&sandbox, ["init", DEMO, "--mirror", &server.url(), "--events", "ndjson"]).unwrap();
    assert_eq!(output.code, Some(1));
    let events = events(&output);
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["error"]["code"]),
        (&"operation_failed".into(), &"download_failed".into())
    );
    let output = m4(&sandbox, ["init", "no-such-thing", "--events", "ndjson"]).unwrap();
    assert!(output.stdout.contains("unknown_dataset"), "{}", output.stdout);
    assert_eq!(output.stdout.lines().count(), 2);
}

#[test]
fn files_of_an_earlier_download_are_found_and_said_to_be_used() {
    let sandbox = empty();
    put(&sandbox, "raw_files/mimic-iv");
    let output = m4(&sandbox, ["init", "mimic-iv", "--json"]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stdout);
    let answer: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(answer["data"]["source"], "downloaded");
    assert_eq!(answer["data"]["database"], "<path>");
    let again: Value =
        serde_json::from_str(&m4(&sandbox, ["init", "mimic-iv", "--json"]).unwrap().stdout).unwrap();
    assert_eq!(again["data"]["status"], "already_set_up");
}

#[test]
fn an_unfinished_download_is_not_loaded_as_if_it_were_all() {
    let sandbox = empty();
    put(&sandbox, "raw_files/mimic-iv");
    fs::write(sandbox.data_dir().join("raw_files/mimic-iv/.m4-downloading.json"), "{}").unwrap();
    let output = m4(&sandbox, ["init", "mimic-iv", "--no-interactive"]).unwrap();
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("is not finished") && output.stderr.contains("--download"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_dataset_with_a_login_says_what_it_needs_and_asks_nobody() {
    let output = m4(&empty(), ["init", "mimic-iv"]).unwrap();
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("--physionet-credentials-file"), "{}", output.stderr);
    let output = m4(&empty(), ["init", "eicu", "--download", "--no-interactive"]).unwrap();
    assert!(output.stderr.contains("no credentials were given"), "{}", output.stderr);
}

#[test]
fn a_folder_and_a_download_exclude_each_other() {
    let output = m4(&empty(), ["init", DEMO, "--src", "x", "--download"]).unwrap();
    assert_eq!(output.code, Some(2), "{}", output.stderr);
}
