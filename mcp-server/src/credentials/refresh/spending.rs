//! Refresh tokens that are being spent: a process that ends meanwhile takes the answer with it, and with it the login.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counts those of one process, and lets it wait for their end.
#[derive(Debug)]
pub(super) struct Spending {
    state: Mutex<State>,
    changed: Condvar,
}

/// One refresh token on its way. Dropped when what came for it is stored.
#[derive(Debug)]
pub(super) struct Spent<'a>(&'a Spending);

#[derive(Debug)]
struct State {
    underway: usize,
    is_ending: bool,
}

/// Those of this process.
pub(super) static SPENDING: Spending = Spending::new();

impl Spending {
    const fn new() -> Self {
        Self { state: Mutex::new(State { underway: 0, is_ending: false }), changed: Condvar::new() }
    }

    /// To be asked for before a refresh token leaves; `None` when the process is ending, and the next one has to do it.
    pub(super) fn begin(&self) -> Option<Spent<'_>> {
        let mut state = self.state();
        if state.is_ending {
            return None;
        }
        state.underway += 1;
        Some(Spent(self))
    }

    /// Lets no other begin and waits until none is underway; `false` when `patience` was over before.
    pub(super) fn end(&self, patience: Duration) -> bool {
        let mut state = self.state();
        state.is_ending = true;
        let underway = |state: &mut State| state.underway > 0;
        let waited = self.changed.wait_timeout_while(state, patience, underway);
        let (_state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        !timeout.timed_out()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Spent<'_> {
    fn drop(&mut self) {
        self.0.state().underway -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn an_ending_process_waits_for_what_is_spent_and_spends_no_more() {
        let spending = Spending::new();
        let spent = spending.begin().unwrap();
        assert!(!spending.end(Duration::ZERO), "one is underway");
        assert!(spending.begin().is_none());
        std::thread::scope(|scope| {
            let end = scope.spawn(|| spending.end(LONG));
            drop(spent);
            assert!(end.join().unwrap());
        });
    }

    #[test]
    fn a_process_that_spends_nothing_ends_at_once() {
        let spending = Spending::new();
        drop((spending.begin().unwrap(), spending.begin().unwrap()));
        assert!(spending.end(Duration::ZERO));
    }
}
