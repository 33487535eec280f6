//! The task that owns an issuer's key lifecycle: it makes the fetches the lifecycle asks for and publishes what came.
//!
//! Callers read a snapshot without a lock; only those whose key is not in it send a request here and wait. One task
//! means one fetch at a time, however many wait for it.

use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use auth_core::jwks::{
    Fetch, FetchFailed, FetchId, FetchOutcome, KeyLifecycle, KeyLookup, KeyQuery, KeySet, KeySnapshot,
    Validators,
};
use auth_core::time::{Instant, Now};
use futures_util::future::{BoxFuture, OptionFuture};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Where key sets come from.
pub(super) trait KeySource: Send + Sync + 'static {
    /// Gets the current set, or learns that the one `validators` belong to still is it.
    ///
    /// The driver gives up on it after [`FETCH_TIMEOUT`] and takes a panic for a failure.
    fn fetch_newer(&self, validators: Option<Validators>)
    -> BoxFuture<'_, Result<FetchOutcome, FetchFailed>>;

    /// Gets the current set, whatever is known.
    fn fetch(&self) -> BoxFuture<'_, Result<KeySet, FetchFailed>> {
        let outcome = self.fetch_newer(None);
        Box::pin(async move {
            match outcome.await? {
                FetchOutcome::Fetched { set, .. } => Ok(set),
                FetchOutcome::NotModified { .. } => Err(FetchFailed::Status(304)),
            }
        })
    }
}

/// Keys as they were published, held without counting references: callers on several threads do not meet in a counter.
pub(super) struct Published(Guard<Arc<KeySnapshot>>);

impl Published {
    /// What an issuer that there is not has published.
    pub(super) fn none() -> Self {
        Self(Guard::from_inner(Arc::default()))
    }
}

impl Deref for Published {
    type Target = KeySnapshot;

    fn deref(&self) -> &KeySnapshot {
        &self.0
    }
}

/// A handle to the task. The task ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub(super) struct KeyDriver {
    snapshot: Arc<ArcSwap<KeySnapshot>>,
    requests: mpsc::Sender<Request>,
}

impl KeyDriver {
    /// Starts the task on the current runtime. `now` is the clock that the snapshots are judged by.
    pub(super) fn spawn<N>(lifecycle: KeyLifecycle, source: impl KeySource, now: N) -> Self
    where
        N: Fn() -> Now + Send + 'static,
    {
        let lifecycle = lifecycle.with_jitter(jitter_seed());
        let snapshot = Arc::new(ArcSwap::from_pointee(lifecycle.snapshot()));
        let (requests, inbox) = mpsc::channel(WAITING_ROOM);
        let task = Task { lifecycle, waiting: Vec::new(), published: snapshot.clone(), now };
        tokio::spawn(task.run(inbox, Arc::new(source)));
        Self { snapshot, requests }
    }

    /// The keys as last published.
    pub(super) fn snapshot(&self) -> Published {
        Published(self.snapshot.load())
    }

    /// Waits until the lifecycle can answer for `query`. Never answers [`KeyLookup::NeedsFetch`].
    pub(super) async fn obtain(&self, query: KeyQuery) -> KeyLookup {
        self.ask(Some(query)).await
    }

    /// Waits until there are keys, or until it is known that there are none. Asks for none of them, so it uses up nothing
    /// of what is granted to ids nobody knows.
    pub(super) async fn warm(&self) -> KeyLookup {
        self.ask(None).await
    }

    async fn ask(&self, query: Option<KeyQuery>) -> KeyLookup {
        let (reply, answer) = oneshot::channel();
        let ended =
            || KeyLookup::Unavailable { failure: FetchFailed::Unreachable, retry_after: Duration::ZERO };
        if self.requests.send(Request { query, reply }).await.is_err() {
            return ended();
        }
        answer.await.unwrap_or_else(|_| ended())
    }
}

/// The longest a fetch may take and a caller may wait: discovery and the keys, each at the limit of its request.
pub(super) const FETCH_TIMEOUT: Duration = Duration::from_secs(20);

/// Requests on their way to the task; more callers than this wait in line before it.
const WAITING_ROOM: usize = 1024;

struct Request {
    /// `None`: whatever keys there are.
    query: Option<KeyQuery>,
    reply: oneshot::Sender<KeyLookup>,
}

struct Task<N> {
    lifecycle: KeyLifecycle,
    waiting: Vec<Request>,
    published: Arc<ArcSwap<KeySnapshot>>,
    now: N,
}

impl<N: Fn() -> Now + Send> Task<N> {
    async fn run(mut self, mut inbox: mpsc::Receiver<Request>, source: Arc<dyn KeySource>) {
        let mut fetching: Option<BoxFuture<'static, Outcome>> = None;
        loop {
            if fetching.is_none()
                && let Some(fetch) = self.lifecycle.poll_fetch((self.now)())
            {
                tracing::debug!(target: "m4::jwks", "fetching the issuer's keys");
                fetching = Some(Box::pin(supervised(source.clone(), fetch)));
            }
            tokio::select! {
                request = inbox.recv() => match request {
                    Some(request) => self.answer_or_keep(request),
                    None => return,
                },
                Some((id, outcome)) = OptionFuture::from(fetching.as_mut()) => {
                    fetching = None;
                    self.fetched(id, outcome);
                }
                () = until(self.lifecycle.poll_timeout(), (self.now)()) => {}
            }
        }
    }

    fn answer_or_keep(&mut self, request: Request) {
        let now = (self.now)();
        let outcome = match &request.query {
            Some(query) => self.lifecycle.lookup(query, now),
            None => self.lifecycle.warm(now),
        };
        match outcome {
            KeyLookup::NeedsFetch => self.waiting.push(request),
            // A caller that went away needs no answer.
            answer => drop(request.reply.send(answer)),
        }
    }

    fn fetched(&mut self, id: FetchId, outcome: Result<FetchOutcome, FetchFailed>) {
        match &outcome {
            Ok(FetchOutcome::Fetched { set, .. }) => {
                let (usable, skipped) = (set.keys().count(), set.skipped().len());
                tracing::debug!(target: "m4::jwks", usable, skipped, "got the issuer's keys");
            }
            Ok(FetchOutcome::NotModified { .. }) => {
                tracing::debug!(target: "m4::jwks", "the issuer's keys are the same");
            }
            Err(failure) => tracing::warn!(target: "m4::jwks", %failure, "could not get the issuer's keys"),
        }
        self.lifecycle.handle_fetched(id, outcome, (self.now)());
        self.published.store(Arc::new(self.lifecycle.snapshot()));
        for request in std::mem::take(&mut self.waiting) {
            self.answer_or_keep(request);
        }
    }
}

type Outcome = (FetchId, Result<FetchOutcome, FetchFailed>);

/// Makes a fetch in a task of its own, so that neither a panic nor a wait without end reaches the callers. The task is
/// stopped when this is dropped.
async fn supervised(source: Arc<dyn KeySource>, fetch: Fetch) -> Outcome {
    let mut task = JoinSet::new();
    task.spawn(async move { source.fetch_newer(fetch.validators).await });
    let outcome = match timeout(FETCH_TIMEOUT, task.join_next()).await {
        Ok(Some(Ok(outcome))) => outcome,
        Ok(_) => Err(FetchFailed::Internal),
        Err(_) => Err(FetchFailed::TimedOut),
    };
    (fetch.id, outcome)
}

/// Differs from process to process: the standard library takes the keys of its hashes from the operating system.
fn jitter_seed() -> u64 {
    RandomState::new().hash_one(())
}

/// Sleeps until `at`, or for ever when there is nothing to wait for.
fn until(at: Option<Instant>, now: Now) -> impl Future<Output = ()> {
    let pause = at.map(|at| at.saturating_since(now.mono));
    async move {
        match pause {
            Some(pause) => tokio::time::sleep(pause).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests;
