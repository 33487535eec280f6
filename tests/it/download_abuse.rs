//! Downloads from servers that fail, lie, or mean harm.

use std::fs;

use m4_tests::cli::{Output, m4};
use m4_tests::file_server::{Fault, FileServer, SUMS, read_tree, small_tree};
use m4_tests::sandbox::Sandbox;

use crate::download::{DEMO, assert_complete, download, folder};
use crate::setup::{empty, install, sample_database};

const PATIENTS: &str = "hosp/patients.csv";
const LABEVENTS: &str = "hosp/labevents.csv";

/// Fails the test unless the download failed with these words in its message.
fn refused(output: &Output, words: &[&str]) {
    assert_eq!(output.code, Some(1), "{}{}", output.stdout, output.stderr);
    assert_eq!(output.stdout, "");
    for word in words {
        assert!(output.stderr.contains(word), "no {word:?} in: {}", output.stderr);
    }
}

fn there(sandbox: &Sandbox, path: &str) -> bool {
    folder(sandbox).join(path).exists()
}

#[test]
fn a_busy_server_is_asked_again_and_not_sooner_than_it_says() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    server.fault("hosp/", Fault::Status(503, vec![]));
    server.fault(SUMS, Fault::Status(500, vec![]));
    server.fault(LABEVENTS, Fault::Status(429, vec![("retry-after", "2".to_owned())]));
    server.fault(LABEVENTS, Fault::Status(503, vec![("retry-after", "1".to_owned())]));
    let output = download(&sandbox, &server);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.elapsed.as_secs() >= 3, "{:?}", output.elapsed);
    assert!(output.stderr.contains("the server answered 429; tried again in 2 s"), "{}", output.stderr);
    assert_complete(&sandbox, &server);
}

#[test]
fn a_server_that_stays_busy_or_asks_for_hours_is_given_up_with_the_file_named() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    server.always(PATIENTS, Fault::Status(503, vec![("retry-after", "86400".to_owned())]));
    refused(&download(&sandbox, &server), &["86400 seconds", PATIENTS, "it goes on where it stopped"]);
    server.mend();
    server.always(PATIENTS, Fault::Status(404, vec![]));
    refused(&download(&sandbox, &server), &["answered 404", PATIENTS]);
    server.mend();
    server.always(PATIENTS, Fault::Drop(0));
    refused(&download(&sandbox, &server), &["could not be downloaded", PATIENTS, "connection broke off"]);
}

#[test]
fn a_length_that_promises_too_much_is_believed_only_where_a_checksum_settles_it() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    server.always(PATIENTS, Fault::Lie(100));
    let output = download(&sandbox, &server);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stderr.contains("connection broke off"), "it was noticed: {}", output.stderr);
    assert_complete(&sandbox, &server);

    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    server.put(SUMS, "");
    server.always(PATIENTS, Fault::Lie(100));
    refused(&download(&sandbox, &server), &["could not be downloaded", PATIENTS]);
    assert!(!there(&sandbox, PATIENTS));
}

#[test]
fn a_length_that_hides_the_end_is_noticed_by_the_checksum() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    server.fault(PATIENTS, Fault::Lie(-100));
    let output = download(&sandbox, &server);
    assert_eq!(output.code, Some(0), "once is mended by trying anew: {}", output.stderr);
    assert_complete(&sandbox, &server);
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    server.always(PATIENTS, Fault::Lie(-100));
    refused(&download(&sandbox, &server), &[PATIENTS, "SHA-256"]);
    assert!(!there(&sandbox, PATIENTS));
}

#[test]
fn a_file_with_a_wrong_checksum_is_fetched_twice_then_named_and_never_kept() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    install(&sandbox, &sample_database(), "mimic_iv_demo.duckdb");
    let before = fs::read(sandbox.data_dir().join("databases/mimic_iv_demo.duckdb")).unwrap();
    server.always(PATIENTS, Fault::Body(server.file(PATIENTS).repeat(2)));
    let output = m4(&sandbox, ["init", DEMO, "--force", "--mirror", &server.url()]).unwrap();
    refused(&output, &[PATIENTS, "is not the published file", "SHA256SUMS.txt"]);
    assert_eq!(server.seen_of(PATIENTS).len(), 2);
    assert!(!there(&sandbox, PATIENTS) && !there(&sandbox, "hosp/patients.csv.part"));
    let after = fs::read(sandbox.data_dir().join("databases/mimic_iv_demo.duckdb")).unwrap();
    assert!(before == after, "the database that was there is untouched");
}

#[test]
fn a_finished_file_that_was_damaged_here_is_fetched_again() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    assert_eq!(download(&sandbox, &server).code, Some(0));
    fs::write(folder(&sandbox).join(PATIENTS), "subject_id\n").unwrap();
    server.forget();
    assert_eq!(download(&sandbox, &server).code, Some(0));
    assert_complete(&sandbox, &server);
    assert_eq!(server.seen_of(LABEVENTS).len(), 0);
}

#[test]
fn no_name_in_a_listing_or_in_the_checksums_leads_out_of_the_folder() {
    let mut tree = small_tree();
    let hostile = [
        "../../../../evil.csv",
        "/etc/evil.csv",
        "..%2f..%2fevil.csv",
        "%2e%2e/evil.csv",
        "..\\evil.csv",
        ".evil.csv",
        "https://evil.example/evil.csv",
        "//evil.example/evil.csv",
        "evil.csv?x",
        "evil%00.csv",
        "C:evil.csv",
    ];
    let links = hostile.map(|link| format!("<a href=\"{link}\">x</a>")).concat();
    let page = format!("<pre><a href=\"patients.csv\">p</a><a href=\"labevents.csv\">l</a>{links}</pre>");
    tree.insert("hosp/".to_owned(), page.into_bytes());
    let server = FileServer::start(tree);
    let sums = hostile.map(|link| format!("{} {link}\n", "0".repeat(64))).concat();
    let sandbox = empty();
    server.put(SUMS, sums);
    let output = download(&sandbox, &server);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stderr.contains("were not followed"), "{}", output.stderr);
    let everything = read_tree(sandbox.root()).unwrap();
    let evil: Vec<_> = everything.keys().filter(|path| path.contains("evil")).collect();
    assert_eq!(evil, [""; 0]);
    assert!(server.seen().iter().all(|seen| !seen.path.contains("evil")), "{:?}", server.seen());
    assert!(there(&sandbox, PATIENTS) && there(&sandbox, LABEVENTS));
}

#[test]
fn a_definition_cannot_choose_a_folder_outside_either() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    fs::create_dir_all(sandbox.data_dir().join("datasets")).unwrap();
    for bad in ["../../x", "/etc", "hosp/../../x"] {
        let json = serde_json::json!({
            "name": "ours", "file_listing_url": server.url(), "subdirectories_to_scan": ["hosp", bad],
            "schema_mapping": { "hosp": "mimiciv_hosp" },
        });
        fs::write(sandbox.data_dir().join("datasets/ours.json"), json.to_string()).unwrap();
        refused(
            &m4(&sandbox, ["download", "ours"]).unwrap(),
            &["is not the name of a folder", "subdirectories_to_scan"],
        );
    }
    assert_eq!(server.seen(), []);
}

#[test]
fn pages_without_end_are_not_read_to_their_end() {
    for path in ["hosp/", SUMS] {
        let (sandbox, server) = (empty(), FileServer::start(small_tree()));
        server.always(path, Fault::Body(vec![b'a'; 65 << 20]));
        refused(&download(&sandbox, &server), &["is larger than"]);
    }
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    let links = (0..20_000).map(|n| format!("<a href=\"f{n}.csv\">")).collect::<Vec<_>>().concat();
    server.always("hosp/", Fault::Body(links.into_bytes()));
    refused(&download(&sandbox, &server), &["more than 1000 files"]);
    server.always("hosp/", Fault::Body(b"<html>please log in</html>".to_vec()));
    server.always("icu/", Fault::Body(b"<html>please log in</html>".to_vec()));
    server.always(SUMS, Fault::Body(b"<html>please log in</html>".to_vec()));
    refused(&download(&sandbox, &server), &["SHA256SUMS.txt is not a list of checksums"]);
    server.always(SUMS, Fault::Status(404, vec![]));
    refused(&download(&sandbox, &server), &["names no data files"]);
}

#[test]
fn a_listing_that_was_cut_short_hides_no_published_file_and_a_mirror_says_what_it_lacks() {
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    server.always("hosp/", Fault::Body(b"<pre><a href=\"labevents.csv\">".to_vec()));
    assert_eq!(download(&sandbox, &server).code, Some(0));
    assert_complete(&sandbox, &server);

    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    server.put("icu/more.csv", "x\n");
    let whole = m4(&sandbox, ["download", DEMO, "--mirror", &server.url()]).unwrap();
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    fs::remove_file(folder(&sandbox).join("icu/more.csv")).unwrap();
    server.always("icu/more.csv", Fault::Status(404, vec![]));
    refused(&download(&sandbox, &server), &["answered 404", "icu/more.csv"]);
    server.always("icu/", Fault::Body(b"<pre><a href=\"icustays.csv\">".to_vec()));
    let partial = download(&sandbox, &server);
    assert_eq!(partial.code, Some(0), "a mirror may hold a part of a dataset: {}", partial.stderr);
    assert!(
        partial.stderr.contains("not on this server, so not downloaded: icu/more.csv"),
        "{}",
        partial.stderr
    );
}

#[test]
fn a_redirect_is_followed_within_the_server_and_to_the_same_file_only() {
    let other = FileServer::start(small_tree());
    let (sandbox, server) = (empty(), FileServer::start(small_tree()));
    server.put(&format!("v2/{PATIENTS}"), server.file(PATIENTS));
    let to = |location: String| Fault::Status(302, vec![("location", location)]);
    server.fault(PATIENTS, to(format!("{}v2/{PATIENTS}", server.url())));
    let output = download(&sandbox, &server);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    for (location, words) in [
        (format!("{}{PATIENTS}", other.url()), "redirects"),
        (format!("{}explanation.html", server.url()), "redirects"),
        (format!("{}{PATIENTS}", server.url()), "and on and on"),
        (format!("{}login/?next=x", server.url()), "refuses"),
        (String::new(), "redirects"),
    ] {
        let sandbox = empty();
        server.always(PATIENTS, to(location));
        refused(&download(&sandbox, &server), &[words, PATIENTS]);
    }
    assert_eq!(other.seen(), [], "nobody else was asked");
}
