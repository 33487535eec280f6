//! Configuration: flag > environment > file > default, parsed once, every problem reported at once.
//!
//! Loading never fails and never opens the gate by mistake. [`AuthSetting`] is `Disabled` only where nobody can have meant
//! otherwise:
//!
//! | `M4_OAUTH2_ENABLED` | everything else about OAuth2 | result |
//! |---|---|---|
//! | true | usable and complete | `Enabled` |
//! | true | anything missing or wrong | `Misconfigured` |
//! | not a boolean | – | `Misconfigured` |
//! | not given | nothing wrong | `Disabled`; settings that are given are listed in a warning |
//! | not given | any value wrong | `Misconfigured` |
//! | false, explicitly | any value wrong | `Disabled`, with a warning per mistake |
//! | whatever | a file that cannot be used, an unknown key in it, an unknown `M4_OAUTH2_*` name | `Misconfigured` |
//!
//! With a file of API keys (`M4_API_KEYS_FILE`) nothing ends in `Disabled`: where the table says so, `Enabled` without any
//! issuer admits API keys alone, and any value wrong is `Misconfigured`.
//!
//! The last line holds even for an explicit `false`, because the file or the name could be where OAuth2 was to be enabled.

pub mod api_keys;
pub mod auth;
pub mod backend;
pub mod client;
mod file;
pub mod http;
pub mod issuers;
mod layers;
pub mod limits;
pub mod locations;
pub mod login;
mod parse;
mod problem;
mod reader;
mod scope_hierarchy;
pub mod setting;
mod tool_scopes;

pub use self::api_keys::{ApiKeyRules, ApiKeysConfig};
pub use self::auth::AuthConfig;
pub use self::backend::{BackendConfig, BackendKind};
pub use self::http::{HttpConfig, HttpSetting};
pub use self::issuers::IssuerConfig;
pub use self::layers::{Flags, Origin};
pub use self::limits::{Limits, LogConfig};
pub use self::locations::{ConfigFile, Locations};
pub use self::login::{KeyringUse, LoginConfig};
pub use self::parse::duration_of;
pub use self::problem::{ConfigErrors, Problem, Warning};
pub use self::reader::{Place, Shown};
pub use self::tool_scopes::TOOLS;

use self::layers::Layers;
use self::reader::Reader;
use self::setting::Setting;
use crate::env::Environment;

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whether and how callers are authenticated.
    pub auth: AuthSetting,
    /// Where API keys are kept.
    pub api_keys: ApiKeysConfig,
    /// Which engine answers queries.
    pub backend: BackendConfig,
    /// What bounds a query.
    pub limits: Limits,
    /// What is logged.
    pub log: LogConfig,
    /// What `m4 login` needs.
    pub login: LoginConfig,
    /// Whether and how HTTP is served.
    pub http: HttpSetting,
    /// Where things lie.
    pub locations: Locations,
    problems: ConfigErrors,
    warnings: Vec<Warning>,
    shown: Vec<Shown>,
}

/// Whether and how callers are authenticated.
#[derive(Debug, Clone)]
pub enum AuthSetting {
    /// Nobody asked for authentication.
    Disabled,
    /// Callers need an access token or an API key.
    Enabled(Box<AuthConfig>),
    /// Something is wrong, so nobody gets data.
    Misconfigured(ConfigErrors),
}

impl Config {
    /// Loads everything. Whatever is wrong is in [`Self::auth`], for OAuth2 and the file, or in [`Self::problems`].
    pub fn load(env: &Environment, flags: &Flags) -> Self {
        let config_file = ConfigFile::locate(env);
        let (table, file_problems) = match &config_file {
            Some(found) => match file::read(&found.path, found.named) {
                Ok(table) => (table, Vec::new()),
                Err(problems) => (None, problems),
            },
            None => (None, Vec::new()),
        };
        let with_path = config_file.as_ref().map(|found| found.path.clone()).zip(table.as_ref());
        let layers = Layers::new(env, flags, with_path);

        let mut auth_reader = Reader::new(&layers);
        // What is wrong with API keys shuts the gate whatever OAuth2's switch says: they may be all that guards the data.
        let mut keys_reader = Reader::new(&layers);
        let api_keys = api_keys::read(&mut keys_reader);
        let structural = file_problems.into_iter().chain(keys_reader.problems).collect();
        let (auth, mut warnings) = read_auth(&mut auth_reader, env, structural, &api_keys);
        let mut reader = Reader::new(&layers);
        let backend = backend::read(&mut reader);
        let locations = locations::read(&mut reader, env, config_file.as_ref());
        let limits = limits::read(&mut reader);
        let log = limits::read_log(&mut reader);
        let login = login::read(&mut reader);
        let mut http_reader = Reader::new(&layers);
        let http = http::read(&mut http_reader).with_problems(unknown_names(env, &[HTTP_PREFIX]));
        let mut problems = undecodable(env, |name| !guards(name));
        problems.append(&mut reader.problems);
        warnings.extend(old_names(env));

        let mut shown = auth_reader.shown;
        shown.append(&mut keys_reader.shown);
        shown.append(&mut reader.shown);
        shown.append(&mut http_reader.shown);
        Self {
            auth,
            api_keys,
            backend,
            limits,
            log,
            login,
            http,
            locations,
            problems: problems.into(),
            warnings,
            shown,
        }
    }

    /// What is wrong outside OAuth2. The settings concerned have their defaults, so data must not be served on them
    /// while this is not empty.
    pub const fn problems(&self) -> &ConfigErrors {
        &self.problems
    }

    /// What is wrong with a setting outside OAuth2, which then has its default.
    pub fn problem_with(&self, setting: &Setting) -> Option<&Problem> {
        let shown = self.shown.iter().find(|shown| shown.setting.key == setting.key)?;
        let place = match &shown.origin {
            Origin::Flag(flag) => flag,
            Origin::Env(name) => name.as_str(),
            Origin::File(_) => setting.key,
            Origin::Default => setting.env,
        };
        self.problems.problems().iter().find(|problem| problem.place == place)
    }

    /// What works but should be known. The caller logs each.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Every setting with its value and where that comes from, secrets redacted.
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }

    /// The settings in effect that give a token in place of any login, the one that counts first.
    pub fn token_settings(&self) -> impl Iterator<Item = &Shown> {
        let given = |setting: &Setting| {
            self.shown().iter().find(move |shown| shown.setting.key == setting.key && shown.value.is_some())
        };
        setting::TOKEN_SOURCES.into_iter().filter_map(given)
    }
}

fn read_auth(
    reader: &mut Reader<'_>,
    env: &Environment,
    mut structural: Vec<Problem>,
    api_keys: &ApiKeysConfig,
) -> (AuthSetting, Vec<Warning>) {
    structural.extend(undecodable(env, guards));
    structural.extend(unknown_names(env, &GUARDING_PREFIXES));

    let enabled = reader.read(&setting::OAUTH2_ENABLED, parse::boolean);
    // A value that is no boolean was given by somebody who wanted something: read on as if it said true.
    let switched_on = enabled.unwrap_or(true);
    let switched_off = !switched_on && reader.is_given(&setting::OAUTH2_ENABLED);
    let auth = auth::read(reader, enabled == Some(true), switched_on, api_keys.file.clone());
    let problems = std::mem::take(&mut reader.problems);

    if !structural.is_empty() || (!problems.is_empty() && (!switched_off || api_keys.file.is_some())) {
        structural.extend(problems);
        return (AuthSetting::Misconfigured(structural.into()), Vec::new());
    }
    match auth {
        Some(auth) if auth.api_keys.is_some() && !switched_on => {
            let warning = only_api_keys(reader).filter(|_| !switched_off);
            (AuthSetting::Enabled(Box::new(auth)), warning.into_iter().collect())
        }
        // Nothing that was asked to be guarded is left open, whatever kept the rules from being read.
        None if api_keys.file.is_some() => {
            let problem =
                Problem::new(setting::API_KEYS_FILE.env, "is set, but a setting it needs is missing");
            (AuthSetting::Misconfigured(vec![problem].into()), Vec::new())
        }
        Some(auth) if switched_on => {
            let mut warnings = checks_off(&auth);
            warnings.extend(auth.issuers.iter().filter_map(IssuerConfig::warning));
            (AuthSetting::Enabled(Box::new(auth)), warnings)
        }
        _ if switched_on => {
            let problem = Problem::new("OAuth2", "is enabled, but a required setting is missing");
            (AuthSetting::Misconfigured(vec![problem].into()), Vec::new())
        }
        _ => {
            let mut warnings: Vec<Warning> = problems.into_iter().map(Warning::Dormant).collect();
            if !switched_off {
                warnings.extend(not_enabled(reader));
            }
            (AuthSetting::Disabled, warnings)
        }
    }
}

fn checks_off(auth: &AuthConfig) -> Vec<Warning> {
    let checks = [
        (auth.validate.exp, &setting::OAUTH2_VALIDATE_EXP),
        (auth.validate.aud, &setting::OAUTH2_VALIDATE_AUD),
        (auth.validate.iss, &setting::OAUTH2_VALIDATE_ISS),
    ];
    checks.into_iter().filter(|(on, _)| !on).map(|(_, setting)| Warning::CheckOff(setting)).collect()
}

fn not_enabled(reader: &Reader<'_>) -> Option<Warning> {
    let given: Vec<String> = setting::ALL
        .iter()
        .filter(|setting| setting.is_oauth2() && reader.is_given(setting))
        .map(|setting| reader.place(setting))
        .chain((reader.issuer_tables() > 0).then(|| format!("oauth2.{}", issuers::KEY)))
        .collect();
    (!given.is_empty()).then_some(Warning::NotEnabled(given))
}

/// What is given and has no meaning where only API keys are let in.
fn only_api_keys(reader: &Reader<'_>) -> Option<Warning> {
    let of_tokens = [&setting::OAUTH2_ISSUER_URL, &setting::OAUTH2_AUDIENCE, &setting::OAUTH2_JWKS_URL];
    let given: Vec<String> = of_tokens
        .into_iter()
        .filter(|setting| reader.is_given(setting))
        .map(|setting| reader.place(setting))
        .chain((reader.issuer_tables() > 0).then(|| format!("oauth2.{}", issuers::KEY)))
        .collect();
    (!given.is_empty()).then_some(Warning::OnlyApiKeys(given))
}

/// Variables under these prefixes that are no settings.
fn unknown_names(env: &Environment, prefixes: &[&str]) -> Vec<Problem> {
    prefixes
        .iter()
        .flat_map(|prefix| env.names_under(prefix))
        .filter(|(name, _)| Setting::by_env(name).is_none())
        .map(|(name, set_as)| {
            let has_prefix = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
            let known = setting::ALL.iter().map(|setting| setting.env).filter(|name| has_prefix(name));
            let hint = setting::nearest(&name, known)
                .map_or_else(|| "unset it".to_owned(), |near| format!("did you mean {near}?"));
            Problem::new(set_as, "is not a setting").hint(hint)
        })
        .collect()
}

fn undecodable(env: &Environment, concerned: impl Fn(&str) -> bool) -> Vec<Problem> {
    env.not_utf8()
        .into_iter()
        .filter(|(name, _)| concerned(name) && (guards(name) || is_known(name)))
        .map(|(_, set_as)| Problem::new(set_as, "is not UTF-8 text"))
        .collect()
}

fn old_names(env: &Environment) -> impl Iterator<Item = Warning> {
    env.aliases().into_iter().filter(|alias| is_known(&alias.name)).map(Warning::OldName)
}

fn is_known(name: &str) -> bool {
    Setting::by_env(name).is_some() || LOCATION_NAMES.contains(&name)
}

/// Whether a variable of this name says, or was meant to say, who is let in.
fn guards(name: &str) -> bool {
    GUARDING_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The second without its last letter: `M4_API_KEY_FILE` is a slip that must not leave the data open.
const GUARDING_PREFIXES: [&str; 2] = ["M4_OAUTH2_", "M4_API_KEY"];

/// Names under which the HTTP server is told how careful to be.
const HTTP_PREFIX: &str = "M4_HTTP_";

/// Names that only the environment can give, because they say where the file is.
const LOCATION_NAMES: [&str; 2] = ["M4_CONFIG", "M4_HOME"];

#[cfg(test)]
mod tests;
