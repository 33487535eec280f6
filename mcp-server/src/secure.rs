//! `--secure`: API keys in one word, for a server that nobody has set OAuth2 up for.

use std::io::Write as _;
use std::path::Path;

use auth_core::api_key::KeyName;
use auth_core::secret::Secret;

use crate::api_keys::{self, KeyFileError, NewKey};
use crate::args::ServerArgs;
use crate::config::api_keys::default_file;
use crate::config::{AuthSetting, Config, Flags, setting};
use crate::env::Environment;
use crate::error::Explain;
use crate::gate::clock::Clock;

/// The flags that were given, with a file of API keys where `--secure` asks for one.
///
/// Without OAuth2 a key is made if there is none, and shown on stderr this once. `--token` keeps a key of the operator's
/// choice.
pub fn flags(args: &ServerArgs, env: &Environment) -> Result<Flags, SecureError> {
    let flags = args.flags();
    if !args.secure {
        return Ok(flags);
    }
    let configured = Config::load(env, &flags);
    // A file of keys that is configured already counts as one, so a second start is no different from the first.
    let without_oauth2 = match &configured.auth {
        AuthSetting::Enabled(auth) => !auth.admits_tokens(),
        AuthSetting::Disabled => true,
        AuthSetting::Misconfigured(_) => false,
    };
    let file = configured.api_keys.file.or_else(|| default_file(env)).ok_or(SecureError::NoHome)?;
    let flags = flags.with(&setting::API_KEYS_FILE, "--secure", Some(file.to_string_lossy().into_owned()));
    let config = Config::load(env, &flags);
    let (scopes, now) = (config.api_keys.new_key_scopes, Clock::start().now().wall);
    if let Some(token) = &args.token {
        let name = KeyName::parse(OPERATORS).map_err(|_| SecureError::NoHome)?;
        api_keys::add_text(&file, name, &Secret::new(token.as_str()), scopes, now)?;
        say(
            "warning: --token can be read by every user of this machine while the server runs; `m4 keys create` makes \
             keys that nobody else sees\n",
        );
    } else if without_oauth2 && let Some(new) = api_keys::ensure_one(&file, scopes, now)? {
        show(&new, &file);
    }
    Ok(flags)
}

/// What a key given by `--token` is called.
const OPERATORS: &str = "operator";

fn show(new: &NewKey, file: &Path) {
    say(&format!(
        "API key `{}` (shown this once): {}\nSend it as `Authorization: Bearer <key>`. {} keeps its hash; `m4 keys` \
         makes, lists and revokes keys.\n",
        new.key.name(),
        new.text.expose(),
        file.display()
    ));
}

/// The log may go to a file that others read; a key goes to whoever started the server.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// `--secure` cannot do what it is for, so nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum SecureError {
    /// No place to keep keys.
    #[error("there is no folder to keep API keys in")]
    NoHome,
    /// The file of keys cannot be used.
    #[error(transparent)]
    File(#[from] KeyFileError),
}

impl Explain for SecureError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoHome => Some("set M4_API_KEYS_FILE to a file for them".to_owned()),
            Self::File(error) => error.hint(),
        }
    }
}
