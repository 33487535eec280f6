//! Opaque tokens: the issuer is asked about them (RFC 7662), once however many wait, and never about a JWT.

use std::fs;
use std::time::Duration;

use m4_tests::issuer::{ClientKey, Counters, Endpoint, Fault, KeyKind, MockIssuer, Options, TokenSpec};
use m4_tests::sandbox::Sandbox;
use reqwest::{Client, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::setup::{
    COUNT_PATIENTS, DEADLINE, Guarded, Reply, answers, begin, call, every_tool, issuer, present, protected,
    sql, start, with_sample,
};

/// How the issuer wants the server to authenticate.
const METHODS: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// A server that asks `issuer` about opaque tokens.
fn asking(issuer: MockIssuer) -> Guarded {
    asking_by(issuer, METHODS[0], |sandbox| sandbox)
}

fn asking_by(issuer: MockIssuer, method: &str, adjust: impl FnOnce(Sandbox) -> Sandbox) -> Guarded {
    let (id, secret) = issuer.client();
    let (url, id, secret) = (issuer.introspection_endpoint(), id.to_owned(), secret.to_owned());
    Guarded::with(issuer, |sandbox| {
        let sandbox = sandbox
            .with("M4_OAUTH2_INTROSPECTION_URL", url)
            .with("M4_OAUTH2_CLIENT_ID", id)
            .with("M4_OAUTH2_CLIENT_SECRET", secret)
            .with("M4_OAUTH2_CLIENT_AUTH", method);
        adjust(sandbox)
    })
}

/// A server that authenticates with the private key `held`, and an issuer where `registered` is known.
fn asking_by_key(held: &ClientKey, registered: &ClientKey, adjust: fn(Sandbox) -> Sandbox) -> Guarded {
    let issuer = MockIssuer::start(Options { client_key: Some(registered.jwk()), ..Options::default() });
    let pem = held.private_pem();
    asking_by(issuer, "private_key_jwt", |sandbox| {
        let file = sandbox.root().join("client.pem");
        fs::write(&file, pem).unwrap();
        adjust(sandbox.without("M4_OAUTH2_CLIENT_SECRET").with("M4_OAUTH2_CLIENT_KEY_FILE", file))
    })
}

/// What the issuer says about a token that may read.
fn reader() -> Value {
    json!({ "sub": "ada", "client_id": "notebook", "aud": "m4-api", "scope": "read:mimic-data" })
}

/// [`reader`] with one member changed.
fn reader_with(member: &str, value: impl Into<Value>) -> Value {
    let mut claims = reader();
    claims[member] = value.into();
    claims
}

impl Guarded {
    fn count_opaque(&mut self, claims: Value) -> Reply {
        let token = self.issuer.issue_opaque(claims);
        self.count_with(&token)
    }
}

#[track_caller]
fn assert_refused(reply: &Reply, begins: &str) {
    assert!(reply.refusal().starts_with(begins), "expected {begins:?}, got {:?}", reply.text);
    assert!(reply.text.contains("\nHint: "), "no hint in {:?}", reply.text);
}

#[test]
fn an_opaque_token_is_admitted_by_what_its_issuer_says_and_its_subject_is_the_caller() {
    for method in METHODS {
        let mut guarded = asking_by(issuer(), method, |sandbox| sandbox);
        assert_eq!(guarded.count_opaque(reader()).rows(), &[json!([100])], "{method}");
        assert_eq!(call(&mut guarded.server, "whoami", json!({})).structured["subject"], "ada", "{method}");
        let counted = guarded.issuer.counters();
        assert_eq!(counted, Counters { introspection: 1, ..Counters::default() }, "{method}");
    }
}

/// Form-encoding comes before Base64 in HTTP Basic (RFC 6749 §2.3.1): such a secret shows whether it was done.
#[test]
fn a_secret_full_of_reserved_characters_arrives_as_it_is() {
    for method in METHODS {
        let secret = "p%41:ss+w rd&=ü/?";
        let issuer = MockIssuer::start(Options {
            client_id: "m4:client+1".into(),
            client_secret: secret.into(),
            ..Options::default()
        });
        let mut guarded = asking_by(issuer, method, |sandbox| sandbox);
        assert!(!guarded.count_opaque(reader()).is_error, "{method}");
    }
}

/// The issuer takes each assertion once, so the second question shows that no two are the same.
#[test]
fn a_private_key_proves_this_server_to_the_issuer_at_every_question() {
    for kind in [KeyKind::P256, KeyKind::Rsa2048] {
        let key = ClientKey::generate(kind);
        let mut guarded = asking_by_key(&key, &key, |sandbox| sandbox);
        for _ in 0..2 {
            assert_eq!(guarded.count_opaque(reader()).rows(), &[json!([100])], "{kind:?}");
        }
        assert_refused(
            &guarded.count_opaque(reader_with("scope", "other")),
            "Error: Missing required scopes",
        );
        let counted = guarded.issuer.counters();
        assert_eq!(counted, Counters { introspection: 3, ..Counters::default() }, "{kind:?}");
    }
}

#[test]
fn a_private_key_the_issuer_does_not_know_admits_nobody_and_is_never_shown() {
    let (held, registered) = (ClientKey::generate(KeyKind::P256), ClientKey::generate(KeyKind::P256));
    let mut guarded = asking_by_key(&held, &registered, |sandbox| sandbox.with("M4_LOG", "trace"));
    guarded.present(&guarded.issuer.issue_opaque(reader()));
    let mut shown = String::new();
    for (tool, arguments) in every_tool() {
        let reply = call(&mut guarded.server, tool, arguments);
        assert_refused(
            &reply,
            "Error: Failed to introspect token: the introspection endpoint refuses this server's client credentials \
             (HTTP status 401)\nHint: Check M4_OAUTH2_CLIENT_ID and M4_OAUTH2_CLIENT_SECRET or the key in \
             M4_OAUTH2_CLIENT_KEY_FILE",
        );
        shown.push_str(&reply.text);
    }
    assert!(guarded.issuer.counters().introspection > 0, "the issuer was not asked");
    let exit = guarded.server.close_and_wait(DEADLINE).unwrap();
    assert!(exit.stderr.contains("asking the issuer about a token"), "nothing was logged: {}", exit.stderr);
    shown.push_str(&exit.stderr);
    shown.push_str(&String::from_utf8(exit.stdout).unwrap());
    let pem = held.private_pem();
    for line in pem.lines().filter(|line| !line.starts_with("-----")) {
        assert!(!shown.contains(line), "{shown}");
    }
    // Every assertion begins with its header, and every header of this key is the same.
    assert!(!shown.contains("eyJ"), "{shown}");
}

#[test]
fn without_an_introspection_endpoint_an_opaque_token_is_no_token() {
    let mut guarded = Guarded::start();
    assert_refused(&guarded.count_opaque(reader()), "Error: Invalid token format");
    assert_eq!(guarded.issuer.counters().introspection, 0);
}

#[test]
fn an_opaque_token_is_checked_as_a_jwt_would_be() {
    let mut guarded = asking(issuer());
    let other = "https://other.example";
    for (claims, begins) in [
        (reader_with("scope", "other"), "Error: Missing required scopes: read:mimic-data"),
        (reader_with("scope", Value::Null), "Error: Missing required scopes: read:mimic-data"),
        (reader_with("aud", "other"), "Error: Invalid token audience: expected `m4-api`, found `other`"),
        (reader_with("iss", other), "Error: Invalid token issuer: expected "),
        (reader_with("exp", 1_700_000_000), "Error: Token has expired: at 2023-11-14T22:13:20Z"),
        (reader_with("nbf", 32_503_680_000_u64), "Error: Token is not yet valid: nbf is 3000-01-01"),
        (reader_with("token_type", "refresh_token"), "Error: Invalid token: this is a refresh token"),
        (reader_with("cnf", json!({ "jkt": "x" })), "Error: Invalid token: it is bound to a key (cnf)"),
        (reader_with("active", "true"), "Error: Invalid token: `active` in the issuer's answer"),
    ] {
        assert_refused(&guarded.count_opaque(claims), begins);
    }
    assert!(!guarded.count_opaque(reader()).is_error);
}

#[test]
fn a_token_that_is_not_active_is_refused_by_every_tool() {
    let mut guarded = asking(issuer());
    let revoked = guarded.issuer.issue_opaque(reader());
    guarded.issuer.revoke_opaque(&revoked);
    for token in [revoked, guarded.issuer.issue_opaque(reader_with("active", false)), "never-issued".into()] {
        guarded.present(&token);
        for (tool, arguments) in every_tool() {
            let reply = call(&mut guarded.server, tool, arguments);
            assert_refused(&reply, "Error: Invalid token: the issuer says that it is not active");
            assert!(!reply.text.contains(&token), "{}", reply.text);
        }
    }
}

#[test]
fn fifty_calls_at_once_with_one_token_make_one_request() {
    let mut guarded = asking(issuer());
    // While the first request waits for its answer, the other calls arrive.
    guarded.issuer.delay(Endpoint::Introspection, Duration::from_millis(500));
    guarded.present(&guarded.issuer.issue_opaque(reader()));
    let arguments = json!({ "sql_query": COUNT_PATIENTS });
    let ids: Vec<u64> = (0..50).map(|_| begin(&mut guarded.server, "execute_query", &arguments)).collect();
    for answer in answers(&mut guarded.server, &ids).values() {
        assert_eq!(Reply::of(answer).rows(), &[json!([100])]);
    }
    assert_eq!(guarded.issuer.counters().introspection, 1);
    guarded.count_opaque(reader());
    assert_eq!(guarded.issuer.counters().introspection, 2, "another token is another question");
}

#[test]
fn an_endpoint_that_fails_admits_nobody_and_its_own_words_go_nowhere() {
    for (fault, says) in [
        (Fault::Status(500), "the introspection endpoint answered with HTTP status 500"),
        (Fault::Status(302), "the introspection endpoint answered with HTTP status 302"),
        (Fault::Garbage, "the answer is not an introspection answer"),
        (Fault::Oversize, "the introspection answer is larger than 65536 bytes"),
    ] {
        let mut guarded = asking(issuer());
        guarded.issuer.fail(Endpoint::Introspection, fault);
        let reply = guarded.count_opaque(reader());
        assert_refused(&reply, &format!("Error: Failed to introspect token: {says}\n"));
        assert!(!reply.text.contains("upstream-detail"), "{}", reply.text);
        // JWTs need nothing of it.
        assert!(!guarded.count(TokenSpec::new()).is_error, "{fault:?}");
    }
}

#[test]
fn an_issuer_that_is_gone_admits_nobody_not_even_with_a_token_it_issued() {
    let Guarded { issuer, sandbox, mut server } = asking(issuer());
    present(&sandbox, &issuer.issue_opaque(reader()));
    drop(issuer);
    for (tool, arguments) in every_tool() {
        let reply = call(&mut server, tool, arguments);
        assert_refused(
            &reply,
            "Error: Failed to introspect token: the introspection endpoint cannot be reached\n",
        );
    }
}

#[test]
fn a_jwt_is_verified_here_and_its_issuer_is_never_asked_about_it() {
    let mut guarded = asking(issuer());
    assert!(!guarded.count(TokenSpec::new()).is_error);
    assert_refused(&guarded.count(TokenSpec::new().expires_in(-3600)), "Error: Token has expired");
    assert_refused(&guarded.count(TokenSpec::new().scope("other")), "Error: Missing required scopes");
    let forged = TokenSpec::new().forge(m4_tests::issuer::Forgery::TamperedPayload);
    assert_refused(&guarded.count(forged), "Error: Invalid token signature");
    let counted = guarded.issuer.counters();
    assert_eq!((counted.introspection, counted.jwks), (0, 1));
}

#[test]
fn a_wrong_client_secret_is_said_to_be_refused_and_not_shown() {
    const WRONG: &str = "wr0ng-cl1ent-s3cr3t";
    for method in METHODS {
        let mut guarded =
            asking_by(issuer(), method, |sandbox| sandbox.with("M4_OAUTH2_CLIENT_SECRET", WRONG));
        let reply = guarded.count_opaque(reader());
        assert_refused(
            &reply,
            "Error: Failed to introspect token: the introspection endpoint refuses this server's client credentials \
             (HTTP status 401)\nHint: Check M4_OAUTH2_CLIENT_ID and M4_OAUTH2_CLIENT_SECRET",
        );
        assert!(!reply.text.contains(WRONG), "{}", reply.text);
    }
}

#[test]
fn neither_token_nor_client_secret_reaches_stdout_or_stderr_however_much_is_logged() {
    // Base64 of `m4-client:m4-mock-client-secret` is what HTTP Basic sends.
    const BASIC: &str = "bTQtY2xpZW50Om00LW1vY2stY2xpZW50LXNlY3JldA";
    for method in METHODS {
        let Guarded { issuer, sandbox, mut server } = asking_by(issuer(), method, |sandbox| {
            sandbox.with("M4_LOG", "trace").with("M4_OAUTH2_DEBUG", "true")
        });
        let mut secrets = vec![issuer.client().1.to_owned(), BASIC.to_owned()];
        for fault in [None, Some(Fault::Status(500)), Some(Fault::Status(401))] {
            issuer.fail(Endpoint::Introspection, fault);
            for claims in [reader(), reader_with("active", false), reader_with("scope", "other")] {
                let token = issuer.issue_opaque(claims);
                present(&sandbox, &token);
                call(&mut server, "capabilities", json!({}));
                sql(&mut server, COUNT_PATIENTS);
                secrets.push(token);
            }
        }
        let exit = server.close_and_wait(DEADLINE).unwrap();
        assert!(
            exit.stderr.contains("asking the issuer about a token"),
            "nothing was logged: {}",
            exit.stderr
        );
        let stdout = String::from_utf8(exit.stdout).unwrap();
        for secret in &secrets {
            for (stream, text) in [("stdout", &stdout), ("stderr", &exit.stderr)] {
                assert!(!text.contains(secret), "{stream} holds {secret} ({method})");
            }
        }
    }
}

#[test]
fn an_endpoint_without_client_credentials_admits_nobody_and_says_what_is_missing() {
    let issuer = issuer();
    let url = issuer.introspection_endpoint();
    let base = protected(with_sample(), &issuer).with("M4_OAUTH2_INTROSPECTION_URL", &url);
    let set = |name: &str, value: &str| base.clone().with(name, value);
    for (sandbox, missing) in [
        (base.clone(), "M4_OAUTH2_CLIENT_ID is not set"),
        (base.clone(), "M4_OAUTH2_CLIENT_SECRET is not set"),
        (set("M4_OAUTH2_CLIENT_ID", "m4-client"), "M4_OAUTH2_CLIENT_SECRET is not set"),
        (set("M4_OAUTH2_CLIENT_SECRET", "s3cr3t"), "M4_OAUTH2_CLIENT_ID is not set"),
        (
            set("M4_OAUTH2_INTROSPECTION_URL", "http://issuer.example/introspect"),
            "M4_OAUTH2_INTROSPECTION_URL",
        ),
        (
            set("M4_OAUTH2_CLIENT_ID", "m4-client").with("M4_OAUTH2_CLIENT_AUTH", "private_key_jwt"),
            "M4_OAUTH2_CLIENT_KEY_FILE is not set",
        ),
        (
            set("M4_OAUTH2_CLIENT_ID", "m4-client")
                .with("M4_OAUTH2_CLIENT_AUTH", "private_key_jwt")
                .with("M4_OAUTH2_CLIENT_KEY_FILE", "/no/such/file.pem"),
            "the file that M4_OAUTH2_CLIENT_KEY_FILE names cannot be read",
        ),
    ] {
        let mut server = start(&sandbox);
        for token in [issuer.mint(TokenSpec::new()), issuer.issue_opaque(reader())] {
            present(&sandbox, &token);
            for (tool, arguments) in every_tool() {
                let reply = call(&mut server, tool, arguments);
                assert_refused(&reply, "Error: OAuth2 is misconfigured: ");
                assert!(reply.text.contains(missing), "{missing}: {}", reply.text);
                assert!(!reply.text.contains("s3cr3t"), "{}", reply.text);
                assert!(!reply.text.contains("/no/such"), "{}", reply.text);
            }
        }
    }
    assert_eq!(issuer.counters(), Counters::default(), "a gate that is shut asks nobody");
}

/// The mock issuer's own endpoint: what the tests above stand on.
#[tokio::test]
async fn the_endpoint_tells_its_client_only_and_of_an_inactive_token_nothing_else() {
    let issuer = issuer();
    let (id, secret) = issuer.client();
    let token = issuer.issue_opaque(reader());
    let ask = || Client::new().post(issuer.introspection_endpoint());
    let posted = form(ask(), &[("token", &token), ("client_id", id), ("client_secret", secret)]).await;
    let by_basic = form(ask().basic_auth(id, Some(secret)), &[("token", &token)]).await;
    for response in [posted, by_basic] {
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(answer, reader_with("active", true));
    }
    let refused = [
        (ask(), StatusCode::UNAUTHORIZED, vec![("token", token.as_str())]),
        (ask().basic_auth(id, Some("wrong")), StatusCode::UNAUTHORIZED, vec![("token", token.as_str())]),
        (ask().bearer_auth("x"), StatusCode::UNAUTHORIZED, vec![("token", token.as_str())]),
        (ask().basic_auth(id, Some(secret)), StatusCode::BAD_REQUEST, vec![]),
    ];
    for (request, status, fields) in refused {
        assert_eq!(form(request, &fields).await.status(), status, "{fields:?}");
    }
    issuer.revoke_opaque(&token);
    let response = form(ask().basic_auth(id, Some(secret)), &[("token", &token)]).await;
    assert_eq!(response.bytes().await.unwrap(), r#"{"active":false}"#);
    assert_eq!(issuer.counters().introspection, 7);
}

/// What makes the test above more than a form: the mock refuses every assertion that RFC 7523 §3 refuses.
#[tokio::test]
async fn the_endpoint_takes_an_assertion_once_from_its_client_for_itself_and_by_the_registered_key() {
    let (key, stranger) = (ClientKey::generate(KeyKind::P256), ClientKey::generate(KeyKind::P256));
    let issuer = MockIssuer::start(Options { client_key: Some(key.jwk()), ..Options::default() });
    let (id, secret) = issuer.client();
    let token = issuer.issue_opaque(reader());
    let url = issuer.introspection_endpoint();
    let jwt_bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let status = async |assertion: &str, more: &[(&str, &str)]| {
        let mut fields = vec![("token", token.as_str()), ("client_assertion", assertion)];
        fields.extend(more);
        form(Client::new().post(&url), &fields).await.status()
    };
    let typed = [("client_assertion_type", jwt_bearer)];
    let good = |audience: &str| key.assertion(id, audience, &json!({}));

    for audience in [issuer.url(), url.as_str(), issuer.token_endpoint().as_str()] {
        assert_eq!(status(&good(audience), &typed).await, StatusCode::OK, "{audience}");
    }
    let once = good(issuer.url());
    assert_eq!(status(&once, &typed).await, StatusCode::OK);
    assert_eq!(status(&once, &typed).await, StatusCode::UNAUTHORIZED, "a second time");

    for changed in [
        json!({ "aud": "https://other.example" }),
        json!({ "aud": null }),
        json!({ "iss": "other" }),
        json!({ "sub": "other" }),
        json!({ "exp": 1_700_000_000 }),
        json!({ "exp": null }),
        json!({ "nbf": 32_503_680_000_u64 }),
        json!({ "jti": null }),
    ] {
        let assertion = key.assertion(id, issuer.url(), &changed);
        assert_eq!(status(&assertion, &typed).await, StatusCode::UNAUTHORIZED, "{changed}");
    }
    let foreign = stranger.assertion(id, issuer.url(), &json!({}));
    assert_eq!(status(&foreign, &typed).await, StatusCode::UNAUTHORIZED, "another key");
    let good = good(issuer.url());
    assert_eq!(status(&good, &[]).await, StatusCode::UNAUTHORIZED, "no type");
    let misnamed = [typed[0], ("client_id", "other")];
    assert_eq!(status(&good, &misnamed).await, StatusCode::UNAUTHORIZED, "another client_id");
    let twofold = [typed[0], ("client_secret", secret)];
    assert_eq!(status(&good, &twofold).await, StatusCode::UNAUTHORIZED, "with a secret as well");
    let by_secret = Client::new().post(&url).basic_auth(id, Some(secret));
    assert_eq!(form(by_secret, &[("token", &token)]).await.status(), StatusCode::UNAUTHORIZED, "by secret");
    assert_eq!(status(&good, &typed).await, StatusCode::OK, "none of the refusals used it up");
}

async fn form(request: RequestBuilder, fields: &[(&str, &str)]) -> Response {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    request.body(body).send().await.unwrap()
}
