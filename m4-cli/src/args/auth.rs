//! `m4 auth`.

use std::io::{self, Read};

use auth_core::secret::Secret;
use clap::{Args, Subcommand};
use mcp_server::tools::{self, Reads};

use super::AuthStatusArgs;
use crate::failure::Failure;

/// What `m4 auth` takes.
#[derive(Debug, Args)]
pub struct AuthArgs {
    /// What to look at.
    #[command(subcommand)]
    pub command: AuthCommand,
}

/// What to look at.
#[derive(Debug, Subcommand)]
pub enum AuthCommand {
    /// Say check by check whether a token is let in, and why not
    Check(CheckArgs),
    /// Show the issuer's keys and which of them can be used
    Keys(KeysArgs),
    /// Show the stored logins, and which token is in effect
    Status(AuthStatusArgs),
}

/// What `m4 auth check` takes.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The token; `-` reads it from standard input; left out, the configured one is checked
    ///
    /// Other users of this machine can see what is typed here while it runs: prefer `-`.
    // Several words, because `Bearer …` without quotes is two, and a usage error would repeat the second.
    #[arg(value_name = "TOKEN|-", num_args = 0.., value_parser = secret)]
    pub token: Vec<Secret>,
    /// Also ask for the scopes that calls of this tool need, and those of the dataset they read
    #[arg(long, value_name = "NAME", value_parser = tool)]
    pub tool: Option<String>,
    /// Also ask for the scopes of this dataset; left out, a tool that reads data reads the default one
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// Do not ask the issuer for its keys, and leave the signature unchecked
    #[arg(long)]
    pub offline: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What `m4 auth keys` takes.
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Where the token to check comes from.
#[derive(Debug)]
pub enum TokenArg {
    /// It was typed, where other users can see it.
    Typed(Secret),
    /// It came through standard input.
    Piped(Secret),
    /// From where the configuration says.
    Configured,
}

impl CheckArgs {
    /// The token that was named, from `input` where that is `-`.
    pub fn token(&self, input: impl Read) -> Result<TokenArg, Failure> {
        match self.token.as_slice() {
            [] => Ok(TokenArg::Configured),
            [dash] if dash.expose() == "-" => read(input).map(TokenArg::Piped),
            [token] => Ok(TokenArg::Typed(token.clone())),
            [scheme, token] if scheme.expose().eq_ignore_ascii_case("bearer") => {
                Ok(TokenArg::Typed(token.clone()))
            }
            _ => Err(Failure::usage("that is more than one token", "check one at a time")),
        }
    }
}

fn read(input: impl Read) -> Result<Secret, Failure> {
    let unreadable = |source: io::Error| {
        Failure::io("cannot read the token from standard input", "pipe the token's text alone", source)
    };
    let mut text = String::new();
    input.take(LARGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LARGEST {
        return Err(Failure::usage("standard input is larger than any token", "pipe the token's text alone"));
    }
    Ok(Secret::new(text))
}

fn tool(name: &str) -> Result<String, String> {
    if Reads::of(name, None).is_some() {
        return Ok(name.to_owned());
    }
    let known: Vec<_> = tools::definitions().iter().map(|tool| &*tool.name).collect();
    Err(format!("the tools are {}", known.join(", ")))
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a clap parser")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

const LARGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::exit_code::Exit;

    #[derive(Parser)]
    struct Check {
        #[command(flatten)]
        args: CheckArgs,
    }

    fn args(words: &[&str]) -> CheckArgs {
        Check::try_parse_from(["m4"].iter().chain(words)).unwrap().args
    }

    #[test]
    fn a_token_is_typed_piped_or_configured() {
        let typed = |words: &[&str]| match args(words).token(&b"no"[..]).unwrap() {
            TokenArg::Typed(token) => token.matches("a.b.c"),
            _ => false,
        };
        assert!(typed(&["a.b.c"]) && typed(&["Bearer", "a.b.c"]) && typed(&["--json", "bearer", "a.b.c"]));
        assert!(matches!(args(&["--offline"]).token(&b"no"[..]), Ok(TokenArg::Configured)));
        let piped = args(&["-"]).token(&b"a.b.c\n"[..]).unwrap();
        assert!(matches!(piped, TokenArg::Piped(token) if token.expose() == "a.b.c\n"));
    }

    #[test]
    fn what_is_no_one_token_is_a_usage_error_that_does_not_repeat_it() {
        let failure = args(&["a.b.c", "d.e.f"]).token(&b""[..]).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(!format!("{failure:?}").contains("a.b.c"));
        assert_eq!(args(&["-"]).token(&vec![b'x'; 1 << 21][..]).unwrap_err().exit(), Exit::Usage);
        assert_eq!(args(&["-"]).token(&[0xff, 0xfe][..]).unwrap_err().exit(), Exit::Mendable);
    }

    #[test]
    fn a_misspelt_tool_is_a_usage_error_that_lists_the_tools() {
        let refused = Check::try_parse_from(["m4", "--tool", "execute_qeury"]).err().unwrap();
        assert_eq!(refused.exit_code(), i32::from(crate::exit_code::USAGE));
        assert!(refused.to_string().contains("execute_query,"), "{refused}");
        assert_eq!(args(&["--tool", "execute_query"]).tool.as_deref(), Some("execute_query"));
    }

    #[test]
    fn what_was_typed_is_not_in_debug_output() {
        assert!(!format!("{:?}", args(&["a.b.c"])).contains("a.b.c"));
    }
}
