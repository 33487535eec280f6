//! The driver with its task, in virtual time.

use std::collections::VecDeque;
use std::sync::Mutex;
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

#[derive(Debug, Clone, Copy)]
enum Act {
    /// The set, with validators.
    Give,
    /// A set without keys.
    GiveNone,
    NotModified,
    Fail,
    Panic,
    Hang,
}

/// Plays `acts`, the last one for ever; each takes 300 ms.
struct Script {
    acts: Mutex<VecDeque<Act>>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    fetches: AtomicUsize,
    conditional: AtomicUsize,
    /// Of the fetches that hang, how many are still there.
    hanging: AtomicUsize,
}

impl Seen {
    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

struct Hanging(Arc<Seen>);

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.hanging.fetch_sub(1, Ordering::SeqCst);
    }
}

impl KeySource for Script {
    fn fetch_newer(
        &self,
        validators: Option<Validators>,
    ) -> BoxFuture<'_, Result<FetchOutcome, FetchFailed>> {
        self.seen.fetches.fetch_add(1, Ordering::SeqCst);
        self.seen.conditional.fetch_add(usize::from(validators.is_some()), Ordering::SeqCst);
        let act = {
            let mut acts = self.acts.lock().unwrap();
            if acts.len() > 1 { acts.pop_front().unwrap() } else { acts[0] }
        };
        Box::pin(async move {
            sleep(Duration::from_millis(300)).await;
            match act {
                Act::Give | Act::GiveNone => {
                    let document = if matches!(act, Act::Give) { JWKS } else { br#"{"keys":[]}"# };
                    let set = KeySet::parse(document, &Algorithm::DEFAULT).map_err(FetchFailed::Document)?;
                    let url = url::Url::parse("https://issuer.example/keys").unwrap();
                    let validators = Validators::new(url, Some("\"1\""), None);
                    Ok(FetchOutcome::Fetched { set, validators, max_age: None })
                }
                Act::NotModified => Ok(FetchOutcome::NotModified { max_age: None }),
                Act::Fail => Err(FetchFailed::Status(500)),
                Act::Panic => panic!("a bug in a key source"),
                Act::Hang => {
                    self.seen.hanging.fetch_add(1, Ordering::SeqCst);
                    let _hanging = Hanging(self.seen.clone());
                    std::future::pending().await
                }
            }
        })
    }
}

fn driver(acts: &[Act]) -> (KeyDriver, Arc<Seen>) {
    let start = TokioInstant::now();
    let now = move || {
        let elapsed = start.elapsed();
        let seconds = i64::try_from(elapsed.as_secs()).unwrap();
        Now { wall: UnixTime(1_800_000_000 + seconds), mono: Instant::from_start(elapsed) }
    };
    let seen = Arc::new(Seen::default());
    let source = Script { acts: Mutex::new(acts.iter().copied().collect()), seen: seen.clone() };
    (KeyDriver::spawn(KeyLifecycle::new(LifecycleSettings::default()), source, now), seen)
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
    let (driver, seen) = driver(&[Act::Give]);
    let answers = obtain_all(&driver, (0..100).map(|_| "a".to_owned())).await;
    assert!(answers.iter().all(|answer| *answer == KeyLookup::Ready), "{answers:?}");
    assert_eq!(seen.fetches(), 1);
    assert_eq!(driver.snapshot().keys().keys().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_unknown_kids_cost_one_more_fetch() {
    let (driver, seen) = driver(&[Act::Give]);
    driver.obtain(query("a")).await;
    let answers = obtain_all(&driver, (0..1000).map(|n| format!("unknown-{n}"))).await;
    assert!(answers.iter().all(|answer| matches!(answer, KeyLookup::Unknown { .. })));
    assert_eq!(seen.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_fails_after_a_warm_fetch_stops_nobody() {
    let (driver, seen) = driver(&[Act::Give, Act::Fail]);
    driver.obtain(query("a")).await;
    advance(Duration::from_secs(3601)).await;
    for _ in 0..20 {
        assert_eq!(driver.obtain(query("a")).await, KeyLookup::Ready);
    }
    assert_eq!(seen.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_the_hot_path_uses_are_refreshed_without_a_caller() {
    let (driver, seen) = driver(&[Act::Give]);
    driver.obtain(query("a")).await;
    let now = TokioInstant::now();
    for _ in 0..100 {
        sleep(Duration::from_secs(360)).await;
        let elapsed = now.elapsed();
        let wall = UnixTime(1_800_000_000 + i64::try_from(elapsed.as_secs()).unwrap());
        let now = Now { wall, mono: Instant::from_start(elapsed) };
        assert!(driver.snapshot().usable(now).is_some(), "a caller would have to wait");
    }
    // 36,000 s, a refresh each 2,520 s to 3,240 s.
    assert!((12..=15).contains(&seen.fetches()), "{}", seen.fetches());
}

#[tokio::test(start_paused = true)]
async fn keys_nobody_uses_are_not_refreshed() {
    let (driver, seen) = driver(&[Act::Give]);
    driver.obtain(query("a")).await;
    sleep(Duration::from_secs(7 * 24 * 3600)).await;
    assert!(seen.fetches() <= 2, "the first refresh follows from the caller");
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_issuer_is_reported_to_every_caller_after_one_fetch() {
    let (driver, seen) = driver(&[Act::Fail]);
    let answers = obtain_all(&driver, (0..50).map(|_| "a".to_owned())).await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, KeyLookup::Unavailable { failure: FetchFailed::Status(500), .. }))
    );
    assert_eq!(seen.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_never_ends_is_given_up() {
    let (driver, seen) = driver(&[Act::Hang, Act::Give]);
    let start = TokioInstant::now();
    let answers = obtain_all(&driver, (0..50).map(|_| "a".to_owned())).await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, KeyLookup::Unavailable { failure: FetchFailed::TimedOut, .. }))
    );
    assert_eq!(start.elapsed(), FETCH_TIMEOUT);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(driver.obtain(query("a")).await, KeyLookup::Ready);
    assert_eq!(seen.hanging.load(Ordering::SeqCst), 0, "the fetch is stopped, not forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_panics_is_a_failure_like_any_other() {
    let (driver, _) = driver(&[Act::Panic, Act::Give]);
    let answer = driver.obtain(query("a")).await;
    assert!(matches!(answer, KeyLookup::Unavailable { failure: FetchFailed::Internal, .. }), "{answer:?}");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(driver.obtain(query("a")).await, KeyLookup::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_ends_with_the_driver() {
    let (driver, seen) = driver(&[Act::Hang]);
    let waiting = tokio::spawn({
        let driver = driver.clone();
        async move { driver.obtain(query("a")).await }
    });
    sleep(Duration::from_secs(1)).await;
    assert_eq!(seen.hanging.load(Ordering::SeqCst), 1);
    waiting.abort();
    drop(driver);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(seen.hanging.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_withdrawn_by_the_issuer_stops_working_at_the_next_refresh() {
    let (driver, seen) = driver(&[Act::Give, Act::GiveNone]);
    assert_eq!(driver.obtain(query("a")).await, KeyLookup::Ready);
    assert_eq!(driver.snapshot().keys().keys().count(), 1);
    sleep(Duration::from_secs(3240) + Duration::from_secs(1)).await;
    assert_eq!(seen.fetches(), 2, "nobody had to ask");
    assert_eq!(driver.snapshot().keys().keys().count(), 0);
    assert!(matches!(driver.obtain(query("a")).await, KeyLookup::Unknown { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_set_is_confirmed_and_published_as_fresh() {
    let (driver, seen) = driver(&[Act::Give, Act::NotModified]);
    driver.obtain(query("a")).await;
    let first = driver.snapshot().fetched_at().unwrap();
    sleep(Duration::from_secs(3241)).await;
    assert_eq!((seen.fetches(), seen.conditional.load(Ordering::SeqCst)), (2, 1));
    let second = driver.snapshot().fetched_at().unwrap();
    assert!(second.since(first) >= Duration::from_secs(2520));
    assert_eq!(driver.obtain(query("a")).await, KeyLookup::Ready);
}
