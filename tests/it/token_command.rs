//! `M4_OAUTH2_TOKEN_COMMAND`: a token that a program prints, in a server and in the terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use m4_tests::cli::m4;
use m4_tests::issuer::{MockIssuer, TokenSpec};
use m4_tests::sandbox::Sandbox;
use m4_tests::server::first_foreign_line;
use serde_json::json;

use crate::setup::{
    COUNT_PATIENTS, DEADLINE, answers, begin, call, issuer, present, protected, sql, start, with_sample,
};

/// A program that prints what [`present`] put into place, with its runs counted, and how a sandbox names it.
fn with_command(issuer: &MockIssuer, script: &str) -> Sandbox {
    let sandbox = protected(with_sample(), issuer).without("M4_OAUTH2_TOKEN_FILE");
    let program = sandbox.root().join("get token");
    let script = format!("#!/bin/sh\ncd '{}'\necho run >> runs\n{script}\n", sandbox.root().display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let command = format!("'{}' --password arg-s3cr3t", program.display());
    sandbox.with("M4_OAUTH2_TOKEN_COMMAND", command)
}

fn runs(sandbox: &Sandbox) -> usize {
    let path: PathBuf = sandbox.root().join("runs");
    fs::read_to_string(path).unwrap_or_default().lines().count()
}

#[test]
fn the_command_runs_once_and_its_token_is_kept() {
    let issuer = issuer();
    let sandbox = with_command(&issuer, "echo noise >&2; cat token");
    present(&sandbox, &issuer.mint(TokenSpec::new()));
    let sandbox = sandbox.with("M4_LOG", "m4::login=debug");
    let mut server = start(&sandbox);
    assert_eq!(runs(&sandbox), 0, "nobody has called yet");
    let ids: Vec<_> = (0..8).map(|_| begin(&mut server, "whoami", &json!({}))).collect();
    for (id, answer) in answers(&mut server, &ids) {
        assert_ne!(answer["result"]["isError"], json!(true), "{id}: {answer}");
    }
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
    assert_eq!(runs(&sandbox), 1);
    let exit = server.close_and_wait(DEADLINE).unwrap();
    assert_eq!(first_foreign_line(&exit.stdout), None);
    assert!(exit.stderr.contains("noise"), "{}", exit.stderr);
    let query = m4(&sandbox, ["query", "--sql", COUNT_PATIENTS]).unwrap();
    assert_eq!(query.code, Some(0), "{}", query.stderr);
}

#[test]
fn the_command_runs_again_before_its_token_expires() {
    let issuer = issuer();
    let sandbox = with_command(&issuer, "cat token").with("M4_OAUTH2_LEEWAY", "0");
    let mut server = start(&sandbox);
    while runs(&sandbox) < 4 {
        present(&sandbox, &issuer.mint(TokenSpec::new().expires_in(4)));
        let reply = call(&mut server, "whoami", json!({}));
        assert!(!reply.is_error, "{}", reply.text);
    }
}

#[test]
fn a_command_that_gives_no_token_is_said_and_shows_nothing_it_printed() {
    let issuer = issuer();
    let token = issuer.mint(TokenSpec::new());
    for (script, says) in [
        ("echo out-s3cr3t; cat token token >&2; exit 7", "the token command failed"),
        ("echo out-s3cr3t; echo out-s3cr3t", "the token command did not print one token alone"),
        ("exit 0", "the token command printed nothing"),
        ("yes out-s3cr3t", "the token command printed too much"),
    ] {
        let sandbox = with_command(&issuer, script).with("M4_LOG", "trace");
        present(&sandbox, &token);
        let mut server = start(&sandbox);
        for _ in 0..3 {
            let reply = sql(&mut server, COUNT_PATIENTS);
            let begin = format!("Error: Missing OAuth2 access token: {says}\nHint: ");
            assert!(reply.refusal().starts_with(&begin), "{}", reply.text);
        }
        let exit = server.close_and_wait(DEADLINE).unwrap();
        let doctor = m4(&sandbox, ["doctor"]).unwrap();
        assert_eq!(doctor.code, Some(1), "{}", doctor.stdout);
        let shown = m4(&sandbox, ["config", "show"]).unwrap();
        for text in [&exit.stderr, &doctor.stdout, &doctor.stderr, &shown.stdout, &shown.stderr] {
            for secret in ["s3cr3t", token.as_str()] {
                assert!(!text.contains(secret), "{script}: {text}");
            }
        }
    }
}

#[test]
fn a_command_that_cannot_be_one_shuts_the_gate() {
    let issuer = issuer();
    let sandbox = with_command(&issuer, "cat token").with("M4_OAUTH2_TOKEN_COMMAND", "get-token 's3cr3t");
    let reply = sql(&mut start(&sandbox), COUNT_PATIENTS);
    assert!(
        reply.refusal().contains("M4_OAUTH2_TOKEN_COMMAND has a quote that is not closed"),
        "{}",
        reply.text
    );
    assert!(!reply.text.contains("s3cr3t"));
}
