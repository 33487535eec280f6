//! What the operating system tells a server.

/// Comes with Ctrl-C, and with SIGTERM where there is such a thing. Where neither can be watched it never comes.
pub(super) async fn told_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                Ok(()) = tokio::signal::ctrl_c() => {}
                Some(()) = terminate.recv() => {}
                else => std::future::pending().await,
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Calls `reload` at each SIGHUP, for ever; never where there is no such thing.
pub(super) async fn at_each_reload(mut reload: impl FnMut()) -> std::convert::Infallible {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        // One listener for all of them, so that none is lost while the one before is dealt with.
        if let Ok(mut hang_up) = signal(SignalKind::hangup()) {
            while hang_up.recv().await.is_some() {
                reload();
            }
        }
    }
    std::future::pending().await
}
