//! What is written to disk and read back, and when it is due.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;

const NOW: UnixTime = UnixTime(1_795_258_800);

fn session() -> StoredSession {
    StoredSession {
        issuer: Issuer::parse("https://issuer.example/").unwrap(),
        resource: Some("https://m4.example/mcp".into()),
        resource_parameter: true,
        client: ClientAuth::Public { client_id: "m4".into() },
        registered_redirect: None,
        token_endpoint: SecureUrl::parse("https://issuer.example/token").unwrap(),
        revocation_endpoint: SecureUrl::parse("https://issuer.example/revoke").ok(),
        token_type: TokenType::Bearer,
        access_token: Secret::new("acc3ss"),
        refresh_token: Some(Secret::new("r3fr3sh")),
        scope: ScopeSet::parse("read:mimic-data").unwrap(),
        issued_at: NOW,
        expires_at: Some(UnixTime(NOW.0 + 3600)),
        other: Map::new(),
    }
}

fn document(session: &StoredSession) -> Value {
    serde_json::from_str(session.to_json().expose()).unwrap()
}

fn parse(changes: Value) -> Result<StoredSession, StoredSessionError> {
    let mut document = document(&session());
    let Value::Object(changes) = changes else { panic!() };
    document.as_object_mut().unwrap().extend(changes);
    StoredSession::parse(document.to_string().as_bytes())
}

#[test]
fn the_format_is_the_documented_one() {
    assert_eq!(
        document(&session()),
        json!({
            "version": 1, "issuer": "https://issuer.example/", "resource": "https://m4.example/mcp",
            "client_id": "m4", "token_endpoint": "https://issuer.example/token",
            "revocation_endpoint": "https://issuer.example/revoke", "token_type": "Bearer",
            "access_token": "acc3ss", "refresh_token": "r3fr3sh", "scope": "read:mimic-data",
            "issued_at": "2026-11-21T11:00:00Z", "expires_at": "2026-11-21T12:00:00Z",
        })
    );
}

#[test]
fn what_is_written_is_read_again() {
    let minimal = StoredSession {
        resource: None,
        resource_parameter: false,
        revocation_endpoint: None,
        refresh_token: None,
        expires_at: None,
        token_type: TokenType::Dpop,
        client: ClientAuth::Post { client_id: "m4".into(), secret: Secret::new("s") },
        ..session()
    };
    let registered_redirect = RedirectUri::parse("http://localhost:8088/callback").ok();
    let registered = StoredSession { registered_redirect, ..session() };
    assert_eq!(document(&registered)["registered_redirect_uri"], "http://localhost:8088/callback");
    let confidential = StoredSession {
        client: ClientAuth::Basic { client_id: "m4".into(), secret: Secret::new("s") },
        ..session()
    };
    for session in [session(), minimal, registered, confidential] {
        let read = StoredSession::parse(session.to_json().expose().as_bytes()).unwrap();
        assert_eq!(document(&read), document(&session));
        assert_eq!((read.key(), read.client.method()), (session.key(), session.client.method()));
    }
    let newer = parse(json!({ "note": [1] })).unwrap();
    assert_eq!(document(&newer)["note"], json!([1]), "what a newer version wrote is kept");
}

#[test]
fn c06_a_switched_off_resource_parameter_stays_off_and_the_login_stays_the_resources() {
    let off = StoredSession { resource_parameter: false, ..session() };
    let read = StoredSession::parse(off.to_json().expose().as_bytes()).unwrap();
    assert_eq!((read.resource_to_send(), read.key()), (None, session().key()));
    assert_eq!(session().resource_to_send(), Some("https://m4.example/mcp"));
    assert_eq!(document(&off)["resource_parameter"], false);
}

#[test]
fn c17_a_damaged_login_is_refused_and_another_format_named() {
    for changes in [
        json!({ "issuer": "nowhere" }),
        json!({ "token_endpoint": "http://evil.example/token" }),
        json!({ "revocation_endpoint": "file:///x" }),
        json!({ "access_token": "a\r\nb" }),
        json!({ "access_token": null }),
        json!({ "refresh_token": "" }),
        json!({ "token_type": "mac" }),
        json!({ "expires_at": "soon" }),
        json!({ "issued_at": 7 }),
        json!({ "client_secret": "s" }),
        json!({ "client_auth_method": "client_secret_basic" }),
    ] {
        assert_eq!(parse(changes.clone()).unwrap_err(), StoredSessionError::Corrupt, "{changes}");
    }
    assert_eq!(parse(json!({ "version": 2 })).unwrap_err(), StoredSessionError::Version { found: 2 });
    assert_eq!(StoredSession::parse(b"").unwrap_err(), StoredSessionError::Corrupt);
    assert_eq!(StoredSessionError::Corrupt.hint(), "log in again");
    assert!(StoredSessionError::Version { found: 2 }.hint().contains("the version of M4 that wrote it"));
}

#[test]
fn c12_a_login_is_kept_per_issuer_and_resource() {
    let key = |issuer: &str, resource| SessionKey::new(&Issuer::parse(issuer).unwrap(), resource);
    let own = session().key();
    assert_eq!(own, key("https://issuer.example/", Some("HTTPS://M4.example:443/mcp/")));
    assert_ne!(own, key("https://issuer.example", Some("https://m4.example/mcp")));
    assert_ne!(own, key("https://issuer.example/", Some("https://m4.example/other")));
    assert_ne!(own, key("https://issuer.example/", None));
    assert_eq!((own.issuer(), own.resource()), ("https://issuer.example/", Some("https://m4.example/mcp")));
}

#[test]
fn a_login_is_due_five_minutes_early_or_at_two_thirds_of_a_short_life() {
    for (lifetime, due) in [(3600, 3300), (901, 601), (900, 600), (300, 200), (2, 2), (0, 0), (-5, -5)] {
        let session = StoredSession { expires_at: Some(NOW.saturating_add(lifetime)), ..session() };
        assert_eq!(session.refresh_at(), Some(NOW.saturating_add(due)), "{lifetime}");
        assert!(session.refresh_due(NOW.saturating_add(due)));
        assert!(!session.refresh_due(NOW.saturating_add(due - 1)));
        assert!(session.is_expired(NOW.saturating_add(lifetime)));
        assert!(!session.is_expired(NOW.saturating_add(lifetime - 1)));
    }
    let endless = StoredSession { expires_at: None, ..session() };
    assert!(!endless.refresh_due(UnixTime(i64::MAX)) && !endless.is_expired(UnixTime(i64::MAX)));
}

fn tokens(refresh_token: Option<&str>, scope: Option<&str>) -> TokenResponse {
    TokenResponse {
        access_token: Secret::new("n3w"),
        token_type: TokenType::Bearer,
        expires_in: Some(Duration::from_secs(60)),
        refresh_token: refresh_token.map(Secret::new),
        scope: scope.map(|text| ScopeSet::parse(text).unwrap()),
    }
}

#[test]
fn a_refresh_keeps_what_the_answer_leaves_out() {
    let old = session();
    let later = NOW.saturating_add(100);
    let kept = old.renewed(tokens(None, None), later);
    assert!(kept.refresh_token.as_ref().unwrap().matches("r3fr3sh"));
    assert_eq!((&kept.scope, kept.issued_at), (&old.scope, later));
    assert_eq!(kept.expires_at, Some(later.saturating_add(60)));
    let rotated = old.renewed(tokens(Some("r0tated"), Some("b")), later);
    assert!(rotated.refresh_token.as_ref().unwrap().matches("r0tated"));
    assert_eq!(rotated.scope, ScopeSet::parse("b").unwrap());
    assert_eq!(rotated.key(), old.key());
    assert!(old.was_renewed_in(&kept) && kept.was_renewed_in(&rotated));
    assert!(!old.was_renewed_in(&old.clone()));
    let dropped = StoredSession { refresh_token: None, ..old.clone() };
    assert!(old.was_renewed_in(&dropped) && !dropped.was_renewed_in(&dropped.clone()));
    let bound = TokenResponse { token_type: TokenType::Dpop, ..tokens(None, None) };
    assert_eq!(old.renewed(bound, later).token_type, TokenType::Dpop);
}

#[test]
fn c15_the_token_stands_in_the_header() {
    assert_eq!(session().authorization().expose(), "Bearer acc3ss");
    let bound = StoredSession { token_type: TokenType::Dpop, ..session() };
    assert_eq!(bound.authorization().expose(), "DPoP acc3ss");
}

#[test]
fn debug_output_never_holds_a_token() {
    let session = StoredSession {
        client: ClientAuth::Basic { client_id: "m4".into(), secret: Secret::new("s3cr3t") },
        other: Map::from_iter([("id_token".to_owned(), json!("s3cr3t"))]),
        ..session()
    };
    let shown = format!("{session:?} {:?}", session.to_json());
    assert!(!["acc3ss", "r3fr3sh", "s3cr3t"].iter().any(|secret| shown.contains(secret)), "{shown}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        member in "version|issuer|resource|scope|expires_at|issued_at|client_id|token_type|refresh_token",
        value in "[a-z0-9:/.TZ-]{0,24}", number in any::<i64>(), cut in 0..400_usize,
    ) {
        for value in [json!(value), json!(number), Value::Null] {
            let _ = parse(json!({ (member.clone()): value }));
        }
        let text = session().to_json();
        let cut = cut.min(text.expose().len());
        let read = StoredSession::parse(&text.expose().as_bytes()[..cut]);
        prop_assert_eq!(read.is_ok(), cut == text.expose().len());
    }
}
