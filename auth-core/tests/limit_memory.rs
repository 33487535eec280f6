//! Holds the line on what a limited subject costs: a million of them within 64 MB.
//!
//! Alone in its file, because what it counts is everything the process allocates.

use std::alloc::System;
use std::num::NonZeroU32;
use std::time::Duration;

use auth_core::limit::{RateLimit, RateLimiter, SubjectKey};
use auth_core::time::Instant;
use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const SUBJECTS: usize = 1_000_000;
const BUDGET: usize = 64_000_000;

#[test]
fn a_million_subjects_fit_within_64_megabytes_and_cost_nothing_more_to_check_or_replace() {
    let before = ALLOCATOR.allocated();
    let limit = RateLimit { requests: NonZeroU32::MIN, window: Duration::from_secs(3600) };
    let limiter = RateLimiter::new(limit, SUBJECTS);
    let issuer: std::sync::Arc<str> = "https://issuer.example".into();
    let subject = |n: usize| SubjectKey { issuer: issuer.clone(), subject: n.to_string().into() };
    for n in 0..SUBJECTS {
        limiter.check(&subject(n), Instant::default()).unwrap();
    }
    let full = ALLOCATOR.allocated() - before;
    println!("{SUBJECTS} subjects: {full} bytes, {} each", full / SUBJECTS);
    assert_eq!(limiter.remembered(), SUBJECTS);
    assert!(full <= BUDGET, "{full} bytes");
    for n in 0..10_000 {
        limiter.check(&subject(n), Instant::default()).expect_err("it was remembered");
    }
    let known: Vec<SubjectKey> = (0..1000).map(subject).collect();
    let (allocated, later) = (ALLOCATOR.total_allocated(), Instant::from_start(limit.window));
    for subject in &known {
        limiter.check(subject, later).unwrap();
        limiter.check(subject, later).unwrap_err();
    }
    assert_eq!(ALLOCATOR.total_allocated(), allocated, "checking known subjects allocates nothing");
    for n in 0..50_000 {
        limiter.check(&subject(SUBJECTS + n), Instant::default()).unwrap();
    }
    assert!(limiter.remembered() <= SUBJECTS + 16);
    // Growing takes a copy for a moment; the peak has to fit too.
    let peak = ALLOCATOR.max_allocated() - before;
    assert!(peak <= BUDGET, "{peak} bytes at the peak");
}
