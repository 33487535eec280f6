//! How the parts of a configuration decide together, above all that no mistake ends in `Disabled`.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::env::BaseDirs;
use crate::error::Explain;

const COMPLETE: [(&str, &str); 3] = [
    ("M4_OAUTH2_ENABLED", "true"),
    ("M4_OAUTH2_ISSUER_URL", "https://issuer.example/"),
    ("M4_OAUTH2_AUDIENCE", "m4-api"),
];

fn environment(pairs: &[(&str, &str)]) -> Environment {
    let dirs = BaseDirs { home: "/h".into(), config: "/h/none".into(), data: "/h/data".into() };
    Environment::from_pairs(pairs.iter().copied()).with_base_dirs(dirs)
}

fn load(pairs: &[(&str, &str)]) -> Config {
    Config::load(&environment(pairs), &Flags::new())
}

fn complete_and(more: &[(&str, &str)]) -> Config {
    load(&[&COMPLETE[..], more].concat())
}

fn enabled(config: Config) -> AuthConfig {
    match config.auth {
        AuthSetting::Enabled(auth) => *auth,
        other => panic!("not enabled: {other:?}"),
    }
}

fn errors(config: &Config) -> &ConfigErrors {
    match &config.auth {
        AuthSetting::Misconfigured(errors) => errors,
        other => panic!("not misconfigured: {other:?}"),
    }
}

fn with_file(content: &str, pairs: &[(&str, &str)]) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("c.toml");
    std::fs::write(&path, content).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    load(&[&[("M4_CONFIG", path.to_str().unwrap())], pairs].concat())
}

#[test]
fn nothing_given_means_disabled_without_a_word() {
    let config = load(&[]);
    assert!(matches!(config.auth, AuthSetting::Disabled));
    assert!(config.warnings().is_empty() && config.problems().is_empty());
    assert_eq!(config.locations.data_dir, PathBuf::from("/h/data/m4"));
}

#[test]
fn the_quick_set_up_gives_the_documented_defaults() {
    let auth = enabled(complete_and(&[]));
    let [issuer] = &auth.issuers[..] else { panic!("{:?}", auth.issuers) };
    assert_eq!(issuer.issuer.as_str(), "https://issuer.example/");
    assert_eq!(issuer.audiences, ["m4-api"]);
    assert_eq!(issuer.audience_claim, "aud");
    assert_eq!(issuer.scopes.base.to_string(), "read:mimic-data");
    assert_eq!(issuer.subject_claims, ["sub"]);
    assert!(issuer.scope_claims.is_empty() && !issuer.require_at_jwt && !issuer.accept_id_tokens);
    assert_eq!(issuer.algorithms, auth_core::algorithm::Algorithm::DEFAULT);
    assert_eq!(auth.jwks_cache_ttl.as_secs(), 3600);
    assert_eq!(auth.leeway.as_secs(), 60);
    assert_eq!(auth.validate, auth::Validate { exp: true, aud: true, iss: true });
    let limit = auth.rate_limit.unwrap();
    assert_eq!((limit.requests.get(), limit.window.as_secs()), (100, 3600));
    assert!(issuer.jwks_url.is_none() && auth.client.is_none() && !auth.debug);
}

#[test]
fn no_mistake_while_enabled_ends_in_disabled_or_enabled() {
    for (name, value) in MISTAKES {
        let config = complete_and(&[(name, value)]);
        let problems = errors(&config).problems();
        assert!(problems.iter().any(|problem| problem.place == *name), "{name}={value}: {problems:?}");
    }
}

#[test]
fn no_mistake_without_the_switch_ends_in_disabled() {
    for (name, value) in MISTAKES {
        errors(&load(&[(name, value)]));
    }
}

#[test]
fn a_mistake_under_an_explicit_off_is_a_warning() {
    let config = load(&[("M4_OAUTH2_ENABLED", "off"), ("M4_OAUTH2_LEEWAY", "soon")]);
    assert!(matches!(config.auth, AuthSetting::Disabled));
    assert!(matches!(config.warnings(), [Warning::Dormant(_)]), "{:?}", config.warnings());
}

#[test]
fn an_unknown_name_is_an_error_even_under_an_explicit_off() {
    let config = load(&[("M4_OAUTH2_ENABLED", "false"), ("M4_OAUTH2_ENABLE", "true")]);
    assert_eq!(errors(&config).hint().as_deref(), Some("did you mean M4_OAUTH2_ENABLED?"));
    let config = load(&[("M3_OAUTH2_ISSUER", "https://x.example")]);
    assert_eq!(errors(&config).problems()[0].place, "M3_OAUTH2_ISSUER");
}

#[test]
fn what_is_required_is_named_when_missing_and_all_at_once() {
    let config = load(&[("M4_OAUTH2_ENABLED", "yes"), ("M4_OAUTH2_LEEWAY", "1w")]);
    insta::assert_snapshot!(errors(&config), @"M4_OAUTH2_LEEWAY is not a duration (`1w`); M4_OAUTH2_ISSUER_URL is not set; M4_OAUTH2_AUDIENCE is not set");
}

#[test]
fn a_wrong_value_is_not_also_called_missing() {
    let config = load(&[
        ("M4_OAUTH2_ENABLED", "true"),
        ("M4_OAUTH2_ISSUER_URL", "issuer.example"),
        ("M4_OAUTH2_AUDIENCE", "m4-api"),
    ]);
    insta::assert_snapshot!(errors(&config), @"M4_OAUTH2_ISSUER_URL is not an absolute URL (`issuer.example`)");
}

#[test]
fn settings_without_the_switch_are_listed_in_a_warning() {
    let config = load(&[("M4_OAUTH2_ISSUER_URL", "https://issuer.example"), ("M4_OAUTH2_TOKEN", "t")]);
    assert!(matches!(config.auth, AuthSetting::Disabled));
    insta::assert_snapshot!(config.warnings()[0], @"M4_OAUTH2_ISSUER_URL, M4_OAUTH2_TOKEN are set, but M4_OAUTH2_ENABLED is not true: data is served without authentication");
}

#[test]
fn every_check_that_is_off_is_warned_about() {
    let config = complete_and(&[("M4_OAUTH2_VALIDATE_EXP", "0"), ("M4_OAUTH2_VALIDATE_AUD", "no")]);
    let warnings: Vec<String> = config.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].starts_with("M4_OAUTH2_VALIDATE_EXP is off"), "{warnings:?}");
    let auth = enabled(config);
    assert_eq!(auth.validate, auth::Validate { exp: false, aud: false, iss: true });
}

#[test]
fn m3_names_work_and_are_warned_about() {
    let config = load(&[
        ("M3_OAUTH2_ENABLED", "1"),
        ("M3_OAUTH2_ISSUER_URL", "https://issuer.example"),
        ("M3_OAUTH2_AUDIENCE", "old"),
        ("M4_OAUTH2_AUDIENCE", "new"),
        ("M3_DB_PATH", "/x"),
    ]);
    let warnings: Vec<String> = config.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert_eq!(
        warnings[0],
        "M3_OAUTH2_AUDIENCE is deprecated and ignored: another variable sets M4_OAUTH2_AUDIENCE"
    );
    assert_eq!(warnings[1], "M3_OAUTH2_ENABLED is deprecated: rename it to M4_OAUTH2_ENABLED");
    assert_eq!(enabled(config).issuers[0].audiences, ["new"]);
}

#[test]
fn login_settings_are_read_under_their_old_names() {
    let config = load(&[
        ("FMCP_OAUTH_AUTH_ENDPOINT", "https://p.example/authorize"),
        ("FMCP_OAUTH_CLIENT_ID", "cli"),
        ("FMCP_OAUTH_SCOPE", "openid profile email"),
        ("FMCP_OAUTH_REDIRECT_URI", "http://localhost:8088/callback"),
    ]);
    assert_eq!(
        config.login.client.as_ref().map(auth_core::oauth::client_auth::ClientAuth::client_id),
        Some("cli")
    );
    assert_eq!(config.login.scope.as_ref().map(auth_core::scope::ScopeSet::len), Some(3));
    assert_eq!(config.login.redirect_uri.as_ref().unwrap().as_str(), "http://localhost:8088/callback");
    assert_eq!(config.warnings().len(), 4);
}

#[test]
fn the_file_can_say_everything_the_environment_can() {
    let config = with_file(
        "[oauth2]\nenabled = true\nissuer_url = 'https://issuer.example'\naudience = ['a', 'b']\nleeway = 5\n\
         client_id = 'c'\nclient_secret = 's3cr3t'\nrate_limit_enabled = false\n[limits]\nmax_rows = 7\n",
        &[("M4_OAUTH2_LEEWAY", "6")],
    );
    assert_eq!(config.limits.max_rows, 7);
    let leeway = config.shown().iter().find(|shown| shown.setting.key == "oauth2.leeway").unwrap();
    assert_eq!(leeway.origin, Origin::Env("M4_OAUTH2_LEEWAY".into()));
    let auth = enabled(config);
    assert_eq!(auth.issuers[0].audiences, ["a", "b"]);
    assert_eq!(auth.leeway.as_secs(), 6);
    assert!(auth.rate_limit.is_none());
    assert!(auth.client.unwrap().secret.unwrap().matches("s3cr3t"));
}

#[test]
fn a_file_that_cannot_be_used_shuts_the_gate_whatever_the_environment_says() {
    for content in
        ["[oauth2", "[oauth2]\nenable = true", "[oauth]\nenabled = true", "[oauth2]\nenabled = 'perhaps'"]
    {
        for explicit in [&[][..], &[("M4_OAUTH2_DEBUG", "off")]] {
            errors(&with_file(content, explicit));
        }
    }
    errors(&with_file("[oauth2", &[("M4_OAUTH2_ENABLED", "false")]));
    errors(&load(&[("M4_CONFIG", "/does/not/exist.toml")]));
}

#[test]
fn a_flag_wins_and_says_so() {
    let flags = Flags::new().with(&setting::BACKEND, "--backend", Some("bigquery".to_owned()));
    let config = Config::load(&environment(&[("M4_BACKEND", "duckdb")]), &flags);
    assert_eq!(config.backend.kind, BackendKind::BigQuery);
    assert_eq!(
        config.shown().iter().find(|s| s.setting.key == "backend.name").unwrap().origin,
        Origin::Flag("--backend")
    );
}

#[test]
fn problems_outside_oauth2_are_kept_apart() {
    let config = load(&[("M4_BACKEND", "postgres"), ("M4_QUERY_TIMEOUT", "0")]);
    assert!(matches!(config.auth, AuthSetting::Disabled));
    let places: Vec<_> = config.problems().problems().iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places, ["M4_BACKEND", "M4_QUERY_TIMEOUT"]);
}

#[test]
fn without_a_home_the_data_needs_a_place() {
    let config = Config::load(&Environment::default(), &Flags::new());
    assert_eq!(config.problems().problems().len(), 1);
}

#[cfg(unix)]
#[test]
fn text_that_is_not_utf8_shuts_the_gate_only_where_it_is_oauth2() {
    use std::os::unix::ffi::OsStringExt;
    let bad = || std::ffi::OsString::from_vec(vec![0xff]);
    let config = Config::load(&Environment::from_pairs([("M4_OAUTH2_ENABLED", bad())]), &Flags::new());
    errors(&config);
    let env = Environment::from_pairs([("M4_BACKEND", bad()), ("M4_DATA_DIR", "/d".into())]);
    let config = Config::load(&env, &Flags::new());
    assert!(matches!(config.auth, AuthSetting::Disabled));
    assert_eq!(config.problems().problems().len(), 1);
}

#[test]
fn no_secret_appears_in_what_is_shown_or_said() {
    let pairs = [
        ("M4_OAUTH2_TOKEN", "s3cr3t-token"),
        ("M4_OAUTH2_CLIENT_SECRET", "s3cr3t-client"),
        ("M4_OAUTH2_TOKEN_COMMAND", "print s3cr3t-command"),
        ("M4_OAUTH2_RATE_LIMIT_STORE", "postgres://u:s3cr3t-store@h"),
        ("M4_OAUTH2_JWKS_URL", "https://u:s3cr3t-url@h/"),
    ];
    let config = complete_and(&pairs);
    let said = format!("{config:?} {} {:?}", errors(&config), errors(&config).hint());
    assert!(!said.contains("s3cr3t"), "{said}");
    let usable = complete_and(&[
        pairs[0],
        pairs[1],
        pairs[2],
        ("M4_OAUTH2_CLIENT_ID", "c"),
        ("M4_OAUTH2_RATE_LIMIT_STORE", "redis://:s3cr3t@h"),
    ]);
    let said = format!("{usable:?}");
    assert!(matches!(usable.auth, AuthSetting::Enabled(_)));
    assert!(!said.contains("s3cr3t"), "{said}");
}

#[test]
fn callers_are_told_neither_paths_nor_values() {
    let config =
        with_file("[oauth2]\nissuer_url = 'sneaky'\nenable = true", &[("M4_OAUTH2_LEEWAY", "sneaky")]);
    let said = errors(&config).for_callers();
    assert!(!said.contains('/') && !said.contains("sneaky"), "{said}");
    let config = with_file("[oauth2", &[]);
    assert!(errors(&config).to_string().contains("c.toml"));
    assert!(errors(&config).for_callers().starts_with("the configuration file is not valid TOML"));
    let config = with_file("[oauth2]\nenabled = 'sneaky'", &[]);
    assert!(errors(&config).for_callers().starts_with("oauth2.enabled is neither true nor false"));
}

#[test]
fn what_is_shown_covers_every_setting_once() {
    let config = load(&[]);
    let mut keys: Vec<_> = config.shown().iter().map(|shown| shown.setting.key).collect();
    keys.sort_unstable();
    let mut all: Vec<_> = setting::ALL.iter().map(|setting| setting.key).collect();
    all.sort_unstable();
    assert_eq!(keys, all);
}

proptest! {
    #[test]
    fn a_switch_that_is_no_known_off_never_means_disabled(text in "\\PC{1,8}") {
        let off = ["false", "0", "no", "off"].contains(&text.trim().to_ascii_lowercase().as_str());
        let config = load(&[("M4_OAUTH2_ENABLED", &text)]);
        prop_assert_eq!(matches!(config.auth, AuthSetting::Disabled), off);
    }
}

/// One mistake per setting and kind of mistake.
const MISTAKES: &[(&str, &str)] = &[
    ("M4_OAUTH2_ENABLED", "perhaps"),
    ("M4_OAUTH2_ENABLED", " "),
    ("M4_OAUTH2_ISSUER_URL", "http://issuer.example"),
    ("M4_OAUTH2_ISSUER_URL", "https://u:p@issuer.example"),
    ("M4_OAUTH2_AUDIENCE", ","),
    ("M4_OAUTH2_REQUIRED_SCOPES", " , "),
    ("M4_OAUTH2_REQUIRED_SCOPES", "a\"b"),
    ("M4_OAUTH2_TOOL_SCOPES", "execute_qeury=a"),
    ("M4_OAUTH2_JWKS_URL", "keys.json"),
    ("M4_OAUTH2_JWKS_CACHE_TTL", "0"),
    ("M4_OAUTH2_JWKS_CACHE_TTL", "8d"),
    ("M4_OAUTH2_VALIDATE_EXP", "maybe"),
    ("M4_OAUTH2_VALIDATE_AUD", "2"),
    ("M4_OAUTH2_VALIDATE_ISS", "tru"),
    ("M4_OAUTH2_LEEWAY", "601"),
    ("M4_OAUTH2_LEEWAY", "-1"),
    ("M4_OAUTH2_ALGORITHMS", "HS256"),
    ("M4_OAUTH2_ALGORITHMS", "RS256,none"),
    ("M4_OAUTH2_AUDIENCE_CLAIM", " "),
    ("M4_OAUTH2_SCOPE_CLAIMS", ","),
    ("M4_OAUTH2_SUBJECT_CLAIMS", " , "),
    ("M4_OAUTH2_REQUIRE_AT_JWT", "at+jwt"),
    ("M4_OAUTH2_ACCEPT_ID_TOKENS", "perhaps"),
    ("M4_OAUTH2_SCOPE_HIERARCHY", "admin"),
    ("M4_OAUTH2_SCOPE_HIERARCHY", "admin="),
    ("M4_OAUTH2_SCOPE_HIERARCHY", "admin=a;admin=b"),
    ("M4_OAUTH2_RATE_LIMIT_ENABLED", "t"),
    ("M4_OAUTH2_RATE_LIMIT_REQUESTS", "0"),
    ("M4_OAUTH2_RATE_LIMIT_REQUESTS", "1000001"),
    ("M4_OAUTH2_RATE_LIMIT_WINDOW", "0s"),
    ("M4_OAUTH2_RATE_LIMIT_WINDOW", "31d"),
    ("M4_OAUTH2_RATE_LIMIT_STORE", "sqlite"),
    ("M4_OAUTH2_TOKEN", " "),
    ("M4_OAUTH2_DEBUG", "verbose"),
    ("M4_OAUTH2_UNHEARD_OF", "1"),
    ("M4_API_KEYS_FILE", " "),
    ("M4_API_KEYS_UNHEARD_OF", "1"),
];

mod api_keys;
mod issuers;
