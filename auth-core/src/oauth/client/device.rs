//! Logging in without a browser on this machine (RFC 8628): a person confirms a short code elsewhere while we ask.
//!
//! [`DevicePoll`] says when to ask the token endpoint and when to stop. It is a state machine in the caller's time.

use std::time::Duration;

use serde::Deserialize;

use super::token_response::{MAX_TOKEN_RESPONSE_BYTES, TokenError, TokenResponse, refusal};
use crate::json;
use crate::oauth::client_auth::{AssertionTimes, AuthenticatedForm, ClientAuth, SigningFailed};
use crate::oauth::metadata::Issuer;
use crate::oauth::url::{InvalidUrl, SecureUrl};
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::time::Now;

/// The request to the device authorization endpoint (§3.1), with the resource the token is for (RFC 8707).
pub fn authorization_form(
    scope: &ScopeSet,
    resource: Option<&str>,
    auth: &ClientAuth,
    assertion: &AssertionTimes<'_>,
) -> Result<AuthenticatedForm, SigningFailed> {
    let scope = Some(scope.joined()).filter(|scope| !scope.is_empty());
    let mut fields = Vec::new();
    fields.extend(scope.as_deref().map(|scope| ("scope", scope)));
    fields.extend(resource.map(|resource| ("resource", resource)));
    match auth {
        // §3.1: client_id is in the form whenever the client does not authenticate in another way.
        ClientAuth::Public { .. } | ClientAuth::Post { .. } | ClientAuth::PrivateKeyJwt { .. } => {}
        ClientAuth::Basic { client_id, .. } => fields.push(("client_id", client_id)),
    }
    auth.authenticate(&fields, assertion)
}

/// What a person has to do, and the code to ask with meanwhile (§3.2).
#[derive(Debug, Clone)]
pub struct DeviceAuthorization {
    /// The code to ask with.
    pub device_code: Secret,
    /// The code to type: visible ASCII.
    pub user_code: String,
    /// Where to type it.
    pub verification_uri: SecureUrl,
    /// The same place with the code in it, for links and QR codes.
    pub verification_uri_complete: Option<SecureUrl>,
    /// How long both codes are good for.
    pub expires_in: Duration,
    /// How long to wait between two questions.
    pub interval: Duration,
}

impl DeviceAuthorization {
    /// Reads the answer of `issuer` to the request that `sent`.
    pub fn parse(
        status: u16,
        body: &[u8],
        sent: &AuthenticatedForm,
        issuer: &Issuer,
    ) -> Result<Self, DeviceError> {
        if (300..400).contains(&status) {
            return Err(TokenError::Redirected.into());
        }
        if body.len() > MAX_TOKEN_RESPONSE_BYTES {
            return Err(TokenError::TooLarge.into());
        }
        if let Some(refusal) = refusal(body, sent) {
            return Err(TokenError::Refused(refusal).into());
        }
        if status != 200 {
            return Err(TokenError::Status { status }.into());
        }
        let document: Document = json::object(body).ok_or(DeviceError::NotAnAnswer)?;
        let is_typable = |code: &str| {
            (1..=MOST_USER_CODE).contains(&code.len())
                && code.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
        };
        if document.device_code.is_empty() || !is_typable(&document.user_code) {
            return Err(DeviceError::NotAnAnswer);
        }
        let uri = |text: &str| SecureUrl::parse_named_by(text, issuer.url());
        Ok(Self {
            device_code: document.device_code,
            user_code: document.user_code,
            verification_uri: uri(&document.verification_uri).map_err(DeviceError::VerificationUri)?,
            // A convenience only: without it the code is typed.
            verification_uri_complete: document.verification_uri_complete.and_then(|text| uri(&text).ok()),
            expires_in: Duration::from_secs(document.expires_in.min(LONGEST_SECONDS)),
            interval: Duration::from_secs(document.interval.unwrap_or(5).clamp(1, LONGEST_INTERVAL_SECONDS)),
        })
    }
}

/// Why a device login cannot begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The endpoint refused, failed or answered out of bounds.
    #[error(transparent)]
    Endpoint(#[from] TokenError),
    /// Not what §3.2 describes.
    #[error("the device authorization endpoint's answer is not what it has to be")]
    NotAnAnswer,
    /// A person would be sent to an unsafe place.
    #[error("the verification_uri of the authorization server {0}")]
    VerificationUri(InvalidUrl),
}

/// Waiting for a person to confirm (§3.4, §3.5).
#[derive(Debug, Clone)]
pub struct DevicePoll {
    began: Now,
    expires_in: Duration,
    interval: Duration,
    asked: Now,
    is_asking: bool,
    end: Option<DeviceEnd>,
}

impl DevicePoll {
    /// Starts when the device authorization endpoint has answered.
    pub fn new(authorization: &DeviceAuthorization, now: Now) -> Self {
        Self {
            began: now,
            expires_in: authorization.expires_in,
            interval: authorization.interval,
            asked: now,
            is_asking: false,
            end: None,
        }
    }

    /// What to do now. After [`DeviceStep::Ask`] it is silent until [`handle`](Self::handle).
    pub fn poll(&mut self, now: Now) -> DeviceStep {
        if let Some(end) = &self.end {
            return DeviceStep::Ended(end.clone());
        }
        let left = self.expires_in.saturating_sub(now.since(self.began));
        if left.is_zero() {
            self.end = Some(DeviceEnd::Expired);
            return DeviceStep::Ended(DeviceEnd::Expired);
        }
        let wait = self.interval.saturating_sub(now.since(self.asked));
        if self.is_asking {
            DeviceStep::Wait(left)
        } else if wait.is_zero() {
            self.is_asking = true;
            DeviceStep::Ask
        } else {
            DeviceStep::Wait(wait.min(left))
        }
    }

    /// Takes the token endpoint's answer; hands the tokens on when the person has confirmed. An answer that nobody asked
    /// for counts like any other: tokens are never thrown away.
    pub fn handle(&mut self, answer: Result<TokenResponse, TokenError>, now: Now) -> Option<TokenResponse> {
        self.is_asking = false;
        self.asked = now;
        let error = match answer {
            Ok(tokens) => {
                self.end = Some(DeviceEnd::Confirmed);
                return Some(tokens);
            }
            Err(error) => error,
        };
        match error.code() {
            Some("authorization_pending") => {}
            // §3.5: for this and all further questions.
            Some("slow_down") => self.slow_down(self.interval + SLOW_DOWN),
            Some("access_denied") => self.end_with(DeviceEnd::Denied),
            Some("expired_token") => self.end_with(DeviceEnd::Expired),
            // §3.5: a server in trouble is asked at half the pace each time.
            _ if error.is_temporary() => self.slow_down(self.interval * 2),
            _ => self.end_with(DeviceEnd::Failed(error)),
        }
        None
    }

    fn slow_down(&mut self, interval: Duration) {
        self.interval = interval.min(Duration::from_secs(LONGEST_INTERVAL_SECONDS));
    }

    fn end_with(&mut self, end: DeviceEnd) {
        self.end.get_or_insert(end);
    }
}

/// What a waiting device login wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceStep {
    /// Nothing for so long.
    Wait(Duration),
    /// One request to the token endpoint with [`Grant::DeviceCode`](super::token_request::Grant::DeviceCode).
    Ask,
    /// Nothing any more.
    Ended(DeviceEnd),
}

/// How a device login ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceEnd {
    /// With tokens, which were handed over.
    Confirmed,
    /// The person said no.
    Denied,
    /// Nobody said anything in time.
    Expired,
    /// The token endpoint refused for another reason.
    Failed(TokenError),
}

/// RFC 8628 §3.5.
const SLOW_DOWN: Duration = Duration::from_secs(5);
/// No code a person types is longer.
const MOST_USER_CODE: usize = 64;
const LONGEST_SECONDS: u64 = 24 * 3600;
const LONGEST_INTERVAL_SECONDS: u64 = 300;

#[derive(Deserialize)]
struct Document {
    device_code: Secret,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::oauth::client::redirect::ProviderError;
    use crate::oauth::client::token_response::TokenType;
    use crate::time::{Instant, UnixTime};

    fn times() -> AssertionTimes<'static> {
        AssertionTimes { jti: "j", issued_at: UnixTime(1_800_000_000), expires_at: UnixTime(1_800_000_060) }
    }

    fn sent() -> AuthenticatedForm {
        let auth = ClientAuth::Public { client_id: "m4".into() };
        authorization_form(&ScopeSet::parse("a b").unwrap(), Some("https://m.example"), &auth, &times())
            .unwrap()
    }

    fn parse(changes: Value) -> Result<DeviceAuthorization, DeviceError> {
        let mut body = json!({
            "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS", "user_code": "WDJB-MJHT",
            "verification_uri": "https://as.example/device", "expires_in": 1800,
        });
        let Value::Object(changes) = changes else { panic!() };
        body.as_object_mut().unwrap().extend(changes);
        let issuer = Issuer::parse("https://as.example").unwrap();
        DeviceAuthorization::parse(200, body.to_string().as_bytes(), &sent(), &issuer)
    }

    fn at(seconds: u64) -> Now {
        Now {
            wall: UnixTime(1_800_000_000 + i64::try_from(seconds).unwrap()),
            mono: Instant::from_start(Duration::from_secs(seconds)),
        }
    }

    fn refused(error: &str) -> Result<TokenResponse, TokenError> {
        Err(TokenError::Refused(ProviderError { error: error.into(), description: None }))
    }

    fn wait(seconds: u64) -> DeviceStep {
        DeviceStep::Wait(Duration::from_secs(seconds))
    }

    fn tokens() -> TokenResponse {
        TokenResponse {
            access_token: Secret::new("a"),
            token_type: TokenType::Bearer,
            expires_in: None,
            refresh_token: None,
            scope: None,
        }
    }

    #[test]
    fn the_request_names_the_client_once_however_it_authenticates() {
        assert_eq!(sent().body.expose(), "scope=a+b&resource=https%3A%2F%2Fm.example&client_id=m4");
        let auth = ClientAuth::Basic { client_id: "m4".into(), secret: Secret::new("s") };
        let form = authorization_form(&ScopeSet::default(), None, &auth, &times()).unwrap();
        assert_eq!(form.body.expose(), "client_id=m4");
    }

    #[test]
    fn the_answer_is_read_with_the_defaults_of_the_rfc() {
        let read =
            parse(json!({ "verification_uri_complete": "https://as.example/device?c=WDJB-MJHT" })).unwrap();
        assert_eq!((read.user_code.as_str(), read.interval.as_secs()), ("WDJB-MJHT", 5));
        assert_eq!(read.expires_in.as_secs(), 1800);
        assert!(read.verification_uri_complete.is_some() && !format!("{read:?}").contains("GmRh"));
        let complete = parse(json!({ "verification_uri_complete": "javascript:x" })).unwrap();
        assert!(complete.verification_uri_complete.is_none());
    }

    #[test]
    fn c18_a_person_is_sent_to_encrypted_places_only() {
        for (uri, problem) in [
            ("http://as.example/device", InvalidUrl::Insecure),
            ("file:///etc", InvalidUrl::NotHttp),
            ("http://localhost/", InvalidUrl::Loopback),
        ] {
            let error = parse(json!({ "verification_uri": uri })).unwrap_err();
            assert_eq!(error, DeviceError::VerificationUri(problem));
        }
    }

    #[test]
    fn an_answer_that_cannot_be_shown_is_refused() {
        for code in ["", "\u{1b}[2J", "é", &"x".repeat(65)] {
            assert_eq!(parse(json!({ "user_code": code })).unwrap_err(), DeviceError::NotAnAnswer);
        }
        assert_eq!(parse(json!({ "device_code": "" })).unwrap_err(), DeviceError::NotAnAnswer);
        let error = parse(json!({ "error": "unauthorized_client" })).unwrap_err();
        assert!(matches!(error, DeviceError::Endpoint(TokenError::Refused(_))));
    }

    #[test]
    fn it_asks_at_the_servers_pace_until_the_person_confirms() {
        let mut poll = DevicePoll::new(&parse(json!({})).unwrap(), at(0));
        assert_eq!(poll.poll(at(0)), wait(5));
        assert_eq!(poll.poll(at(4)), wait(1));
        assert_eq!(poll.poll(at(5)), DeviceStep::Ask);
        assert_eq!(poll.poll(at(6)), wait(1794), "one question at a time");
        assert!(poll.handle(refused("authorization_pending"), at(7)).is_none());
        assert_eq!(poll.poll(at(11)), wait(1));
        assert_eq!(poll.poll(at(12)), DeviceStep::Ask);
        assert!(poll.handle(Ok(tokens()), at(13)).is_some());
        assert_eq!(poll.poll(at(14)), DeviceStep::Ended(DeviceEnd::Confirmed));
    }

    #[test]
    fn slow_down_adds_five_seconds_for_good() {
        let mut poll = DevicePoll::new(&parse(json!({ "interval": 1 })).unwrap(), at(0));
        for (now, next) in [(1, 7), (7, 18)] {
            assert_eq!(poll.poll(at(now)), DeviceStep::Ask);
            poll.handle(refused("slow_down"), at(now));
            assert_ne!(poll.poll(at(next - 1)), DeviceStep::Ask);
        }
        assert_eq!(poll.poll(at(18)), DeviceStep::Ask);
        poll.handle(refused("authorization_pending"), at(18));
        assert_eq!(poll.poll(at(18)), wait(11));
    }

    #[test]
    fn a_server_in_trouble_is_asked_less_and_less() {
        let mut poll = DevicePoll::new(&parse(json!({ "interval": 1 })).unwrap(), at(0));
        for seconds in [2, 4, 8] {
            poll.handle(Err(TokenError::Unreachable), at(0));
            assert_eq!(poll.poll(at(0)), wait(seconds));
        }
        (0..20).for_each(|_| drop(poll.handle(Err(TokenError::Status { status: 503 }), at(0))));
        assert_eq!(poll.poll(at(0)), wait(300));
    }

    #[test]
    fn a_no_an_expiry_and_any_other_refusal_end_it() {
        let begin = || DevicePoll::new(&parse(json!({ "expires_in": 10 })).unwrap(), at(0));
        for (answer, end) in [
            (refused("access_denied"), DeviceEnd::Denied),
            (refused("expired_token"), DeviceEnd::Expired),
            (Err(TokenError::NotTokens), DeviceEnd::Failed(TokenError::NotTokens)),
        ] {
            let mut poll = begin();
            assert!(poll.handle(answer, at(5)).is_none());
            assert_eq!(poll.poll(at(5)), DeviceStep::Ended(end));
        }
        let mut poll = begin();
        assert_eq!(poll.poll(at(5)), DeviceStep::Ask);
        assert_eq!(poll.poll(at(10)), DeviceStep::Ended(DeviceEnd::Expired));
        assert!(poll.handle(Ok(tokens()), at(11)).is_some(), "tokens that came late are tokens");
    }

    proptest! {
        #[test]
        fn it_never_asks_faster_than_told_and_always_ends(
            interval in 0..20_u64, answers in proptest::collection::vec(0..4_usize, 0..40),
        ) {
            let authorization = parse(json!({ "interval": interval, "expires_in": 600 })).unwrap();
            let mut poll = DevicePoll::new(&authorization, at(0));
            let (mut now, mut last, mut answers) = (0, 0, answers.into_iter());
            while now <= 601 {
                match poll.poll(at(now)) {
                    DeviceStep::Wait(wait) => now += wait.as_secs().max(1),
                    DeviceStep::Ask => {
                        prop_assert!(now - last >= interval.max(1));
                        last = now;
                        let error = ["authorization_pending", "slow_down", "server_error", "authorization_pending"];
                        poll.handle(refused(error[answers.next().unwrap_or(0)]), at(now));
                    }
                    DeviceStep::Ended(end) => {
                        prop_assert_eq!(end, DeviceEnd::Expired);
                        return Ok(());
                    }
                }
            }
            prop_assert!(false, "did not end");
        }
    }
}
