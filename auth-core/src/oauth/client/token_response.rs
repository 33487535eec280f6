//! Answers of the token endpoint (RFC 6749 §5): tokens, a refusal, or something else altogether.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::redirect::ProviderError;
use crate::json;
use crate::oauth::client_auth::AuthenticatedForm;
use crate::scope::ScopeSet;
use crate::secret::Secret;

/// Largest answer accepted, in bytes. Stop reading one byte later.
pub const MAX_TOKEN_RESPONSE_BYTES: usize = 128 * 1024;

/// Tokens an authorization server issued.
#[derive(Debug, Clone)]
pub struct TokenResponse {
    /// The access token: visible ASCII, so that it can stand in a header.
    pub access_token: Secret,
    /// How it has to be presented.
    pub token_type: TokenType,
    /// How long it is good for, where the server says.
    pub expires_in: Option<Duration>,
    /// The refresh token. After a refresh it replaces the old one; `None` means the old one stays good (RFC 6749 §6).
    pub refresh_token: Option<Secret>,
    /// What was granted; `None` means what was asked for (§5.1).
    pub scope: Option<ScopeSet>,
}

/// How an access token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// RFC 6750: whoever has it may use it.
    Bearer,
    /// RFC 9449: with a proof for every request.
    Dpop,
}

impl TokenType {
    /// The `token_type` and the scheme of the `Authorization` header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }

    /// Finds a type by its name, without regard to case (RFC 6749 §5.1).
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Bearer, Self::Dpop].into_iter().find(|known| known.name().eq_ignore_ascii_case(name))
    }
}

impl TokenResponse {
    /// Reads the answer to the request that `sent`.
    ///
    /// An `error` counts whatever the status. A server that repeats a code, token or secret of the request in its error text
    /// is not quoted.
    pub fn parse(status: u16, body: &[u8], sent: &AuthenticatedForm) -> Result<Self, TokenError> {
        if (300..400).contains(&status) {
            return Err(TokenError::Redirected);
        }
        if body.len() > MAX_TOKEN_RESPONSE_BYTES {
            return Err(TokenError::TooLarge);
        }
        if let Some(refusal) = refusal(body, sent) {
            return Err(TokenError::Refused(refusal));
        }
        if status != 200 {
            return Err(TokenError::Status { status });
        }
        let document: Document = json::object(body).ok_or(TokenError::NotTokens)?;
        let access_token = document.access_token.filter(is_token).ok_or(TokenError::NotTokens)?;
        let token_type = document.token_type.ok_or(TokenError::NotTokens)?;
        let token_type = TokenType::from_name(&token_type).ok_or(TokenError::UnknownType)?;
        let refresh_token = document.refresh_token.filter(|token| !token.is_empty());
        if !refresh_token.as_ref().is_none_or(is_token) {
            return Err(TokenError::NotTokens);
        }
        Ok(Self {
            access_token,
            token_type,
            expires_in: document.expires_in.as_ref().and_then(seconds),
            refresh_token,
            scope: document.scope.map(|text| text.split(' ').filter(|scope| !scope.is_empty()).collect()),
        })
    }
}

/// Why there are no tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The server says no (RFC 6749 §5.2).
    #[error("the authorization server refused: {0}")]
    Refused(ProviderError),
    /// It answered with a redirect, which is never followed: code and secrets would go elsewhere.
    #[error("the token endpoint redirects, which no token endpoint may do")]
    Redirected,
    /// It failed without saying why in the way of the RFC.
    #[error("the token endpoint answered with status {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// More than [`MAX_TOKEN_RESPONSE_BYTES`].
    #[error("the token endpoint's answer is larger than {MAX_TOKEN_RESPONSE_BYTES} bytes")]
    TooLarge,
    /// Not the JSON it has to be.
    #[error("the token endpoint's answer holds no tokens")]
    NotTokens,
    /// A token nobody here knows how to present (RFC 6749 §7.1).
    #[error("the token endpoint issued a token of an unknown type")]
    UnknownType,
    /// No answer; the caller knows why.
    #[error("the token endpoint did not answer")]
    Unreachable,
}

impl TokenError {
    /// The `error` code, if the server gave one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => Some(&refusal.error),
            _ => None,
        }
    }

    /// Whether what was exchanged is spent, expired or revoked: only another login helps.
    pub fn is_invalid_grant(&self) -> bool {
        self.code() == Some("invalid_grant")
    }

    /// Whether the same request may succeed later. Then what is stored stays good as long as it lives.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Status { status } => *status == 429 || *status >= 500,
            Self::Refused(refusal) => {
                matches!(refusal.error.as_str(), "temporarily_unavailable" | "server_error" | "slow_down")
            }
            Self::Unreachable => true,
            _ => false,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self.code() {
            Some("invalid_grant") => "log in again",
            Some("invalid_client" | "unauthorized_client") => {
                "check the client ID, its secret and which grants the authorization server allows it"
            }
            Some("invalid_scope") => "ask for other scopes",
            Some("invalid_target") => {
                "switch the resource parameter off for this issuer, or name another resource"
            }
            _ if self.is_temporary() => "try again later",
            _ => "tell whoever runs the authorization server",
        }
    }
}

/// The refusal in an answer, if it is one.
pub(super) fn refusal(body: &[u8], sent: &AuthenticatedForm) -> Option<ProviderError> {
    let document: Refusal = json::object(body)?;
    let error = match document.error? {
        Value::Null => return None,
        Value::String(error) => error,
        other => other.to_string(),
    };
    let quotable = |text: &String| !text.is_empty() && !repeats_a_secret(text, sent);
    let error = Some(error).filter(|error| quotable(error)).unwrap_or_else(|| "unnamed".to_owned());
    let description = match document.error_description {
        Some(Value::String(text)) => Some(text).filter(quotable),
        _ => None,
    };
    Some(ProviderError { error, description })
}

fn repeats_a_secret(text: &str, sent: &AuthenticatedForm) -> bool {
    let in_header = sent.authorization.as_ref().and_then(|header| header.expose().rsplit(' ').next());
    let in_body = form_urlencoded::parse(sent.body.expose().as_bytes());
    let in_body = in_body.filter(|(name, _)| SECRETS.contains(&name.as_ref()));
    // Shorter ones are words of any sentence.
    let repeats = |secret: &str| secret.len() >= 4 && text.contains(secret);
    in_header.is_some_and(|encoded| {
        repeats(encoded) || basic_secret(encoded).is_some_and(|secret| repeats(&secret))
    }) || in_body.into_iter().any(|(_, value)| repeats(&value))
}

/// The client secret in HTTP Basic credentials, as the server reads it (RFC 6749 §2.3.1).
fn basic_secret(encoded: &str) -> Option<Zeroizing<String>> {
    let pair = Zeroizing::new(String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?);
    let (_, secret) = pair.split_once(':')?;
    form_urlencoded::parse(secret.as_bytes()).next().map(|(secret, _)| Zeroizing::new(secret.into_owned()))
}

/// Tokens are `VSCHAR` (RFC 6749 appendix A.12); a blank would end them in a header.
fn is_token(token: &Secret) -> bool {
    !token.is_empty() && token.expose().bytes().all(|byte| byte.is_ascii_graphic())
}

/// Seconds as a number, or as digits in a string, as some servers write them. Anything else says nothing.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.parse::<u32>().ok()?.into(),
        _ => return None,
    };
    // An absurd figure is cut to ten years, which is as good as for ever.
    Duration::try_from_secs_f64(seconds.floor().min(315_360_000.0)).ok()
}

/// Fields of a form that must not come back in an error message.
const SECRETS: [&str; 7] =
    ["code", "code_verifier", "refresh_token", "device_code", "client_secret", "client_assertion", "token"];

#[derive(Deserialize)]
struct Document {
    access_token: Option<Secret>,
    token_type: Option<String>,
    expires_in: Option<Value>,
    refresh_token: Option<Secret>,
    scope: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: Option<Value>,
    error_description: Option<Value>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::testing::padded;

    fn sent() -> AuthenticatedForm {
        AuthenticatedForm {
            authorization: Some(Secret::new("Basic bTQ6czNjcjN0")),
            body: Secret::new("grant_type=refresh_token&refresh_token=r3fr%2Fsh&scope=read"),
        }
    }

    fn parse(status: u16, body: &str) -> Result<TokenResponse, TokenError> {
        TokenResponse::parse(status, body.as_bytes(), &sent())
    }

    fn with(changes: Value) -> Result<TokenResponse, TokenError> {
        let mut body = json!({ "access_token": "a", "token_type": "Bearer" });
        let Value::Object(changes) = changes else { panic!() };
        body.as_object_mut().unwrap().extend(changes);
        parse(200, &body.to_string())
    }

    #[test]
    fn the_answer_of_rfc_6749_is_read() {
        let tokens = parse(
            200,
            r#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"example-was-here","expires_in":3600,
                "refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA","example_parameter":"example_value"}"#,
        );
        assert_eq!(tokens.unwrap_err(), TokenError::UnknownType);
        let tokens = with(json!({ "expires_in": 3600, "refresh_token": "r", "scope": "b a" })).unwrap();
        assert_eq!((tokens.access_token.expose(), tokens.token_type), ("a", TokenType::Bearer));
        assert_eq!(tokens.expires_in, Some(Duration::from_secs(3600)));
        assert_eq!(tokens.refresh_token.unwrap().expose(), "r");
        assert_eq!(tokens.scope, ScopeSet::parse("a b").ok());
        let bare = with(json!({ "token_type": "dpop" })).unwrap();
        assert_eq!(bare.token_type, TokenType::Dpop);
        assert!(bare.expires_in.is_none() && bare.refresh_token.is_none() && bare.scope.is_none());
    }

    #[test]
    fn an_error_counts_whatever_the_status() {
        let body = r#"{"error":"invalid_grant","error_description":"expired","access_token":"a","token_type":"Bearer"}"#;
        for status in [200, 400, 401, 500] {
            let error = parse(status, body).unwrap_err();
            assert!(error.is_invalid_grant() && !error.is_temporary());
            assert_eq!(error.to_string(), "the authorization server refused: `invalid_grant` (`expired`)");
        }
        let other = with(json!({ "error": {"x": 1} })).unwrap_err();
        assert_eq!((other.code(), other.is_invalid_grant()), (Some(r#"{"x":1}"#), false));
        assert_eq!(with(json!({ "error": "" })).unwrap_err().code(), Some("unnamed"));
        assert!(with(json!({ "error": null })).is_ok());
    }

    #[test]
    fn c18_a_redirect_is_refused_whatever_it_carries() {
        for status in [301, 302, 303, 307, 308] {
            let body = r#"{"access_token":"a","token_type":"Bearer"}"#;
            assert_eq!(parse(status, body).unwrap_err(), TokenError::Redirected);
        }
    }

    #[test]
    fn what_is_not_tokens_is_said_without_its_content() {
        let html = "<html><script>alert(1)</script> s3cr3t";
        for (status, body, error) in [
            (200, html, TokenError::NotTokens),
            (500, html, TokenError::Status { status: 500 }),
            (201, r#"{"access_token":"a","token_type":"Bearer"}"#, TokenError::Status { status: 201 }),
            (200, "[]", TokenError::NotTokens),
            (200, r#"{"access_token":"a"}"#, TokenError::NotTokens),
            (200, r#"{"access_token":"","token_type":"Bearer"}"#, TokenError::NotTokens),
            (200, r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#, TokenError::NotTokens),
        ] {
            let found = parse(status, body).unwrap_err();
            assert!(!format!("{found} {found:?}").contains("s3cr3t"));
            assert_eq!(found, error, "{body}");
        }
        let sound = r#"{"access_token":"a","token_type":"Bearer"}"#;
        assert!(TokenResponse::parse(200, &padded(sound, 128 * 1024), &sent()).is_ok());
        let large = TokenResponse::parse(200, &padded(sound, 128 * 1024 + 1), &sent());
        assert_eq!(large.unwrap_err(), TokenError::TooLarge);
    }

    #[test]
    fn c15_a_token_that_would_break_its_header_is_no_token() {
        for token in ["a b", "a\r\nX: y", "é", "a\u{0}"] {
            assert_eq!(with(json!({ "access_token": token })).unwrap_err(), TokenError::NotTokens);
            assert_eq!(with(json!({ "refresh_token": token })).unwrap_err(), TokenError::NotTokens);
        }
    }

    #[test]
    fn an_error_text_that_repeats_a_secret_is_not_quoted() {
        for text in ["token r3fr/sh is unknown", "header bTQ6czNjcjN0", "r3fr/sh", "wrong secret s3cr3t"] {
            let error = with(json!({ "error": "invalid_grant", "error_description": text })).unwrap_err();
            assert_eq!(error.to_string(), "the authorization server refused: `invalid_grant`");
            assert_eq!(with(json!({ "error": text })).unwrap_err().code(), Some("unnamed"));
        }
        let harmless = with(json!({ "error": "invalid_scope", "error_description": "no read" })).unwrap_err();
        assert!(harmless.to_string().ends_with("(`no read`)"));
    }

    #[test]
    fn lifetimes_come_as_numbers_strings_or_nonsense() {
        for (value, expected) in [
            (json!(3599.9), Some(3599)),
            (json!("3600"), Some(3600)),
            (json!(0), Some(0)),
            (json!(1e300), Some(315_360_000)),
            (json!(-5), None),
            (json!("soon"), None),
            (json!([]), None),
        ] {
            let found = with(json!({ "expires_in": value })).unwrap().expires_in;
            assert_eq!(found, expected.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn trouble_that_passes_is_told_from_trouble_that_stays() {
        let refused =
            |error: &str| TokenError::Refused(ProviderError { error: error.into(), description: None });
        for (error, temporary, hint) in [
            (refused("invalid_grant"), false, "log in again"),
            (refused("temporarily_unavailable"), true, "try again later"),
            (TokenError::Status { status: 503 }, true, "try again later"),
            (TokenError::Status { status: 429 }, true, "try again later"),
            (TokenError::Unreachable, true, "try again later"),
            (TokenError::Status { status: 404 }, false, "tell whoever runs the authorization server"),
            (refused("invalid_scope"), false, "ask for other scopes"),
        ] {
            assert_eq!((error.is_temporary(), error.hint()), (temporary, hint), "{error}");
        }
        assert!(refused("invalid_target").hint().contains("resource"));
        assert!(refused("invalid_client").hint().contains("client ID"));
    }

    #[test]
    fn debug_output_never_holds_a_token() {
        let tokens = with(json!({ "access_token": "acc3ss", "refresh_token": "r3fr3sh" })).unwrap();
        let shown = format!("{tokens:?}");
        assert!(!shown.contains("acc3ss") && !shown.contains("r3fr3sh"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(status in 100..600_u16, body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = TokenResponse::parse(status, &body, &sent());
        }

        #[test]
        fn what_is_issued_can_stand_in_a_header(token in "\\PC{0,12}|[!-~]{1,12}", kind in "bearer|DPoP|mac") {
            if let Ok(tokens) = with(json!({ "access_token": token, "token_type": kind })) {
                prop_assert!(tokens.access_token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert!(kind != "mac");
            }
        }
    }
}
