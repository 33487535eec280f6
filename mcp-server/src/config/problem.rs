//! What is wrong with a configuration, all of it at once, and what is merely worth a warning.

use std::fmt;
use std::path::{Path, PathBuf};

use super::setting::Setting;
use crate::env::Alias;
use crate::error::{Explain, codes};

/// One thing that is wrong, with the way to mend it. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is: a variable, a flag or a key of the file; empty where the file as a whole is wrong.
    pub place: String,
    /// The file it is in, if it is in one.
    pub file: Option<PathBuf>,
    /// What is wrong there, without full stop.
    pub what: String,
    /// The value that is wrong, shortened; `None` where it is a secret or says nothing.
    pub value: Option<String>,
    /// What to do about it; callers read it, so it holds no path and no value.
    pub hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), file: None, what: what.into(), value: None, hint: None }
    }

    /// A problem in a file; `place` is the key, or empty for the file as a whole.
    pub(crate) fn in_file(file: &Path, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { file: Some(file.to_owned()), ..Self::new(place, what) }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Problem {
    /// For the operator: with paths and values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.place.as_str()) {
            (Some(file), "") => write!(f, "{} {}", file.display(), self.what)?,
            (Some(file), place) => write!(f, "{place} in {} {}", file.display(), self.what)?,
            (None, place) => write!(f, "{place} {}", self.what)?,
        }
        self.value.as_ref().map_or(Ok(()), |value| write!(f, " (`{value}`)"))
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigErrors(Vec<Problem>);

impl ConfigErrors {
    /// The problems, in the order the settings are documented.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }

    /// The same for a caller, who may be anybody: no paths and no values.
    pub fn for_callers(&self) -> String {
        let said: Vec<String> = self
            .0
            .iter()
            .map(|problem| match problem.place.as_str() {
                "" => format!("the configuration file {}", problem.what),
                place => format!("{place} {}", problem.what),
            })
            .collect();
        said.join("; ")
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<Problem>> for ConfigErrors {
    fn from(problems: Vec<Problem>) -> Self {
        Self(problems)
    }
}

impl fmt::Display for ConfigErrors {
    /// `A is missing; B is not a duration`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl Explain for ConfigErrors {
    fn hint(&self) -> Option<String> {
        let mut hints: Vec<&str> = Vec::new();
        for hint in self.0.iter().filter_map(|problem| problem.hint.as_deref()) {
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
        (!hints.is_empty()).then(|| hints.join("; "))
    }

    fn code(&self) -> &'static str {
        codes::MISCONFIGURED
    }
}

/// Something that works but that the operator should know. The caller logs it; `Display` is one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A variable of a program M4 replaces is set.
    OldName(Alias),
    /// A check of tokens is switched off by this setting.
    CheckOff(&'static Setting),
    /// ID tokens of this issuer count as access tokens.
    IdTokens(String),
    /// These OAuth2 settings are given, but OAuth2 is not enabled.
    NotEnabled(Vec<String>),
    /// These settings say which tokens are let in, but only API keys are.
    OnlyApiKeys(Vec<String>),
    /// OAuth2 is switched off explicitly, so this mistake has no effect yet.
    Dormant(Problem),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OldName(Alias { old, name, in_effect: true }) => {
                write!(f, "{old} is deprecated: rename it to {name}")
            }
            Self::OldName(Alias { old, name, in_effect: false }) => {
                write!(f, "{old} is deprecated and ignored: another variable sets {name}")
            }
            Self::CheckOff(setting) => {
                write!(f, "{} is off: tokens that fail this check are let in", setting.env)
            }
            Self::IdTokens(issuer) => write!(
                f,
                "M4_OAUTH2_ACCEPT_ID_TOKENS is on for {issuer}: whoever holds an ID token of it, which is meant for a client and \
                 grants nothing, is let in"
            ),
            Self::NotEnabled(names) => {
                let verb = if names.len() == 1 { "is" } else { "are" };
                write!(
                    f,
                    "{} {verb} set, but M4_OAUTH2_ENABLED is not true: data is served without authentication",
                    names.join(", ")
                )
            }
            Self::OnlyApiKeys(names) => {
                let verb = if names.len() == 1 { "is" } else { "are" };
                write!(
                    f,
                    "{} {verb} set, but M4_OAUTH2_ENABLED is not true: only API keys are let in, and no access token",
                    names.join(", ")
                )
            }
            Self::Dormant(problem) => write!(f, "{problem} (no effect while OAuth2 is disabled)"),
        }
    }
}
