//! Renewals in virtual time, against an origin of the test's own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use auth_core::time::Instant;

use super::*;

const START: i64 = 1_800_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no token: {0}")]
struct NoToken(&'static str);

const DOWN: NoToken = NoToken("down");
const REFUSED: NoToken = NoToken("refused");

type Act = Box<dyn FnOnce() -> Result<Issued, NoToken> + Send>;

#[derive(Clone, Default)]
struct Script {
    acts: Arc<Mutex<VecDeque<Act>>>,
    fetched: Arc<AtomicUsize>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

impl Origin for Script {
    type Error = NoToken;

    const NAME: &'static str = "script";

    fn fetch(&self, _: UnixTime) -> Result<Issued, NoToken> {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        let act = self.acts.lock().unwrap().pop_front().expect("no fetch was expected");
        act()
    }

    fn is_temporary(error: &NoToken) -> bool {
        *error == DOWN
    }
}

struct World {
    script: Script,
    time: Arc<AtomicI64>,
    renewal: Renewal<Script>,
}

impl World {
    fn new() -> Self {
        let (script, time) = (Script::default(), Arc::new(AtomicI64::new(START)));
        let seen = time.clone();
        let clock = move || {
            let wall = seen.load(Ordering::SeqCst);
            let mono = Duration::from_secs(u64::try_from((wall - START).max(0)).unwrap());
            Now { wall: UnixTime(wall), mono: Instant::from_start(mono) }
        };
        let renewal = Renewal::with(script.clone(), Box::new(clock));
        Self { script, time, renewal }
    }

    fn at(&self, seconds: i64) {
        self.time.store(START + seconds, Ordering::SeqCst);
    }

    fn then(&self, act: impl FnOnce() -> Result<Issued, NoToken> + Send + 'static) {
        self.script.acts.lock().unwrap().push_back(Box::new(act));
    }

    fn then_token(&self, token: &'static str, seconds: u64) {
        self.then(move || Ok(issued(token, Some(seconds))));
    }

    fn token(&self) -> Result<String, NoToken> {
        self.renewal.current().map(|token| token.expose().to_owned())
    }

    fn fetched(&self) -> usize {
        self.script.fetched.load(Ordering::SeqCst)
    }
}

fn issued(token: &str, seconds: Option<u64>) -> Issued {
    Issued { token: Secret::new(token), expires_in: seconds.map(Duration::from_secs) }
}

#[test]
fn a_token_is_fetched_once_and_again_five_minutes_before_it_expires() {
    let world = World::new();
    world.then_token("one", 3600);
    for second in [0, 1, 3299] {
        world.at(second);
        assert_eq!(world.token().as_deref(), Ok("one"));
    }
    assert_eq!(world.fetched(), 1);
    world.at(3300);
    world.then_token("two", 3600);
    assert_eq!((world.token().as_deref(), world.fetched()), (Ok("two"), 2));
}

#[test]
fn a_short_token_is_renewed_after_two_thirds_of_its_life() {
    let world = World::new();
    world.then_token("one", 3);
    world.token().unwrap();
    world.at(1);
    assert_eq!((world.token().as_deref(), world.fetched()), (Ok("one"), 1));
    world.at(2);
    world.then_token("two", 3);
    assert_eq!(world.token().as_deref(), Ok("two"));
}

#[test]
fn who_says_nothing_of_the_lifetime_is_believed_by_the_token_itself() {
    // {"exp":1800001200}, 1200 seconds after the start.
    for text in ["e30.eyJleHAiOjE4MDAwMDEyMDB9.AA", "Bearer e30.eyJleHAiOjE4MDAwMDEyMDB9.AA"] {
        let world = World::new();
        world.then(move || Ok(issued(text, None)));
        world.token().unwrap();
        world.at(899);
        world.token().unwrap();
        world.at(900);
        world.then_token("two", 60);
        assert_eq!(world.token().as_deref(), Ok("two"));
    }
}

#[test]
fn an_opaque_token_without_lifetime_is_kept_for_a_minute() {
    let world = World::new();
    world.then(|| Ok(issued("opaque", None)));
    world.token().unwrap();
    world.at(59);
    assert_eq!((world.token().as_deref(), world.fetched()), (Ok("opaque"), 1));
    world.at(60);
    world.then(|| Err(DOWN));
    assert_eq!(world.token(), Err(DOWN));
}

#[test]
fn a_token_that_is_over_at_once_is_good_for_its_call_and_no_storm() {
    let world = World::new();
    world.then_token("one", 0);
    for _ in 0..5 {
        assert_eq!(world.token().as_deref(), Ok("one"));
    }
    assert_eq!(world.fetched(), 1);
    world.at(1);
    world.then_token("two", 0);
    assert_eq!(world.token().as_deref(), Ok("two"));
}

#[test]
fn a_failed_renewal_costs_nothing_while_the_old_token_lives() {
    let world = World::new();
    world.then_token("one", 3600);
    world.token().unwrap();
    world.at(3300);
    world.then(|| Err(REFUSED));
    for second in [3300, 3301, 3329] {
        world.at(second);
        assert_eq!(world.token().as_deref(), Ok("one"));
    }
    assert_eq!(world.fetched(), 2);
    world.at(3330);
    world.then(|| Err(DOWN));
    assert_eq!((world.token().as_deref(), world.fetched()), (Ok("one"), 3));
    world.at(3600);
    world.then(|| Err(DOWN));
    assert_eq!(world.token(), Err(DOWN));
    world.at(3603);
    world.then_token("two", 3600);
    assert_eq!(world.token().as_deref(), Ok("two"));
}

#[test]
fn after_a_failure_there_is_a_pause_and_after_a_refusal_a_long_one() {
    for (error, pause) in [(DOWN, 3), (REFUSED, 60)] {
        let world = World::new();
        world.then(move || Err(error));
        for second in [0, pause - 1] {
            world.at(second);
            assert_eq!((world.token(), world.fetched()), (Err(error), 1));
        }
        world.at(pause);
        world.then_token("one", 60);
        assert_eq!(world.token().as_deref(), Ok("one"));
    }
}

#[test]
fn many_that_need_it_at_once_fetch_once_and_share_what_came_of_it() {
    const CALLERS: usize = 32;
    for error in [None, Some(DOWN)] {
        let world = World::new();
        let (time, arrived) = (world.time.clone(), Arc::new(AtomicUsize::new(0)));
        let there = arrived.clone();
        world.then(move || {
            while there.load(Ordering::SeqCst) < CALLERS {
                std::thread::yield_now();
            }
            // Longer than the pause after a failure: who waited meanwhile must not try it all over again.
            time.store(START + 10, Ordering::SeqCst);
            error.map_or_else(|| Ok(issued("one", Some(3600))), Err)
        });
        std::thread::scope(|scope| {
            let call = || {
                arrived.fetch_add(1, Ordering::SeqCst);
                world.token()
            };
            let threads: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
            for thread in threads {
                assert_eq!(thread.join().unwrap(), error.map_or_else(|| Ok("one".to_owned()), Err));
            }
        });
        assert_eq!(world.fetched(), 1);
    }
}

#[test]
fn nobody_waits_for_a_renewal_while_the_old_token_lives() {
    let world = World::new();
    world.then_token("one", 3600);
    world.token().unwrap();
    world.at(3300);
    let (entered, wait_until_entered) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    world.then(move || {
        entered.send(()).unwrap();
        released.recv().unwrap();
        Ok(issued("two", Some(3600)))
    });
    std::thread::scope(|scope| {
        let renewing = scope.spawn(|| world.token());
        wait_until_entered.recv().unwrap();
        assert_eq!(world.token().as_deref(), Ok("one"));
        release.send(()).unwrap();
        assert_eq!(renewing.join().unwrap().as_deref(), Ok("two"));
    });
    assert_eq!((world.token().as_deref(), world.fetched()), (Ok("two"), 2));
}

#[test]
fn a_clock_that_is_set_back_keeps_no_token_alive() {
    let time = Arc::new(Mutex::new(Now { wall: UnixTime(START), mono: Instant::default() }));
    let script = Script::default();
    let seen = time.clone();
    let renewal = Renewal::with(script.clone(), Box::new(move || *seen.lock().unwrap()));
    let push = |token: &'static str| {
        let act: Act = Box::new(move || Ok(issued(token, Some(600))));
        script.acts.lock().unwrap().push_back(act);
    };
    push("one");
    renewal.current().unwrap();
    *time.lock().unwrap() =
        Now { wall: UnixTime(START - 86_400), mono: Instant::from_start(Duration::from_secs(600)) };
    push("two");
    assert!(renewal.current().unwrap().matches("two"));
}
