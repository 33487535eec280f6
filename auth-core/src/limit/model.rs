//! The limiter against a model that shares none of its ideas: every admitted call kept in a list, exact fractions
//! instead of intervals, no buckets, no shards, nothing forgotten but by the rule that is promised.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::store::{LEAST_SHARDED, SHARDS};
use super::{FailedAuthLimiter, PeerKey, RateLimit, RateLimiter, SubjectKey, ToolLimits};
use crate::rejection::Rejection;
use crate::time::Instant;

/// The calls one limit has admitted, in nanoseconds.
#[derive(Debug, Clone, Default)]
struct Calls(Vec<u64>);

impl Calls {
    /// When one more call conforms: from no call on may there be more than `requests` plus what the time regained.
    ///
    /// That is `n <= requests + (t - first) * requests / window` for the `n` calls from each earlier one to the new
    /// one; solved for `t`, in whole nanoseconds rounded up.
    fn next_conforms_at(&self, limit: RateLimit) -> u64 {
        let requests = u128::from(limit.requests.get());
        let earliest = self.0.iter().zip((2..=self.0.len() as u128 + 1).rev()).map(|(first, calls)| {
            let excess = calls.saturating_sub(requests);
            u128::from(*first) + (excess * limit.window.as_nanos()).div_ceil(requests)
        });
        u64::try_from(earliest.max().unwrap_or(0)).unwrap()
    }

    /// Whether a burst of everything conforms at `now`, that is, nothing that was called still counts.
    fn is_full_again(&self, limit: RateLimit, now: u64) -> bool {
        let requests = u128::from(limit.requests.get());
        self.0.iter().zip((1..=self.0.len() as u128).rev()).all(|(first, calls)| {
            u128::from(now.saturating_sub(*first)) * requests >= calls * limit.window.as_nanos()
        })
    }
}

#[derive(Debug, Clone, Default)]
struct Subject {
    all: Calls,
    tools: BTreeMap<&'static str, Calls>,
    seen: usize,
}

/// What the limiter is to do, in the plainest way.
#[derive(Debug)]
struct Model {
    limit: RateLimit,
    tools: ToolLimits,
    capacity: usize,
    subjects: BTreeMap<usize, Subject>,
    latest: u64,
    checks: usize,
}

impl Model {
    fn new(limit: RateLimit, tools: ToolLimits, capacity: usize) -> Self {
        Self { limit, tools, capacity, subjects: BTreeMap::new(), latest: 0, checks: 0 }
    }

    /// How long a call has to wait; `None` when it is admitted.
    fn check(&mut self, name: usize, tool: &'static str, now: u64) -> Option<u64> {
        self.latest = self.latest.max(now);
        self.checks += 1;
        let mut subject = self.subjects.get(&name).cloned().unwrap_or_default();
        subject.seen = self.checks;
        let own = self.tools.find(tool);
        let mut passes_at = subject.all.next_conforms_at(self.limit);
        if let Some(limit) = own {
            passes_at = passes_at.max(subject.tools.entry(tool).or_default().next_conforms_at(limit));
        }
        if passes_at > self.latest {
            self.subjects.insert(name, subject);
            return Some(passes_at - now);
        }
        subject.all.0.push(self.latest);
        if own.is_some() {
            subject.tools.entry(tool).or_default().0.push(self.latest);
        }
        if !self.subjects.contains_key(&name) {
            self.make_room();
        }
        self.subjects.insert(name, subject);
        None
    }

    /// What [`check`](Self::check) would say to a call of no tool in particular, which is not made.
    fn peek(&mut self, name: usize, now: u64) -> Option<u64> {
        self.latest = self.latest.max(now);
        self.checks += 1;
        let subject = self.subjects.get_mut(&name)?;
        subject.seen = self.checks;
        let passes_at = subject.all.next_conforms_at(self.limit);
        (passes_at > self.latest).then(|| passes_at - now)
    }

    fn make_room(&mut self) {
        let (limit, tools, latest) = (self.limit, &self.tools, self.latest);
        self.subjects.retain(|_, subject| {
            let mut own = subject.tools.iter().filter_map(|(tool, calls)| Some((tools.find(tool)?, calls)));
            !(subject.all.is_full_again(limit, latest)
                && own.all(|(limit, calls)| calls.is_full_again(limit, latest)))
        });
        if self.subjects.len() >= self.capacity {
            let oldest = self.subjects.iter().min_by_key(|(_, subject)| subject.seen).map(|(name, _)| *name);
            self.subjects.remove(&oldest.unwrap());
        }
    }
}

#[derive(Debug, Clone)]
struct Call {
    subject: usize,
    tool: &'static str,
    /// How far the clock moves before the call.
    later: i64,
}

const TOOLS: [&str; 3] = ["query", "notes", "unlimited"];

fn call(subjects: usize) -> impl Strategy<Value = Call> {
    let later = prop_oneof![4 => Just(0_i64), 4 => 0..50_i64, 2 => 0..2000_i64, 1 => -500..0_i64];
    (0..subjects, prop::sample::select(&TOOLS), later).prop_map(|(subject, tool, later)| Call {
        subject,
        tool,
        later,
    })
}

/// Limits whose interval is a whole number of nanoseconds: there the limiter has nothing to round.
fn whole_limit() -> impl Strategy<Value = RateLimit> {
    (1..6_u32, 1..100_u64).prop_map(|(requests, interval)| limit(requests, interval * u64::from(requests)))
}

fn limit(requests: u32, nanos: u64) -> RateLimit {
    RateLimit { requests: NonZeroU32::new(requests).unwrap(), window: Duration::from_nanos(nanos) }
}

fn tools(query: RateLimit, notes: RateLimit) -> ToolLimits {
    // The setting's text knows whole seconds only.
    ToolLimits::of([("notes", notes), ("query", query)])
}

fn subject(name: usize) -> SubjectKey {
    SubjectKey { issuer: "https://issuer.example".into(), subject: name.to_string().into() }
}

fn at(nanos: u64) -> Instant {
    Instant::from_start(Duration::from_nanos(nanos))
}

fn wait(outcome: Result<(), Rejection>) -> Option<u64> {
    let refused = outcome.err()?;
    Some(u64::try_from(refused.retry_after().unwrap().as_nanos()).unwrap())
}

/// Lets both decide on all calls; the clock starts somewhere in the middle of its range.
fn agree(mut model: Model, limiter: &RateLimiter, calls: &[Call]) -> Result<(), TestCaseError> {
    let mut now = 1_000_000_u64;
    for call in calls {
        now = now.saturating_add_signed(call.later);
        let expected = model.check(call.subject, call.tool, now);
        let found = wait(limiter.check_tool(&subject(call.subject), call.tool, at(now)));
        prop_assert_eq!(found, expected, "{:?} at {}", call, now);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_calls_at_any_times_are_decided_as_by_the_model(
        all in whole_limit(), query in whole_limit(), notes in whole_limit(),
        capacity in 1..6_usize, calls in vec(call(6), 0..120),
    ) {
        let tools = tools(query, notes);
        let limiter = RateLimiter::with_tools(all, tools.clone(), capacity);
        agree(Model::new(all, tools, capacity), &limiter, &calls)?;
        prop_assert!(limiter.remembered() <= capacity);
    }

    #[test]
    fn a_sharded_store_decides_the_same_while_it_has_room(
        all in whole_limit(), query in whole_limit(), notes in whole_limit(), calls in vec(call(40), 0..120),
    ) {
        let tools = tools(query, notes);
        let limiter = RateLimiter::with_tools(all, tools.clone(), LEAST_SHARDED);
        // Each shard has a clock of its own, so only times that do not go back are the same to all of them.
        let calls: Vec<Call> = calls.into_iter().map(|call| Call { later: call.later.max(0), ..call }).collect();
        agree(Model::new(all, tools, LEAST_SHARDED), &limiter, &calls)?;
    }

    #[test]
    fn a_call_passes_exactly_at_retry_after_and_not_a_nanosecond_earlier(
        requests in 1..50_u32, window in 1..u64::MAX, tool_requests in 1..50_u32, tool_window in 1..u64::MAX,
        times in vec(0..1_000_000_000_u64, 0..100),
    ) {
        let tools = ToolLimits::of([("query", limit(tool_requests, tool_window))]);
        let limiter = RateLimiter::with_tools(limit(requests, window), tools, 10);
        for now in times {
            let check = |now: u64| wait(limiter.check_tool(&subject(0), "query", at(now)));
            if let Some(retry_after) = check(now) {
                prop_assert!(retry_after > 0);
                prop_assert_eq!(check(now + retry_after - 1), Some(1));
                prop_assert_eq!(check(now + retry_after), None);
                break;
            }
        }
    }

    #[test]
    fn no_limit_and_no_time_panics_or_admits_more_than_the_exact_fraction_does(
        requests in prop_oneof![1..20_u32, any::<u32>()], window in prop_oneof![0..1000_u64, any::<u64>()],
        times in vec(prop_oneof![0..5000_u64, any::<u64>()], 0..60),
    ) {
        let limit = limit(requests.max(1), window);
        let limiter = RateLimiter::new(limit, 1);
        let mut admitted = Calls::default();
        let mut latest = 0;
        for now in times {
            latest = now.max(latest);
            if limiter.check(&subject(0), at(now)).is_ok() {
                let exact = RateLimit { window: limit.window.min(super::meter::LONGEST_WINDOW), ..limit };
                prop_assert!(admitted.next_conforms_at(exact) <= latest);
                admitted.0.push(latest);
            }
        }
    }

    #[test]
    fn a_limit_that_does_not_divide_admits_no_more_than_the_exact_fraction_does(
        requests in 1..9_u32, window in 1..40_u64, steps in vec(0..8_u64, 0..120),
    ) {
        let limit = limit(requests, window);
        let limiter = RateLimiter::new(limit, 1);
        let mut admitted = Calls::default();
        let mut now = 0;
        for step in steps {
            now += step;
            if limiter.check(&subject(0), at(now)).is_ok() {
                prop_assert!(admitted.next_conforms_at(limit) <= now);
                admitted.0.push(now);
            }
        }
    }

    #[test]
    fn failures_count_as_calls_do_and_successes_not_at_all(
        all in whole_limit(), capacity in 1..6_usize, calls in vec((call(6), any::<bool>()), 0..120),
    ) {
        let limiter = FailedAuthLimiter::new(all, capacity);
        let mut model = Model::new(all, ToolLimits::default(), capacity);
        let mut now = 1_000_000_u64;
        for (call, fails) in calls {
            now = now.saturating_add_signed(call.later);
            let peer = PeerKey::from(std::net::IpAddr::from([192, 0, 2, u8::try_from(call.subject).unwrap()]));
            let found = wait(limiter.check(peer, at(now)));
            // A success changes who was seen last, and nothing else.
            let expected = if fails { model.check(call.subject, "", now) } else { model.peek(call.subject, now) };
            prop_assert_eq!(found, expected);
            if fails {
                limiter.record_failure(peer, at(now));
            }
        }
    }
}

#[test]
fn a_full_sharded_store_keeps_its_bound_and_forgets_idle_subjects_of_every_shard_first() {
    let capacity = LEAST_SHARDED;
    let limiter = RateLimiter::new(limit(1, 1000), capacity);
    // Half of them are idle at 1000, the other half at 1500.
    for name in 0..capacity {
        limiter.check(&subject(name), at(if name < capacity / 2 { 0 } else { 500 })).unwrap();
    }
    for name in 0..capacity / 2 {
        limiter.check(&subject(capacity + name), at(1000)).unwrap();
    }
    for name in capacity / 2..capacity + capacity / 2 {
        assert!(
            limiter.check(&subject(name), at(1000)).is_err(),
            "{name} holds information and was forgotten"
        );
    }
    for name in 2 * capacity..5 * capacity {
        limiter.check(&subject(name), at(1000)).unwrap();
        assert!(limiter.remembered() <= capacity + SHARDS);
    }
}

#[test]
fn a_few_idle_subjects_in_other_shards_make_room_before_one_that_holds_information() {
    let limiter = RateLimiter::new(limit(1, 1000), LEAST_SHARDED);
    for name in 0..LEAST_SHARDED {
        limiter.check(&subject(name), at(if name < 8 { 0 } else { 500 })).unwrap();
    }
    for name in 0..8 {
        limiter.check(&subject(LEAST_SHARDED + name), at(1000)).unwrap();
    }
    assert_eq!(limiter.remembered(), LEAST_SHARDED);
    for name in 8..LEAST_SHARDED + 8 {
        assert!(
            limiter.check(&subject(name), at(1000)).is_err(),
            "{name} holds information and was forgotten"
        );
    }
}

#[test]
fn threads_together_are_admitted_what_one_would_be() {
    let limiter =
        RateLimiter::with_tools(limit(500, 1 << 50), tools(limit(300, 1 << 50), limit(1, 1)), LEAST_SHARDED);
    let admitted = std::thread::scope(|scope| {
        let caller = || (0..1000).filter(|_| limiter.check_tool(&subject(0), "query", at(0)).is_ok()).count();
        let callers: Vec<_> = (0..4).map(|_| scope.spawn(caller)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum::<usize>()
    });
    assert_eq!(admitted, 300);
    let rest = (0..1000).filter(|_| limiter.check_tool(&subject(0), "unlimited", at(0)).is_ok()).count();
    assert_eq!(rest, 200, "refused calls of the tool were not charged to the subject");
}
