//! Ctrl-C while a dataset is downloaded or loaded.
//!
//! A download is asked to stop, and says how to go on. A load is left as it is: what it has made so far lies beside the database
//! and the next run clears it up, so the process ends as any other does that Ctrl-C is typed at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mcp_server::download::Stop;

use crate::output::Printer;

/// Waits for Ctrl-C until the process ends.
pub(crate) struct Interrupt {
    /// What a download looks at.
    pub(crate) stop: Stop,
    loading: Arc<AtomicBool>,
}

impl Interrupt {
    /// Begins to wait, on a thread of its own. Where there is none to be had, Ctrl-C ends the process at once.
    pub(crate) fn watch(printer: &Printer) -> Self {
        let (stop, loading) = (Stop::new(), Arc::new(AtomicBool::new(false)));
        let (asked, is_loading, printer) = (stop.clone(), Arc::clone(&loading), printer.clone());
        let watch = move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    if is_loading.load(Ordering::SeqCst) {
                        printer.note("stopped; the database is as it was before: run the same command again");
                        end();
                    } else if asked.is_cancelled() {
                        end();
                    }
                    asked.cancel();
                }
            });
        };
        // Without the thread there is no handler, and the system's default stays.
        let _ = std::thread::Builder::new().name("ctrl-c".to_owned()).spawn(watch);
        Self { stop, loading }
    }

    /// From now on Ctrl-C ends the process.
    pub(crate) fn loading(&self) {
        self.loading.store(true, Ordering::SeqCst);
    }
}

/// Ends the process the way Ctrl-C does where nobody handles it.
fn end() {
    #[cfg(unix)]
    let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGINT);
    #[cfg(not(unix))]
    #[expect(clippy::exit, reason = "nothing is left to be done, and there is no signal to end by")]
    std::process::exit(130);
}
