//! All logins of one user, and the text they are stored as.
//!
//! ```json
//! { "version": 1, "profiles": { "default": [ … ] } }
//! ```
//!
//! What stands in a list is described at [`stored_token`](auth_core::oauth::client::stored_token).

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use auth_core::oauth::client::stored_token::{SessionKey, StoredSession, StoredSessionError};
use auth_core::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Profile, Selection};

/// The logins, at most one for each profile, issuer and resource. Its `Debug` shows no token.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    logins: Vec<(Profile, StoredSession)>,
    /// Written by a newer version of M4: not understood, and not lost.
    foreign: Vec<(String, Foreign)>,
    set_aside: Option<PathBuf>,
}

impl Sessions {
    /// The login of this profile and key.
    pub fn find(&self, profile: &Profile, key: &SessionKey) -> Option<&StoredSession> {
        self.iter().find(|(of, session)| *of == profile && session.key() == *key).map(|(_, session)| session)
    }

    /// Every login with its profile.
    pub fn iter(&self) -> impl Iterator<Item = (&Profile, &StoredSession)> {
        self.logins.iter().map(|(profile, session)| (profile, session))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.logins.is_empty()
    }

    /// Keeps a login in the place of an older one.
    pub fn put(&mut self, profile: Profile, session: StoredSession) {
        self.remove(&profile, &session.key());
        self.logins.push((profile, session));
    }

    /// Takes a login out.
    pub fn remove(&mut self, profile: &Profile, key: &SessionKey) -> Option<StoredSession> {
        let at = self.logins.iter().position(|(of, session)| of == profile && session.key() == *key)?;
        Some(self.logins.remove(at).1)
    }

    /// Takes out every login that is meant, and what a newer version wrote about logins of these profiles where the profile is all
    /// that counts: nobody can tell what else it says. Gives the logins, and how many were not understood.
    pub fn take(&mut self, which: &Selection) -> (Vec<(Profile, StoredSession)>, usize) {
        let meant =
            self.logins.extract_if(.., |(profile, session)| which.matches(profile, session)).collect();
        let before = self.foreign.len();
        if which.issuer.is_none() && which.resource.is_none() {
            self.foreign.retain(|(name, _)| which.profile.as_ref().is_some_and(|of| of.as_str() != name));
        }
        (meant, before - self.foreign.len())
    }

    /// Where a damaged store was moved to before this was read from what was left of it.
    pub fn set_aside(&self) -> Option<&Path> {
        self.set_aside.as_deref()
    }

    pub(super) fn moved_to(self, path: PathBuf) -> Self {
        Self { set_aside: Some(path), ..self }
    }

    /// Reads a store. `Damaged` comes with the logins that are sound.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Unusable> {
        let damaged = || Unusable::Damaged(Self::default());
        // serde would fill a structure from an array too.
        if text.trim_ascii_start().first() != Some(&b'{') {
            return Err(damaged());
        }
        let Envelope { version } = serde_json::from_slice(text).map_err(|_| damaged())?;
        if version != VERSION {
            return Err(Unusable::Newer { found: version });
        }
        let document: Document = serde_json::from_slice(text).map_err(|_| damaged())?;
        let (mut sessions, mut is_whole) = (Self::default(), true);
        for (name, logins) in document.profiles {
            for login in logins {
                let text = Secret::new(login.to_string());
                match (name.parse(), StoredSession::parse(text.expose().as_bytes())) {
                    (Ok(profile), Ok(session)) => {
                        is_whole &= sessions.find(&profile, &session.key()).is_none();
                        sessions.put(profile, session);
                    }
                    (Ok::<Profile, _>(_), Err(StoredSessionError::Version { .. })) => {
                        sessions.foreign.push((name.clone(), Foreign(login)));
                    }
                    _ => is_whole = false,
                }
            }
        }
        if is_whole { Ok(sessions) } else { Err(Unusable::Damaged(sessions)) }
    }

    /// The store as text, as secret as the tokens in it.
    pub(super) fn to_json(&self) -> Secret {
        let mut profiles: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (profile, session) in &self.logins {
            // Always JSON: it was written as such.
            let login = serde_json::from_str(session.to_json().expose()).unwrap_or_default();
            profiles.entry(profile.to_string()).or_default().push(login);
        }
        for (name, Foreign(login)) in &self.foreign {
            profiles.entry(name.clone()).or_default().push(login.clone());
        }
        let document = Document { version: VERSION, profiles };
        Secret::new(serde_json::to_string_pretty(&document).unwrap_or_default())
    }
}

/// A login of an unknown format. Its `Debug` shows nothing of it.
#[derive(Clone)]
struct Foreign(Value);

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Foreign([redacted])")
    }
}

/// Text that cannot be used as a store.
#[derive(Debug)]
pub(super) enum Unusable {
    /// Not, or not all of it, what M4 writes; with what is sound of it.
    Damaged(Sessions),
    /// Of a format that this version does not know.
    Newer { found: u64 },
}

/// The format written.
const VERSION: u64 = 1;

#[derive(Deserialize)]
struct Envelope {
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u64,
    profiles: BTreeMap<String, Vec<Value>>,
}
