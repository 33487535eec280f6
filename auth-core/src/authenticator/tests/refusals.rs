//! What is refused, in the words of the contract.

use super::*;

/// The first words are a contract with everyone's troubleshooting notes.
#[expect(clippy::too_many_lines, reason = "one table, read line by line")]
#[test]
fn every_refusal_says_what_the_contract_says() {
    let key = Signer::p256("e");
    let rsa = Signer::rsa(2048, "r");
    let foreign = Signer::p256("e");
    let world = World::new(&[&key, &rsa]);
    let good = key.token(&claims());
    let tampered = {
        let mut parts: Vec<&str> = good.split('.').collect();
        let forged = URL_SAFE_NO_PAD.encode(with("sub", json!("root")).to_string());
        parts[1] = &forged;
        parts.join(".")
    };
    let mut no_kid = header(&key);
    no_kid.as_object_mut().unwrap().remove("kid");
    let second = Signer::p256("e2");
    let two_keys = World::new(&[&key, &second]);

    let none = format!("{}.", signing_input(&json!({ "alg": "none", "kid": "e" }), &claims()));
    let none_signed = format!("{none}AA");
    let confused = {
        let input = signing_input(&json!({ "alg": "HS256", "kid": "r" }), &claims());
        let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &rsa.public_der());
        let tag = aws_lc_rs::hmac::sign(&secret, input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    let cross = rsa.token_with(&json!({ "alg": "RS256", "kid": "e" }), &claims());
    let crit =
        key.token_with(&json!({ "alg": "ES256", "kid": "e", "crit": ["b64"], "b64": false }), &claims());

    for (what, rejection, begins, status, error) in [
        ("opaque", world.reject("opaque"), "Invalid token format: ", 401, Some("invalid_token")),
        ("bad header", world.reject("e30.e30.AA"), "Invalid token format: ", 401, Some("invalid_token")),
        ("bad base64", world.reject("!!.e30.AA"), "Invalid token format: ", 401, Some("invalid_token")),
        ("alg none", world.reject(&none), "Invalid token format: ", 401, Some("invalid_token")),
        (
            "alg none with a signature",
            world.reject(&none_signed),
            "Invalid token signature: algorithm `none` is not allowed",
            401,
            Some("invalid_token"),
        ),
        (
            "HS256 with the public key as secret",
            world.reject(&confused),
            "Invalid token signature: algorithm `HS256` is not allowed",
            401,
            Some("invalid_token"),
        ),
        (
            "RS256 on the EC key's id",
            world.reject(&cross),
            "Invalid token signature: algorithm RS256 is not the key's (ES256)",
            401,
            Some("invalid_token"),
        ),
        ("tampered", world.reject(&tampered), "Invalid token signature", 401, Some("invalid_token")),
        (
            "foreign key, known id",
            world.reject(&foreign.token(&claims())),
            "Invalid token signature",
            401,
            Some("invalid_token"),
        ),
        (
            "no kid",
            two_keys.reject(&key.token_with(&no_kid, &claims())),
            "Token missing key ID (kid)",
            401,
            Some("invalid_token"),
        ),
        (
            "expired",
            world.reject(&key.token(&with("exp", json!(START - 60)))),
            "Token has expired: at 2027-01-15T07:59:00Z, 60 seconds ago",
            401,
            Some("invalid_token"),
        ),
        (
            "nbf",
            world.reject(&key.token(&with("nbf", json!(START + 61)))),
            "Token is not yet valid: nbf is 2027-01-15T08:01:01Z, 61 seconds ahead",
            401,
            Some("invalid_token"),
        ),
        (
            "iat",
            world.reject(&key.token(&with("iat", json!(START + 3600)))),
            "Token is not yet valid: iat is",
            401,
            Some("invalid_token"),
        ),
        (
            "issuer by a slash",
            world.reject(&key.token(&with("iss", json!(format!("{ISSUER}/"))))),
            "Invalid token issuer: expected `https://issuer.example/realm`, found `https://issuer.example/realm/`",
            401,
            Some("invalid_token"),
        ),
        (
            "audience",
            world.reject(&key.token(&with("aud", json!(["a", "b"])))),
            "Invalid token audience: expected `m4-api`, found `a`, `b`",
            401,
            Some("invalid_token"),
        ),
        ("no iss", world.reject(&key.token(&without("iss"))), "Invalid token: ", 401, Some("invalid_token")),
        ("no aud", world.reject(&key.token(&without("aud"))), "Invalid token: ", 401, Some("invalid_token")),
        ("no exp", world.reject(&key.token(&without("exp"))), "Invalid token: ", 401, Some("invalid_token")),
        ("no sub", world.reject(&key.token(&without("sub"))), "Invalid token: ", 401, Some("invalid_token")),
        (
            "empty sub",
            world.reject(&key.token(&with("sub", json!("")))),
            "Invalid token: the required claim `sub`",
            401,
            Some("invalid_token"),
        ),
        (
            "key-bound",
            world.reject(&key.token(&with("cnf", json!({ "jkt": "x" })))),
            "Invalid token: it is bound to a key",
            401,
            Some("invalid_token"),
        ),
        ("crit", world.reject(&crit), "Invalid token: it demands", 401, Some("invalid_token")),
        (
            "scopes",
            world.reject(&key.token(&with("scope", json!("openid")))),
            "Missing required scopes: read:mimic-data",
            403,
            Some("insufficient_scope"),
        ),
    ] {
        assert!(rejection.message().starts_with(begins), "{what}: {rejection}");
        assert_eq!((rejection.http_status(), rejection.oauth_error()), (status, error), "{what}");
        assert!(!rejection.hint().is_empty() && !rejection.hint().contains('\n'), "{what}");
    }
}

#[test]
fn tokens_of_other_kinds_are_refused_by_type_and_by_shape() {
    let key = Signer::p256("e");
    let world = World::new(&[&key]);
    let refused = |token: String| match world.reject(&token) {
        Rejection::WrongKind(kind) => kind.to_string(),
        other => panic!("{other:?}"),
    };
    for (typ, says) in [
        ("dpop+jwt", "DPoP"),
        ("application/DPoP+jwt", "DPoP"),
        ("logout+jwt", "logout"),
        ("secevent+jwt", "security event"),
        ("JWE", "type `JWE`"),
        ("", "type ``"),
    ] {
        let token = key.token_with(&json!({ "alg": "ES256", "kid": "e", "typ": typ }), &claims());
        assert!(refused(token).contains(says), "{typ}");
    }
    for (name, value, says) in [
        ("nonce", json!("n"), "ID token"),
        ("at_hash", json!("h"), "ID token"),
        ("token_use", json!("id"), "ID token"),
        ("typ", json!("ID"), "ID token"),
        ("typ", json!("Refresh"), "refresh token"),
        ("typ", json!("Logout"), "logout"),
        ("events", json!({}), "security event"),
    ] {
        assert!(refused(key.token(&with(name, value))).contains(says), "{name}");
    }
    let mut proof = with("htm", json!("GET"));
    proof["htu"] = json!("https://x");
    assert!(refused(key.token(&proof)).contains("DPoP"));
    for typ in [json!("JWT"), json!("at+jwt"), json!("application/AT+JWT"), Value::Null] {
        world.admit(&key.token_with(&json!({ "alg": "ES256", "kid": "e", "typ": typ }), &claims()));
    }
}

#[test]
fn a_missing_token_carries_no_error_code() {
    let world = World::new(&[]);
    let Decision::Reject(Refused { rejection, .. }) =
        world.gate.decide(Credential::None, &QUERY, no_keys, at(0))
    else {
        panic!()
    };
    assert_eq!(rejection.message(), "Missing OAuth2 access token");
    assert_eq!((rejection.http_status(), rejection.oauth_error()), (401, None));
}
