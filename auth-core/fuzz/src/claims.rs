//! A second opinion on admitted tokens, written against plain JSON and sharing no line with auth-core.

use serde_json::Value;

use crate::{AUDIENCE, ISSUER, NOW, SCOPE};

/// Why a genuine token with this header and these claims must not be admitted; `None` when it may be.
pub fn objection(header: &[u8], claims: &[u8]) -> Option<&'static str> {
    // Members of a header that nobody reads may hold what strict JSON does not allow; there is no opinion on those.
    let Ok(header) = parse(header) else { return None };
    let Ok(claims) = parse(claims) else { return Some("not JSON") };
    let typ = header["typ"].as_str().unwrap_or("jwt").to_ascii_lowercase();
    let rules = [
        (header["alg"] == "EdDSA", "another algorithm"),
        (header["kid"].is_null() || header["kid"] == "e", "another key"),
        (header["crit"].is_null(), "a critical extension"),
        (matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt"), "another type"),
        (claims["iss"] == ISSUER, "another issuer"),
        (words(&claims["aud"], false).any(|word| word == AUDIENCE), "another audience"),
        (claims["sub"].as_str().is_some_and(|sub| !sub.is_empty() && sub != ISSUER), "no subject"),
        (claims["exp"].as_f64().is_some_and(|exp| exp.floor() + LEEWAY > NOW as f64), "expired"),
        (!from_the_future(&claims["nbf"]), "not valid yet"),
        (!from_the_future(&claims["iat"]), "issued in the future"),
        (claims.get("cnf").is_none(), "bound to a key"),
        (claims.get("events").is_none(), "a security event"),
        (claims.get("at_hash").is_none() && claims.get("c_hash").is_none(), "an ID token"),
        (claims.get("nonce").is_none() || claims["typ"] == "Bearer", "an ID token with a nonce"),
        (claims.get("htm").is_none() || claims.get("htu").is_none(), "a DPoP proof"),
        (
            words(&claims["scope"], true).chain(words(&claims["scp"], true)).any(|word| word == SCOPE),
            "without the scope",
        ),
    ];
    rules.into_iter().find_map(|(holds, objection)| (!holds).then_some(objection))
}

fn parse(bytes: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(bytes)
}

fn from_the_future(date: &Value) -> bool {
    date.as_f64().is_some_and(|date| date.floor() > NOW as f64 + LEEWAY)
}

/// The texts of a claim that is one or several, split at white space where the claim is made of words.
fn words(claim: &Value, split: bool) -> impl Iterator<Item = &str> {
    let one = claim.as_str().into_iter();
    let many = claim.as_array().into_iter().flatten().filter_map(Value::as_str);
    one.chain(many).flat_map(move |text| {
        let whole = (!split).then_some(text).into_iter();
        whole.chain(text.split_ascii_whitespace().filter(move |_| split))
    })
}

const LEEWAY: f64 = 60.0;

/// Headers and claims to begin with; empty claims stand for good ones.
pub const SHAPES: &[(&str, &str)] = &[
    (r#"{"alg":"EdDSA","kid":"e","typ":"at+jwt"}"#, ""),
    (r#"{"alg":"EdDSA"}"#, ""),
    (r#"["EdDSA","e",null,null]"#, ""),
    (r#"{"alg":"EdDSA","kid":"e","crit":["b64"],"b64":false}"#, ""),
    (r#"{"alg":"EdDSA","kid":"p","typ":"dpop+jwt"}"#, ""),
    (r#"{"alg":"ES256","kid":"e"}"#, ""),
    (
        r#"{"alg":"EdDSA","kid":"e"}"#,
        r#"{"iss":"https://issuer.example/realm","aud":["x","m4-api"],"sub":"a","exp":1800000300.5,"scp":["read:mimic-data"]}"#,
    ),
    (
        r#"{"alg":"EdDSA","kid":"e"}"#,
        r#"{"iss":"https://issuer.example/realm","aud":"m4-api","sub":"a","exp":1e300,"nbf":-1,"scope":"read:mimic-data","cnf":{"jkt":"x"}}"#,
    ),
    (
        r#"{"alg":"EdDSA","kid":"e"}"#,
        r#"{"iss":"https://issuer.example/realm","aud":"m4-api","sub":"a","exp":1800000300,"scope":"read:mimic-data","nonce":"n","typ":"Bearer","azp":"c","client_id":"c","email":"a@b.example","htm":"GET"}"#,
    ),
    (
        r#"{"alg":"EdDSA","kid":"e"}"#,
        r#"{"iss":"a","iss":"b","aud":null,"exp":"1","nbf":1800000061,"events":{}}"#,
    ),
];
