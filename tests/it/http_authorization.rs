//! The MCP authorization specification, row by row: tokens, metadata, challenges (s02 to s15).

use m4_tests::http::{Asking, HttpServer};
use m4_tests::issuer::TokenSpec;
use serde_json::{Value, json};

use crate::http_setup::{Web, challenge, counted, modern, parameter};
use crate::setup::{eventually, with_sample};

#[test]
fn s02_metadata_names_the_resource_and_its_issuers_byte_for_byte() {
    let web = Web::start();
    let answer =
        Asking::to("GET", &web.server.at("/.well-known/oauth-protected-resource/mcp")).send().unwrap();
    assert_eq!((answer.status, answer.field("content-type")), (200, Some("application/json")));
    let metadata = answer.json();
    assert_eq!(metadata["resource"], web.server.url());
    assert_eq!(metadata["authorization_servers"], json!([web.issuer.url()]));
    assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
}

#[test]
fn s02_an_issuer_with_a_slash_at_its_end_is_published_with_it() {
    let issuer = m4_tests::issuer::MockIssuer::start(m4_tests::issuer::Options {
        path: "/".into(),
        ..m4_tests::issuer::Options::default()
    });
    let sandbox = crate::setup::protected(with_sample(), &issuer);
    let server = HttpServer::spawn(&sandbox).unwrap();
    let answer = Asking::to("GET", &server.at("/.well-known/oauth-protected-resource")).send().unwrap();
    let published = answer.json()["authorization_servers"][0].as_str().unwrap().to_owned();
    assert!(published.ends_with('/') && published == issuer.url(), "{published}");
}

#[test]
fn s03_the_challenge_leads_to_metadata_that_is_also_where_clients_look_for_it() {
    let web = Web::start();
    let answer = web.server.rpc("tools/list", &json!({})).send().unwrap();
    assert_eq!(answer.status, 401);
    let url = parameter(&answer, "resource_metadata").unwrap();
    assert_eq!(url, web.server.at("/.well-known/oauth-protected-resource/mcp"));
    let found = Asking::to("GET", &url).send().unwrap().json();
    assert_eq!(found["resource"], web.server.url());
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        assert_eq!(Asking::to("GET", &web.server.at(path)).send().unwrap().json(), found, "{path}");
    }
    let elsewhere = web.server.at("/.well-known/oauth-protected-resource/other");
    assert_eq!(Asking::to("GET", &elsewhere).send().unwrap().status, 404);
}

#[test]
fn s04_the_first_challenge_asks_for_no_more_than_every_call_needs() {
    let web = Web::with(|sandbox| sandbox.with("M4_OAUTH2_TOOL_SCOPES", "execute_query=query:database"));
    let answer = web.server.rpc("tools/list", &json!({})).send().unwrap();
    assert_eq!(parameter(&answer, "scope").as_deref(), Some("read:mimic-data"));
    assert_eq!(parameter(&answer, "error"), None, "a request without a credential did nothing wrong");
}

/// GET and DELETE, other paths' methods, broken bodies, unknown tools: a stranger learns nothing of any of them.
#[test]
fn s05_the_token_is_judged_before_anything_else_of_a_request() {
    let web = Web::start();
    let requests = [
        Asking::to("GET", web.server.url()),
        Asking::to("DELETE", web.server.url()).field("mcp-session-id", "x"),
        Asking::to("PUT", web.server.url()),
        web.initialize(),
        web.server.post("{"),
        web.server.post("[]"),
        web.server.post("x").without("content-type"),
        web.server.rpc("tools/list", &json!({})).field("accept", "text/html"),
        web.server.rpc("no/such/method", &json!({})).field("mcp-session-id", "made-up"),
        modern(&web.server, "server/discover", json!({})),
    ];
    for request in requests {
        for request in [request.clone(), request.bearer("a.b.c")] {
            let answer = request.send().unwrap();
            assert_eq!(answer.status, 401, "{request:?}: {}", answer.body);
            assert!(answer.field("www-authenticate").is_some(), "{request:?}");
            assert_eq!(answer.field("mcp-session-id"), None);
        }
    }
}

#[test]
fn s06_a_token_for_another_audience_is_refused() {
    let web = Web::start();
    for audience in
        [json!("other"), json!([]), json!(["a", "b"]), json!(format!("{}x", web.issuer.audience()))]
    {
        let answer = web.count(&web.issuer.mint(TokenSpec::new().audience(audience.clone()))).send().unwrap();
        assert_eq!(answer.status, 401, "{audience}: {}", answer.body);
        assert_eq!(parameter(&answer, "error").as_deref(), Some("invalid_token"), "{audience}");
    }
    let among_others = TokenSpec::new().audience(json!(["other", web.issuer.audience()]));
    assert_eq!(counted(&web.count(&web.issuer.mint(among_others)).send().unwrap()), 100);
}

#[test]
fn s06_the_public_url_is_what_tokens_and_metadata_are_about() {
    let resource = "https://m4.example/mcp";
    let web = Web::with(|sandbox| {
        sandbox.with("M4_OAUTH2_AUDIENCE", resource).with("M4_HTTP_PUBLIC_URL", "https://m4.example")
    });
    let token = web.issuer.mint(TokenSpec::new().audience(resource));
    assert_eq!(counted(&web.count(&token).field("host", "m4.example").send().unwrap()), 100);
    let answer = web.count("a.b.c").field("host", "m4.example").send().unwrap();
    let metadata_url = "https://m4.example/.well-known/oauth-protected-resource/mcp";
    assert_eq!(parameter(&answer, "resource_metadata").as_deref(), Some(metadata_url));
    let found =
        Asking::to("GET", &web.server.at("/.well-known/oauth-protected-resource/mcp")).send().unwrap();
    assert_eq!(found.json()["resource"], resource);
    assert_eq!(web.count(&web.token()).send().unwrap().status, 401, "the old audience is none any more");
}

/// Only tokens of the configured issuer count; what the server itself holds is for others.
#[test]
fn s07_no_other_token_is_accepted_and_the_servers_own_is_nobodys() {
    let web = Web::start();
    let other = crate::setup::issuer();
    let answer = web.count(&other.mint(TokenSpec::new())).send().unwrap();
    assert_eq!((answer.status, parameter(&answer, "error").as_deref()), (401, Some("invalid_token")));

    let own_token = web.token();
    let with_token = web.sandbox.clone().with("M4_OAUTH2_TOKEN", own_token);
    let server = HttpServer::spawn(&with_token).unwrap();
    let answer = server.call("whoami", &json!({})).send().unwrap();
    assert_eq!(answer.status, 401, "an anonymous caller ran on the server's own token: {}", answer.body);
}

#[test]
fn s08_each_refusal_has_its_status_and_its_error() {
    let web = Web::with(|sandbox| sandbox.with("M4_OAUTH2_TOOL_SCOPES", "execute_query=query:database"));
    let mint = |spec| web.issuer.mint(spec);
    let cases = [
        (mint(TokenSpec::new().expires_in(-3600)), 401, Some("invalid_token"), "Token has expired"),
        (
            mint(TokenSpec::new().issuer("https://evil.example")),
            401,
            Some("invalid_token"),
            "Invalid token issuer",
        ),
        (mint(TokenSpec::new().without("sub")), 401, Some("invalid_token"), "Invalid token: "),
        (mint(TokenSpec::new().typ("logout+jwt")), 401, Some("invalid_token"), "Invalid token: "),
        ("a.b".to_owned(), 401, Some("invalid_token"), "Invalid token format"),
        (web.token(), 403, Some("insufficient_scope"), "Missing required scopes: query:database"),
    ];
    for (token, status, error, begins) in cases {
        let answer = web.count(&token).send().unwrap();
        assert_eq!(answer.status, status, "{begins}: {}", answer.body);
        assert_eq!(parameter(&answer, "error").as_deref(), error, "{begins}");
        let body = answer.json();
        assert_eq!(body["error"].as_str(), error);
        assert!(body["error_description"].as_str().unwrap().starts_with(begins), "{body}");
        assert!(!body["hint"].as_str().unwrap().is_empty());
        assert_eq!(answer.field("cache-control"), Some("no-store"));
    }
    let two = web.count(&web.token()).and_field("authorization", "Bearer x").send().unwrap();
    assert_eq!((two.status, two.json()["error"].as_str()), (400, Some("invalid_request")));
}

#[test]
fn s08_rate_keys_and_configuration_have_statuses_of_their_own() {
    let web = Web::with(|sandbox| sandbox.with("M4_OAUTH2_RATE_LIMIT_REQUESTS", "1"));
    let token = web.token();
    counted(&web.count(&token).send().unwrap());
    let answer = web.count(&token).send().unwrap();
    assert_eq!((answer.status, answer.field("www-authenticate")), (429, None), "{}", answer.body);
    let wait: u32 = answer.field("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");

    web.issuer.fail(m4_tests::issuer::Endpoint::Jwks, m4_tests::issuer::Fault::Status(500));
    let cold = HttpServer::spawn(&web.sandbox).unwrap();
    let answer = cold.call("whoami", &json!({})).bearer(&token).send().unwrap();
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.json()["error_description"].as_str().unwrap().starts_with("Failed to fetch JWKS"));
    assert!(answer.field("retry-after").is_some());

    let broken = HttpServer::spawn(&web.sandbox.clone().with("M4_OAUTH2_LEEWAY", "soon")).unwrap();
    let answer = broken.call("whoami", &json!({})).bearer(&token).send().unwrap();
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.json()["error_description"].as_str().unwrap().starts_with("OAuth2 is misconfigured"));
}

#[test]
fn s09_a_scope_that_is_missing_is_challenged_with_all_a_client_needs() {
    let web = Web::with(|sandbox| sandbox.with("M4_OAUTH2_TOOL_SCOPES", "execute_query=query:database"));
    let answer = web.count(&web.token()).send().unwrap();
    assert_eq!(answer.status, 403);
    let expected = [
        ("error", "insufficient_scope".to_owned()),
        ("error_description", "Missing required scopes: query:database".to_owned()),
        ("scope", "query:database read:mimic-data".to_owned()),
        ("resource_metadata", web.server.at("/.well-known/oauth-protected-resource/mcp")),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(challenge(&answer, "Bearer "), expected);
    // Within a session too, where the answer would otherwise be a stream that has begun.
    let id = web.open_session(&web.token());
    let answer = web.count(&web.token()).field("mcp-session-id", &id).send().unwrap();
    assert_eq!((answer.status, parameter(&answer, "error").as_deref()), (403, Some("insufficient_scope")));
}

#[test]
fn s10_one_challenge_names_every_scope_and_always_in_the_same_order() {
    let scopes = "execute_query=query:database;dataset:mimic-iv-sample=read:sample";
    let web = Web::with(|sandbox| sandbox.with("M4_OAUTH2_TOOL_SCOPES", scopes));
    let nothing = web.issuer.mint(TokenSpec::new().scope("other"));
    let asked: Vec<_> =
        (0..5).map(|_| parameter(&web.count(&nothing).send().unwrap(), "scope").unwrap()).collect();
    assert_eq!(asked, vec!["query:database read:mimic-data read:sample"; 5]);
    let all = web.issuer.mint(TokenSpec::new().scope(asked[0].as_str()));
    assert_eq!(counted(&web.count(&all).send().unwrap()), 100);
}

#[test]
fn s11_a_scope_that_implies_others_opens_what_they_open() {
    let web = Web::with(|sandbox| {
        sandbox
            .with("M4_OAUTH2_TOOL_SCOPES", "execute_query=query:database")
            .with("M4_OAUTH2_SCOPE_HIERARCHY", "admin=query:database,read:mimic-data")
    });
    let admin = web.issuer.mint(TokenSpec::new().scope("admin"));
    assert_eq!(counted(&web.count(&admin).send().unwrap()), 100);
}

#[test]
fn s12_offline_access_is_asked_for_nowhere() {
    let web =
        Web::with(|sandbox| sandbox.with("M4_OAUTH2_REQUIRED_SCOPES", "read:mimic-data offline_access"));
    let answer = web.server.rpc("tools/list", &json!({})).send().unwrap();
    assert_eq!(parameter(&answer, "scope").as_deref(), Some("read:mimic-data"));
    let metadata =
        Asking::to("GET", &parameter(&answer, "resource_metadata").unwrap()).send().unwrap().json();
    assert_eq!(metadata["scopes_supported"], json!(["read:mimic-data"]));
}

#[test]
fn s13_a_token_in_the_url_is_refused_even_beside_a_good_one() {
    let web = Web::start();
    let token = web.token();
    let url = format!("{}?access_token={token}", web.server.url());
    for request in [web.count(&token).at(&url), web.count(&token).without("authorization").at(&url)] {
        let answer = request.send().unwrap();
        assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_request")));
        assert!(!answer.body.contains(&token));
    }
    assert!(!web.server.stderr().contains(&token));
}

#[test]
fn s14_no_token_is_logged_and_no_answer_may_be_kept() {
    let web = Web::with(|sandbox| sandbox.with("M4_LOG", "trace").with("M4_OAUTH2_DEBUG", "true"));
    let good = web.token();
    let bad = web.issuer.mint(TokenSpec::new().expires_in(-3600));
    let id = web.open_session(&good);
    let requests = [
        web.count(&good),
        web.count(&bad),
        web.count(&good).field("mcp-session-id", &id),
        modern(&web.server, "tools/call", json!({ "name": "whoami" })).bearer(&good),
        web.server.rpc("tools/list", &json!({})),
    ];
    for request in requests {
        let answer = request.send().unwrap();
        assert_eq!(answer.field("cache-control"), Some("no-store"), "{request:?}");
        for token in [&good, &bad] {
            assert!(!answer.body.contains(token.as_str()), "{}", answer.body);
        }
    }
    eventually("the last call is logged", || web.server.stderr().contains("whoami"));
    let log = web.server.stderr();
    for token in [&good, &bad] {
        // Neither the whole nor its signature, by which a log could be turned back into a token.
        let signature = token.rsplit('.').next().unwrap();
        assert!(!log.contains(token.as_str()) && !log.contains(signature), "a token is in the log");
    }
}

#[test]
fn s15_the_resource_is_one_canonical_url_whatever_was_typed() {
    let web = Web::start();
    let port = web.server.authority().rsplit(':').next().unwrap();
    let metadata = |host: &str| -> Value {
        let asking = Asking::to("GET", &web.server.at("/.well-known/oauth-protected-resource/mcp"));
        asking.field("host", host).send().unwrap().json()
    };
    assert_eq!(metadata(&format!("LOCALHOST:{port}"))["resource"], format!("http://localhost:{port}/mcp"));
    assert_eq!(metadata(&format!("127.0.0.1:{port}"))["resource"], web.server.url());
}
