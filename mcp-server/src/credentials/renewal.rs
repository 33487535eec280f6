//! A token that can be had again and again: kept until it is due, and fetched by one caller at a time.
//!
//! The manner is that of a stored login: renewed ahead of its expiry, the old one as long as it lives where that fails, and
//! a pause after each failure. Nothing is written down; every process has its own.

use std::error::Error;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use auth_core::oauth::client::stored_token::{expiry, refresh_at};
use auth_core::secret::Secret;
use auth_core::time::{Now, UnixTime};
use auth_core::token::UnverifiedToken;

use crate::gate::clock::Clock;

/// Where tokens come from.
pub(super) trait Origin: fmt::Debug + Send + Sync {
    /// Why there is none.
    type Error: Error + Clone + Send + 'static;

    /// What the log calls it.
    const NAME: &'static str;

    /// Gets a token. Blocks, and ends by itself.
    fn fetch(&self, now: UnixTime) -> Result<Issued, Self::Error>;

    /// Whether the next attempt may well end otherwise.
    fn is_temporary(error: &Self::Error) -> bool;
}

/// A token as it was fetched.
#[derive(Debug)]
pub(super) struct Issued {
    /// The token, with or without `Bearer ` in front.
    pub(super) token: Secret,
    /// How long it is good for, where its origin says so. Otherwise the token itself may say it.
    pub(super) expires_in: Option<Duration>,
}

/// The tokens of one origin, one after the other.
pub(super) struct Renewal<O: Origin> {
    origin: O,
    clock: Box<dyn Fn() -> Now + Send + Sync>,
    /// Held by whoever fetches.
    turn: Mutex<()>,
    state: Mutex<State<O::Error>>,
}

struct State<E> {
    kept: Option<Kept>,
    failure: Option<(E, Now)>,
}

struct Kept {
    token: Secret,
    since: Now,
    fresh_for: Duration,
    good_for: Duration,
}

impl<O: Origin> Renewal<O> {
    pub(super) fn new(origin: O) -> Self {
        let clock = Clock::start();
        Self::with(origin, Box::new(move || clock.now()))
    }

    pub(super) fn with(origin: O, clock: Box<dyn Fn() -> Now + Send + Sync>) -> Self {
        let state = Mutex::new(State { kept: None, failure: None });
        Self { origin, clock, turn: Mutex::new(()), state }
    }

    /// Where the tokens come from.
    pub(super) const fn origin(&self) -> &O {
        &self.origin
    }

    /// The token as it is now, fetched if it is due. Blocks for that; call it from `spawn_blocking`.
    pub(super) fn current(&self) -> Result<Secret, O::Error> {
        if let Some(settled) = self.settled() {
            return settled;
        }
        let _turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => {
                // While the old token lives, a renewal takes nobody's time but the one's who makes it.
                if let Some(token) = self.living() {
                    return Ok(token);
                }
                self.turn.lock().unwrap_or_else(PoisonError::into_inner)
            }
        };
        // Whoever had the turn before may have fetched it, or failed to.
        if let Some(settled) = self.settled() {
            return settled;
        }
        let asked = (self.clock)();
        match self.origin.fetch(asked.wall) {
            Ok(issued) => {
                let kept = Kept::new(issued, asked);
                let token = kept.token.clone();
                *self.state() = State { kept: Some(kept), failure: None };
                tracing::debug!(target: "m4::login", origin = O::NAME, "a new token was fetched");
                Ok(token)
            }
            Err(error) => {
                let cause: &dyn Error = &error;
                tracing::warn!(target: "m4::login", origin = O::NAME, error = cause, "no new token was fetched");
                // From when it ended: the callers that waited for it must not each wait once more.
                self.state().failure = Some((error.clone(), (self.clock)()));
                self.living().ok_or(error)
            }
        }
    }

    /// What can be said without asking the origin; `None` where it has to be asked.
    fn settled(&self) -> Option<Result<Secret, O::Error>> {
        let now = (self.clock)();
        let state = self.state();
        let living = state.kept.as_ref().filter(|kept| now.since(kept.since) < kept.good_for);
        if let Some(kept) = living.filter(|kept| now.since(kept.since) < kept.fresh_for) {
            return Some(Ok(kept.token.clone()));
        }
        let (error, at) = state.failure.as_ref()?;
        let pause = match living {
            Some(_) => PAUSE,
            None if O::is_temporary(error) => PAUSE_WHEN_EXPIRED,
            None => PAUSE_WHEN_REFUSED,
        };
        let outcome = || living.map(|kept| kept.token.clone()).ok_or_else(|| error.clone());
        (now.since(*at) < pause).then(outcome)
    }

    fn living(&self) -> Option<Secret> {
        let now = (self.clock)();
        let state = self.state();
        let kept = state.kept.as_ref().filter(|kept| now.since(kept.since) < kept.good_for);
        kept.map(|kept| kept.token.clone())
    }

    fn state(&self) -> MutexGuard<'_, State<O::Error>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O: Origin> fmt::Debug for Renewal<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Kept {
    fn new(Issued { token, expires_in }: Issued, since: Now) -> Self {
        let claimed = || UnverifiedToken::parse(token.expose()).ok()?.claimed_expiry();
        let expires_at = expires_in.map(|lifetime| expiry(since.wall, lifetime)).or_else(claimed);
        let until = |at: UnixTime| {
            let seconds = u64::try_from(at.seconds_since(since.wall)).unwrap_or(0);
            // Even a token that is over at once is good for the call it was fetched for.
            Duration::from_secs(seconds).max(LEAST)
        };
        let (fresh_for, good_for) = match expires_at {
            Some(at) => (until(refresh_at(since.wall, at)), until(at)),
            None => (WITHOUT_EXPIRY, WITHOUT_EXPIRY),
        };
        Self { token, since, fresh_for, good_for }
    }
}

/// How long a token is kept of which nobody says when it expires.
const WITHOUT_EXPIRY: Duration = Duration::from_secs(60);
/// The shortest time between two tokens.
const LEAST: Duration = Duration::from_secs(1);

/// Between two attempts while the old token works.
const PAUSE: Duration = Duration::from_secs(30);
/// And when there is none: short, for a laptop whose network comes back later than its lid opens.
const PAUSE_WHEN_EXPIRED: Duration = Duration::from_secs(3);
/// And where the answer was no: it takes a person to change that.
const PAUSE_WHEN_REFUSED: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
