//! The server that a dataset is downloaded from: requests to it, and to nothing else.

use std::time::Duration;

use auth_core::oauth::url::{SecureUrl, is_loopback};
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, DATE, HeaderMap, HeaderValue, IF_RANGE, LOCATION, RANGE, RETRY_AFTER,
};
use reqwest::{Client, Response, StatusCode, redirect};
use url::Url;

use super::credentials::{Credentials, PHYSIONET};
use super::error::DownloadError;
use super::pace::{PATIENCE, Pace, retry_after};
use super::range::{Version, text};

/// Requests below one address, with credentials where they are needed.
#[derive(Debug)]
pub(super) struct Site {
    client: Client,
    base: Url,
    credentials: Option<HeaderValue>,
}

/// What a request came to that did not come to an answer worth reading.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is worth trying again.
    Passing {
        /// What happened.
        why: String,
        /// How long the server wants to be left alone.
        wait: Option<Duration>,
    },
    /// It is not.
    Lasting(DownloadError),
}

impl From<DownloadError> for Trouble {
    fn from(error: DownloadError) -> Self {
        Self::Lasting(error)
    }
}

impl Trouble {
    pub(super) fn passing(why: impl Into<String>) -> Self {
        Self::Passing { why: why.into(), wait: None }
    }
}

impl Site {
    /// The site whose listing is at `address`. Credentials go to PhysioNet, over TLS, or nowhere; a server on this very machine
    /// counts as PhysioNet.
    pub(super) fn new(address: &str, credentials: Option<&Credentials>) -> Result<Self, DownloadError> {
        let bad = |reason| DownloadError::BadAddress { url: address.to_owned(), reason };
        let mut base = SecureUrl::parse(address).map_err(bad)?.url().clone();
        base.set_query(None);
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let host = base.host_str().unwrap_or_default();
        if credentials.is_some() && !is_loopback(&base) && !is_physionet(&base) {
            return Err(DownloadError::CredentialsElsewhere { host: host.to_owned() });
        }
        let builder = Client::builder();
        // A proxy has no way to this machine's own loopback, whatever the environment says.
        let builder = if is_loopback(&base) { builder.no_proxy() } else { builder };
        let client = builder
            .user_agent(USER_AGENT)
            .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE)
            // Followed by hand, within the site only.
            .redirect(redirect::Policy::none())
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .build()
            .map_err(|error| DownloadError::NoClient(error.into()))?;
        let credentials = credentials.and_then(Credentials::header);
        Ok(Self { client, base, credentials })
    }

    /// Where the listing is; ends in `/`.
    pub(super) const fn base(&self) -> &Url {
        &self.base
    }

    /// One request, for the rest of a file where a part of this version is there. Gives answers 200, 206 and 416.
    pub(super) async fn get(
        &self,
        url: &Url,
        what: &str,
        rest: Option<(u64, &Version)>,
    ) -> Result<Response, Trouble> {
        let mut at = url.clone();
        for _ in 0..=REDIRECTS {
            let response = self.send(&at, rest).await?;
            if !response.status().is_redirection() {
                return self.judged(response, what);
            }
            at = self.redirected(&at, &response, what)?;
        }
        let to = format!("{} and on and on", at.path());
        Err(DownloadError::RedirectedElsewhere { what: what.to_owned(), to }.into())
    }

    async fn send(&self, url: &Url, rest: Option<(u64, &Version)>) -> Result<Response, Trouble> {
        let mut request = self.client.get(url.clone());
        if let Some(credentials) = &self.credentials {
            request = request.header(AUTHORIZATION, credentials.clone());
        }
        if let Some((offset, version)) = rest {
            request = request.header(RANGE, format!("bytes={offset}-"));
            if let Some(tag) = version.if_range() {
                request = request.header(IF_RANGE, tag);
            }
        }
        request.send().await.map_err(|error| unreachable(&error))
    }

    /// Where a redirect leads, if that is the same file on the same server.
    fn redirected(&self, from: &Url, response: &Response, what: &str) -> Result<Url, Trouble> {
        let location = text(response.headers(), &LOCATION);
        let to = location.and_then(|location| from.join(location).ok());
        let elsewhere = |to: String| DownloadError::RedirectedElsewhere { what: what.to_owned(), to };
        let Some(mut to) = to else { return Err(elsewhere("nowhere".to_owned()).into()) };
        to.set_fragment(None);
        if to.origin() != self.base.origin() || !to.username().is_empty() || to.password().is_some() {
            return Err(elsewhere(to.host_str().unwrap_or("an unnamed host").to_owned()).into());
        }
        let last = |url: &Url| url.path().trim_end_matches('/').rsplit('/').next().map(str::to_owned);
        if to.path().split('/').any(|part| part == "login") {
            return Err(self.refused(what).into());
        }
        // A page that explains something is not the file.
        if last(&to) != last(from) {
            let path: String = to.path().chars().take(80).collect();
            return Err(elsewhere(path).into());
        }
        Ok(to)
    }

    fn judged(&self, response: Response, what: &str) -> Result<Response, Trouble> {
        let status = response.status();
        match status {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => Ok(response),
            StatusCode::UNAUTHORIZED => {
                let sent = self.credentials.is_some();
                Err(DownloadError::Unauthorized { what: what.to_owned(), sent }.into())
            }
            StatusCode::FORBIDDEN => Err(self.refused(what).into()),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(busy(&response, what)),
            _ if status.is_server_error() => Err(busy(&response, what)),
            _ => Err(DownloadError::Status { what: what.to_owned(), status: status.as_u16() }.into()),
        }
    }

    fn refused(&self, what: &str) -> DownloadError {
        let mut page = self.base.clone();
        page.set_path(&self.base.path().replacen("/files/", "/content/", 1));
        let sent = self.credentials.is_some();
        DownloadError::Forbidden { what: what.to_owned(), sent, page: page.into() }
    }

    /// A page as a whole, tried as often as a file; `None` where there is none.
    pub(super) async fn page(
        &self,
        url: &Url,
        what: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, DownloadError> {
        let mut attempts = Pace::default();
        loop {
            let (why, wait) = match self.page_once(url, what, limit).await {
                Ok(page) => return Ok(Some(page)),
                Err(Trouble::Lasting(DownloadError::Status { status: 404 | 410, .. })) => return Ok(None),
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing { why, wait }) => (why, wait),
            };
            let Some(wait) = attempts.next(false, wait) else {
                return Err(DownloadError::GaveUp { what: what.to_owned(), why });
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn page_once(&self, url: &Url, what: &str, limit: usize) -> Result<Vec<u8>, Trouble> {
        let mut response = self.get(url, what, None).await?;
        let too_large = || DownloadError::TooLarge { what: what.to_owned(), limit };
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large().into());
        }
        let mut page = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
            if chunk.len() > limit - page.len() {
                return Err(too_large().into());
            }
            page.extend_from_slice(&chunk);
        }
        Ok(page)
    }
}

fn is_physionet(url: &Url) -> bool {
    url.scheme() == "https" && url.host_str() == Some(PHYSIONET) && url.port().is_none()
}

fn busy(response: &Response, what: &str) -> Trouble {
    let headers = response.headers();
    let wait = text(headers, &RETRY_AFTER).and_then(|value| retry_after(value, text(headers, &DATE)));
    match wait {
        Some(wait) if wait > PATIENCE => {
            DownloadError::ComeBackLater { what: what.to_owned(), seconds: wait.as_secs() }.into()
        }
        wait => Trouble::Passing { why: format!("the server answered {}", response.status().as_u16()), wait },
    }
}

/// What a failed exchange is called, without its URL: the file is named already.
pub(super) fn unreachable(error: &reqwest::Error) -> Trouble {
    let why = if error.is_timeout() {
        "the server did not answer in time"
    } else if error.is_connect() {
        "the server could not be reached"
    } else {
        "the connection broke off"
    };
    let error: &dyn std::error::Error = error;
    tracing::debug!(target: "m4::download", error, "a request failed");
    Trouble::passing(why)
}

/// PhysioNet takes credentials from programs alone whose name begins like this, and answers 403 to all others.
const USER_AGENT: &str = concat!("Wget/1.21 (compatible; m4/", env!("CARGO_PKG_VERSION"), ")");
const REDIRECTS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may say nothing in the middle of an answer.
const SILENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(address: &str, with_credentials: bool) -> Option<DownloadError> {
        let credentials = Credentials::new("ada", "s3cret").unwrap();
        Site::new(address, with_credentials.then_some(&credentials)).err()
    }

    #[test]
    fn credentials_go_to_physionet_over_tls_or_nowhere() {
        for good in
            ["https://physionet.org/files/x/1/", "https://physionet.org:443/files/x", "http://127.0.0.1:1/x/"]
        {
            assert!(refusal(good, true).is_none(), "{good}");
        }
        for bad in [
            "https://physionet.org.evil.example/files/",
            "https://evil.example/physionet.org/",
            "https://physionet.org:444/",
            "https://www.physionet.org/",
            "https://PHYSIONET.0RG/",
        ] {
            assert!(matches!(refusal(bad, true), Some(DownloadError::CredentialsElsewhere { .. })), "{bad}");
            assert!(refusal(bad, false).is_none(), "{bad}");
        }
        for bad in [
            "http://physionet.org/files/",
            "ftp://physionet.org/",
            "physionet.org",
            "https://a:b@physionet.org/",
        ] {
            assert!(matches!(refusal(bad, true), Some(DownloadError::BadAddress { .. })), "{bad}");
        }
    }

    #[test]
    fn a_refusal_names_the_page_where_the_agreement_is_signed() {
        let site = Site::new("https://physionet.org/files/mimiciv/2.2", None).unwrap();
        let DownloadError::Forbidden { page, .. } = site.refused("hosp/") else { panic!("not a refusal") };
        assert_eq!(page, "https://physionet.org/content/mimiciv/2.2/");
    }
}
