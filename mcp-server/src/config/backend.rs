//! Which engine answers queries.

use std::fmt;
use std::str::FromStr;

use super::layers::Raw;
use super::parse::{self, Invalid};
use super::reader::Reader;
use super::setting;

/// The engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BackendKind {
    /// DuckDB, on this machine.
    #[default]
    DuckDb,
    /// Google BigQuery.
    BigQuery,
}

/// The engine and what goes with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackendConfig {
    /// The engine.
    pub kind: BackendKind,
    /// The Google Cloud project that pays for BigQuery queries.
    pub project_id: Option<String>,
    /// The dataset a call means when it names none.
    pub default_dataset: Option<String>,
}

impl BackendKind {
    /// Every engine.
    pub const ALL: [Self; 2] = [Self::DuckDb, Self::BigQuery];

    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DuckDb => "duckdb",
            Self::BigQuery => "bigquery",
        }
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for BackendKind {
    type Err = UnknownBackend;

    /// The name in any case.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name)).ok_or(UnknownBackend)
    }
}

/// The name is not that of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a backend: duckdb or bigquery")]
pub struct UnknownBackend;

/// Whether `text` can be a Google Cloud project ID: 6 to 30 letters, digits and hyphens, beginning with a letter, or the
/// same after a domain (`example.com:my-project`).
pub fn is_project_id(text: &str) -> bool {
    let (domain, id) = text.rsplit_once(':').map_or((None, text), |(domain, id)| (Some(domain), id));
    let in_id = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let domain_fits = domain
        .is_none_or(|domain| !domain.is_empty() && domain.bytes().all(|byte| in_id(byte) || byte == b'.'));
    domain_fits
        && (6..=30).contains(&id.len())
        && id.bytes().all(in_id)
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && !id.ends_with('-')
}

/// Reads the section.
pub(crate) fn read(reader: &mut Reader<'_>) -> BackendConfig {
    BackendConfig {
        kind: reader.read(&setting::BACKEND, kind).unwrap_or_default(),
        project_id: reader.read(&setting::PROJECT_ID, project_id),
        default_dataset: reader.read(&setting::DEFAULT_DATASET, parse::text),
    }
}

fn kind(raw: &Raw) -> Result<BackendKind, Invalid> {
    parse::text(raw)?.parse().map_err(|error: UnknownBackend| Invalid::new(error.to_string()))
}

fn project_id(raw: &Raw) -> Result<String, Invalid> {
    let id = parse::text(raw)?;
    if is_project_id(&id) {
        return Ok(id);
    }
    Err(Invalid::new("is not a Google Cloud project ID")
        .hint("`gcloud projects list` shows the IDs; an ID is not the project's name or number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_ids_follow_googles_rules() {
        for id in ["my-project", "a12345", "example.com:my-project"] {
            assert!(is_project_id(id), "{id}");
        }
        for id in
            ["", "short", "1project", "My-Project", "my-project-", "a:b:c d", &"a".repeat(31), ":my-project"]
        {
            assert!(!is_project_id(id), "{id}");
        }
    }
}
