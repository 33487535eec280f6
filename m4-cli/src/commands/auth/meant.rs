//! The call that `m4 auth check` asks about: a tool, a dataset, both, or what every call has in common.

use auth_core::scope::Access;
use mcp_server::config::Config;
use mcp_server::dataset::Registry;
use mcp_server::tools::{self, Reads};

use crate::args::CheckArgs;
use crate::failure::Failure;

/// A call that somebody means to make.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Meant {
    pub(super) tool: Option<String>,
    /// The named dataset, or the one that a call of the tool would read.
    pub(super) dataset: Option<String>,
}

impl Meant {
    /// What was asked for, as the gate would be asked about it.
    ///
    /// A dataset nobody knows is an error here, while the gate only finds no scopes for it: whoever misspells it would
    /// take the answer for one about the dataset that was meant.
    pub(super) fn of(args: &CheckArgs, config: &Config) -> Result<Self, Failure> {
        if let Some(named) = &args.dataset {
            Registry::open(&config.locations.data_dir).find(named)?;
        }
        let dataset = match &args.tool {
            None => args.dataset.clone(),
            Some(tool) => match Reads::of(tool, args.dataset.as_deref()) {
                Some(Reads::Dataset(named)) => tools::guarded_dataset(config, named),
                Some(Reads::Nothing) | None if args.dataset.is_some() => {
                    return Err(Failure::usage(format!("{tool} reads no dataset"), "leave out --dataset"));
                }
                Some(Reads::Nothing) | None => None,
            },
        };
        Ok(Self { tool: args.tool.clone(), dataset })
    }

    /// What the gate is asked about; without a tool, only what every tool needs.
    pub(super) fn access(&self) -> Access<'_> {
        Access { tool: self.tool.as_deref().unwrap_or_default(), dataset: self.dataset.as_deref() }
    }

    /// What a token is good for that passes.
    pub(super) fn admits(&self) -> String {
        match (&self.tool, &self.dataset) {
            (None, None) => "the gate lets this token in".to_owned(),
            (Some(tool), None) => format!("the gate lets this token call {tool}"),
            (None, Some(dataset)) => format!("the gate lets this token read {dataset}"),
            (Some(tool), Some(dataset)) => format!("the gate lets this token call {tool} on {dataset}"),
        }
    }
}
