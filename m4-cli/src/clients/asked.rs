//! What the options of `m4 config` ask of an entry: a URL, or variables of the server.

use std::path::Path;

use auth_core::oauth::url::SecureUrl;
use mcp_server::config::{BackendKind, setting};
use mcp_server::dataset::Registry;
use mcp_server::error::codes;
use serde_json::{Map, Value};

use super::shape;
use crate::args::{ServerArgs, Transport};
use crate::failure::Failure;

/// The URL to connect to, where the client is not to start the server.
pub(super) fn url(
    existing: Option<&Map<String, Value>>,
    args: &ServerArgs,
) -> Result<Option<String>, Failure> {
    let there = existing.and_then(shape::url);
    let transport = args
        .transport
        .or(args.url.is_some().then_some(Transport::Http))
        .unwrap_or_else(|| if there.is_some() { Transport::Http } else { Transport::Stdio });
    if transport == Transport::Stdio {
        return match args.url {
            None => Ok(None),
            Some(_) => {
                Err(Failure::usage("--url goes with --transport http", "leave one of the two options out"))
            }
        };
    }
    if let Some(option) = of_the_server(args) {
        return Err(Failure::usage(
            format!("{option} makes no sense for a server that the client does not start"),
            "set it where the server runs; or add --transport stdio, so that the client starts one",
        ));
    }
    match (args.url.as_deref(), there) {
        (Some(url), _) => match SecureUrl::parse(url) {
            Ok(url) => Ok(Some(url.to_string())),
            Err(error) => Err(Failure::usage(
                format!("--url {error}"),
                "write where the server answers, like https://m4.example/mcp; http on this machine only",
            )),
        },
        (None, Some(there)) => Ok(Some(there.to_owned())),
        (None, None) => Err(Failure::usage(
            "--transport http needs the server's URL",
            "add --url https://m4.example/mcp; `m4 serve` prints it when it starts",
        )),
    }
}

/// An option that is about a server that the client starts.
fn of_the_server(args: &ServerArgs) -> Option<&'static str> {
    [
        ("--backend", args.backend.is_some()),
        ("--project-id", args.project_id.is_some()),
        ("--db-path", args.db_path.is_some()),
        ("--enable-oauth2", args.enable_oauth2),
        ("--disable-oauth2", args.disable_oauth2),
    ]
    .into_iter()
    .chain(details(args))
    .find_map(|(option, given)| given.then_some(option))
}

/// The options that mean something with OAuth2 alone.
pub(super) fn details(args: &ServerArgs) -> [(&'static str, bool); 6] {
    [
        ("--oauth2-issuer", args.oauth2_issuer.is_some()),
        ("--oauth2-audience", args.oauth2_audience.is_some()),
        ("--oauth2-scopes", args.oauth2_scopes.is_some()),
        ("--oauth2-jwks-url", args.oauth2_jwks_url.is_some()),
        ("--oauth2-client-id", args.oauth2_client_id.is_some()),
        ("--oauth2-rate-limit", args.oauth2_rate_limit.is_some()),
    ]
}

/// The variables that they ask for, beside those that are `there`.
pub(super) fn variables(
    args: &ServerArgs,
    there: &Map<String, Value>,
) -> Result<Vec<(&'static str, Value)>, Failure> {
    let switch = match (args.enable_oauth2, args.disable_oauth2) {
        (true, _) => Some("true"),
        (false, true) => Some("false"),
        (false, false) => None,
    };
    let limit = args.oauth2_rate_limit;
    let limited = limit.filter(|_| there.contains_key(setting::OAUTH2_RATE_LIMIT_ENABLED.env));
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    let number = |number: Option<u64>| number.map(|number| Value::from(number.to_string()));
    let mut variables = vec![
        (setting::BACKEND.env, backend(args)?.map(Value::from)),
        (setting::OAUTH2_ENABLED.env, switch.map(Value::from)),
        (setting::OAUTH2_ISSUER_URL.env, text(&args.oauth2_issuer)),
        (setting::OAUTH2_AUDIENCE.env, text(&args.oauth2_audience)),
        (setting::OAUTH2_REQUIRED_SCOPES.env, text(&args.oauth2_scopes)),
        (setting::OAUTH2_JWKS_URL.env, text(&args.oauth2_jwks_url)),
        (setting::OAUTH2_CLIENT_ID.env, text(&args.oauth2_client_id)),
        (setting::OAUTH2_RATE_LIMIT_ENABLED.env, limited.map(|_| Value::from("true"))),
        (setting::OAUTH2_RATE_LIMIT_REQUESTS.env, number(limit.map(|limit| limit.requests))),
        (setting::OAUTH2_RATE_LIMIT_WINDOW.env, number(limit.and_then(|limit| limit.window))),
    ];
    if let Some(path) = &args.db_path {
        let (folder, dataset) = database(path)?;
        variables.push((setting::DATA_DIR.env, Some(folder)));
        variables.push((setting::DEFAULT_DATASET.env, Some(Value::from(dataset))));
    }
    Ok(variables.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

fn backend(args: &ServerArgs) -> Result<Option<&'static str>, Failure> {
    match (args.backend, &args.project_id) {
        (Some(kind @ BackendKind::BigQuery), _) => Err(Failure::coded(
            codes::BACKEND_UNAVAILABLE,
            format!("the {kind} backend is not available in this version of M4"),
            "leave --backend out; the server answers from DuckDB",
        )),
        (_, Some(_)) => {
            Err(Failure::usage("--project-id goes with bigquery", "leave it out: DuckDB needs none"))
        }
        (kind, None) => Ok(kind.map(BackendKind::name)),
    }
}

/// The data folder and the dataset that a database stands for: the server takes those, not a file.
fn database(path: &Path) -> Result<(Value, String), Failure> {
    let unknown = |message: &str| {
        Failure::usage(
            format!("{} {message}", path.display()),
            "name a database that `m4 init` made, DATA/databases/NAME.duckdb; or run `m4 init NAME --src FOLDER`",
        )
    };
    let real = path.canonicalize().map_err(|_| unknown("is not there"))?;
    let data = real.parent().and_then(Path::parent).ok_or_else(|| unknown("is in no data folder"))?;
    let installed = Registry::open(data).installed();
    let dataset = installed
        .into_iter()
        .find(|dataset| dataset.database.canonicalize().is_ok_and(|database| database == real))
        .ok_or_else(|| unknown("is no dataset's database"))?;
    Ok((absolute(data), dataset.name))
}

/// The path from the root, as an entry holds it.
pub(super) fn absolute(path: &Path) -> Value {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    Value::from(path.display().to_string())
}
