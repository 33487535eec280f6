//! Why a call has no answer, for whoever made it.

use auth_core::rejection::Rejection;

use crate::backend::QueryError;
use crate::config::{BackendKind, ConfigErrors};
use crate::credentials::CredentialError;
use crate::dataset::ResolveError;
use crate::error::Explain;

/// A call that was not answered.
///
/// `Display` and `hint` are for the operator's terminal; [`CallError::for_callers`] is what a client may see.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The gate said no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The caller's own token cannot be read.
    #[error("Missing OAuth2 access token")]
    Credential(#[source] CredentialError),
    /// A setting outside OAuth2 is wrong, so data would be served on other terms than configured.
    #[error("M4 is misconfigured: {0}")]
    Misconfigured(ConfigErrors),
    /// No such dataset, or which one is not clear.
    #[error(transparent)]
    Dataset(#[from] ResolveError),
    /// The configured backend cannot answer in this version.
    #[error("the {0} backend is not available in this version of M4")]
    BackendUnavailable(BackendKind),
    /// The dataset lacks what the tool reads.
    #[error("{tool} cannot be used on dataset {dataset}, which has no {what}")]
    Lacks {
        /// The tool.
        tool: &'static str,
        /// The dataset.
        dataset: String,
        /// What is not there.
        what: String,
        /// What to do instead.
        hint: &'static str,
    },
    /// There is no such note.
    #[error("there is no note {note_id:?} in dataset {dataset}")]
    NoNote {
        /// What was asked for.
        note_id: String,
        /// The dataset.
        dataset: String,
    },
    /// The backend did not answer.
    #[error(transparent)]
    Query(QueryError),
}

/// A no to what a statement turned out to read is a no of the gate's.
impl From<QueryError> for CallError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Rejected(rejection) => Self::Rejected(rejection),
            other => Self::Query(other),
        }
    }
}

impl CallError {
    /// A tool for notes on a dataset without any.
    pub(super) fn no_notes(dataset: &str) -> Self {
        Self::Lacks {
            tool: "a tool for notes",
            dataset: dataset.to_owned(),
            what: "mimiciv_note.discharge or mimiciv_note.radiology".to_owned(),
            hint: "list_datasets shows which datasets have notes; name one with the parameter dataset",
        }
    }

    /// The text a client sees, without local paths: `Error: …`, and one line that says what to do.
    pub fn for_callers(&self) -> String {
        let message = match self {
            Self::Misconfigured(errors) => format!("M4 is misconfigured: {}", errors.for_callers()),
            Self::Credential(error) => format!("{self}: {}", error.for_callers()),
            other => other.to_string(),
        };
        match self.hint() {
            Some(hint) => format!("Error: {message}\nHint: {hint}"),
            None => format!("Error: {message}"),
        }
    }

    /// A stable name for the audit trail.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.code(),
            Self::Credential(_) => "no_credential",
            Self::Misconfigured(_) => "misconfigured",
            Self::Dataset(_) => "no_dataset",
            Self::BackendUnavailable(_) => "backend_unavailable",
            Self::Lacks { .. } => "not_in_dataset",
            Self::NoNote { .. } => "no_note",
            Self::Query(QueryError::Refused(_)) => "refused_by_policy",
            Self::Query(QueryError::Timeout { .. }) => "timeout",
            Self::Query(_) => "query_failed",
        }
    }
}

impl Explain for CallError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Rejected(rejection) => Some(rejection.hint()),
            Self::Credential(error) => error.hint(),
            Self::Misconfigured(errors) => errors.hint(),
            Self::Dataset(error) => error.hint(),
            Self::BackendUnavailable(_) => Some("switch to the local one: m4 backend duckdb".to_owned()),
            Self::Lacks { hint, .. } => Some((*hint).to_owned()),
            Self::NoNote { .. } => {
                Some("search_notes and list_patient_notes give the ids of notes".to_owned())
            }
            Self::Query(error) => error.hint(),
        }
    }
}
