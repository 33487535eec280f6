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
mod tests;
