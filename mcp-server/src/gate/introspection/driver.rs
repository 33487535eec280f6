//! Makes the requests the introspector asks for and tells everyone who waits.
//!
//! Known tokens are answered under one short lock. A token to be asked about gets a task of its own, so that a caller who
//! goes away takes no answer from the others.

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use auth_core::introspection::{IntrospectionFailed, Introspector, Lookup, OpaqueToken, Request};
use auth_core::secret::Secret;
use auth_core::time::Now;
use auth_core::token::TokenDigest;
use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use super::AnswerSource;

/// The introspector of one issuer and those who wait for it.
pub(super) struct Driver<S> {
    state: Mutex<State>,
    source: S,
    now: Box<dyn Fn() -> Now + Send + Sync>,
}

impl<S: AnswerSource> Driver<S> {
    pub(super) fn new(
        introspector: Introspector,
        source: S,
        now: impl Fn() -> Now + Send + Sync + 'static,
    ) -> Arc<Self> {
        let state = State { introspector, waiting: HashMap::new() };
        Arc::new(Self { state: Mutex::new(state), source, now: Box::new(now) })
    }

    /// Waits until the introspector can answer for `token`. Never answers [`Lookup::NeedsRequest`].
    pub(super) async fn obtain(self: &Arc<Self>, token: OpaqueToken<'_>) -> Lookup {
        let digest = token.digest();
        let answer = {
            let mut state = self.lock();
            match state.introspector.lookup(digest, (self.now)()) {
                Lookup::NeedsRequest => state.wait(digest, token),
                known => return known,
            }
        };
        self.start_requests();
        let ended = Lookup::Unavailable {
            failure: IntrospectionFailed::Unreachable,
            retry_after: Duration::from_secs(1),
        };
        answer.await.unwrap_or(ended)
    }

    fn start_requests(self: &Arc<Self>) {
        loop {
            let mut state = self.lock();
            let Some(request) = state.introspector.poll_request((self.now)()) else { return };
            // Every queued token has someone who asked for it.
            let token = state.waiting.get(&request.digest).map(|waiting| waiting.token.clone());
            drop(state);
            tokio::spawn(self.clone().make(request, token.unwrap_or_default()));
        }
    }

    async fn make(self: Arc<Self>, request: Request, token: Secret) {
        let fingerprint = request.digest.fingerprint();
        tracing::debug!(target: "m4::introspection", token = %fingerprint, "asking the issuer about a token");
        let answer = self.source.ask(token, (self.now)().wall);
        // A request that never ends in an outcome would keep its callers, and its token, waiting for ever.
        let outcome = AssertUnwindSafe(answer).catch_unwind().await;
        let outcome = outcome.unwrap_or(Err(IntrospectionFailed::Unreachable));
        if let Err(failure) = &outcome {
            tracing::warn!(target: "m4::introspection", %failure, "could not ask the issuer about a token");
        }
        self.lock().settle(request, outcome, (self.now)());
        self.start_requests();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> fmt::Debug for Driver<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

struct State {
    introspector: Introspector,
    waiting: HashMap<TokenDigest, Waiting>,
}

/// The token's text lives here only while somebody waits for the answer.
struct Waiting {
    token: Secret,
    callers: Vec<oneshot::Sender<Lookup>>,
}

impl State {
    fn wait(&mut self, digest: TokenDigest, token: OpaqueToken<'_>) -> oneshot::Receiver<Lookup> {
        let (reply, answer) = oneshot::channel();
        let waiting = self
            .waiting
            .entry(digest)
            .or_insert_with(|| Waiting { token: token.to_secret(), callers: Vec::new() });
        waiting.callers.push(reply);
        answer
    }

    fn settle(
        &mut self,
        request: Request,
        outcome: Result<auth_core::introspection::Introspection, IntrospectionFailed>,
        now: Now,
    ) {
        for settled in self.introspector.handle_answered(request.id, outcome, now) {
            let callers = self.waiting.remove(&settled.digest).map(|waiting| waiting.callers);
            for caller in callers.unwrap_or_default() {
                // A caller that went away needs no answer.
                drop(caller.send(settled.lookup.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use auth_core::introspection::{AnswerRules, Introspection, IntrospectionLimits};
    use auth_core::policy::Policy;
    use auth_core::time::{Instant, UnixTime};
    use futures_util::future::BoxFuture;
    use tokio::time::{Instant as TokioInstant, advance, sleep, timeout};

    use super::*;

    /// Tokens that begin with `good` are active, with `panic` a bug, with `down` a failure, all others unknown.
    #[derive(Default)]
    struct Slow {
        asked: Arc<AtomicUsize>,
        at_once: Arc<AtomicUsize>,
        most_at_once: Arc<AtomicUsize>,
    }

    impl AnswerSource for Slow {
        fn ask(
            &self,
            token: Secret,
            _: UnixTime,
        ) -> BoxFuture<'_, Result<Introspection, IntrospectionFailed>> {
            Box::pin(async move {
                self.asked.fetch_add(1, Ordering::SeqCst);
                let running = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
                self.most_at_once.fetch_max(running, Ordering::SeqCst);
                sleep(Duration::from_millis(300)).await;
                self.at_once.fetch_sub(1, Ordering::SeqCst);
                assert!(!token.expose().starts_with("panic"), "a bug in the source");
                if token.expose().starts_with("down") {
                    return Err(IntrospectionFailed::Status(500));
                }
                let policy = Policy::new("https://issuer.example", "m4-api");
                let rules = AnswerRules { policy: &policy, require_audience: false };
                let active = token.expose().starts_with("good");
                let body = format!(r#"{{"active":{active},"sub":"ada"}}"#);
                Ok(Introspection::parse(body.as_bytes(), &rules)?)
            })
        }
    }

    struct World {
        driver: Arc<Driver<Slow>>,
        asked: Arc<AtomicUsize>,
        most_at_once: Arc<AtomicUsize>,
    }

    fn world(limits: IntrospectionLimits) -> World {
        let start = TokioInstant::now();
        let now = move || {
            let elapsed = start.elapsed();
            let seconds = i64::try_from(elapsed.as_secs()).unwrap();
            Now { wall: UnixTime(1_800_000_000 + seconds), mono: Instant::from_start(elapsed) }
        };
        let source = Slow::default();
        let (asked, most_at_once) = (source.asked.clone(), source.most_at_once.clone());
        World { driver: Driver::new(Introspector::new(limits), source, now), asked, most_at_once }
    }

    impl World {
        async fn obtain(&self, token: &str) -> Lookup {
            self.driver.obtain(OpaqueToken::parse(token).unwrap()).await
        }

        async fn obtain_all(&self, tokens: impl Iterator<Item = String>) -> Vec<Lookup> {
            let tasks: Vec<_> = tokens
                .map(|token| {
                    let driver = self.driver.clone();
                    tokio::spawn(async move { driver.obtain(OpaqueToken::parse(&token).unwrap()).await })
                })
                .collect();
            let mut answers = Vec::new();
            for task in tasks {
                answers.push(task.await.unwrap());
            }
            answers
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_callers_with_one_token_share_one_request() {
        let world = world(IntrospectionLimits::default());
        let answers = world.obtain_all((0..100).map(|_| "good".to_owned())).await;
        assert!(answers.iter().all(|answer| matches!(answer, Lookup::Active(_))), "{answers:?}");
        assert!(matches!(world.obtain("good").await, Lookup::Active(_)));
        assert_eq!(world.asked(), 1);
        advance(Duration::from_secs(60)).await;
        assert!(matches!(world.obtain("good").await, Lookup::Active(_)));
        assert_eq!(world.asked(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_of_tokens_is_asked_about_a_few_at_a_time() {
        let world = world(IntrospectionLimits { concurrent: 4, ..Default::default() });
        let answers = world.obtain_all((0..100).map(|n| format!("unknown{n}"))).await;
        assert!(answers.iter().all(|answer| matches!(answer, Lookup::Inactive(_))), "{answers:?}");
        assert_eq!((world.asked(), world.most_at_once.load(Ordering::SeqCst)), (100, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_is_down_keeps_nobody_waiting() {
        let world = world(IntrospectionLimits { concurrent: 1, ..Default::default() });
        let answers = world.obtain_all((0..100).map(|n| format!("down{n}"))).await;
        assert!(answers.iter().all(|answer| matches!(answer, Lookup::Unavailable { .. })), "{answers:?}");
        assert_eq!(world.asked(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_gives_up_takes_no_answer_from_the_others() {
        let world = world(IntrospectionLimits::default());
        let impatient = timeout(Duration::from_millis(10), world.obtain("good"));
        let (gave_up, answer) = tokio::join!(impatient, world.obtain("good"));
        assert!(gave_up.is_err() && matches!(answer, Lookup::Active(_)));
        assert_eq!(world.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bug_in_a_request_frees_its_place() {
        let world = world(IntrospectionLimits { concurrent: 1, ..Default::default() });
        assert!(matches!(world.obtain("panic").await, Lookup::Unavailable { .. }));
        advance(Duration::from_secs(2)).await;
        assert!(matches!(world.obtain("good").await, Lookup::Active(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_settled_token_leaves_no_text_behind() {
        let world = world(IntrospectionLimits::default());
        for token in ["good", "unknown", "down"] {
            world.obtain(token).await;
        }
        assert!(world.driver.lock().waiting.is_empty());
    }
}
