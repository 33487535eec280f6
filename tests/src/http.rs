//! `m4-mcp-server --http` and a plain HTTP client for it: every status, header field and body as it came.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::binaries;
use crate::sandbox::Sandbox;
use crate::server::{Exit, RawServer};

/// A server that listens on a free port of 127.0.0.1. Killed when dropped.
pub struct HttpServer {
    process: RawServer,
    url: String,
}

/// One request, put together step by step.
#[derive(Debug, Clone)]
pub struct Asking {
    url: String,
    method: String,
    fields: Vec<(String, String)>,
    body: Option<String>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    fields: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

impl HttpServer {
    /// Starts the server in the sandbox.
    ///
    /// # Errors
    /// When the binary is missing, or ends before it listens; the message holds what it wrote to stderr.
    pub fn spawn(sandbox: &Sandbox) -> io::Result<Self> {
        Self::spawn_with(sandbox, &["--http", "127.0.0.1:0"])
    }

    /// Starts it with arguments of one's own, which must make it serve over HTTP.
    pub fn spawn_with(sandbox: &Sandbox, args: &[&str]) -> io::Result<Self> {
        let mut process = RawServer::spawn_program(binaries::find("m4-mcp-server")?, args, sandbox)?;
        let url = process.read_line(START)?;
        Ok(Self { process, url })
    }

    /// The URL of the MCP endpoint, as the server printed it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `host:port` of the server.
    pub fn authority(&self) -> &str {
        self.url.split('/').nth(2).unwrap_or_default()
    }

    /// The URL of another path.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url.trim_end_matches("/mcp"))
    }

    /// What the server wrote to stderr so far.
    pub fn stderr(&self) -> String {
        self.process.stderr()
    }

    /// The process id, for signals and for what the system knows of it.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for its exit.
    ///
    /// # Errors
    /// `TimedOut` when it still runs after `deadline`; it is then killed.
    pub fn wait(self, deadline: Duration) -> io::Result<Exit> {
        self.process.wait(deadline)
    }

    /// A JSON-RPC request, as MCP clients send it.
    pub fn rpc(&self, method: &str, params: &Value) -> Asking {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.post(&message.to_string())
    }

    /// A call of a tool.
    pub fn call(&self, tool: &str, arguments: &Value) -> Asking {
        self.rpc("tools/call", &json!({ "name": tool, "arguments": arguments }))
    }

    /// A POST of any body.
    pub fn post(&self, body: &str) -> Asking {
        Asking::to("POST", &self.url)
            .field("content-type", "application/json")
            .field("accept", "application/json, text/event-stream")
            .body(body)
    }

    /// Sends bytes as they are and reads until the server closes, or says nothing more for `patience`.
    pub fn raw(&self, bytes: &[u8], patience: Duration) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.authority())?;
        stream.set_read_timeout(Some(patience))?;
        // A server that refuses early may close before everything was sent.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let mut chunk = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut chunk) {
            answer.extend_from_slice(&chunk[..length]);
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Asking {
    /// A request without header fields of its own.
    pub fn to(method: &str, url: &str) -> Self {
        Self { url: url.to_owned(), method: method.to_owned(), fields: Vec::new(), body: None }
    }

    /// Sets a header field, in place of one of the same name.
    #[must_use]
    pub fn field(self, name: &str, value: &str) -> Self {
        self.without(name).and_field(name, value)
    }

    /// Adds a header field beside others of its name.
    #[must_use]
    pub fn and_field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a header field out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(present, _)| !present.eq_ignore_ascii_case(name));
        self
    }

    /// Presents a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.field("authorization", &format!("Bearer {token}"))
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    /// Goes to another URL.
    #[must_use]
    pub fn at(mut self, url: &str) -> Self {
        url.clone_into(&mut self.url);
        self
    }

    /// Sends it and takes the whole answer, whatever its status.
    ///
    /// # Errors
    /// When the connection fails, or the answer does not come within half a minute.
    pub fn send(&self) -> io::Result<Answer> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(ANSWER))
            .allow_non_standard_methods(true)
            .build()
            .into();
        let mut request = ureq::http::Request::builder().method(self.method.as_str()).uri(&self.url);
        for (name, value) in &self.fields {
            request = request.header(name, value);
        }
        let mut response = match &self.body {
            Some(body) => agent.run(request.body(body.clone()).map_err(io::Error::other)?),
            None => agent.run(request.body(()).map_err(io::Error::other)?),
        }
        .map_err(io::Error::other)?;
        let fields = response.headers().iter();
        let fields = fields
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let body = response.body_mut().read_to_string().map_err(io::Error::other)?;
        Ok(Answer { status: response.status().as_u16(), fields, body })
    }
}

impl Answer {
    /// The first value of a header field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// Every value of a header field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let of_name = self.fields.iter().filter(|(present, _)| present.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value.as_str()).collect()
    }

    /// The JSON of the body, or of the last event of an event stream; null where there is none.
    pub fn json(&self) -> Value {
        let mut events = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let text = events.rfind(|data| !data.is_empty()).unwrap_or(&self.body);
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// A busy machine needs a while to load a debug build.
const START: Duration = Duration::from_secs(30);

const ANSWER: Duration = Duration::from_secs(30);
