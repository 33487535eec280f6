//! Reads settings out of the merged layers, noting every value's origin and every problem.

use super::layers::{Layers, Origin, Raw};
use super::parse::{Invalid, brief};
use super::problem::Problem;
use super::setting::Setting;

/// One setting as it is in effect, fit to be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The setting.
    pub setting: &'static Setting,
    /// Its value as written, `[redacted]` where it is a secret, `None` where there is none.
    pub value: Option<String>,
    /// Where the value comes from.
    pub origin: Origin,
}

/// Reads settings and remembers what it saw.
pub(crate) struct Reader<'a> {
    layers: &'a Layers<'a>,
    pub(crate) shown: Vec<Shown>,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(layers: &'a Layers<'a>) -> Self {
        Self { layers, shown: Vec::new(), problems: Vec::new() }
    }

    /// The parsed value; `None` when there is none or it cannot be used, in which case the problem is noted.
    pub(crate) fn read<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl FnOnce(&Raw) -> Result<T, Invalid>,
    ) -> Option<T> {
        let Some((raw, origin)) = self.layers.find(setting) else {
            self.shown.push(Shown { setting, value: None, origin: Origin::Default });
            return None;
        };
        self.shown.push(Shown { setting, value: Some(show(setting, &raw)), origin: origin.clone() });
        match parse(&raw) {
            Ok(value) => Some(value),
            Err(invalid) => {
                self.problems.push(problem(setting, &raw, &origin, invalid));
                None
            }
        }
    }

    /// Notes that a setting must be given.
    pub(crate) fn missing(&mut self, setting: &'static Setting, hint: &str) {
        self.problems.push(Problem::new(setting.env, "is not set").hint(hint));
    }

    /// Whether anybody gave the setting a value.
    pub(crate) fn is_given(&self, setting: &'static Setting) -> bool {
        self.layers.find(setting).is_some_and(|(_, origin)| origin != Origin::Default)
    }

    /// How the place a value was given at is called: `M3_OAUTH2_LEEWAY`, `--backend`, `oauth2.leeway`.
    pub(crate) fn place(&self, setting: &'static Setting) -> String {
        self.layers
            .find(setting)
            .map_or_else(|| setting.env.to_owned(), |(_, origin)| place(setting, &origin))
    }
}

fn problem(setting: &Setting, raw: &Raw, origin: &Origin, invalid: Invalid) -> Problem {
    let value = match raw {
        // Credentials that strayed into a URL must not reach a log either.
        Raw::Text(text) if !setting.secret && !text.contains('@') => Some(brief(text)),
        _ => None,
    };
    let problem = match origin {
        Origin::File(path) => Problem::in_file(path, setting.key, invalid.what),
        given => Problem::new(place(setting, given), invalid.what),
    };
    Problem { value, hint: invalid.hint, ..problem }
}

fn place(setting: &Setting, origin: &Origin) -> String {
    match origin {
        Origin::File(_) => setting.key.to_owned(),
        Origin::Default => setting.env.to_owned(),
        given => given.to_string(),
    }
}

fn show(setting: &Setting, raw: &Raw) -> String {
    match raw {
        // A plain word such as `memory` is no secret even where a URL with a password could stand.
        Raw::Text(text) if setting.default == Some(text) => text.clone(),
        _ if setting.secret => REDACTED.to_owned(),
        Raw::Text(text) if text.contains('@') && text.contains("://") => REDACTED.to_owned(),
        Raw::Text(text) => text.clone(),
        Raw::List(items) => items.join(", "),
        Raw::Other(kind) => format!("({kind})"),
    }
}

const REDACTED: &str = "[redacted]";
