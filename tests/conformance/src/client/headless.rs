//! A person who agrees to everything, and a browser that goes no further than the first redirect.

use auth_core::oauth::client::authorization::AuthorizationUrl;
use auth_core::oauth::client::redirect::RedirectError;
use auth_core::oauth::client::server::AuthorizationServer;
use auth_core::oauth::client_auth::ClientAuth;
use m4_cli::login::driver::{Callback, User};
use mcp_server::error::Explain;
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;

/// The suite's authorization endpoint redirects at once.
pub(crate) struct Headless;

impl User for Headless {
    type Error = HeadlessError;

    async fn authorize(
        &mut self,
        url: &AuthorizationUrl,
        callback: &mut Callback<'_>,
    ) -> Result<(), HeadlessError> {
        let client = reqwest::Client::builder().redirect(Policy::none()).no_proxy().build()?;
        let answer = client.get(url.as_str()).send().await?;
        let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let address = location.ok_or(HeadlessError::NoRedirect { status: answer.status().as_u16() })?;
        // A person would be waited for longer; nothing else comes here.
        if callback.receive_pasted(address)? { Ok(()) } else { Err(HeadlessError::Elsewhere) }
    }

    async fn name_client(&mut self, _server: &AuthorizationServer) -> Result<ClientAuth, HeadlessError> {
        Err(HeadlessError::NoClient)
    }
}

/// Why nobody came back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeadlessError {
    #[error("the authorization endpoint was not reached")]
    Http(#[from] reqwest::Error),
    #[error("the authorization endpoint answered with status {status} and no redirect")]
    NoRedirect { status: u16 },
    #[error("the authorization endpoint redirects to another place than the callback")]
    Elsewhere,
    #[error(transparent)]
    Redirect(#[from] RedirectError),
    #[error("the server gives no client, and the scenario names none")]
    NoClient,
}

impl Explain for HeadlessError {
    fn hint(&self) -> Option<String> {
        None
    }
}
