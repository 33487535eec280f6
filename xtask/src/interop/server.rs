//! The product as the clients meet it: `m4-mcp-server --http` with OAuth2 on, over the sample dataset.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::leash::{Leash, Leashed, isolate};
use crate::build::binary;
use crate::failure::{Failure, Outcome};
use crate::workspace::output;

/// A home with the sample dataset in it, for all servers of a run.
pub(super) struct Home {
    binaries: PathBuf,
    folder: PathBuf,
}

/// A running server.
pub(super) struct Server {
    /// Where clients send requests, the resource of the tokens they need.
    pub(super) url: String,
    pub(super) algorithm: &'static str,
    _running: Leashed,
}

impl Home {
    pub(super) fn set_up(binaries: &Path, folder: &Path) -> Outcome<Self> {
        let home = Self { binaries: binaries.to_owned(), folder: folder.to_owned() };
        let mut command = home.command("m4");
        command.args(["init", "mimic-iv-sample"]);
        let result = output(&mut command)?;
        if result.status.success() {
            return Ok(home);
        }
        let said = String::from_utf8_lossy(&result.stderr);
        let reason = said.lines().find(|line| line.starts_with("error")).unwrap_or("it gave no reason");
        Err(Failure::new(
            format!("m4 could not set up the sample: {reason}"),
            "run `m4 init mimic-iv-sample` by hand",
        ))
    }

    /// Tells a script where the programs and the data are, for servers and homes of its own.
    pub(super) fn name(&self, script: &mut Command) {
        script.env("BINARIES", &self.binaries).env("DATA", self.data());
    }

    /// Starts a server of which every algorithm has one, so that each is one resource.
    pub(super) fn serve(
        &self,
        leash: &Leash,
        address: SocketAddr,
        algorithm: &'static str,
        issuer: &str,
        log: &Path,
    ) -> Outcome<Server> {
        let url = resource(address);
        let mut command = self.command("m4-mcp-server");
        command
            .args(["--http", &address.to_string()])
            .env("M4_OAUTH2_ENABLED", "true")
            .env("M4_OAUTH2_ISSUER_URL", issuer)
            .env("M4_OAUTH2_AUDIENCE", &url)
            .env("M4_OAUTH2_ALGORITHMS", algorithm)
            // One clock: a token is refused when it has expired, which is what a refresh is for.
            .env("M4_OAUTH2_LEEWAY", "0")
            .env("M4_OAUTH2_RATE_LIMIT_REQUESTS", "1000000")
            .env("M4_LOG", "debug");
        if algorithm == ASKS_OFTEN {
            command.env("M4_OAUTH2_JWKS_CACHE_TTL", "2");
        }
        let running = leash.start(&command, log)?;
        let said = running.announcement()?;
        if said != url {
            return Err(Failure::new(
                format!("m4-mcp-server serves at {said}, not at {url}"),
                format!("see {}", log.display()),
            ));
        }
        Ok(Server { url, algorithm, _running: running })
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(binary(&self.binaries, name));
        isolate(&mut command);
        command.env("M4_HOME", &self.folder).env("M4_DATA_DIR", self.data());
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

/// The URL of the server at this address.
pub(super) fn resource(address: SocketAddr) -> String {
    format!("http://{address}/mcp")
}

/// The server for this algorithm asks for the issuer's keys every two seconds, also while the issuer is away. The
/// other keeps them for an hour, as by default, and asks when it meets a key that it does not know.
const ASKS_OFTEN: &str = "ES256";
