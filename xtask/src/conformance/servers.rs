//! The servers under test, each behind the mock issuer's tokens and a proxy that adds one.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::emptied;
use crate::background::{Background, free_address};
use crate::build::binary;
use crate::environment;
use crate::failure::{Failure, Outcome};

/// The mock issuer, and a token of it.
pub(super) struct Issuer {
    url: String,
    audience: String,
    token: String,
    _running: Background,
}

/// A server that the suite can reach without a token.
pub(super) struct Server {
    pub(super) name: String,
    /// The proxy's.
    pub(super) url: String,
    _proxy: Background,
    _running: Background,
}

impl Issuer {
    pub(super) fn start(binaries: &Path, folder: &Path) -> Outcome<Self> {
        std::fs::create_dir_all(folder).map_err(|error| Failure::io("make a folder for logs", &error))?;
        let mut command = Command::new(binary(binaries, "mock-issuer"));
        command.args(["--scopes", SCOPES]);
        let (running, said) = Background::announced(&mut command, &folder.join("mock-issuer.log"))?;
        let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
        Ok(Self { url: text("issuer"), audience: text("audience"), token: text("token"), _running: running })
    }
}

impl Server {
    /// Our own fixtures, on the product's stack.
    pub(super) fn fixtures(binaries: &Path, folder: &Path, issuer: &Issuer) -> Outcome<Self> {
        let mut command = Command::new(binary(binaries, FIXTURES));
        command.arg("serve");
        Self::start("fixtures", command, binaries, folder, issuer)
    }

    /// The product.
    pub(super) fn product(binaries: &Path, folder: &Path, issuer: &Issuer) -> Outcome<Self> {
        let name = "m4-mcp-server";
        Self::start(name, Command::new(binary(binaries, name)), binaries, folder, issuer)
    }

    fn start(
        name: &str,
        mut command: Command,
        binaries: &Path,
        folder: &Path,
        issuer: &Issuer,
    ) -> Outcome<Self> {
        let (own, public) = (free_address()?, free_address()?);
        configure(&mut command, &folder.join(name).join("home"), issuer)?;
        command.env("M4_HTTP_LISTEN", own.to_string()).env("M4_HTTP_PUBLIC_URL", format!("http://{public}"));
        let running = Background::listening(&mut command, own, &folder.join(format!("{name}.log")))?;
        expect_refusal(name, own)?;

        let mut command = Command::new(binary(binaries, FIXTURES));
        command.args(["proxy", "--to", &own.to_string(), "--bearer", &issuer.token]);
        command.args(["--port", &public.port().to_string()]);
        let log = folder.join(format!("{name}-proxy.log"));
        let (proxy, said) = Background::announced(&mut command, &log)?;
        let url = said["url"].as_str().unwrap_or_default().to_owned();
        Ok(Self { name: name.to_owned(), url, _proxy: proxy, _running: running })
    }
}

/// OAuth2 with the mock issuer, in a home of its own; nothing of the caller's environment but the way to libraries.
fn configure(command: &mut Command, home: &Path, issuer: &Issuer) -> Outcome {
    emptied(home)?;
    command.env_clear();
    for name in KEPT {
        if let Some(value) = environment::variable(name) {
            command.env(name, value);
        }
    }
    command
        .env("M4_HOME", home)
        .env("M4_DATA_DIR", home.join("data"))
        .env("M4_OAUTH2_ENABLED", "true")
        .env("M4_OAUTH2_ISSUER_URL", &issuer.url)
        .env("M4_OAUTH2_AUDIENCE", &issuer.audience)
        .env("M4_OAUTH2_REQUIRED_SCOPES", SCOPES)
        // The suite makes more calls in a minute than a person in an hour.
        .env("M4_OAUTH2_RATE_LIMIT_REQUESTS", "100000");
    Ok(())
}

/// Nothing is proven of a gate that lets a request without a token pass.
fn expect_refusal(name: &str, address: SocketAddr) -> Outcome {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(10)))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let answer = agent
        .post(format!("http://{address}/mcp"))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .send(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    match answer.map(|response| response.status().as_u16()) {
        Ok(401) => Ok(()),
        Ok(other) => Err(Failure::new(
            format!("{name} answers {other} to a request without a token, not 401"),
            "OAuth2 has to be on: see its log in target/conformance",
        )),
        Err(error) => {
            Err(Failure::new(format!("{name} does not answer: {error}"), "see its log in target/conformance"))
        }
    }
}

/// Serves the fixtures, and is the proxy.
const FIXTURES: &str = "conformance-server";

const SCOPES: &str = "read:mimic-data";

/// What programs need to find their libraries, and on Windows to open a socket.
const KEPT: [&str; 5] = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TMPDIR"];
