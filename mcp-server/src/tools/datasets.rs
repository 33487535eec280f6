//! `list_datasets`, and `set_dataset`, which earlier servers had and this one explains away.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Output, Toolbox};
use crate::dataset::{Definition, Registry};
use crate::gate::Granted;

pub(super) const LIST: &str = "list_datasets";
pub(super) const SET: &str = "set_dataset";

/// What `list_datasets` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ListOutput {
    /// The backend that answers queries.
    backend: String,
    datasets: Vec<DatasetOutput>,
}

/// A dataset in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DatasetOutput {
    pub(super) name: String,
    description: String,
    /// Whether it can be queried now.
    pub(super) set_up: bool,
    /// Whether every row is invented.
    synthetic: bool,
    /// Kinds of data it holds, such as tabular or notes.
    modalities: Vec<String>,
}

/// What `set_dataset` takes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetDatasetArgs {
    /// The dataset that was to be made the active one.
    pub dataset_name: String,
}

/// What `set_dataset` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SetDatasetOutput {
    /// Always false: nothing is set.
    changed: bool,
    guidance: String,
}

/// Lists every dataset there is a name for.
pub(super) fn list(toolbox: &Toolbox, _proof: &Granted) -> Output {
    let datasets = known(&toolbox.registry());
    let mut text = format!("backend: {}\n", toolbox.backend_kind);
    for dataset in &datasets {
        let state = if dataset.set_up { "set up" } else { "not set up" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} ({state}): {}", dataset.name, dataset.description);
    }
    let output = ListOutput { backend: toolbox.backend_kind.name().to_owned(), datasets };
    Output { text, structured: super::to_json(&output), rows: None }
}

/// Says what to do instead.
pub(super) fn set(toolbox: &Toolbox, _proof: &Granted, args: &SetDatasetArgs) -> Output {
    let registry = toolbox.registry();
    let choice = match registry.resolve(Some(&args.dataset_name)) {
        Ok(dataset) => format!("pass dataset=\"{}\" to each call", dataset.name),
        Err(error) => format!("{error}; list_datasets shows the names, pass one as `dataset` to each call"),
    };
    let guidance = format!(
        "There is no active dataset to set, so that callers cannot change it for each other: {choice}."
    );
    let structured = super::to_json(&SetDatasetOutput { changed: false, guidance: guidance.clone() });
    Output { text: guidance, structured, rows: None }
}

/// The datasets as clients see them: no paths.
pub(super) fn known(registry: &Registry) -> Vec<DatasetOutput> {
    let output = |definition: &Definition| DatasetOutput {
        name: definition.name.to_string(),
        description: definition.description.clone(),
        set_up: registry.database(definition).is_file(),
        synthetic: definition.synthetic,
        modalities: definition.modalities.clone(),
    };
    registry.definitions().iter().map(output).collect()
}
