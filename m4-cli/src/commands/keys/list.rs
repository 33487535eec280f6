//! `m4 keys list`: everything about the keys but what would let somebody in.

use auth_core::api_key::ApiKey;
use auth_core::time::UnixTime;
use mcp_server::api_keys;
use schemars::JsonSchema;
use serde::Serialize;

use super::KeyFile;
use crate::Outcome;
use crate::output::{Column, Printer, Table};

pub(super) fn run(keys: &KeyFile, printer: &Printer) -> Outcome {
    let known = api_keys::read(&keys.path)?;
    let listed: Vec<Listed<'_>> = known.iter().map(|key| Listed::of(key, keys.now)).collect();
    let report = Report { file: printer.paths().path(&keys.path), configured: keys.configured, keys: listed };
    printer.answer(&report, |printer| {
        printer.data(table(&report.keys).render(WIDEST))?;
        printer.note(format_args!("file: {}", keys.path.display()));
        Ok(())
    })?;
    keys.warn_unless_configured(printer);
    Ok(())
}

/// What is printed, in either form.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KeysList")]
pub(in crate::commands) struct Report<'a> {
    file: String,
    /// Whether a server with this configuration reads it.
    configured: bool,
    keys: Vec<Listed<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct Listed<'a> {
    name: &'a str,
    scopes: Vec<&'a str>,
    created_at: String,
    expires_at: Option<String>,
    /// `active` or `expired`.
    state: &'static str,
}

impl<'a> Listed<'a> {
    fn of(key: &'a ApiKey, now: UnixTime) -> Self {
        Self {
            name: key.name().as_str(),
            scopes: key.scopes().iter().collect(),
            created_at: key.created_at().to_string(),
            expires_at: key.expires_at().map(|end| end.to_string()),
            state: if key.expired_at(now).is_some() { "expired" } else { "active" },
        }
    }
}

fn table(listed: &[Listed<'_>]) -> Table {
    let column = |name: &str| Column { name: name.to_owned(), numeric: false };
    let mut table = Table::new(["name", "scopes", "created", "expires", "state"].map(column).into());
    for key in listed {
        table.push(vec![
            Some(key.name.to_owned()),
            Some(key.scopes.join(", ")),
            Some(key.created_at.clone()),
            Some(key.expires_at.clone().unwrap_or_else(|| "never".to_owned())),
            Some(key.state.to_owned()),
        ]);
    }
    table
}

const WIDEST: usize = 100;
