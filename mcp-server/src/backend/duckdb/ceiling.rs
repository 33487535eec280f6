//! Holds the memory of the whole process under a ceiling while queries run.
//!
//! The engine does not count the text of the batch (up to 2,048 rows) that it is computing, and hears no interrupt inside
//! one: `SELECT repeat('x', 100000000) FROM range(1000)` would take 100 GB before it could be stopped. What it does
//! bear is that the operating system gives it no more: then the query fails and its memory comes back. So while
//! queries run, a thread keeps the process's limit of data (`RLIMIT_DATA`) at the budget.
//!
//! A fixed limit would not do. The engine's allocator keeps the addresses of what it gave back, so the limit would stay
//! met after one such query, and the next small allocation of the server itself, which cannot fail, would end it. Hence
//! the reserve, which comes anew every now and then, and no limit at all while nothing runs.
//!
//! Linux only. Elsewhere the engine's own limit is all there is.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Queries under way in this process, whatever the backend they run in.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Databases open in this process, each of which may use what the settings allow.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// A query under way, as long as it lives.
pub(super) struct Running(());

impl Running {
    pub(super) fn begin() -> Self {
        RUNNING.fetch_add(1, Ordering::SeqCst);
        watch::wake();
        Self(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An open database, as long as it lives.
pub(super) struct Open(());

impl Open {
    pub(super) fn begin() -> Self {
        OPEN.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Begins to hold this process's memory down, for the rest of its life. `memory` is what one open database may use, in
/// bytes.
///
/// For programs that are nothing but a server: the limit is the process's.
pub fn hold(memory: u64) {
    watch::start(memory);
}

/// Looks at once what may be used: the engine was just refused memory, and gave back what it had.
pub(super) fn relieve() {
    watch::look();
}

#[cfg(target_os = "linux")]
mod watch {
    use std::sync::atomic::Ordering;
    use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
    use std::time::Duration;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::{OPEN, RUNNING};

    struct Watch {
        /// What one database may use, in bytes.
        memory: u64,
        /// Before any query.
        base: Usage,
        /// The limit that the process was started with.
        original: Rlimit,
        state: Mutex<Headroom>,
        wanted: Condvar,
    }

    static WATCH: OnceLock<Watch> = OnceLock::new();

    pub(super) fn start(memory: u64) {
        let Some(usage) = Usage::now() else { return };
        let watch = Watch {
            memory,
            base: usage,
            original: getrlimit(Resource::Data),
            state: Mutex::default(),
            wanted: Condvar::new(),
        };
        if WATCH.set(watch).is_ok() {
            let started = std::thread::Builder::new().name("m4-memory".to_owned()).spawn(run);
            if let Err(error) = started {
                tracing::warn!(%error, "memory is not watched");
            }
        }
    }

    pub(super) fn wake() {
        if let Some(watch) = WATCH.get() {
            // With the lock, so that it cannot come between the other side's look and its wait.
            let _state = watch.state.lock().unwrap_or_else(PoisonError::into_inner);
            watch.wanted.notify_one();
        }
    }

    pub(super) fn look() {
        if let Some(watch) = WATCH.get() {
            let mut state = watch.state.lock().unwrap_or_else(PoisonError::into_inner);
            *state = Headroom::default();
            watch.adjust(&mut state);
        }
    }

    fn run() {
        let Some(watch) = WATCH.get() else { return };
        let mut state = watch.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            state = if RUNNING.load(Ordering::SeqCst) == 0 {
                *state = Headroom::default();
                watch.set(watch.original.current);
                watch.wanted.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                watch.adjust(&mut state);
                watch.wanted.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0
            };
        }
    }

    impl Watch {
        fn adjust(&self, state: &mut Headroom) {
            let Some(usage) = Usage::now() else { return };
            let databases = u64::try_from(OPEN.load(Ordering::SeqCst)).unwrap_or(1).max(1);
            let budget = self.memory.saturating_mul(databases) + SLACK;
            let most = Usage { resident: self.base.resident + budget, data: self.base.data + budget };
            self.set(Some(state.limit(usage, most)));
        }

        fn set(&self, limit: Option<u64>) {
            let Rlimit { current, maximum } = self.original;
            let given = [limit, current, maximum].into_iter().flatten().min();
            // What cannot be set stays as it is; the engine's own limit holds in any case.
            let _ = setrlimit(Resource::Data, Rlimit { current: given, maximum });
        }
    }

    /// What the process uses, in bytes.
    #[derive(Debug, Clone, Copy)]
    pub(super) struct Usage {
        pub(super) resident: u64,
        /// Addresses of data, as `RLIMIT_DATA` counts them.
        pub(super) data: u64,
    }

    impl Usage {
        pub(super) fn now() -> Option<Self> {
            let text = std::fs::read_to_string("/proc/self/statm").ok()?;
            let page = u64::try_from(rustix::param::page_size()).ok()?;
            let mut fields =
                text.split(' ').map(|field| field.trim().parse::<u64>().map(|pages| pages * page));
            let resident = fields.nth(1)?.ok()?;
            let data = fields.nth(3)?.ok()?;
            Some(Self { resident, data })
        }
    }

    /// How the limit follows the use.
    #[derive(Debug, Default)]
    pub(super) struct Headroom {
        /// The limit since the budget is spent, and for how many looks it has stood.
        spent: Option<(u64, u32)>,
    }

    impl Headroom {
        /// The limit of data from now on.
        pub(super) fn limit(&mut self, usage: Usage, most: Usage) -> u64 {
            if usage.data + RESERVE <= most.data {
                self.spent = None;
                return most.data;
            }
            // The reserve is the server's own. It comes anew now and then, not with every look, so that a query cannot
            // live on it; seldom where memory is really in use, and not only its addresses.
            let looks = if usage.resident < most.resident { LOOKS } else { 10 * LOOKS };
            let (limit, stood) =
                self.spent.filter(|(_, stood)| *stood < looks).unwrap_or((usage.data + RESERVE, 0));
            self.spent = Some((limit, stood + 1));
            limit
        }
    }

    /// Beyond what the engine may use: results being written, requests, the engine's own uncounted text.
    pub(super) const SLACK: u64 = 256 << 20;
    /// What the server itself can always have.
    pub(super) const RESERVE: u64 = 32 << 20;
    /// After so many looks, a tenth of a second, there is a new reserve.
    pub(super) const LOOKS: u32 = 20;
    const TICK: Duration = Duration::from_millis(5);

    #[cfg(test)]
    mod tests {
        use super::*;

        const MIB: u64 = 1 << 20;

        fn usage(resident: u64, data: u64) -> Usage {
            Usage { resident: resident * MIB, data: data * MIB }
        }

        const MOST: Usage = Usage { resident: 1_000 * MIB, data: 1_000 * MIB };

        #[test]
        fn the_limit_is_the_budget_as_long_as_there_is_some() {
            let mut headroom = Headroom::default();
            assert_eq!(headroom.limit(usage(100, 400), MOST), 1_000 * MIB);
            assert_eq!(headroom.limit(usage(900, 960), MOST), 1_000 * MIB);
        }

        #[test]
        fn a_spent_budget_leaves_a_reserve_that_a_query_cannot_live_on() {
            for (resident, stands) in [(100, LOOKS), (1_000, 10 * LOOKS)] {
                let mut headroom = Headroom::default();
                let first = headroom.limit(usage(resident, 1_000), MOST);
                assert_eq!(first, 1_000 * MIB + RESERVE);
                for _ in 1..stands {
                    assert_eq!(headroom.limit(usage(resident, 1_030), MOST), first);
                }
                assert_eq!(headroom.limit(usage(resident, 1_030), MOST), 1_030 * MIB + RESERVE);
                assert_eq!(headroom.limit(usage(100, 500), MOST), 1_000 * MIB);
            }
        }

        #[test]
        fn what_the_process_uses_is_read() {
            let usage = Usage::now().unwrap();
            assert!(usage.resident > MIB && usage.data > MIB, "{usage:?}");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod watch {
    pub(super) fn start(_: u64) {}
    pub(super) fn wake() {}
    pub(super) fn look() {}
}
