//! What an introspection endpoint answers (RFC 7662 §2.2), reduced to active claims or a reason.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::claims::{Claims, OneOrMany};
use crate::policy::Policy;
use crate::rejection::{Rejection, TokenKind};
use crate::time::UnixTime;

/// Largest answer accepted, in bytes.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What an answer is compared with.
#[derive(Debug, Clone, Copy)]
pub struct AnswerRules<'a> {
    /// The rules for tokens of the issuer whose endpoint was asked.
    pub policy: &'a Policy,
    /// Whether an answer without `aud` is refused. RFC 7662 makes the member optional and leaves it to the issuer to
    /// tell resource servers only about their own tokens; turn this on for issuers that do not.
    pub require_audience: bool,
}

/// What the issuer says about a token.
#[derive(Debug, Clone)]
pub enum Introspection {
    /// The token is active and meant for us.
    Active(Arc<IntrospectedClaims>),
    /// The token must not be accepted.
    Inactive(InactiveReason),
}

impl Introspection {
    /// Reads the body of a 200 answer.
    ///
    /// Active is a token only if `active` is the boolean `true`, every registered member has its type, and `iss` and
    /// `aud`, where present, are the policy's; one that fails here is remembered among the refused ones, so
    /// tokens of other resource servers cannot crowd out ours. The error is for a body that is no answer at all.
    pub fn parse(body: &[u8], rules: &AnswerRules<'_>) -> Result<Self, AnswerError> {
        if body.len() > MAX_ANSWER_BYTES {
            return Err(AnswerError::TooLarge);
        }
        let envelope: Envelope = serde_json::from_slice(body).map_err(|_| AnswerError::NotAnAnswer)?;
        let reason = match envelope.active {
            Value::Bool(true) => match active_claims(body, rules) {
                Ok(claims) => return Ok(Self::Active(Arc::new(IntrospectedClaims { claims }))),
                Err(reason) => reason,
            },
            Value::Bool(false) => InactiveReason::NotActive,
            _ => InactiveReason::WrongType { member: Some("active") },
        };
        Ok(Self::Inactive(reason))
    }
}

/// The claims of a token that its issuer calls active.
///
/// Where the answer had no `iss`, it is the issuer that was asked; where it had no `aud` and need not, it is the policy's
/// first audience. `exp` stays absent when it was.
#[derive(Clone)]
pub struct IntrospectedClaims {
    claims: Claims,
}

impl IntrospectedClaims {
    /// When the token expires, if the issuer says so.
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.claims.exp.map(|exp| exp.0)
    }

    /// In the shape of a JWT's claims, for the verifier's checks: kind, times, subject, `cnf`.
    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }
}

/// Claims are personal data and no secret; a log line still needs none of them.
impl fmt::Debug for IntrospectedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectedClaims").field("exp", &self.expires_at()).finish_non_exhaustive()
    }
}

/// Why a token must not be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InactiveReason {
    /// The issuer says it is not active: unknown, expired, revoked, or none of this server's business.
    NotActive,
    /// A member of the answer has the wrong type or is given twice.
    WrongType {
        /// Which one, where that can be told.
        member: Option<&'static str>,
    },
    /// The issuer calls it active and it is not acceptable here.
    Refused(Rejection),
}

impl fmt::Display for InactiveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotActive => f.write_str("the issuer says that it is not active"),
            Self::WrongType { member: Some(member) } => {
                write!(f, "`{member}` in the issuer's answer has the wrong type")
            }
            Self::WrongType { member: None } => f.write_str("the issuer's answer is not what it has to be"),
            Self::Refused(rejection) => rejection.fmt(f),
        }
    }
}

/// A body that is no introspection answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// More than [`MAX_ANSWER_BYTES`].
    #[error("the introspection answer is larger than {MAX_ANSWER_BYTES} bytes")]
    TooLarge,
    /// Not a JSON object with one `active`.
    #[error("the answer is not an introspection answer")]
    NotAnAnswer,
}

#[derive(Deserialize)]
struct Envelope {
    active: Value,
}

fn active_claims(body: &[u8], rules: &AnswerRules<'_>) -> Result<Claims, InactiveReason> {
    let Ok(mut claims) = serde_json::from_slice::<Claims>(body) else {
        return Err(InactiveReason::WrongType { member: wrongly_typed(body) });
    };
    // It says nothing about the bearer.
    claims.other.remove("active");
    check_types_of_others(&claims.other)?;
    check_kind(&claims.other).map_err(InactiveReason::Refused)?;
    check_issuer(&mut claims, rules.policy).map_err(InactiveReason::Refused)?;
    check_audience(&mut claims, rules).map_err(InactiveReason::Refused)?;
    Ok(claims)
}

fn check_issuer(claims: &mut Claims, policy: &Policy) -> Result<(), Rejection> {
    let found = claims.iss.get_or_insert_with(|| policy.issuer.clone());
    if !policy.validate_iss || *found == policy.issuer {
        return Ok(());
    }
    Err(Rejection::WrongIssuer { expected: policy.issuer.clone(), found: found.clone() })
}

fn check_audience(claims: &mut Claims, rules: &AnswerRules<'_>) -> Result<(), Rejection> {
    let ours = &rules.policy.audiences;
    if claims.aud.0.is_empty() && !rules.require_audience {
        claims.aud = OneOrMany(ours.iter().take(1).cloned().collect());
    }
    if !rules.policy.validate_aud || claims.aud.0.iter().any(|audience| ours.contains(audience)) {
        return Ok(());
    }
    Err(Rejection::WrongAudience { expected: ours.clone(), found: claims.aud.0.clone() })
}

/// RFC 7662 lets an endpoint call refresh tokens active, and they grant no access. RFC 6749 §7.1: a token of a type one
/// does not understand must not be used.
fn check_kind(other: &Map<String, Value>) -> Result<(), Rejection> {
    let text = |name: &str| other.get(name).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    // `token_use` is Ory Hydra's.
    let kinds = [text("token_type"), text("token_use")];
    if kinds.iter().any(|kind| matches!(kind.as_str(), "refresh" | "refresh_token")) {
        return Err(Rejection::WrongKind(TokenKind::RefreshToken));
    }
    if kinds.iter().any(|kind| matches!(kind.as_str(), "id" | "id_token")) {
        return Err(Rejection::WrongKind(TokenKind::IdToken));
    }
    match kinds[0].as_str() {
        // Bound to a key even if the answer forgets to say to which.
        "dpop" if !other.contains_key("cnf") => Err(Rejection::SenderConstrained),
        "" | "bearer" | "access_token" | "dpop" => Ok(()),
        typ => Err(Rejection::WrongKind(TokenKind::Other { typ: typ.to_owned() })),
    }
}

/// Registered members that [`Claims`] does not type.
fn check_types_of_others(other: &Map<String, Value>) -> Result<(), InactiveReason> {
    let wrong = OTHER_MEMBERS.iter().find(|(name, is_right)| other.get(*name).is_some_and(|v| !is_right(v)));
    wrong.map_or(Ok(()), |(name, _)| Err(InactiveReason::WrongType { member: Some(name) }))
}

/// Which member made [`Claims`] fail. `None` when one was given twice.
fn wrongly_typed(body: &[u8]) -> Option<&'static str> {
    let members: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let wrong =
        CLAIM_MEMBERS.iter().find(|(name, is_right)| members.get(*name).is_some_and(|v| !is_right(v)));
    wrong.map(|(name, _)| *name)
}

type Member = (&'static str, fn(&Value) -> bool);

const CLAIM_MEMBERS: [Member; 11] = [
    ("iss", is_text_or_null),
    ("sub", is_text_or_null),
    ("aud", is_texts),
    ("exp", is_number_or_null),
    ("nbf", is_number_or_null),
    ("iat", is_number_or_null),
    ("scope", is_texts),
    ("scp", is_texts),
    ("client_id", is_text_or_null),
    ("azp", is_text_or_null),
    ("email", is_text_or_null),
];

const OTHER_MEMBERS: [Member; 5] = [
    ("username", is_text_or_null),
    ("token_type", is_text_or_null),
    ("token_use", is_text_or_null),
    ("jti", is_text_or_null),
    ("cnf", Value::is_object),
];

fn is_text_or_null(value: &Value) -> bool {
    value.is_string() || value.is_null()
}

fn is_number_or_null(value: &Value) -> bool {
    value.is_number() || value.is_null()
}

fn is_texts(value: &Value) -> bool {
    is_text_or_null(value) || value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse_with(json: &str, require_audience: bool) -> Introspection {
        let policy = Policy::new("https://issuer.example", "m4-api");
        Introspection::parse(json.as_bytes(), &AnswerRules { policy: &policy, require_audience }).unwrap()
    }

    fn claims(json: &str) -> Claims {
        match parse_with(json, false) {
            Introspection::Active(claims) => claims.claims().clone(),
            Introspection::Inactive(reason) => panic!("{json}: {reason}"),
        }
    }

    fn reason(json: &str) -> InactiveReason {
        match parse_with(json, false) {
            Introspection::Active(_) => panic!("{json} is active"),
            Introspection::Inactive(reason) => reason,
        }
    }

    #[test]
    fn the_example_of_rfc_7662_is_understood() {
        let claims = claims(
            r#"{"active": true, "client_id": "l238j323ds-23ij4", "username": "jdoe",
                "scope": "read write dolphin", "sub": "Z5O3upPC88QrAjx00dis",
                "aud": "m4-api", "iss": "https://issuer.example",
                "exp": 1419356238, "iat": 1419350238, "extension_field": "twenty-seven"}"#,
        );
        assert_eq!(claims.sub.as_deref(), Some("Z5O3upPC88QrAjx00dis"));
        assert_eq!(claims.client_id.as_deref(), Some("l238j323ds-23ij4"));
        assert_eq!(claims.exp.unwrap().0, UnixTime(1_419_356_238));
        assert_eq!(claims.scope.0, ["read write dolphin"]);
        assert_eq!(claims.other["username"], "jdoe");
        assert_eq!(claims.other["extension_field"], "twenty-seven");
        assert!(!claims.other.contains_key("active"));
    }

    #[test]
    fn only_the_boolean_true_is_active() {
        assert_eq!(reason(r#"{"active":false,"sub":"x"}"#), InactiveReason::NotActive);
        for json in [r#"{"active":"true"}"#, r#"{"active":1}"#, r#"{"active":null}"#, r#"{"active":[true]}"#]
        {
            assert_eq!(reason(json), InactiveReason::WrongType { member: Some("active") }, "{json}");
        }
    }

    #[test]
    fn what_is_no_answer_is_an_error_and_not_a_verdict() {
        let policy = Policy::new("https://issuer.example", "m4-api");
        let rules = AnswerRules { policy: &policy, require_audience: false };
        let parse = |body: &[u8]| Introspection::parse(body, &rules).unwrap_err();
        for body in
            ["", "<html>", "[]", "true", "{}", r#"{"error":"x"}"#, r#"{"active":true,"active":false}"#]
        {
            assert_eq!(parse(body.as_bytes()), AnswerError::NotAnAnswer, "{body}");
        }
    }

    #[test]
    fn sixty_four_kilobytes_are_read_and_not_a_byte_more() {
        let policy = Policy::new("https://issuer.example", "m4-api");
        let rules = AnswerRules { policy: &policy, require_audience: false };
        let mut body = br#"{"active":false}"#.to_vec();
        body.resize(65_536, b' ');
        let answer = Introspection::parse(&body, &rules);
        assert!(matches!(answer, Ok(Introspection::Inactive(InactiveReason::NotActive))), "{answer:?}");
        body.push(b' ');
        assert_eq!(Introspection::parse(&body, &rules).unwrap_err(), AnswerError::TooLarge);
    }

    #[test]
    fn a_reason_is_told_in_the_words_of_the_answer_or_of_the_refusal() {
        for (reason, text) in [
            (InactiveReason::NotActive, "the issuer says that it is not active"),
            (
                InactiveReason::WrongType { member: Some("exp") },
                "`exp` in the issuer's answer has the wrong type",
            ),
            (InactiveReason::WrongType { member: None }, "the issuer's answer is not what it has to be"),
            (
                InactiveReason::Refused(Rejection::WrongKind(TokenKind::RefreshToken)),
                "Invalid token: this is a refresh token, not an access token",
            ),
        ] {
            assert_eq!(reason.to_string(), text);
        }
    }

    #[test]
    fn a_member_of_the_wrong_type_makes_the_token_inactive_and_is_named() {
        for (member, value) in [
            ("exp", r#""1700000000""#),
            ("nbf", "[]"),
            ("iat", "true"),
            ("iss", "7"),
            ("aud", r#"["m4-api",7]"#),
            ("sub", r#"["a"]"#),
            ("scope", "{}"),
            ("client_id", "7"),
            ("username", "{}"),
            ("token_type", "1"),
            ("cnf", r#""x""#),
        ] {
            let json = format!(r#"{{"active":true,"{member}":{value}}}"#);
            assert_eq!(reason(&json), InactiveReason::WrongType { member: Some(member) }, "{json}");
        }
        let twice = r#"{"active":true,"sub":"a","sub":"b"}"#;
        assert_eq!(reason(twice), InactiveReason::WrongType { member: None });
    }

    #[test]
    fn a_member_of_the_right_type_is_never_blamed_for_another() {
        for right in [
            r#""exp":1700000000,"nbf":0,"iat":1.5,"aud":["m4-api","x"],"scope":"a b","iss":"i","sub":"s""#,
            r#""exp":null,"nbf":null,"iat":null,"aud":null,"scope":null,"iss":null,"sub":null"#,
            r#""aud":"m4-api","scope":["a","b"],"scp":[]"#,
        ] {
            let json = format!(r#"{{"active":true,{right},"email":7}}"#);
            assert_eq!(reason(&json), InactiveReason::WrongType { member: Some("email") }, "{json}");
        }
    }

    #[test]
    fn an_answer_about_another_issuers_token_is_refused() {
        let json = r#"{"active":true,"iss":"https://issuer.example/"}"#;
        assert!(matches!(reason(json), InactiveReason::Refused(Rejection::WrongIssuer { .. })));
        assert_eq!(claims(r#"{"active":true}"#).iss.as_deref(), Some("https://issuer.example"));
    }

    #[test]
    fn a_token_for_another_resource_server_is_refused() {
        for aud in [r#""other""#, r#"["a","b"]"#] {
            let json = format!(r#"{{"active":true,"aud":{aud}}}"#);
            assert!(matches!(reason(&json), InactiveReason::Refused(Rejection::WrongAudience { .. })));
        }
        assert_eq!(claims(r#"{"active":true,"aud":["x","m4-api"]}"#).aud.0, ["x", "m4-api"]);
    }

    #[test]
    fn an_absent_audience_is_accepted_only_where_it_may_be_absent() {
        for json in [r#"{"active":true}"#, r#"{"active":true,"aud":[]}"#, r#"{"active":true,"aud":null}"#] {
            assert_eq!(claims(json).aud.0, ["m4-api"]);
            let strict = parse_with(json, true);
            assert!(matches!(
                strict,
                Introspection::Inactive(InactiveReason::Refused(Rejection::WrongAudience { .. }))
            ));
        }
    }

    #[test]
    fn an_active_refresh_token_grants_no_access() {
        for member in [r#""token_type":"refresh_token""#, r#""token_use":"refresh_token""#] {
            let json = format!(r#"{{"active":true,{member}}}"#);
            let expected = Rejection::WrongKind(TokenKind::RefreshToken);
            assert_eq!(reason(&json), InactiveReason::Refused(expected), "{json}");
        }
        claims(r#"{"active":true,"token_type":"Bearer","token_use":"access_token"}"#);
    }

    #[test]
    fn a_token_of_an_unknown_type_is_refused_and_a_bound_one_stays_bound() {
        let mac = reason(r#"{"active":true,"token_type":"mac"}"#);
        assert!(matches!(mac, InactiveReason::Refused(Rejection::WrongKind(TokenKind::Other { .. }))));
        let forgetful = reason(r#"{"active":true,"token_type":"DPoP"}"#);
        assert_eq!(forgetful, InactiveReason::Refused(Rejection::SenderConstrained));
        let bound = claims(r#"{"active":true,"token_type":"DPoP","cnf":{"jkt":"x"}}"#);
        assert!(bound.other.contains_key("cnf"), "the verifier must see it");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..512)) {
            let policy = Policy::new("https://issuer.example", "m4-api");
            let _ = Introspection::parse(&body, &AnswerRules { policy: &policy, require_audience: true });
        }

        #[test]
        fn no_value_of_any_member_makes_it_panic_or_active_by_accident(
            active in json_value(), member in "(iss|sub|aud|exp|nbf|iat|scope|cnf|token_type|username|active)",
            value in json_value(),
        ) {
            let policy = Policy::new("https://issuer.example", "m4-api");
            let rules = AnswerRules { policy: &policy, require_audience: false };
            let body = format!(r#"{{"active":{active},"{member}":{value}}}"#);
            if let Ok(Introspection::Active(claims)) = Introspection::parse(body.as_bytes(), &rules) {
                prop_assert_eq!(active, Value::Bool(true));
                prop_assert_eq!(claims.claims().iss.as_deref(), Some("https://issuer.example"));
                prop_assert_eq!(&claims.claims().aud.0[..], ["m4-api"]);
            }
        }
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "(true|m4-api|https://issuer.example|Bearer|[a-z\u{0}é]{0,6})".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }
}
