//! MCP over standard input and output. stdout carries MCP and nothing else.

use std::sync::Arc;

use rmcp::service::QuitReason;
use rmcp::{ServiceExt as _, transport};

use super::handler::Handler;
use crate::tools::Toolbox;

/// Serves until the client closes stdin, or until the process is told to stop.
pub async fn serve(toolbox: Toolbox) -> Result<(), StdioError> {
    let handler = Handler::new(Arc::new(toolbox));
    let session = async {
        let running = match handler.serve(transport::stdio()).await {
            Ok(running) => running,
            // A client that looked and left before the handshake did nothing wrong.
            Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            Err(error) => return Err(StdioError::Handshake(Box::new(error))),
        };
        match running.waiting().await {
            Ok(QuitReason::JoinError(error)) | Err(error) => Err(StdioError::Task(error)),
            Ok(_) => Ok(()),
        }
    };
    tokio::select! {
        outcome = session => outcome,
        () = told_to_stop() => Ok(()),
    }
}

/// The session did not end in an orderly way.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    /// The client did not begin with MCP's handshake.
    #[error("the client did not begin an MCP session")]
    Handshake(#[source] Box<rmcp::service::ServerInitializeError>),
    /// The task that serves the session failed.
    #[error("the session ended unexpectedly")]
    Task(#[source] tokio::task::JoinError),
}

impl crate::error::Explain for StdioError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Handshake(_) => Some(
                "this program speaks MCP on stdin and stdout: let an MCP client start it (`m4 config claude`), or query \
                 with `m4 query`"
                    .to_owned(),
            ),
            Self::Task(_) => Some("M4_LOG=debug logs more".to_owned()),
        }
    }
}

/// Ctrl-C, and SIGTERM where there is such a thing. Where neither can be watched, only stdin ends the server.
async fn told_to_stop() {
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
