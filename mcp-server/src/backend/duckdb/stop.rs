//! Stops a running statement from another task, whatever moment it is in.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ::duckdb::{Connection, InterruptHandle};

/// Shared by the task that waits for a query and the thread that runs it.
#[derive(Clone, Default)]
pub(super) struct Stop(Arc<State>);

#[derive(Default)]
struct State {
    stopped: AtomicBool,
    running: Mutex<Option<Arc<InterruptHandle>>>,
}

impl Stop {
    /// Whether [`Stop::stop`] was called.
    pub(super) fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// Asks the thread to end what it runs, now or as soon as it starts.
    pub(super) fn stop(&self) {
        self.0.stopped.store(true, Ordering::SeqCst);
        self.interrupt();
    }

    /// Runs `work`, whose statements on `connection` can be interrupted meanwhile.
    pub(super) fn during<T>(&self, connection: &Connection, work: impl FnOnce() -> T) -> T {
        *self.running() = Some(connection.interrupt_handle());
        let result = work();
        *self.running() = None;
        result
    }

    fn interrupt(&self) -> bool {
        // Under the lock, so that the connection is not closed meanwhile: the library would interrupt freed memory.
        let running = self.running();
        if let Some(handle) = running.as_ref() {
            handle.interrupt();
        }
        running.is_some()
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Arc<InterruptHandle>>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops the query when dropped, unless it ended.
pub(super) struct StopOnDrop {
    pub(super) stop: Stop,
    pub(super) ended: bool,
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.stop.stop();
        let stop = self.stop.clone();
        // The engine forgets an interrupt that comes just before a statement starts, so it is repeated until heard. By a
        // thread, because the runtime may be ending: it would wait for the query, and nobody would stop that any more.
        let repeat = move || {
            for _ in 0..MAX_REPEATS {
                thread::sleep(REPEAT_EVERY);
                if !stop.interrupt() {
                    break;
                }
            }
        };
        if let Err(error) = thread::Builder::new().name("m4-stop".to_owned()).spawn(repeat) {
            tracing::warn!(%error, "a query that nobody waits for was interrupted once only");
        }
    }
}

const REPEAT_EVERY: Duration = Duration::from_millis(20);
/// A minute: what does not hear for so long is not listening.
const MAX_REPEATS: u32 = 3_000;
