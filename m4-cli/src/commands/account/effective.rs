//! Which token is in effect, and where it comes from. Never the token.

use std::fmt;

use mcp_server::config::Config;
use mcp_server::credentials::TokenSource;
use mcp_server::credentials::store::StoreError;
use serde::Serialize;

use crate::output::visible;

/// Where the token in effect comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub(super) enum TokenOrigin {
    /// A setting gives it.
    Setting {
        /// Its key, such as `oauth2.token_file`.
        key: &'static str,
        /// The variable or file that sets it.
        set_by: String,
    },
    /// A stored login gives it.
    Login {
        /// At which issuer.
        issuer: String,
        /// For which resource.
        resource: Option<String>,
        /// Whose.
        profile: String,
    },
    /// There is none.
    Nowhere,
}

impl TokenOrigin {
    /// Where this source, which is the configuration's, has its token from.
    pub(super) fn of(config: &Config, source: &TokenSource) -> Result<Self, StoreError> {
        if let Some(setting) = source.setting() {
            let shown = config.shown().iter().find(|shown| shown.setting.key == setting.key);
            let set_by = shown.map(|shown| shown.origin.to_string()).unwrap_or_default();
            return Ok(Self::Setting { key: setting.key, set_by });
        }
        let Some(login) = source.login() else { return Ok(Self::Nowhere) };
        Ok(login.stored()?.map_or(Self::Nowhere, |session| Self::Login {
            issuer: session.issuer.as_str().to_owned(),
            resource: session.resource,
            profile: login.profile().to_string(),
        }))
    }
}

impl fmt::Display for TokenOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting { key, set_by } => write!(f, "{key}, set by {}", visible(set_by)),
            Self::Login { issuer, profile, .. } => {
                write!(f, "the login at {} (profile {profile})", visible(issuer))
            }
            Self::Nowhere => f.write_str("none"),
        }
    }
}
