//! The caller's own token on stdio and in the terminal.
//!
//! Over HTTP every request brings its token; a process that speaks stdio, and `m4 query`, take theirs from the settings. The
//! first that is set counts: the token itself, a file, a command. Where none is set, the login that `m4 login` stored counts.

pub mod exchange;
mod file;
pub mod logout;
pub mod probe;
pub mod refresh;
pub mod store;

use std::path::PathBuf;
use std::sync::Arc;

use auth_core::oauth::client::stored_token::{SessionKey, StoredSession};
use auth_core::secret::Secret;

use self::refresh::{Login, LoginError};
use self::store::FileStore;
use crate::config::setting::{self, Setting};
use crate::config::{AuthConfig, Config};
use crate::error::Explain;

/// Where the caller's token comes from.
#[derive(Debug)]
pub struct TokenSource(Source);

#[derive(Debug)]
enum Source {
    None,
    Fixed(Secret),
    File(PathBuf),
    Command,
    Login(Arc<Login>),
}

impl TokenSource {
    /// The source the settings name: `auth` is the part of `config` that says so.
    pub fn from_config(auth: &AuthConfig, config: &Config) -> Self {
        let settings = &auth.token;
        Self(if let Some(token) = &settings.token {
            Source::Fixed(token.clone())
        } else if let Some(path) = &settings.file {
            Source::File(path.clone())
        } else if settings.command.is_some() {
            Source::Command
        } else if let Some(path) = config.locations.logins_file.as_deref().filter(|_| auth.admits_tokens()) {
            let login = Login::new(FileStore::new(path), config.login.profile.clone(), login_keys(auth));
            Source::Login(Arc::new(login))
        } else {
            Source::None
        })
    }

    /// The token as it is now, `Bearer ` prefix and all; `None` when there is none.
    ///
    /// A file is read on every call, so a new token, or a new login, counts from the next call on. It is small and local, so
    /// this blocks for microseconds. A login that is due is renewed first, on a thread where that takes no call's time
    /// but its own, and to its end even when this future is dropped.
    pub async fn token(&self) -> Result<Option<Secret>, CredentialError> {
        let Source::Login(login) = &self.0 else { return self.token_now() };
        let login = login.clone();
        match tokio::task::spawn_blocking(move || login.current()).await {
            Ok(session) => Ok(authorization(session?.as_ref())),
            Err(_) => Err(CredentialError::Stopped),
        }
    }

    /// The same for programs without a runtime; blocks while a login is renewed.
    pub fn token_now(&self) -> Result<Option<Secret>, CredentialError> {
        match &self.0 {
            Source::None => Ok(None),
            Source::Fixed(token) => Ok(Some(token.clone())),
            Source::File(path) => file::read(path).map(Some),
            Source::Command => Err(CredentialError::CommandUnsupported),
            Source::Login(login) => Ok(authorization(login.current()?.as_ref())),
        }
    }
}

impl TokenSource {
    /// The setting that gives the token, or says where it is; `None` where no setting does.
    pub const fn setting(&self) -> Option<&'static Setting> {
        match &self.0 {
            Source::Fixed(_) => Some(&setting::OAUTH2_TOKEN),
            Source::File(_) => Some(&setting::OAUTH2_TOKEN_FILE),
            Source::Command => Some(&setting::OAUTH2_TOKEN_COMMAND),
            Source::Login(_) | Source::None => None,
        }
    }

    /// The stored login that gives the token, where no setting does.
    pub fn login(&self) -> Option<&Login> {
        match &self.0 {
            Source::Login(login) => Some(login),
            _ => None,
        }
    }
}

fn authorization(session: Option<&StoredSession>) -> Option<Secret> {
    session.map(StoredSession::authorization)
}

/// The logins whose tokens the gate may admit: of its issuers in their order, those for one of its audiences first.
fn login_keys(auth: &AuthConfig) -> Vec<SessionKey> {
    let of_issuer = |issuer: &crate::config::IssuerConfig| {
        let for_audiences = issuer.audiences.iter().map(|audience| Some(audience.as_str()));
        let keys: Vec<_> =
            for_audiences.chain([None]).map(|resource| SessionKey::new(&issuer.issuer, resource)).collect();
        keys
    };
    auth.issuers.iter().flat_map(of_issuer).collect()
}

/// The token cannot be had. Holds no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The file cannot be opened or read.
    #[error("the token file {} cannot be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The path leads to something that is not a file.
    #[error("the token file {} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// The file is too large to be a token.
    #[error("the token file {} is larger than {} bytes", .path.display(), .limit)]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most bytes a token file may hold.
        limit: u64,
    },
    /// The file holds nothing but white space.
    #[error("the token file {} is empty", .0.display())]
    Empty(PathBuf),
    /// The file holds more than one line, or bytes that no token holds.
    #[error("the token file {} does not hold one token", .0.display())]
    NotAToken(PathBuf),
    /// Only `M4_OAUTH2_TOKEN_COMMAND` is set.
    #[error("M4_OAUTH2_TOKEN_COMMAND is not supported yet")]
    CommandUnsupported,
    /// The stored login cannot be used.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The process is ending.
    #[error("the program is ending")]
    Stopped,
}

impl CredentialError {
    /// What is wrong, for a caller who may not learn local paths.
    pub(crate) const fn for_callers(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "the token file cannot be read",
            Self::NotAFile(_) => "the token file is not a regular file",
            Self::TooLarge { .. } => "the token file is too large",
            Self::Empty(_) => "the token file is empty",
            Self::NotAToken(_) => "the token file does not hold one token",
            Self::CommandUnsupported => "M4_OAUTH2_TOKEN_COMMAND is not supported yet",
            Self::Login(error) => error.for_callers(),
            Self::Stopped => "the server is ending",
        }
    }
}

impl Explain for CredentialError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreadable { .. } | Self::NotAFile(_) => {
                "write the token to that file, readable by this user, or correct M4_OAUTH2_TOKEN_FILE"
            }
            Self::TooLarge { .. } | Self::NotAToken(_) => {
                "the file must hold the access token alone; is M4_OAUTH2_TOKEN_FILE the right path?"
            }
            Self::Empty(_) => "write a fresh access token to that file",
            Self::CommandUnsupported => {
                "run the command yourself and set M4_OAUTH2_TOKEN, or let it write to M4_OAUTH2_TOKEN_FILE"
            }
            Self::Login(error) => return error.hint(),
            Self::Stopped => return None,
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AuthSetting, Config, Flags};
    use crate::env::Environment;

    fn source(pairs: &[(&str, &str)]) -> TokenSource {
        let complete = [
            ("M4_OAUTH2_ENABLED", "true"),
            ("M4_OAUTH2_ISSUER_URL", "https://issuer.example"),
            ("M4_OAUTH2_AUDIENCE", "m4-api"),
        ];
        let env = Environment::from_pairs(complete.iter().chain(pairs).copied());
        let config = Config::load(&env, &Flags::new());
        match &config.auth {
            AuthSetting::Enabled(auth) => TokenSource::from_config(auth, &config),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn no_source_is_no_token_and_no_error() {
        assert!(source(&[]).token_now().unwrap().is_none());
    }

    #[test]
    fn the_token_itself_wins_over_file_and_command() {
        let source = source(&[
            ("M4_OAUTH2_TOKEN", "Bearer t"),
            ("M4_OAUTH2_TOKEN_FILE", "/does/not/exist"),
            ("M4_OAUTH2_TOKEN_COMMAND", "false"),
        ]);
        assert!(source.token_now().unwrap().unwrap().matches("Bearer t"));
    }

    #[test]
    fn a_command_alone_is_an_error_not_an_absent_token() {
        let error = source(&[("M4_OAUTH2_TOKEN_COMMAND", "print-token")]).token_now().unwrap_err();
        assert!(matches!(error, CredentialError::CommandUnsupported));
    }
}
