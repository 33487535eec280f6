//! The entry that makes a client start the server, or connect to it.
//!
//! A token is never put in: client configurations are copied, synchronised and pasted into bug reports.

use std::path::Path;

use mcp_server::config::setting::{self, Setting};
use mcp_server::config::{AuthSetting, Config, Flags};
use mcp_server::credentials::TokenSource;
use mcp_server::env::Environment;
use serde_json::{Map, Value};

use super::{Client, asked, shape};
use crate::args::ServerArgs;
use crate::failure::Failure;

/// A server's entry in a client's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    fields: Map<String, Value>,
    auth: Auth,
}

/// What the entry means for callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Auth {
    Open,
    NeedsToken {
        has_source: bool,
    },
    /// The server is not started by the client, and says itself what it needs.
    Elsewhere,
}

impl Entry {
    /// The entry that `args` ask for, on top of the one that is there: what they do not mention stays. Without a client it
    /// is in the form that most understand.
    ///
    /// It is refused unless a server started with it would run as asked.
    pub fn new(
        client: Option<Client>,
        existing: Option<&Map<String, Value>>,
        command: &Path,
        args: &ServerArgs,
        env: &Environment,
    ) -> Result<Self, Failure> {
        if let Some(url) = asked::url(existing, args)? {
            return Ok(Self { fields: shape::http(client, existing, &url)?, auth: Auth::Elsewhere });
        }
        let mut variables = existing.map_or_else(|| Ok(Map::new()), shape::variables).map_err(|_| {
            Failure::mendable(
                "the server's `env` in the client's configuration is not a mapping of texts",
                "correct it or remove the server's entry; nothing was changed",
            )
        })?;
        for name in CARRIED {
            if let Some(path) = env.get(name) {
                variables.insert(name.to_owned(), asked::absolute(Path::new(path)));
            }
        }
        if let Some(profile) = env.get(setting::LOGIN_PROFILE.env) {
            variables.insert(setting::LOGIN_PROFILE.env.to_owned(), Value::from(profile));
        }
        for (name, value) in asked::variables(args, &variables)? {
            variables.insert(name.to_owned(), value);
        }
        let auth = check(&variables, args, env)?;
        Ok(Self { fields: shape::stdio(client, existing, command, variables), auth })
    }

    /// The entry as it is written.
    pub const fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// The entry as it may be shown: without values that are secret or that M4 does not know.
    pub fn shown(&self) -> Value {
        let mut shown = Map::new();
        for key in SHOWN {
            if let Some(value) = self.fields.get(key) {
                shown.insert(key.to_owned(), value.clone());
            }
        }
        if let Some(Value::Object(variables)) = shown.get_mut("env") {
            for (name, value) in variables.iter_mut().filter(|(name, _)| !is_plain(name)) {
                debug_assert!(!CARRIED.contains(&name.as_str()));
                *value = Value::from("[redacted]");
            }
        }
        Value::Object(shown)
    }

    /// What the user still has to do so that calls are let in.
    pub fn advice(&self) -> Option<&'static str> {
        match self.auth {
            Auth::NeedsToken { has_source: false } => Some(
                "calls are refused until there is a token: run `m4 login`, or set M4_OAUTH2_TOKEN_FILE to a file that holds \
                 one and run this again",
            ),
            Auth::Open | Auth::NeedsToken { has_source: true } | Auth::Elsewhere => None,
        }
    }
}

/// The names of an entry's variables and headers that hold secrets.
pub fn secrets(fields: &Map<String, Value>) -> Vec<String> {
    let variables = shape::variables(fields).unwrap_or_default();
    let is_secret = |name: &&String| {
        let current = name.strip_prefix("M3_").map(|rest| format!("M4_{rest}"));
        let name = current.as_deref().unwrap_or(name);
        name == "FMCP_OAUTH_ACCESS_TOKEN" || Setting::by_env(name).is_some_and(|setting| setting.secret)
    };
    let headers = ["headers", "http_headers"].into_iter().filter_map(|key| fields.get(key)?.as_object());
    // `${…}` names a variable or asks the user; a text of its own is the secret itself.
    let written_out = |value: &Value| value.as_str().is_some_and(|text| !text.contains('$'));
    let authorization = headers
        .flatten()
        .filter(|(name, value)| name.eq_ignore_ascii_case("authorization") && written_out(value));
    variables.keys().filter(is_secret).cloned().chain(authorization.map(|(name, _)| name.clone())).collect()
}

fn is_plain(name: &str) -> bool {
    Setting::by_env(name).map_or(CARRIED.contains(&name), |setting| !setting.secret)
}

/// Loads the configuration as the server will.
fn check(variables: &Map<String, Value>, args: &ServerArgs, env: &Environment) -> Result<Auth, Failure> {
    let config = as_the_server_will(variables, env);
    let given = |setting: &Setting| {
        config.shown().iter().any(|shown| shown.setting.key == setting.key && shown.value.is_some())
    };
    let complete = given(&setting::OAUTH2_ISSUER_URL) && given(&setting::OAUTH2_AUDIENCE);
    if args.enable_oauth2 && !complete {
        return Err(Failure::usage(
            "--enable-oauth2 needs an issuer and an audience",
            "add --oauth2-issuer https://your-auth-provider.com --oauth2-audience m4-api",
        ));
    }
    let details = asked::details(args).into_iter().any(|(_, given)| given);
    match &config.auth {
        AuthSetting::Misconfigured(errors) if details => Err(Failure::Usage(Box::new(errors.clone()))),
        AuthSetting::Misconfigured(errors) => Err(errors.clone().into()),
        AuthSetting::Disabled if details => Err(not_enabled()),
        AuthSetting::Enabled(auth) if details && !auth.admits_tokens() => Err(not_enabled()),
        AuthSetting::Disabled => Ok(Auth::Open),
        AuthSetting::Enabled(auth) => {
            Ok(Auth::NeedsToken { has_source: TokenSource::from_config(auth, &config).is_any() })
        }
    }
}

/// The configuration of a server that a client starts with these variables and nothing else of this environment's.
pub fn as_the_server_will(variables: &Map<String, Value>, env: &Environment) -> Config {
    let pairs = variables.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    let mut seen = Environment::from_pairs(pairs);
    if let Some(dirs) = env.base_dirs() {
        seen = seen.with_base_dirs(dirs.clone());
    }
    Config::load(&seen, &Flags::new())
}

fn not_enabled() -> Failure {
    Failure::usage("OAuth2 settings are given, but OAuth2 is not enabled", "add --enable-oauth2")
}

/// What tells the server where things are. A client starts it without the user's shell, so the entry carries it.
const CARRIED: [&str; 5] =
    ["M4_CONFIG", "M4_HOME", "M4_DATA_DIR", "M4_OAUTH2_TOKEN_FILE", "M4_API_KEYS_FILE"];

/// What of an entry is shown; the rest is the client's own business and may be anything.
const SHOWN: [&str; 8] = ["type", "source", "command", "args", "env", "url", "httpUrl", "serverUrl"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::exit_code::Exit;

    fn args(oauth2: &[&str]) -> ServerArgs {
        use clap::Parser;
        #[derive(Parser)]
        struct Typed {
            #[command(flatten)]
            args: ServerArgs,
        }
        Typed::try_parse_from(["m4"].iter().chain(oauth2)).unwrap().args
    }

    fn entry(existing: Option<Value>, typed: &[&str], env: &[(&str, &str)]) -> Result<Entry, Failure> {
        let existing = existing.map(|value| value.as_object().unwrap().clone());
        let env = Environment::from_pairs(env.iter().copied());
        Entry::new(None, existing.as_ref(), Path::new("/bin/m4-mcp-server"), &args(typed), &env)
    }

    const QUICK: [&str; 5] = [
        "--enable-oauth2",
        "--oauth2-issuer",
        "https://your-auth-provider.com",
        "--oauth2-audience",
        "m4-api",
    ];

    #[test]
    fn the_quick_set_up_makes_the_documented_variables() {
        let entry = entry(None, &QUICK, &[]).unwrap();
        assert_eq!(
            entry.shown(),
            json!({"command": "/bin/m4-mcp-server", "args": [], "env": {
                "M4_OAUTH2_ENABLED": "true",
                "M4_OAUTH2_ISSUER_URL": "https://your-auth-provider.com",
                "M4_OAUTH2_AUDIENCE": "m4-api",
            }})
        );
        assert!(entry.advice().unwrap().contains("M4_OAUTH2_TOKEN_FILE"));
    }

    #[test]
    fn enabling_without_issuer_or_audience_is_a_usage_error() {
        for typed in [
            &QUICK[..1],
            &QUICK[..3],
            &[QUICK[0], QUICK[3], QUICK[4]],
            &QUICK[1..],
            &["--oauth2-scopes", "a"],
        ] {
            assert_eq!(entry(None, typed, &[]).unwrap_err().exit(), Exit::Usage, "{typed:?}");
        }
        let bad = ["--enable-oauth2", "--oauth2-issuer", "http://x.example", "--oauth2-audience", "a"];
        assert_eq!(entry(None, &bad, &[]).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn a_rerun_keeps_what_it_does_not_mention() {
        let before = json!({"command": "uvx", "args": ["m4-infra"], "disabled": true, "env": {
            "M4_OAUTH2_ENABLED": "true", "M4_OAUTH2_ISSUER_URL": "https://i.example", "M4_OAUTH2_AUDIENCE": "old",
            "M4_OAUTH2_TOKEN": "s3cr3t", "OTHER": "x",
        }});
        let entry = entry(Some(before), &["--oauth2-audience", "new"], &[]).unwrap();
        let fields = entry.fields();
        assert_eq!(fields["disabled"], json!(true));
        assert_eq!(fields["args"], json!([]));
        assert_eq!(fields["env"]["M4_OAUTH2_AUDIENCE"], "new");
        assert_eq!(fields["env"]["M4_OAUTH2_ISSUER_URL"], "https://i.example");
        assert_eq!(fields["env"]["OTHER"], "x");
        assert!(!entry.shown().to_string().contains("s3cr3t"));
        assert_eq!(entry.advice(), None);
    }

    #[test]
    fn the_callers_token_is_never_written_but_its_file_is_named() {
        let env = [("M4_OAUTH2_TOKEN", "s3cr3t"), ("M4_OAUTH2_TOKEN_FILE", "/t"), ("M4_DATA_DIR", "/d")];
        let entry = entry(None, &QUICK, &env).unwrap();
        let written = Value::Object(entry.fields().clone()).to_string();
        assert!(!written.contains("s3cr3t"), "{written}");
        assert_eq!(entry.fields()["env"]["M4_OAUTH2_TOKEN_FILE"], "/t");
        assert_eq!(entry.fields()["env"]["M4_DATA_DIR"], "/d");
        assert_eq!(entry.advice(), None);
    }

    #[test]
    fn a_file_of_keys_goes_along_and_guards_without_oauth2() {
        let env = [("M4_API_KEYS_FILE", "/k")];
        let kept = entry(None, &[], &env).unwrap();
        assert_eq!(kept.fields()["env"]["M4_API_KEYS_FILE"], "/k");
        assert!(kept.advice().is_some(), "calls need a key");
        assert_eq!(entry(None, &["--oauth2-scopes", "a"], &env).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn disabling_says_so_rather_than_forgetting() {
        let before = json!({"env": {
            "M4_OAUTH2_ENABLED": "true", "M4_OAUTH2_ISSUER_URL": "https://i.example", "M4_OAUTH2_AUDIENCE": "a",
        }});
        let entry = entry(Some(before), &["--disable-oauth2"], &[]).unwrap();
        assert_eq!(entry.fields()["env"]["M4_OAUTH2_ENABLED"], "false");
        assert_eq!(entry.fields()["env"]["M4_OAUTH2_AUDIENCE"], "a");
    }

    #[test]
    fn an_entry_that_would_not_start_is_refused() {
        for env in [json!("x"), json!({"A": 1})] {
            assert!(entry(Some(json!({"env": env})), &[], &[]).is_err());
        }
        let broken = json!({"env": {"M4_OAUTH2_ENABLED": "perhaps"}});
        assert_eq!(entry(Some(broken), &[], &[]).unwrap_err().exit(), Exit::Mendable);
    }

    #[cfg(unix)]
    #[test]
    fn who_is_logged_in_is_not_told_to_log_in_and_the_profile_goes_along() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let login = json!({
            "version": 1, "issuer": QUICK[2], "client_id": "m4", "token_endpoint": "https://your-auth-provider.com/token",
            "token_type": "Bearer", "access_token": "t", "scope": "", "issued_at": "2026-11-21T11:00:00Z",
        });
        let path = home.path().join("tokens.json");
        let store = json!({ "version": 1, "profiles": { "work": [login] } });
        std::fs::write(&path, store.to_string()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let advice = |profile| {
            let env = [("M4_HOME", home.path().to_str().unwrap()), ("M4_LOGIN_PROFILE", profile)];
            let entry = entry(None, &QUICK, &env).unwrap();
            assert_eq!(entry.shown()["env"]["M4_LOGIN_PROFILE"], profile);
            entry.advice()
        };
        assert_eq!(advice("work"), None);
        assert!(advice("home").unwrap().contains("m4 login"));
    }
}
