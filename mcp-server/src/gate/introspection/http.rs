//! The introspection request over HTTP, bounded in time and size.

use std::time::Duration;

use auth_core::introspection::{
    AnswerError, AnswerRules, Introspection, IntrospectionFailed, MAX_ANSWER_BYTES, request_form,
};
use auth_core::oauth::client_auth::{AuthenticatedForm, ClientAuth, SigningFailed};
use auth_core::oauth::url::SecureUrl;
use auth_core::policy::Policy;
use auth_core::secret::Secret;
use auth_core::time::UnixTime;
use futures_util::future::BoxFuture;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, StatusCode, redirect};

use super::{AnswerSource, IntrospectionSettings};
use crate::client_auth;

/// One issuer's introspection endpoint.
#[derive(Debug)]
pub(super) struct Endpoint {
    http: Client,
    url: SecureUrl,
    auth: ClientAuth,
    policy: Policy,
    require_audience: bool,
}

impl Endpoint {
    /// Fails when the platform's trusted certificates cannot be loaded.
    pub(super) fn new(settings: &IntrospectionSettings, policy: Policy) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .user_agent(concat!("m4/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.timeout.min(CONNECT_TIMEOUT))
            .timeout(settings.timeout)
            // A redirect would carry token and credentials to wherever it points.
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            url: settings.endpoint.clone(),
            auth: settings.auth.clone(),
            policy,
            require_audience: settings.require_audience,
        })
    }

    async fn exchange(&self, token: Secret, wall: UnixTime) -> Result<Introspection, IntrospectionFailed> {
        let assertion = client_auth::Assertion::now(wall)?;
        let form = request_form(&token, &self.auth, &assertion.times())?;
        let body = self.post(form).await?;
        let rules = AnswerRules { policy: &self.policy, require_audience: self.require_audience };
        Ok(Introspection::parse(&body, &rules)?)
    }

    async fn post(&self, form: AuthenticatedForm) -> Result<Vec<u8>, IntrospectionFailed> {
        let mut request = self
            .http
            .post(self.url.url().clone())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(authorization) = &form.authorization {
            let mut value = HeaderValue::from_str(authorization.expose()).map_err(|_| SigningFailed)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(form.body.expose().to_owned());
        let mut response = request.send().await.map_err(|error| failure(&error))?;
        match response.status() {
            StatusCode::OK => {}
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                return Err(IntrospectionFailed::ClientRefused(status.as_u16()));
            }
            status => return Err(IntrospectionFailed::Status(status.as_u16())),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(AnswerError::TooLarge.into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl AnswerSource for Endpoint {
    fn ask(
        &self,
        token: Secret,
        wall: UnixTime,
    ) -> BoxFuture<'_, Result<Introspection, IntrospectionFailed>> {
        Box::pin(self.exchange(token, wall))
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The operator's log gets the details, which name the endpoint and nothing that was sent; callers learn which of the
/// two it was.
fn failure(error: &reqwest::Error) -> IntrospectionFailed {
    let failure =
        if error.is_timeout() { IntrospectionFailed::TimedOut } else { IntrospectionFailed::Unreachable };
    let error: &dyn std::error::Error = error;
    tracing::debug!(target: "m4::introspection", error, "the request to the issuer failed");
    failure
}

#[cfg(test)]
mod tests;
