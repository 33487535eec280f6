//! OAuth2: whether, and if so whose tokens. The issuer is asked for its keys as soon as it is named.

use mcp_server::config::{AuthSetting, Config, Flags, setting};
use serde_json::{Map, Value};

use super::Guide;
use crate::Outcome;
use crate::args::ServerArgs;
use crate::commands::doctor::finding::Finding;
use crate::commands::doctor::issuer;
use crate::failure::Failure;

/// Asks, and puts the answers where the command line's options would be. `entry` holds the variables of the client's entry
/// that is there: what it says is usual.
pub(in crate::commands) fn ask(
    guide: &mut Guide<'_>,
    entry: &Map<String, Value>,
    server: &mut ServerArgs,
) -> Outcome {
    let usual = Known::of(guide, entry);
    if !guide.person.confirm("Let in only callers with an OAuth2 token?", usual.is_on)? {
        server.disable_oauth2 = usual.is_on;
        return Ok(());
    }
    let Some(issuer) = issuer_of(guide, usual.issuer.as_deref())? else {
        server.disable_oauth2 = usual.is_on;
        return Ok(());
    };
    let audience = usual.audience.unwrap_or_else(|| AUDIENCE.to_owned());
    let audience = guide.line("Audience (what its tokens name in `aud`)", Some(&audience), |text| {
        misconfigured(&Config::load(guide.env, &flags(&issuer, text, None)))
    })?;
    let scopes = usual.scopes.unwrap_or_else(|| SCOPES.to_owned());
    let scopes = guide.line("Scopes that every call needs, separated by commas", Some(&scopes), |text| {
        misconfigured(&Config::load(guide.env, &flags(&issuer, &audience, Some(text))))
    })?;
    server.enable_oauth2 = true;
    server.oauth2_issuer = Some(issuer);
    server.oauth2_audience = Some(audience);
    server.oauth2_scopes = Some(scopes);
    Ok(())
}

/// The configuration that these answers come to, as flags over the environment.
pub(in crate::commands) fn flags(issuer: &str, audience: &str, scopes: Option<&str>) -> Flags {
    Flags::new()
        .with(&setting::OAUTH2_ENABLED, "--enable-oauth2", Some("true".to_owned()))
        .with(&setting::OAUTH2_ISSUER_URL, "--oauth2-issuer", Some(issuer.to_owned()))
        .with(&setting::OAUTH2_AUDIENCE, "--oauth2-audience", Some(audience.to_owned()))
        .with(&setting::OAUTH2_REQUIRED_SCOPES, "--oauth2-scopes", scopes.map(str::to_owned))
}

/// What these answers are as variables of a client's entry.
pub(in crate::commands) fn variables(server: &ServerArgs) -> Map<String, Value> {
    let answers = [
        (setting::OAUTH2_ENABLED.env, server.enable_oauth2.then(|| "true".to_owned())),
        (setting::OAUTH2_ISSUER_URL.env, server.oauth2_issuer.clone()),
        (setting::OAUTH2_AUDIENCE.env, server.oauth2_audience.clone()),
        (setting::OAUTH2_REQUIRED_SCOPES.env, server.oauth2_scopes.clone()),
    ];
    answers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?)))).collect()
}

/// An issuer whose keys verify tokens, or one that the person wants all the same; `None` where they gave up.
fn issuer_of(guide: &mut Guide<'_>, usual: Option<&str>) -> Result<Option<String>, Failure> {
    let mut usual = usual.map(str::to_owned);
    loop {
        let answer =
            guide.line("Issuer (exactly as its tokens spell it in `iss`)", usual.as_deref(), |text| {
                misconfigured(&Config::load(guide.env, &flags(text, AUDIENCE, None)))
            })?;
        guide.printer.note(format_args!("  asking {answer} for its keys …"));
        let findings = issuer::look(&Config::load(guide.env, &flags(&answer, AUDIENCE, None)));
        for finding in &findings {
            guide.printer.ask(finding);
        }
        if !findings.iter().any(Finding::is_failure) {
            return Ok(Some(answer));
        }
        let choices = [
            ("correct the issuer".to_owned(), Next::Correct),
            ("go on all the same: every call is refused until its keys can be had".to_owned(), Next::GoOn),
            ("leave OAuth2 off".to_owned(), Next::Off),
        ];
        let default = usize::from(!guide.person.may_think_again());
        match guide.choose("This issuer does not work. What now?", &choices, default)? {
            Next::Correct => usual = Some(answer),
            Next::GoOn => return Ok(Some(answer)),
            Next::Off => return Ok(None),
        }
    }
}

/// What stands against a configuration, if something does.
fn misconfigured(config: &Config) -> Result<(), String> {
    let AuthSetting::Misconfigured(errors) = &config.auth else { return Ok(()) };
    let said: Vec<String> = errors
        .problems()
        .iter()
        .map(|problem| match &problem.hint {
            Some(hint) => format!("{problem}: {hint}"),
            None => problem.to_string(),
        })
        .collect();
    Err(said.join("\n  "))
}

/// What is usual for this person: what the client's entry says, else the settings.
struct Known {
    is_on: bool,
    issuer: Option<String>,
    audience: Option<String>,
    scopes: Option<String>,
}

impl Known {
    fn of(guide: &Guide<'_>, entry: &Map<String, Value>) -> Self {
        let config = Config::load(guide.env, &Flags::new());
        let value = |setting: &setting::Setting| {
            let of_entry = entry.get(setting.env).and_then(Value::as_str);
            let shown =
                || config.shown().iter().find(|shown| shown.setting.key == setting.key)?.value.clone();
            of_entry.map(str::to_owned).or_else(shown)
        };
        Self {
            is_on: value(&setting::OAUTH2_ENABLED).is_some_and(|text| text == "true"),
            issuer: value(&setting::OAUTH2_ISSUER_URL),
            audience: value(&setting::OAUTH2_AUDIENCE),
            scopes: value(&setting::OAUTH2_REQUIRED_SCOPES),
        }
    }
}

enum Next {
    Correct,
    GoOn,
    Off,
}

/// The documentation's audience and scope.
const AUDIENCE: &str = "m4-api";
const SCOPES: &str = "read:mimic-data";
