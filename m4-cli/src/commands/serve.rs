//! `m4 serve`: the MCP server over HTTP, in this process.

use mcp_server::config::{Config, Flags, HttpSetting, setting};
use mcp_server::env::Environment;
use mcp_server::{DEFAULT_ADDRESS, secure};

use crate::Outcome;
use crate::args::ServeArgs;
use crate::failure::Failure;

pub(super) fn run(args: &ServeArgs, env: &Environment) -> Outcome {
    let flags = with_address(secure::flags(&args.server, env)?, env);
    mcp_server::serve(|| Config::load(env, &flags)).map_err(Failure::Mendable)
}

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
