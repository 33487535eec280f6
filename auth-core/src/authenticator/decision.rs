//! What goes into a decision and what comes out of it: credentials, proofs, refusals.

use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use crate::dpop::DpopBound;
use crate::jwks::{FetchFailed, KeyQuery};
use crate::rejection::Rejection;
use crate::scope::Access;
use crate::token::Fingerprint;
use crate::verify::Principal;

/// What a caller presents.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    /// Nothing.
    None,
    /// A token, good for whoever holds it (RFC 6750). A key-bound token is not: it needs its proof.
    Bearer(&'a str),
    /// A token with the proof that its holder has a key (RFC 9449), already verified for this very request.
    Dpop {
        /// The token.
        token: &'a str,
        /// What the proof proved.
        proof: &'a DpopBound,
    },
}

impl<'a> Credential<'a> {
    /// The token's text, when there is one.
    pub const fn token(self) -> Option<&'a str> {
        match self {
            Self::None => None,
            Self::Bearer(token) | Self::Dpop { token, .. } => Some(token),
        }
    }
}

/// What [`Authenticator::decide`](super::Authenticator::decide) and [`Authenticator::authenticate`](super::Authenticator::authenticate) answer.
#[derive(Debug)]
#[must_use]
pub enum Decision<T = Granted> {
    /// Yes, with this proof.
    Admit(T),
    /// No.
    Reject(Refused),
    /// The snapshot cannot tell. Ask the issuer's [`KeyLifecycle`](crate::jwks::KeyLifecycle), then decide again.
    NeedsKeys(NeedsKeys),
    /// The token is no JWT. Ask its issuer ([`crate::introspection`]), then
    /// [`Authenticator::authenticate_introspected`](super::Authenticator::authenticate_introspected).
    NeedsIntrospection {
        /// Whom to ask: the issuer's place in the order of [`Authenticator::protected`](super::Authenticator::protected).
        issuer: usize,
    },
}

impl<T> Decision<T> {
    pub(super) fn and_then<U>(self, next: impl FnOnce(T) -> Result<U, Refused>) -> Decision<U> {
        match self {
            Self::Admit(proof) => match next(proof) {
                Ok(proof) => Decision::Admit(proof),
                Err(refused) => Decision::Reject(refused),
            },
            Self::Reject(refused) => Decision::Reject(refused),
            Self::NeedsKeys(needs) => Decision::NeedsKeys(needs),
            Self::NeedsIntrospection { issuer } => Decision::NeedsIntrospection { issuer },
        }
    }
}

/// Proof that a credential is genuine. Only [`Authenticator::authenticate`](super::Authenticator::authenticate) makes one; it opens nothing by itself.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// `None` when OAuth2 is switched off.
    pub(super) caller: Option<Caller>,
}

impl Authenticated {
    /// Who is calling; `None` when OAuth2 is switched off.
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.caller.as_ref().map(|caller| &caller.principal)
    }

    /// What a log may hold of the token.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.caller.as_ref().map(|caller| caller.fingerprint)
    }
}

/// Proof that the gate admitted one call. Only [`Authenticator::authorize`](super::Authenticator::authorize) makes one.
#[derive(Debug, Clone)]
pub struct Granted {
    pub(super) caller: Option<Caller>,
    pub(super) access: OwnedAccess,
}

impl Granted {
    /// Who is calling; `None` when OAuth2 is switched off.
    pub fn principal(&self) -> Option<&Principal> {
        self.caller.as_ref().map(|caller| &*caller.principal)
    }

    /// What a log may hold of the token.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.caller.as_ref().map(|caller| caller.fingerprint)
    }

    /// Whether it was given for exactly this.
    pub fn is_for(&self, access: &Access<'_>) -> bool {
        *self.access.tool == *access.tool && self.access.dataset.as_deref() == access.dataset
    }
}

/// An [`Access`] of its own, held inline: a decision on a known token allocates nothing, unless a name is longer than the
/// 23 bytes that fit.
#[derive(Debug, Clone)]
pub(super) struct OwnedAccess {
    tool: SmolStr,
    dataset: Option<SmolStr>,
}

impl From<&Access<'_>> for OwnedAccess {
    fn from(access: &Access<'_>) -> Self {
        Self { tool: access.tool.into(), dataset: access.dataset.map(Into::into) }
    }
}

/// Whom a genuine token or key speaks for.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) rules: Rules,
    pub(super) principal: Arc<Principal>,
    pub(super) fingerprint: Fingerprint,
}

/// Whose rules a caller is judged by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rules {
    /// Those of the issuer at this place.
    Issuer(usize),
    /// Those for API keys.
    ApiKeys,
}

impl Caller {
    pub(super) fn refused(&self, rejection: Rejection) -> Refused {
        let principal = Some(self.principal.clone());
        Refused { rejection, principal, fingerprint: Some(self.fingerprint) }
    }
}

/// A refusal, and whose it is as far as that is proven.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Why.
    pub rejection: Rejection,
    /// Whom the token speaks for; `None` unless it was genuine, as it is where only scopes or rate are wrong.
    pub principal: Option<Arc<Principal>>,
    /// What a log may hold of the token, when one was presented.
    pub fingerprint: Option<Fingerprint>,
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, principal: None, fingerprint: None }
    }
}

/// A key the snapshot does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeedsKeys {
    /// Whose key: the issuer's place in the order of [`Authenticator::protected`](super::Authenticator::protected).
    pub issuer: usize,
    /// What to look up.
    pub query: KeyQuery,
}

impl NeedsKeys {
    /// The refusal when the issuer has no such key.
    pub fn unknown(self, retry_after: Duration) -> Rejection {
        Rejection::UnknownKey { kid: self.query.kid, retry_after }
    }

    /// The refusal when the issuer cannot be asked.
    pub fn unavailable(failure: FetchFailed, retry_after: Duration) -> Rejection {
        Rejection::KeysUnavailable { failure, retry_after }
    }
}
