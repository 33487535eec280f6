//! The mock issuer itself: what it publishes verifies what it mints, and its controls do what they say.

use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use m4_tests::issuer::{
    Counters, Endpoint, Fault, Forgery, KeyKind, MockIssuer, OVERSIZE_BYTES, OldKeys, Options, TokenSpec,
};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn tokens_of_every_key_verify_against_the_discovered_key_set() {
    let issuer = MockIssuer::start(Options::default());
    for kind in [KeyKind::Rsa2048, KeyKind::Rsa3072, KeyKind::Rsa4096, KeyKind::P256] {
        let token = issuer.mint(TokenSpec::new().key(kind));
        let claims = verify(&issuer, &token).await.unwrap();
        assert_eq!(claims["iss"], issuer.url());
        assert_eq!(claims["aud"], "m4-api");
        assert_eq!(claims["scope"], "read:mimic-data");
    }
}

#[tokio::test]
async fn every_algorithm_that_an_rsa_key_has_is_signed_by_when_asked() {
    let issuer = MockIssuer::start(Options::default());
    for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        let token = issuer.mint(TokenSpec::new().alg(alg));
        assert!(verify(&issuer, &token).await.is_ok(), "{alg}");
    }
}

#[tokio::test]
async fn forged_tokens_do_not_verify() {
    let issuer = MockIssuer::start(Options::default());
    for key in [KeyKind::Rsa2048, KeyKind::P256] {
        for forgery in [
            Forgery::AlgNone,
            Forgery::HmacWithPublicPem,
            Forgery::HmacWithPublicDer,
            Forgery::HmacWithPublicJwk,
            Forgery::RsaHeaderOnEcKid,
            Forgery::TamperedPayload,
            Forgery::ForeignSignature,
        ] {
            let token = issuer.mint(TokenSpec::new().key(key).forge(forgery));
            assert!(verify(&issuer, &token).await.is_err(), "{key:?} {forgery:?}");
        }
    }
}

/// A forged token that no verifier would accept anyway proves nothing: these are accepted by the careless verifier
/// that each attack was made for.
#[tokio::test]
async fn each_hmac_forgery_is_valid_under_the_public_bytes_it_was_made_from() {
    let issuer = MockIssuer::start(Options::default());
    let kid = issuer.kid(KeyKind::Rsa2048);
    let jwks = issuer.jwks();
    let jwk = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap();
    let token = issuer.mint(TokenSpec::new().forge(Forgery::HmacWithPublicJwk));
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_aud = false;
    let secret = DecodingKey::from_secret(jwk.to_string().as_bytes());
    assert!(decode::<Value>(&token, &secret, &validation).is_ok());
}

#[tokio::test]
async fn a_tampered_token_keeps_the_signature_of_the_honest_one_and_names_somebody_else() {
    let issuer = MockIssuer::start(Options::default());
    let token = issuer.mint(TokenSpec::new().subject("alice").forge(Forgery::TamperedPayload));
    let claims: Value = jsonwebtoken::dangerous::insecure_decode(&token).unwrap().claims;
    assert_eq!(claims["sub"], "somebody-else");
}

#[tokio::test]
async fn the_encryption_key_is_published_and_the_unknown_one_is_not() {
    let issuer = MockIssuer::start(Options::default());
    let ids = |jwks: &Value| -> Vec<String> {
        jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    let (encryption, unknown) = (issuer.kid(KeyKind::Encryption), issuer.kid(KeyKind::Unknown));
    let published = ids(&get(&issuer.jwks_uri()).await.1);
    assert_eq!(published.len(), 3);
    assert!(published.contains(&encryption) && !published.contains(&unknown));
    assert_eq!(
        decode_header(issuer.mint(TokenSpec::new().key(KeyKind::Unknown))).unwrap().kid,
        Some(unknown)
    );
}

#[tokio::test]
async fn discovery_answers_at_every_address_the_standards_name() {
    for path in ["", "/", "/realms/demo"] {
        let issuer = MockIssuer::start(Options { path: path.into(), ..Options::default() });
        let (origin, bare) = (issuer.origin(), path.trim_end_matches('/'));
        for address in [
            format!("{origin}/.well-known/oauth-authorization-server{bare}"),
            format!("{origin}/.well-known/openid-configuration{bare}"),
            format!("{origin}{bare}/.well-known/openid-configuration"),
        ] {
            let (status, document) = get(&address).await;
            assert_eq!(status, StatusCode::OK, "{address}");
            assert_eq!(document["issuer"], issuer.url());
            assert_eq!(document["jwks_uri"], issuer.jwks_uri());
        }
        assert!(!issuer.jwks_uri().ends_with("/.well-known/jwks.json"), "a guess must not find it");
    }
}

#[tokio::test]
async fn the_guessable_key_set_can_be_switched_off() {
    let issuer = MockIssuer::start(Options { path: "/realms/demo".into(), ..Options::default() });
    let guess = format!("{}/.well-known/jwks.json", issuer.url());
    assert_eq!(get(&guess).await.0, StatusCode::OK);
    issuer.serve_well_known_jwks(false);
    assert_eq!(get(&guess).await.0, StatusCode::NOT_FOUND);
    assert_eq!(get(&issuer.jwks_uri()).await.0, StatusCode::OK);
}

#[tokio::test]
async fn rotation_keeps_or_drops_the_old_keys() {
    let issuer = MockIssuer::start(Options::default());
    let first = issuer.mint(TokenSpec::new());
    issuer.rotate(OldKeys::Keep);
    let second = issuer.mint(TokenSpec::new());
    assert!(verify(&issuer, &first).await.is_ok());
    assert!(verify(&issuer, &second).await.is_ok());
    assert_ne!(decode_header(&first).unwrap().kid, decode_header(&second).unwrap().kid);
    issuer.rotate(OldKeys::Drop);
    assert!(verify(&issuer, &second).await.is_err());
    assert_eq!(get(&issuer.jwks_uri()).await.1["keys"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn requests_are_counted_also_when_made_to_fail_and_the_reset_returns_the_count() {
    let issuer = MockIssuer::start(Options::default());
    get(&issuer.jwks_uri()).await;
    issuer.fail(Endpoint::Jwks, Fault::Status(503));
    assert_eq!(get(&issuer.jwks_uri()).await.0, StatusCode::SERVICE_UNAVAILABLE);
    get(&format!("{}/.well-known/openid-configuration", issuer.url())).await;
    let expected = Counters { jwks: 2, discovery: 1, ..Counters::default() };
    assert_eq!(issuer.counters(), expected);
    assert_eq!(issuer.reset_counters(), expected);
    assert_eq!(issuer.counters(), Counters::default());
    issuer.fail(Endpoint::Jwks, None);
    assert_eq!(get(&issuer.jwks_uri()).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_key_set_can_be_garbage_oversized_hanging_or_slow() {
    let issuer = MockIssuer::start(Options::default());
    issuer.fail(Endpoint::Jwks, Fault::Garbage);
    let body = Client::new().get(issuer.jwks_uri()).send().await.unwrap().text().await.unwrap();
    assert!(serde_json::from_str::<Value>(&body).is_err());

    issuer.fail(Endpoint::Jwks, Fault::Oversize);
    let body = Client::new().get(issuer.jwks_uri()).send().await.unwrap().bytes().await.unwrap();
    assert!(body.len() > OVERSIZE_BYTES);

    issuer.fail(Endpoint::Jwks, Fault::Hang);
    let impatient = Client::builder().timeout(Duration::from_millis(200)).build().unwrap();
    assert!(impatient.get(issuer.jwks_uri()).send().await.unwrap_err().is_timeout());
    assert_eq!(get(&format!("{}/control/counters", issuer.origin())).await.0, StatusCode::OK);

    issuer.fail(Endpoint::Jwks, None);
    issuer.delay(Endpoint::Jwks, Duration::from_millis(300));
    assert!(impatient.get(issuer.jwks_uri()).send().await.unwrap_err().is_timeout());
    assert_eq!(get(&issuer.jwks_uri()).await.0, StatusCode::OK);
}

#[tokio::test]
async fn dropping_the_handle_ends_hanging_connections_and_frees_the_port() {
    let issuer = MockIssuer::start(Options::default());
    issuer.fail(Endpoint::Jwks, Fault::Hang);
    let address = issuer.jwks_uri();
    let hanging = tokio::spawn(async move { Client::new().get(address).send().await });
    while issuer.counters().jwks == 0 {
        tokio::task::yield_now().await;
    }
    let port = issuer.origin().rsplit(':').next().unwrap().parse().unwrap();
    drop(issuer);
    assert!(hanging.await.unwrap().is_err());
    assert!(MockIssuer::try_start(Options { port, ..Options::default() }).is_ok());
}

#[tokio::test]
async fn client_credentials_are_granted_by_basic_and_by_post() {
    let issuer = MockIssuer::start(Options::default());
    let (id, secret) = issuer.client();
    let basic = Client::new().post(issuer.token_endpoint()).basic_auth(id, Some(secret));
    let response = form(basic, &[("grant_type", "client_credentials"), ("audience", "other")]).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    let granted: Value = body(response).await;
    assert_eq!(granted["token_type"], "Bearer");
    let claims = verify(&issuer, granted["access_token"].as_str().unwrap()).await.unwrap();
    assert_eq!(claims["aud"], json!(["other"]));
    assert_eq!(claims["sub"], id);

    let posted = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
        ("scope", "read:mimic-data"),
        ("resource", "https://a.example/mcp"),
        ("resource", "https://b.example/mcp"),
    ];
    let granted: Value = body(form(Client::new().post(issuer.token_endpoint()), &posted).await).await;
    let claims = verify(&issuer, granted["access_token"].as_str().unwrap()).await.unwrap();
    assert_eq!(claims["aud"], json!(["https://a.example/mcp", "https://b.example/mcp"]));
    assert_eq!(granted["scope"], "read:mimic-data");
    assert_eq!(issuer.counters().token, 2);
}

#[tokio::test]
async fn the_token_endpoint_refuses_with_the_standards_error_codes() {
    let issuer = MockIssuer::start(Options::default());
    let (id, secret) = issuer.client();
    let good = ("grant_type", "client_credentials");
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "invalid_request"),
        (&[("grant_type", "password")], "unsupported_grant_type"),
        (&[good, ("scope", "write:everything")], "invalid_scope"),
        (&[good, ("resource", "not a uri")], "invalid_target"),
        (&[good, ("scope", "a"), ("scope", "b")], "invalid_request"),
        (&[good, ("client_secret", "x")], "invalid_request"),
    ];
    for (fields, error) in cases {
        let request = Client::new().post(issuer.token_endpoint()).basic_auth(id, Some(secret));
        let response = form(request, fields).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{fields:?}");
        assert_eq!(body(response).await["error"], *error, "{fields:?}");
    }
    let wrong = Client::new().post(issuer.token_endpoint()).basic_auth(id, Some("wrong"));
    let response = form(wrong, &[good]).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic "));
    assert_eq!(body(response).await["error"], "invalid_client");
}

#[tokio::test]
async fn the_control_api_does_what_the_handle_does() {
    let issuer = MockIssuer::start(Options::default());
    let control = |path: &str| format!("{}/control{path}", issuer.origin());
    let minted = post(&control("/mint"), json!({ "subject": "bob", "key": "p256", "expires_in": 60 })).await;
    let claims = verify(&issuer, minted["token"].as_str().unwrap()).await.unwrap();
    assert_eq!(claims["sub"], "bob");

    let before = issuer.kid(KeyKind::Rsa2048);
    post(&control("/rotate"), json!({ "keep_old": false })).await;
    assert_ne!(issuer.kid(KeyKind::Rsa2048), before);

    post(&control("/fail"), json!({ "endpoint": "jwks", "fault": { "status": 500 } })).await;
    assert_eq!(get(&issuer.jwks_uri()).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    post(&control("/fail"), json!({ "endpoint": "jwks", "fault": null })).await;
    assert_eq!(get(&issuer.jwks_uri()).await.0, StatusCode::OK);

    let counted = post(&control("/counters/reset"), json!({})).await;
    assert_eq!(counted["jwks"], 3, "one by verify, one failed, one mended");
    assert_eq!(get(&control("")).await.1["service"], "m4-mock-issuer");
}

/// Verifies as a careful client would: metadata, key set, key by `kid`, and the key's own algorithms only.
async fn verify(issuer: &MockIssuer, token: &str) -> Result<Value, String> {
    let path = issuer.url().strip_prefix(issuer.origin()).unwrap();
    let metadata = format!("{}/.well-known/oauth-authorization-server{path}", issuer.origin());
    let jwks_uri = get(&metadata).await.1["jwks_uri"].as_str().unwrap().to_owned();
    let jwks: JwkSet = serde_json::from_value(get(&jwks_uri).await.1).unwrap();
    let kid = decode_header(token).map_err(|error| error.to_string())?.kid.ok_or("no kid")?;
    let jwk = jwks.find(&kid).ok_or("no such key")?;
    let key = DecodingKey::from_jwk(jwk).map_err(|error| error.to_string())?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.algorithms = match jwk.common.key_algorithm.unwrap().to_string().as_str() {
        "ES256" => vec![Algorithm::ES256],
        _ => [
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ]
        .into(),
    };
    validation.validate_aud = false;
    decode::<Value>(token, &key, &validation).map(|data| data.claims).map_err(|error| error.to_string())
}

async fn get(address: &str) -> (StatusCode, Value) {
    let response = Client::new().get(address).send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

async fn post(address: &str, message: Value) -> Value {
    let request = Client::new().post(address).header("content-type", "application/json");
    let response = request.body(message.to_string()).send().await.unwrap();
    assert!(response.status().is_success(), "{address}: {}", response.status());
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default()
}

async fn form(request: reqwest::RequestBuilder, fields: &[(&str, &str)]) -> reqwest::Response {
    let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    request.body(encoded).send().await.unwrap()
}

async fn body(response: reqwest::Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}
