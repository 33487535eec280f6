//! Getting an issuer's keys over HTTP: discovery, then the key set, each bounded in time and size.
//!
//! - `Content-Type` is not looked at: key sets are served as JSON, plain text and octet streams, nothing renders them,
//!   and only what parses counts.
//! - Bodies are taken as they come, never unpacked, so a small answer cannot become a large one.
//! - `Cache-Control: max-age` is passed on; the lifecycle bounds it.

use std::sync::PoisonError;
use std::time::Duration;

use auth_core::algorithm::Algorithm;
use auth_core::jwks::{FetchFailed, FetchOutcome, KeySet, KeySetError, MAX_JWKS_BYTES, Validators, max_age};
use auth_core::oauth::metadata::{Issuer, MAX_METADATA_BYTES, Metadata, MetadataError};
use auth_core::oauth::url::is_loopback;
use auth_core::time::UnixTime;
use futures_util::future::BoxFuture;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{
    ACCEPT, AGE, CACHE_CONTROL, DATE, ETAG, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::{Client, Response, StatusCode, redirect};
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
    /// What the issuer's clock said in its last answer that told.
    clock: std::sync::Mutex<Option<UnixTime>>,
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
        Self::with_timeout(issuer, jwks_url, algorithms, REQUEST_TIMEOUT)
    }

    fn with_timeout(
        issuer: Issuer,
        jwks_url: Option<Url>,
        algorithms: Vec<Algorithm>,
        request_timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        let builder = match &jwks_url {
            // A proxy has no way to this machine's own loopback, whatever the environment says.
            Some(url) if is_loopback(url) => Client::builder().no_proxy(),
            None if issuer.is_loopback() => Client::builder().no_proxy(),
            _ => Client::builder(),
        };
        let http = builder
            .user_agent(concat!("m4/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(request_timeout)
            // Keys come from where the issuer says they are and from nowhere it happens to point at.
            .redirect(redirect::Policy::none())
            // Off already, unless some crate of the build switches reqwest's features on.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .build()?;
        Ok(Self {
            http,
            issuer,
            algorithms,
            configured: jwks_url,
            discovered: Mutex::default(),
            clock: std::sync::Mutex::default(),
        })
    }

    /// What the issuer's clock said when it last answered; `None` when it did not.
    pub(super) fn clock(&self) -> Option<UnixTime> {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch_keys(&self, validators: Option<Validators>) -> Result<FetchOutcome, FetchFailed> {
        let url = match &self.configured {
            Some(url) => url.clone(),
            None => self.discover().await?,
        };
        let outcome =
            self.fetch_set(&url, validators.as_ref().and_then(|validators| validators.of(&url))).await;
        if outcome.is_err() {
            // The issuer may have moved its keys: look again next time.
            *self.discovered.lock().await = None;
        }
        outcome
    }

    async fn fetch_set(
        &self,
        url: &Url,
        validators: Option<&Validators>,
    ) -> Result<FetchOutcome, FetchFailed> {
        let response = self.get(url, validators).await?;
        let max_age = header(&response, &CACHE_CONTROL).and_then(max_age);
        if response.status() == StatusCode::NOT_MODIFIED && validators.is_some() {
            return Ok(FetchOutcome::NotModified { max_age });
        }
        let validators =
            Validators::new(url.clone(), header(&response, &ETAG), header(&response, &LAST_MODIFIED));
        match read(response, MAX_JWKS_BYTES).await? {
            Answer::Body(document) => {
                let set = KeySet::parse(&document, &self.algorithms).map_err(FetchFailed::Document)?;
                Ok(FetchOutcome::Fetched { set, validators, max_age })
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
            match read(self.get(&url, None).await?, MAX_METADATA_BYTES).await? {
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

    async fn get(&self, url: &Url, validators: Option<&Validators>) -> Result<Response, FetchFailed> {
        let mut request = self.http.get(url.clone()).header(ACCEPT, "application/json");
        if let Some(validators) = validators {
            request = match (validators.etag(), validators.last_modified()) {
                (Some(etag), _) => request.header(IF_NONE_MATCH, etag),
                (None, Some(date)) => request.header(IF_MODIFIED_SINCE, date),
                (None, None) => request,
            };
        }
        let response = request.send().await.map_err(|error| failure(&error))?;
        if let Some(clock) = dated(&response) {
            *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock);
        }
        Ok(response)
    }
}

impl KeySource for HttpKeySource {
    fn fetch_newer(
        &self,
        validators: Option<Validators>,
    ) -> BoxFuture<'_, Result<FetchOutcome, FetchFailed>> {
        Box::pin(self.fetch_keys(validators))
    }
}

enum Answer {
    Body(Vec<u8>),
    TooLarge,
    Status(StatusCode),
}

/// The body of a 200, cut off at the first chunk beyond `limit` bytes.
async fn read(mut response: Response, limit: usize) -> Result<Answer, FetchFailed> {
    if response.status() != StatusCode::OK {
        return Ok(Answer::Status(response.status()));
    }
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Ok(Answer::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if chunk.len() > limit - body.len() {
            return Ok(Answer::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer::Body(body))
}

/// A header's value, unless it is there twice or not plain text.
fn header<'a>(response: &'a Response, name: &HeaderName) -> Option<&'a str> {
    let mut values = response.headers().get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()
}

/// The sender's clock as it is now: its `Date` (RFC 9110 §6.6.1), and the `Age` since where a cache answers (RFC 9111 §5.1).
fn dated(response: &Response) -> Option<UnixTime> {
    let date = DateTimeParser::new().parse_timestamp(header(response, &DATE)?).ok()?;
    let age = header(response, &AGE).and_then(|age| age.parse::<u32>().ok()).unwrap_or_default();
    Some(UnixTime(date.as_second()).saturating_add(age.into()))
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

#[cfg(test)]
mod tests;
