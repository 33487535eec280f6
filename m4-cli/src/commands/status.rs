//! `m4 status`: which backend, which datasets, and whether callers need a token.

use mcp_server::config::{AuthSetting, Config};
use mcp_server::credentials::TokenSource;
use mcp_server::dataset::Registry;
use mcp_server::env::Environment;
use schemars::JsonSchema;
use serde::Serialize;

use super::ask::Asking;
use super::inventory::{self, Inventory};
use crate::Outcome;
use crate::args::StatusArgs;
use crate::output::{Column, Paths, Printer, Table};

pub(super) fn run(args: &StatusArgs, env: &Environment, printer: &Printer) -> Outcome {
    let config = Config::load(env, &args.call.flags());
    let mut status = Status::of(&config, printer.paths());
    if let Some(named) = &args.dataset {
        let name = Registry::open(&config.locations.data_dir).find(named)?.name.to_string();
        status.datasets.retain(|dataset| dataset.name == name);
    }
    if args.all || args.dataset.is_some() {
        status.look_inside(&config, printer)?;
    }
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
    /// What its database says of itself; only where that was asked for and can be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    inside: Option<Inventory>,
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
                inside: None,
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

impl Status {
    /// Looks into every database that is there. One that cannot be looked into is said to be so, and the rest is shown.
    fn look_inside(&mut self, config: &Config, printer: &Printer) -> Outcome {
        let asking = Asking::with(config.clone())?;
        for dataset in self.datasets.iter_mut().filter(|dataset| dataset.set_up) {
            match inventory::of(&asking, &dataset.name) {
                Ok(found) => dataset.inside = Some(found),
                Err(error) if inventory::is_of_the_database(&error) => {
                    printer.warning(format_args!("{}: {error}", dataset.name));
                }
                // It would be the same with every other.
                Err(error) => {
                    printer.warning(format_args!("rows cannot be counted: {error}"));
                    return Ok(());
                }
            }
        }
        Ok(())
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
    printer.table(&table(&status.datasets))
}

/// What is inside is shown where anything is known of it.
fn table(datasets: &[DatasetStatus]) -> Table {
    let column = |name: &str, numeric| Column { name: name.to_owned(), numeric };
    let looked_inside = datasets.iter().any(|dataset| dataset.inside.is_some());
    let mut columns = vec![column("dataset", false), column("set up", false), column("MiB", true)];
    if looked_inside {
        columns.extend(["tables", "rows", "left out"].map(|name| column(name, true)));
        columns.extend(["release", "note index", "made by"].map(|name| column(name, false)));
    }
    columns.push(column("description", false));
    let mut table = Table::new(columns);
    for dataset in datasets {
        let mut row = vec![
            Some(dataset.name.clone()),
            Some(if dataset.set_up { "yes" } else { "no" }.to_owned()),
            Some(dataset.bytes.map_or_else(String::new, |bytes| bytes.div_ceil(1 << 20).to_string())),
        ];
        if looked_inside {
            row.extend(inside(dataset.inside.as_ref()).map(Some));
        }
        row.push(Some(dataset.description.clone()));
        table.push(row);
    }
    table
}

fn inside(inventory: Option<&Inventory>) -> [String; 6] {
    let Some(found) = inventory else { return Default::default() };
    [
        found.tables.to_string(),
        found.rows.to_string(),
        found.rejected_rows.map_or_else(|| "?".to_owned(), |rows| rows.to_string()),
        found.release.clone().unwrap_or_default(),
        found.note_index.map_or("", |index| if index { "yes" } else { "no" }).to_owned(),
        found.created_by.clone().unwrap_or_default(),
    ]
}

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
        run(&StatusArgs::default(), &env, &Printer::to(out.clone(), std::io::sink(), false).showing_paths())
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
        run(&StatusArgs::default(), &env, &Printer::to(out.clone(), std::io::sink(), false)).unwrap();
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
        run(&StatusArgs::default(), &env, &Printer::to(out.clone(), std::io::sink(), false)).unwrap();
        let text = out.text();
        assert!(
            text.starts_with("backend: bigquery (project my-project)\noauth2:  misconfigured\n"),
            "{text}"
        );
        assert!(text.contains("mimic-iv-sample"), "{text}");
    }
}
