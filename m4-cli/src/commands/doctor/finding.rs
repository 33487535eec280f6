//! One thing the doctor looked at.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::output::Paths;

/// One thing the doctor looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(in crate::commands) struct Finding {
    /// What was looked at, for scripts: it does not change.
    pub(super) check: &'static str,
    pub(super) status: Status,
    /// What was seen.
    pub(super) what: String,
    /// Why it matters; empty where all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<String>,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mend: Option<String>,
}

/// How it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::commands) enum Status {
    /// As it should be.
    Ok,
    /// It works, though perhaps not as meant.
    Warn,
    /// It keeps M4 from working.
    Fail,
}

impl Finding {
    pub(super) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, what: what.into(), cause: None, mend: None }
    }

    pub(super) fn warn(check: &'static str, what: impl Into<String>) -> Self {
        Self { status: Status::Warn, ..Self::ok(check, what) }
    }

    pub(super) fn fail(check: &'static str, what: impl Into<String>) -> Self {
        Self { status: Status::Fail, ..Self::ok(check, what) }
    }

    /// Whether it keeps M4 from working.
    pub(in crate::commands) const fn is_failure(&self) -> bool {
        matches!(self.status, Status::Fail)
    }

    /// Leaves only such paths in it as may be shown.
    pub(super) fn show_paths_as(&mut self, paths: &Paths) {
        self.what = paths.in_text(&self.what);
        for text in [&mut self.cause, &mut self.mend].into_iter().flatten() {
            *text = paths.in_text(text);
        }
    }

    pub(super) fn because(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    pub(super) fn mend(self, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }
}

/// In four columns.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok  ",
            Self::Warn => "warn",
            Self::Fail => "fail",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:<9} {}", self.status, self.check, self.what)?;
        if let Some(cause) = &self.cause {
            write!(f, "\n{:15}cause: {cause}", "")?;
        }
        if let Some(mend) = &self.mend {
            write!(f, "\n{:15}mend:  {mend}", "")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_lines_up_with_its_cause_and_its_mending() {
        let bad = Finding::fail("server", "m4-mcp-server was not found")
            .because("it is not here")
            .mend("install it");
        insta::assert_snapshot!(format!("{bad}\n{}", Finding::ok("config", "no mistakes")), @r"
        fail server    m4-mcp-server was not found
                       cause: it is not here
                       mend:  install it
        ok   config    no mistakes
        ");
    }
}
