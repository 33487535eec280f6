//! A proxy on the loopback interface that adds a bearer token to every request and changes nothing else.
//!
//! The suite has no option for headers. Host and Origin pass as they came, so that what the server makes of them is
//! what is tested. Bodies stream in both directions, and a client that leaves takes the connection to the server with it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// Where requests go, and with what.
pub(crate) struct Target {
    address: SocketAddr,
    authorization: HeaderValue,
}

impl Target {
    pub(crate) fn new(address: SocketAddr, token: &str) -> io::Result<Self> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        authorization.set_sensitive(true);
        Ok(Self { address, authorization })
    }
}

/// Passes requests on for good.
pub(crate) async fn serve(listener: TcpListener, target: Target) -> io::Result<()> {
    let router = Router::new().fallback(forward).with_state(Arc::new(target));
    axum::serve(listener, router).await
}

async fn forward(State(target): State<Arc<Target>>, mut request: Request) -> Response {
    request.headers_mut().insert(header::AUTHORIZATION, target.authorization.clone());
    match send(target.address, request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            (StatusCode::BAD_GATEWAY, format!("the server cannot be reached: {error}")).into_response()
        }
    }
}

/// A connection for each request: it ends when the request's future or the response's body is dropped.
async fn send(address: SocketAddr, request: Request) -> io::Result<Response<hyper::body::Incoming>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // It ends with an error when the server breaks off, which whoever reads the body learns as well.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const SOON: Duration = Duration::from_secs(5);

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    async fn read_until(stream: &mut TcpStream, end: &str) -> String {
        let mut text = String::new();
        while !text.contains(end) {
            let mut chunk = [0; 1024];
            let length = tokio::time::timeout(SOON, stream.read(&mut chunk)).await.unwrap().unwrap();
            assert!(length > 0, "the stream ended after {text:?}");
            text.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
        }
        text
    }

    #[tokio::test]
    async fn the_token_is_added_host_and_origin_pass_events_stream_and_the_clients_end_is_passed_on() {
        let (server, server_address) = listener().await;
        let (front, front_address) = listener().await;
        tokio::spawn(serve(front, Target::new(server_address, "a.b.c").unwrap()));
        let mut client = TcpStream::connect(front_address).await.unwrap();
        let request = "POST /mcp HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\
            Authorization: Bearer mine\r\nContent-Length: 2\r\n\r\n{}";
        client.write_all(request.as_bytes()).await.unwrap();

        let (mut arrived, _) = tokio::time::timeout(SOON, server.accept()).await.unwrap().unwrap();
        let head = read_until(&mut arrived, "{}").await.to_lowercase();
        assert!(head.contains("authorization: bearer a.b.c\r\n") && !head.contains("mine"), "{head}");
        assert!(head.contains("host: evil.example\r\norigin: http://evil.example\r\n"), "{head}");

        let start =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        arrived.write_all(format!("{start}8\r\ndata: 1\n\r\n").as_bytes()).await.unwrap();
        read_until(&mut client, "data: 1").await;
        arrived.write_all(b"8\r\ndata: 2\n\r\n").await.unwrap();
        read_until(&mut client, "data: 2").await;

        drop(client);
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(SOON, arrived.read_to_end(&mut rest)).await.unwrap();
        assert!(ended.is_err() || rest.is_empty(), "the server sees the end");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_as_502() {
        let (gone, address) = listener().await;
        drop(gone);
        let response = forward(State(Arc::new(Target::new(address, "t").unwrap())), Request::default()).await;
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    }
}
