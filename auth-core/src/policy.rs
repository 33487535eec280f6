//! What an access token has to be: the configured facts a token is compared with.

use std::sync::Arc;
use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::scope::{ScopePolicy, ScopeRequirements};

/// The rules for tokens of one issuer. A plain value; [`Verifier`](crate::verify::Verifier) applies it.
#[expect(clippy::struct_excessive_bools, reason = "independent switches, each named as its setting")]
#[derive(Debug, Clone)]
pub struct Policy {
    /// Issuer identifier, compared byte for byte with `iss` (RFC 8414 §2, RFC 9700 §4.4).
    pub issuer: String,
    /// Names of this resource server; a token must be for at least one of them.
    pub audiences: Vec<String>,
    /// The claim that holds the audience: `aud`, or `client_id` for issuers that send no `aud` (AWS Cognito).
    pub audience_claim: String,
    /// What calls need.
    pub scopes: Arc<dyn ScopePolicy>,
    /// Claims that grant scopes besides `scope` and `scp`, each a string or an array: `permissions`, `roles`.
    pub scope_claims: Vec<String>,
    /// Claims that name the subject, the first present one counts: `sub`, and what stands in for it where the issuer
    /// leaves it out (`client_id`) or makes it different for every client (`oid`).
    pub subject_claims: Vec<String>,
    /// Signature algorithms accepted, whatever a key says.
    pub algorithms: Vec<Algorithm>,
    /// Tolerated difference between the issuer's clock and ours.
    pub leeway: Duration,
    /// Whether only tokens typed `at+jwt` are accepted (RFC 9068 §4). On where the issuer follows that profile.
    pub require_at_jwt: bool,
    /// Whether this issuer's ID tokens count as access tokens. For issuers whose access tokens are opaque, where nothing
    /// else is to be had; an ID token says who somebody is, not what a client may do for them.
    pub accept_id_tokens: bool,
    /// Whether this issuer is asked about tokens that are no JWTs (RFC 7662).
    pub introspection: bool,
    /// Whether `exp` is required and checked. Off is for debugging only.
    pub validate_exp: bool,
    /// Whether the audience is checked. Off is for debugging only.
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
            audience_claim: "aud".to_owned(),
            scopes: Arc::new(ScopeRequirements::default()),
            scope_claims: Vec::new(),
            subject_claims: vec!["sub".to_owned()],
            algorithms: Algorithm::DEFAULT.to_vec(),
            leeway: Duration::from_secs(60),
            require_at_jwt: false,
            accept_id_tokens: false,
            introspection: false,
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
