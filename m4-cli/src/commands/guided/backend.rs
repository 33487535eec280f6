//! Which engine answers queries.

use mcp_server::config::backend::is_project_id;
use mcp_server::config::{BackendKind, Config, Flags, Origin, setting};

use super::Guide;
use crate::Outcome;

/// The engine, where somebody chose one: in the environment or in the configuration file.
pub(in crate::commands) fn chosen(guide: &Guide<'_>) -> Option<BackendKind> {
    let config = Config::load(guide.env, &Flags::new());
    let shown = config.shown().iter().find(|shown| shown.setting.key == setting::BACKEND.key)?;
    (shown.origin != Origin::Default).then_some(config.backend.kind)
}

/// Asks for the engine, and stores the choice as `m4 backend` does.
pub(in crate::commands) fn choose(guide: &mut Guide<'_>) -> Outcome {
    let choices = [
        ("duckdb: on this machine".to_owned(), BackendKind::DuckDb),
        (
            "bigquery: in Google's cloud; this version stores the choice and cannot query it".to_owned(),
            BackendKind::BigQuery,
        ),
    ];
    match guide.choose("Which engine answers queries?", &choices, 0)? {
        BackendKind::DuckDb => guide.command(&["backend", "duckdb"]),
        BackendKind::BigQuery => {
            let project = guide.line("Google Cloud project that pays", None, |text| {
                let refusal = "that is not a project ID; `gcloud projects list` shows them";
                if is_project_id(text) { Ok(()) } else { Err(refusal.to_owned()) }
            })?;
            guide.command(&["backend", "bigquery", "--project-id", &project])
        }
    }
}
