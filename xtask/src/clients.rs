//! Real MCP clients, started from the files that `m4 config` writes.
//!
//! They come from the npm registry at the versions named here, and are asked what they make of their servers, which needs
//! no account. Clients with windows, and those in editors, are not in a registry.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::args::LibraryArgs;
use crate::background::{Background, free_address};
use crate::build::{self, binary};
use crate::failure::{Failure, Outcome, print, say};
use crate::interop::isolate;
use crate::node::{Installed, Node, Package};
use crate::workspace::{Profile, Workspace, succeed};

/// A client, and how it tells what its servers are.
struct Client {
    /// What `m4 config` calls it.
    name: &'static str,
    package: Package,
    program: Program,
    /// What makes it tell.
    words: &'static [&'static str],
    stdin: &'static str,
    env: &'static [(&'static str, &'static str)],
    /// Whether a line of its stdout or stderr says that this server answers.
    says: fn(&str, &str) -> bool,
    /// Whether it starts its servers, or only reads of them.
    starts: bool,
}

/// What is run of a package.
enum Program {
    /// A script that Node runs, by its name in `bin`.
    Script(&'static str),
    /// A binary that comes in a package of its own for each platform: its name up to the platform, and the file in it.
    Binary(&'static str, &'static str),
}

const CLIENTS: [Client; 4] = [
    Client {
        name: "claude-code",
        package: Package { name: "@anthropic-ai/claude-code", version: "2.1.197" },
        program: Program::Binary("@anthropic-ai/claude-code", "claude"),
        words: &["mcp", "list"],
        stdin: "",
        env: &[],
        says: is_listed,
        starts: true,
    },
    Client {
        name: "codex",
        package: Package { name: "@openai/codex", version: "0.169.0" },
        program: Program::Script("codex"),
        words: &["app-server"],
        stdin: r#"{"id":1,"method":"initialize","params":{"clientInfo":{"name":"m4","version":"0"}}}
{"method":"initialized"}
{"id":2,"method":"mcpServerStatus/list","params":{}}
"#,
        env: &[],
        says: has_tools,
        starts: true,
    },
    Client {
        name: "gemini",
        package: Package { name: "@google/gemini-cli", version: "0.61.0" },
        program: Program::Script("gemini"),
        words: &["mcp", "list"],
        stdin: "",
        env: &[("GEMINI_CLI_TRUST_WORKSPACE", "true")],
        says: is_listed,
        starts: true,
    },
    Client {
        name: "cline",
        package: Package { name: "cline", version: "3.0.65" },
        program: Program::Binary("@cline/cli", "bin/cline"),
        words: &["config", "mcp", "--json"],
        stdin: "",
        env: &[],
        says: is_enabled,
        starts: false,
    },
];

/// The lines of `claude mcp list` and `gemini mcp list`.
fn is_listed(line: &str, server: &str) -> bool {
    line.contains(&format!("{server}: ")) && line.contains(" Connected")
}

/// Codex's answer, which holds the tools of each server that it started.
fn has_tools(line: &str, server: &str) -> bool {
    let answer: Value = serde_json::from_str(line).unwrap_or_default();
    let servers = answer["result"]["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    servers.iter().any(|entry| entry["name"] == server && entry["tools"]["execute_query"].is_object())
}

fn is_enabled(line: &str, server: &str) -> bool {
    let servers: Vec<Value> = serde_json::from_str(line).unwrap_or_default();
    servers.iter().any(|entry| entry["name"] == server && entry["disabled"] == false)
}

/// Has each client look at a server that it starts and at one over HTTP; fails where one does not find them. A client that
/// cannot be had is named and left out.
pub(crate) fn run(workspace: &Workspace, library: LibraryArgs) -> Outcome {
    let node = Node::find(workspace)?;
    build::announce(workspace)?;
    build::run(workspace, &library.resolve(workspace)?, Profile::Debug)?;
    let home = Home::set_up(&workspace.binaries(Profile::Debug)?, &workspace.target()?.join("clients"))?;
    let address = free_address()?;
    let mut serve = home.command("m4");
    serve.args(["serve", "--http", &address.to_string()]);
    let _server = Background::listening(&mut serve, address, &home.folder.join("server.log"))?;
    let mut failed = Vec::new();
    for client in &CLIENTS {
        let name = client.name;
        let installed = match client.package.install(workspace) {
            Ok(installed) => installed,
            Err(failure) => {
                say(format_args!("SKIPPED {name}: {failure}; {}", failure.hint()));
                continue;
            }
        };
        match client.check(&home, &node, &installed, address) {
            Ok(()) => {
                let what = if client.starts { "reaches" } else { "reads of" };
                print(format_args!("{name} {}: {what} both servers", client.package.version));
            }
            Err(failure) => {
                print(format_args!(
                    "{name} {}: FAILED: {failure}; {}",
                    client.package.version,
                    failure.hint()
                ));
                failed.push(name);
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("failed: {}", failed.join(" ")), "see what the client says above"))
}

impl Client {
    fn check(&self, home: &Home, node: &Node, installed: &Installed, address: SocketAddr) -> Outcome {
        let url = format!("http://{address}/mcp");
        let http = ["--server-name", OVER_HTTP, "--transport", "http", "--url", &url];
        home.config(self.name, &[])?;
        home.config(self.name, &http)?;
        self.find(home, node, installed, &[STARTED, OVER_HTTP])
    }

    /// Runs it until its lines have told of all these servers.
    fn find(&self, home: &Home, node: &Node, installed: &Installed, servers: &[&str]) -> Outcome {
        let mut command = match self.program {
            Program::Script(name) => node.run(&installed.program(name)?),
            Program::Binary(package, file) => {
                let package = format!("{package}-{}", platform());
                // Beside the package, wherever npm put that.
                let modules = installed.folder().ancestors().find(|folder| folder.ends_with("node_modules"));
                Command::new(modules.unwrap_or(installed.folder()).join(package).join(file))
            }
        };
        home.isolate(&mut command);
        command.args(self.words).envs(self.env.iter().copied());
        let log = home.folder.join(format!("{}.log", self.name));
        let mut missing = servers.to_vec();
        let mut heard = Vec::new();
        let running = Running::start(&mut command, self.stdin)?;
        let start = Instant::now();
        while let Ok(line) = running.lines.recv_timeout(PATIENCE.saturating_sub(start.elapsed())) {
            missing.retain(|server| !(self.says)(&line, server));
            heard.push(line);
            if missing.is_empty() {
                break;
            }
        }
        fs::write(&log, heard.join("\n")).map_err(|error| Failure::io("write a log", &error))?;
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            format!("it says nothing of {}", missing.join(" and ")),
            format!("see what it says in {}", log.display()),
        ))
    }
}

/// A person's home, with the sample set up in it.
struct Home {
    folder: PathBuf,
    binaries: PathBuf,
}

impl Home {
    fn set_up(binaries: &Path, folder: &Path) -> Outcome<Self> {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => fs::create_dir_all(folder),
        }
        .map_err(|error| Failure::io(&format!("empty {}", folder.display()), &error))?;
        let home = Self { folder: folder.to_owned(), binaries: binaries.to_owned() };
        succeed(home.command("m4").args(["--quiet", "init", "mimic-iv-sample"]), "see the message above")?;
        Ok(home)
    }

    fn config(&self, client: &str, options: &[&str]) -> Outcome {
        succeed(self.command("m4").args(["--quiet", "config", client]).args(options), "see the message above")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(binary(&self.binaries, name));
        self.isolate(&mut command);
        command
    }

    fn isolate(&self, command: &mut Command) {
        isolate(command);
        command
            .env("HOME", &self.folder)
            .env("USERPROFILE", &self.folder)
            .current_dir(&self.folder)
            .stdin(Stdio::null());
    }
}

/// A program whose lines are listened to; killed when dropped.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    fn start(command: &mut Command, stdin: &'static str) -> Outcome<Self> {
        let io = |error: std::io::Error| Failure::io("run a client", &error);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(io)?;
        let (sender, lines) = mpsc::channel();
        let listen = |stream: Box<dyn std::io::Read + Send>, sender: mpsc::Sender<String>| {
            std::thread::spawn(move || {
                BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
            });
        };
        if let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) {
            listen(Box::new(out), sender.clone());
            listen(Box::new(err), sender);
        }
        let running = Self { child, lines };
        running
            .child
            .stdin
            .as_ref()
            .map_or(Ok(()), |mut pipe| pipe.write_all(stdin.as_bytes()))
            .map_err(io)?;
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As npm's packages name it.
fn platform() -> String {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    let processor = if std::env::consts::ARCH == "x86_64" { "x64" } else { "arm64" };
    format!("{os}-{processor}")
}

/// The names of the two servers.
const STARTED: &str = "m4";
const OVER_HTTP: &str = "m4-over-http";

/// Some look for updates first, and wait for networks that are not there.
const PATIENCE: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_answer_is_not_taken_for_one_that_does() {
        assert!(is_listed("m4: /bin/m4-mcp-server  - \u{2714} Connected", "m4"));
        for line in [
            "m4: /bin/m4-mcp-server  - \u{2718} Failed to connect",
            "\u{2717} m4: /bin/m4-mcp-server  (stdio) - Disconnected",
            "m3: /bin/m4-mcp-server  - \u{2714} Connected",
        ] {
            assert!(!is_listed(line, "m4"), "{line}");
        }
        let with = r#"{"id":2,"result":{"data":[{"name":"m4","tools":{"execute_query":{}}}]}}"#;
        assert!(has_tools(with, "m4"));
        assert!(!has_tools(&with.replace("execute_query", "other"), "m4") && !has_tools(with, "m3"));
        assert!(is_enabled(r#"[{"name":"m4","disabled":false}]"#, "m4"));
        assert!(!is_enabled(r#"[{"name":"m4","disabled":true}]"#, "m4") && !is_enabled("[]", "m4"));
    }
}
