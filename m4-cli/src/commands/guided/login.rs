//! Logging in, where a client's server wants tokens and there is none yet.

use auth_core::oauth::client::resource_metadata::ResourceUrl;
use mcp_server::config::{AuthSetting, Config, Flags, setting};
use mcp_server::credentials::TokenSource;
use serde_json::{Map, Value};

use super::Guide;
use crate::Outcome;

/// What a server wants of its callers' tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct Wanted {
    issuer: String,
    audience: String,
    scopes: Option<String>,
}

/// How it stands with the caller's own token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) enum Standing {
    /// Nobody needs one.
    NotNeeded,
    /// There is one.
    There,
    /// There is none.
    Missing(Wanted),
    /// The settings for tokens are wrong, as `m4 doctor` explains.
    Unclear,
}

/// Looks whether the server that is started with these variables would have a token to go by.
pub(in crate::commands) fn standing(guide: &Guide<'_>, variables: &Map<String, Value>) -> Standing {
    let text =
        |setting: &setting::Setting| variables.get(setting.env).and_then(Value::as_str).map(str::to_owned);
    let issuer = text(&setting::OAUTH2_ISSUER_URL);
    let flags = Flags::new()
        .with(&setting::OAUTH2_ENABLED, "the client's entry", text(&setting::OAUTH2_ENABLED))
        .with(&setting::OAUTH2_ISSUER_URL, "the client's entry", issuer)
        .with(&setting::OAUTH2_AUDIENCE, "the client's entry", text(&setting::OAUTH2_AUDIENCE))
        .with(&setting::OAUTH2_REQUIRED_SCOPES, "the client's entry", text(&setting::OAUTH2_REQUIRED_SCOPES));
    let config = Config::load(guide.env, &flags);
    let auth = match &config.auth {
        AuthSetting::Disabled => return Standing::NotNeeded,
        AuthSetting::Misconfigured(_) => return Standing::Unclear,
        AuthSetting::Enabled(auth) => auth,
    };
    let [issuer] = auth.issuers.as_slice() else {
        return if auth.issuers.is_empty() { Standing::NotNeeded } else { Standing::Unclear };
    };
    if TokenSource::from_config(auth, &config).is_any() {
        return Standing::There;
    }
    let scopes = issuer.scopes.base.to_string();
    Standing::Missing(Wanted {
        issuer: issuer.issuer.as_str().to_owned(),
        audience: issuer.audiences.join(","),
        scopes: (!scopes.is_empty()).then_some(scopes),
    })
}

/// Asks how to log in, and does.
pub(in crate::commands) fn log_in(guide: &mut Guide<'_>, wanted: &Wanted) -> Outcome {
    let choices = [
        ("in the browser of this machine".to_owned(), Some(None)),
        ("on another device, with a short code".to_owned(), Some(Some("--device"))),
        ("in a browser elsewhere, pasting the address it ends at".to_owned(), Some(Some("--no-browser"))),
        ("later".to_owned(), None),
    ];
    let way = *guide.choose("How do you want to log in?", &choices, 0)?;
    let words = wanted.words();
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    match way {
        Some(way) => {
            words.extend(way);
            guide.command(&words)
        }
        None => {
            guide.printer.note(format_args!("later: m4 {}", words.join(" ")));
            Ok(())
        }
    }
}

impl Wanted {
    /// The command that logs in for this server.
    pub(in crate::commands) fn words(&self) -> Vec<String> {
        let mut words = vec!["login".to_owned(), "--issuer".to_owned(), self.issuer.clone()];
        let resource =
            self.audience.split(',').map(str::trim).find(|audience| ResourceUrl::parse(audience).is_ok());
        let options = [("--scope", self.scopes.as_deref()), ("--resource", resource)];
        for (option, value) in options.into_iter().filter_map(|(option, value)| Some((option, value?))) {
            words.extend([option.to_owned(), value.to_owned()]);
        }
        words
    }
}
