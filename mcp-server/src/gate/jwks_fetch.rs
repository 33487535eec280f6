//! Getting an issuer's keys over HTTP: discovery, then the key set, each bounded in time and size.

use std::time::Duration;

use auth_core::algorithm::Algorithm;
use auth_core::jwks::{FetchFailed, KeySet, KeySetError, MAX_JWKS_BYTES};
use auth_core::oauth::metadata::{Issuer, MAX_METADATA_BYTES, Metadata, MetadataError};
use futures_util::future::BoxFuture;
use reqwest::{Client, StatusCode, redirect};
use tokio::sync::Mutex;
use url::Url;

use super::driver::KeySource;

/// Fetches one issuer's keys.
#[derive(Debug)]
pub(super) struct HttpKeySource {
    http: Client,
    issuer: Issuer,
    algorithms: Vec<Algorithm>,
    /// Given by configuration; discovery is skipped.
    configured: Option<Url>,
    /// Found by discovery; forgotten when it stops working.
    discovered: Mutex<Option<Url>>,
}

impl HttpKeySource {
    /// Keys of `issuer`, usable with `algorithms`, from `jwks_url` or from where the issuer's metadata says.
    ///
    /// Fails when the platform's trusted certificates cannot be loaded.
    pub(super) fn new(
        issuer: Issuer,
        jwks_url: Option<Url>,
        algorithms: Vec<Algorithm>,
    ) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .user_agent(concat!("m4/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            // Keys come from where the issuer says they are and from nowhere it happens to point at.
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self { http, issuer, algorithms, configured: jwks_url, discovered: Mutex::new(None) })
    }

    async fn fetch_keys(&self) -> Result<KeySet, FetchFailed> {
        let url = match &self.configured {
            Some(url) => url.clone(),
            None => self.discover().await?,
        };
        let outcome = self.fetch_set(&url).await;
        if outcome.is_err() {
            // The issuer may have moved its keys: look again next time.
            *self.discovered.lock().await = None;
        }
        outcome
    }

    async fn fetch_set(&self, url: &Url) -> Result<KeySet, FetchFailed> {
        match self.read(url, MAX_JWKS_BYTES).await? {
            Answer::Body(document) => {
                KeySet::parse(&document, &self.algorithms).map_err(FetchFailed::Document)
            }
            Answer::TooLarge => Err(FetchFailed::Document(KeySetError::TooLarge)),
            Answer::Status(status) => Err(FetchFailed::Status(status.as_u16())),
        }
    }

    /// Where the keys are: what the first metadata document that exists says, else the conventional place.
    ///
    /// Only «no such document» moves on to the next place. An issuer that is down or answers nonsense is an error now:
    /// guessing on would hide it.
    async fn discover(&self) -> Result<Url, FetchFailed> {
        let mut discovered = self.discovered.lock().await;
        if let Some(url) = &*discovered {
            return Ok(url.clone());
        }
        let mut found = None;
        for url in self.issuer.metadata_urls() {
            match self.read(&url, MAX_METADATA_BYTES).await? {
                Answer::Body(document) => {
                    let metadata = Metadata::parse(&document, &self.issuer).map_err(FetchFailed::Metadata)?;
                    found = Some(metadata.jwks_uri.url().clone());
                    break;
                }
                Answer::TooLarge => return Err(FetchFailed::Metadata(MetadataError::TooLarge)),
                Answer::Status(status) if status.is_client_error() || status.is_redirection() => {}
                Answer::Status(status) => return Err(FetchFailed::Status(status.as_u16())),
            }
        }
        let url = found.unwrap_or_else(|| self.issuer.fallback_jwks_url());
        tracing::debug!(target: "m4::jwks", %url, "the issuer's keys are here");
        *discovered = Some(url.clone());
        Ok(url)
    }

    async fn read(&self, url: &Url, limit: usize) -> Result<Answer, FetchFailed> {
        let request = self.http.get(url.clone()).header("accept", "application/json");
        let mut response = request.send().await.map_err(|error| failure(&error))?;
        if response.status() != StatusCode::OK {
            return Ok(Answer::Status(response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > limit {
                return Ok(Answer::TooLarge);
            }
        }
        Ok(Answer::Body(body))
    }
}

impl KeySource for HttpKeySource {
    fn fetch(&self) -> BoxFuture<'_, Result<KeySet, FetchFailed>> {
        Box::pin(self.fetch_keys())
    }
}

enum Answer {
    Body(Vec<u8>),
    TooLarge,
    Status(StatusCode),
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For the whole exchange, body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The operator's log gets the details; the caller learns only which of the two it was.
fn failure(error: &reqwest::Error) -> FetchFailed {
    let failure = if error.is_timeout() { FetchFailed::TimedOut } else { FetchFailed::Unreachable };
    let error: &dyn std::error::Error = error;
    tracing::debug!(target: "m4::jwks", error, "the request to the issuer failed");
    failure
}
