//! Tokens only their issuer can read: asking it about them (RFC 7662).
//!
//! [`OpaqueToken`] takes the text, [`Introspector`] says whether the issuer has to be asked and remembers what it said,
//! [`request_form`] writes the request and [`Introspection::parse`] reads the answer. Making the request is the caller's.
//! Nothing here keeps the token itself, only its SHA-256.

mod answer;
mod introspector;
mod opaque;
#[cfg(test)]
mod tests;

pub use answer::{
    AnswerError, AnswerRules, InactiveReason, IntrospectedClaims, Introspection, MAX_ANSWER_BYTES,
};
pub use introspector::{
    IntrospectionFailed, IntrospectionLimits, Introspector, Lookup, Request, RequestId, Settled,
};
pub use opaque::OpaqueToken;

use crate::oauth::client_auth::{AssertionTimes, AuthenticatedForm, ClientAuth, SigningFailed};
use crate::secret::Secret;

/// The request of RFC 7662 §2.1 for `token`, authenticated by `auth`.
///
/// `assertion` is used by `private_key_jwt` only, see [`ClientAuth::authenticate`].
pub fn request_form(
    token: &Secret,
    auth: &ClientAuth,
    assertion: &AssertionTimes<'_>,
) -> Result<AuthenticatedForm, SigningFailed> {
    auth.authenticate(&[("token", token.expose()), ("token_type_hint", "access_token")], assertion)
}
