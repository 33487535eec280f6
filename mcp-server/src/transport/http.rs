//! The tools over HTTP.

use std::future::Future;
use std::io::Write as _;
use std::sync::Arc;

use arc_swap::ArcSwap;
use auth_core::rejection::Rejection;
use serde_json::Value;

use super::handler::Handler;
use super::signals;
use crate::config::{AuthSetting, Config, HttpConfig, HttpSetting};
use crate::gate::{Authenticated, Gate, Granted};
use crate::http::{Check, Control, HttpError, Served, Server};
use crate::tools::{Call, Toolbox, resources};

/// Serves until the process is told to stop; on SIGHUP `load` gives the configuration to go on with.
///
/// Prints the URL at which it listens on stdout.
pub async fn serve(config: &Config, http: &HttpConfig, load: impl Fn() -> Config) -> Result<(), HttpError> {
    let tools = Tools(Arc::new(ArcSwap::from_pointee(Toolbox::new(config))));
    let server = Server::bind(tools.clone(), config, http).await?;
    announce(config, http, &server);
    let control = server.control();
    // Keys are fetched before the first caller has to wait for them.
    let gate = tools.gate();
    tokio::spawn(async move { gate.is_ready().await });
    tokio::select! {
        () = server.run(signals::told_to_stop(), signals::told_to_stop()) => Ok(()),
        never = signals::at_each_reload(|| reload(&load(), &tools, &control)) => match never {},
    }
}

/// Takes a changed configuration over, or stays with the old one if the new one is broken.
fn reload(config: &Config, tools: &Tools, control: &Control<Tools>) {
    let HttpSetting::On(http) = &config.http else {
        tracing::error!(target: "m4::config", "the new configuration has no usable [http] section: the old one stays");
        return;
    };
    let broken = match &config.auth {
        AuthSetting::Misconfigured(errors) => Some(errors),
        _ if !config.problems().is_empty() => Some(config.problems()),
        _ => None,
    };
    if let Some(errors) = broken {
        tracing::error!(target: "m4::config", "the new configuration is wrong, the old one stays: {errors}");
        return;
    }
    for warning in config.warnings() {
        tracing::warn!(target: "m4::config", "{warning}");
    }
    if let Err(error) = control.reconfigure(config, http) {
        tracing::error!(target: "m4::config", "the new configuration is refused, the old one stays: {error}");
        return;
    }
    tools.0.store(Arc::new(Toolbox::new(config)));
    tracing::info!(target: "m4::config", "read the configuration again");
}

fn announce(config: &Config, http: &HttpConfig, server: &Server<Tools>) {
    let scheme = if http.tls.is_some() { "https" } else { "http" };
    let own = format!("{scheme}://{}/mcp", server.address());
    let public = http.public_url.as_ref().map(|url| format!("{}/mcp", url.as_str().trim_end_matches('/')));
    let url = public.as_ref().unwrap_or(&own);
    tracing::info!(target: "m4::http", address = %server.address(), "MCP is served at {url}");
    // Whoever started the server may have closed stdout; that does not keep it from serving.
    let _ = writeln!(std::io::stdout(), "{own}");
    if let AuthSetting::Enabled(auth) = &config.auth
        && auth.admits_tokens()
        && !auth
            .issuers
            .iter()
            .any(|issuer| issuer.audiences.iter().any(|audience| audience.trim_end_matches('/') == *url))
    {
        tracing::info!(
            target: "m4::config",
            "clients that follow MCP ask the issuer for tokens for {url}, which M4_OAUTH2_AUDIENCE does not name"
        );
    }
}

/// The tools as configured now.
#[derive(Clone)]
struct Tools(Arc<ArcSwap<Toolbox>>);

impl Served for Tools {
    type Handler = Handler;

    fn handler(&self) -> Handler {
        Handler::for_requests(self.0.clone())
    }

    fn gate(&self) -> Arc<Gate> {
        self.0.load().gate().clone()
    }

    fn authorize(
        &self,
        caller: &Authenticated,
        method: &str,
        params: &Value,
    ) -> Result<Option<Granted>, Rejection> {
        called(method, params).map(|call| self.0.load().authorize(caller, &call)).transpose()
    }

    fn authorize_further(
        &self,
        granted: &Granted,
        method: &str,
        params: &Value,
    ) -> impl Future<Output = Result<(), Rejection>> + Send {
        let (toolbox, call, granted) = (self.0.load_full(), called(method, params), granted.clone());
        async move {
            match call {
                Some(call) => toolbox.authorize_further(&granted, &call).await,
                None => Ok(()),
            }
        }
    }

    fn checks(&self) -> impl Future<Output = Vec<Check>> + Send {
        let toolbox = self.0.load_full();
        async move {
            vec![
                Check { name: "keys", passed: toolbox.gate().is_ready().await },
                Check { name: "backend", passed: toolbox.backend_answers().await },
            ]
        }
    }
}

/// The call a request makes. What is no call of a tool there is, with arguments it takes, the handler answers without one.
fn called(method: &str, params: &Value) -> Option<Call> {
    match method {
        "tools/call" => {
            let arguments = match params.get("arguments") {
                None | Some(Value::Null) => None,
                Some(Value::Object(arguments)) => Some(arguments.clone()),
                Some(_) => return None,
            };
            Call::parse(params.get("name")?.as_str()?, arguments).ok()
        }
        "resources/read" => resources::call(params.get("uri")?.as_str()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_tool_is_read_from_the_body() {
        let tool = |method, params: Value| called(method, &params).map(|call| call.tool());
        assert_eq!(tool("tools/call", json!({ "name": "list_datasets" })), Some("list_datasets"));
        assert_eq!(
            tool("tools/call", json!({ "name": "execute_query", "arguments": { "sql_query": "x" } })),
            Some("execute_query")
        );
        assert_eq!(tool("resources/read", json!({ "uri": "m4://whoami" })), Some("whoami"));
    }

    #[test]
    fn what_reads_nothing_asks_the_gate_for_nothing() {
        for (method, params) in [
            ("tools/list", json!({})),
            ("initialize", json!({})),
            ("tools/call", json!({ "name": "no_such_tool" })),
            ("tools/call", json!({ "name": "execute_query", "arguments": {} })),
            ("tools/call", json!({ "name": "execute_query", "arguments": [] })),
            ("tools/call", Value::Null),
            ("resources/read", json!({ "uri": "file:///etc/passwd" })),
        ] {
            assert!(called(method, &params).is_none(), "{method} {params}");
        }
    }
}
