//! Holds the memory of the whole process under a ceiling while queries run.
//!
//! The engine does not count the text of the batch (up to 2,048 rows) that it is computing, and hears no interrupt inside
//! one: `SELECT repeat('x', 100000000) FROM range(1000)` would take 100 GB before it could be stopped. What it does
//! bear is that the operating system gives it no more: then the query fails and its memory comes back. So while
//! queries run, a thread keeps the process's limit of data (`RLIMIT_DATA`) at the budget.
//!
//! A fixed limit would not do. What a query leaves behind counts until it is given back (`allocator`), so the limit
//! would stay met after one such query, and the next small allocation of the server itself, which cannot fail, would end
//! it. Hence the reserve, which comes anew every now and then, and no limit at all while nothing runs.
//!
//! Linux only. Elsewhere the engine's own limit is all there is.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::allocator;

/// Queries under way in this process, whatever the backend they run in.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Databases open in this process, each of which may use what the settings allow.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// A query under way, as long as it lives.
pub(super) struct Running(());

impl Running {
    pub(super) fn begin() -> Self {
        RUNNING.fetch_add(1, Ordering::SeqCst);
        watch::begin();
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

/// Makes room: the engine was just refused memory, and has freed what it had.
pub(super) fn relieve() {
    // Giving back takes a little memory itself.
    watch::look();
    allocator::give_back();
    watch::look();
}

#[cfg(target_os = "linux")]
mod watch {
    use std::sync::atomic::Ordering;
    use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
    use std::time::Duration;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::{OPEN, RUNNING, allocator};

    struct Watch {
        /// What one database may use, in bytes.
        memory: u64,
        /// What the process used before any query, in bytes.
        base: u64,
        /// The limit that the process was started with.
        original: Rlimit,
        /// `None` where there is no limit.
        state: Mutex<Option<Headroom>>,
        wanted: Condvar,
    }

    static WATCH: OnceLock<Watch> = OnceLock::new();

    pub(super) fn start(memory: u64) {
        let Some(base) = used() else { return };
        let watch = Watch {
            memory,
            base,
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

    /// Sets the limit before it returns: on a busy machine the thread may wake only when the query has taken too much.
    pub(super) fn begin() {
        change(|_| ());
    }

    pub(super) fn look() {
        change(|headroom| *headroom = Headroom::default());
    }

    fn change(change: impl FnOnce(&mut Headroom)) {
        if let Some(watch) = WATCH.get() {
            let mut state = watch.state.lock().unwrap_or_else(PoisonError::into_inner);
            change(state.get_or_insert_default());
            watch.adjust(&mut state);
            watch.wanted.notify_one();
        }
    }

    fn run() {
        let Some(watch) = WATCH.get() else { return };
        let lock = || watch.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = lock();
        loop {
            // Not until queries run: one that has ended meanwhile left its limit behind.
            state = watch
                .wanted
                .wait_while(state, |state| state.is_none())
                .unwrap_or_else(PoisonError::into_inner);
            while RUNNING.load(Ordering::SeqCst) > 0 {
                watch.adjust(&mut state);
                state = watch.wanted.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
            }
            *state = None;
            watch.set(watch.original.current);
            // The next query would only have to ask for it again.
            let waited = watch.wanted.wait_timeout_while(state, REST, |state| state.is_none());
            let (held, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = held;
            if waited.timed_out() {
                drop(state);
                allocator::give_back();
                state = lock();
            }
        }
    }

    impl Watch {
        fn adjust(&self, state: &mut Option<Headroom>) {
            let (Some(headroom), Some(used)) = (state, used()) else { return };
            let databases = u64::try_from(OPEN.load(Ordering::SeqCst)).unwrap_or(1).max(1);
            let budget = self.memory.saturating_mul(databases) + SLACK;
            self.set(Some(headroom.limit(used, self.base + budget)));
        }

        fn set(&self, limit: Option<u64>) {
            let Rlimit { current, maximum } = self.original;
            let given = [limit, current, maximum].into_iter().flatten().min();
            // What cannot be set stays as it is; the engine's own limit holds in any case.
            let _ = setrlimit(Resource::Data, Rlimit { current: given, maximum });
        }
    }

    /// The data that the process has addresses for, in bytes, as `RLIMIT_DATA` counts it.
    pub(super) fn used() -> Option<u64> {
        let text = std::fs::read_to_string("/proc/self/statm").ok()?;
        let pages: u64 = text.split(' ').nth(5)?.parse().ok()?;
        Some(pages * u64::try_from(rustix::param::page_size()).ok()?)
    }

    /// How the limit follows the use.
    #[derive(Debug, Default)]
    pub(super) struct Headroom {
        spent: Option<Spent>,
    }

    /// The budget is spent.
    #[derive(Debug, Clone, Copy)]
    struct Spent {
        /// What stands since then.
        limit: u64,
        /// For how many looks.
        stood: u32,
        /// How many it stands.
        looks: u32,
    }

    impl Headroom {
        /// The limit of data from now on.
        pub(super) fn limit(&mut self, used: u64, most: u64) -> u64 {
            if used + RESERVE <= most {
                self.spent = None;
                return most;
            }
            // The reserve is the server's own. It comes anew now and then, not with every look and less and less often, so
            // that a query cannot live on it.
            let limit = used + RESERVE;
            let spent = match self.spent {
                None => Spent { limit, stood: 0, looks: LOOKS },
                Some(spent) if spent.stood < spent.looks => spent,
                Some(spent) => Spent { limit, stood: 0, looks: (spent.looks * 2).min(MOST_LOOKS) },
            };
            self.spent = Some(Spent { stood: spent.stood + 1, ..spent });
            spent.limit
        }
    }

    /// Beyond what the engine may use: results being written, requests, the engine's own uncounted text.
    pub(super) const SLACK: u64 = 256 << 20;
    /// What the server itself can always have.
    pub(super) const RESERVE: u64 = 32 << 20;
    /// After so many looks, a tenth of a second, there is a new reserve for the first time.
    pub(super) const LOOKS: u32 = 20;
    /// So many, 13 seconds, are the most.
    const MOST_LOOKS: u32 = LOOKS << 7;
    const TICK: Duration = Duration::from_millis(5);
    /// How long no query runs until what the last ones left behind is given back.
    const REST: Duration = Duration::from_secs(1);

    #[cfg(test)]
    mod tests {
        use super::*;

        const MIB: u64 = 1 << 20;

        const MOST: u64 = 1_000 * MIB;

        #[test]
        fn the_limit_is_the_budget_as_long_as_there_is_some() {
            let mut headroom = Headroom::default();
            assert_eq!(headroom.limit(400 * MIB, MOST), MOST);
            assert_eq!(headroom.limit(960 * MIB, MOST), MOST);
        }

        #[test]
        fn a_spent_budget_leaves_a_reserve_that_a_query_cannot_live_on() {
            let mut headroom = Headroom::default();
            let mut used = MOST;
            let mut looks = LOOKS;
            for _ in 0..4 {
                let limit = used + RESERVE;
                for _ in 0..looks {
                    assert_eq!(headroom.limit(used, MOST), limit);
                    // It takes all of it at once.
                    used = limit;
                }
                looks *= 2;
            }
            assert_eq!(headroom.limit(500 * MIB, MOST), MOST, "it is over");
        }

        #[test]
        fn what_a_query_takes_in_spite_of_it_is_bounded_by_its_time() {
            let mut headroom = Headroom::default();
            let mut used = MOST;
            // A minute of looks.
            for _ in 0..12_000 {
                used = headroom.limit(used, MOST);
            }
            assert!(used - MOST <= 12 * RESERVE, "{} MiB", (used - MOST) / MIB);
        }

        #[test]
        fn what_the_process_uses_is_read() {
            assert!(used().unwrap() > MIB);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod watch {
    pub(super) fn start(_: u64) {}
    pub(super) fn begin() {}
    pub(super) fn look() {}
}
