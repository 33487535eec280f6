//! The PhysioNet login of a download: where it may come from, and where it must never be.

use std::fs;
use std::path::{Path, PathBuf};

use m4_tests::cli::{Output, m4};
use m4_tests::file_server::{Fault, FileServer, read_tree, small_tree};
use m4_tests::sandbox::Sandbox;
use serde_json::Value;

use crate::download::start;
use crate::setup::empty;

const USER: &str = "ada@example.org";
const PASSWORD: &str = "s3cret:of-nobody-else";
const PATIENTS: &str = "hosp/patients.csv";

/// A sandbox with a dataset that wants a login, on this server.
fn with_dataset(url: &str) -> Sandbox {
    let sandbox = empty();
    fs::create_dir_all(sandbox.data_dir().join("datasets")).unwrap();
    let json = serde_json::json!({
        "name": "guarded", "file_listing_url": url, "subdirectories_to_scan": ["hosp", "icu"],
        "requires_authentication": true, "schema_mapping": { "hosp": "mimiciv_hosp", "icu": "mimiciv_icu" },
    });
    fs::write(sandbox.data_dir().join("datasets/guarded.json"), json.to_string()).unwrap();
    sandbox
}

fn guarded() -> (Sandbox, FileServer) {
    let server = FileServer::with_login(small_tree(), Some((USER, PASSWORD)));
    (with_dataset(&server.url()), server)
}

fn credentials(sandbox: &Sandbox, text: &str) -> PathBuf {
    let path = sandbox.root().join("login");
    fs::write(&path, text).unwrap();
    private(&path, 0o600);
    path
}

#[cfg(unix)]
fn private(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn private(_: &Path, _: u32) {}

fn with_file(sandbox: &Sandbox, file: &Path) -> Output {
    m4(sandbox, ["download", "guarded", "--physionet-credentials-file", file.to_str().unwrap(), "--json"])
        .unwrap()
}

fn code(output: &Output) -> String {
    assert_eq!(output.code, Some(1), "{}", output.stdout);
    let answer: Value = serde_json::from_str(&output.stdout).unwrap();
    answer["error"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_login_from_a_file_the_environment_or_standard_input_opens_the_dataset() {
    let (sandbox, server) = guarded();
    let file = credentials(&sandbox, &format!("{USER}\n{PASSWORD}\n"));
    assert_eq!(code(&m4(&sandbox, ["download", "guarded", "--json"]).unwrap()), "missing_credentials");
    assert_eq!(server.seen(), [], "nothing is asked for without a login");
    let output = with_file(&sandbox, &file);
    assert_eq!(output.code, Some(0), "{}", output.stdout);
    // The server itself compared the login; this is what PhysioNet looks at besides.
    assert!(server.seen().iter().all(|seen| seen.fields["user-agent"].starts_with("Wget/")));

    let (sandbox, _server) = guarded();
    let file =
        credentials(&sandbox, &serde_json::json!({ "username": USER, "password": PASSWORD }).to_string());
    let sandbox = sandbox.with("M4_PHYSIONET_CREDENTIALS_FILE", &file);
    let output = m4(&sandbox, ["init", "guarded", "--download"]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);

    let (sandbox, _server) = guarded();
    let args = ["download", "guarded", "--physionet-credentials-stdin"];
    let output = start(&sandbox, &args, Some(&format!("{USER}:{PASSWORD}"))).wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_login_is_nowhere_but_in_the_requests() {
    let (sandbox, server) = guarded();
    let file = credentials(&sandbox, &format!("{USER}:{PASSWORD}"));
    let sandbox = sandbox.with("RUST_LOG", "trace").with("M4_LOG", "trace");
    server.fault(PATIENTS, Fault::Drop(5));
    server.fault(PATIENTS, Fault::Status(403, vec![]));
    let failed = with_file(&sandbox, &file);
    let events =
        ["download", "guarded", "--events", "ndjson", "--physionet-credentials-file", file.to_str().unwrap()];
    let told = m4(&sandbox, events).unwrap();
    assert_eq!((failed.code, told.code), (Some(1), Some(0)), "{}{}", failed.stdout, told.stdout);
    fs::remove_file(&file).unwrap();
    let encoded = server.seen()[0].fields["authorization"].trim_start_matches("Basic ").to_owned();
    let said = format!("{}{}{}{}", failed.stdout, failed.stderr, told.stdout, told.stderr);
    for secret in [PASSWORD, USER, &encoded] {
        assert!(!said.contains(secret), "{secret} in {said}");
        for (path, content) in read_tree(sandbox.root()).unwrap() {
            assert!(!String::from_utf8_lossy(&content).contains(secret), "{secret} in {path}");
        }
    }
}

#[test]
fn a_wrong_login_and_a_missing_agreement_are_told_apart() {
    let (sandbox, server) = guarded();
    let wrong = credentials(&sandbox, "ada:wrong");
    let output = with_file(&sandbox, &wrong);
    assert_eq!(code(&output), "physionet_auth_failed");
    assert_eq!(server.seen().len(), 1, "a wrong login is not tried again");
    let right = credentials(&sandbox, &format!("{USER}:{PASSWORD}"));
    server.always("hosp/", Fault::Status(403, vec![]));
    let output = with_file(&sandbox, &right);
    assert_eq!(code(&output), "physionet_access_forbidden");
    assert!(
        output.stdout.contains("data use agreement") && output.stdout.contains("/content/demo/2.2/"),
        "{}",
        output.stdout
    );
}

#[test]
fn a_login_never_goes_to_another_server() {
    let other = FileServer::start(small_tree());
    let (sandbox, server) = guarded();
    let file = credentials(&sandbox, &format!("{USER}:{PASSWORD}"));
    let location = format!("{}{PATIENTS}", other.url());
    server.always(PATIENTS, Fault::Status(307, vec![("location", location)]));
    let output = with_file(&sandbox, &file);
    assert_eq!(code(&output), "download_failed");
    assert!(output.stdout.contains("redirects"), "{}", output.stdout);
    assert_eq!(other.seen(), []);
    for elsewhere in [
        "https://physionet.org.example/files/x/",
        "https://example.org/files/",
        "https://physionet.org:8443/x/",
    ] {
        let sandbox = with_dataset(elsewhere);
        let file = credentials(&sandbox, &format!("{USER}:{PASSWORD}"));
        assert_eq!(code(&with_file(&sandbox, &file)), "physionet_url_required", "{elsewhere}");
    }
    let sandbox = with_dataset("http://physionet.org/files/x/");
    let file = credentials(&sandbox, &format!("{USER}:{PASSWORD}"));
    let output = with_file(&sandbox, &file);
    assert!(output.stdout.contains("not encrypted"), "{}", output.stdout);
}

#[test]
fn a_dataset_that_is_open_never_sees_the_login() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    let file = credentials(&sandbox, &format!("{USER}:{PASSWORD}"));
    let file = file.to_str().unwrap();
    let args = ["download", "mimic-iv-demo", "--mirror", &server.url(), "--physionet-credentials-file", file];
    let output = m4(&sandbox, args).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(server.seen().iter().all(|seen| !seen.fields.contains_key("authorization")));
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_not_used() {
    let (sandbox, server) = guarded();
    let file = credentials(&sandbox, &format!("{USER}:{PASSWORD}"));
    private(&file, 0o644);
    let output =
        m4(&sandbox, ["download", "guarded", "--physionet-credentials-file", file.to_str().unwrap()])
            .unwrap();
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("other users") && output.stderr.contains("chmod 600"),
        "{}",
        output.stderr
    );
    assert_eq!(server.seen(), []);
}
