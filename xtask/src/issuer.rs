//! Runs the mock issuer, and asks a running one for tokens.

use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};

use crate::build::binary;
use crate::failure::{Failure, Outcome};
#[cfg(not(unix))]
use crate::workspace::status;
use crate::workspace::{Profile, Workspace, succeed};

/// Options of `issuer`; what is not given is the mock issuer's own default.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Port on 127.0.0.1; a free one when not given.
    #[arg(long)]
    port: Option<u16>,
    /// Audience of its tokens.
    #[arg(long)]
    audience: Option<String>,
    /// Scopes of its tokens, separated by spaces.
    #[arg(long)]
    scopes: Option<String>,
    /// Lifetime of its tokens in seconds.
    #[arg(long, value_name = "SECONDS")]
    expires_in: Option<u64>,
}

/// Options of `token`; what is not given is the mock issuer's own default.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// Address of a running mock issuer.
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// The `aud` claim.
    #[arg(long)]
    audience: Option<String>,
    /// The `sub` claim.
    #[arg(long)]
    subject: Option<String>,
    /// The `scope` claim, separated by spaces or commas.
    #[arg(long)]
    scopes: Option<String>,
    /// Seconds from now to `exp`; negative for a token that has expired.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    expires_in: Option<i64>,
}

/// Builds the mock issuer and becomes it, so that Ctrl-C and its exit code are its own.
pub(crate) fn serve(workspace: &Workspace, args: &ServeArgs) -> Outcome<ExitCode> {
    let mut build =
        workspace.cargo(["build", "--workspace", "--exclude", "xtask", "--bin", "mock-issuer", "--quiet"]);
    succeed(&mut build, "see the compiler's message above")?;
    let mut command = Command::new(binary(&workspace.binaries(Profile::Debug)?, "mock-issuer"));
    let options = [
        ("--port", args.port.map(|port| port.to_string())),
        ("--audience", args.audience.clone()),
        ("--scopes", args.scopes.clone()),
        ("--expires-in", args.expires_in.map(|seconds| seconds.to_string())),
    ];
    for (name, value) in options {
        if let Some(value) = value {
            command.arg(name).arg(value);
        }
    }
    become_it(&mut command)
}

/// A token from a running mock issuer.
pub(crate) fn token(args: &TokenArgs) -> Outcome<String> {
    let address = format!("{}/control/mint", origin(&args.issuer)?);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .proxy(None)
        .build()
        .into();
    let not_mock = |why: String| {
        Failure::new(
            format!("{} is not a running mock issuer: {why}", args.issuer),
            "start one with `cargo xtask issuer` and give the address it prints; a real issuer's token comes from \
             that issuer",
        )
    };
    let answer = agent
        .post(&address)
        .header("content-type", "application/json")
        .send(Value::Object(mint_request(args)).to_string())
        .and_then(|mut response| response.body_mut().read_to_string())
        .map_err(|error| not_mock(error.to_string()))?;
    let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
    answer["token"].as_str().map(str::to_owned).ok_or_else(|| not_mock("its answer holds no token".into()))
}

fn mint_request(args: &TokenArgs) -> Map<String, Value> {
    let mut request = Map::new();
    let scope = args.scopes.as_ref().map(|scopes| {
        let words = scopes.split([',', ' ']).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ")
    });
    let fields = [
        ("audience", args.audience.clone().map(Value::from)),
        ("subject", args.subject.clone().map(Value::from)),
        ("scope", scope.map(Value::from)),
        ("expires_in", args.expires_in.map(Value::from)),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            request.insert(name.into(), value);
        }
    }
    request
}

/// Scheme, host and port of an issuer identifier, whose path the control API does not have.
fn origin(issuer: &str) -> Outcome<&str> {
    let end = issuer.strip_prefix("http://").map(|rest| 7 + rest.find('/').unwrap_or(rest.len()));
    match end {
        Some(end) if end > 7 => Ok(&issuer[..end]),
        _ => Err(Failure::new(
            format!("{issuer} is not the address of a mock issuer"),
            "start one with `cargo xtask issuer`; its address reads http://127.0.0.1:PORT",
        )),
    }
}

#[cfg(unix)]
fn become_it(command: &mut Command) -> Outcome<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    Err(Failure::io("run the mock issuer", &command.exec()))
}

#[cfg(not(unix))]
fn become_it(command: &mut Command) -> Outcome<ExitCode> {
    let code = status(command)?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

const TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_api_is_asked_at_the_origin_whatever_the_issuers_path() {
        assert_eq!(origin("http://127.0.0.1:8080").unwrap(), "http://127.0.0.1:8080");
        assert_eq!(origin("http://127.0.0.1:8080/realms/demo").unwrap(), "http://127.0.0.1:8080");
        for wrong in ["https://login.example.com", "127.0.0.1:8080", "http://", "http:///x"] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_what_was_asked_for_is_sent() {
        let args = TokenArgs {
            issuer: String::new(),
            audience: None,
            subject: Some("alice".into()),
            scopes: Some("a,b c".into()),
            expires_in: Some(-5),
        };
        let request = Value::Object(mint_request(&args));
        assert_eq!(request, serde_json::json!({ "subject": "alice", "scope": "a b c", "expires_in": -5 }));
    }
}
