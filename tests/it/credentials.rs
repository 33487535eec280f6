//! Where the caller's own token comes from, and that it stays there.

use std::fs;

use m4_tests::cli::m4;
use m4_tests::issuer::{MockIssuer, TokenSpec};
use m4_tests::sandbox::Sandbox;
use m4_tests::server::RawServer;
use serde_json::json;

use crate::setup::{COUNT_PATIENTS, DEADLINE, Guarded, call, issuer, protected, sql, start, with_sample};

#[test]
fn a_token_in_the_environment_is_taken_with_and_without_bearer() {
    let issuer = issuer();
    let token = issuer.mint(TokenSpec::new());
    for text in [token.clone(), format!("Bearer {token}"), format!("  bearer   {token}\n")] {
        let sandbox =
            protected(with_sample(), &issuer).without("M4_OAUTH2_TOKEN_FILE").with("M4_OAUTH2_TOKEN", text);
        assert_eq!(sql(&mut start(&sandbox), COUNT_PATIENTS).rows(), &[json!([100])]);
    }
}

#[test]
fn a_token_file_is_read_again_for_every_call() {
    let mut guarded = Guarded::start();
    let good = guarded.issuer.mint(TokenSpec::new());
    let file = guarded.sandbox.root().join("token");
    for (content, admitted) in [
        (good.clone(), true),
        (guarded.issuer.mint(TokenSpec::new().expires_in(-3600)), false),
        (format!("\u{feff}Bearer {good}\r\n"), true),
        (format!("{good}x"), false),
        (good.clone(), true),
    ] {
        // In place, unlike `present`: both ways of writing must be seen.
        fs::write(&file, content).unwrap();
        let reply = sql(&mut guarded.server, COUNT_PATIENTS);
        assert_eq!(reply.is_error, !admitted, "{}", reply.text);
    }
}

#[test]
fn a_token_file_that_holds_no_token_says_so_without_its_path_or_content() {
    let mut guarded = Guarded::start();
    let file = guarded.sandbox.root().join("token");
    let replies = |server: &mut RawServer| call(server, "list_datasets", json!({}));
    let missing = replies(&mut guarded.server);
    assert_eq!(
        missing.refusal(),
        "Error: Missing OAuth2 access token: the token file cannot be read\n\
         Hint: write the token to that file, readable by this user, or correct M4_OAUTH2_TOKEN_FILE"
    );
    for (content, says) in [
        (String::new(), "the token file is empty"),
        (" \n\n".to_owned(), "the token file is empty"),
        ("s3cr3t line one\ns3cr3t line two\n".to_owned(), "the token file does not hold one token"),
        ("s3cr3t".repeat(20_000), "the token file is too large"),
    ] {
        fs::write(&file, content).unwrap();
        let reply = replies(&mut guarded.server);
        let begin = format!("Error: Missing OAuth2 access token: {says}\nHint: ");
        assert!(reply.refusal().starts_with(&begin), "{}", reply.text);
        assert!(!reply.text.contains("s3cr3t"));
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let folder = replies(&mut guarded.server);
    assert!(folder.refusal().contains("the token file is not a regular file"), "{}", folder.text);
    assert!(!guarded.server.stderr().contains("s3cr3t"));
}

#[test]
fn no_secret_reaches_stdout_or_stderr_of_the_server_however_much_is_logged() {
    let issuer = issuer();
    let sandbox = talkative(protected(with_sample(), &issuer));
    let mut server = start(&sandbox);
    let tokens = tokens(&issuer);
    for token in &tokens {
        crate::setup::present(&sandbox, token);
        call(&mut server, "capabilities", json!({}));
        sql(&mut server, COUNT_PATIENTS);
        sql(&mut server, "SELECT no_such_column FROM mimiciv_hosp.patients");
    }
    let exit = server.close_and_wait(DEADLINE).unwrap();
    let stdout = String::from_utf8(exit.stdout).unwrap();
    assert!(
        exit.stderr.contains("m4::jwks") && exit.stderr.contains("reject"),
        "nothing was logged: {}",
        exit.stderr
    );
    for (stream, text) in [("stdout", &stdout), ("stderr", &exit.stderr)] {
        assert_no_secret(stream, text, &tokens);
    }
}

#[test]
fn no_secret_is_shown_by_any_command() {
    let issuer = issuer();
    let tokens = tokens(&issuer);
    let sandbox = talkative(protected(with_sample(), &issuer));
    let claude = sandbox.root().join("claude.json");
    for token in &tokens {
        crate::setup::present(&sandbox, token);
        let in_environment = sandbox.clone().with("M4_OAUTH2_TOKEN", token);
        let misconfigured = in_environment
            .clone()
            .with("M4_OAUTH2_ISSUER_URL", "nonsense")
            .with("M4_OAUTH2_RATE_LIMIT_STORE", format!("redis://m4:{REDIS_PASSWORD}@localhost"));
        for sandbox in [&sandbox, &in_environment, &misconfigured] {
            for args in [
                vec!["config", "show"],
                vec!["config", "show", "--json"],
                vec!["doctor"],
                vec!["doctor", "--json"],
                vec!["status", "--json"],
                vec!["query", "--sql", "SELECT no_such_column"],
                vec!["config", "--enable-oauth2"],
                vec!["config", "claude", "--dry-run", "-o", claude.to_str().unwrap()],
            ] {
                let output = m4(sandbox, &args).unwrap();
                assert_no_secret(&format!("stdout of {args:?}"), &output.stdout, &tokens);
                assert_no_secret(&format!("stderr of {args:?}"), &output.stderr, &tokens);
            }
        }
    }
}

#[test]
fn a_log_file_gets_the_log_and_no_secret_and_is_for_its_owner_only() {
    let issuer = issuer();
    let sandbox = talkative(protected(with_sample(), &issuer));
    let log = sandbox.root().join("m4.log");
    let sandbox = sandbox.with("M4_LOG_FILE", &log);
    let tokens = tokens(&issuer);
    let mut server = start(&sandbox);
    for token in &tokens {
        crate::setup::present(&sandbox, token);
        sql(&mut server, COUNT_PATIENTS);
    }
    let exit = server.close_and_wait(DEADLINE).unwrap();
    assert_eq!(exit.stderr, "");
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains("m4::audit"), "{text}");
    assert_no_secret("the log file", &text, &tokens);
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&log.metadata().unwrap().permissions()) & 0o777,
        0o600
    );
}

const CLIENT_SECRET: &str = "cl1ent-s3cr3t-value";
const REDIS_PASSWORD: &str = "r3d1s-p4ssw0rd";

/// Logs all there is to log, and holds every other secret there is.
fn talkative(sandbox: Sandbox) -> Sandbox {
    sandbox
        .with("M4_LOG", "trace")
        .with("M4_OAUTH2_DEBUG", "true")
        .with("M4_OAUTH2_CLIENT_ID", "m4-client")
        .with("M4_OAUTH2_CLIENT_SECRET", CLIENT_SECRET)
}

/// Admitted and refused ones.
fn tokens(issuer: &MockIssuer) -> Vec<String> {
    use m4_tests::issuer::{Forgery, KeyKind};
    vec![
        issuer.mint(TokenSpec::new()),
        issuer.mint(TokenSpec::new().key(KeyKind::P256).expires_in(-3600)),
        issuer.mint(TokenSpec::new().forge(Forgery::TamperedPayload)),
        issuer.mint(TokenSpec::new().audience("other")),
        "s3cr3t-opaque-token-of-the-user".to_owned(),
    ]
}

#[track_caller]
fn assert_no_secret(place: &str, text: &str, tokens: &[String]) {
    for secret in [CLIENT_SECRET, REDIS_PASSWORD] {
        assert!(!text.contains(secret), "{place} holds {secret}");
    }
    for token in tokens {
        let mut parts: Vec<&str> = token.split('.').skip(1).filter(|part| !part.is_empty()).collect();
        parts.push(token);
        for part in parts {
            assert!(!text.contains(part), "{place} holds {part}");
            // A cut token is a leak as well.
            let start = &part[..part.len().min(24)];
            assert!(!text.contains(start), "{place} holds the start of {part}");
        }
    }
}
