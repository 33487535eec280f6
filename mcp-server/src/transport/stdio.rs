//! MCP over standard input and output. stdout carries MCP and nothing else.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rmcp::ServiceExt as _;
use rmcp::service::QuitReason;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::oneshot;

use super::handler::Handler;
use super::signals;
use crate::tools::Toolbox;

/// Serves until the client closes stdin, or until the process is told to stop.
pub async fn serve(toolbox: Toolbox) -> Result<(), StdioError> {
    let handler = Handler::for_the_starter(toolbox);
    let (stdin, ended) = Watched::new(tokio::io::stdin());
    let session = async {
        let running = match handler.serve((stdin, tokio::io::stdout())).await {
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
        () = signals::told_to_stop() => Ok(()),
        () = left_alone(ended) => Ok(()),
    }
}

/// Comes [`LAST_WORDS`] after the end of the input. rmcp itself waits five seconds for running calls.
async fn left_alone(ended: oneshot::Receiver<()>) {
    // Input that goes away without having ended goes with the session, which then decides.
    if ended.await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(LAST_WORDS).await;
}

/// Time for answers that are nearly there, for clients that write their requests and close the pipe.
const LAST_WORDS: Duration = Duration::from_millis(500);

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

/// Input that tells when it has ended.
struct Watched<R> {
    input: R,
    ended: Option<oneshot::Sender<()>>,
}

impl<R> Watched<R> {
    fn new(input: R) -> (Self, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        (Self { input, ended: Some(sender) }, receiver)
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.input).poll_read(context, buffer);
        let ended = match &poll {
            Poll::Ready(Ok(())) => buffer.filled().len() == before && buffer.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if ended && let Some(sender) = self.ended.take() {
            // Nobody listens any more when the server is stopping for another reason.
            let _ = sender.send(());
        }
        poll
    }
}
