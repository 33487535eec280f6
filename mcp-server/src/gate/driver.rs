//! The task that owns an issuer's key lifecycle: it makes the fetches the lifecycle asks for and publishes what came.
//!
//! Callers read a snapshot without a lock; only those whose key is not in it send a request here and wait. One task
//! means one fetch at a time, however many wait for it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use auth_core::jwks::{FetchFailed, FetchId, KeyLifecycle, KeyLookup, KeyQuery, KeySet, KeySnapshot};
use auth_core::time::{Instant, Now};
use futures_util::future::{BoxFuture, OptionFuture};
use tokio::sync::{mpsc, oneshot};

/// Where key sets come from.
pub(super) trait KeySource: Send + Sync + 'static {
    /// Gets the current set. Must end by itself: the driver waits for it.
    fn fetch(&self) -> BoxFuture<'_, Result<KeySet, FetchFailed>>;
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
        let snapshot = Arc::new(ArcSwap::from_pointee(lifecycle.snapshot()));
        let (requests, inbox) = mpsc::channel(WAITING_ROOM);
        let task = Task { lifecycle, waiting: Vec::new(), published: snapshot.clone(), now };
        tokio::spawn(task.run(inbox, Arc::new(source)));
        Self { snapshot, requests }
    }

    /// The keys as last published.
    pub(super) fn snapshot(&self) -> Arc<KeySnapshot> {
        self.snapshot.load_full()
    }

    /// Waits until the lifecycle can answer for `query`. Never answers [`KeyLookup::NeedsFetch`].
    pub(super) async fn obtain(&self, query: KeyQuery) -> KeyLookup {
        let (reply, answer) = oneshot::channel();
        let ended =
            || KeyLookup::Unavailable { failure: FetchFailed::Unreachable, retry_after: Duration::ZERO };
        if self.requests.send(Request { query, reply }).await.is_err() {
            return ended();
        }
        answer.await.unwrap_or_else(|_| ended())
    }
}

/// Requests on their way to the task; more callers than this wait in line before it.
const WAITING_ROOM: usize = 1024;

struct Request {
    query: KeyQuery,
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
                let source = source.clone();
                fetching = Some(Box::pin(async move { (fetch.id, source.fetch().await) }));
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
        match self.lifecycle.lookup(&request.query, (self.now)()) {
            KeyLookup::NeedsFetch => self.waiting.push(request),
            // A caller that went away needs no answer.
            answer => drop(request.reply.send(answer)),
        }
    }

    fn fetched(&mut self, id: FetchId, outcome: Result<KeySet, FetchFailed>) {
        match &outcome {
            Ok(set) => {
                let (usable, skipped) = (set.keys().count(), set.skipped().len());
                tracing::debug!(target: "m4::jwks", usable, skipped, "got the issuer's keys");
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

type Outcome = (FetchId, Result<KeySet, FetchFailed>);

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
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use auth_core::algorithm::Algorithm;
    use auth_core::jwks::LifecycleSettings;
    use auth_core::time::UnixTime;
    use tokio::time::{Instant as TokioInstant, advance, sleep};

    use super::*;

    /// A set with one P-256 key called `a` (the example of RFC 7517 appendix A.1).
    const JWKS: &[u8] = br#"{"keys":[{"kty":"EC","crv":"P-256","kid":"a",
        "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

    struct Slow {
        fetches: Arc<AtomicUsize>,
        fails: fn(usize) -> bool,
    }

    impl KeySource for Slow {
        fn fetch(&self) -> BoxFuture<'_, Result<KeySet, FetchFailed>> {
            let count = self.fetches.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                sleep(Duration::from_millis(300)).await;
                if (self.fails)(count) {
                    return Err(FetchFailed::Status(500));
                }
                KeySet::parse(JWKS, &Algorithm::DEFAULT).map_err(FetchFailed::Document)
            })
        }
    }

    fn driver(fails: fn(usize) -> bool) -> (KeyDriver, Arc<AtomicUsize>) {
        let start = TokioInstant::now();
        let now = move || {
            let elapsed = start.elapsed();
            let seconds = i64::try_from(elapsed.as_secs()).unwrap();
            Now { wall: UnixTime(1_800_000_000 + seconds), mono: Instant::from_start(elapsed) }
        };
        let fetches = Arc::new(AtomicUsize::new(0));
        let source = Slow { fetches: fetches.clone(), fails };
        (KeyDriver::spawn(KeyLifecycle::new(LifecycleSettings::default()), source, now), fetches)
    }

    fn query(kid: &str) -> KeyQuery {
        KeyQuery { kid: Some(kid.to_owned()), algorithm: Algorithm::ES256 }
    }

    async fn obtain_all(driver: &KeyDriver, kids: impl Iterator<Item = String>) -> Vec<KeyLookup> {
        let tasks: Vec<_> = kids
            .map(|kid| {
                let driver = driver.clone();
                tokio::spawn(async move { driver.obtain(query(&kid)).await })
            })
            .collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        answers
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_callers_on_a_cold_cache_share_one_fetch() {
        let (driver, fetches) = driver(|_| false);
        let answers = obtain_all(&driver, (0..100).map(|_| "a".to_owned())).await;
        assert!(answers.iter().all(|answer| *answer == KeyLookup::Ready), "{answers:?}");
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        assert_eq!(driver.snapshot().keys().keys().count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_unknown_kids_cost_one_more_fetch() {
        let (driver, fetches) = driver(|_| false);
        driver.obtain(query("a")).await;
        let answers = obtain_all(&driver, (0..1000).map(|n| format!("unknown-{n}"))).await;
        assert!(answers.iter().all(|answer| matches!(answer, KeyLookup::Unknown { .. })));
        assert_eq!(fetches.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_issuer_that_fails_after_a_warm_fetch_stops_nobody() {
        let (driver, fetches) = driver(|count| count > 0);
        driver.obtain(query("a")).await;
        advance(Duration::from_secs(3601)).await;
        for _ in 0..20 {
            assert_eq!(driver.obtain(query("a")).await, KeyLookup::Ready);
        }
        assert_eq!(fetches.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn keys_in_use_are_refreshed_without_a_caller() {
        let (driver, fetches) = driver(|_| false);
        driver.obtain(query("a")).await;
        driver.obtain(query("a")).await;
        sleep(Duration::from_secs(2900)).await;
        assert_eq!(fetches.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreachable_issuer_is_reported_to_every_caller_after_one_fetch() {
        let (driver, fetches) = driver(|_| true);
        let answers = obtain_all(&driver, (0..50).map(|_| "a".to_owned())).await;
        assert!(answers.iter().all(|answer| matches!(
            answer,
            KeyLookup::Unavailable { failure: FetchFailed::Status(500), .. }
        )));
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
    }
}
