//! How this process ends when it is asked to.

/// Ends the process the way Ctrl-C does where nobody handles it: 130 to a shell, which then ends its script too.
pub fn end_as_by_ctrl_c() {
    #[cfg(unix)]
    let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGINT);
    #[cfg(not(unix))]
    #[expect(clippy::exit, reason = "nothing is left to be done, and there is no signal to end by")]
    std::process::exit(130);
}

/// Does this before the process ends because it was asked to (`SIGTERM`) or its terminal is gone (`SIGHUP`).
///
/// Where there is no thread to wait on, the process ends without it.
#[cfg(unix)]
pub fn when_ended(last: fn()) {
    use signal_hook::consts::{SIGHUP, SIGTERM};
    use tokio::signal::unix::{SignalKind, signal};

    let watch = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let (Ok(mut ended), Ok(mut gone)) =
                (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
            else {
                return;
            };
            let by = tokio::select! {
                _ = ended.recv() => SIGTERM,
                _ = gone.recv() => SIGHUP,
            };
            last();
            let _ = signal_hook::low_level::emulate_default_handler(by);
        });
    };
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(watch);
}

/// There are no such signals here.
#[cfg(not(unix))]
pub fn when_ended(_: fn()) {}
