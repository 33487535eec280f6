//! A real MCP client (rmcp's) over a spawned server.

use std::ffi::OsStr;
use std::io;
use std::process::Stdio;
use std::sync::Arc;

use rmcp::ServiceExt as _;
use rmcp::model::{CallToolRequestParams, CallToolResult, Tool};
use rmcp::service::{RoleClient, RunningService, ServiceError};
use rmcp::transport::TokioChildProcess;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::binaries;
use crate::sandbox::Sandbox;

/// A connected client; the server ends with it.
pub struct Client {
    service: RunningService<RoleClient, ()>,
    stderr: Arc<Mutex<Vec<u8>>>,
    /// Its directories outlive the server that runs in them.
    _sandbox: Sandbox,
}

impl Client {
    /// Spawns `m4-mcp-server` in the sandbox and does the handshake.
    ///
    /// # Errors
    /// When the binary is missing, does not start, or ends or refuses during the handshake.
    pub async fn connect(sandbox: &Sandbox) -> io::Result<Self> {
        Self::connect_to(binaries::find("m4-mcp-server")?, &[], sandbox).await
    }

    /// Spawns any server in the sandbox and does the handshake.
    ///
    /// # Errors
    /// When it does not start, or ends or refuses during the handshake.
    pub async fn connect_to(
        program: impl AsRef<OsStr>,
        args: &[String],
        sandbox: &Sandbox,
    ) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(args).env_clear().envs(sandbox.variables()).current_dir(sandbox.root());
        let (transport, stderr_pipe) = TokioChildProcess::builder(command).stderr(Stdio::piped()).spawn()?;
        let stderr = Arc::new(Mutex::new(Vec::new()));
        if let Some(mut pipe) = stderr_pipe {
            let sink = stderr.clone();
            tokio::spawn(async move {
                let mut chunk = [0; 4096];
                while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
                    sink.lock().await.extend_from_slice(&chunk[..length]);
                }
            });
        }
        match ().serve(transport).await {
            Ok(service) => Ok(Self { service, stderr, _sandbox: sandbox.clone() }),
            Err(error) => {
                let said = String::from_utf8_lossy(&stderr.lock().await).into_owned();
                Err(io::Error::other(format!("the handshake failed: {error}; stderr: {said}")))
            }
        }
    }

    /// Every tool of the server, through all pages.
    pub async fn tools(&self) -> Result<Vec<Tool>, ServiceError> {
        self.service.list_all_tools().await
    }

    /// Calls a tool; `arguments` is a JSON object, or null for none.
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<CallToolResult, ServiceError> {
        let mut params = CallToolRequestParams::new(tool.to_owned());
        params.arguments = match arguments {
            Value::Object(map) => Some(map),
            _ => None,
        };
        self.service.call_tool(params).await
    }

    /// rmcp's own handle, for what this type does not offer.
    pub fn service(&self) -> &RunningService<RoleClient, ()> {
        &self.service
    }

    /// What the server wrote to stderr so far.
    pub async fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().await).into_owned()
    }

    /// Ends the session and the server.
    pub async fn close(self) -> io::Result<()> {
        self.service.cancel().await.map(|_| ()).map_err(io::Error::other)
    }
}

/// The text blocks of a tool's result, one per line.
pub fn text_of(result: &CallToolResult) -> String {
    let texts: Vec<&str> =
        result.content.iter().filter_map(|block| block.as_text()).map(|text| text.text.as_str()).collect();
    texts.join("\n")
}

/// Whether the tool said that it failed.
pub fn is_error(result: &CallToolResult) -> bool {
    result.is_error == Some(true)
}
