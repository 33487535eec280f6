//! One MCP client over stdio, the same for both servers; an answer's time is when its line has arrived.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::failure::{Failure, Outcome};

/// A server that has been initialised. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Client {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<(Instant, String)>,
    next_id: u64,
    log: String,
    /// From before the start of the process to the answer to `initialize`.
    pub(crate) started_in: Duration,
}

impl Client {
    /// Starts a server and does the handshake; what it says on stderr goes to the log.
    pub(crate) fn start(mut command: Command, log: &Path) -> Outcome<Self> {
        let io = |error: std::io::Error| Failure::io("run a server", &error);
        let file = File::create(log).map_err(io)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
        let start = Instant::now();
        let mut child = command.spawn().map_err(io)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::new("a server without stdin or stdout", "run it again"));
        };
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let line = line.ok()?;
                sender.send((Instant::now(), line)).ok()?;
            }
            Some(())
        });
        let log = log.display().to_string();
        let mut client = Self { child, stdin, lines, next_id: 1, log, started_in: Duration::ZERO };
        let (at, answer) = client.request("initialize", &hello())?;
        if answer["result"]["serverInfo"].is_null() {
            return Err(client.failure("refuses to be initialised"));
        }
        client.started_in = at.duration_since(start);
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(client)
    }

    /// Calls a tool; how long the answer took, and its result.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Outcome<(Duration, Value)> {
        let start = Instant::now();
        let (at, mut answer) =
            self.request("tools/call", &json!({ "name": tool, "arguments": arguments }))?;
        Ok((at.duration_since(start), answer["result"].take()))
    }

    /// The names of its tools.
    pub(crate) fn tools(&mut self) -> Outcome<Vec<String>> {
        let (_, answer) = self.request("tools/list", &json!({}))?;
        let tools = answer["result"]["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(tools.iter().filter_map(|tool| tool["name"].as_str()).map(str::to_owned).collect())
    }

    /// Resident memory of the server and its children, in bytes, once it has come to rest; `None` where the system does not
    /// tell.
    pub(crate) fn resident(&self) -> Option<u64> {
        std::thread::sleep(REST);
        resident(self.child.id())
    }

    fn request(&mut self, method: &str, params: &Value) -> Outcome<(Instant, Value)> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        loop {
            let received = self.lines.recv_timeout(PATIENCE);
            let (at, line) = received.map_err(|_| self.failure("does not answer"))?;
            let message: Value =
                serde_json::from_str(&line).map_err(|_| self.failure("writes what is no JSON to stdout"))?;
            if message["id"] == id && message.get("method").is_none() {
                return Ok((at, message));
            }
        }
    }

    fn send(&mut self, message: &Value) -> Outcome {
        let line = format!("{message}\n");
        let sent = self.stdin.write_all(line.as_bytes()).and_then(|()| self.stdin.flush());
        sent.map_err(|_| self.failure("closed its stdin"))
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::new(format!("the server {what}"), format!("see {}", self.log))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text of a tool's result, which is what a model reads.
pub(crate) fn text(result: &Value) -> String {
    let blocks = result["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<&str> = blocks.iter().filter_map(|block| block["text"].as_str()).collect();
    texts.join("\n")
}

fn hello() -> Value {
    json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": { "name": "m4-bench", "version": env!("CARGO_PKG_VERSION") },
    })
}

/// `VmRSS` of a process and all that descend from it.
fn resident(root: u32) -> Option<u64> {
    let mut processes = Vec::new();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // It may have ended since.
        let Ok(status) = std::fs::read_to_string(entry.path().join("status")) else { continue };
        let parent = u32::try_from(number(&status, "PPid:").unwrap_or(0)).unwrap_or(0);
        processes.push((id, parent, number(&status, "VmRSS:").unwrap_or(0)));
    }
    let mut family = vec![root];
    let mut total = None;
    while let Some(id) = family.pop() {
        for (child, parent, kilobytes) in &processes {
            if *child == id {
                total = Some(total.unwrap_or(0) + kilobytes * 1024);
            } else if *parent == id {
                family.push(*child);
            }
        }
    }
    total
}

fn number(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A query of the bench takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Threads that were started for a request end after 10 seconds, and what was freed is given back a second after that.
const REST: Duration = Duration::from_secs(12);

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_children_counts() {
        let mut parent = Command::new("/bin/sh");
        parent.args(["-c", "sleep 600 & echo started; wait"]).stdout(Stdio::piped());
        let mut parent = parent.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let both = resident(parent.id()).unwrap();
        let status = std::fs::read_to_string(format!("/proc/{}/status", parent.id())).unwrap();
        assert!(both > number(&status, "VmRSS:").unwrap() * 1024);
        let children = format!("/proc/{0}/task/{0}/children", parent.id());
        let sleeper = std::fs::read_to_string(children).unwrap();
        Command::new("kill").arg(sleeper.trim()).status().unwrap();
        parent.wait().unwrap();
        assert_eq!(resident(parent.id()), None);
    }

    #[test]
    fn a_server_that_is_none_is_named_with_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "read line; echo hello"]);
        let failure = Client::start(command, &folder.path().join("log")).unwrap_err();
        assert!(failure.to_string().contains("no JSON"), "{failure}");
    }
}
