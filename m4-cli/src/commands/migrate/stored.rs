//! Taking over settings: the dataset that calls mean, and the engine.

use std::path::Path;

use mcp_server::config::setting::{self, Setting};
use mcp_server::config::{BackendKind, Config, ConfigFile};
use mcp_server::dataset::Registry;
use mcp_server::env::Environment;

use super::item::{Item, Kind};
use super::old::Old;
use crate::failure::Failure;
use crate::settings;

/// What `config.json` says and M4 has a setting for.
pub(super) fn find<'a>(old: &'a Old, config: &'a Config, env: &'a Environment) -> Vec<Item<'a>> {
    let mut items = Vec::new();
    if let Some(dataset) = &old.config.active_dataset {
        items.push(active(dataset, &old.folder, config, env));
    }
    if let Some(backend) = &old.config.backend {
        items.push(if backend.eq_ignore_ascii_case(BackendKind::DuckDb.name()) {
            stored(&setting::BACKEND, BackendKind::DuckDb.name(), config, env)
        } else {
            Item::skipped(
                Kind::Setting,
                setting::BACKEND.env,
                "only duckdb is available in this version of M4",
            )
            .mend("keep the Python package for BigQuery, or set up a dataset: m4 init NAME")
        });
    }
    if old.config.bigquery_project_id.as_deref().is_some_and(|id| !id.is_empty()) {
        items.push(Item::skipped(
            Kind::Setting,
            setting::PROJECT_ID.env,
            "it is for BigQuery, which is not available in this version of M4",
        ));
    }
    items
}

fn active<'a>(dataset: &str, folder: &Path, config: &Config, env: &'a Environment) -> Item<'a> {
    let setting = &setting::DEFAULT_DATASET;
    match Registry::open(folder).find(dataset) {
        Ok(definition) => stored(setting, definition.name.as_str(), config, env),
        Err(_) => Item::skipped(Kind::Setting, setting.env, "the active dataset is not one that M4 knows")
            .mend("`m4 list-datasets` shows the names; set M4_DATASET to one"),
    }
}

/// A setting for the configuration file, unless something says so, or says otherwise, already.
fn stored<'a>(setting: &'static Setting, value: &str, config: &Config, env: &'a Environment) -> Item<'a> {
    let shown = config.shown().iter().find(|shown| shown.setting.key == setting.key);
    let is_default =
        shown.is_none_or(|shown| shown.value.is_none() || shown.value.as_deref() == setting.default);
    match shown.and_then(|shown| shown.value.as_deref()) {
        Some(here) if here == value => {
            return Item::done(Kind::Setting, setting.env, format!("it is {value}"));
        }
        Some(here) if !is_default => {
            return Item::skipped(
                Kind::Setting,
                setting.env,
                format!("it is {here} here, and was {value}; what is set here stays"),
            );
        }
        _ => {}
    }
    let value = value.to_owned();
    Item::to_do(Kind::Setting, setting.env, format!("{value} is stored"), move || {
        let file = ConfigFile::locate(env).ok_or_else(|| {
            Failure::mendable("there is no home folder to store settings in", "set M4_CONFIG or M4_HOME")
        })?;
        settings::store(&file.path, &[(setting, Some(&value))])?;
        Ok(format!("{value} was stored"))
    })
}
