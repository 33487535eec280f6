//! Ctrl-C while a dataset is downloaded or loaded.
//!
//! A download is asked to stop, and says how to go on. A load is left as it is: what it has made so far lies beside the database
//! and the next run clears it up, so the process ends as any other does that Ctrl-C is typed at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use mcp_server::download::Stop;

use crate::output::Printer;
use crate::signals;

/// Waits for Ctrl-C until the process ends; once this is dropped, with nothing left to say.
pub(crate) struct Interrupt {
    /// What a download looks at.
    pub(crate) stop: Stop,
    work: Arc<AtomicU8>,
}

impl Interrupt {
    /// Begins to wait, on a thread of its own. Where there is none to be had, Ctrl-C ends the process at once.
    pub(crate) fn watch(printer: &Printer) -> Self {
        let (stop, work) = (Stop::new(), Arc::new(AtomicU8::new(FETCHING)));
        let (asked, at, printer) = (stop.clone(), Arc::clone(&work), printer.clone());
        let watch = move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    match at.load(Ordering::SeqCst) {
                        LOADING => {
                            printer.note(
                                "stopped; the database is as it was before: run the same command again",
                            );
                            signals::end_as_by_ctrl_c();
                        }
                        FETCHING if !asked.is_cancelled() => asked.cancel(),
                        _ => signals::end_as_by_ctrl_c(),
                    }
                }
            });
        };
        // Without the thread there is no handler, and the system's default stays.
        let _ = std::thread::Builder::new().name("ctrl-c".to_owned()).spawn(watch);
        Self { stop, work }
    }

    /// From now on Ctrl-C ends the process.
    pub(crate) fn loading(&self) {
        self.work.store(LOADING, Ordering::SeqCst);
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.work.store(DONE, Ordering::SeqCst);
    }
}

const FETCHING: u8 = 0;
const LOADING: u8 = 1;
const DONE: u8 = 2;
