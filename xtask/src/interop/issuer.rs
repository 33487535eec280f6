//! The issuer that the clients meet: npm's `oidc-provider`, started by tests/interop/issuer.mjs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};

use super::leash::{Leash, Leashed, isolate};
use crate::failure::Outcome;
use crate::node::Package;
use crate::workspace::succeed;

/// A running issuer, which can be restarted with new keys.
pub(super) struct Issuer {
    pub(super) url: String,
    leash: Leash,
    script: PathBuf,
    environment: Vec<(&'static str, String)>,
    log: PathBuf,
    starts: u32,
    running: Option<Leashed>,
}

impl Issuer {
    /// Starts it; `resources` are URLs with the algorithm that signs their tokens.
    pub(super) fn start(
        leash: &Leash,
        script: &Path,
        provider: &Path,
        folder: &Path,
        address: SocketAddr,
        resources: &[(String, &str)],
    ) -> Outcome<Self> {
        let resources: Map<String, Value> =
            resources.iter().map(|(url, algorithm)| (url.clone(), Value::from(*algorithm))).collect();
        let environment = vec![
            ("PORT", address.port().to_string()),
            ("KEYS", folder.join("keys.json").to_string_lossy().into_owned()),
            ("PROVIDER", provider.to_string_lossy().into_owned()),
            ("RESOURCES", Value::from(resources).to_string()),
            ("TOKEN_SECONDS", TOKEN_SECONDS.to_string()),
        ];
        let mut issuer = Self {
            url: format!("http://{address}"),
            leash: leash.clone(),
            script: script.to_owned(),
            environment,
            log: folder.to_owned(),
            starts: 0,
            running: None,
        };
        issuer.run()?;
        Ok(issuer)
    }

    /// Ends it, puts new keys in front of the old ones, and starts it at the same address.
    pub(super) fn rotate(&mut self) -> Outcome {
        self.running = None;
        succeed(&mut self.command("rotate"), "see the message above")?;
        self.run()
    }

    fn run(&mut self) -> Outcome {
        self.starts += 1;
        let log = self.log.join(format!("issuer-{}.log", self.starts));
        let running = self.leash.start(&self.command("serve"), &log)?;
        running.announcement()?;
        self.running = Some(running);
        Ok(())
    }

    fn command(&self, what: &str) -> Command {
        let mut command = self.leash.node.run(&self.script);
        isolate(&mut command);
        command.arg(what).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

pub(super) const PROVIDER: Package = Package { name: "oidc-provider", version: "9.13.3" };

/// Short, because each client waits for the end of one; long enough for a slow machine to use it.
const TOKEN_SECONDS: u32 = 15;
