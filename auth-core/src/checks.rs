//! The single checks and choices of a verification, for whoever makes them: the gate up to the first that fails, an
//! explanation every one that makes sense.

use crate::jwks::{KeyQuery, KeySet, Selection};
use crate::key::VerifyingKey;
use crate::rejection::{Malformed, Rejection};
use crate::scope::{Access, ScopePolicy};
use crate::token::UnverifiedToken;
use crate::verify::{Principal, Verifier};

/// The checks of a token's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderCheck {
    Algorithm,
    Critical,
    Type,
}

impl HeaderCheck {
    /// Every one, in the order they are made.
    pub(crate) const ORDER: [Self; 3] = [Self::Algorithm, Self::Critical, Self::Type];
}

/// The checks of a token's claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimsCheck {
    Kind,
    Issuer,
    Audience,
    Expiry,
    NotBefore,
    IssuedAt,
    Subject,
}

impl ClaimsCheck {
    /// Every one, in the order they are made.
    pub(crate) const ORDER: [Self; 7] = [
        Self::Kind,
        Self::Issuer,
        Self::Audience,
        Self::Expiry,
        Self::NotBefore,
        Self::IssuedAt,
        Self::Subject,
    ];
}

/// Whose rules a token is to be judged by, as a place in `issuers`. With one issuer its own: what the token claims does
/// not matter yet. With several, the one it claims to be from, whose keys then have to prove it.
pub(crate) fn issuer_of(issuers: &[Verifier], token: &UnverifiedToken<'_>) -> Result<usize, Rejection> {
    if issuers.len() == 1 {
        return Ok(0);
    }
    let found = token.claimed_issuer()?.ok_or_else(|| Rejection::missing("iss"))?;
    let known = || issuers.iter().map(|verifier| &verifier.policy().issuer);
    known()
        .position(|issuer| *issuer == found)
        .ok_or_else(|| Rejection::UnknownIssuer { known: known().cloned().collect(), found })
}

/// Who is to be asked about a text that `malformed` says is no JWT, as a place in `issuers`: it may be a token that this
/// issuer reads for us.
pub(crate) fn introspecting(issuers: &[Verifier], malformed: &Rejection) -> Option<usize> {
    let is_opaque = matches!(malformed, Rejection::Malformed(Malformed::NotThreeParts { .. }));
    issuers.iter().position(|verifier| verifier.policy().introspection).filter(|_| is_opaque)
}

/// The key that must have signed; `None` when the set has no such key, which a refresh may bring.
pub(crate) fn select_key<'a>(
    keys: &'a KeySet,
    query: &KeyQuery,
) -> Result<Option<&'a VerifyingKey>, Rejection> {
    match keys.select(query) {
        Selection::Key(key) => Ok(Some(key)),
        Selection::WrongAlgorithm(key) => {
            Err(Rejection::AlgorithmNotOfKey { algorithm: query.algorithm, key: key.algorithms().collect() })
        }
        Selection::Ambiguous => Err(Rejection::MissingKeyId),
        Selection::Unknown => Ok(None),
    }
}

/// Checks that `principal` may do what `access` says.
pub(crate) fn check_scopes(
    scopes: &dyn ScopePolicy,
    principal: &Principal,
    access: &Access<'_>,
) -> Result<(), Rejection> {
    let missing = scopes.missing(principal, access);
    if missing.is_empty() {
        return Ok(());
    }
    Err(Rejection::MissingScopes {
        missing,
        required: scopes.required(access),
        granted: principal.scopes().clone(),
    })
}

/// Checks that `key` may be used as the header says and that the signature is its.
pub(crate) fn check_signature(
    token: &UnverifiedToken<'_>,
    query: &KeyQuery,
    key: &VerifyingKey,
) -> Result<(), Rejection> {
    if !key.accepts(query.algorithm) {
        return Err(Rejection::AlgorithmNotOfKey {
            algorithm: query.algorithm,
            key: key.algorithms().collect(),
        });
    }
    if !key.verify(query.algorithm, token.signing_input(), &token.signature()?) {
        return Err(Rejection::BadSignature);
    }
    Ok(())
}
