//! What the lifecycle asks its driver for, and what the driver may answer.

use std::fmt;
use std::time::Duration;

use url::Url;

use super::document::{KeySet, KeySetError};
use crate::oauth::metadata::MetadataError;

/// A request to the driver: get this issuer's key set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a fetch that is not made blocks every later one"]
pub struct Fetch {
    /// To be handed back with the outcome.
    pub id: FetchId,
    /// What the set at hand may be compared by. Absent when the whole set is wanted.
    pub validators: Option<Validators>,
}

/// Names one fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchId(pub(super) u64);

/// What a fetch brought.
#[derive(Debug)]
pub enum FetchOutcome {
    /// A set.
    Fetched {
        /// The keys.
        set: KeySet,
        /// What to ask by next time.
        validators: Option<Validators>,
        /// How long the issuer lets the answer be reused ([`max_age`]).
        max_age: Option<Duration>,
    },
    /// The set that [`Fetch::validators`] belong to is still the issuer's (RFC 9110 §15.4.5).
    NotModified {
        /// As in [`FetchOutcome::Fetched`].
        max_age: Option<Duration>,
    },
}

impl From<KeySet> for FetchOutcome {
    fn from(set: KeySet) -> Self {
        Self::Fetched { set, validators: None, max_age: None }
    }
}

/// Why a fetch brought no keys. Holds nothing of what the issuer sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchFailed {
    /// No answer in time.
    TimedOut,
    /// No connection: name resolution, refused, TLS.
    Unreachable,
    /// An answer with another status than 200. Redirects count: the issuer says where its keys are, once. So does a
    /// 304 that nobody asked for.
    Status(u16),
    /// An answer that is no JWK set.
    Document(KeySetError),
    /// The issuer's metadata does not say where the keys are.
    Metadata(MetadataError),
    /// A bug here, not at the issuer.
    Internal,
}

impl fmt::Display for FetchFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("the issuer did not answer in time"),
            Self::Unreachable => f.write_str("the issuer cannot be reached"),
            Self::Status(status) => write!(f, "the issuer answered with HTTP status {status}"),
            Self::Document(error) => error.fmt(f),
            Self::Metadata(error) => error.fmt(f),
            Self::Internal => f.write_str("this server failed while it fetched the issuer's keys"),
        }
    }
}

/// What an answer can be compared by later (RFC 9110 §8.8), and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validators {
    url: Url,
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Validators {
    /// Takes the `ETag` and `Last-Modified` of an answer from `url`, as they were sent.
    ///
    /// Whatever is longer than 256 bytes or not printable ASCII is left out; `None` when nothing remains.
    pub fn new(url: Url, etag: Option<&str>, last_modified: Option<&str>) -> Option<Self> {
        let usable = |value: &&str| {
            let is_printable = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
            (1..=MAX_VALIDATOR_BYTES).contains(&value.len()) && is_printable
        };
        let etag = etag.filter(usable).map(str::to_owned);
        let last_modified = last_modified.filter(usable).map(str::to_owned);
        (etag.is_some() || last_modified.is_some()).then_some(Self { url, etag, last_modified })
    }

    /// These, if they came from `url`. They mean nothing anywhere else.
    pub fn of(&self, url: &Url) -> Option<&Self> {
        (self.url == *url).then_some(self)
    }

    /// For `If-None-Match`.
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// For `If-Modified-Since`. Needed without [`Validators::etag`] only: it cannot tell two changes in one second
    /// apart.
    pub fn last_modified(&self) -> Option<&str> {
        self.last_modified.as_deref()
    }
}

/// How long a `Cache-Control` header lets an answer be reused (RFC 9111 §5.2.2.1).
///
/// `None` where it says nothing, says it badly, or says `max-age=0`: like `no-store` and `no-cache`, frameworks put
/// that on every answer, and an issuer that meant it could not be verified against at all.
pub fn max_age(cache_control: &str) -> Option<Duration> {
    let mut ages = cache_control.split(',').filter_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        name.trim().eq_ignore_ascii_case("max-age").then(|| value.trim())
    });
    // Said twice, the header is not to be trusted (§4.2.1).
    let (Some(seconds), None) = (ages.next(), ages.next()) else { return None };
    let is_number = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = is_number.then(|| seconds.parse().unwrap_or(u64::MAX))?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// The longest in use are under 100 bytes.
const MAX_VALIDATOR_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> Url {
        Url::parse("https://issuer.example/keys").unwrap()
    }

    #[test]
    fn validators_are_short_printable_and_of_one_url() {
        let validators = Validators::new(url(), Some("W/\"a b\""), Some("")).unwrap();
        assert_eq!((validators.etag(), validators.last_modified()), (Some("W/\"a b\""), None));
        assert!(validators.of(&url()).is_some());
        assert!(validators.of(&Url::parse("https://issuer.example/keys?v=2").unwrap()).is_none());
        let longest = "x".repeat(MAX_VALIDATOR_BYTES);
        assert!(Validators::new(url(), Some(&longest), None).is_some());
        let strange = [&*format!("{longest}x"), "a\r\nX: y", "ä", "\0"];
        assert!(strange.iter().all(|text| Validators::new(url(), Some(text), Some(text)).is_none()));
        assert!(Validators::new(url(), None, None).is_none());
        let dated = Validators::new(url(), None, Some("Fri, 20 Nov 2026 23:59:59 GMT")).unwrap();
        assert_eq!((dated.etag(), dated.last_modified()), (None, Some("Fri, 20 Nov 2026 23:59:59 GMT")));
    }

    #[test]
    fn a_failure_is_told_by_its_kind_and_by_nothing_the_issuer_sent() {
        for (failure, text) in [
            (FetchFailed::TimedOut, "the issuer did not answer in time"),
            (FetchFailed::Unreachable, "the issuer cannot be reached"),
            (FetchFailed::Status(503), "the issuer answered with HTTP status 503"),
            (FetchFailed::Document(KeySetError::NotAKeySet), "the answer is not a JWKS"),
            (FetchFailed::Internal, "this server failed while it fetched the issuer's keys"),
        ] {
            assert_eq!(failure.to_string(), text);
        }
        let metadata = MetadataError::TooLarge;
        assert_eq!(FetchFailed::Metadata(metadata).to_string(), metadata.to_string());
    }

    #[test]
    fn max_age_is_read_or_left_alone() {
        for (text, seconds) in [
            ("max-age=300", Some(300)),
            ("public, MAX-AGE = 15 , stale-if-error=86400", Some(15)),
            ("max-age=99999999999999999999999", Some(u64::MAX)),
            ("no-cache, no-store, max-age=0, must-revalidate", None),
            ("s-maxage=300", None),
            ("max-age=-1", None),
            ("max-age=\"300\"", None),
            ("max-age=", None),
            ("max-age", None),
            ("max-age=1, max-age=2", None),
            ("", None),
        ] {
            assert_eq!(max_age(text), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
