//! The end of a login: first it leaves the store, then its tokens are given back to the issuer (RFC 7009).
//!
//! In this order, so that no other process finds a login whose tokens are being revoked, and so that an issuer which does
//! not answer keeps nothing alive on this machine. Who renews a login holds the store's lock from reading to writing: a
//! logout waits for it and takes the new tokens, and a renewal that begins later finds no login.

use std::path::PathBuf;
use std::time::Duration;

use auth_core::oauth::client::login::LoginRequest;
use auth_core::oauth::client::revocation::{RevocationError, TokenHint, revocation_form, revoked};
use auth_core::oauth::client::stored_token::StoredSession;
use auth_core::oauth::client_auth::AssertionTimes;
use auth_core::secret::Secret;
use auth_core::time::UnixTime;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::exchange;
use super::refresh::LoginError;
use super::store::{Profile, Selection, SessionStore, Sessions, StoreError, lock_within};

/// What left the store.
#[derive(Debug, Default)]
pub struct Forgotten {
    /// The logins, whose tokens may still be good.
    pub logins: Vec<(Profile, StoredSession)>,
    /// How many more there were, written by a newer version of M4. Nobody can give their tokens back.
    pub not_understood: usize,
    /// Why the store was emptied unread. Nobody can give the tokens back that were in it.
    pub unread: Option<StoreError>,
    /// Where a damaged store was moved to. There may be tokens in it.
    pub set_aside: Option<PathBuf>,
    /// What is still stored.
    pub left: Sessions,
}

impl Forgotten {
    fn take(which: &Selection, mut sessions: Sessions) -> Self {
        let (logins, not_understood) = sessions.take(which);
        let set_aside = sessions.set_aside().map(ToOwned::to_owned);
        Self { logins, not_understood, unread: None, set_aside, left: sessions }
    }

    /// Whether nothing was there to leave.
    pub fn is_nothing(&self) -> bool {
        self.logins.is_empty() && self.not_understood == 0 && self.unread.is_none()
    }
}

/// Takes logins out of the store, under its lock; `now` dates the name under which a damaged store is kept.
///
/// A store that cannot be read is emptied where every login is meant, and is an error where some are. Blocks for as long as
/// another process renews a login.
pub fn forget(store: &dyn SessionStore, which: &Selection, now: UnixTime) -> Result<Forgotten, LoginError> {
    forget_within(store, which, now, PATIENCE)
}

fn forget_within(
    store: &dyn SessionStore,
    which: &Selection,
    now: UnixTime,
    patience: Duration,
) -> Result<Forgotten, LoginError> {
    // Where nothing is to be done no folder is made and nobody is waited for.
    if let Ok(sessions) = store.read() {
        let forgotten = Forgotten::take(which, sessions);
        if forgotten.is_nothing() {
            return Ok(forgotten);
        }
    }
    let Some(locked) = lock_within(store, patience)? else {
        return Err(LoginError::Busy { seconds: patience.as_secs() });
    };
    let forgotten = match locked.read(now) {
        Ok(sessions) => Forgotten::take(which, sessions),
        Err(error) if which.is_all() => Forgotten { unread: Some(error), ..Forgotten::default() },
        Err(error) => return Err(error.into()),
    };
    if !forgotten.is_nothing() {
        locked.write(&forgotten.left)?;
    }
    for (profile, session) in &forgotten.logins {
        tracing::info!(target: "m4::login", %profile, issuer = session.issuer.as_str(), "logged out");
    }
    Ok(forgotten)
}

/// What became of a login's tokens at the issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The refresh token; `None` where there was none.
    pub refresh_token: Option<Result<(), RevocationError>>,
    /// The access token.
    pub access_token: Result<(), RevocationError>,
}

/// Gives the tokens of logins back, all logins at once; gives what came of it in their order.
///
/// Whatever the issuers do, this takes hardly longer than `within`. It blocks, and must not be called on a runtime.
pub fn revoke(logins: &[(Profile, StoredSession)], within: Duration) -> Vec<Revocation> {
    let no_answer = |session: &StoredSession| Revocation {
        refresh_token: session.refresh_token.as_ref().map(|_| Err(RevocationError::Unreachable)),
        access_token: Err(RevocationError::Unreachable),
    };
    let mut outcomes: Vec<Revocation> = logins.iter().map(|(_, session)| no_answer(session)).collect();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::warn!(target: "m4::login", %error, "no thread for a request to the issuer");
            return outcomes;
        }
    };
    runtime.block_on(async {
        let deadline = Instant::now() + within;
        let mut running = JoinSet::new();
        for (place, (_, session)) in logins.iter().enumerate() {
            let session = session.clone();
            running.spawn(async move { (place, revoke_one(&session, deadline).await) });
        }
        while let Some(ended) = running.join_next().await {
            if let Ok((place, outcome)) = ended
                && let Some(known) = outcomes.get_mut(place)
            {
                *known = outcome;
            }
        }
    });
    // Looking a name up cannot be cut short, and must not hold up who waits for the end of this.
    runtime.shutdown_background();
    outcomes
}

/// The refresh token first: most issuers end the access tokens that came from it too (RFC 7009 §2.1).
async fn revoke_one(session: &StoredSession, deadline: Instant) -> Revocation {
    let refresh_token = match &session.refresh_token {
        Some(token) => Some(give_back(session, token, TokenHint::RefreshToken, deadline).await),
        None => None,
    };
    let access_token = give_back(session, &session.access_token, TokenHint::AccessToken, deadline).await;
    Revocation { refresh_token, access_token }
}

async fn give_back(
    session: &StoredSession,
    token: &Secret,
    hint: TokenHint,
    deadline: Instant,
) -> Result<(), RevocationError> {
    let endpoint = session.revocation_endpoint.as_ref().ok_or(RevocationError::NotOffered)?;
    // Read by clients with a private key alone, and their logins are never stored.
    let times = AssertionTimes { jti: "", issued_at: session.issued_at, expires_at: session.issued_at };
    let form =
        revocation_form(token, hint, &session.client, &times).map_err(|_| RevocationError::Unreachable)?;
    let request = LoginRequest::PostForm { url: endpoint.url(), form: &form };
    let outcome = match timeout_at(deadline, exchange::send(&request)).await {
        Ok(Some(answer)) => revoked(answer.status, &answer.body, &form),
        Ok(None) | Err(_) => Err(RevocationError::Unreachable),
    };
    if let Err(error) = &outcome {
        let issuer = session.issuer.as_str();
        tracing::warn!(target: "m4::login", issuer, token = hint.name(), %error, "a token was not revoked");
    }
    outcome
}

/// Longer than a request of another process can take, which holds the lock meanwhile.
const PATIENCE: Duration = Duration::from_secs(12);

#[cfg(test)]
mod tests;
