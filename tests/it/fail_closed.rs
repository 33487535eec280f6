//! Whatever is wrong with the configuration, nobody gets data, and everybody is told what to mend.

use m4_tests::sandbox::Sandbox;
use m4_tests::server::RawServer;
use serde_json::json;

use crate::setup::{
    COUNT_PATIENTS, DEADLINE, RESOURCES, call, every_tool, issuer, present, protected, refusal_to_read, sql,
    with_sample,
};
use m4_tests::issuer::TokenSpec;

/// Starts a server that must serve the protocol and no data; returns the one text that every tool and
/// every resource answers with.
fn refusal_of_every_tool(sandbox: &Sandbox) -> String {
    let mut server = RawServer::spawn(sandbox).unwrap();
    let hello = server.initialize(DEADLINE).unwrap();
    assert_eq!(hello["result"]["serverInfo"]["name"], "m4", "{hello}");
    let listed = server.request("tools/list", &json!({}), DEADLINE).unwrap();
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), every_tool().len());
    let mut texts: Vec<String> = every_tool()
        .into_iter()
        .map(|(tool, arguments)| call(&mut server, tool, arguments).refusal().to_owned())
        .collect();
    let listed = server.request("resources/list", &json!({}), DEADLINE).unwrap();
    assert_eq!(listed["result"]["resources"].as_array().unwrap().len(), RESOURCES.len());
    texts.extend(RESOURCES.map(|uri| refusal_to_read(&mut server, uri)));
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    texts.remove(0)
}

#[test]
fn oauth2_that_is_enabled_and_misconfigured_admits_nobody_not_even_with_a_valid_token() {
    let issuer = issuer();
    let base = protected(with_sample(), &issuer);
    present(&base, &issuer.mint(TokenSpec::new()));
    let set = |name: &str, value: &str| base.clone().with(name, value);
    let unreadable = base.root().join("no-such-folder/config.toml");
    let not_toml = base.root().join("broken.toml");
    std::fs::write(&not_toml, "[oauth2\nenabled = tru").unwrap();
    let open_to_all = base.root().join("open.toml");
    std::fs::write(&open_to_all, "[oauth2]\nclient_secret = 's3cr3t'\n").unwrap();
    let cases: Vec<(&str, Sandbox, &str, &str)> = vec![
        (
            "no issuer",
            base.clone().without("M4_OAUTH2_ISSUER_URL"),
            "M4_OAUTH2_ISSUER_URL is not set",
            "set it to your provider's issuer",
        ),
        (
            "an empty audience",
            set("M4_OAUTH2_AUDIENCE", ""),
            "M4_OAUTH2_AUDIENCE is not set",
            "set it to the audience your provider puts in `aud`",
        ),
        (
            "a switch that is none",
            set("M4_OAUTH2_ENABLED", "treu"),
            "M4_OAUTH2_ENABLED is neither true nor false",
            "write true, 1, yes or on",
        ),
        (
            "a check that is none",
            set("M4_OAUTH2_VALIDATE_EXP", "ja"),
            "M4_OAUTH2_VALIDATE_EXP is neither true nor false",
            "write true, 1, yes or on",
        ),
        (
            "an unknown name",
            set("M4_OAUTH2_ISUER_URL", "https://a"),
            "M4_OAUTH2_ISUER_URL is not a setting",
            "did you mean M4_OAUTH2_ISSUER_URL?",
        ),
        ("plain http", set("M4_OAUTH2_ISSUER_URL", "http://issuer.example"), "M4_OAUTH2_ISSUER_URL", "https"),
        (
            "a shared limit",
            set("M4_OAUTH2_RATE_LIMIT_STORE", "redis://localhost"),
            "M4_OAUTH2_RATE_LIMIT_STORE names Redis",
            "",
        ),
        ("a symmetric algorithm", set("M4_OAUTH2_ALGORITHMS", "HS256"), "M4_OAUTH2_ALGORITHMS", ""),
        ("no unit of time", set("M4_OAUTH2_JWKS_CACHE_TTL", "soon"), "M4_OAUTH2_JWKS_CACHE_TTL", ""),
        ("a tool that is none", set("M4_OAUTH2_TOOL_SCOPES", "no_such_tool=x"), "M4_OAUTH2_TOOL_SCOPES", ""),
        (
            "a file that is not there",
            set("M4_CONFIG", unreadable.to_str().unwrap()),
            "the configuration file",
            "",
        ),
        (
            "a file that is no TOML",
            set("M4_CONFIG", not_toml.to_str().unwrap()),
            "the configuration file",
            "",
        ),
        #[cfg(unix)]
        (
            "a file others can read",
            set("M4_CONFIG", open_to_all.to_str().unwrap()),
            "is open to other users",
            "chmod 600",
        ),
    ];
    for (case, sandbox, problem, hint) in cases {
        let text = refusal_of_every_tool(&sandbox);
        let (message, hints) =
            text.split_once("\nHint: ").unwrap_or_else(|| panic!("{case}: no hint in {text}"));
        assert!(message.starts_with("Error: OAuth2 is misconfigured: "), "{case}: {text}");
        assert!(message.contains(problem), "{case}: {text}");
        assert!(text.contains(hint) && !hints.is_empty(), "{case}: {text}");
        assert!(!text.contains(base.root().to_str().unwrap()), "{case}: a local path in {text}");
        assert!(!text.contains("s3cr3t"), "{case}: a secret in {text}");
    }
    assert_eq!(issuer.counters().jwks, 0);
}

/// With OAuth2 not enabled, an unreadable file could have been what enables it.
#[test]
fn a_configuration_that_cannot_be_read_admits_nobody() {
    let sandbox = with_sample();
    let file = sandbox.config_dir().join("config.toml");
    std::fs::write(&file, "backend = \n").unwrap();
    let text = refusal_of_every_tool(&sandbox);
    assert!(text.starts_with("Error: OAuth2 is misconfigured: the configuration file "), "{text}");
    std::fs::write(&file, [0xff, 0xfe, 0x00]).unwrap();
    assert!(refusal_of_every_tool(&sandbox).starts_with("Error: OAuth2 is misconfigured: "));
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert!(refusal_of_every_tool(&sandbox).starts_with("Error: OAuth2 is misconfigured: "));
}

#[test]
fn a_misspelt_oauth2_variable_admits_nobody_even_without_the_switch() {
    let text = refusal_of_every_tool(&with_sample().with("M4_OAUTH2_ENABELD", "true"));
    assert!(text.contains("M4_OAUTH2_ENABELD") && text.contains("M4_OAUTH2_ENABLED"), "{text}");
}

#[test]
fn an_issuer_that_cannot_be_reached_admits_nobody() {
    let sandbox = {
        let issuer = issuer();
        let sandbox = protected(with_sample(), &issuer);
        present(&sandbox, &issuer.mint(TokenSpec::new()));
        sandbox
    };
    let text = refusal_of_every_tool(&sandbox);
    assert!(text.starts_with("Error: Failed to fetch JWKS: "), "{text}");
    assert!(text.contains("\nHint: Check the network path to the issuer"), "{text}");
}

#[test]
fn a_wrong_setting_outside_oauth2_stops_every_tool_too() {
    let text = refusal_of_every_tool(&with_sample().with("M4_BACKEND", "postgres"));
    assert!(text.starts_with("Error: M4 is misconfigured: M4_BACKEND is not a backend"), "{text}");
    let text = refusal_of_every_tool(&with_sample().with("M4_QUERY_MAX_ROWS", "many"));
    assert!(text.starts_with("Error: M4 is misconfigured: M4_QUERY_MAX_ROWS "), "{text}");
}

/// The misconfiguration is for those who passed the gate.
#[test]
fn a_caller_without_a_token_learns_nothing_of_settings_outside_oauth2() {
    let issuer = issuer();
    let sandbox =
        protected(with_sample(), &issuer).with("M4_BACKEND", "postgres").without("M4_OAUTH2_TOKEN_FILE");
    let text = refusal_of_every_tool(&sandbox);
    assert!(text.starts_with("Error: Missing OAuth2 access token\n"), "{text}");
}

#[test]
fn the_old_names_of_the_variables_protect_as_well() {
    let issuer = issuer();
    let sandbox = with_sample()
        .with("M3_OAUTH2_ENABLED", "yes")
        .with("M3_OAUTH2_ISSUER_URL", issuer.url())
        .with("M3_OAUTH2_AUDIENCE", issuer.audience());
    assert!(refusal_of_every_tool(&sandbox).starts_with("Error: Missing OAuth2 access token\n"));
    let sandbox = sandbox.with("M3_OAUTH2_TOKEN", issuer.mint(TokenSpec::new()));
    let mut server = crate::setup::start(&sandbox);
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
    assert!(server.stderr().contains("M3_OAUTH2_ENABLED is deprecated: rename it to M4_OAUTH2_ENABLED"));
}
