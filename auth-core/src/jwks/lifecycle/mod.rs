//! When to fetch an issuer's keys and how long to trust what came: a state machine without I/O.
//!
//! It asks for a fetch by returning a [`Fetch`] from [`KeyLifecycle::poll_fetch`] and takes the answer through
//! [`KeyLifecycle::handle_fetched`]. Calls that are late, early or repeated are no-ops, so a driver cannot corrupt it.
//! After any call that takes `&mut self`, ask [`KeyLifecycle::poll_fetch`] and [`KeyLifecycle::poll_timeout`] again.
//!
//! Ages are the longer of what the wall clock and the monotonic clock say ([`Now::since`]); timers are monotonic. A
//! timer that slept with its laptop is therefore late, but the keys are not: the next call finds them too old.

use std::sync::Arc;
use std::time::Duration;

use super::document::{KeyQuery, KeySet, Selection};
use super::fetch::{Fetch, FetchFailed, FetchId, FetchOutcome, Validators};
use super::snapshot::{Age, KeySnapshot};
use crate::time::{Instant, Now};

/// How long things last.
#[derive(Debug, Clone)]
pub struct LifecycleSettings {
    /// A fetched set is fresh at most this long, at least a second. An issuer may shorten it to a minute, not less
    /// ([`max_age`](super::max_age)).
    pub ttl: Duration,
    /// After that a set stays usable this long while the issuer fails to give a new one. Zero means never.
    pub stale_for: Duration,
    /// How long key ids that nobody knows are not asked for, after a fetch for one of them brought nothing new.
    pub unknown_kid_cooldown: Duration,
}

impl Default for LifecycleSettings {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(3600),
            stale_for: Duration::from_secs(24 * 3600),
            unknown_kid_cooldown: Duration::from_secs(30),
        }
    }
}

/// The keys of one issuer over time.
#[derive(Debug)]
pub struct KeyLifecycle {
    settings: LifecycleSettings,
    jitter_seed: u64,
    fetched: Option<Fetched>,
    /// Failures since the last success.
    failure: Option<Failure>,
    in_flight: Option<InFlight>,
    wanted: Option<Want>,
    /// Whether the refresh or the retry that follows from the last outcome is still to come.
    scheduled: bool,
    /// When the issuer was last asked for an unknown key and had nothing new.
    asked_in_vain: Option<Now>,
    next_id: u64,
}

impl KeyLifecycle {
    /// No keys yet; the first lookup asks for them.
    pub fn new(mut settings: LifecycleSettings) -> Self {
        settings.ttl = settings.ttl.clamp(SHORTEST_TTL, LONGEST);
        settings.stale_for = settings.stale_for.min(LONGEST);
        Self {
            settings,
            jitter_seed: 0,
            fetched: None,
            failure: None,
            in_flight: None,
            wanted: None,
            scheduled: false,
            asked_in_vain: None,
            next_id: 0,
        }
    }

    /// Spreads refreshes: servers with different seeds do not ask the issuer at the same moment, though they were
    /// started together.
    #[must_use]
    pub fn with_jitter(mut self, seed: u64) -> Self {
        self.jitter_seed = seed;
        self
    }

    /// Whether the key for `query` can be had, and if not, what to wait for.
    pub fn lookup(&mut self, query: &KeyQuery, now: Now) -> KeyLookup {
        let warm = self.warm(now);
        let (KeyLookup::Ready, Some(fetched)) = (&warm, &self.fetched) else { return warm };
        fetched.age.mark_used();
        if !matches!(fetched.set.select(query), Selection::Unknown) {
            // Stale keys are only usable after a failure, and then nobody waits: retries go on in the background.
            return KeyLookup::Ready;
        }
        if self.in_flight.is_some() || self.wanted.is_some() {
            return self.want(Want::Whole);
        }
        // The issuer that just failed is asked soon again: it may be back with a key that it began to sign with.
        if let Some(unavailable) = self.waiting(FAILED_FOR_UNKNOWN, now) {
            return unavailable;
        }
        match self.asked_in_vain.map(|at| now.since(at)) {
            Some(elapsed) if elapsed < self.settings.unknown_kid_cooldown => {
                KeyLookup::Unknown { retry_after: self.settings.unknown_kid_cooldown.saturating_sub(elapsed) }
            }
            _ => self.want(Want::Whole),
        }
    }

    /// Has the keys fetched, if there are none that can be used, without asking for any of them.
    pub fn warm(&mut self, now: Now) -> KeyLookup {
        if self.fetched.as_ref().is_some_and(|fetched| fetched.age.is_below(self.usable_for(), now)) {
            return KeyLookup::Ready;
        }
        match self.backing_off(now) {
            Some(unavailable) => unavailable,
            None => self.want(Want::Newer),
        }
    }

    /// A fetch to start now, if one is due and none is under way: there is never more than one.
    pub fn poll_fetch(&mut self, now: Now) -> Option<Fetch> {
        if self.in_flight.is_some() {
            return None;
        }
        let in_background = self.take_due(now).then_some(Want::Newer);
        let want = self.wanted.take().or(in_background)?;
        let validators = match want {
            Want::Newer => self.fetched.as_ref().and_then(|fetched| fetched.validators.clone()),
            // An issuer that says «not modified» by mistake must not hide the key it just began to sign with.
            Want::Whole => None,
        };
        let id = FetchId(self.next_id);
        self.next_id += 1;
        self.scheduled = false;
        self.in_flight =
            Some(InFlight { id, is_conditional: validators.is_some(), is_for_unknown: want == Want::Whole });
        Some(Fetch { id, validators })
    }

    /// Takes the outcome of a fetch. Outcomes of fetches that are not under way are ignored.
    pub fn handle_fetched(
        &mut self,
        id: FetchId,
        outcome: Result<impl Into<FetchOutcome>, FetchFailed>,
        now: Now,
    ) {
        let Some(fetch) = self.in_flight.take_if(|fetch| fetch.id == id) else { return };
        self.scheduled = true;
        let mut same_keys = true;
        let (set, generation, validators, max_age) = match (outcome.map(Into::into), self.fetched.take()) {
            (Ok(FetchOutcome::Fetched { set, validators, max_age }), old) => {
                same_keys = old.is_some_and(|old| old.set.has_the_keys_of(&set));
                (Arc::new(set), id.0 + 1, validators, max_age)
            }
            (Ok(FetchOutcome::NotModified { max_age }), Some(same)) if fetch.is_conditional => {
                (same.set, same.generation, same.validators, max_age)
            }
            (Ok(FetchOutcome::NotModified { .. }), fetched) => {
                self.fetched = fetched;
                return self.fail(FetchFailed::Status(304), now);
            }
            (Err(reason), fetched) => {
                self.fetched = fetched;
                return self.fail(reason, now);
            }
        };
        if fetch.is_for_unknown {
            // A set that changed was worth the asking: the issuer is rotating its keys and may do so again.
            self.asked_in_vain = same_keys.then_some(now);
        }
        let fresh_for = self.fresh_for(max_age);
        let refresh_after = refresh_after(fresh_for, self.jitter_seed ^ id.0);
        self.failure = None;
        self.fetched =
            Some(Fetched { set, generation, validators, age: Age::starting(now), fresh_for, refresh_after });
    }

    /// When [`KeyLifecycle::poll_fetch`] may have something to say though nobody asks: the refresh ahead of expiry and
    /// the retries of an outage. `None` while nothing is scheduled or a fetch is under way.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (start, wait) = self.schedule()?;
        Some(start.mono + wait)
    }

    /// What the hot path needs: the current set and how long it may be used without asking here again.
    pub fn snapshot(&self) -> KeySnapshot {
        self.fetched.as_ref().map_or_else(KeySnapshot::default, |fetched| KeySnapshot {
            set: fetched.set.clone(),
            generation: fetched.generation,
            age: Some(fetched.age.clone()),
            usable_for: self.usable_for(),
        })
    }

    /// How long after its arrival the current set may be used.
    fn usable_for(&self) -> Duration {
        let fresh_for = self.fetched.as_ref().map_or(Duration::ZERO, |fetched| fetched.fresh_for);
        if self.failure.is_some() { fresh_for + self.settings.stale_for } else { fresh_for }
    }

    fn fresh_for(&self, max_age: Option<Duration>) -> Duration {
        let ttl = self.settings.ttl;
        max_age.map_or(ttl, |age| age.clamp(SHORTEST_MAX_AGE.min(ttl), ttl))
    }

    /// Whether the scheduled fetch is due and still worth making; it is asked once.
    fn take_due(&mut self, now: Now) -> bool {
        let is_due = self.schedule().is_some_and(|(start, wait)| now.since(start) >= wait);
        if !is_due {
            return false;
        }
        self.scheduled = false;
        // An idle server does not bother its issuer; who comes to keys that are too old asks for new ones.
        self.fetched.as_ref().is_some_and(|fetched| {
            (fetched.age.is_used() || self.failure.is_some()) && fetched.age.is_below(self.usable_for(), now)
        })
    }

    fn schedule(&self) -> Option<(Now, Duration)> {
        let fetched = self.fetched.as_ref().filter(|_| self.scheduled)?;
        Some(match &self.failure {
            None => (fetched.age.start(), fetched.refresh_after),
            Some(failure) => (failure.at, failure.backoff()),
        })
    }

    fn want(&mut self, want: Want) -> KeyLookup {
        if self.in_flight.is_none() {
            self.wanted = self.wanted.max(Some(want));
        }
        KeyLookup::NeedsFetch
    }

    fn fail(&mut self, reason: FetchFailed, now: Now) {
        let count = self.failure.as_ref().map_or(0, |failure| failure.count).saturating_add(1);
        self.failure = Some(Failure { reason, at: now, count });
    }

    fn backing_off(&self, now: Now) -> Option<KeyLookup> {
        self.waiting(LONGEST_BACKOFF, now)
    }

    /// Whether the last attempt failed less than its backoff ago, and less than `most`.
    fn waiting(&self, most: Duration, now: Now) -> Option<KeyLookup> {
        let failure = self.failure.as_ref().filter(|_| self.in_flight.is_none())?;
        let left = failure.backoff().min(most).saturating_sub(now.since(failure.at));
        (!left.is_zero())
            .then(|| KeyLookup::Unavailable { failure: failure.reason.clone(), retry_after: left })
    }
}

/// What [`KeyLifecycle::lookup`] answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyLookup {
    /// [`KeyLifecycle::snapshot`] has it.
    Ready,
    /// A fetch is due or under way; ask again when it ended.
    NeedsFetch,
    /// The issuer has no such key and was asked recently.
    Unknown {
        /// When asking again may bring something new.
        retry_after: Duration,
    },
    /// The issuer cannot be reached and no usable key is left.
    Unavailable {
        /// What went wrong.
        failure: FetchFailed,
        /// When the next attempt is due.
        retry_after: Duration,
    },
}

const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// How long an issuer that failed is not asked for a key id that nobody knows, while other keys are usable. Its tokens may
/// already be signed with that key.
const FAILED_FOR_UNKNOWN: Duration = Duration::from_secs(1);
/// Below this a caller could find its keys expired whenever they come, and wait for ever.
const SHORTEST_TTL: Duration = Duration::from_secs(1);
/// A year: longer than anything sensible, short enough to calculate with.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
/// Some issuers ask for seconds, meant for the caches before them; once a minute is often enough to learn that a key
/// was withdrawn.
const SHORTEST_MAX_AGE: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Fetched {
    set: Arc<KeySet>,
    generation: u64,
    validators: Option<Validators>,
    age: Arc<Age>,
    fresh_for: Duration,
    refresh_after: Duration,
}

#[derive(Debug)]
struct InFlight {
    id: FetchId,
    is_conditional: bool,
    is_for_unknown: bool,
}

/// The later one includes the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Want {
    /// The set, unless it is still the one at hand.
    Newer,
    /// The set.
    Whole,
}

#[derive(Debug)]
struct Failure {
    reason: FetchFailed,
    at: Now,
    count: u32,
}

impl Failure {
    /// 1 s, 2 s, 4 s … at most a minute.
    fn backoff(&self) -> Duration {
        let doubled = 2_u32.saturating_pow(self.count.saturating_sub(1));
        Duration::from_secs(1).saturating_mul(doubled).min(LONGEST_BACKOFF)
    }
}

/// Between seven and nine tenths of `fresh_for`: spread over a fifth, and a tenth is left for a second try.
fn refresh_after(fresh_for: Duration, random: u64) -> Duration {
    let thousandths = u32::try_from(mixed(random) % 201).unwrap_or(0);
    fresh_for * (700 + thousandths) / 1000
}

/// Output function of `SplitMix64` (Steele, Lea and Flood 2014): neighbouring inputs come out unrelated.
fn mixed(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
