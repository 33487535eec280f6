//! `m4 download` and the download of `m4 init`: from nothing to a database, and on from wherever it stopped.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use m4_tests::ambient;
use m4_tests::binaries;
use m4_tests::cli::{Output, m4};
use m4_tests::file_server::{Fault, FileServer, LABS, SUMS, read_tree, small_tree};
use m4_tests::sandbox::Sandbox;
use serde_json::Value;

use crate::setup::{empty, eventually, skip};

const LABEVENTS: &str = "hosp/labevents.csv";
pub(crate) const DEMO: &str = "mimic-iv-demo";

/// `m4 download` of the demo from this server.
pub(crate) fn download(sandbox: &Sandbox, server: &FileServer) -> Output {
    m4(sandbox, ["download", DEMO, "--mirror", &server.url(), "--no-interactive"]).unwrap()
}

/// Where it is downloaded to.
pub(crate) fn folder(sandbox: &Sandbox) -> PathBuf {
    sandbox.data_dir().join("raw_files").join(DEMO)
}

/// Fails the test unless everything is there, byte for byte, and nothing else but the lock.
pub(crate) fn assert_complete(sandbox: &Sandbox, server: &FileServer) {
    let mut found = read_tree(&folder(sandbox)).unwrap();
    assert!(found.remove(".m4-download.lock").is_some());
    let files: Vec<_> = found.keys().cloned().collect();
    for path in &files {
        assert!(found[path] == server.file(path), "{path} is not what was served");
    }
    assert!(files.iter().all(|path| path.contains(".csv") && !path.contains(".part")), "{files:?}");
    assert!(files.len() >= 3, "{files:?}");
}

/// Starts `m4` and leaves it running.
pub(crate) fn start(sandbox: &Sandbox, args: &[&str], input: Option<&str>) -> Child {
    let mut child = Command::new(binaries::find("m4").unwrap())
        .args(args)
        .env_clear()
        .envs(sandbox.variables())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    if let Some(input) = input {
        stdin.write_all(input.as_bytes()).unwrap();
    }
    child
}

fn rows(sandbox: &Sandbox, table: &str) -> u64 {
    let sql = format!("SELECT count(*) AS n FROM {table}");
    let output = m4(sandbox, ["query", "--sql", &sql, "--json"]).unwrap();
    let answer: Value = serde_json::from_str(&output.stdout).unwrap();
    answer["data"]["rows"][0][0].as_u64().unwrap_or_else(|| panic!("{answer}"))
}

fn part(sandbox: &Sandbox) -> PathBuf {
    folder(sandbox).join(format!("{LABEVENTS}.part"))
}

fn length(path: &Path) -> usize {
    fs::metadata(path).map_or(0, |meta| usize::try_from(meta.len()).unwrap())
}

#[test]
fn the_demo_comes_from_nothing_to_a_database_in_one_command() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    let output = m4(&sandbox, ["init", DEMO, "--mirror", &server.url()]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stdout.starts_with("mimic-iv-demo is set up: "), "{}", output.stdout);
    assert_eq!(rows(&sandbox, "mimiciv_hosp.labevents"), LABS as u64);
    assert_complete(&sandbox, &server);
    assert!(server.seen().iter().all(|seen| !seen.fields.contains_key("authorization")));

    server.forget();
    let again = download(&sandbox, &server);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let asked: Vec<_> = server.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(asked, [SUMS, "hosp/", "icu/"], "files that are there and right are not fetched again");
    drop(server);
    let forced = m4(&sandbox, ["init", DEMO, "--force"]).unwrap();
    assert_eq!(forced.code, Some(0), "what was downloaded is enough: {}", forced.stderr);
    assert!(forced.stderr.contains("downloaded before (raw_files/mimic-iv-demo)"), "{}", forced.stderr);
}

#[test]
fn the_real_demo_comes_whole() {
    let Some(data) = ambient::variable("M4_TEST_DATA") else {
        return skip("M4_TEST_DATA is not set, so the real demo is not downloaded");
    };
    let tree: BTreeMap<_, _> = read_tree(&PathBuf::from(data).join(DEMO)).unwrap();
    assert!(tree.contains_key(SUMS), "the published checksums are part of it");
    let (sandbox, server) = (empty(), FileServer::start(tree));
    let missing: Vec<_> = {
        let sums = String::from_utf8(server.file(SUMS)).unwrap();
        let named = sums.lines().filter_map(|line| Some(line.split_once(' ')?.1.trim().to_owned()));
        named.filter(|path| path.contains('/') && !tree_has(&server, path)).collect()
    };
    for file in ["hosp/labevents.csv.gz", "icu/d_items.csv.gz", "hosp/emar.csv.gz"] {
        server.fault(file, Fault::Drop(30_000));
    }
    let output = m4(&sandbox, ["init", DEMO, "--mirror", &server.url(), "--json"]).unwrap();
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    let answer: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(
        (&answer["ok"], &answer["data"]["download"]["unverified"]),
        (&true.into(), &0.into()),
        "{answer}"
    );
    assert_eq!(answer["data"]["download"]["missing"], Value::from(missing), "what the copy lacks is said");
    assert_complete(&sandbox, &server);
    assert_eq!(rows(&sandbox, "mimiciv_hosp.patients"), 100);
    assert_eq!(rows(&sandbox, "mimiciv_hosp.labevents"), 107_727);
}

fn tree_has(server: &FileServer, path: &str) -> bool {
    server.paths().iter().any(|known| known == path)
}

#[test]
fn a_dropped_connection_costs_only_the_rest() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    for after in [1000, 0, 50_000] {
        server.fault(LABEVENTS, Fault::Drop(after));
    }
    let output = download(&sandbox, &server);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_complete(&sandbox, &server);
    let seen = server.seen_of(LABEVENTS);
    let ranges: Vec<_> = seen.iter().map(|seen| seen.fields.get("range").map(String::as_str)).collect();
    assert_eq!(ranges, [None, Some("bytes=1000-"), Some("bytes=1000-"), Some("bytes=51000-")]);
    assert!(seen.iter().skip(1).all(|seen| seen.fields["if-range"].starts_with('"')));
    assert_eq!(
        seen.iter().map(|seen| seen.sent).sum::<usize>(),
        server.file(LABEVENTS).len(),
        "no byte came twice"
    );
}

#[test]
fn killed_in_the_middle_the_next_run_fetches_only_the_rest() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    server.fault(LABEVENTS, Fault::Hold(70_000));
    let mut child = start(&sandbox, &["init", DEMO, "--mirror", &server.url()], None);
    let others = || {
        folder(&sandbox).join("icu/icustays.csv").exists()
            && folder(&sandbox).join("hosp/patients.csv").exists()
    };
    eventually("the first part is on the disk", || length(&part(&sandbox)) == 70_000 && others());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!sandbox.data_dir().join("databases/mimic_iv_demo.duckdb").exists());

    server.forget();
    // Nothing but the name is said again: what is unfinished is never loaded as if it were all.
    let output = m4(&sandbox, ["init", DEMO, "--mirror", &server.url()]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_complete(&sandbox, &server);
    let whole = server.file(LABEVENTS).len();
    let fetched: Vec<_> = server.seen().into_iter().filter(|seen| seen.path.contains(".csv")).collect();
    let [rest] = fetched.as_slice() else {
        panic!("more than the rest of one file was fetched: {fetched:?}")
    };
    assert_eq!((rest.path.as_str(), rest.status, rest.sent), (LABEVENTS, 206, whole - 70_000));
    assert_eq!(rows(&sandbox, "mimiciv_hosp.labevents"), LABS as u64);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_came_and_says_how_to_go_on() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    server.fault(LABEVENTS, Fault::Hold(70_000));
    let child = start(&sandbox, &["download", DEMO, "--mirror", &server.url()], None);
    eventually("a part is on the disk", || length(&part(&sandbox)) == 70_000);
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("the download was stopped") && said.contains("run the same command again"),
        "{said}"
    );
    assert_eq!(length(&part(&sandbox)), 70_000);
    assert_eq!(download(&sandbox, &server).code, Some(0));
    assert_complete(&sandbox, &server);
}

#[test]
fn a_second_download_of_the_same_is_told_that_there_is_one() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    server.fault(LABEVENTS, Fault::Hold(10));
    let mut first = start(&sandbox, &["download", DEMO, "--mirror", &server.url()], None);
    eventually("the first is at work", || length(&part(&sandbox)) == 10);
    let second = download(&sandbox, &server);
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("another run is downloading"), "{}", second.stderr);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(download(&sandbox, &server).code, Some(0), "a lock of a killed run holds nobody up");
}

#[test]
fn a_server_without_ranges_sends_it_all_again() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    server.fault(LABEVENTS, Fault::Drop(1000));
    server.fault(LABEVENTS, Fault::NoRange);
    let output = download(&sandbox, &server);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_complete(&sandbox, &server);
    assert_eq!(server.seen_of(LABEVENTS)[1].status, 200);
}

#[test]
fn a_file_that_changed_between_two_parts_is_never_put_together_from_both() {
    // With checksums the mixture would be noticed in the end; without, these are the only defence.
    for fault in [None, Some(Fault::OtherVersion), Some(Fault::OtherRange)] {
        let mut tree = small_tree();
        tree.insert(SUMS.to_owned(), Vec::new());
        let (sandbox, server) = (empty(), FileServer::start(tree));
        server.fault(LABEVENTS, Fault::Hold(70_000));
        let mut child = start(&sandbox, &["download", DEMO, "--mirror", &server.url()], None);
        eventually("a part is on the disk", || length(&part(&sandbox)) == 70_000);
        child.kill().unwrap();
        child.wait().unwrap();
        match &fault {
            None => {
                let changed = String::from_utf8(server.file(LABEVENTS)).unwrap().replace("50912", "50913");
                server.put(LABEVENTS, changed);
            }
            Some(fault) => server.fault(LABEVENTS, fault.clone()),
        }
        let output = download(&sandbox, &server);
        assert_eq!(output.code, Some(0), "{fault:?}: {}", output.stderr);
        assert_complete(&sandbox, &server);
        assert!(output.stderr.contains("could not be checked"), "{}", output.stderr);
        assert_eq!(server.seen_of(LABEVENTS).last().unwrap().status, 200, "{fault:?}");
    }
}

#[test]
fn a_part_whose_version_nobody_knows_is_gone_on_with_only_under_a_checksum() {
    for (sums, status) in [(true, 206), (false, 200)] {
        let mut tree = small_tree();
        if !sums {
            tree.insert(SUMS.to_owned(), Vec::new());
        }
        let (sandbox, server) = (empty(), FileServer::start(tree));
        // As the Python package leaves it.
        fs::create_dir_all(folder(&sandbox).join("hosp")).unwrap();
        fs::write(part(&sandbox), &server.file(LABEVENTS)[..1234]).unwrap();
        let output = download(&sandbox, &server);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        assert_complete(&sandbox, &server);
        assert_eq!(server.seen_of(LABEVENTS)[0].status, status);
    }
}
