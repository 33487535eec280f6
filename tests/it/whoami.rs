//! What the server tells callers of themselves, as a tool and as a resource.

use m4_tests::issuer::TokenSpec;
use serde_json::{Value, json};

use crate::setup::{
    DEADLINE, Guarded, RESOURCES, call, empty, issuer, read_resource, refusal_to_read, start,
};

#[test]
fn whoami_shows_what_the_gate_decides_by_and_of_other_claims_the_names_alone() {
    let mut guarded = Guarded::start();
    let token = guarded.issuer.mint(
        TokenSpec::new()
            .subject("ada")
            .claim("email", "ada@example.org")
            .claim("http://x/ward", "ward-7-secret")
            .scope("read:mimic-data b"),
    );
    guarded.present(&token);
    let reply = call(&mut guarded.server, "whoami", json!({}));
    let seen = &reply.structured;
    assert_eq!(seen["authenticated"], true);
    assert_eq!(seen["issuer"], guarded.issuer.url());
    assert_eq!((&seen["subject"], &seen["client_id"]), (&json!("ada"), &json!("m4-client")));
    assert_eq!(
        (&seen["scopes"], &seen["email"]),
        (&json!(["b", "read:mimic-data"]), &json!("ada@example.org"))
    );
    assert!(seen["expires_at"].as_str().unwrap().ends_with('Z'), "{seen}");
    assert_eq!(seen["other_claims"], json!(["http://x/ward", "jti"]));
    assert_eq!(&read_resource(&mut guarded.server, "m4://whoami"), seen);
    for text in [reply.text, seen.to_string()] {
        assert!(!text.contains("ward-7-secret"), "{text}");
        assert!(token.split('.').all(|part| !text.contains(part)), "{text}");
    }
}

#[test]
fn with_oauth2_off_whoami_says_that_callers_are_not_authenticated() {
    let mut server = start(&empty());
    let reply = call(&mut server, "whoami", json!({}));
    assert!(reply.text.contains("callers are not authenticated"), "{}", reply.text);
    assert_eq!(
        (&reply.structured["authenticated"], &reply.structured["subject"]),
        (&json!(false), &Value::Null)
    );
}

#[test]
fn resources_are_listed_declared_and_read_as_the_tools_of_their_names() {
    let mut server = start(&empty());
    let listed = server.request("resources/list", &json!({}), DEADLINE).unwrap();
    let resources = listed["result"]["resources"].as_array().unwrap();
    let uris: Vec<&str> = resources.iter().map(|resource| resource["uri"].as_str().unwrap()).collect();
    assert_eq!(uris, RESOURCES);
    for uri in RESOURCES {
        let tool = call(&mut server, uri.strip_prefix("m4://").unwrap(), json!({})).structured;
        assert_eq!(read_resource(&mut server, uri), tool, "{uri}");
    }
    let mut fresh = m4_tests::server::RawServer::spawn(&empty()).unwrap();
    let hello = fresh.initialize(DEADLINE).unwrap();
    assert!(hello["result"]["capabilities"]["resources"].is_object(), "{hello}");
}

#[test]
fn a_resource_that_is_none_is_not_found_and_costs_no_decision() {
    let mut guarded = Guarded::start();
    for uri in ["m4://nope", "m4://execute_query", "file:///etc/passwd", "m4://whoami?x", ""] {
        let answer = guarded.server.request("resources/read", &json!({ "uri": uri }), DEADLINE).unwrap();
        assert_eq!(answer["error"]["code"], -32002, "{uri}: {answer}");
    }
    assert_eq!(guarded.issuer.counters().jwks, 0);
}

#[test]
fn reading_a_resource_passes_the_gate_with_the_scopes_the_rate_and_the_record_of_its_tool() {
    let mut guarded = Guarded::with(issuer(), |sandbox| {
        sandbox
            .with("M4_OAUTH2_TOOL_SCOPES", "whoami=see:me")
            .with("M4_OAUTH2_RATE_LIMIT_REQUESTS", "2")
            .with("M4_LOG", "info")
    });
    guarded.present("");
    for uri in RESOURCES {
        let text = refusal_to_read(&mut guarded.server, uri);
        assert!(text.starts_with("Error: Missing OAuth2 access token"), "{uri}: {text}");
    }
    guarded.present(&guarded.issuer.mint(TokenSpec::new()));
    let text = refusal_to_read(&mut guarded.server, "m4://whoami");
    assert!(text.starts_with("Error: Missing required scopes: see:me\n"), "{text}");
    read_resource(&mut guarded.server, "m4://capabilities");
    read_resource(&mut guarded.server, "m4://capabilities");
    let text = refusal_to_read(&mut guarded.server, "m4://capabilities");
    assert!(text.starts_with("Error: Rate limit exceeded: "), "{text}");
    let log = guarded.server.stderr();
    let recorded =
        |what: &str| log.lines().filter(|line| line.contains("m4::audit") && line.contains(what)).count();
    assert!(
        recorded("\"admit\"") >= 2 && recorded("missing_scopes") == 1 && recorded("rate_limited") == 1,
        "{log}"
    );
}
