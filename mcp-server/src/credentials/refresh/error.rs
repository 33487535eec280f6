//! Why a stored login gives no token.

use auth_core::oauth::client::stored_token::StoredSession;
use auth_core::oauth::client::token_response::TokenError;

use crate::credentials::store::StoreError;
use crate::error::{Explain, codes};

/// A stored login that cannot be used. Holds no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The store cannot be read, or a renewed login cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing but another login helps: the access token expired and there is no refresh token, or the issuer refuses it.
    #[error("the login at {issuer} is over")]
    Over {
        /// The issuer.
        issuer: String,
    },
    /// The access token expired and the issuer gave no new one.
    #[error("the login at {issuer} has expired and was not renewed")]
    NotRenewed {
        /// The issuer.
        issuer: String,
        /// Why.
        source: TokenError,
    },
    /// The access token expired, and another process has held the store's lock all the time.
    #[error("another program has been renewing the login for more than {seconds} seconds")]
    Busy {
        /// How long it was waited for.
        seconds: u64,
    },
    /// The process is ending, and what it would be given it might not keep.
    #[error("the login is not renewed by a program that is ending")]
    Ending,
}

impl LoginError {
    pub(super) fn over(session: &StoredSession) -> Self {
        Self::Over { issuer: session.issuer.as_str().to_owned() }
    }

    /// What is wrong, for a caller who may not learn local paths.
    pub(crate) const fn for_callers(&self) -> &'static str {
        match self {
            Self::Store(error) => error.for_callers(),
            Self::Over { .. } => "the login is over",
            Self::NotRenewed { .. } => "the login has expired and was not renewed",
            Self::Busy { .. } => "another program is renewing the login",
            Self::Ending => "the server is ending",
        }
    }
}

impl Explain for LoginError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Over { .. } => Some("run `m4 login`".to_owned()),
            Self::NotRenewed { source, .. } if source.is_temporary() => {
                Some("check the network and try again; `m4 login` if that does not help".to_owned())
            }
            Self::NotRenewed { source, .. } => Some(format!("{}, or run `m4 login`", source.hint())),
            Self::Busy { .. } => Some("end the M4 process that hangs, and try again".to_owned()),
            Self::Ending => None,
        }
    }

    fn code(&self) -> &'static str {
        codes::LOGIN_FAILED
    }
}
