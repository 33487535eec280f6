//! Client credentials: servers and commands that get a token of their own, and that say why they get none.

use std::fs;

use m4_tests::cli::m4;
use m4_tests::issuer::{ClientKey, Endpoint, Fault, KeyKind, MockIssuer, Options};
use m4_tests::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::http_setup::Web;
use crate::setup::{
    COUNT_PATIENTS, DEADLINE, answers, begin, call, eventually, issuer, protected, sql, start, with_sample,
};

/// OAuth2 on, no token, and the issuer's client.
fn with_client(issuer: &MockIssuer) -> Sandbox {
    let (id, secret) = issuer.client();
    protected(with_sample(), issuer)
        .without("M4_OAUTH2_TOKEN_FILE")
        .with("M4_OAUTH2_CLIENT_ID", id)
        .with("M4_OAUTH2_CLIENT_SECRET", secret)
}

/// An issuer whose tokens last for seconds, and a client of it whose gate makes no allowance for clocks.
fn short_lived(seconds: u64) -> (MockIssuer, Sandbox) {
    let issuer = MockIssuer::start(Options { expires_in: seconds, ..Options::default() });
    let sandbox = with_client(&issuer).with("M4_OAUTH2_LEEWAY", "0");
    (issuer, sandbox)
}

#[test]
fn a_server_without_a_token_gets_its_own_and_keeps_it() {
    let issuer = issuer();
    let mut server = start(&with_client(&issuer));
    assert_eq!(issuer.counters().token, 0, "nobody has called yet");
    for _ in 0..3 {
        assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
    }
    assert_eq!(call(&mut server, "whoami", json!({})).structured["subject"], json!(issuer.client().0));
    let requests = issuer.token_requests();
    assert_eq!(requests.len(), 1);
    let form: Vec<_> = requests[0].form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(form, [("grant_type", "client_credentials"), ("scope", "read:mimic-data")]);
    assert!(requests[0].basic);
}

#[test]
fn a_session_outlives_its_tokens_without_losing_a_call() {
    let (issuer, sandbox) = short_lived(3);
    let mut server = start(&sandbox);
    let mut calls = 0_u64;
    while issuer.counters().token < 6 {
        let reply = call(&mut server, "whoami", json!({}));
        assert!(!reply.is_error, "call {calls}: {}", reply.text);
        calls += 1;
    }
    assert!(calls >= 6, "{calls}");
}

#[test]
fn calls_at_once_make_one_request() {
    let issuer = issuer();
    issuer.delay(Endpoint::Token, std::time::Duration::from_millis(500));
    let mut server = start(&with_client(&issuer));
    let ids: Vec<_> = (0..16).map(|_| begin(&mut server, "whoami", &json!({}))).collect();
    for (id, answer) in answers(&mut server, &ids) {
        assert_ne!(answer["result"]["isError"], json!(true), "{id}: {answer}");
    }
    assert_eq!(issuer.counters().token, 1);
}

#[test]
fn a_key_proves_the_client_and_no_secret_is_sent() {
    let key = ClientKey::generate(KeyKind::P256);
    let issuer = MockIssuer::start(Options { client_key: Some(key.jwk()), ..Options::default() });
    let sandbox = with_client(&issuer).without("M4_OAUTH2_CLIENT_SECRET");
    let file = sandbox.root().join("client.pem");
    fs::write(&file, key.private_pem()).unwrap();
    let sandbox =
        sandbox.with("M4_OAUTH2_CLIENT_AUTH", "private_key_jwt").with("M4_OAUTH2_CLIENT_KEY_FILE", file);
    assert_eq!(sql(&mut start(&sandbox), COUNT_PATIENTS).rows(), &[json!([100])]);
    let request = &issuer.token_requests()[0];
    assert!(request.field("client_assertion").is_some() && !request.basic, "{request:?}");
}

#[test]
fn a_client_that_is_refused_is_told_what_to_mend_and_does_not_hammer() {
    let issuer = issuer();
    let sandbox = with_client(&issuer)
        .with("M4_OAUTH2_CLIENT_SECRET", "wr0ng-s3cr3t")
        .with("M4_OAUTH2_CLIENT_AUTH", "client_secret_post")
        .with("M4_LOG", "trace");
    let mut server = start(&sandbox);
    for _ in 0..5 {
        let reply = sql(&mut server, COUNT_PATIENTS);
        assert_eq!(
            reply.refusal(),
            "Error: Missing OAuth2 access token: the issuer refuses this server's client\nHint: check \
             M4_OAUTH2_CLIENT_ID, its secret or key, M4_OAUTH2_CLIENT_AUTH, and that the issuer has not disabled the \
             client"
        );
    }
    assert_eq!(issuer.counters().token, 1);
    let exit = server.close_and_wait(DEADLINE).unwrap();
    assert!(exit.stderr.contains("no new token was fetched"), "{}", exit.stderr);
    assert!(exit.stderr.contains("invalid_client"), "{}", exit.stderr);
    assert!(!exit.stderr.contains("wr0ng-s3cr3t"));
}

#[test]
fn a_client_that_is_revoked_works_until_its_token_ends() {
    let (issuer, sandbox) = short_lived(5);
    let mut server = start(&sandbox);
    assert!(!call(&mut server, "whoami", json!({})).is_error);
    issuer.answer_tokens((401, json!({ "error": "invalid_client" })));
    assert!(!call(&mut server, "whoami", json!({})).is_error);
    let mut refusal = String::new();
    eventually("the client is refused", || {
        let reply = call(&mut server, "whoami", json!({}));
        refusal.clone_from(&reply.text);
        reply.is_error
    });
    assert!(refusal.contains("the issuer refuses this server's client"), "{refusal}");
}

#[test]
fn no_bad_answer_of_the_token_endpoint_is_followed_shown_or_believed() {
    const SECRET: &str = "m4-mock-client-secret";
    let page = json!("<html><script>alert('in the page')</script></html>");
    let echo = json!({ "error": "invalid_client", "error_description": format!("not {SECRET}") });
    let with_error = json!({ "error": "server_error", "access_token": "t0k3n", "token_type": "Bearer" });
    let bound = json!({ "access_token": "t0k3n", "token_type": "DPoP", "expires_in": 60 });
    for (answer, says) in [
        ((200, page), "the token endpoint's answer holds no tokens"),
        ((401, echo), "invalid_client"),
        ((200, with_error), "server_error"),
        ((307, json!({})), "the token endpoint redirects"),
        ((200, bound), "bound to a key"),
    ] {
        let issuer = issuer();
        issuer.answer_tokens(answer);
        assert_refused(&issuer, says);
        assert_eq!(issuer.counters().token, 1, "{says}");
    }
    for (fault, says) in [
        (Fault::Oversize, "is larger than"),
        (Fault::Hang, "did not answer"),
        (Fault::Status(500), "status 500"),
    ] {
        let issuer = issuer();
        issuer.fail(Endpoint::Token, fault);
        assert_refused(&issuer, says);
    }
}

#[track_caller]
fn assert_refused(issuer: &MockIssuer, says: &str) {
    let sandbox = with_client(issuer).with("M4_LOG", "trace");
    let output = m4(&sandbox, ["query", "--sql", COUNT_PATIENTS]).unwrap();
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{says}: {}", output.stderr);
    let said = &output.stderr;
    assert!(said.contains("error: Missing OAuth2 access token") && said.contains(says), "{says}: {said}");
    assert!(said.contains("hint: "), "{said}");
    for secret in [issuer.client().1, "t0k3n", "in the page", "upstream-detail"] {
        assert!(!said.contains(secret), "{says}: {secret} is in {said}");
    }
}

#[test]
fn a_stored_login_comes_before_the_client_and_one_that_is_over_is_no_reason_to_be_somebody_else() {
    let issuer = issuer();
    let sandbox = with_client(&issuer);
    let mint = |subject: &str| issuer.mint(m4_tests::issuer::TokenSpec::new().subject(subject));
    let login = |expires_at: &str| {
        json!({ "version": 1, "profiles": { "default": [{
            "version": 1, "issuer": issuer.url(), "client_id": "somebody", "scope": "read:mimic-data",
            "token_endpoint": issuer.token_endpoint(), "token_type": "Bearer", "access_token": mint("ada"),
            "issued_at": "2026-01-01T00:00:00Z", "expires_at": expires_at,
        }] } })
    };
    let store = |content: &Value| {
        let path = sandbox.config_dir().join("tokens.json");
        fs::write(&path, content.to_string()).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    let mut server = start(&sandbox);
    store(&login("2099-01-01T00:00:00Z"));
    assert_eq!(call(&mut server, "whoami", json!({})).structured["subject"], "ada");
    store(&login("2026-01-01T01:00:00Z"));
    let reply = call(&mut server, "whoami", json!({}));
    assert!(reply.refusal().contains("the login is over"), "{}", reply.text);
    assert_eq!(issuer.counters().token, 0);
    fs::remove_file(sandbox.config_dir().join("tokens.json")).unwrap();
    assert_eq!(call(&mut server, "whoami", json!({})).structured["subject"], json!(issuer.client().0));
}

#[test]
fn over_http_the_client_gets_no_token_and_lends_none() {
    let web = Web::with(|sandbox| {
        sandbox
            .with("M4_OAUTH2_CLIENT_ID", "m4-client")
            .with("M4_OAUTH2_CLIENT_SECRET", "m4-mock-client-secret")
    });
    assert_eq!(web.initialize().send().unwrap().status, 401);
    assert_eq!(web.count(&web.token()).send().unwrap().status, 200);
    assert_eq!(web.issuer.counters().token, 0);
}

#[test]
fn commands_know_of_the_client() {
    let issuer = issuer();
    let sandbox = with_client(&issuer);
    let run = |args: &[&str]| m4(&sandbox, args).unwrap();
    let status = run(&["status"]);
    assert!(status.stdout.contains("else the client of M4_OAUTH2_CLIENT_ID"), "{}", status.stdout);
    run(&["auth", "check", "--offline"]);
    assert_eq!(issuer.counters().token, 0, "neither asks the issuer for a token");

    let doctor = run(&["doctor"]);
    assert!(doctor.stdout.contains("and passes every check of the gate"), "{}", doctor.stdout);
    let check = run(&["auth", "check"]);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
    assert!(check.stdout.contains("verdict: passes"), "{}", check.stdout);
    let query = run(&["query", "--sql", COUNT_PATIENTS]);
    assert_eq!(query.code, Some(0), "{}", query.stderr);
    // One for each: the doctor asks the datasets with the token that it looks at.
    assert_eq!(issuer.counters().token, 3);

    issuer.answer_tokens((401, json!({ "error": "invalid_client" })));
    let doctor = run(&["doctor"]);
    assert_eq!(doctor.code, Some(1));
    assert!(doctor.stdout.contains("gave this server no token"), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("invalid_client"), "{}", doctor.stdout);
}
