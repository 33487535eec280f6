//! Raw JSON-RPC over a child's stdio: every byte it writes is kept, every wait has a deadline.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::binaries;
use crate::sandbox::Sandbox;

/// A spawned stdio server spoken to line by line. Killed when dropped.
pub struct RawServer {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stdout: Captured,
    stderr: Captured,
    next_id: u64,
    /// Its directories outlive the child that runs in them.
    _sandbox: Sandbox,
}

/// What was left behind by a server that has exited.
#[derive(Debug)]
pub struct Exit {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// From the start of the wait to the exit.
    pub elapsed: Duration,
    /// Every byte written to stdout.
    pub stdout: Vec<u8>,
    /// Every byte written to stderr, as text.
    pub stderr: String,
}

/// One stream's bytes, filled by a thread until the stream ends.
struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl RawServer {
    /// Spawns `m4-mcp-server` in the sandbox.
    pub fn spawn(sandbox: &Sandbox) -> io::Result<Self> {
        Self::spawn_program(binaries::find("m4-mcp-server")?, &[], sandbox)
    }

    /// Spawns any program in the sandbox.
    pub fn spawn_program(program: impl AsRef<OsStr>, args: &[&str], sandbox: &Sandbox) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(args)
            .env_clear()
            .envs(sandbox.variables())
            .current_dir(sandbox.root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (line_sender, lines) = mpsc::channel();
        let stdout = Captured::lines(child.stdout.take().expect("stdout is piped"), line_sender);
        let stderr = Captured::all(child.stderr.take().expect("stderr is piped"));
        let stdin = child.stdin.take();
        Ok(Self { child, stdin, lines, stdout, stderr, next_id: 1, _sandbox: sandbox.clone() })
    }

    /// Writes one line as it is, valid or not.
    pub fn send_line(&mut self, line: &str) -> io::Result<()> {
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(line.as_bytes())?;
        stdin.write_all(b"\n")?;
        stdin.flush()
    }

    /// Writes one JSON message.
    pub fn send(&mut self, message: &Value) -> io::Result<()> {
        self.send_line(&message.to_string())
    }

    /// The next line of stdout.
    ///
    /// # Errors
    /// `TimedOut` after `deadline`, `UnexpectedEof` when stdout has ended; both messages end in what stderr said.
    pub fn read_line(&mut self, deadline: Duration) -> io::Result<String> {
        self.lines.recv_timeout(deadline).map_err(|error| {
            let kind = match error {
                RecvTimeoutError::Timeout => io::ErrorKind::TimedOut,
                RecvTimeoutError::Disconnected => io::ErrorKind::UnexpectedEof,
            };
            io::Error::new(kind, format!("{error} while waiting for a line; stderr: {}", self.stderr()))
        })
    }

    /// The next message of stdout.
    ///
    /// # Errors
    /// As [`RawServer::read_line`], and `InvalidData` when the line is not JSON.
    pub fn read(&mut self, deadline: Duration) -> io::Result<Value> {
        let line = self.read_line(deadline)?;
        serde_json::from_str(&line)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{error} in {line:?}")))
    }

    /// Sends a request without waiting; returns its id.
    pub fn start_request(&mut self, method: &str, params: &Value) -> io::Result<u64> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        Ok(id)
    }

    /// Sends a request and returns the whole answer (`result` or `error`), passing over everything else.
    pub fn request(&mut self, method: &str, params: &Value, deadline: Duration) -> io::Result<Value> {
        let id = self.start_request(method, params)?;
        let end = Instant::now() + deadline;
        loop {
            let message = self.read(end.saturating_duration_since(Instant::now()))?;
            if message["id"] == id && message.get("method").is_none() {
                return Ok(message);
            }
        }
    }

    /// Does the MCP handshake and returns the server's answer to `initialize`.
    pub fn initialize(&mut self, deadline: Duration) -> io::Result<Value> {
        let params = json!({
            "protocolVersion": PROTOCOL_VERSION,
            "capabilities": {},
            "clientInfo": { "name": "m4-tests", "version": env!("CARGO_PKG_VERSION") },
        });
        let answer = self.request("initialize", &params, deadline)?;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(answer)
    }

    /// Calls a tool and returns the whole answer.
    pub fn call_tool(&mut self, name: &str, arguments: &Value, deadline: Duration) -> io::Result<Value> {
        self.request("tools/call", &json!({ "name": name, "arguments": arguments }), deadline)
    }

    /// The process id, for signals and for what the system knows of it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What stderr said so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.so_far()).into_owned()
    }

    /// Closes stdin, as a client that leaves does, and waits for the exit.
    ///
    /// # Errors
    /// `TimedOut` when the server still runs after `deadline`; it is then killed.
    pub fn close_and_wait(mut self, deadline: Duration) -> io::Result<Exit> {
        drop(self.stdin.take());
        self.wait(deadline)
    }

    /// Waits for the exit with stdin left open.
    ///
    /// # Errors
    /// `TimedOut` when the server still runs after `deadline`; it is then killed.
    pub fn wait(mut self, deadline: Duration) -> io::Result<Exit> {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if start.elapsed() > deadline {
                let message = format!("still running after {deadline:?}; stderr: {}", self.stderr());
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            std::thread::sleep(POLL);
        };
        let elapsed = start.elapsed();
        let stderr = String::from_utf8_lossy(&self.stderr.finish()).into_owned();
        Ok(Exit { code: status.code(), elapsed, stdout: self.stdout.finish(), stderr })
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first line of a stdio server's output that is not a JSON-RPC 2.0 message, or an unfinished last line.
///
/// `None` means that every byte was MCP's.
pub fn first_foreign_line(stdout: &[u8]) -> Option<String> {
    let is_message = |line: &[u8]| {
        serde_json::from_slice::<Value>(line).is_ok_and(|message| {
            // An error about a message that had no readable id has none either (MCP 2025-11-25, `JSONRPCErrorResponse`).
            message["jsonrpc"] == "2.0"
                && ["id", "method", "error"].iter().any(|key| message.get(key).is_some())
        })
    };
    let mut lines: Vec<&[u8]> = stdout.split(|byte| *byte == b'\n').collect();
    let rest = lines.pop().unwrap_or_default();
    let foreign = lines.into_iter().find(|line| !is_message(line));
    foreign
        .or(Some(rest).filter(|rest| !rest.is_empty()))
        .map(|line| String::from_utf8_lossy(line).into_owned())
}

impl Captured {
    fn lines(stream: ChildStdout, sender: mpsc::Sender<String>) -> Self {
        Self::reading(move |bytes| {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
                bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&line);
                let _ = sender.send(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
        })
    }

    fn all(mut stream: ChildStderr) -> Self {
        Self::reading(move |bytes| {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut chunk) {
                bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&chunk[..length]);
            }
        })
    }

    fn reading(read: impl FnOnce(&Mutex<Vec<u8>>) + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = bytes.clone();
        Self { bytes, reader: Some(std::thread::spawn(move || read(&shared))) }
    }

    fn so_far(&self) -> Vec<u8> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything, once the stream has ended.
    fn finish(&mut self) -> Vec<u8> {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        self.so_far()
    }
}

/// The MCP revision that the raw handshake asks for.
pub const PROTOCOL_VERSION: &str = "2025-06-18";

const POLL: Duration = Duration::from_millis(5);

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn shell(script: &str) -> RawServer {
        RawServer::spawn_program("/bin/sh", &["-c", script], &Sandbox::new().unwrap()).unwrap()
    }

    #[test]
    fn a_line_sent_is_read_back_and_eof_ends_the_child() {
        let mut server = RawServer::spawn_program("cat", &[], &Sandbox::new().unwrap()).unwrap();
        server.send(&json!({ "jsonrpc": "2.0", "id": 1, "result": {} })).unwrap();
        assert_eq!(server.read(SOON).unwrap()["id"], 1);
        let exit = server.close_and_wait(SOON).unwrap();
        assert_eq!(exit.code, Some(0));
        assert!(exit.elapsed < SOON);
        assert_eq!(first_foreign_line(&exit.stdout), None);
    }

    #[test]
    fn an_answer_is_found_behind_notifications_and_requests_of_the_server() {
        let mut server = shell(
            r#"read line
            echo '{"jsonrpc":"2.0","method":"notifications/progress"}'
            echo '{"jsonrpc":"2.0","id":1,"method":"roots/list"}'
            echo '{"jsonrpc":"2.0","id":1,"result":{"ok":true}}'"#,
        );
        let answer = server.request("ping", &json!({}), SOON).unwrap();
        assert_eq!(answer["result"]["ok"], true);
    }

    #[test]
    fn silence_times_out_and_stderr_is_kept() {
        let mut server = shell("echo why >&2; echo ready; cat >/dev/null");
        server.read_line(SOON).unwrap();
        let error = server.read_line(Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let exit = server.close_and_wait(SOON).unwrap();
        assert_eq!(exit.stderr, "why\n");
    }

    #[test]
    fn a_child_that_ignores_eof_is_reported_and_killed() {
        let server = shell("exec tail -f /dev/null");
        let error = server.close_and_wait(Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn the_child_sees_the_sandbox_and_nothing_else() {
        let sandbox = Sandbox::new().unwrap().with("M4_OAUTH2_ENABLED", "true");
        let server = RawServer::spawn_program("env", &[], &sandbox).unwrap();
        let exit = server.close_and_wait(SOON).unwrap();
        let text = String::from_utf8(exit.stdout).unwrap();
        assert!(text.contains("M4_OAUTH2_ENABLED=true"), "{text}");
        assert!(!text.contains("CARGO"), "{text}");
    }

    #[test]
    fn a_stray_byte_on_stdout_is_found() {
        let message = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n";
        assert_eq!(first_foreign_line(message.as_bytes()), None);
        let cases = [
            (format!("{message}DEBUG started\n{message}"), "DEBUG started"),
            (format!("{message}\n"), ""),
            (format!("{message}tail"), "tail"),
            ("{\"id\":1}\n".to_owned(), "{\"id\":1}"),
            ("42\n".to_owned(), "42"),
        ];
        for (stdout, foreign) in cases {
            assert_eq!(first_foreign_line(stdout.as_bytes()).as_deref(), Some(foreign), "{stdout:?}");
        }
    }
}
