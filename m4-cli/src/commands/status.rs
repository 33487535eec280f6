//! `m4 status`: which backend, which datasets, and whether callers need a token.

use mcp_server::config::{AuthSetting, Config, Flags};
use mcp_server::credentials::TokenSource;
use mcp_server::dataset::Registry;
use mcp_server::env::Environment;
use schemars::JsonSchema;
use serde::Serialize;

use crate::Outcome;
use crate::args::StatusArgs;
use crate::output::{Column, Paths, Printer, Table};

pub(super) fn run(_args: &StatusArgs, env: &Environment, printer: &Printer) -> Outcome {
    let config = Config::load(env, &Flags::new());
    let status = Status::of(&config, printer.paths());
    printer.answer(&status, |printer| print(&status, printer))?;
    for warning in config.warnings() {
        printer.warning(warning);
    }
    for problem in config.problems().problems() {
        printer.warning(problem);
    }
    if let AuthSetting::Misconfigured(errors) = &config.auth {
        for problem in errors.problems() {
            printer.warning(problem);
        }
    }
    Ok(())
}

/// What is printed, in either form.
#[derive(Serialize, JsonSchema)]
pub(super) struct Status {
    version: &'static str,
    backend: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<String>,
    oauth2: &'static str,
    /// Where the token for stdio and the terminal comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'static str>,
    /// The file of API keys that are admitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_keys: Option<String>,
    datasets: Vec<DatasetStatus>,
}

#[derive(Serialize, JsonSchema)]
struct DatasetStatus {
    name: String,
    set_up: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    synthetic: bool,
    description: String,
}

impl Status {
    fn of(config: &Config, paths: &Paths) -> Self {
        let registry = Registry::open(&config.locations.data_dir);
        let datasets = registry.definitions().iter().map(|definition| {
            let bytes = std::fs::metadata(registry.database(definition)).ok().map(|file| file.len());
            DatasetStatus {
                name: definition.name.to_string(),
                set_up: bytes.is_some(),
                bytes,
                synthetic: definition.synthetic,
                description: definition.description.clone(),
            }
        });
        Self {
            version: env!("CARGO_PKG_VERSION"),
            backend: config.backend.kind.name(),
            project_id: config.backend.project_id.clone(),
            oauth2: match &config.auth {
                AuthSetting::Enabled(auth) if auth.admits_tokens() => "enabled",
                AuthSetting::Enabled(_) | AuthSetting::Disabled => "disabled",
                AuthSetting::Misconfigured(_) => "misconfigured",
            },
            token: match &config.auth {
                AuthSetting::Enabled(auth) if auth.admits_tokens() => {
                    Some(TokenSource::from_config(auth, config).described())
                }
                AuthSetting::Enabled(_) | AuthSetting::Disabled | AuthSetting::Misconfigured(_) => None,
            },
            api_keys: config.api_keys.file.as_ref().map(|file| paths.path(file)),
            datasets: datasets.collect(),
        }
    }
}

fn print(status: &Status, printer: &Printer) -> Outcome {
    let project = status.project_id.as_ref().map_or_else(String::new, |id| format!(" (project {id})"));
    printer.data(format_args!("backend: {}{project}", status.backend))?;
    printer.data(format_args!("oauth2:  {}", status.oauth2))?;
    if let Some(source) = status.token {
        printer.data(format_args!("token:   {source}"))?;
    }
    if let Some(file) = &status.api_keys {
        printer.data(format_args!("keys:    {file}"))?;
    }
    let column = |name: &str, numeric| Column { name: name.to_owned(), numeric };
    let mut table = Table::new(vec![
        column("dataset", false),
        column("set up", false),
        column("MiB", true),
        column("description", false),
    ]);
    for dataset in &status.datasets {
        table.push(vec![
            Some(dataset.name.clone()),
            Some(if dataset.set_up { "yes" } else { "no" }.to_owned()),
            Some(dataset.bytes.map_or_else(String::new, |bytes| bytes.div_ceil(1 << 20).to_string())),
            Some(dataset.description.clone()),
        ]);
    }
    printer.data(table.render(WIDEST))
}

const WIDEST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Kept;

    #[test]
    fn keys_that_are_admitted_while_oauth2_is_off_are_shown() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().to_str().unwrap();
        let env = Environment::from_pairs([
            ("M4_HOME", home),
            ("M4_DATA_DIR", home),
            ("M4_API_KEYS_FILE", "/k/keys"),
        ]);
        let out = Kept::default();
        run(
            &StatusArgs { json: false },
            &env,
            &Printer::to(out.clone(), std::io::sink(), false).showing_paths(),
        )
        .unwrap();
        assert!(
            out.text().starts_with("backend: duckdb\noauth2:  disabled\nkeys:    /k/keys\n"),
            "{}",
            out.text()
        );
    }

    #[test]
    fn where_the_token_comes_from_is_shown_and_nothing_is_fetched() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().to_str().unwrap();
        let env = Environment::from_pairs([
            ("M4_HOME", home),
            ("M4_DATA_DIR", home),
            ("M4_OAUTH2_ENABLED", "true"),
            ("M4_OAUTH2_ISSUER_URL", "https://issuer.example"),
            ("M4_OAUTH2_AUDIENCE", "m4-api"),
            ("M4_OAUTH2_TOKEN_COMMAND", "/no/such/program s3cr3t"),
        ]);
        let out = Kept::default();
        run(&StatusArgs { json: false }, &env, &Printer::to(out.clone(), std::io::sink(), false)).unwrap();
        let text = out.text();
        assert!(text.contains("oauth2:  enabled\ntoken:   M4_OAUTH2_TOKEN_COMMAND\n"), "{text}");
        assert!(!text.contains("s3cr3t"), "{text}");
    }

    #[test]
    fn status_shows_backend_authentication_and_datasets() {
        let home = tempfile::tempdir().unwrap();
        let env = Environment::from_pairs([
            ("M4_HOME", home.path().to_str().unwrap()),
            ("M4_DATA_DIR", home.path().to_str().unwrap()),
            ("M4_BACKEND", "bigquery"),
            ("M4_PROJECT_ID", "my-project"),
            ("M4_OAUTH2_ENABLED", "maybe"),
        ]);
        let out = Kept::default();
        run(&StatusArgs { json: false }, &env, &Printer::to(out.clone(), std::io::sink(), false)).unwrap();
        let text = out.text();
        assert!(
            text.starts_with("backend: bigquery (project my-project)\noauth2:  misconfigured\n"),
            "{text}"
        );
        assert!(text.contains("mimic-iv-sample"), "{text}");
    }
}
