//! Connections: accepting them, encrypting them, and not waiting for those that dawdle.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::Response;
use super::tls::Tls;

/// How connections are served.
#[derive(Clone)]
pub(super) struct Connections {
    /// At most this many at once.
    pub most: usize,
    /// The longest a client may take for its TLS handshake, for a request's head, and to take what it is sent.
    pub patience: Duration,
    pub tls: Option<Arc<Tls>>,
}

impl Connections {
    /// Serves connections until `closing`, then lets those that are open end by themselves; the tracker knows them.
    pub(super) async fn serve<F, A>(
        self,
        listener: TcpListener,
        closing: CancellationToken,
        open: TaskTracker,
        answer: F,
    ) where
        F: Fn(http::Request<Incoming>, SocketAddr) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response> + Send + 'static,
    {
        let room = Arc::new(Semaphore::new(self.most));
        loop {
            // Without room the kernel's queue holds new connections; nobody who is in is put out for them.
            let accepted = async {
                let permit = room.clone().acquire_owned().await;
                (listener.accept().await, permit)
            };
            let (accepted, permit) = tokio::select! {
                accepted = accepted => accepted,
                () = closing.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let connection = self.clone().connection(stream, peer, closing.clone(), answer.clone());
                    open.spawn(async move {
                        connection.await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(target: "m4::http", %error, "cannot accept a connection");
                    // Out of file descriptors, say: trying again at once would only burn the processor.
                    if !is_the_clients(&error) {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        }
    }

    async fn connection<F, A>(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        closing: CancellationToken,
        answer: F,
    ) where
        F: Fn(http::Request<Incoming>, SocketAddr) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response> + Send + 'static,
    {
        let _ = stream.set_nodelay(true);
        let patience = self.patience;
        match &self.tls {
            None => self.speak(stream, peer, closing, answer).await,
            Some(tls) => match timeout(patience, TlsAcceptor::from(tls.current()).accept(stream)).await {
                Ok(Ok(stream)) => self.speak(stream, peer, closing, answer).await,
                Ok(Err(error)) => {
                    tracing::debug!(target: "m4::http", %peer, %error, "no TLS handshake");
                }
                Err(_) => tracing::debug!(target: "m4::http", %peer, "the TLS handshake took too long"),
            },
        }
    }

    async fn speak<I, F, A>(&self, stream: I, peer: SocketAddr, closing: CancellationToken, answer: F)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Fn(http::Request<Incoming>, SocketAddr) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response> + Send + 'static,
    {
        let service = service_fn(move |request| {
            let answer = answer(request, peer);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let stream = TokioIo::new(Impatient { stream, patience: self.patience, stuck: None });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // Also ends connections that idle between two requests.
            .header_read_timeout(self.patience)
            .max_headers(MOST_HEADER_FIELDS)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(stream, service);
        let mut connection = std::pin::pin!(connection);
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(target: "m4::http", %peer, %error, "a connection ended early");
        }
    }
}

/// Enough for a token of the largest size accepted, a proof, and what proxies add.
const LARGEST_HEAD: usize = 64 << 10;

const MOST_HEADER_FIELDS: usize = 100;

fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// A stream that gives up when the other side takes nothing for too long, so that no answer is held for ever.
struct Impatient<I> {
    stream: I,
    patience: Duration,
    /// Since when nothing could be written.
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<I> Impatient<I> {
    fn judge<T>(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.stuck = None;
            return poll;
        }
        let patience = self.patience;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        if stuck.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Impatient<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Impatient<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.judge(context, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(context);
        self.judge(context, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_shutdown(context);
        self.judge(context, poll)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up_and_one_that_takes_slowly_is_not() {
        let patience = Duration::from_secs(30);
        let (near, mut far) = tokio::io::duplex(16);
        let mut near = Impatient { stream: near, patience, stuck: None };
        let reader = tokio::spawn(async move {
            let mut taken = [0; 16];
            for _ in 0..4 {
                tokio::time::sleep(Duration::from_secs(20)).await;
                far.read_exact(&mut taken).await.unwrap();
            }
            far
        });
        near.write_all(&[0; 64]).await.unwrap();
        let _far = reader.await.unwrap();
        near.write_all(&[0; 16]).await.unwrap();
        let error = near.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
