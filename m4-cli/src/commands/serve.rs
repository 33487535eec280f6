//! `m4 serve`: the MCP server over HTTP, in this process.

#[cfg(target_os = "linux")]
use std::process::Command;

use mcp_server::config::{Config, Flags, HttpSetting, setting};
use mcp_server::env::Environment;
use mcp_server::{DEFAULT_ADDRESS, secure};

use crate::Outcome;
use crate::args::ServeArgs;
use crate::failure::Failure;
#[cfg(target_os = "linux")]
use crate::programs;

pub(super) fn run(args: &ServeArgs, env: &Environment) -> Outcome {
    #[cfg(target_os = "linux")]
    start_again(env);
    let flags = with_address(secure::flags(&args.server, env)?, env);
    mcp_server::serve(|| Config::load(env, &flags)).map_err(Failure::Mendable)
}

/// Starts this program once more, as the same process, with the option of the engine's allocator that `m4-mcp-server` has
/// built in (decision 18): built into this one, it would cost `m4 init` a twentieth of its time.
///
/// Nothing happens where the option is set, to whatever; where it cannot be done, the server runs without.
#[cfg(target_os = "linux")]
fn start_again(env: &Environment) {
    use std::os::unix::process::CommandExt as _;
    let Some(own) = programs::own().filter(|_| env.os(ALLOCATOR_OPTIONS).is_none()) else { return };
    let mut words = std::env::args_os();
    let mut again = Command::new(own);
    again.arg0(words.next().unwrap_or_else(|| "m4".into())).args(words);
    let error = again.env(ALLOCATOR_OPTIONS, "retain:false").exec();
    tracing::debug!(%error, "not started again");
}

/// Read by jemalloc in DuckDB's library when it is loaded.
#[cfg(target_os = "linux")]
const ALLOCATOR_OPTIONS: &str = "DUCKDB_JE_MALLOC_CONF";

/// Where neither a flag nor the configuration says where to listen, the usual address is meant: whoever wants stdio
/// starts `m4-mcp-server`.
fn with_address(flags: Flags, env: &Environment) -> Flags {
    let address = match Config::load(env, &flags).http {
        HttpSetting::Off => Some(DEFAULT_ADDRESS.to_owned()),
        HttpSetting::On(_) | HttpSetting::Misconfigured(_) => None,
    };
    flags.with(&setting::HTTP_LISTEN, "--http", address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listens(flags: Flags, pairs: &[(&str, &str)]) -> String {
        let env = Environment::from_pairs(pairs.iter().copied());
        match Config::load(&env, &with_address(flags, &env)).http {
            HttpSetting::On(http) => http.listen.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_listens_at_the_usual_address_unless_told_otherwise() {
        assert_eq!(listens(Flags::new(), &[]), DEFAULT_ADDRESS);
        assert_eq!(listens(Flags::new(), &[("M4_HTTP_LISTEN", "127.0.0.1:9000")]), "127.0.0.1:9000");
        let flags = Flags::new().with(&setting::HTTP_LISTEN, "--http", Some("[::1]:9001".to_owned()));
        assert_eq!(listens(flags, &[("M4_HTTP_LISTEN", "127.0.0.1:9000")]), "[::1]:9001");
    }
}
