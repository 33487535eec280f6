//! What a check costs with 1, 10,000 and 1,000,000 subjects remembered, and with two callers instead of one.
//!
//! Subjects are asked for in no order the processor could guess, so the larger stores pay for memory that is not in its
//! caches. The last lines give ratios of medians from the same run: they, not the times, are what two machines can
//! compare.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints and stops at the first surprise"
)]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark measures with a clock and reads its results from files"
)]

use std::cell::Cell;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant as Clock};

use auth_core::limit::{RateLimit, RateLimiter, SubjectKey, ToolLimits};
use auth_core::time::Instant;
use criterion::Criterion;
use serde_json::Value;

/// Enough that no measured check is refused.
const GENEROUS: RateLimit = RateLimit { requests: NonZeroU32::MAX, window: Duration::from_secs(3600) };
/// One call, so that every subject holds information.
const STRICT: RateLimit = RateLimit { requests: NonZeroU32::MIN, window: Duration::from_secs(3600) };
const SIZES: [usize; 3] = [1, 10_000, 1_000_000];

fn main() {
    let results = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("limit");
    let mut criterion = Criterion::default()
        .output_directory(&results)
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    for size in SIZES {
        known(&mut criterion, size);
    }
    with_tool(&mut criterion);
    replacing(&mut criterion);
    for callers in [1, 2] {
        together(&mut criterion, callers);
    }
    criterion.final_summary();
    report(&results);
}

/// Checks of subjects that are all remembered.
fn known(criterion: &mut Criterion, size: usize) {
    let limiter = RateLimiter::new(GENEROUS, size);
    let subjects = subjects(size);
    for subject in &subjects {
        limiter.check(subject, Instant::default()).unwrap();
    }
    let next = Cell::new(0);
    criterion.bench_function(&format!("known_{size}"), |bencher| {
        bencher.iter(|| limiter.check(black_box(step(&subjects, &next)), at(&next)).unwrap());
    });
    assert_eq!(limiter.remembered(), size);
}

/// Checks against two limits at once.
fn with_tool(criterion: &mut Criterion) {
    let tools: ToolLimits = format!("execute_query={}/3600", u32::MAX).parse().unwrap();
    let limiter = RateLimiter::with_tools(GENEROUS, tools, 10_000);
    let subjects = subjects(10_000);
    let next = Cell::new(0);
    criterion.bench_function("tool_10000", |bencher| {
        bencher.iter(|| {
            let subject = black_box(step(&subjects, &next));
            limiter.check_tool(subject, "execute_query", at(&next)).unwrap();
        });
    });
}

/// Subjects never seen before, each in the place of one that still held information: what an attacker pays and costs.
fn replacing(criterion: &mut Criterion) {
    let limiter = RateLimiter::new(STRICT, 10_000);
    let subjects = subjects(1_000_000);
    let next = Cell::new(0);
    criterion.bench_function("replacing_10000", |bencher| {
        bencher.iter(|| limiter.check(black_box(step(&subjects, &next)), Instant::default()).unwrap());
    });
}

/// Callers at once, each with subjects of its own; the time is per check of one of them.
fn together(criterion: &mut Criterion, callers: usize) {
    let limiter = RateLimiter::new(GENEROUS, 10_000);
    let subjects = subjects(10_000);
    criterion.bench_function(&format!("callers_{callers}"), |bencher| {
        bencher.iter_custom(|iterations| {
            let start = Clock::now();
            std::thread::scope(|scope| {
                for subjects in subjects.chunks(subjects.len() / callers) {
                    let limiter = &limiter;
                    scope.spawn(move || {
                        let next = Cell::new(0);
                        for _ in 0..iterations {
                            limiter.check(black_box(step(subjects, &next)), at(&next)).unwrap();
                        }
                    });
                }
            });
            start.elapsed()
        });
    });
}

fn report(results: &Path) {
    let median = |what: &str| median(results, what);
    // With a filter on the command line not everything was measured.
    let ratio = |what: &str, to: &str| Some((median(what)?, median(what)? / median(to)?));
    for (what, to) in [
        ("known_1", "known_1"),
        ("known_10000", "known_1"),
        ("known_1000000", "known_1"),
        ("tool_10000", "known_10000"),
        ("replacing_10000", "known_10000"),
    ] {
        if let Some((nanos, ratio)) = ratio(what, to) {
            println!("{what}: {nanos:.0} ns = {ratio:.2} x {to}");
        }
    }
    if let Some((_, ratio)) = ratio("callers_1", "callers_2") {
        println!("two callers get {:.2} x the checks of one", 2.0 * ratio);
    }
}

/// Median in nanoseconds of what was just measured.
fn median(results: &Path, what: &str) -> Option<f64> {
    let file = results.join(what).join("new/estimates.json");
    let estimates: Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

/// The next subject in a stride that meets all and is none a prefetcher follows.
fn step<'a>(subjects: &'a [SubjectKey], next: &Cell<usize>) -> &'a SubjectKey {
    next.set(next.get() + 1);
    &subjects[next.get().wrapping_mul(STRIDE) % subjects.len()]
}

/// A prime, so it shares no factor with any number of subjects measured.
const STRIDE: usize = 2_654_435_761;

/// Time moves by a microsecond per check.
fn at(next: &Cell<usize>) -> Instant {
    Instant::from_start(Duration::from_micros(next.get() as u64))
}

fn subjects(size: usize) -> Vec<SubjectKey> {
    let issuer: std::sync::Arc<str> = "https://issuer.example/realms/hospital".into();
    let name = |n| format!("2f1c9d5e-8a41-4f7b-b1c0-{n:012}").into();
    (0..size).map(|n| SubjectKey { issuer: issuer.clone(), subject: name(n) }).collect()
}
