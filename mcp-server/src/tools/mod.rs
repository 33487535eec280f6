//! The tools: what clients can call, behind the gate.
//!
//! [`Toolbox::call`] is the one way in: it asks the gate, runs the tool with the gate's proof, and records how it ended.
//! A tool takes `&Granted`, which only the gate makes, so a tool cannot run unguarded.

mod call;
mod capabilities;
mod datasets;
mod definitions;
mod error;
mod query;
mod schema;
mod table;

use std::path::PathBuf;
use std::time::Instant;

use auth_core::scope::Access;
use auth_core::secret::Secret;
use serde_json::Value;

pub use self::call::{BadCall, Call};
pub use self::definitions::definitions;
pub use self::error::CallError;
pub use self::query::{Answer, QueryArgs};
use crate::audit;
use crate::backend::{Backend, DuckDb, QueryLimits, duckdb::Resources};
use crate::config::{AuthSetting, BackendKind, Config, ConfigErrors, Limits};
use crate::credentials::{CredentialError, TokenSource};
use crate::dataset::{Dataset, Registry};
use crate::gate::{Gate, Granted};

/// Everything tools work with.
pub struct Toolbox {
    gate: Gate,
    token: Option<TokenSource>,
    problems: ConfigErrors,
    backend: Option<Box<dyn Backend>>,
    backend_kind: BackendKind,
    default_dataset: Option<String>,
    data_dir: PathBuf,
    limits: QueryLimits,
}

impl Toolbox {
    /// The tools as configured. Must be called on a runtime.
    ///
    /// Never fails: what is wrong with the configuration is the answer to every call.
    pub fn new(config: &Config) -> Self {
        let token = match &config.auth {
            AuthSetting::Enabled(auth) => Some(TokenSource::from_config(auth)),
            AuthSetting::Disabled | AuthSetting::Misconfigured(_) => None,
        };
        let backend: Option<Box<dyn Backend>> = match config.backend.kind {
            BackendKind::DuckDb => Some(Box::new(DuckDb::new(resources(&config.limits)))),
            BackendKind::BigQuery => None,
        };
        Self {
            gate: Gate::new(config),
            token,
            problems: config.problems().clone(),
            backend,
            backend_kind: config.backend.kind,
            default_dataset: config.backend.default_dataset.clone(),
            data_dir: config.locations.data_dir.clone(),
            limits: query_limits(&config.limits),
        }
    }

    /// The token of whoever started this process, for stdio and the terminal.
    pub fn own_credential(&self) -> Result<Option<Secret>, CredentialError> {
        self.token.as_ref().map_or(Ok(None), TokenSource::token)
    }

    /// Answers one call of a caller with this credential.
    pub async fn call(&self, credential: Credential, call: &Call) -> Result<Output, CallError> {
        self.guarded(credential, call.tool(), call.dataset(), async |granted| call.run(self, granted).await)
            .await
    }

    /// Runs one query and gives its rows as values, for a terminal.
    pub async fn query(&self, credential: Credential, args: &QueryArgs) -> Result<Answer, CallError> {
        let dataset = args.dataset.as_deref();
        self.guarded(credential, query::NAME, Some(dataset), async |granted| {
            query::run(self, granted, args).await
        })
        .await
    }

    /// The one way to a tool. `dataset` is `None` for tools that read none.
    async fn guarded<T: Counted>(
        &self,
        credential: Credential,
        tool: &'static str,
        dataset: Option<Option<&str>>,
        run: impl AsyncFnOnce(&Granted) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let intended = dataset.and_then(|named| self.intended_dataset(named));
        let access = Access { tool, dataset: intended.as_deref() };
        let credential = credential.inspect_err(|error| audit::record_no_credential(&access, error));
        let granted = self.gate.admit(credential.map_err(CallError::Credential)?.as_ref(), &access).await?;
        let start = Instant::now();
        let outcome = if self.problems.is_empty() {
            run(&granted).await
        } else {
            Err(CallError::Misconfigured(self.problems.clone()))
        };
        let (code, rows) = match &outcome {
            Ok(output) => ("ok", output.rows()),
            Err(error) => (error.code(), None),
        };
        audit::record_call(&access, &granted, code, rows, start.elapsed());
        outcome
    }

    fn registry(&self) -> Registry {
        Registry::open(&self.data_dir)
    }

    /// The dataset a call is about, as far as that is known before the gate: its scopes must be asked for, but a caller
    /// who may not enter learns nothing about which datasets there are.
    fn intended_dataset(&self, named: Option<&str>) -> Option<String> {
        let named = named.or(self.default_dataset.as_deref()).map(str::to_owned);
        named.or_else(|| self.registry().resolve(None).ok().map(|dataset| dataset.name))
    }

    fn dataset(&self, named: Option<&str>) -> Result<Dataset, CallError> {
        Ok(self.registry().resolve(named.or(self.default_dataset.as_deref()))?)
    }

    fn backend(&self) -> Result<&dyn Backend, CallError> {
        self.backend.as_deref().ok_or(CallError::BackendUnavailable(self.backend_kind))
    }
}

/// The caller's token, if it has one and it could be read.
pub type Credential = Result<Option<Secret>, CredentialError>;

/// A tool's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Compact text for a model.
    pub text: String,
    /// The same as JSON, of the tool's output schema.
    pub structured: Value,
    /// Rows of data in it, where it has any.
    rows: Option<usize>,
}

/// What the audit trail counts.
trait Counted {
    fn rows(&self) -> Option<usize>;
}

impl Counted for Output {
    fn rows(&self) -> Option<usize> {
        self.rows
    }
}

impl Counted for Answer {
    fn rows(&self) -> Option<usize> {
        Some(self.result.rows.len())
    }
}

fn resources(limits: &Limits) -> Resources {
    Resources {
        memory_mib: u32::try_from(limits.memory >> 20).unwrap_or(u32::MAX),
        threads: u16::try_from(limits.threads).unwrap_or(u16::MAX),
    }
}

fn query_limits(limits: &Limits) -> QueryLimits {
    let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    QueryLimits {
        max_rows: size(limits.max_rows),
        max_bytes: size(limits.max_bytes),
        timeout: limits.timeout,
    }
}

/// The outputs are plain structs with text keys, which always serialise.
fn to_json(output: &impl serde::Serialize) -> Value {
    serde_json::to_value(output).unwrap_or_default()
}
