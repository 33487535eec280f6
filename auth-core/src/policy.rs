//! What an access token has to be: the configured facts a token is compared with.

use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::scope::ScopeRequirements;

/// The rules for tokens of one issuer. A plain value; [`Verifier`](crate::verify::Verifier) applies it.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Issuer identifier, compared byte for byte with `iss` (RFC 8414 §2, RFC 9700 §4.4).
    pub issuer: String,
    /// Names of this resource server; a token must be for at least one of them.
    pub audiences: Vec<String>,
    /// What calls need.
    pub scopes: ScopeRequirements,
    /// Signature algorithms accepted, whatever a key says.
    pub algorithms: Vec<Algorithm>,
    /// Tolerated difference between the issuer's clock and ours.
    pub leeway: Duration,
    /// Whether `exp` is required and checked. Off is for debugging only.
    pub validate_exp: bool,
    /// Whether `aud` is checked. Off is for debugging only.
    pub validate_aud: bool,
    /// Whether `iss` is checked. Off is for debugging only.
    pub validate_iss: bool,
}

impl Policy {
    /// The strict rules for an issuer and one audience: RS256 and ES256, 60 s leeway, everything checked, no scopes.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audiences: vec![audience.into()],
            scopes: ScopeRequirements::default(),
            algorithms: Algorithm::DEFAULT.to_vec(),
            leeway: Duration::from_secs(60),
            validate_exp: true,
            validate_aud: true,
            validate_iss: true,
        }
    }

    /// The leeway in whole seconds, as times are compared.
    pub(crate) fn leeway_seconds(&self) -> i64 {
        i64::try_from(self.leeway.as_secs()).unwrap_or(i64::MAX)
    }
}
