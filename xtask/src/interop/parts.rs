//! What is proven: each client by a script of tests/interop, and the rotation of keys.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::failure::Outcome;
use crate::node::{Node, Package};
use crate::python::Python;
use crate::workspace::Workspace;

use super::chromium::Chromium;

/// A client, or what is not about any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The MCP inspector's command line, with a bearer header.
    Inspector,
    /// The official Python client with its OAuth provider.
    Python,
    /// The fastmcp client with its OAuth.
    Fastmcp,
    /// mcp-remote, which is a stdio server to its user.
    McpRemote,
    /// Callers under load while the issuer rotates its keys twice.
    Rotation,
    /// Stdio servers that renew one stored login between them, and are killed meanwhile.
    Refresh,
    /// `m4 login` with a person at a real browser (Chromium).
    Login,
}

/// A part that can be run, because what it needs is installed.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub(super) part: Part,
    runner: Runner,
    /// Programs that the script drives, by the variables that name them.
    programs: Vec<(&'static str, PathBuf)>,
}

#[derive(Clone, Debug)]
enum Runner {
    Node(Node),
    Python(Python, Node),
}

impl Part {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Inspector => "inspector",
            Self::Python => "python",
            Self::Fastmcp => "fastmcp",
            Self::McpRemote => "mcp-remote",
            Self::Rotation => "rotation",
            Self::Refresh => "refresh",
            Self::Login => "login",
        }
    }

    /// What it takes from a registry.
    pub(super) fn package(self) -> Option<Package> {
        match self {
            Self::Inspector => Some(Package { name: "@modelcontextprotocol/inspector", version: "2.12.0" }),
            Self::Python => Some(Package { name: "mcp", version: "2.3.0" }),
            Self::Fastmcp => Some(Package { name: "fastmcp", version: "4.1.2" }),
            Self::McpRemote => Some(Package { name: "mcp-remote", version: "0.15.1" }),
            Self::Rotation | Self::Refresh | Self::Login => None,
        }
    }

    /// The steps that its script has to report, so that none goes missing unnoticed.
    pub(super) fn steps(self) -> &'static [&'static str] {
        match self {
            Self::Inspector => &[
                "token",
                "refused without a token",
                "tools/list (legacy)",
                "tools/call (legacy)",
                "tools/list (modern)",
                "tools/call (modern)",
            ],
            Self::Python => &[
                "sign-in",
                "401",
                "resource metadata",
                "issuer metadata",
                "registration",
                "code for token, PKCE",
                "resource indicator",
                "tools/call (modern)",
                "tools/call (legacy)",
                "expired token refused",
                "tools/call after refresh",
            ],
            Self::Fastmcp => &[
                "sign-in",
                "401",
                "resource metadata",
                "issuer metadata",
                "registration",
                "code for token, PKCE",
                "resource indicator",
                "tools/call",
                "expired token refused",
                "tools/call after refresh",
            ],
            Self::McpRemote => &[
                "sign-in",
                "tools/call",
                "expired token refused",
                "tools/call after refresh",
                "second start on kept tokens",
            ],
            Self::Rotation => &["under key 1", "under key 2", "under key 3", "no call failed"],
            Self::Refresh => &[
                "8 × 200 renewals",
                "tokens of 3 seconds",
                "killed while it waits",
                "stdin closed in a renewal",
                "SIGTERM in a renewal",
                "SIGINT in a renewal",
                "killed after it spent",
                "killed at any moment",
            ],
            Self::Login => &[
                "sign-in",
                "whoami and status",
                "the stdio server uses it",
                "the HTTP server takes it",
                "another login",
                "its port is taken",
                "the person says no",
                "an error that is markup",
                "answers to another login",
                "pasted, without a browser",
                "another issuer in the answer",
                "login to a server (--mcp)",
                "on another device",
                "logout gives the tokens back",
            ],
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::Inspector => "inspector.mjs",
            Self::Python => "python_client.py",
            Self::Fastmcp => "fastmcp_client.py",
            Self::McpRemote => "remote.mjs",
            Self::Rotation => "rotation.mjs",
            Self::Refresh => "refresh.mjs",
            Self::Login => "login.mjs",
        }
    }

    /// Installs what it needs.
    pub(super) fn prepare(self, workspace: &Workspace, node: &Node) -> Outcome<Ready> {
        let ready = |runner, programs| Ready { part: self, runner, programs };
        let on_node = |programs| ready(Runner::Node(node.clone()), programs);
        if self == Self::Login {
            let Chromium { browser, driver } = Chromium::find()?;
            return Ok(on_node(vec![("CHROMIUM", browser), ("CHROMEDRIVER", driver)]));
        }
        let Some(package) = self.package() else {
            return Ok(on_node(Vec::new()));
        };
        if matches!(self, Self::Python | Self::Fastmcp) {
            let python =
                Python::environment(workspace, "python", &scripts(workspace).join("constraints.txt"))?;
            python.install(package)?;
            return Ok(ready(Runner::Python(python, node.clone()), Vec::new()));
        }
        let name = if self == Self::Inspector { "mcp-inspector" } else { "mcp-remote" };
        let program = package.install(workspace)?.program(name)?;
        Ok(on_node(vec![("PROGRAM", program)]))
    }
}

impl Ready {
    /// The command that runs the script; who it speaks to comes from its environment.
    pub(super) fn command(&self, workspace: &Workspace) -> Command {
        let script = scripts(workspace).join(self.part.script());
        let mut command = match &self.runner {
            Runner::Node(node) => node.run(&script),
            Runner::Python(python, node) => {
                let mut command = python.run(&script);
                // It has node walk through the login page.
                command.env("NODE", node.program());
                command
            }
        };
        command.envs(self.programs.iter().map(|(variable, program)| (variable, program)));
        command
    }
}

/// Where the scripts are.
pub(super) fn scripts(workspace: &Workspace) -> PathBuf {
    workspace.root().join(Path::new("tests").join("interop"))
}
