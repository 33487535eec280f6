//! The caller's own token on stdio and in the terminal.
//!
//! Over HTTP every request brings its token; a process that speaks stdio, and `m4 query`, take theirs from the settings. The
//! first that is set counts: the token itself, a file, a command. Where none is set, the login that `m4 login` stored counts;
//! where nobody logged in, the client of the settings gets a token for itself.

mod client_credentials;
pub mod command;
pub mod exchange;
mod file;
pub mod logout;
pub mod probe;
pub mod refresh;
mod renewal;
pub mod store;

use std::path::PathBuf;
use std::sync::Arc;

use auth_core::oauth::client::stored_token::SessionKey;
use auth_core::secret::Secret;

use self::client_credentials::ClientCredentials;
pub use self::client_credentials::ClientCredentialsError;
use self::command::{CommandError, TokenCommand};
use self::refresh::{Login, LoginError};
use self::store::FileStore;
use crate::config::setting::{self, Setting};
use crate::config::{AuthConfig, Config};
use crate::error::{Explain, codes};

/// Where the caller's token comes from.
#[derive(Debug)]
pub struct TokenSource(Source);

#[derive(Debug)]
enum Source {
    Fixed(Secret),
    File(PathBuf),
    Command(Arc<TokenCommand>),
    Stored(Arc<Stored>),
}

/// What counts where no setting gives a token.
#[derive(Debug)]
struct Stored {
    login: Option<Login>,
    client: Option<ClientCredentials>,
}

impl TokenSource {
    /// The source the settings name: `auth` is the part of `config` that says so. Asks nobody for anything yet.
    pub fn from_config(auth: &AuthConfig, config: &Config) -> Self {
        Self::with(auth, config, ClientCredentials::from_config(auth, config))
    }

    /// The same without the client of the settings, for those who must not make an issuer give out a token.
    pub fn without_client(auth: &AuthConfig, config: &Config) -> Self {
        Self::with(auth, config, None)
    }

    fn with(auth: &AuthConfig, config: &Config, client: Option<ClientCredentials>) -> Self {
        let settings = &auth.token;
        Self(if let Some(token) = &settings.token {
            Source::Fixed(token.clone())
        } else if let Some(path) = &settings.file {
            Source::File(path.clone())
        } else if let Some(line) = &settings.command {
            Source::Command(Arc::new(TokenCommand::new(line.clone())))
        } else {
            let store = FileStore::configured(config).filter(|_| auth.admits_tokens());
            let login = |store| Login::new(store, config.login.profile.clone(), login_keys(auth));
            Source::Stored(Arc::new(Stored { login: store.map(login), client }))
        })
    }

    /// The token as it is now, `Bearer ` prefix and all; `None` when there is none.
    ///
    /// A file is read on every call, so a new token, or a new login, counts from the next call on. It is small and local, so
    /// this blocks for microseconds. A token that is due is renewed first, on a thread where that takes no call's time
    /// but its own, and to its end even when this future is dropped.
    pub async fn token(&self) -> Result<Option<Secret>, CredentialError> {
        let outcome = match &self.0 {
            Source::Fixed(_) | Source::File(_) => return self.token_now(),
            Source::Command(command) => {
                let command = command.clone();
                tokio::task::spawn_blocking(move || Ok(Some(command.current()?))).await
            }
            Source::Stored(stored) => {
                let stored = stored.clone();
                tokio::task::spawn_blocking(move || stored.current()).await
            }
        };
        outcome.unwrap_or(Err(CredentialError::Stopped))
    }

    /// The same for programs without a runtime; blocks while a token is renewed.
    pub fn token_now(&self) -> Result<Option<Secret>, CredentialError> {
        match &self.0 {
            Source::Fixed(token) => Ok(Some(token.clone())),
            Source::File(path) => file::read(path).map(Some),
            Source::Command(command) => Ok(Some(command.current()?)),
            Source::Stored(stored) => stored.current(),
        }
    }

    /// The setting that gives the token, or says where it is; `None` where no setting does.
    pub const fn setting(&self) -> Option<&'static Setting> {
        let [token, file, command] = setting::TOKEN_SOURCES;
        match &self.0 {
            Source::Fixed(_) => Some(token),
            Source::File(_) => Some(file),
            Source::Command(_) => Some(command),
            Source::Stored(_) => None,
        }
    }

    /// The stored login that gives the token, where no setting does.
    pub fn login(&self) -> Option<&Login> {
        match &self.0 {
            Source::Stored(stored) => stored.login.as_ref(),
            Source::Fixed(_) | Source::File(_) | Source::Command(_) => None,
        }
    }

    /// The ID of the client that gets a token for itself, where no setting gives one and nobody is logged in.
    pub fn client_id(&self) -> Option<&str> {
        match &self.0 {
            Source::Stored(stored) => stored.client.as_ref().map(ClientCredentials::client_id),
            Source::Fixed(_) | Source::File(_) | Source::Command(_) => None,
        }
    }

    /// Whether there is anything to get a token from: a setting, a client of its own, or a stored login.
    pub fn is_any(&self) -> bool {
        let is_logged_in = || self.login().is_some_and(|login| matches!(login.stored(), Ok(Some(_))));
        self.setting().is_some() || self.client_id().is_some() || is_logged_in()
    }

    /// Where the token comes from, as far as the settings say, for an operator: nobody is asked for it.
    pub fn described(&self) -> &'static str {
        match &self.0 {
            Source::Fixed(_) | Source::File(_) | Source::Command(_) => {
                self.setting().map_or("", |setting| setting.env)
            }
            Source::Stored(stored) if stored.client.is_some() => {
                "a stored login if there is one, else the client of M4_OAUTH2_CLIENT_ID"
            }
            Source::Stored(_) => "a stored login, if there is one",
        }
    }
}

impl Stored {
    /// A login that cannot be used is an error, not a reason to act as somebody else.
    fn current(&self) -> Result<Option<Secret>, CredentialError> {
        if let Some(login) = &self.login
            && let Some(session) = login.current()?
        {
            return Ok(Some(session.authorization()));
        }
        Ok(self.client.as_ref().map(ClientCredentials::current).transpose()?)
    }
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
        limit: usize,
    },
    /// The file holds nothing but white space.
    #[error("the token file {} is empty", .0.display())]
    Empty(PathBuf),
    /// The file holds more than one line, or bytes that no token holds.
    #[error("the token file {} does not hold one token", .0.display())]
    NotAToken(PathBuf),
    /// The command gave none.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The stored login cannot be used.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The issuer gave this program's own client none.
    #[error(transparent)]
    Client(#[from] ClientCredentialsError),
    /// The process is ending.
    #[error("the program is ending")]
    Stopped,
}

impl CredentialError {
    /// What is wrong, for a caller who may not learn local paths.
    pub(crate) fn for_callers(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "the token file cannot be read",
            Self::NotAFile(_) => "the token file is not a regular file",
            Self::TooLarge { .. } => "the token file is too large",
            Self::Empty(_) => "the token file is empty",
            Self::NotAToken(_) => "the token file does not hold one token",
            Self::Command(error) => error.for_callers(),
            Self::Login(error) => error.for_callers(),
            Self::Client(error) => error.for_callers(),
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
            Self::Command(error) => return error.hint(),
            Self::Login(error) => return error.hint(),
            Self::Client(error) => return error.hint(),
            Self::Stopped => return None,
        };
        Some(hint.to_owned())
    }

    fn code(&self) -> &'static str {
        codes::NO_CREDENTIAL
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
    fn a_login_and_then_the_client_count_where_no_setting_gives_a_token() {
        let client = [("M4_OAUTH2_CLIENT_ID", "m4"), ("M4_OAUTH2_CLIENT_SECRET", "s")];
        assert!(source(&client).described().ends_with("else the client of M4_OAUTH2_CLIENT_ID"));
        assert_eq!(source(&client[..1]).described(), "a stored login, if there is one");
        for (name, value) in
            [("M4_OAUTH2_TOKEN", "t"), ("M4_OAUTH2_TOKEN_FILE", "f"), ("M4_OAUTH2_TOKEN_COMMAND", "c")]
        {
            let source = source(&[client[0], client[1], (name, value)]);
            assert_eq!(source.described(), name);
        }
    }

    #[test]
    fn the_settings_that_give_a_token_are_listed_in_the_order_in_which_they_count() {
        let pairs = setting::TOKEN_SOURCES.map(|setting| (setting.env, "x"));
        for from in 0..pairs.len() {
            assert_eq!(source(&pairs[from..]).setting(), Some(setting::TOKEN_SOURCES[from]));
            let config = Config::load(&Environment::from_pairs(pairs[from..].iter().copied()), &Flags::new());
            let given: Vec<_> = config.token_settings().map(|shown| shown.setting.env).collect();
            assert_eq!(given, pairs[from..].iter().map(|(name, _)| *name).collect::<Vec<_>>());
        }
    }
}
