//! `m4 keys create`: the key goes to stdout, once, and everything else to stderr.

use std::time::Duration;

use auth_core::api_key::KeyName;
use auth_core::scope::ScopeSet;
use auth_core::time::UnixTime;
use mcp_server::api_keys::{self, KeyFileError, NewKey};
use mcp_server::config::{AuthSetting, Config, duration_of};
use schemars::JsonSchema;
use serde::Serialize;

use super::KeyFile;
use crate::Outcome;
use crate::args::CreateKeyArgs;
use crate::failure::Failure;
use crate::output::{Paths, Printer};

pub(super) fn run(args: &CreateKeyArgs, config: &Config, keys: &KeyFile, printer: &Printer) -> Outcome {
    let name = KeyName::parse(&args.name)
        .map_err(|invalid| Failure::usage(invalid.to_string(), "for example: m4 keys create laptop"))?;
    let scopes = scopes(args, config)?;
    let expires_at = expires_at(args, keys.now)?;
    let new =
        api_keys::create(&keys.path, name, scopes, keys.now, expires_at).map_err(|error| match error {
            KeyFileError::Conflict(_) => Failure::Usage(Box::new(error)),
            other => other.into(),
        })?;
    warn(&new, config, printer);
    keys.warn_unless_configured(printer);
    printer.answer(&Report::of(&new, keys, printer.paths()), |printer| {
        printer.data(new.text.expose())?;
        let end = expires_at.map_or_else(|| "until it is revoked".to_owned(), |end| format!("until {end}"));
        printer.note(format_args!(
            "{} works {end}, with the scopes: {}\nit is kept as a hash in {} and cannot be shown again",
            new.key.name(),
            new.key.scopes(),
            keys.path.display()
        ));
        Ok(())
    })
}

/// The new key.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NewKey")]
pub(in crate::commands) struct Report<'a> {
    name: &'a str,
    /// The key itself, which cannot be shown again.
    key: &'a str,
    scopes: Vec<&'a str>,
    created_at: String,
    expires_at: Option<String>,
    /// Where it is kept, as a hash.
    file: String,
}

impl<'a> Report<'a> {
    fn of(new: &'a NewKey, keys: &KeyFile, paths: &Paths) -> Self {
        Self {
            name: new.key.name().as_str(),
            key: new.text.expose(),
            scopes: new.key.scopes().iter().collect(),
            created_at: new.key.created_at().to_string(),
            expires_at: new.key.expires_at().map(|end| end.to_string()),
            file: paths.path(&keys.path),
        }
    }
}

fn scopes(args: &CreateKeyArgs, config: &Config) -> Result<ScopeSet, Failure> {
    let Some(text) = &args.scopes else {
        let scopes = config.api_keys.new_key_scopes.clone();
        if scopes.is_empty() {
            return Err(Failure::mendable(
                "the scopes that every call needs cannot be read from the configuration",
                "correct M4_OAUTH2_REQUIRED_SCOPES (`m4 doctor`), or name the key's scopes with --scopes",
            ));
        }
        return Ok(scopes);
    };
    let scopes = ScopeSet::parse(text)
        .map_err(|error| Failure::usage(error.to_string(), "write them like: --scopes 'read:a query:b'"))?;
    if scopes.is_empty() {
        return Err(Failure::usage(
            "--scopes names no scope",
            "leave it out for the scopes that every call needs",
        ));
    }
    Ok(scopes)
}

fn expires_at(args: &CreateKeyArgs, now: UnixTime) -> Result<Option<UnixTime>, Failure> {
    if args.no_expiry {
        return Ok(None);
    }
    let lasts = duration_of(&args.expires).filter(|lasts| (SHORTEST..=LONGEST).contains(lasts));
    let seconds = lasts.and_then(|lasts| i64::try_from(lasts.as_secs()).ok()).ok_or_else(|| {
        Failure::usage(
            "--expires takes a duration from 1 second to 3650 days",
            "write whole numbers with the units d, h, m, s (90d, 12h), or use --no-expiry",
        )
    })?;
    Ok(Some(now.saturating_add(seconds)))
}

/// What may surprise whoever uses the key.
fn warn(new: &NewKey, config: &Config, printer: &Printer) {
    if new.key.expires_at().is_none() {
        printer.warning("this key never expires: whoever finds it can use it until you revoke it");
    }
    let granted = match &config.auth {
        AuthSetting::Enabled(auth) => {
            let rules = auth.api_keys.as_ref().map(|rules| &rules.scopes);
            let hierarchy = rules.or_else(|| auth.issuers.first().map(|issuer| &issuer.scopes));
            hierarchy.map(|scopes| scopes.implies.expand(new.key.scopes()))
        }
        AuthSetting::Disabled | AuthSetting::Misconfigured(_) => None,
    };
    let missing =
        config.api_keys.new_key_scopes.without(granted.as_ref().unwrap_or_else(|| new.key.scopes()));
    if !missing.is_empty() {
        printer.warning(format_args!("every call needs scopes that this key does not have: {missing}"));
    }
}

const SHORTEST: Duration = Duration::from_secs(1);

/// Ten years; a key that is to last longer is one that never expires.
const LONGEST: Duration = Duration::from_hours(3650 * 24);
