//! The tools: what clients can call, behind the gate.
//!
//! [`Toolbox::call`] is the one way in: it asks the gate, runs the tool with the gate's proof, and records how it ended.
//! A tool takes `&Granted`, which only the gate makes, so a tool cannot run unguarded.

mod arguments;
mod call;
mod capabilities;
mod cohort;
mod datasets;
mod definitions;
mod error;
mod note;
mod patient_notes;
mod query;
pub mod resources;
mod schema;
mod search_notes;
mod table;
mod whoami;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use auth_core::rejection::Rejection;
use auth_core::scope::Access;
use auth_core::secret::Secret;
use serde_json::Value;

pub use self::call::{BadCall, Call, Reads};
pub use self::definitions::{definitions, without_rust_formats};
pub use self::error::CallError;
pub use self::query::{Answer, QueryArgs};
pub use self::whoami::Whoami;
use crate::audit;
use crate::backend::{Backend, DuckDb, QueryLimits, duckdb::Resources};
use crate::config::{AuthSetting, BackendKind, Config, ConfigErrors, Limits};
use crate::credentials::{CredentialError, TokenSource};
use crate::dataset::{Dataset, Homes, Name, Reach, Registry, ResolveError};
use crate::error::Explain as _;
use crate::gate::{Authenticated, Gate, Granted};

/// Everything tools work with.
pub struct Toolbox {
    gate: Arc<Gate>,
    token: Option<TokenSource>,
    problems: ConfigErrors,
    backend: Option<Box<dyn Backend>>,
    backend_kind: BackendKind,
    default_dataset: Option<String>,
    data_dir: PathBuf,
    limits: QueryLimits,
    /// Whether some dataset needs scopes of its own.
    guards_datasets: bool,
}

impl Toolbox {
    /// The tools as configured. Must be called on a runtime.
    ///
    /// Never fails: what is wrong with the configuration is the answer to every call.
    pub fn new(config: &Config) -> Self {
        let token = match &config.auth {
            AuthSetting::Enabled(auth) => Some(TokenSource::from_config(auth, config)),
            AuthSetting::Disabled | AuthSetting::Misconfigured(_) => None,
        };
        if let AuthSetting::Enabled(auth) = &config.auth {
            let registry = Registry::open(&config.locations.data_dir);
            for name in registry.unknown(auth.guarded_datasets()) {
                tracing::warn!(target: "m4::config", "M4_OAUTH2_TOOL_SCOPES guards dataset {name}, which does not exist");
            }
        }
        let backend: Option<Box<dyn Backend>> = match config.backend.kind {
            BackendKind::DuckDb => Some(Box::new(DuckDb::new(resources(&config.limits)))),
            BackendKind::BigQuery => None,
        };
        Self {
            gate: Arc::new(Gate::new(config)),
            token,
            problems: config.problems().clone(),
            backend,
            backend_kind: config.backend.kind,
            default_dataset: config.backend.default_dataset.clone(),
            data_dir: config.locations.data_dir.clone(),
            limits: query_limits(&config.limits),
            guards_datasets: match &config.auth {
                AuthSetting::Enabled(auth) => auth.guarded_datasets().next().is_some(),
                AuthSetting::Disabled | AuthSetting::Misconfigured(_) => false,
            },
        }
    }

    /// The token of whoever started this process, for stdio and the terminal.
    pub async fn own_credential(&self) -> Result<Option<Secret>, CredentialError> {
        match &self.token {
            Some(source) => source.token().await,
            None => Ok(None),
        }
    }

    /// The gate that every call passes.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Asks the gate for a call of a caller it knows, for transports that have to know before they answer.
    pub fn authorize(&self, caller: &Authenticated, call: &Call) -> Result<Granted, Rejection> {
        let (intended, _) = self.source_of(call.reads());
        self.gate.authorize(caller, &Access { tool: call.tool(), dataset: intended.as_deref() })
    }

    /// Answers one call of whoever has this permit.
    pub async fn call(&self, permit: Permit, call: &Call) -> Result<Output, CallError> {
        self.guarded(permit, call.tool(), call.reads(), async |granted, source| {
            call.run(self, granted, source).await
        })
        .await
    }

    /// Runs one query and gives its rows as values, for a terminal.
    pub async fn query(&self, credential: Credential, args: &QueryArgs) -> Result<Answer, CallError> {
        let reads = Reads::Dataset(args.dataset.as_deref());
        self.guarded(Permit::Token(credential), query::NAME, reads, async |granted, source| {
            query::run(self, granted, source.found()?, args).await
        })
        .await
    }

    /// Decides whether an admitted call may read all that it turns out to read, for transports that have to know before
    /// they answer. The call itself is decided about again when it runs.
    ///
    /// What is wrong with the call otherwise is left to the call.
    pub async fn authorize_further(&self, granted: &Granted, call: &Call) -> Result<(), Rejection> {
        if !self.guards_datasets || !self.problems.is_empty() {
            return Ok(());
        }
        let (_, source) = self.source_of(call.reads());
        let Source(Ok(source)) = self.within_reach(source, granted, call.tool(), false) else {
            return Ok(());
        };
        match call.look(source, &self.limits).await {
            Err(CallError::Rejected(rejection)) => Err(rejection),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// What a tool reads, as far as this caller may see: where the database holds tables of other datasets as well, those
    /// datasets' scopes are asked for before they are read.
    fn within_reach<'a>(
        &self,
        source: Source<'a>,
        granted: &Granted,
        tool: &'static str,
        yes_is_recorded: bool,
    ) -> Source<'a> {
        let Source(Ok(mut source)) = source else { return source };
        if self.guards_datasets {
            let homes = Homes::seen_from(&source.dataset.name, self.registry().definitions());
            let (gate, granted) = (self.gate.clone(), granted.clone());
            source.dataset.reach = Reach::decided_by(move |schema| {
                homes.others(schema).into_iter().try_for_each(|dataset| {
                    let access = Access { tool, dataset: Some(dataset) };
                    gate.authorize_further(&granted, &access, yes_is_recorded)
                })
            });
        }
        Source(Ok(source))
    }

    /// The one way to a tool.
    ///
    /// The dataset is looked up once, before the gate, so that what the gate is asked about is what the tool reads; a
    /// caller who may not enter learns nothing of the outcome.
    async fn guarded<T: Counted>(
        &self,
        permit: Permit,
        tool: &'static str,
        reads: Reads<'_>,
        run: impl AsyncFnOnce(&Granted, Source<'_>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let (intended, source) = self.source_of(reads);
        let access = Access { tool, dataset: intended.as_deref() };
        let granted = match permit {
            Permit::Token(credential) => {
                let credential = credential.inspect_err(|error| audit::record_no_credential(&access, error));
                self.gate.admit(credential.map_err(CallError::Credential)?.as_ref(), &access).await?
            }
            Permit::Granted(granted) if granted.is_for(&access) => granted,
            // Proof for another call, or for a dataset that a name no longer means.
            Permit::Granted(_) | Permit::None => {
                return Err(self.gate.turn_away(Rejection::MissingToken).into());
            }
        };
        let source = self.within_reach(source, &granted, tool, true);
        let start = Instant::now();
        let outcome = if self.problems.is_empty() {
            run(&granted, source).await
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

    fn source_of(&self, reads: Reads<'_>) -> (Option<String>, Source<'_>) {
        match reads {
            Reads::Nothing => (None, Source(Err(ResolveError::NoneSetUp.into()))),
            Reads::Dataset(named) => self.source(named),
        }
    }

    /// Whether the backend answers for a dataset that is set up.
    pub async fn backend_answers(&self) -> bool {
        let Some(backend) = &self.backend else { return false };
        let registry = self.registry();
        let named = self.default_dataset.as_deref();
        let dataset = registry.resolve(named).ok().or_else(|| registry.installed().into_iter().next());
        let Some(dataset) = dataset else { return false };
        backend.query(&dataset, "SELECT 1", &self.limits).await.is_ok()
    }

    /// What a data tool reads, and the name whose scopes the gate is to ask for: the dataset's or, where there is none of
    /// that name, what the caller called it if that is a name at all.
    fn source(&self, named: Option<&str>) -> (Option<String>, Source<'_>) {
        let named = named.or(self.default_dataset.as_deref());
        let dataset = self.registry().resolve(named);
        let intended = intended(named, &dataset);
        let backend = self.backend.as_deref().ok_or(CallError::BackendUnavailable(self.backend_kind));
        let source = backend.and_then(|backend| Ok(DataSource { backend, dataset: dataset? }));
        (intended, Source(source))
    }
}

/// The dataset whose scopes the gate asks for when a data tool is called with this name, or with none.
pub fn guarded_dataset(config: &Config, named: Option<&str>) -> Option<String> {
    let named = named.or(config.backend.default_dataset.as_deref());
    intended(named, &Registry::open(&config.locations.data_dir).resolve(named))
}

fn intended(named: Option<&str>, dataset: &Result<Dataset, ResolveError>) -> Option<String> {
    match dataset {
        Ok(dataset) => Some(dataset.name.clone()),
        Err(_) => named.and_then(|named| named.parse::<Name>().ok()).map(|name| name.to_string()),
    }
}

/// What a data tool reads, or why there is nothing to read.
struct Source<'a>(Result<DataSource<'a>, CallError>);

/// A dataset and who answers for it.
struct DataSource<'a> {
    backend: &'a dyn Backend,
    dataset: Dataset,
}

impl<'a> Source<'a> {
    fn found(self) -> Result<DataSource<'a>, CallError> {
        self.0
    }
}

/// What lets a call through, or not.
#[derive(Debug)]
pub enum Permit {
    /// A token that the gate has yet to judge.
    Token(Credential),
    /// The gate's proof, for exactly this call.
    Granted(Granted),
    /// Nothing.
    None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;
    use crate::env::Environment;
    use crate::gate::Credential as Presented;

    fn toolbox() -> Toolbox {
        let folder = tempfile::tempdir().unwrap();
        let env = Environment::from_pairs([("M4_DATA_DIR", folder.path())]);
        Toolbox::new(&Config::load(&env, &Flags::new()))
    }

    #[tokio::test]
    async fn proof_for_one_call_opens_no_other_and_no_proof_opens_nothing() {
        let toolbox = toolbox();
        let caller = toolbox.gate().authenticate(Presented::None).await.unwrap();
        let granted = toolbox.authorize(&caller, &Call::Whoami).unwrap();
        toolbox.call(Permit::Granted(granted.clone()), &Call::Whoami).await.unwrap();
        for permit in [Permit::Granted(granted), Permit::None] {
            let refused = toolbox.call(permit, &Call::ListDatasets).await.unwrap_err();
            assert!(matches!(refused, CallError::Rejected(Rejection::MissingToken)), "{refused}");
        }
    }
}
