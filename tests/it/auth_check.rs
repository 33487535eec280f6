//! `m4 auth` against the mock issuer: which step a bad token fails at, what is never printed, and exit codes.

use std::fs;

use m4_tests::cli::{Output, m4, run};
use m4_tests::issuer::{Endpoint, Fault, Forgery, KeyKind, MockIssuer, TokenSpec};
use m4_tests::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::setup::{Guarded, call, empty, issuer, present, protected, with_sample};

/// Checks the token that is presented; the report, whose output holds nothing of the token.
#[track_caller]
fn check(sandbox: &Sandbox, token: &str, options: &[&str], code: i32) -> Value {
    present(sandbox, token);
    let mut reports = [["--json"].as_slice(), &[]].map(|form| {
        let output = m4(sandbox, ["auth", "check"].iter().chain(form).chain(options)).unwrap();
        assert_eq!(output.code, Some(code), "{}\n{}", output.stdout, output.stderr);
        holds_nothing_of(&output, token);
        output.stdout
    });
    let envelope: Value = serde_json::from_str(&std::mem::take(&mut reports[0])).unwrap();
    assert_eq!((envelope["ok"] == true, envelope["command"].as_str()), (code == 0, Some("auth check")));
    let report = envelope["data"].clone();
    let [verdict, message] = ["verdict", "message"].map(|name| report[name].as_str().unwrap());
    // The two runs may fall into different seconds, and distances in time are the last thing a message says.
    let settled = message.split(", ").next().unwrap_or_default();
    assert!(reports[1].contains(&format!("verdict: {verdict}: {settled}")), "{}", reports[1]);
    report
}

#[track_caller]
fn holds_nothing_of(output: &Output, token: &str) {
    for part in token.split(['.', ' ']).filter(|part| part.len() > 12) {
        let head = &part[..12];
        assert!(!output.stdout.contains(head) && !output.stderr.contains(head), "{output:?}");
    }
}

fn failed(report: &Value) -> Vec<&str> {
    outcomes(report, "failed")
}

fn outcomes<'a>(report: &'a Value, outcome: &str) -> Vec<&'a str> {
    let steps = report["steps"].as_array().unwrap().iter();
    steps.filter(|step| step["outcome"] == outcome).map(|step| step["name"].as_str().unwrap()).collect()
}

fn step<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["steps"].as_array().unwrap().iter().find(|step| step["name"] == name).unwrap()
}

#[test]
fn a_good_token_passes_and_the_exit_code_says_so() {
    let issuer = issuer();
    let sandbox = protected(empty(), &issuer);
    let report = check(&sandbox, &issuer.mint(TokenSpec::new()), &[], 0);
    assert_eq!(
        (&report["verdict"], &report["proven"], &report["offline"]),
        (&json!("passes"), &json!(true), &json!(false))
    );
    assert_eq!(report["issuer"], issuer.url());
    assert!(failed(&report).is_empty() && outcomes(&report, "skipped").is_empty(), "{report}");
}

#[test]
fn every_bad_token_fails_at_its_step_with_the_words_of_the_gate() {
    let mut guarded = Guarded::start();
    let slash = format!("{}/", guarded.issuer.url());
    let forged = |forgery| TokenSpec::new().forge(forgery);
    let cases: Vec<(TokenSpec, &[&str])> = vec![
        (forged(Forgery::AlgNone), &["format"]),
        (forged(Forgery::HmacWithPublicPem), &["algorithm"]),
        (forged(Forgery::HmacWithPublicDer), &["algorithm"]),
        (forged(Forgery::HmacWithPublicJwk), &["algorithm"]),
        (forged(Forgery::RsaHeaderOnEcKid), &["key"]),
        (forged(Forgery::TamperedPayload), &["signature"]),
        (forged(Forgery::ForeignSignature), &["signature"]),
        (TokenSpec::new().alg("PS256"), &["algorithm"]),
        (TokenSpec::new().header("crit", json!(["b64"])), &["crit"]),
        (TokenSpec::new().typ("logout+jwt"), &["typ"]),
        (TokenSpec::new().typ("dpop+jwt"), &["typ"]),
        (TokenSpec::new().key(KeyKind::Unknown), &["key"]),
        (TokenSpec::new().key(KeyKind::Encryption), &["key"]),
        (TokenSpec::new().claim("exp", "soon"), &["claims"]),
        (TokenSpec::new().claim("nonce", "n"), &["kind"]),
        (TokenSpec::new().issuer(&slash), &["iss"]),
        (TokenSpec::new().issuer("https://evil.example"), &["iss"]),
        (TokenSpec::new().without("iss"), &["iss"]),
        (TokenSpec::new().audience("other-api"), &["aud"]),
        (TokenSpec::new().expires_in(-3600), &["exp"]),
        (TokenSpec::new().without("exp"), &["exp"]),
        (TokenSpec::new().not_before_in(3600), &["nbf"]),
        (TokenSpec::new().issued_in(3600), &["iat"]),
        (TokenSpec::new().without("sub"), &["sub"]),
        (TokenSpec::new().claim("cnf", json!({ "jkt": "0ZcOCORZNYy" })), &["cnf"]),
        (TokenSpec::new().scope("other"), &["scopes"]),
        (TokenSpec::new().key(KeyKind::Unknown).expires_in(-3600).audience("x"), &["key", "aud", "exp"]),
    ];
    for (spec, steps) in cases {
        let token = guarded.issuer.mint(spec.clone());
        let report = check(&guarded.sandbox, &token, &[], 1);
        assert_eq!(failed(&report), steps, "{spec:?}");
        assert_eq!(report["verdict"], "refused", "{spec:?}");
        assert!(report["hint"].is_string(), "{spec:?}");
        // The server says the same; only of the times it may say other seconds.
        let refused = call(&mut guarded.server, "list_datasets", json!({}));
        let message = report["message"].as_str().unwrap();
        let same = message.split(", ").next().unwrap();
        assert!(refused.refusal().starts_with(&format!("Error: {same}")), "{message}\n{}", refused.text);
    }
}

#[test]
fn a_lone_slash_an_unknown_key_scopes_in_scp_and_differing_clocks_are_told() {
    let issuer = issuer();
    let sandbox = protected(empty(), &issuer);
    let slash = check(&sandbox, &issuer.mint(TokenSpec::new().issuer(&format!("{}/", issuer.url()))), &[], 1);
    assert!(step(&slash, "iss")["hint"].as_str().unwrap().contains("differ by a trailing slash"), "{slash}");
    let unknown = check(&sandbox, &issuer.mint(TokenSpec::new().key(KeyKind::Unknown)), &[], 1);
    let kid = format!("`{}`", issuer.kid(KeyKind::Rsa2048));
    assert!(step(&unknown, "key")["detail"].as_str().unwrap().contains(&kid), "{unknown}");
    let scp = check(&sandbox, &issuer.mint(TokenSpec::new().scp("read:mimic-data")), &[], 0);
    assert_eq!(step(&scp, "scopes")["detail"], "the token grants `read:mimic-data` in `scp`");
    let clocks = check(&sandbox, &issuer.mint(TokenSpec::new().issued_in(45)), &[], 0);
    let detail = step(&clocks, "iat")["detail"].as_str().unwrap();
    assert!(detail.contains("the issuer's clock and this one differ by at least 4"), "{detail}");
}

#[test]
fn offline_asks_nobody_and_never_says_that_a_token_passes() {
    let issuer = issuer();
    let sandbox = protected(empty(), &issuer);
    let report = check(&sandbox, &issuer.mint(TokenSpec::new()), &["--offline"], 1);
    assert_eq!(
        (&report["verdict"], &report["proven"], &report["offline"]),
        (&json!("unknown"), &json!(false), &json!(true))
    );
    assert_eq!(outcomes(&report, "skipped"), ["key", "signature"]);
    let forged = issuer.mint(TokenSpec::new().forge(Forgery::TamperedPayload));
    assert_eq!(check(&sandbox, &forged, &["--offline"], 1)["verdict"], "unknown");
    let expired = check(&sandbox, &issuer.mint(TokenSpec::new().expires_in(-3600)), &["--offline"], 1);
    assert_eq!((failed(&expired), &expired["verdict"]), (vec!["exp"], &json!("refused")));
    assert_eq!(issuer.counters().jwks + issuer.counters().discovery, 0);
}

/// Options, the scopes that are then missing, and the call the server is to refuse for the same.
type ScopeCase = (&'static [&'static str], &'static str, Option<(&'static str, Value)>);

#[test]
fn the_scopes_of_a_tool_and_a_dataset_are_asked_for_as_the_gate_asks() {
    let mut guarded = Guarded::with(issuer(), |sandbox| {
        sandbox.with(
            "M4_OAUTH2_TOOL_SCOPES",
            "execute_query=query:database;whoami=read:self;dataset:mimic-iv-sample=read:sample;dataset:eicu=read:eicu",
        )
    });
    let query = json!({ "sql_query": "SELECT 1" });
    // The sample is the only dataset that is set up, so it is what a data tool reads when no dataset is named.
    let cases: Vec<ScopeCase> = vec![
        (&[], "", None),
        (&["--tool", "list_datasets"], "", Some(("list_datasets", json!({})))),
        (&["--tool", "whoami"], "read:self", Some(("whoami", json!({})))),
        (&["--tool", "get_database_schema"], "read:sample", Some(("get_database_schema", json!({})))),
        (&["--tool", "execute_query"], "query:database, read:sample", Some(("execute_query", query))),
        (
            &["--tool", "get_database_schema", "--dataset", "eicu"],
            "read:eicu",
            Some(("get_database_schema", json!({ "dataset": "eicu" }))),
        ),
        (&["--dataset", "eicu"], "read:eicu", None),
        (&["--dataset", "mimic-iv-demo"], "", None),
    ];
    for (options, missing, same_call) in cases {
        let token = guarded.issuer.mint(TokenSpec::new());
        let report = check(&guarded.sandbox, &token, options, i32::from(!missing.is_empty()));
        let says = format!("Missing required scopes: {missing}");
        if missing.is_empty() {
            assert_eq!(report["verdict"], "passes", "{options:?}");
        } else {
            assert_eq!((failed(&report), &report["message"]), (vec!["scopes"], &json!(says)), "{options:?}");
            let all = format!("read:mimic-data {}", missing.replace(", ", " "));
            let complete = guarded.issuer.mint(TokenSpec::new().scope(all));
            check(&guarded.sandbox, &complete, options, 0);
        }
        if let Some((tool, arguments)) = same_call {
            guarded.present(&token);
            let reply = call(&mut guarded.server, tool, arguments);
            assert_eq!(reply.is_error, !missing.is_empty(), "{tool}: {}", reply.text);
            assert!(
                missing.is_empty() || reply.text.starts_with(&format!("Error: {says}\n")),
                "{}",
                reply.text
            );
        }
    }
}

#[test]
fn what_is_asked_about_is_named_and_a_mistake_in_it_is_no_verdict() {
    let issuer = issuer();
    let sandbox = protected(with_sample(), &issuer);
    let token = issuer.mint(TokenSpec::new());
    let report = check(&sandbox, &token, &["--tool", "execute_query"], 0);
    assert_eq!(
        (&report["tool"], &report["dataset"], &report["message"]),
        (
            &json!("execute_query"),
            &json!("mimic-iv-sample"),
            &json!("the gate lets this token call execute_query on mimic-iv-sample")
        )
    );
    for (options, code, says) in [
        (["--dataset", "mimic-iv-dmeo"].as_slice(), 1, "did you mean mimic-iv-demo"),
        (&["--dataset", "../x"], 1, "is not a dataset name"),
        (&["--tool", "execute_qeury"], 2, "execute_query,"),
        (&["--tool", "whoami", "--dataset", "eicu"], 2, "whoami reads no dataset"),
    ] {
        let output = m4(&sandbox, ["auth", "check"].iter().chain(options)).unwrap();
        assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{options:?}");
        assert!(output.stderr.contains(says), "{options:?}: {}", output.stderr);
    }
}

#[test]
fn an_issuer_that_does_not_answer_leaves_the_verdict_open() {
    let issuer = issuer();
    let sandbox = protected(empty(), &issuer);
    issuer.fail(Endpoint::Jwks, Fault::Status(500));
    let report = check(&sandbox, &issuer.mint(TokenSpec::new()), &[], 1);
    assert_eq!((&report["verdict"], outcomes(&report, "unknown")), (&json!("unknown"), vec!["key"]));
    assert!(step(&report, "key")["detail"].as_str().unwrap().contains("500"), "{report}");
}

#[test]
fn the_token_comes_from_the_argument_standard_input_or_the_configuration() {
    let issuer = issuer();
    let sandbox = protected(empty(), &issuer);
    let token = issuer.mint(TokenSpec::new());
    let typed = m4(&sandbox, ["auth", "check", &token]).unwrap();
    assert_eq!(typed.code, Some(0), "{}", typed.stderr);
    assert!(typed.stderr.starts_with("warning: other users of this machine can see"), "{}", typed.stderr);
    let scheme = m4(&sandbox, ["auth", "check", "Bearer", &token]).unwrap();
    let two = m4(&sandbox, ["auth", "check", &token, &token]).unwrap();
    assert_eq!((scheme.code, two.code), (Some(0), Some(2)));
    for output in [&typed, &scheme, &two] {
        holds_nothing_of(output, &token);
    }
    // Nothing is configured to be read, and standard input is empty.
    for words in [["auth", "check"].as_slice(), &["auth", "check", "-"]] {
        let nothing = m4(&sandbox.clone().without("M4_OAUTH2_TOKEN_FILE"), words).unwrap();
        assert_eq!(nothing.code, Some(1));
        assert!(
            nothing.stdout.contains("verdict: refused: Missing OAuth2 access token"),
            "{}",
            nothing.stdout
        );
    }
    #[cfg(unix)]
    {
        let file = sandbox.root().join("piped");
        fs::write(&file, format!("Bearer {token}\n")).unwrap();
        let program = m4_tests::binaries::find("m4").unwrap();
        let script = format!("'{}' auth check - < '{}'", program.display(), file.display());
        let piped = run("/bin/sh", &sandbox, ["-c", &script]).unwrap();
        assert_eq!((piped.code, piped.stderr.as_str()), (Some(0), ""), "{}", piped.stdout);
        holds_nothing_of(&piped, &token);
    }
}

#[test]
fn there_is_no_verdict_where_the_gate_looks_at_no_token() {
    for (sandbox, says) in [
        (empty(), "error: OAuth2 is disabled"),
        (empty().with("M4_OAUTH2_ENABLED", "true"), "M4_OAUTH2_ISSUER_URL is not set"),
    ] {
        for command in ["check", "keys"] {
            let output = m4(&sandbox, ["auth", command]).unwrap();
            assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{command}");
            assert!(output.stderr.contains(says) && output.stderr.contains("\nhint: "), "{}", output.stderr);
        }
    }
}

#[test]
fn keys_lists_what_can_be_used_what_not_and_why_and_when_it_was_asked() {
    let issuer = issuer();
    let sandbox = protected(empty(), &issuer);
    let output = m4(&sandbox, ["auth", "keys", "--json"]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let report = output.data();
    let found = &report["issuers"][0];
    assert_eq!(found["issuer"], issuer.url());
    assert!(found["fetched_at"].as_str().unwrap().ends_with('Z'), "{found}");
    let key = |kind| {
        let kid = issuer.kid(kind);
        found["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid.as_str()).unwrap()
    };
    assert_eq!(key(KeyKind::Rsa2048)["algorithms"], json!(["RS256"]));
    assert_eq!(key(KeyKind::P256)["thumbprint"].as_str().unwrap().len(), 43);
    let encryption = key(KeyKind::Encryption);
    assert_eq!(
        (&encryption["usable"], &encryption["skipped"]),
        (&json!(false), &json!("not for verifying signatures"))
    );
    let table = m4(&sandbox, ["auth", "keys"]).unwrap().stdout;
    for text in [&issuer.kid(KeyKind::P256), "no: not for verifying signatures", "ES256", "fetched: 2"] {
        assert!(table.contains(text), "{text}: {table}");
    }
    issuer.fail(Endpoint::Jwks, Fault::Garbage);
    assert_unusable(&sandbox, &issuer, "the answer is not a JWKS");
}

fn assert_unusable(sandbox: &Sandbox, issuer: &MockIssuer, says: &str) {
    let output = m4(sandbox, ["auth", "keys"]).unwrap();
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(output.stdout.contains(issuer.url()) && output.stdout.contains(says), "{}", output.stdout);
}
