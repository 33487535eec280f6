//! Giving tokens back (RFC 7009).

use super::redirect::ProviderError;
use super::token_response::refusal;
use crate::oauth::client_auth::{AssertionTimes, AuthenticatedForm, ClientAuth, SigningFailed};
use crate::secret::Secret;

/// Which token is given back, so that the server finds it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenHint {
    /// An access token.
    AccessToken,
    /// A refresh token; most servers end the access tokens that came from it too. Give it back first.
    RefreshToken,
}

impl TokenHint {
    /// The `token_type_hint`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

/// The form to POST to the revocation endpoint (§2.1).
pub fn revocation_form(
    token: &Secret,
    hint: TokenHint,
    auth: &ClientAuth,
    assertion: &AssertionTimes<'_>,
) -> Result<AuthenticatedForm, SigningFailed> {
    auth.authenticate(&[("token", token.expose()), ("token_type_hint", hint.name())], assertion)
}

/// Reads the answer (§2.2): only 200 says that the token is of no use any more, which it also says of a token the server
/// never knew. A server that repeats what it was sent in its error text is not quoted.
pub fn revoked(status: u16, body: &[u8], sent: &AuthenticatedForm) -> Result<(), RevocationError> {
    match status {
        200 => Ok(()),
        300..=399 => Err(RevocationError::Redirected),
        _ => Err(refusal(body, sent).map_or(RevocationError::Status { status }, RevocationError::Refused)),
    }
}

/// Why a token that was given back may still be good (§2.2.1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// The server does not say where tokens are given back.
    #[error("the authorization server offers no revocation")]
    NotOffered,
    /// The server says no; `unsupported_token_type` is what many say of access tokens that nobody asks them about.
    #[error("the authorization server refused: {0}")]
    Refused(ProviderError),
    /// It answered with a redirect, which is never followed: the token would go elsewhere.
    #[error("the revocation endpoint redirects, which no revocation endpoint may do")]
    Redirected,
    /// It failed without saying why in the way of the RFC.
    #[error("the revocation endpoint answered with status {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// No answer, or none in time; the caller knows why.
    #[error("the revocation endpoint did not answer")]
    Unreachable,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    fn form(hint: TokenHint, auth: &ClientAuth) -> AuthenticatedForm {
        let times = AssertionTimes { jti: "j", issued_at: UnixTime(0), expires_at: UnixTime(60) };
        revocation_form(&Secret::new("45ghiukldjahdnhzdauz"), hint, auth, &times).unwrap()
    }

    #[test]
    fn the_request_is_that_of_rfc_7009() {
        let basic = ClientAuth::Basic { client_id: "m4".into(), secret: Secret::new("s") };
        let sent = form(TokenHint::RefreshToken, &basic);
        assert_eq!(sent.body.expose(), "token=45ghiukldjahdnhzdauz&token_type_hint=refresh_token");
        assert!(sent.authorization.is_some());
        let sent = form(TokenHint::AccessToken, &ClientAuth::Public { client_id: "m4".into() });
        assert_eq!(
            sent.body.expose(),
            "token=45ghiukldjahdnhzdauz&token_type_hint=access_token&client_id=m4"
        );
    }

    #[test]
    fn only_200_says_that_the_token_is_gone() {
        let sent = form(TokenHint::AccessToken, &ClientAuth::Public { client_id: "m4".into() });
        assert_eq!(revoked(200, b"<html>", &sent), Ok(()));
        assert_eq!(revoked(302, b"", &sent), Err(RevocationError::Redirected));
        assert_eq!(revoked(404, b"<html>", &sent), Err(RevocationError::Status { status: 404 }));
        assert_eq!(revoked(503, b"", &sent), Err(RevocationError::Status { status: 503 }));
        let echo = br#"{"error":"unsupported_token_type","error_description":"45ghiukldjahdnhzdauz?"}"#;
        let error = revoked(400, echo, &sent).unwrap_err();
        assert_eq!(error.to_string(), "the authorization server refused: `unsupported_token_type`");
    }
}
