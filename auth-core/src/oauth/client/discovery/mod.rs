//! From the URL of a server to an authorization server that can be used: a state machine without I/O.
//!
//! [`Discovery::poll`] says what to fetch, [`Discovery::handle`] takes what came back; then poll again. Requests go out
//! without credentials and follow no redirect. An answer that nobody asked for changes nothing.

use std::vec::IntoIter;

use url::Url;

use super::resource_metadata::{
    AdvertisedResource, MetadataPlace, ResourceMetadataError, ResourceRule, ResourceUrl,
};
use super::server::{AuthorizationServer, ServerMetadataError};
use super::www_authenticate::TokenChallenge;
use crate::oauth::metadata::Issuer;
use crate::oauth::url::InvalidUrl;

/// A search for the authorization server of a protected resource, or for an issuer's endpoints.
#[derive(Debug, Clone)]
pub struct Discovery {
    state: State,
    /// The issuer to choose where the resource names several.
    preferred: Option<Issuer>,
    resource: Option<AdvertisedResource>,
}

impl Discovery {
    /// Starts at a protected resource, with the challenge it answered with, if there was one.
    ///
    /// With a `preferred` issuer (the configured one) the resource has to name that one; without, its first is taken.
    pub fn of_resource(
        asked: ResourceUrl,
        challenge: Option<&TokenChallenge>,
        rule: ResourceRule,
        preferred: Option<Issuer>,
    ) -> Self {
        let state = match asked.metadata_places(challenge) {
            Ok(places) => State::resource(places, asked, rule),
            Err(problem) => State::Failed(DiscoveryError::ChallengeUrl(problem)),
        };
        Self { state, preferred, resource: None }
    }

    /// Starts at a known issuer.
    pub fn of_issuer(issuer: Issuer) -> Self {
        Self { state: State::issuer(issuer), preferred: None, resource: None }
    }

    /// What to do now. The same answer comes again until [`handle`](Self::handle) changes it.
    pub fn poll(&self) -> DiscoveryStep<'_> {
        match &self.state {
            State::Resource { places, .. } => DiscoveryStep::Fetch(places.current.url()),
            State::Issuer { places, .. } => DiscoveryStep::Fetch(&places.current),
            State::Found(server) => DiscoveryStep::Found { server, resource: self.resource.as_ref() },
            State::Failed(error) => DiscoveryStep::Failed(error),
        }
    }

    /// Takes the answer to the request that [`poll`](Self::poll) wanted.
    ///
    /// Only «no such document» (any 3xx or 4xx) moves on to the next place. A server that is down or answers nonsense is an
    /// error now: guessing on would hide it, and a document about somebody else is never passed over.
    pub fn handle(&mut self, fetched: Fetched<'_>) {
        // The state is put back below in every case but `Found` and `Failed`, which are never left.
        let unset = State::Failed(DiscoveryError::NoResourceMetadata);
        self.state = match std::mem::replace(&mut self.state, unset) {
            State::Resource { places, asked, rule } => self.resource_answered(fetched, places, asked, rule),
            State::Issuer { places, issuer } => issuer_answered(fetched, places, issuer),
            done => done,
        };
    }

    fn resource_answered(
        &mut self,
        fetched: Fetched<'_>,
        places: Places<MetadataPlace>,
        asked: ResourceUrl,
        rule: ResourceRule,
    ) -> State {
        let document = match fetched.document() {
            Ok(document) => document,
            Err(Missing::Here) => {
                return match places.next() {
                    Some(places) => State::Resource { places, asked, rule },
                    None => State::Failed(DiscoveryError::NoResourceMetadata),
                };
            }
            Err(Missing::Because(error)) => return State::Failed(error),
        };
        let resource = match AdvertisedResource::parse(document, &places.current, &asked, rule) {
            Ok(resource) => resource,
            Err(error) => return State::Failed(error.into()),
        };
        let mut issuers = resource.authorization_servers.iter();
        let issuer = match &self.preferred {
            Some(preferred) => issuers.find(|issuer| *issuer == preferred),
            None => issuers.next(),
        };
        let next =
            issuer.map_or(State::Failed(DiscoveryError::OtherIssuer), |issuer| State::issuer(issuer.clone()));
        self.resource = Some(resource);
        next
    }
}

fn issuer_answered(fetched: Fetched<'_>, places: Places<Url>, issuer: Issuer) -> State {
    match fetched.document() {
        Ok(document) => match AuthorizationServer::parse(document, &issuer) {
            Ok(server) => State::Found(Box::new(server)),
            Err(error) => State::Failed(error.into()),
        },
        Err(Missing::Here) => match places.next() {
            Some(places) => State::Issuer { places, issuer },
            None => State::Failed(DiscoveryError::NoServerMetadata { issuer }),
        },
        Err(Missing::Because(error)) => State::Failed(error),
    }
}

/// What a discovery wants.
#[derive(Debug, Clone, Copy)]
pub enum DiscoveryStep<'a> {
    /// A GET for `application/json`.
    Fetch(&'a Url),
    /// It is over.
    Found {
        /// The authorization server.
        server: &'a AuthorizationServer,
        /// What the resource says about itself, where it was asked.
        resource: Option<&'a AdvertisedResource>,
    },
    /// It is over in vain.
    Failed(&'a DiscoveryError),
}

/// What came of a request.
#[derive(Debug, Clone, Copy)]
pub enum Fetched<'a> {
    /// An answer.
    Answer {
        /// Its status.
        status: u16,
        /// Its body; reading may stop one byte after
        /// [`MAX_METADATA_BYTES`](crate::oauth::metadata::MAX_METADATA_BYTES).
        body: &'a [u8],
    },
    /// No answer at all; the caller knows why.
    Unreachable,
}

impl<'a> Fetched<'a> {
    fn document(self) -> Result<&'a [u8], Missing> {
        match self {
            Self::Answer { status: 200..=299, body } => Ok(body),
            Self::Answer { status: 300..=499, .. } => Err(Missing::Here),
            Self::Answer { status, .. } => Err(Missing::Because(DiscoveryError::Status { status })),
            Self::Unreachable => Err(Missing::Because(DiscoveryError::Unreachable)),
        }
    }
}

enum Missing {
    Here,
    Because(DiscoveryError),
}

/// Why no authorization server was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The challenge names a URL that must not be followed.
    #[error("the resource_metadata in the server's challenge {0}")]
    ChallengeUrl(InvalidUrl),
    /// The resource publishes none.
    #[error("the server does not say which authorization server issues its tokens (RFC 9728)")]
    NoResourceMetadata,
    /// The resource's metadata is of no use.
    #[error(transparent)]
    Resource(#[from] ResourceMetadataError),
    /// The configured issuer is none of the resource's.
    #[error("the server takes tokens of other issuers than the configured one")]
    OtherIssuer,
    /// The issuer publishes none.
    #[error("{issuer} publishes no metadata (RFC 8414, OpenID Connect Discovery)")]
    NoServerMetadata {
        /// The issuer.
        issuer: Issuer,
    },
    /// The issuer's metadata is of no use.
    #[error(transparent)]
    Server(#[from] ServerMetadataError),
    /// A status that says nothing about the document.
    #[error("metadata could not be fetched: status {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// No answer.
    #[error("metadata could not be fetched: no answer")]
    Unreachable,
}

impl DiscoveryError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::ChallengeUrl(problem) => problem.hint(),
            Self::NoResourceMetadata => "name the issuer with --issuer",
            Self::Resource(ResourceMetadataError::WrongResource { .. }) => {
                "use the URL under which the server publishes itself, or tell its operator"
            }
            Self::OtherIssuer => "leave out the issuer, or ask the server's operator which one it trusts",
            Self::NoServerMetadata { .. } => {
                "check the issuer's URL; for a provider without discovery name its endpoints"
            }
            Self::Server(ServerMetadataError::Document(
                crate::oauth::metadata::MetadataError::WrongIssuerBySlash,
            )) => "write the issuer with or without the slash at its end, as its metadata does",
            Self::Resource(_) | Self::Server(_) => "tell whoever runs the server",
            Self::Status { .. } | Self::Unreachable => "try again later; check the network and the URL",
        }
    }
}

#[derive(Debug, Clone)]
enum State {
    Resource { places: Places<MetadataPlace>, asked: ResourceUrl, rule: ResourceRule },
    Issuer { places: Places<Url>, issuer: Issuer },
    Found(Box<AuthorizationServer>),
    Failed(DiscoveryError),
}

impl State {
    fn resource(places: Vec<MetadataPlace>, asked: ResourceUrl, rule: ResourceRule) -> Self {
        match Places::first_of(places) {
            Some(places) => Self::Resource { places, asked, rule },
            None => Self::Failed(DiscoveryError::NoResourceMetadata),
        }
    }

    fn issuer(issuer: Issuer) -> Self {
        match Places::first_of(issuer.metadata_urls()) {
            Some(places) => Self::Issuer { places, issuer },
            None => Self::Failed(DiscoveryError::NoServerMetadata { issuer }),
        }
    }
}

/// A place to ask and those to ask after it.
#[derive(Debug, Clone)]
struct Places<T> {
    current: T,
    later: IntoIter<T>,
}

impl<T> Places<T> {
    fn first_of(places: Vec<T>) -> Option<Self> {
        let mut later = places.into_iter();
        Some(Self { current: later.next()?, later })
    }

    fn next(mut self) -> Option<Self> {
        Some(Self { current: self.later.next()?, later: self.later })
    }
}

#[cfg(test)]
mod tests;
