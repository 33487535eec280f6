//! The HTTP stack the fixtures are served on: the one file that names it.

use std::io;
use std::sync::Arc;

use axum::Router;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

use crate::handler::Fixtures;

/// Serves the fixtures at `/mcp` for good.
pub(crate) async fn serve(listener: TcpListener, fixtures: Fixtures) -> io::Result<()> {
    let service = StreamableHttpService::new(
        move || Ok(fixtures.handler()),
        Arc::new(LocalSessionManager::default()),
        // An empty list would leave Origin unchecked.
        StreamableHttpServerConfig::default().with_allowed_origins(LOOPBACK_ORIGINS),
    );
    axum::serve(listener, Router::new().route_service("/mcp", service)).await
}

const LOOPBACK_ORIGINS: [&str; 3] = ["http://127.0.0.1:*", "http://localhost:*", "http://[::1]:*"];
