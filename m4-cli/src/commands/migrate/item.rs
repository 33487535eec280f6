//! One thing that may be taken over, and how that goes.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Paths;

/// What takes it over; says what came of it.
type Work<'a> = Box<dyn FnOnce() -> Result<String, Failure> + 'a>;

/// One thing that may be taken over.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MigrateItem")]
pub(in crate::commands) struct Item<'a> {
    /// What it is.
    kind: Kind,
    /// What it is called.
    name: String,
    pub(super) state: State,
    /// What happens to it, or why nothing does.
    detail: String,
    /// What to do about it, where something can be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
    #[serde(skip)]
    #[schemars(skip)]
    work: Option<Work<'a>>,
}

/// What a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// A data folder of the Python package.
    Folder,
    /// A dataset's definition.
    Definition,
    /// A dataset's files, from which its database is made.
    Dataset,
    /// A setting.
    Setting,
    /// A login of FluidMCP.
    Login,
    /// A server's entry in a client's configuration.
    Client,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// `--apply` takes it over.
    ToDo,
    /// It was taken over now.
    TakenOver,
    /// It is here already.
    Done,
    /// It is not taken over, and need not be.
    Skipped,
    /// It cannot be taken over.
    Problem,
}

impl<'a> Item<'a> {
    pub(super) fn to_do(
        kind: Kind,
        name: impl Into<String>,
        detail: impl Into<String>,
        work: impl FnOnce() -> Result<String, Failure> + 'a,
    ) -> Self {
        Self { work: Some(Box::new(work)), ..Self::with(State::ToDo, kind, name, detail) }
    }

    pub(super) fn done(kind: Kind, name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::with(State::Done, kind, name, detail)
    }

    pub(super) fn skipped(kind: Kind, name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::with(State::Skipped, kind, name, detail)
    }

    pub(super) fn problem(kind: Kind, name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::with(State::Problem, kind, name, detail)
    }

    /// What could not be planned.
    pub(super) fn failed(kind: Kind, name: impl Into<String>, failure: &Failure) -> Self {
        let mut item = Self::problem(kind, name, "");
        item.say(failure);
        item
    }

    fn say(&mut self, failure: &Failure) {
        if let Some(error) = failure.reason() {
            self.detail = mcp_server::error::in_one_line(error);
            self.mend = error.hint();
        }
    }

    fn with(state: State, kind: Kind, name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind, name: name.into(), state, detail: detail.into(), mend: None, work: None }
    }

    pub(super) fn mend(self, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }

    /// Takes it over, where there is anything to do. What fails is a problem of this thing alone.
    pub(super) fn apply(&mut self) {
        let Some(work) = self.work.take() else { return };
        match work() {
            Ok(detail) => (self.state, self.detail) = (State::TakenOver, detail),
            Err(failure) => {
                self.state = State::Problem;
                self.say(&failure);
            }
        }
    }

    /// Leaves only such paths in it as may be shown.
    pub(super) fn show_paths_as(&mut self, paths: &Paths) {
        self.name = paths.in_text(&self.name);
        self.detail = paths.in_text(&self.detail);
        if let Some(mend) = &mut self.mend {
            *mend = paths.in_text(mend);
        }
    }

    /// A row of the table.
    pub(super) fn row(&self) -> Vec<Option<String>> {
        [self.kind.to_string(), self.name.clone(), self.state.to_string(), self.detail.clone()]
            .map(Some)
            .into()
    }

    /// What to do about it, with its name.
    pub(super) fn advice(&self) -> Option<String> {
        self.mend.as_ref().map(|mend| format!("{} {}: {mend}", self.kind, self.name))
    }
}

impl fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: {} ({:?})", self.kind, self.name, self.state, self.detail, self.mend)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder => "folder",
            Self::Definition => "definition",
            Self::Dataset => "dataset",
            Self::Setting => "setting",
            Self::Login => "login",
            Self::Client => "client",
        })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ToDo => "to do",
            Self::TakenOver => "taken over",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Problem => "problem",
        })
    }
}
