//! Which token is in effect, and where it comes from. Never the token.

use std::fmt;

use auth_core::oauth::client::stored_token::StoredSession;
use mcp_server::config::Config;
use mcp_server::credentials::TokenSource;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::{Paths, visible};

/// Where the token in effect comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
    /// The client of the settings gets one for itself.
    Client {
        /// Its ID.
        client_id: String,
    },
    /// There is none.
    Nowhere,
}

impl TokenOrigin {
    /// Where this source, which is the configuration's, has its token from; `stored` is the login that it finds.
    pub(super) fn of(
        config: &Config,
        source: &TokenSource,
        stored: Option<&StoredSession>,
        paths: &Paths,
    ) -> Self {
        if let Some(setting) = source.setting() {
            let shown = config.shown().iter().find(|shown| shown.setting.key == setting.key);
            let set_by = shown.map(|shown| paths.in_text(&shown.origin)).unwrap_or_default();
            return Self::Setting { key: setting.key, set_by };
        }
        if let (Some(login), Some(session)) = (source.login(), stored) {
            return Self::Login {
                issuer: session.issuer.as_str().to_owned(),
                resource: session.resource.clone(),
                profile: login.profile().to_string(),
            };
        }
        source.client_id().map_or(Self::Nowhere, |id| Self::Client { client_id: id.to_owned() })
    }
}

impl fmt::Display for TokenOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting { key, set_by } => write!(f, "{key}, set by {}", visible(set_by)),
            Self::Login { issuer, profile, .. } => {
                write!(f, "the login at {} (profile {profile})", visible(issuer))
            }
            Self::Client { client_id } => write!(f, "the client {}, for itself", visible(client_id)),
            Self::Nowhere => f.write_str("none"),
        }
    }
}
