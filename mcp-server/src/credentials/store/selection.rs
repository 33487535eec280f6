//! Which of the stored logins are meant.

use auth_core::oauth::client::stored_token::{SessionKey, StoredSession};

use super::Profile;

/// Some of the stored logins; `None` means any. The default means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Whose.
    pub profile: Option<Profile>,
    /// At which issuer, byte for byte.
    pub issuer: Option<String>,
    /// For which resource, in any spelling of its URL.
    pub resource: Option<String>,
}

impl Selection {
    /// Whether this login is meant.
    pub fn matches(&self, profile: &Profile, session: &StoredSession) -> bool {
        let is_for = |resource: &String| {
            let key = session.key();
            key.resource().is_some() && SessionKey::new(&session.issuer, Some(resource)) == key
        };
        self.profile.as_ref().is_none_or(|of| of == profile)
            && self.issuer.as_ref().is_none_or(|issuer| issuer == session.issuer.as_str())
            && self.resource.as_ref().is_none_or(is_for)
    }

    /// Whether every login is meant.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
}
