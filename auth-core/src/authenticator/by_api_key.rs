//! From an API key to whom it speaks for.

use super::check_clock;
use super::decision::{Authenticated, Caller, Credential, Refused, Rules};
use crate::api_key::ApiKeys;
use crate::rejection::{ApiKeyRejection, Rejection};
use crate::time::Now;
use crate::token::{TokenDigest, without_scheme};

/// Looks an API key up. Whoever presents a known one is named in a refusal; it was theirs to present.
pub(super) fn authenticate(
    keys: &ApiKeys,
    credential: Credential<'_>,
    now: Now,
) -> Result<Authenticated, Refused> {
    check_clock(now.wall)?;
    let text = without_scheme(credential.token().ok_or(Rejection::MissingToken)?)?;
    let digest = TokenDigest::of(text);
    let fingerprint = digest.fingerprint();
    let Some(key) = keys.find(&digest) else {
        let rejection = Rejection::InvalidApiKey(ApiKeyRejection::Unknown);
        return Err(Refused { rejection, principal: None, fingerprint: Some(fingerprint) });
    };
    let caller = Caller { rules: Rules::ApiKeys, principal: key.principal().clone(), fingerprint };
    // A key is bound to nothing. A client that sends a proof with it believes that it is.
    if matches!(credential, Credential::Dpop { .. }) {
        return Err(caller.refused(Rejection::InvalidApiKey(ApiKeyRejection::WithProof)));
    }
    if let Some(expired_at) = key.expired_at(now.wall) {
        let expired = ApiKeyRejection::Expired { expired_at, now: now.wall };
        return Err(caller.refused(Rejection::InvalidApiKey(expired)));
    }
    Ok(Authenticated { caller: Some(caller) })
}
