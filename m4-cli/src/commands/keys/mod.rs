//! `m4 keys`: the API keys that a server admits beside, or instead of, access tokens.

pub(super) mod create;
pub(super) mod list;

use std::path::PathBuf;

use auth_core::time::UnixTime;
use mcp_server::api_keys::{self, KeyFileError};
use mcp_server::config::api_keys::default_file;
use mcp_server::config::{Config, Flags};
use mcp_server::env::Environment;
use mcp_server::gate::clock::Clock;
use schemars::JsonSchema;
use serde::Serialize;

use crate::Outcome;
use crate::args::{ApiKeysArgs, ApiKeysCommand, RevokeKeyArgs};
use crate::failure::Failure;
use crate::output::Printer;

pub(super) fn run(args: &ApiKeysArgs, env: &Environment, printer: &Printer) -> Outcome {
    let config = Config::load(env, &Flags::new());
    let keys = KeyFile::of(&config, env)?;
    match &args.command {
        ApiKeysCommand::Create(args) => create::run(args, &config, &keys, printer),
        ApiKeysCommand::List(_) => list::run(&keys, printer),
        ApiKeysCommand::Revoke(args) => revoke(args, &keys, printer),
    }
}

/// The file these commands work on.
struct KeyFile {
    path: PathBuf,
    /// Whether a server with this configuration reads it.
    configured: bool,
    now: UnixTime,
}

impl KeyFile {
    fn of(config: &Config, env: &Environment) -> Result<Self, Failure> {
        let now = Clock::start().now().wall;
        if let Some(path) = config.api_keys.file.clone() {
            return Ok(Self { path, configured: true, now });
        }
        let path = default_file(env).ok_or_else(|| {
            Failure::mendable("there is no home folder to keep API keys in", "set M4_API_KEYS_FILE to a file")
        })?;
        Ok(Self { path, configured: false, now })
    }

    /// Says that no server reads the file, where that is so.
    fn warn_unless_configured(&self, printer: &Printer) {
        if !self.configured {
            printer.warning(format_args!(
                "no server reads this file yet: set M4_API_KEYS_FILE to {}, or `file` under [api_keys] in the configuration \
                 file",
                self.path.display()
            ));
        }
    }
}

/// A key that works no more.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KeysRevoke")]
pub(super) struct Revoked {
    name: String,
    /// The file it was taken out of.
    file: String,
}

fn revoke(args: &RevokeKeyArgs, keys: &KeyFile, printer: &Printer) -> Outcome {
    match api_keys::revoke(&keys.path, &args.name) {
        Ok(key) => {
            let revoked = Revoked { name: key.name().to_string(), file: printer.paths().path(&keys.path) };
            printer.answer(&revoked, |printer| {
                printer.note(format_args!(
                    "revoked {}: servers that read {} refuse it within a second",
                    key.name(),
                    keys.path.display()
                ));
                Ok(())
            })
        }
        Err(error @ KeyFileError::NoSuchKey(_)) => Err(Failure::Usage(Box::new(error))),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
