//! Who is let in: tokens of every supported key, and what issuers write differently.

use m4_tests::issuer::{KeyKind, MockIssuer, Options, TokenSpec};
use serde_json::json;

use crate::setup::{Guarded, call, every_tool, issuer, sql, start, with_sample};

#[test]
fn tokens_signed_with_each_supported_key_are_admitted() {
    let kinds = [KeyKind::Rsa2048, KeyKind::Rsa3072, KeyKind::Rsa4096, KeyKind::P256];
    let issuer = MockIssuer::start(Options { keys: kinds.to_vec(), ..Options::default() });
    let mut guarded = Guarded::with(issuer, |sandbox| sandbox);
    for kind in kinds {
        assert_eq!(guarded.count(TokenSpec::new().key(kind)).rows(), &[json!([100])], "{kind:?}");
    }
    assert_eq!(guarded.issuer.counters().jwks, 1);
}

#[test]
fn an_admitted_caller_can_use_every_tool() {
    let mut guarded = Guarded::start();
    guarded.present(&guarded.issuer.mint(TokenSpec::new()));
    for (tool, arguments) in every_tool() {
        let reply = call(&mut guarded.server, tool, arguments);
        assert!(!reply.is_error, "{tool}: {}", reply.text);
    }
    assert_eq!(call(&mut guarded.server, "capabilities", json!({})).structured["oauth2"], true);
}

#[test]
fn scopes_and_audiences_are_read_in_every_form_issuers_write_them() {
    let mut guarded = Guarded::start();
    for spec in [
        TokenSpec::new().scope("openid read:mimic-data profile"),
        TokenSpec::new().scope(vec!["openid", "read:mimic-data"]),
        TokenSpec::new().scp("read:mimic-data"),
        TokenSpec::new().scp(vec!["read:mimic-data"]),
        TokenSpec::new().scope("").claim("scp", "read:mimic-data"),
        TokenSpec::new().audience(vec!["other", "m4-api"]),
        TokenSpec::new().typ("JWT"),
        TokenSpec::new().without_header("typ"),
    ] {
        let reply = guarded.count(spec.clone());
        assert!(!reply.is_error, "{spec:?}: {}", reply.text);
    }
}

#[test]
fn a_token_a_little_out_of_step_with_the_clock_is_admitted() {
    let mut guarded = Guarded::start();
    for spec in
        [TokenSpec::new().not_before_in(20), TokenSpec::new().issued_in(20), TokenSpec::new().expires_in(-20)]
    {
        let reply = guarded.count(spec.clone());
        assert!(!reply.is_error, "{spec:?}: {}", reply.text);
    }
}

#[test]
fn a_tool_can_need_more_scopes_than_the_others() {
    let mut guarded = Guarded::with(issuer(), |sandbox| {
        sandbox
            .with("M4_OAUTH2_TOOL_SCOPES", "execute_query=query:database;dataset:mimic-iv-sample=read:sample")
    });
    guarded.present(&guarded.issuer.mint(TokenSpec::new()));
    assert!(!call(&mut guarded.server, "list_datasets", json!({})).is_error);
    let refusal = sql(&mut guarded.server, "SELECT 1");
    assert_eq!(
        refusal.refusal(),
        "Error: Missing required scopes: query:database, read:sample\n\
         Hint: Request a new token with the scopes: query:database, read:mimic-data, read:sample"
    );
    let refusal = call(&mut guarded.server, "get_database_schema", json!({ "dataset": "mimic-iv-sample" }));
    assert!(
        refusal.refusal().starts_with("Error: Missing required scopes: read:sample\n"),
        "{}",
        refusal.text
    );
    let complete = TokenSpec::new().scope("read:mimic-data query:database read:sample");
    assert!(!guarded.count(complete).is_error);
}

#[test]
fn without_oauth2_every_tool_answers_without_a_token() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    for (tool, arguments) in every_tool() {
        let reply = call(&mut server, tool, arguments);
        assert!(!reply.is_error, "{tool}: {}", reply.text);
    }
    assert_eq!(call(&mut server, "capabilities", json!({})).structured["oauth2"], false);
}
