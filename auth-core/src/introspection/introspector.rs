//! When to ask an issuer about a token and how long to believe the answer: a state machine without I/O.
//!
//! It asks for a request by returning a [`Request`] from [`Introspector::poll_request`] and takes the answer through
//! [`Introspector::handle_answered`], which says whom to tell. Calls that are late, early or repeated are no-ops. After
//! [`Introspector::lookup`] and [`Introspector::handle_answered`], poll for requests until there is none. There is no
//! timer: nothing happens here that nobody asks for.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::RandomState;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use lru::LruCache;

use super::answer::{AnswerError, InactiveReason, IntrospectedClaims, Introspection};
use crate::oauth::client_auth::SigningFailed;
use crate::rejection::Rejection;
use crate::time::Now;
use crate::token::TokenDigest;

/// How long and how much.
#[derive(Debug, Clone)]
pub struct IntrospectionLimits {
    /// An active token is asked about again after this time, counted from when the last request began: a revocation
    /// shows at the latest then. Never beyond the token's `exp`.
    pub active_for: Duration,
    /// A refused token is not asked about again within this time.
    pub inactive_for: Duration,
    /// Requests under way at once.
    pub concurrent: usize,
    /// Tokens never seen active that may wait for their request; more are turned away.
    pub waiting: usize,
    /// Active tokens remembered.
    pub active_tokens: NonZeroUsize,
    /// Refused tokens remembered, in a store of their own: a flood of garbage forgets no active token.
    pub refused_tokens: NonZeroUsize,
}

impl Default for IntrospectionLimits {
    fn default() -> Self {
        const TOKENS: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();
        Self {
            active_for: Duration::from_secs(60),
            inactive_for: Duration::from_secs(10),
            concurrent: 16,
            waiting: 256,
            active_tokens: TOKENS,
            refused_tokens: TOKENS,
        }
    }
}

/// What one issuer said about its tokens.
#[derive(Debug)]
pub struct Introspector {
    limits: IntrospectionLimits,
    /// Entries stay past their time: a token known from before is asked about ahead of new ones.
    active: LruCache<TokenDigest, Active, RandomState>,
    refused: LruCache<TokenDigest, Refused, RandomState>,
    /// Every token that waits for a request or its answer.
    pending: HashSet<TokenDigest>,
    renewals: VecDeque<TokenDigest>,
    newcomers: VecDeque<TokenDigest>,
    asked: HashMap<RequestId, Asked>,
    outage: Option<Outage>,
    next_id: u64,
}

impl Introspector {
    /// Knows nothing yet.
    pub fn new(limits: IntrospectionLimits) -> Self {
        Self {
            active: LruCache::with_hasher(limits.active_tokens, RandomState::new()),
            refused: LruCache::with_hasher(limits.refused_tokens, RandomState::new()),
            pending: HashSet::new(),
            renewals: VecDeque::new(),
            newcomers: VecDeque::new(),
            asked: HashMap::new(),
            outage: None,
            next_id: 0,
            limits,
        }
    }

    /// What is known about a token. [`Lookup::NeedsRequest`] promises that a later
    /// [`handle_answered`](Self::handle_answered) settles this token, however many callers wait for it.
    pub fn lookup(&mut self, digest: TokenDigest, now: Now) -> Lookup {
        if let Some(known) = self.remembered(digest, now) {
            return known;
        }
        if self.pending.contains(&digest) {
            return Lookup::NeedsRequest;
        }
        if let Some(outage) = self.backing_off(now) {
            return outage;
        }
        let (queue, most) = if self.active.contains(&digest) {
            (&mut self.renewals, self.limits.active_tokens.get())
        } else {
            (&mut self.newcomers, self.limits.waiting)
        };
        if queue.len() >= most {
            return Lookup::Unavailable { failure: IntrospectionFailed::Overloaded, retry_after: FAILED_FOR };
        }
        queue.push_back(digest);
        self.pending.insert(digest);
        Lookup::NeedsRequest
    }

    /// A request to make now, if one is wanted and the concurrency limit allows it. Never two for one token.
    pub fn poll_request(&mut self, now: Now) -> Option<Request> {
        // After an outage one request finds out whether it is over.
        let is_probing = self.outage.as_ref().is_some_and(|outage| !outage.backoff().is_zero());
        let most = if is_probing { 1 } else { self.limits.concurrent.max(1) };
        if self.asked.len() >= most || self.backing_off(now).is_some() {
            return None;
        }
        let digest = self.renewals.pop_front().or_else(|| self.newcomers.pop_front())?;
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.asked.insert(id, Asked { digest, at: now });
        Some(Request { id, digest })
    }

    /// Takes the outcome of a request and says which tokens it settles: its own, and in an outage all that wait.
    ///
    /// Callers waiting for a settled token are told what is in [`Settled`] and need not look again: an answer may be too
    /// short-lived to be remembered. Outcomes of requests that are not under way settle nothing.
    pub fn handle_answered(
        &mut self,
        id: RequestId,
        outcome: Result<Introspection, IntrospectionFailed>,
        now: Now,
    ) -> Vec<Settled> {
        let Some(Asked { digest, at }) = self.asked.remove(&id) else { return Vec::new() };
        self.pending.remove(&digest);
        let lookup = match outcome {
            Ok(Introspection::Active(claims)) => {
                self.outage = None;
                self.accept(digest, claims, at, now)
            }
            Ok(Introspection::Inactive(reason)) => {
                self.outage = None;
                self.refuse(digest, reason, at)
            }
            Err(failure) => return self.fail(digest, failure, at, now),
        };
        vec![Settled { digest, lookup }]
    }

    fn remembered(&mut self, digest: TokenDigest, now: Now) -> Option<Lookup> {
        if let Some(active) = self.active.get(&digest) {
            if let Some(expired) = active.expired(now) {
                return Some(self.refuse(digest, InactiveReason::Refused(expired), now));
            }
            if now.since(active.asked_at) < self.limits.active_for {
                return Some(Lookup::Active(active.claims.clone()));
            }
        }
        let refused = self.refused.get(&digest)?;
        let age = now.since(refused.at);
        match &refused.verdict {
            Verdict::Inactive(reason) if age < self.limits.inactive_for => {
                Some(Lookup::Inactive(reason.clone()))
            }
            Verdict::Failed(failure) if age < FAILED_FOR => Some(Lookup::Unavailable {
                failure: failure.clone(),
                retry_after: FAILED_FOR.saturating_sub(age),
            }),
            _ => None,
        }
    }

    fn accept(
        &mut self,
        digest: TokenDigest,
        claims: Arc<IntrospectedClaims>,
        asked_at: Now,
        now: Now,
    ) -> Lookup {
        let active = Active { claims: claims.clone(), asked_at };
        if let Some(expired) = active.expired(now) {
            return self.refuse(digest, InactiveReason::Refused(expired), asked_at);
        }
        self.refused.pop(&digest);
        self.active.put(digest, active);
        Lookup::Active(claims)
    }

    fn refuse(&mut self, digest: TokenDigest, reason: InactiveReason, at: Now) -> Lookup {
        self.active.pop(&digest);
        self.refused.put(digest, Refused { verdict: Verdict::Inactive(reason.clone()), at });
        Lookup::Inactive(reason)
    }

    /// One token that makes the endpoint fail must not stop all others, so only failures in a row count as an outage,
    /// and those of requests that ran side by side count once.
    fn fail(
        &mut self,
        digest: TokenDigest,
        failure: IntrospectionFailed,
        asked_at: Now,
        now: Now,
    ) -> Vec<Settled> {
        let (before, last) = self.outage.as_ref().map_or((0, None), |outage| (outage.count, Some(outage.at)));
        let is_same = last.is_some_and(|last| asked_at.mono < last.mono);
        let mut count = if is_same { before } else { before.saturating_add(1) };
        if failure.concerns_every_token() {
            count = count.max(OUTAGE_AFTER);
        }
        let at = if is_same { last.unwrap_or(now) } else { now };
        self.outage = Some(Outage { failure: failure.clone(), at, count });
        self.refused.put(digest, Refused { verdict: Verdict::Failed(failure.clone()), at: now });
        let outage = self.backing_off(now);
        let lookup = outage.clone().unwrap_or(Lookup::Unavailable { failure, retry_after: FAILED_FOR });
        let mut settled = vec![Settled { digest, lookup }];
        if let Some(lookup) = outage {
            for digest in self.renewals.drain(..).chain(self.newcomers.drain(..)) {
                self.pending.remove(&digest);
                settled.push(Settled { digest, lookup: lookup.clone() });
            }
        }
        settled
    }

    fn backing_off(&self, now: Now) -> Option<Lookup> {
        let outage = self.outage.as_ref()?;
        let left = outage.backoff().saturating_sub(now.since(outage.at));
        (!left.is_zero()).then(|| Lookup::Unavailable { failure: outage.failure.clone(), retry_after: left })
    }
}

/// What [`Introspector::lookup`] answers.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// The issuer said recently that the token is active.
    Active(Arc<IntrospectedClaims>),
    /// The token must not be accepted.
    Inactive(InactiveReason),
    /// The issuer has to be asked, or is being asked. Poll for requests and wait for the token to be settled.
    NeedsRequest,
    /// The issuer cannot be asked, so nobody knows. A token that was active until now does not stay so.
    Unavailable {
        /// What went wrong.
        failure: IntrospectionFailed,
        /// When asking again may help.
        retry_after: Duration,
    },
}

/// A request to the driver: ask the issuer about this token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a request that is not made leaves its callers waiting"]
pub struct Request {
    /// To be handed back with the outcome.
    pub id: RequestId,
    /// Which token; the driver knows its text from the callers that wait for it.
    pub digest: TokenDigest,
}

/// Names one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

/// A token whose waiting callers can be answered.
#[derive(Debug, Clone)]
#[must_use = "callers wait for it"]
pub struct Settled {
    /// Which token.
    pub digest: TokenDigest,
    /// The answer; never [`Lookup::NeedsRequest`].
    pub lookup: Lookup,
}

/// Why a request brought no verdict. Holds nothing of what was sent or received.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntrospectionFailed {
    /// No answer in time.
    #[error("the introspection endpoint did not answer in time")]
    TimedOut,
    /// No connection: name resolution, refused, TLS.
    #[error("the introspection endpoint cannot be reached")]
    Unreachable,
    /// The endpoint does not accept this server's own credentials.
    #[error("the introspection endpoint refuses this server's client credentials (HTTP status {0})")]
    ClientRefused(u16),
    /// An answer with another status than 200. Redirects count: the token goes nowhere else.
    #[error("the introspection endpoint answered with HTTP status {0}")]
    Status(u16),
    /// An answer that is no introspection answer.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The assertion that authenticates this server could not be signed.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
    /// More tokens wait to be asked about than the limits allow.
    #[error("too many unknown tokens wait for the introspection endpoint")]
    Overloaded,
}

impl IntrospectionFailed {
    /// What the operator can do.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::ClientRefused(_) => {
                "Check M4_OAUTH2_CLIENT_ID and M4_OAUTH2_CLIENT_SECRET or the key in M4_OAUTH2_CLIENT_KEY_FILE, and that \
                 the issuer lets this client introspect."
            }
            Self::Signing(_) => "Check the private key this server authenticates with.",
            Self::Status(300..=399 | 404 | 405) | Self::Answer(_) => {
                "Check the configured introspection endpoint."
            }
            Self::TimedOut | Self::Unreachable | Self::Status(_) => {
                "Check the network path to the issuer and its state."
            }
            Self::Overloaded => {
                "Try again; if it lasts, look in the log for callers that send unknown tokens."
            }
        }
    }

    /// Whether another token would fare no better.
    const fn concerns_every_token(&self) -> bool {
        matches!(self, Self::ClientRefused(_) | Self::Signing(_) | Self::Unreachable)
    }
}

#[derive(Debug)]
struct Active {
    claims: Arc<IntrospectedClaims>,
    asked_at: Now,
}

impl Active {
    /// No leeway here: that is for issuers who are not asked. Counted on both clocks from when the token was asked
    /// about, because a wall clock set back does not make `exp` later.
    fn expired(&self, now: Now) -> Option<Rejection> {
        let expired_at = self.claims.expires_at()?;
        let left = expired_at.seconds_since(self.asked_at.wall);
        let lifetime = Duration::from_secs(u64::try_from(left).unwrap_or(0));
        (now.since(self.asked_at) >= lifetime).then_some(Rejection::Expired { expired_at, now: now.wall })
    }
}

#[derive(Debug)]
struct Refused {
    verdict: Verdict,
    at: Now,
}

#[derive(Debug)]
enum Verdict {
    Inactive(InactiveReason),
    Failed(IntrospectionFailed),
}

#[derive(Debug)]
struct Asked {
    digest: TokenDigest,
    at: Now,
}

/// Failures since the last answer.
#[derive(Debug)]
struct Outage {
    failure: IntrospectionFailed,
    at: Now,
    count: u32,
}

impl Outage {
    /// Nothing at first, then 1 s, 2 s, 4 s … at most a minute.
    fn backoff(&self) -> Duration {
        const LONGEST: Duration = Duration::from_secs(60);
        let Some(doublings) = self.count.checked_sub(OUTAGE_AFTER) else { return Duration::ZERO };
        Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST)
    }
}

/// Failures in a row before the endpoint is left alone for a while.
const OUTAGE_AFTER: u32 = 3;

/// A token the endpoint failed on is not sent again within this time.
const FAILED_FOR: Duration = Duration::from_secs(1);
