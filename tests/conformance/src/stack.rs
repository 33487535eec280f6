//! The fixtures behind the product's own gate, on the product's own HTTP stack, configured as the product is.

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use auth_core::rejection::Rejection;
use auth_core::scope::Access;
use mcp_server::config::{Config, Flags, HttpSetting};
use mcp_server::env::Environment;
use mcp_server::gate::{Authenticated, Gate, Granted};
use mcp_server::http::{Check, Served, Server};
use mcp_server::logging;
use serde_json::Value;

use crate::handler::{Fixtures, Handler};

/// Serves the fixtures as the environment's `M4_*` variables say, for good; `announce` is told where.
pub(crate) async fn serve(
    fixtures: Fixtures,
    announce: impl FnOnce(SocketAddr) -> io::Result<()>,
) -> io::Result<()> {
    let config = Config::load(&Environment::from_process(), &Flags::new());
    logging::start(&config).map_err(io::Error::other)?;
    let http = match &config.http {
        HttpSetting::On(http) => http,
        HttpSetting::Off => return Err(io::Error::other("M4_HTTP_LISTEN names no address to listen at")),
        HttpSetting::Misconfigured(errors) => return Err(io::Error::other(errors.clone())),
    };
    let guarded = Guarded { fixtures, gate: Arc::new(Gate::new(&config)) };
    let server = Server::bind(guarded, &config, http).await.map_err(io::Error::other)?;
    announce(server.address())?;
    server.run(pending(), pending()).await;
    Ok(())
}

#[derive(Clone)]
struct Guarded {
    fixtures: Fixtures,
    gate: Arc<Gate>,
}

impl Served for Guarded {
    type Handler = Handler;

    fn handler(&self) -> Handler {
        self.fixtures.handler()
    }

    fn gate(&self) -> Arc<Gate> {
        self.gate.clone()
    }

    fn authorize(
        &self,
        caller: &Authenticated,
        method: &str,
        params: &Value,
    ) -> Result<Option<Granted>, Rejection> {
        let tool = if method == "tools/call" { params.get("name").and_then(Value::as_str) } else { None };
        tool.map(|tool| self.gate.authorize(caller, &Access { tool, dataset: None })).transpose()
    }

    fn checks(&self) -> impl Future<Output = Vec<Check>> + Send {
        let gate = self.gate.clone();
        async move { vec![Check { name: "keys", passed: gate.is_ready().await }] }
    }
}
