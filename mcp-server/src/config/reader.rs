//! Reads settings out of the merged layers, noting every value's origin and every problem.

use super::issuers;
use super::layers::{Layers, Origin, Raw};
use super::parse::{Invalid, brief};
use super::problem::Problem;
use super::setting::Setting;

/// One setting as it is in effect, fit to be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The setting.
    pub setting: &'static Setting,
    /// Where it holds.
    pub place: Place,
    /// Its value as written, `[redacted]` where it is a secret, `None` where there is none.
    pub value: Option<String>,
    /// Where the value comes from.
    pub origin: Origin,
}

impl Shown {
    /// The setting's key in the file, such as `oauth2.audience` or `oauth2.issuers[1].audience`.
    pub fn key(&self) -> String {
        self.place.key(self.setting)
    }

    /// The variable that can give the value; `None` for a table of the file, which only the file can give.
    pub fn variable(&self) -> Option<&'static str> {
        (self.place == Place::Top).then_some(self.setting.env)
    }
}

/// Where settings stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a section of the file, a variable or a flag.
    Top,
    /// In this `[[oauth2.issuers]]` table of the file, counted from 1.
    Issuer(usize),
}

impl Place {
    /// The key of `setting` here.
    pub(crate) fn key(self, setting: &Setting) -> String {
        match (self, setting.key.split_once('.')) {
            (Self::Issuer(number), Some((section, key))) => {
                format!("{section}.{}[{number}].{key}", issuers::KEY)
            }
            _ => setting.key.to_owned(),
        }
    }
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
        self.read_at(Place::Top, setting, parse)
    }

    /// The parsed value of a setting that is read elsewhere; `None` also where it cannot be used.
    pub(crate) fn peek<T>(
        &self,
        setting: &'static Setting,
        parse: impl FnOnce(&Raw) -> Result<T, Invalid>,
    ) -> Option<T> {
        self.layers.find(setting).and_then(|(raw, _)| parse(&raw).ok())
    }

    /// [`Self::read`] for a place. An issuer's table inherits what it leaves out; a problem with an inherited value was
    /// noted where it stands.
    pub(crate) fn read_at<T>(
        &mut self,
        place: Place,
        setting: &'static Setting,
        parse: impl FnOnce(&Raw) -> Result<T, Invalid>,
    ) -> Option<T> {
        let Some((stands, raw, origin)) = self.find(place, setting) else {
            self.shown.push(Shown { setting, place, value: None, origin: Origin::Default });
            return None;
        };
        self.shown.push(Shown { setting, place, value: Some(show(setting, &raw)), origin: origin.clone() });
        match parse(&raw) {
            Ok(value) => Some(value),
            Err(invalid) if stands == place => {
                self.problems.push(problem(stands, setting, &raw, &origin, invalid));
                None
            }
            Err(_) => None,
        }
    }

    /// Notes that a setting must be given at a place, or be inherited there, unless it is.
    pub(crate) fn require(&mut self, place: Place, setting: &'static Setting, hint: &str) {
        let given = self.find(place, setting).is_some_and(|(.., origin)| origin != Origin::Default);
        if given {
            return;
        }
        let problem = match (place, self.layers.file()) {
            (Place::Issuer(_), Some(file)) => Problem::in_file(file, place.key(setting), "is not set"),
            _ => Problem::new(setting.env, "is not set"),
        };
        self.problems.push(problem.hint(hint));
    }

    /// Notes that a setting does not go with another one.
    pub(crate) fn wrong(&mut self, place: Place, setting: &'static Setting, what: &str, hint: &str) {
        let Some((stands, raw, origin)) = self.find(place, setting) else { return };
        let problem = problem(stands, setting, &raw, &origin, Invalid::new(what).hint(hint));
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// How many tables of issuers the file has.
    pub(crate) fn issuer_tables(&self) -> usize {
        self.layers.issuer_tables()
    }

    /// Whether anybody gave the setting a value.
    pub(crate) fn is_given(&self, setting: &'static Setting) -> bool {
        self.layers.find(setting).is_some_and(|(_, origin)| origin != Origin::Default)
    }

    /// How the place a value was given at is called: `M3_OAUTH2_LEEWAY`, `--backend`, `oauth2.leeway`.
    pub(crate) fn place(&self, setting: &'static Setting) -> String {
        self.layers
            .find(setting)
            .map_or_else(|| setting.env.to_owned(), |(_, origin)| called(Place::Top, setting, &origin))
    }

    /// The value that holds at a place, where it stands and where it comes from.
    fn find(&self, place: Place, setting: &Setting) -> Option<(Place, Raw, Origin)> {
        if let Place::Issuer(number) = place {
            if let Some((raw, origin)) = self.layers.find_of_issuer(number, setting) {
                return Some((place, raw, origin));
            }
            if !issuers::is_inherited(setting) {
                return None;
            }
        }
        self.layers.find(setting).map(|(raw, origin)| (Place::Top, raw, origin))
    }
}

fn problem(place: Place, setting: &Setting, raw: &Raw, origin: &Origin, invalid: Invalid) -> Problem {
    let value = match raw {
        // Credentials that strayed into a URL must not reach a log either.
        Raw::Text(text) if !setting.secret && !text.contains('@') => Some(brief(text)),
        _ => None,
    };
    let problem = match origin {
        Origin::File(path) => Problem::in_file(path, place.key(setting), invalid.what),
        given => Problem::new(called(place, setting, given), invalid.what),
    };
    Problem { value, hint: invalid.hint, ..problem }
}

fn called(place: Place, setting: &Setting, origin: &Origin) -> String {
    match origin {
        Origin::File(_) => place.key(setting),
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
