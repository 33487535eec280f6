//! Who is not let in, and the exact text each reads (DESIGN §6).

use m4_tests::issuer::{Forgery, KeyKind, MockIssuer, Options, TokenSpec};

use crate::setup::{Guarded, call, every_tool, issuer};

#[test]
fn nobody_without_a_token_uses_any_tool() {
    let mut guarded = Guarded::with(issuer(), |sandbox| sandbox.without("M4_OAUTH2_TOKEN_FILE"));
    for (tool, arguments) in every_tool() {
        let reply = call(&mut guarded.server, tool, arguments);
        assert_eq!(
            reply.refusal(),
            "Error: Missing OAuth2 access token\nHint: Run `m4 login`, or put an access token into the file named by \
             M4_OAUTH2_TOKEN_FILE; over HTTP send it as `Authorization: Bearer …`.",
            "{tool}"
        );
    }
    assert_eq!(guarded.issuer.counters().jwks, 0);
}

#[test]
fn nobody_with_an_expired_token_uses_any_tool() {
    let mut guarded = Guarded::start();
    guarded.present(&guarded.issuer.mint(TokenSpec::new().expires_in(-3600)));
    for (tool, arguments) in every_tool() {
        let reply = call(&mut guarded.server, tool, arguments);
        assert!(reply.refusal().starts_with("Error: Token has expired: at "), "{tool}: {}", reply.text);
    }
}

#[test]
fn forged_tokens_are_refused() {
    const COPY: &str = "\nHint: Check that the token comes from the configured issuer and was copied whole.";
    const SIGN: &str = "\nHint: Have the issuer sign with an allowed algorithm, or allow an asymmetric one in M4_OAUTH2_ALGORITHMS.";
    let mut guarded = Guarded::start();
    let no_match = format!("Error: Invalid token signature: it does not match the issuer's key{COPY}");
    let not_allowed = |alg: &str| {
        format!(
            "Error: Invalid token signature: algorithm `{alg}` is not allowed (allowed: RS256, ES256){SIGN}"
        )
    };
    let rs256_on_ec =
        format!("Error: Invalid token signature: algorithm RS256 is not the key's (ES256){SIGN}");
    // A token of `alg: none` has an empty signature, which no JWS that anybody accepts has.
    let unsigned = "Error: Invalid token format: one of the three parts is empty\n\
                    Hint: Copy the whole access token (header.payload.signature) and try again."
        .to_owned();
    for (forgery, text) in [
        (Forgery::AlgNone, &unsigned),
        (Forgery::HmacWithPublicPem, &not_allowed("HS256")),
        (Forgery::HmacWithPublicDer, &not_allowed("HS256")),
        (Forgery::HmacWithPublicJwk, &not_allowed("HS256")),
        (Forgery::RsaHeaderOnEcKid, &rs256_on_ec),
        (Forgery::TamperedPayload, &no_match),
        (Forgery::ForeignSignature, &no_match),
    ] {
        for key in [KeyKind::Rsa2048, KeyKind::P256] {
            let reply = guarded.count(TokenSpec::new().key(key).forge(forgery));
            assert_eq!(reply.refusal(), text, "{forgery:?} {key:?}");
        }
    }
    assert!(!guarded.count(TokenSpec::new()).is_error);
}

#[test]
fn a_signature_of_another_algorithm_family_is_refused() {
    let mut guarded = Guarded::start();
    for alg in ["RS384", "RS512", "PS256", "PS384", "PS512"] {
        let reply = guarded.count(TokenSpec::new().alg(alg));
        let begin = format!(
            "Error: Invalid token signature: algorithm `{alg}` is not allowed (allowed: RS256, ES256)\n"
        );
        assert!(reply.refusal().starts_with(&begin), "{}", reply.text);
    }
    for alg in ["none", "hs256", "None", "rs256", "NONE", "HS512"] {
        let reply = guarded.count(TokenSpec::new().forge(Forgery::TamperedPayload).alg(alg));
        assert!(reply.refusal().starts_with("Error: Invalid token signature: algorithm "), "{}", reply.text);
    }
}

#[test]
fn a_key_for_encryption_verifies_no_token() {
    let mut guarded = Guarded::start();
    let kid = guarded.issuer.kid(KeyKind::Encryption);
    let reply = guarded.count(TokenSpec::new().key(KeyKind::Encryption));
    let begin = format!("Error: Invalid token signature: no key found for kid `{kid}`\nHint: ");
    assert!(reply.refusal().starts_with(&begin), "{}", reply.text);
}

#[test]
fn an_unknown_kid_is_named_and_so_is_the_lack_of_one() {
    let mut guarded = Guarded::start();
    let kid = guarded.issuer.kid(KeyKind::Unknown);
    let reply = guarded.count(TokenSpec::new().key(KeyKind::Unknown));
    let begin = format!(
        "Error: Invalid token signature: no key found for kid `{kid}`\nHint: Check that the token comes from the \
         configured issuer; if its keys were just rotated, try again in "
    );
    assert!(reply.refusal().starts_with(&begin), "{}", reply.text);
}

#[test]
fn a_token_without_kid_is_admitted_only_where_one_key_alone_could_have_signed_it() {
    let mut one_of_each = Guarded::start();
    assert!(!one_of_each.count(TokenSpec::new().without_kid()).is_error);
    assert!(!one_of_each.count(TokenSpec::new().key(KeyKind::P256).without_kid()).is_error);
    let keys = vec![KeyKind::Rsa2048, KeyKind::Rsa3072, KeyKind::P256];
    let mut two_rsa =
        Guarded::with(MockIssuer::start(Options { keys, ..Options::default() }), |sandbox| sandbox);
    assert_eq!(
        two_rsa.count(TokenSpec::new().without_kid()).refusal(),
        "Error: Token missing key ID (kid)\nHint: Have the issuer put `kid` into the token's header."
    );
}

#[test]
fn a_claim_of_the_wrong_party_or_time_is_refused_with_both_sides() {
    let mut guarded = Guarded::start();
    let url = guarded.issuer.url().to_owned();
    let expected = format!(
        "Error: Invalid token issuer: expected `{url}`, found `{url}/`\n\
         Hint: The two differ by a trailing slash only: set M4_OAUTH2_ISSUER_URL to exactly `{url}/`"
    );
    assert_eq!(guarded.count(TokenSpec::new().issuer(&format!("{url}/"))).refusal(), expected);
    let expected = format!(
        "Error: Invalid token issuer: expected `{url}`, found `https://issuer.example`\n\
         Hint: Get a token from the configured issuer, or correct M4_OAUTH2_ISSUER_URL."
    );
    assert_eq!(guarded.count(TokenSpec::new().issuer("https://issuer.example")).refusal(), expected);
    assert_eq!(
        guarded.count(TokenSpec::new().audience("other-api")).refusal(),
        "Error: Invalid token audience: expected `m4-api`, found `other-api`\n\
         Hint: Ask the issuer for a token for this audience, or correct M4_OAUTH2_AUDIENCE."
    );
    let expired = guarded.count(TokenSpec::new().expires_in(-3600));
    assert!(expired.refusal().starts_with("Error: Token has expired: at 2"), "{}", expired.text);
    assert!(expired.text.ends_with(" seconds ago\nHint: Get a new access token."), "{}", expired.text);
    let early = guarded.count(TokenSpec::new().not_before_in(3600));
    assert!(early.refusal().starts_with("Error: Token is not yet valid: nbf is 2"), "{}", early.text);
    let early = guarded.count(TokenSpec::new().issued_in(3600));
    assert!(early.refusal().starts_with("Error: Token is not yet valid: iat is 2"), "{}", early.text);
}

#[test]
fn an_absent_or_empty_required_claim_is_named() {
    let mut guarded = Guarded::start();
    for (claim, begin) in [
        ("exp", "Error: Invalid token: the required claim `exp` is absent"),
        ("sub", "Error: Invalid token: the required claim `sub` is absent"),
        ("iss", "Error: Invalid token"),
        ("aud", "Error: Invalid token"),
    ] {
        let reply = guarded.count(TokenSpec::new().without(claim));
        assert!(reply.refusal().starts_with(begin), "{claim}: {}", reply.text);
    }
    let reply = guarded.count(TokenSpec::new().subject(""));
    assert!(
        reply.refusal().starts_with("Error: Invalid token: the required claim `sub` is absent"),
        "{}",
        reply.text
    );
}

#[test]
fn missing_scopes_are_listed() {
    let mut guarded =
        Guarded::with(issuer(), |sandbox| sandbox.with("M4_OAUTH2_REQUIRED_SCOPES", "read:mimic-data, b a"));
    for spec in [TokenSpec::new().scope("read:mimic-data"), TokenSpec::new().scp(vec!["read:mimic-data"])] {
        assert_eq!(
            guarded.count(spec).refusal(),
            "Error: Missing required scopes: a, b\nHint: Request a new token with the scopes: a, b, read:mimic-data"
        );
    }
    let none = guarded.count(TokenSpec::new().without("scope"));
    assert!(
        none.refusal().starts_with("Error: Missing required scopes: a, b, read:mimic-data\n"),
        "{}",
        none.text
    );
    let lookalike = guarded.count(TokenSpec::new().scope("a b READ:mimic-data read:mimic-data-x"));
    assert!(
        lookalike.refusal().starts_with("Error: Missing required scopes: read:mimic-data\n"),
        "{}",
        lookalike.text
    );
}

#[test]
fn tokens_of_another_kind_are_not_taken_for_access_tokens() {
    const HINT: &str = "\nHint: Send the access token the issuer returned as `access_token`.";
    let mut guarded = Guarded::start();
    let id_token = TokenSpec::new().typ("JWT").claim("nonce", "n-0S6").without("scope").without("client_id");
    let logout = serde_json::json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    for (spec, what) in [
        (id_token, "this is an ID token, not an access token"),
        (TokenSpec::new().typ("logout+jwt"), "this is a logout token or security event, not an access token"),
        (
            TokenSpec::new().typ("JWT").claim("events", logout),
            "this is a logout token or security event, not an access token",
        ),
        (TokenSpec::new().typ("dpop+jwt"), "this is a DPoP proof, not an access token"),
    ] {
        assert_eq!(guarded.count(spec).refusal(), format!("Error: Invalid token: {what}{HINT}"));
    }
}

#[test]
fn a_token_bound_to_a_key_is_not_taken_as_a_bearer_token() {
    let mut guarded = Guarded::start();
    let bound = TokenSpec::new()
        .claim("cnf", serde_json::json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }));
    assert_eq!(
        guarded.count(bound).refusal(),
        "Error: Invalid token: it is bound to a key (cnf) and was sent as a plain bearer token\n\
         Hint: Send it with a proof of its key where the transport takes one, or ask the issuer for a token without key binding."
    );
}

#[test]
fn what_is_no_jwt_is_refused_without_asking_the_issuer() {
    let mut guarded = Guarded::start();
    let large = format!("{}.b.c", "a".repeat(40_000));
    for (token, begin) in [
        (
            "0c4f1d2e-opaque-reference",
            "Error: Invalid token format: 1 part where a JWT has 3\nHint: This looks like an opaque token; ",
        ),
        (
            "a.b.c.d.e",
            "Error: Invalid token format: 5 parts where a JWT has 3\nHint: This is an encrypted token; ",
        ),
        ("a.b", "Error: Invalid token format: 2 parts where a JWT has 3\n"),
        ("a.b.c", "Error: Invalid token format: the header is not "),
        ("e30.e30.!!", "Error: Invalid token"),
        (large.as_str(), "Error: Invalid token format: 40004 bytes, at most "),
    ] {
        let reply = guarded.count_with(token);
        assert!(reply.refusal().starts_with(begin), "{begin}: {}", reply.text);
        assert!(!reply.text.contains(token), "the text repeats the token");
    }
    assert_eq!(guarded.issuer.counters().jwks, 0);
}

/// The second call with the same token comes from the cache of decisions; it must not outlive what made it valid.
#[test]
fn a_token_that_was_admitted_is_refused_once_it_has_expired() {
    let mut guarded = Guarded::with(issuer(), |sandbox| sandbox.with("M4_OAUTH2_LEEWAY", "0"));
    let token = guarded.issuer.mint(TokenSpec::new().expires_in(3));
    assert!(!guarded.count_with(&token).is_error);
    assert!(!guarded.count_with(&token).is_error);
    crate::setup::eventually("the token expires", || guarded.count_with(&token).is_error);
    assert!(guarded.count_with(&token).refusal().starts_with("Error: Token has expired: at "));
}
