//! A stored login that stays fresh: renewed before it expires, by whichever process needs it first.
//!
//! Most issuers let a refresh token work once and take a second use for theft, which ends the login for everybody. So it is
//! spent by one process at a time, under the store's lock, after reading again what is stored, and what it was exchanged
//! for is on the disk before the lock is given back.

mod error;
mod spending;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use auth_core::oauth::client::stored_token::{SessionKey, StoredSession};
use auth_core::oauth::client::token_request::Grant;
use auth_core::oauth::client::token_response::{TokenError, TokenResponse};
use auth_core::oauth::client_auth::AssertionTimes;
use auth_core::secret::Secret;
use auth_core::time::{Now, UnixTime};

pub use self::error::LoginError;
use self::spending::SPENDING;
use super::exchange::{Exchange, Http};
use super::store::{LockedStore, Profile, SessionStore, Sessions, StoreError, lock_within};
use crate::gate::clock::Clock;

/// The login of one profile that is good for one of some keys.
pub struct Login {
    store: Box<dyn SessionStore>,
    profile: Profile,
    keys: Vec<SessionKey>,
    exchange: Box<dyn Exchange>,
    clock: Box<dyn Fn() -> Now + Send + Sync>,
    patience: Duration,
    failed: Mutex<Option<Failure>>,
}

/// A refresh that came to nothing, so that the same one is not tried again at once.
struct Failure {
    session: StoredSession,
    error: TokenError,
    at: Now,
}

impl Login {
    /// The first login that is stored for one of `keys`.
    pub fn new(store: impl SessionStore + 'static, profile: Profile, keys: Vec<SessionKey>) -> Self {
        let clock = Clock::start();
        Self::with(Box::new(store), profile, keys, Box::new(Http), Box::new(move || clock.now()))
    }

    fn with(
        store: Box<dyn SessionStore>,
        profile: Profile,
        keys: Vec<SessionKey>,
        exchange: Box<dyn Exchange>,
        clock: Box<dyn Fn() -> Now + Send + Sync>,
    ) -> Self {
        Self { store, profile, keys, exchange, clock, patience: PATIENCE, failed: Mutex::new(None) }
    }

    /// The login as it is now, renewed if it is due; `None` when nobody logged in.
    ///
    /// Reads a small file. Where a renewal is due it blocks for the request to the issuer and for other processes that
    /// renew; call it from `spawn_blocking`, where it also ends well when nobody waits for it any more: the refresh token
    /// is spent from the moment it is sent.
    pub fn current(&self) -> Result<Option<StoredSession>, LoginError> {
        let session = match self.store.read() {
            Ok(sessions) => match self.find(&sessions) {
                Some(session) => Some(session.clone()),
                None => return Ok(None),
            },
            // Only who holds the lock may move it aside.
            Err(StoreError::Damaged(_)) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(settled) = session.as_ref().and_then(|session| self.settled(session, (self.clock)())) {
            return settled.map(Some);
        }
        match (self.renewed(), session) {
            // A store that cannot be written costs nothing yet.
            (Err(LoginError::Store(error)), Some(session)) if !session.is_expired((self.clock)().wall) => {
                tracing::warn!(target: "m4::login", %error, "the login was not renewed");
                Ok(Some(session))
            }
            (outcome, _) => outcome,
        }
    }

    /// The login as it is stored, due or not; `None` when nobody logged in. Asks no issuer and changes nothing.
    pub fn stored(&self) -> Result<Option<StoredSession>, StoreError> {
        self.store.read().map(|sessions| self.find(&sessions).cloned())
    }

    /// The same, in a store that was read already.
    pub fn stored_in<'a>(&self, sessions: &'a Sessions) -> Option<&'a StoredSession> {
        self.find(sessions)
    }

    /// Whose login it is.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    fn renewed(&self) -> Result<Option<StoredSession>, LoginError> {
        let Some(locked) = lock_within(&*self.store, self.patience)? else { return self.left_to_others() };
        let now = (self.clock)();
        let mut sessions = locked.read(now.wall)?;
        let Some(session) = self.find(&sessions).cloned() else {
            return match sessions.set_aside() {
                Some(kept) => Err(StoreError::Damaged(kept.to_owned()).into()),
                None => Ok(None),
            };
        };
        // Another process may have renewed it while this one waited for the lock.
        if let Some(settled) = self.settled(&session, now) {
            return settled.map(Some);
        }
        let Some(refresh_token) = &session.refresh_token else { return Err(LoginError::over(&session)) };
        let Some(_spent) = SPENDING.begin() else { return Err(LoginError::Ending) };
        // A disk that is full or read-only is to be found out before the refresh token is spent.
        locked.write(&sessions)?;
        match self.spend(&session, refresh_token, now.wall) {
            Ok(tokens) => {
                let renewed = session.renewed(tokens, now.wall);
                sessions.put(self.profile.clone(), renewed.clone());
                locked.write(&sessions)?;
                tracing::info!(
                    target: "m4::login",
                    issuer = renewed.issuer.as_str(),
                    expires_at = renewed.expires_at.map(tracing::field::display),
                    "the login was renewed"
                );
                Ok(Some(renewed))
            }
            Err(error) => self.not_renewed(&*locked, session, error, now).map(Some),
        }
    }

    fn left_to_others(&self) -> Result<Option<StoredSession>, LoginError> {
        let sessions = self.store.read()?;
        match self.find(&sessions) {
            Some(session) if session.is_expired((self.clock)().wall) => {
                Err(LoginError::Busy { seconds: self.patience.as_secs() })
            }
            found => Ok(found.cloned()),
        }
    }

    fn spend(
        &self,
        session: &StoredSession,
        refresh_token: &Secret,
        now: UnixTime,
    ) -> Result<TokenResponse, TokenError> {
        // Read by clients with a private key alone, and their logins are never stored.
        let times = AssertionTimes { jti: "", issued_at: now, expires_at: now };
        let grant = Grant::RefreshToken { refresh_token, scope: None };
        let form = grant
            .form(session.resource_to_send(), &session.client, &times)
            .map_err(|_| TokenError::Unreachable)?;
        let answer = self.exchange.post(&session.token_endpoint, &form)?;
        TokenResponse::parse(answer.status, &answer.body, &form)
    }

    fn not_renewed(
        &self,
        locked: &dyn LockedStore,
        session: StoredSession,
        error: TokenError,
        now: Now,
    ) -> Result<StoredSession, LoginError> {
        // A program that does not keep to the lock, or another machine, may have been faster.
        let sessions = locked.read(now.wall)?;
        if let Some(stored) = self.find(&sessions)
            && session.was_renewed_in(stored)
            && !stored.is_expired(now.wall)
        {
            return Ok(stored.clone());
        }
        tracing::warn!(target: "m4::login", issuer = session.issuer.as_str(), %error, "the login was not renewed");
        let outcome = after_failure(&session, &error, now.wall);
        *self.failed() = Some(Failure { session, error, at: now });
        outcome
    }

    /// What can be said of a login without renewing it; `None` where it has to be tried.
    fn settled(&self, session: &StoredSession, now: Now) -> Option<Result<StoredSession, LoginError>> {
        if !session.refresh_due(now.wall) {
            return Some(Ok(session.clone()));
        }
        if session.refresh_token.is_none() {
            let is_over = session.is_expired(now.wall);
            return Some(if is_over { Err(LoginError::over(session)) } else { Ok(session.clone()) });
        }
        let failed = self.failed();
        let failure = failed.as_ref().filter(|failure| !failure.session.was_renewed_in(session))?;
        let pause = if session.is_expired(now.wall) { PAUSE_WHEN_EXPIRED } else { PAUSE };
        // What the issuer refused for good it will refuse again.
        let is_recent = failure.error.is_invalid_grant() || now.since(failure.at) < pause;
        is_recent.then(|| after_failure(session, &failure.error, now.wall))
    }

    fn find<'a>(&self, sessions: &'a Sessions) -> Option<&'a StoredSession> {
        self.keys.iter().find_map(|key| sessions.find(&self.profile, key))
    }

    fn failed(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("store", &self.store)
            .field("profile", &self.profile)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// Waits for refresh tokens that this process is spending, as long as an issuer may take to answer, so that nothing they
/// are exchanged for is lost; from then on it spends no other. To be called when the process ends. Blocks.
pub fn finish() {
    if !SPENDING.end(LONGEST) {
        tracing::warn!(target: "m4::login", "the program ends while a login is being renewed");
    }
}

/// The old access token as long as it lives, unless the issuer ended the login.
fn after_failure(
    session: &StoredSession,
    error: &TokenError,
    now: UnixTime,
) -> Result<StoredSession, LoginError> {
    if error.is_invalid_grant() {
        Err(LoginError::over(session))
    } else if session.is_expired(now) {
        Err(LoginError::NotRenewed { issuer: session.issuer.as_str().to_owned(), source: error.clone() })
    } else {
        Ok(session.clone())
    }
}

/// Longer than a request of another process can take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a request may take, and some to write what came of it.
const LONGEST: Duration = Duration::from_secs(12);

/// Between two attempts while the access token still works.
const PAUSE: Duration = Duration::from_secs(30);
/// And when it does not: short, for a laptop whose network comes back later than its lid opens.
const PAUSE_WHEN_EXPIRED: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests;
