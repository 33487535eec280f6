//! Several issuers at one server: each by its own keys and rules, and none the worse for another's trouble.

use std::fs;
use std::time::{Duration, Instant};

use m4_tests::issuer::{Endpoint, Fault, KeyKind, MockIssuer, Options, TokenSpec};
use m4_tests::sandbox::Sandbox;
use m4_tests::server::RawServer;
use serde_json::json;

use crate::setup::{
    COUNT_PATIENTS, Reply, begin, eventually, issuer, present, protected, sql, start, with_sample,
};

/// Two issuers, and a server that accepts tokens of both.
struct Two {
    first: MockIssuer,
    second: MockIssuer,
    sandbox: Sandbox,
    server: RawServer,
}

impl Two {
    /// The lines go into the issuers' tables.
    fn with(first: MockIssuer, second: MockIssuer, of_first: &str, of_second: &str) -> Self {
        let sandbox = with_sample();
        let token = sandbox.root().join("token");
        let file = format!(
            "[oauth2]\nenabled = true\naudience = 'm4-api'\nrate_limit_requests = 100000\ntoken_file = '{}'\n\
             [[oauth2.issuers]]\nissuer_url = '{}'\n{of_first}\n\
             [[oauth2.issuers]]\nissuer_url = '{}'\n{of_second}\n",
            token.display(),
            first.url(),
            second.url(),
        );
        fs::write(sandbox.config_dir().join("config.toml"), file).unwrap();
        let server = start(&sandbox);
        Self { first, second, sandbox, server }
    }

    fn start() -> Self {
        Self::with(issuer(), issuer(), "", "")
    }

    fn count_with(&mut self, token: &str) -> Reply {
        present(&self.sandbox, token);
        sql(&mut self.server, COUNT_PATIENTS)
    }

    fn count_first(&mut self, spec: TokenSpec) -> Reply {
        let token = self.first.mint(spec);
        self.count_with(&token)
    }

    fn count_second(&mut self, spec: TokenSpec) -> Reply {
        let token = self.second.mint(spec);
        self.count_with(&token)
    }
}

#[test]
fn tokens_of_each_issuer_are_admitted_by_its_own_keys_fetched_once() {
    let mut two = Two::start();
    for _ in 0..2 {
        assert_eq!(two.count_first(TokenSpec::new()).rows(), &[json!([100])]);
        assert_eq!(two.count_second(TokenSpec::new()).rows(), &[json!([100])]);
    }
    assert_eq!((two.first.counters().jwks, two.second.counters().jwks), (1, 1));
}

#[test]
fn the_same_key_id_at_both_issuers_never_lets_one_speak_for_the_other() {
    let (first, second) = (issuer(), issuer());
    first.replace_key(KeyKind::P256, "1");
    second.replace_key(KeyKind::P256, "1");
    let mut two = Two::with(first, second, "", "");
    let spec = || TokenSpec::new().key(KeyKind::P256);
    assert!(!two.count_first(spec()).is_error);
    assert!(!two.count_second(spec()).is_error);
    // Each signs with its own key what the other would say.
    let (first, second) = (two.first.url().to_owned(), two.second.url().to_owned());
    for reply in [two.count_first(spec().issuer(&second)), two.count_second(spec().issuer(&first))] {
        assert!(
            reply
                .refusal()
                .starts_with("Error: Invalid token signature: it does not match the issuer's key\n"),
            "{}",
            reply.text
        );
    }
    // A key id that only the other has is unknown, and the other is not asked for it.
    two.first.reset_counters();
    let kid = two.first.kid(KeyKind::Rsa2048);
    let reply = two.count_first(TokenSpec::new().issuer(&second));
    let expected = format!("Error: Invalid token signature: no key found for kid `{kid}`\n");
    assert!(reply.refusal().starts_with(&expected), "{}", reply.text);
    assert_eq!(two.first.counters().jwks, 0);
}

#[test]
fn an_issuer_that_is_down_stops_its_own_tokens_only() {
    for fault in [Fault::Status(500), Fault::Garbage] {
        let mut two = Two::start();
        two.first.fail(Endpoint::Discovery, fault);
        let reply = two.count_first(TokenSpec::new());
        assert!(reply.refusal().starts_with("Error: Failed to fetch JWKS: "), "{fault:?}: {}", reply.text);
        assert!(!two.count_second(TokenSpec::new()).is_error, "{fault:?}");
    }
}

#[test]
fn an_issuer_that_hangs_does_not_hold_up_the_tokens_of_another() {
    let mut two = Two::start();
    two.first.fail(Endpoint::Discovery, Fault::Hang);
    present(&two.sandbox, &two.first.mint(TokenSpec::new()));
    begin(&mut two.server, "execute_query", &json!({ "sql_query": COUNT_PATIENTS }));
    // That the first issuer is asked shows that the server has read its token.
    eventually("the first issuer is asked", || two.first.counters().discovery > 0);
    let asked = Instant::now();
    assert!(!two.count_second(TokenSpec::new()).is_error);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[test]
fn each_issuer_has_audience_scopes_algorithms_and_claims_of_its_own() {
    let mut two = Two::with(
        issuer(),
        issuer(),
        "algorithms = 'ES256'\nsubject_claims = ['oid', 'sub']",
        "audience = 'second'\naudience_claim = 'client_id'\nrequired_scopes = 'data.read'\nscope_claims = 'permissions'\n\
         require_at_jwt = true",
    );
    let first = || TokenSpec::new().key(KeyKind::P256);
    let second = || TokenSpec::new().claim("client_id", "second").claim("permissions", vec!["data.read"]);
    assert!(!two.count_first(first()).is_error);
    assert!(!two.count_second(second().without("aud")).is_error);

    let refused = |reply: Reply, says: &str| {
        assert!(reply.refusal().contains(says), "{}", reply.text);
    };
    refused(two.count_first(TokenSpec::new()), "algorithm `RS256` is not allowed (allowed: ES256)");
    refused(two.count_first(first().audience("second")), "expected `m4-api`, found `second`");
    refused(
        two.count_first(second().key(KeyKind::P256).without("scope")),
        "Missing required scopes: read:mimic-data",
    );
    refused(two.count_first(first().without("sub")), "the required claim `oid` is absent");
    refused(two.count_second(second().claim("client_id", "other")), "expected `second`, found `other`");
    refused(two.count_second(second().without("permissions")), "Missing required scopes: data.read");
    refused(two.count_second(second().typ("JWT")), "it is not typed at+jwt, which this server requires");
}

#[test]
fn an_issuer_that_is_none_of_them_is_refused_without_asking_anybody() {
    let mut two = Two::start();
    let (first, second) = (two.first.url().to_owned(), two.second.url().to_owned());
    let reply = two.count_first(TokenSpec::new().issuer("https://issuer.example"));
    assert_eq!(
        reply.refusal(),
        format!(
            "Error: Invalid token issuer: expected one of `{first}`, `{second}`, found `https://issuer.example`\n\
             Hint: Get a token from one of the configured issuers, or configure this one."
        )
    );
    let reply = two.count_second(TokenSpec::new().issuer(&format!("{second}/")));
    assert!(
        reply.text.ends_with(&format!("differs by a trailing slash only: configure exactly `{second}/`")),
        "{}",
        reply.text
    );
    assert!(
        two.count_first(TokenSpec::new().without("iss"))
            .refusal()
            .contains("the required claim `iss` is absent")
    );
    assert_eq!((two.first.counters().discovery, two.second.counters().discovery), (0, 0));
}

#[test]
fn the_issuer_of_the_environment_is_one_more() {
    let (table, top) =
        (issuer(), MockIssuer::start(Options { path: "/realms/demo".into(), ..Options::default() }));
    let sandbox = with_sample();
    fs::write(
        sandbox.config_dir().join("config.toml"),
        format!("[[oauth2.issuers]]\nissuer_url = '{}'\n", table.url()),
    )
    .unwrap();
    let sandbox = protected(sandbox, &top);
    let mut server = start(&sandbox);
    for issuer in [&top, &table] {
        present(&sandbox, &issuer.mint(TokenSpec::new()));
        assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
    }
}

#[test]
fn scopes_that_include_others_are_enough_and_the_challenge_stays_small() {
    let issuer = issuer();
    let sandbox = protected(with_sample(), &issuer)
        .with("M4_OAUTH2_TOOL_SCOPES", "execute_query=query:database")
        .with("M4_OAUTH2_SCOPE_HIERARCHY", "admin=query:database;query:database=read:mimic-data");
    let mut server = start(&sandbox);
    for (scope, passes) in [("admin", true), ("query:database", true), ("read:mimic-data", false)] {
        present(&sandbox, &issuer.mint(TokenSpec::new().scope(scope)));
        let reply = sql(&mut server, COUNT_PATIENTS);
        assert_eq!(!reply.is_error, passes, "{scope}: {}", reply.text);
        if !passes {
            assert_eq!(
                reply.text,
                "Error: Missing required scopes: query:database\nHint: Request a new token with the scopes: query:database"
            );
        }
    }
}

#[test]
fn doctor_and_config_show_speak_of_every_issuer() {
    let two = Two::start();
    two.first.fail(Endpoint::Discovery, Fault::Status(500));
    let output = m4_tests::cli::m4(&two.sandbox, ["doctor"]).unwrap();
    let (first, second) = (two.first.url(), two.second.url());
    assert_eq!(output.code, Some(1), "{}", output.stdout);
    assert!(output.stdout.contains(&format!("fail issuer    {first}: ")), "{}", output.stdout);
    assert!(
        output.stdout.contains(&format!("ok   issuer    {second}: 2 usable keys (RS256, ES256)")),
        "{}",
        output.stdout
    );
    let output = m4_tests::cli::m4(&two.sandbox, ["config", "show", "--json"]).unwrap();
    for (key, value) in [("oauth2.issuers[1].issuer_url", first), ("oauth2.issuers[2].issuer_url", second)] {
        let shown = output.data();
        let entry = shown.as_array().unwrap().iter().find(|entry| entry["key"] == key).unwrap();
        assert_eq!((&entry["value"], &entry["env"]), (&json!(value), &json!(null)));
    }
}
