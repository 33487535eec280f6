//! Flag > environment > file > default, merged with figment. No other file knows figment.

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use std::path::{Path, PathBuf};

use super::issuers;
use super::setting::{self, Setting};
use crate::env::Environment;

/// Values given on a command line.
#[derive(Debug, Clone, Default)]
pub struct Flags(Vec<(&'static Setting, &'static str, String)>);

impl Flags {
    /// No flags.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what `flag` was given; `None` (the flag is absent) adds nothing, so it hides no other layer.
    #[must_use]
    pub fn with(mut self, setting: &'static Setting, flag: &'static str, value: Option<String>) -> Self {
        self.0.extend(value.map(|value| (setting, flag, value)));
        self
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This flag.
    Flag(&'static str),
    /// This environment variable, by the name it is set under.
    Env(String),
    /// This file.
    File(PathBuf),
    /// Nobody gave it.
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Env(name) => f.write_str(name),
            Self::File(path) => path.display().fmt(f),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value before its setting's parser has seen it. A file's numbers and switches arrive as the text one would write.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Raw {
    Text(String),
    List(Vec<String>),
    /// Something no setting takes, by its kind.
    Other(&'static str),
}

/// The merged layers.
pub(crate) struct Layers<'a> {
    merged: Figment,
    env: &'a Environment,
    flags: &'a Flags,
    file: Option<(PathBuf, &'a toml::Table)>,
}

impl<'a> Layers<'a> {
    /// Merges the layers; `file` is the file's path and content.
    pub(crate) fn new(
        env: &'a Environment,
        flags: &'a Flags,
        file: Option<(PathBuf, &'a toml::Table)>,
    ) -> Self {
        let mut merged = Figment::new().merge(Layer::new(DEFAULT, default_pairs()));
        if let Some((_, table)) = &file {
            merged = merged.merge(Layer::new(FILE, file_pairs(table)));
        }
        merged =
            merged.merge(Layer::new(ENVIRONMENT, env_pairs(env))).merge(Layer::new(FLAGS, flag_pairs(flags)));
        Self { merged, env, flags, file }
    }

    /// The value in effect and where it comes from.
    pub(crate) fn find(&self, setting: &Setting) -> Option<(Raw, Origin)> {
        let value = self.merged.find_value(setting.key).ok()?;
        let layer = self.merged.find_metadata(setting.key).map_or(DEFAULT, |metadata| metadata.name.as_ref());
        let origin = match layer {
            FLAGS => self
                .flags
                .0
                .iter()
                .rev()
                .find(|(of, ..)| of.key == setting.key)
                .map(|(_, flag, _)| Origin::Flag(flag)),
            ENVIRONMENT => self.env.lookup(setting.env).map(|(set_as, _)| Origin::Env(set_as.to_owned())),
            FILE => self.file().map(|path| Origin::File(path.to_owned())),
            _ => None,
        };
        Some((raw(value), origin.unwrap_or(Origin::Default)))
    }

    /// What the file's table of an issuer, counted from 1, says itself.
    pub(crate) fn find_of_issuer(&self, number: usize, setting: &Setting) -> Option<(Raw, Origin)> {
        let (path, _) = self.file.as_ref()?;
        let (_, key) = setting.key.split_once('.')?;
        let value = given(self.tables().get(number.checked_sub(1)?)?.get(key)?)?;
        Some((raw(value), Origin::File(path.clone())))
    }

    /// How many tables of issuers the file has.
    pub(crate) fn issuer_tables(&self) -> usize {
        self.tables().len()
    }

    /// The file's path, if there is a file.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_ref().map(|(path, _)| path.as_path())
    }

    fn tables(&self) -> &[toml::Value] {
        let tables =
            self.file.as_ref().and_then(|(_, table)| table.get("oauth2")?.get(issuers::KEY)?.as_array());
        tables.map_or(&[], Vec::as_slice)
    }
}

/// One layer: full keys and their values.
struct Layer {
    name: &'static str,
    values: Dict,
}

impl Layer {
    fn new(name: &'static str, pairs: impl IntoIterator<Item = (&'static Setting, Value)>) -> Self {
        let mut values = Dict::new();
        for (setting, value) in pairs {
            let (section, key) = setting.key.split_once('.').unwrap_or(("", setting.key));
            let entry = values.entry(section.to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, section) = entry {
                section.insert(key.to_owned(), value);
            }
        }
        Self { name, values }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

fn default_pairs() -> impl Iterator<Item = (&'static Setting, Value)> {
    setting::ALL.iter().filter_map(|setting| Some((*setting, Value::from(setting.default?))))
}

/// The values of known settings; an empty string is left out because it means "not set".
fn file_pairs(table: &toml::Table) -> impl Iterator<Item = (&'static Setting, Value)> {
    setting::ALL.iter().filter_map(|setting| {
        let (section, key) = setting.key.split_once('.')?;
        let value = table.get(section)?.as_table()?.get(key)?;
        Some((*setting, given(value)?))
    })
}

fn given(value: &toml::Value) -> Option<Value> {
    let empty = value.as_str().is_some_and(str::is_empty);
    if empty { None } else { Value::serialize(value).ok() }
}

fn env_pairs(env: &Environment) -> impl Iterator<Item = (&'static Setting, Value)> {
    setting::ALL.iter().filter_map(|setting| Some((*setting, Value::from(env.get(setting.env)?))))
}

fn flag_pairs(flags: &Flags) -> impl Iterator<Item = (&'static Setting, Value)> {
    flags.0.iter().map(|(setting, _, value)| (*setting, Value::from(value.as_str())))
}

fn raw(value: Value) -> Raw {
    match value {
        Value::String(_, text) => Raw::Text(text),
        Value::Bool(_, on) => Raw::Text(on.to_string()),
        Value::Num(_, number) => match (number.to_i128(), number.to_u128()) {
            (Some(whole), _) => Raw::Text(whole.to_string()),
            (None, Some(whole)) => Raw::Text(whole.to_string()),
            (None, None) => Raw::Other("a fraction"),
        },
        Value::Array(_, items) => items
            .into_iter()
            .map(Value::into_string)
            .collect::<Option<_>>()
            .map_or(Raw::Other("a list of something else than text"), Raw::List),
        Value::Dict(..) => Raw::Other("a table"),
        Value::Char(_, text) => Raw::Text(text.to_string()),
        Value::Empty(..) => Raw::Other("nothing"),
    }
}

const FLAGS: &str = "flags";
const ENVIRONMENT: &str = "environment";
const FILE: &str = "file";
const DEFAULT: &str = "default";

#[cfg(test)]
mod tests {
    use super::*;

    fn find(flag: Option<&str>, env: &str, file: &str) -> Option<(String, Origin)> {
        let flags = Flags::new().with(&setting::BACKEND, "--backend", flag.map(str::to_owned));
        let env = Environment::from_pairs([("M4_BACKEND", env)]);
        let table: toml::Table = file.parse().unwrap();
        let layers = Layers::new(&env, &flags, Some((PathBuf::from("/c.toml"), &table)));
        layers.find(&setting::BACKEND).map(|(raw, origin)| match raw {
            Raw::Text(text) => (text, origin),
            Raw::List(_) | Raw::Other(_) => panic!("not text"),
        })
    }

    #[test]
    fn each_layer_hides_those_below_it_and_says_so() {
        let file = "[backend]\nname = 'file'";
        assert_eq!(find(Some("flag"), "env", file), Some(("flag".into(), Origin::Flag("--backend"))));
        assert_eq!(find(None, "env", file), Some(("env".into(), Origin::Env("M4_BACKEND".into()))));
        assert_eq!(find(None, "", file), Some(("file".into(), Origin::File("/c.toml".into()))));
        assert_eq!(find(None, "", "[backend]\nname = ''"), Some(("duckdb".into(), Origin::Default)));
    }

    #[test]
    fn an_alias_is_named_as_it_is_set() {
        let env = Environment::from_pairs([("M3_BACKEND", "bigquery")]);
        let flags = Flags::new();
        let layers = Layers::new(&env, &flags, None);
        let (_, origin) = layers.find(&setting::BACKEND).unwrap();
        assert_eq!(origin, Origin::Env("M3_BACKEND".into()));
    }

    #[test]
    fn a_files_numbers_and_switches_become_text() {
        let table: toml::Table =
            "[oauth2]\nenabled = true\nleeway = 30\naudience = ['a', 'b']".parse().unwrap();
        let (env, flags) = (Environment::default(), Flags::new());
        let layers = Layers::new(&env, &flags, Some((PathBuf::from("/c.toml"), &table)));
        let value = |setting| layers.find(setting).unwrap().0;
        assert!(value(&setting::OAUTH2_ENABLED) == Raw::Text("true".into()));
        assert!(value(&setting::OAUTH2_LEEWAY) == Raw::Text("30".into()));
        assert!(value(&setting::OAUTH2_AUDIENCE) == Raw::List(vec!["a".into(), "b".into()]));
    }
}
