//! API keys through the real binaries: made by `m4 keys`, admitted by the server on stdio and by `m4 query`.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use m4_tests::cli::{Output, m4};
use m4_tests::issuer::{MockIssuer, TokenSpec};
use m4_tests::sandbox::Sandbox;
use m4_tests::server::RawServer;
use serde_json::{Value, json};

use crate::setup::{
    COUNT_PATIENTS, RESOURCES, Reply, call, every_tool, issuer, present, protected, refusal_to_read, sql,
    start, with_sample,
};

/// Keys alone: OAuth2 is off, and the caller's key comes from the file that [`present`] writes.
fn keys_alone() -> Sandbox {
    keyed(with_sample())
}

fn keyed(sandbox: Sandbox) -> Sandbox {
    let (file, token) = (key_file(&sandbox), sandbox.root().join("token"));
    sandbox.with("M4_API_KEYS_FILE", file).with("M4_OAUTH2_TOKEN_FILE", token)
}

fn key_file(sandbox: &Sandbox) -> PathBuf {
    sandbox.root().join("keys/api-keys.json")
}

fn keys(sandbox: &Sandbox, words: &[&str]) -> Output {
    m4(sandbox, ["keys"].iter().chain(words)).unwrap()
}

/// Makes a key and returns its text.
fn create(sandbox: &Sandbox, words: &[&str]) -> String {
    let output = keys(sandbox, &[&["create"], words].concat());
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let key = output.stdout.strip_suffix('\n').unwrap();
    assert!(key.starts_with("m4_") && !key.contains('\n'), "{key}");
    assert!(!output.stderr.contains(key));
    key.to_owned()
}

fn revoke(sandbox: &Sandbox, name: &str) {
    let output = keys(sandbox, &["revoke", name]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""), "{}", output.stderr);
}

/// Changes a field of the first key.
fn edit(sandbox: &Sandbox, field: &str, value: Value) {
    let path = key_file(sandbox);
    let mut content: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    content["keys"][0][field] = value;
    fs::write(&path, content.to_string()).unwrap();
}

fn whoami(server: &mut RawServer) -> Reply {
    call(server, "whoami", json!({}))
}

/// Calls again until the answer is a refusal, and gives its text and how long that took.
fn until_refused(server: &mut RawServer, most: Duration) -> (String, Duration) {
    let start = Instant::now();
    loop {
        let reply = whoami(server);
        if reply.is_error {
            return (reply.text, start.elapsed());
        }
        assert!(start.elapsed() < most, "still admitted after {most:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A second, and what a busy machine may take on top to answer: far less than a cache that is not asked again.
const SOON: Duration = Duration::from_secs(15);

const UNKNOWN: &str = "Error: Invalid API key: no such key is known here\n\
    Hint: Copy the whole key; if it was revoked, have the operator make a new one with `m4 keys create`.";

const UNREADABLE: &str = "Error: API keys cannot be read\n\
    Hint: Have the operator look into the server's log; `m4 keys list` says what is wrong with the file.";

#[test]
fn a_key_is_admitted_to_every_tool_as_its_name_and_with_its_scopes() {
    let sandbox = keys_alone();
    let key = create(&sandbox, &["laptop", "--scopes", "read:mimic-data extra", "--expires", "1h"]);
    let mut server = start(&sandbox);
    for text in [key.clone(), format!("Bearer {key}\n")] {
        present(&sandbox, &text);
        for (tool, arguments) in every_tool() {
            let reply = call(&mut server, tool, arguments);
            assert!(!reply.is_error, "{tool}: {}", reply.text);
        }
    }
    let me = whoami(&mut server).structured;
    assert_eq!((&me["issuer"], &me["subject"]), (&json!("urn:m4:api-keys"), &json!("laptop")));
    assert_eq!(me["scopes"], json!(["extra", "read:mimic-data"]));
    assert!(me["expires_at"].is_string() && me["authenticated"] == true, "{me}");
    let output = m4(&sandbox, ["query", "--sql", COUNT_PATIENTS, "--json"]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let in_environment = sandbox.without("M4_OAUTH2_TOKEN_FILE").with("M4_OAUTH2_TOKEN", &key);
    assert_eq!(sql(&mut start(&in_environment), COUNT_PATIENTS).rows(), &[json!([100])]);
}

#[test]
fn a_key_file_alone_shuts_out_callers_without_a_key_and_with_a_token() {
    let sandbox = keys_alone();
    create(&sandbox, &["a"]);
    let issuer = issuer();
    for switch in [None, Some("false")] {
        let sandbox = switch.map_or(sandbox.clone(), |off| sandbox.clone().with("M4_OAUTH2_ENABLED", off));
        let mut nobody = start(&sandbox.clone().without("M4_OAUTH2_TOKEN_FILE"));
        for (tool, arguments) in every_tool() {
            let refusal = call(&mut nobody, tool, arguments);
            assert!(
                refusal.refusal().starts_with("Error: Missing OAuth2 access token\n"),
                "{}",
                refusal.text
            );
        }
        for uri in RESOURCES {
            assert!(refusal_to_read(&mut nobody, uri).starts_with("Error: Missing OAuth2 access token\n"));
        }
        let mut server = start(&sandbox);
        for text in [issuer.mint(TokenSpec::new()), "opaque".to_owned()] {
            present(&sandbox, &text);
            let refusal = whoami(&mut server);
            assert!(
                refusal.refusal().starts_with("Error: Invalid API key: this is no API key"),
                "{}",
                refusal.text
            );
        }
        let query =
            m4(&sandbox.clone().without("M4_OAUTH2_TOKEN_FILE"), ["query", "--sql", "SELECT 1"]).unwrap();
        assert_eq!((query.code, query.stdout.as_str()), (Some(1), ""));
    }
    assert_eq!(issuer.counters().jwks, 0);
}

#[test]
fn a_revoked_key_is_refused_within_a_second_without_a_restart() {
    let sandbox = keys_alone();
    let (key, other) = (create(&sandbox, &["a"]), create(&sandbox, &["b"]));
    let mut server = start(&sandbox);
    present(&sandbox, &key);
    assert!(!whoami(&mut server).is_error);
    revoke(&sandbox, "a");
    let (text, took) = until_refused(&mut server, SOON);
    assert_eq!(text, UNKNOWN);
    assert!(took < SOON, "{took:?}");
    present(&sandbox, &other);
    assert!(!whoami(&mut server).is_error);
}

#[test]
fn a_new_key_works_without_a_restart() {
    let sandbox = keys_alone();
    create(&sandbox, &["a"]);
    let mut server = start(&sandbox);
    present(&sandbox, &create(&sandbox, &["b"]));
    crate::setup::eventually("the new key is admitted", || !whoami(&mut server).is_error);
}

#[test]
fn an_expired_and_a_wrong_key_are_refused() {
    let sandbox = keys_alone();
    let key = create(&sandbox, &["a"]);
    edit(&sandbox, "expires_at", json!(1_750_000_000));
    let mut server = start(&sandbox);
    present(&sandbox, &key);
    let refusal = whoami(&mut server);
    assert!(
        refusal.refusal().starts_with("Error: Token has expired: at 2025-06-15T15:06:40Z, "),
        "{}",
        refusal.text
    );
    assert!(refusal.text.ends_with("\nHint: Have the operator make a new key with `m4 keys create`."));
    let mut changed = key.clone().into_bytes();
    changed[10] ^= 1;
    for wrong in [String::from_utf8(changed).unwrap(), "m4_".into(), format!("{key}A"), key[..45].into()] {
        present(&sandbox, &wrong);
        assert_eq!(whoami(&mut server).refusal(), UNKNOWN);
    }
}

#[test]
fn a_key_without_the_scopes_of_the_call_is_refused() {
    let sandbox = keys_alone()
        .with("M4_OAUTH2_TOOL_SCOPES", "execute_query=query:database")
        .with("M4_OAUTH2_SCOPE_HIERARCHY", "admin=read:mimic-data,query:database");
    let [reader, admin, other] = [
        create(&sandbox, &["reader"]),
        create(&sandbox, &["admin", "--scopes", "admin"]),
        create(&sandbox, &["other", "--scopes", "other"]),
    ];
    let mut server = start(&sandbox);
    present(&sandbox, &reader);
    assert!(!whoami(&mut server).is_error);
    let refusal = sql(&mut server, COUNT_PATIENTS);
    assert!(
        refusal.refusal().starts_with("Error: Missing required scopes: query:database\n"),
        "{}",
        refusal.text
    );
    present(&sandbox, &admin);
    assert!(!sql(&mut server, COUNT_PATIENTS).is_error);
    present(&sandbox, &other);
    assert!(whoami(&mut server).refusal().starts_with("Error: Missing required scopes: read:mimic-data\n"));
}

#[test]
fn each_key_has_a_rate_of_its_own() {
    let sandbox =
        keys_alone().with("M4_OAUTH2_RATE_LIMIT_REQUESTS", "2").with("M4_OAUTH2_RATE_LIMIT_WINDOW", "600");
    let (key, other) = (create(&sandbox, &["a"]), create(&sandbox, &["b"]));
    let mut server = start(&sandbox);
    present(&sandbox, &key);
    assert!(!whoami(&mut server).is_error && !whoami(&mut server).is_error);
    assert!(whoami(&mut server).refusal().starts_with("Error: Rate limit exceeded: try again in "));
    present(&sandbox, &other);
    assert!(!whoami(&mut server).is_error);
}

#[test]
fn the_audit_names_the_key_and_no_output_holds_one() {
    let sandbox = keys_alone().with("M4_LOG", "trace");
    let (key, expired) = (create(&sandbox, &["laptop"]), create(&sandbox, &["gone"]));
    let mut server = start(&sandbox);
    present(&sandbox, &key);
    assert!(!sql(&mut server, COUNT_PATIENTS).is_error);
    revoke(&sandbox, "gone");
    present(&sandbox, &expired);
    until_refused(&mut server, SOON);
    let logged = server.stderr();
    let admitted = logged.lines().find(|line| line.contains("decision=\"admit\"")).unwrap();
    assert!(admitted.contains("issuer=\"urn:m4:api-keys\" subject=\"laptop\" token="), "{admitted}");
    assert!(logged.contains("reason=\"invalid_api_key\""), "{logged}");
    let mut shown = vec![logged];
    for words in
        [&["keys", "list"][..], &["keys", "list", "--json"], &["config", "show"], &["doctor"], &["status"]]
    {
        let output = m4(&sandbox, words).unwrap();
        shown.extend([output.stdout, output.stderr]);
    }
    // A token to be checked that is a key is named as one, and not repeated.
    let output = m4(&sandbox, ["auth", "check", &key]).unwrap();
    assert_eq!(output.code, Some(1));
    shown.extend([output.stdout, output.stderr]);
    shown.push(fs::read_to_string(key_file(&sandbox)).unwrap());
    for text in shown {
        for key in [&key, &expired] {
            assert!(!text.contains(&key[..16]) && !text.contains(&key[20..]), "{text}");
        }
    }
}

#[test]
fn a_file_of_keys_that_cannot_be_used_lets_nobody_in_by_key_and_says_why_in_the_log_alone() {
    let sandbox = keys_alone();
    let key = create(&sandbox, &["a"]);
    let path = key_file(&sandbox);
    let good = fs::read(&path).unwrap();
    present(&sandbox, &key);
    let cases: Vec<(Spoil<'_>, &str)> = vec![
        (Box::new(|| fs::write(&path, "{").unwrap()), "is not the JSON"),
        (Box::new(|| edit(&sandbox, "revoked", json!(true))), "is not the JSON"),
        #[cfg(unix)]
        (Box::new(|| chmod(&path, 0o644)), "are open to other users"),
        (Box::new(|| fs::remove_file(&path).unwrap()), "there is no file of API keys"),
    ];
    for (spoil, logged) in cases {
        fs::write(&path, &good).unwrap();
        #[cfg(unix)]
        chmod(&path, 0o600);
        let mut server = start(&sandbox);
        assert!(!whoami(&mut server).is_error);
        spoil();
        assert_eq!(until_refused(&mut server, SOON).0, UNREADABLE);
        for (tool, arguments) in every_tool() {
            assert_eq!(call(&mut server, tool, arguments).refusal(), UNREADABLE);
        }
        assert!(server.stderr().contains(logged), "{logged}: {}", server.stderr());
        assert!(server.stderr().contains("nobody gets in by key"));
        // And from the start.
        assert_eq!(whoami(&mut start(&sandbox)).refusal(), UNREADABLE);
    }
}

#[test]
fn tokens_and_keys_work_side_by_side_and_neither_needs_the_other() {
    let issuer = issuer();
    let sandbox = keyed(protected(with_sample(), &issuer));
    let key = create(&sandbox, &["a"]);
    let mut server = start(&sandbox);
    present(&sandbox, &key);
    assert_eq!(whoami(&mut server).structured["subject"], "a");
    assert_eq!(issuer.counters().jwks, 0, "a key needs no issuer");
    present(&sandbox, &issuer.mint(TokenSpec::new().subject("ann")));
    assert_eq!(whoami(&mut server).structured["subject"], "ann");
    present(&sandbox, "m4_unknown");
    assert_eq!(whoami(&mut server).refusal(), UNKNOWN);
    // A file of keys that is gone stops nobody who has a token.
    fs::remove_file(key_file(&sandbox)).unwrap();
    present(&sandbox, &key);
    until_refused(&mut server, SOON);
    present(&sandbox, &issuer.mint(TokenSpec::new().subject("ann")));
    assert_eq!(whoami(&mut server).structured["subject"], "ann");
}

#[test]
fn a_key_sent_to_a_server_without_keys_is_a_malformed_token() {
    let issuer = issuer();
    let keyed = keys_alone();
    let key = create(&keyed, &["a"]);
    let sandbox = protected(with_sample(), &issuer);
    present(&sandbox, &key);
    let refusal = whoami(&mut start(&sandbox));
    assert!(refusal.refusal().starts_with("Error: Invalid token format: "), "{}", refusal.text);
}

#[test]
fn no_key_is_ever_sent_to_an_issuer() {
    let issuer = MockIssuer::start(m4_tests::issuer::Options::default());
    let sandbox = keyed(protected(with_sample(), &issuer))
        .with("M4_OAUTH2_INTROSPECTION_URL", issuer.introspection_endpoint())
        .with("M4_OAUTH2_CLIENT_ID", "m4-server")
        .with("M4_OAUTH2_CLIENT_SECRET", "s3cr3t");
    let key = create(&sandbox, &["a"]);
    let asked = || issuer.counters().introspection;
    let mut server = start(&sandbox);
    for text in [key.as_str(), "m4_made-up", "Bearer m4_x.y.z"] {
        present(&sandbox, text);
        whoami(&mut server);
    }
    fs::remove_file(key_file(&sandbox)).unwrap();
    present(&sandbox, &key);
    until_refused(&mut server, SOON);
    assert_eq!(asked(), 0);
    // What does not look like a key is asked about.
    present(&sandbox, "opaque-token-of-somebody");
    assert!(whoami(&mut server).is_error);
    assert_eq!(asked(), 1);
}

/// A key that `m4` did not make, kept as `sha256sum` prints it.
#[test]
fn a_key_in_the_operators_own_words_is_looked_for_before_any_issuer_is_asked() {
    let key = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b";
    let issuer = issuer();
    let beside = keyed(protected(with_sample(), &issuer))
        .with("M4_OAUTH2_INTROSPECTION_URL", issuer.introspection_endpoint())
        .with("M4_OAUTH2_CLIENT_ID", "m4-server")
        .with("M4_OAUTH2_CLIENT_SECRET", "s3cr3t");
    for sandbox in [keys_alone(), beside] {
        create(&sandbox, &["a"]);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_bytes());
        let hex: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        edit(&sandbox, "sha256", json!(hex.concat()));
        present(&sandbox, key);
        let mut server = start(&sandbox);
        assert_eq!(whoami(&mut server).structured["subject"], "a");
        assert_eq!(issuer.counters().introspection, 0);
        present(&sandbox, &key[1..]);
        assert!(whoami(&mut server).is_error);
    }
    assert_eq!(issuer.counters().introspection, 1, "what is no key may be a token");
    // Where no issuer could know it, it can only have been a key.
    for sandbox in [keys_alone(), keyed(protected(with_sample(), &issuer))] {
        present(&sandbox, key);
        assert_eq!(whoami(&mut start(&sandbox)).refusal(), UNREADABLE);
    }
}

#[test]
fn keys_made_at_the_same_time_are_all_kept() {
    let sandbox = keys_alone();
    let made: Vec<String> = (0..6).map(|number| format!("k{number}")).collect();
    thread::scope(|scope| {
        for name in &made {
            scope.spawn(|| create(&sandbox, &[name]));
        }
    });
    let listed = keys(&sandbox, &["list", "--json"]).data();
    let mut kept: Vec<&str> =
        listed["keys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
    kept.sort_unstable();
    assert_eq!(kept, made);
}

#[test]
fn a_misspelt_setting_of_keys_admits_nobody() {
    for name in ["M4_API_KEY_FILE", "M4_API_KEYS_FLIE", "M3_API_KEYS_PATH"] {
        let mut server = start(&with_sample().with(name, "/somewhere"));
        let refusal = whoami(&mut server);
        assert!(
            refusal.refusal().starts_with("Error: OAuth2 is misconfigured: "),
            "{name}: {}",
            refusal.text
        );
        assert!(refusal.text.contains(name) && refusal.text.contains("is not a setting"), "{}", refusal.text);
    }
}

/// What makes a file of keys unusable.
type Spoil<'a> = Box<dyn Fn() + 'a>;

#[cfg(unix)]
fn chmod(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
