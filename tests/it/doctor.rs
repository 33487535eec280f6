//! `m4 doctor` on set-ups that are broken one by one: a finding with its cause and what mends it, and the exit code.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use m4_tests::binaries;
use m4_tests::cli::{Output, m4, run};
use m4_tests::issuer::{Endpoint, Fault, TokenSpec};
use m4_tests::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::setup::{empty, issuer, present, protected, with_sample};

/// The one finding that this check has something to say against; it comes with a cause and a way to mend it.
fn finding(output: &Output, check: &str) -> Value {
    let findings = output.data();
    let found: Vec<&Value> = findings
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["check"] == check && finding["status"] != "ok")
        .collect();
    let [found] = found[..] else { panic!("{check}: {findings:#}") };
    assert!(found["cause"].is_string() && found["mend"].is_string(), "{found:#}");
    found.clone()
}

fn doctor(sandbox: &Sandbox, code: i32) -> Output {
    let output = m4(sandbox, ["doctor", "--json", "--paths"]).unwrap();
    assert_eq!(output.code, Some(code), "{}\n{}", output.stdout, output.stderr);
    output
}

fn says(finding: &Value, part: &str, text: &str) {
    assert!(finding[part].as_str().unwrap().contains(text), "{part} lacks {text:?}: {finding:#}");
}

/// An issuer that answers with these keys and this `Date`.
fn made_up_issuer(keys: &Value, date: &str) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let metadata = json!({ "issuer": url, "jwks_uri": format!("{url}/k") }).to_string();
    let (keys, date) = (keys.to_string(), date.to_owned());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let head: Vec<String> = BufReader::new(&stream)
                .lines()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let body = if head.first().is_some_and(|line| line.contains(" /k ")) { &keys } else { &metadata };
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nConnection: close\r\n{date}Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    url
}

fn trusting(url: &str) -> Sandbox {
    with_sample()
        .with("M4_OAUTH2_ENABLED", "true")
        .with("M4_OAUTH2_ISSUER_URL", url)
        .with("M4_OAUTH2_AUDIENCE", "m4-api")
}

#[test]
fn a_whole_set_up_with_a_good_token_has_nothing_to_mend() {
    let issuer = issuer();
    let sandbox = protected(with_sample(), &issuer);
    present(&sandbox, &issuer.mint(TokenSpec::new()));
    #[cfg(unix)]
    fs::set_permissions(sandbox.root().join("token"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let findings = doctor(&sandbox, 0).data();
    for check in ["issuer", "token", "server", "library", "datasets"] {
        assert!(
            findings
                .as_array()
                .unwrap()
                .iter()
                .any(|finding| finding["check"] == check && finding["status"] == "ok"),
            "{check}: {findings:#}"
        );
    }
}

#[test]
fn an_issuer_that_is_not_there_or_fails_is_named_with_the_request_to_try() {
    let output = doctor(&trusting("http://127.0.0.1:1"), 1);
    let found = finding(&output, "issuer");
    says(&found, "what", "http://127.0.0.1:1: the issuer cannot be reached");
    says(&found, "mend", "curl -i 'http://127.0.0.1:1/.well-known/openid-configuration'");

    let issuer = issuer();
    issuer.fail(Endpoint::Discovery, Fault::Status(503));
    let found = finding(&doctor(&trusting(issuer.url()), 1), "issuer");
    says(&found, "what", "HTTP status 503");
}

#[test]
fn an_issuer_with_a_slash_too_much_comes_with_the_right_spelling() {
    let issuer = issuer();
    let found = finding(&doctor(&trusting(&format!("{}/", issuer.url())), 1), "issuer");
    says(&found, "what", "trailing slash");
    says(&found, "mend", &format!("M4_OAUTH2_ISSUER_URL to {},", issuer.url()));
}

#[test]
fn a_clock_that_is_ten_minutes_off_is_pointed_out_and_one_that_does_not_tell_is_not() {
    let p256 = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "a",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" }] });
    let now = i64::try_from(m4_tests::ambient::unix_now()).unwrap();
    for (off, says_so) in [(600, "ahead of"), (-600, "behind")] {
        let url = made_up_issuer(&p256, &format!("Date: {}\r\n", http_date(now + off)));
        let found = finding(&doctor(&trusting(&url), 1), "clock");
        says(&found, "what", says_so);
        let seconds: u64 =
            found["what"].as_str().unwrap().split(' ').find_map(|word| word.parse().ok()).unwrap();
        assert!((540..=660).contains(&seconds), "{found}");
        says(&found, "mend", "set this machine's clock");
    }
    let url = made_up_issuer(&p256, "");
    let findings = doctor(&trusting(&url), 0).data();
    assert!(!findings.to_string().contains("\"clock\""), "{findings:#}");
}

#[test]
fn keys_of_a_kind_that_is_not_allowed_come_with_the_setting_that_allows_them() {
    // RFC 8037 appendix A.2.
    let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "e",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] });
    let url = made_up_issuer(&keys, "");
    let found = finding(&doctor(&trusting(&url), 1), "issuer");
    says(&found, "what", "none of its keys can be used");
    says(&found, "cause", "key 1: ");
    says(&found, "mend", "EdDSA");
    let allowed = doctor(&trusting(&url).with("M4_OAUTH2_ALGORITHMS", "EdDSA"), 0).data();
    assert!(allowed.to_string().contains("1 usable keys (EdDSA)"), "{allowed:#}");
}

#[test]
fn a_token_that_expired_fails_and_is_nowhere_to_be_seen() {
    let issuer = issuer();
    let sandbox = protected(with_sample(), &issuer);
    let token = issuer.mint(TokenSpec::new().expires_in(-600));
    present(&sandbox, &token);
    let output = doctor(&sandbox, 1);
    let found: Vec<Value> = output.data().as_array().unwrap().clone();
    let found =
        found.iter().find(|finding| finding["check"] == "token" && finding["status"] == "fail").unwrap();
    says(found, "what", "Token has expired");
    says(found, "mend", "m4 auth check");
    for part in token.split('.') {
        assert!(!output.stdout.contains(part) && !output.stderr.contains(part));
    }
}

#[test]
fn a_database_of_a_newer_engine_is_told_from_a_damaged_one() {
    let sandbox = with_sample();
    let path = sandbox.data_dir().join("databases/mimic_iv_sample.duckdb");
    let whole = fs::read(&path).unwrap();
    assert_eq!(&whole[8..12], b"DUCK");
    let mut newer = whole.clone();
    make_newer(&mut newer);
    fs::write(&path, &newer).unwrap();
    let found = finding(&doctor(&sandbox, 1), "datasets");
    says(&found, "cause", "newer version of DuckDB");
    says(&found, "mend", "m4 init mimic-iv-sample --force");
    says(&found, "mend", "update M4");

    fs::write(&path, &whole[..100]).unwrap();
    let found = finding(&doctor(&sandbox, 1), "datasets");
    says(&found, "mend", "run: m4 init mimic-iv-sample --force");
}

#[cfg(unix)]
#[test]
fn another_m4_earlier_on_the_path_is_named_with_the_command_that_mends_it() {
    let sandbox = with_sample();
    let folder = sandbox.root().join("gnu");
    script(&folder.join("m4"), "echo 'm4 (GNU M4) 1.4.19'");
    let ours = binaries::find("m4").unwrap();
    let path = std::env::join_paths([folder.as_path(), ours.parent().unwrap()]).unwrap();
    let found = finding(&doctor(&sandbox.with("PATH", path), 0), "path");
    says(&found, "cause", "GNU m4, a macro processor");
    says(&found, "mend", &format!("export PATH='{}'", ours.parent().unwrap().display()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_cannot_find_its_library_fails_and_says_how_to_give_it_one() {
    let sandbox = with_sample().without("LD_LIBRARY_PATH");
    if m4(&sandbox, ["--version"]).unwrap().code != Some(0) {
        return crate::setup::skip("m4 finds its library on LD_LIBRARY_PATH alone");
    }
    // The library stays beside `m4`; the server that a client would start is a copy without one.
    let apart = sandbox.root().join("apart");
    let (bin, elsewhere) = (apart.join("bin"), apart.join("elsewhere"));
    fs::create_dir_all(&bin).unwrap();
    fs::create_dir_all(&elsewhere).unwrap();
    let ours = binaries::find("m4").unwrap();
    let library = ours.with_file_name("libduckdb.so");
    if !library.exists() {
        return crate::setup::skip("DuckDB is built in");
    }
    fs::copy(&ours, bin.join("m4")).unwrap();
    std::os::unix::fs::symlink(library.canonicalize().unwrap(), bin.join("libduckdb.so")).unwrap();
    fs::copy(binaries::find("m4-mcp-server").unwrap(), elsewhere.join("m4-mcp-server")).unwrap();
    let sandbox = sandbox.with("PATH", &elsewhere);
    let output = run(bin.join("m4"), &sandbox, ["doctor", "--json", "--paths"]).unwrap();
    assert_eq!(output.code, Some(1), "{}\n{}", output.stdout, output.stderr);
    let found = finding(&output, "server");
    says(&found, "what", "m4-mcp-server does not start");
    says(&found, "cause", "libduckdb.so");
    says(&found, "mend", "beside m4");
    says(&finding(&output, "library"), "what", "not beside the server");
}

#[test]
fn a_client_whose_file_is_broken_or_starts_nothing_is_named_with_the_way_out() {
    let sandbox = with_sample();
    let file = sandbox.home().join(".cursor/mcp.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "{ \"mcpServers\": s3cr3t").unwrap();
    let output = doctor(&sandbox, 1);
    let found = finding(&output, "client");
    says(&found, "what", "cursor: ");
    says(&found, "mend", "correct the file");
    assert!(!output.stdout.contains("s3cr3t"), "{}", output.stdout);

    fs::write(&file, r#"{ "mcpServers": { "m4": { "command": "/none/m4-mcp-server", "args": [] } } }"#)
        .unwrap();
    let found = finding(&doctor(&sandbox, 1), "client");
    says(&found, "what", "which is not there");
    says(&found, "mend", "m4 config cursor");

    fs::remove_file(&file).unwrap();
    assert_eq!(m4(&sandbox, ["config", "cursor", "--quick"]).unwrap().code, Some(0));
    let findings = doctor(&sandbox, 0).data();
    assert!(findings.as_array().unwrap().iter().any(|finding| finding["check"] == "client"), "{findings:#}");
}

#[test]
fn a_backend_that_cannot_answer_fails_with_the_command_that_changes_it() {
    let found = finding(&doctor(&empty().with("M4_BACKEND", "bigquery"), 1), "backend");
    says(&found, "mend", "m4 backend duckdb");
}

/// Sets the version of the storage format to one of the future, and the checksum of the first block with it: the exclusive
/// or of its words, each times a constant (DuckDB, `src/common/checksum.cpp`).
fn make_newer(database: &mut [u8]) {
    let word = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let share = |word: u64| word.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let (checksum, before) = (word(database, 0), word(database, 8));
    database[12..16].copy_from_slice(&9_999_u32.to_le_bytes());
    let checksum = checksum ^ share(before) ^ share(word(database, 8));
    database[..8].copy_from_slice(&checksum.to_le_bytes());
}

#[cfg(unix)]
fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// RFC 9110 §5.6.7.
fn http_date(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let weekday =
        ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][usize::try_from(days.rem_euclid(7)).unwrap()];
    let month =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month - 1];
    format!(
        "{weekday}, {day:02} {month} {year} {:02}:{:02}:{:02} GMT",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

/// Year, month and day of a day since 1970, by counting years and months.
fn civil(mut days: i64) -> (i64, usize, i64) {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while days >= 365 + i64::from(leap(year)) {
        days -= 365 + i64::from(leap(year));
        year += 1;
    }
    let months = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= months[month] {
        days -= months[month];
        month += 1;
    }
    (year, month + 1, days + 1)
}
