//! API keys: where they are kept, and what a new one is given.

use std::path::PathBuf;

use auth_core::scope::{ScopeRequirements, ScopeSet};

use super::auth;
use super::locations;
use super::parse;
use super::reader::Reader;
use super::setting;
use crate::env::Environment;

/// What is configured about API keys, whether or not anything else is usable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiKeysConfig {
    /// The file that the server reads them from; `None` where no API key is admitted.
    pub file: Option<PathBuf>,
    /// The scopes every call needs, which a new key is given unless others are named. Empty where they cannot be read.
    pub new_key_scopes: ScopeSet,
}

/// What a gate needs to admit callers with API keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRules {
    /// The file that the keys are in. Whether it can be used is found out while running.
    pub file: PathBuf,
    /// The scopes their calls need: those of the top level, not of an issuer's table.
    pub scopes: ScopeRequirements,
}

/// `api-keys.json` beside the configuration file: where `m4 keys` keeps keys unless a file is configured. `None` without a
/// home.
pub fn default_file(env: &Environment) -> Option<PathBuf> {
    Some(locations::home(env)?.join("api-keys.json"))
}

/// Reads the section. A file that cannot be understood is noted as a problem, which shuts the gate.
pub(crate) fn read(reader: &mut Reader<'_>) -> ApiKeysConfig {
    let file = reader.read(&setting::API_KEYS_FILE, parse::text);
    ApiKeysConfig {
        file: file.map(|path| locations::absolute(path.as_ref())),
        new_key_scopes: reader.peek(&setting::OAUTH2_REQUIRED_SCOPES, auth::scopes).unwrap_or_default(),
    }
}
