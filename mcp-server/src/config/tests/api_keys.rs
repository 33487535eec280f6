//! A file of API keys guards the data by itself: nothing about it ends in `Disabled`.

use super::*;
use crate::config::api_keys::default_file;

const FILE: (&str, &str) = ("M4_API_KEYS_FILE", "/k/keys.json");

#[test]
fn keys_alone_need_no_issuer_and_no_switch() {
    for switch in [&[][..], &[("M4_OAUTH2_ENABLED", "false")]] {
        let config = load(&[&[FILE, ("M4_OAUTH2_TOKEN", "m4_x")], switch].concat());
        assert!(config.warnings().is_empty() && config.problems().is_empty(), "{:?}", config.warnings());
        assert_eq!(config.api_keys.file, Some(PathBuf::from("/k/keys.json")));
        let auth = enabled(config);
        assert!(!auth.admits_tokens() && auth.rate_limit.is_some() && auth.token.token.is_some());
        let rules = auth.api_keys.unwrap();
        assert_eq!(
            (rules.file, rules.scopes.base.to_string()),
            ("/k/keys.json".into(), "read:mimic-data".into())
        );
    }
}

#[test]
fn keys_stand_beside_tokens_and_need_the_scopes_of_the_top_level() {
    let auth = enabled(complete_and(&[
        FILE,
        ("M4_OAUTH2_REQUIRED_SCOPES", "a"),
        ("M4_OAUTH2_TOOL_SCOPES", "execute_query=b;dataset:d=c"),
        ("M4_OAUTH2_SCOPE_HIERARCHY", "admin=a"),
    ]));
    let rules = auth.api_keys.as_ref().unwrap();
    assert!(auth.admits_tokens() && rules.scopes == auth.issuers[0].scopes);
    assert_eq!(auth.guarded_datasets().collect::<Vec<_>>(), ["d"]);
}

#[test]
fn the_rules_of_an_issuers_table_are_not_those_of_keys() {
    let file = "[oauth2]\nenabled = true\naudience = 'm4'\n[api_keys]\nfile = '/k'\n\
                [[oauth2.issuers]]\nissuer_url = 'https://a.example'\nrequired_scopes = 'theirs'\n";
    let auth = enabled(with_file(file, &[]));
    assert_eq!(auth.issuers[0].scopes.base.to_string(), "theirs");
    assert_eq!(auth.api_keys.unwrap().scopes.base.to_string(), "read:mimic-data");
}

#[test]
fn no_mistake_about_keys_or_beside_them_leaves_the_data_open() {
    let off = ("M4_OAUTH2_ENABLED", "false");
    for pairs in [
        &[("M4_API_KEYS_FILE", " ")][..],
        &[("M4_API_KEYS_FLIE", "/k")],
        &[("M4_API_KEY_FILE", "/k")],
        &[("M3_API_KEYS", "/k")],
        &[FILE, ("M4_OAUTH2_LEEWAY", "soon")],
        &[FILE, ("M4_OAUTH2_REQUIRED_SCOPES", "\"")],
        &[FILE, ("M4_OAUTH2_RATE_LIMIT_REQUESTS", "0")],
    ] {
        for switch in [&[][..], &[off]] {
            let config = load(&[pairs, switch].concat());
            let (name, _) = pairs[pairs.len() - 1];
            assert!(errors(&config).to_string().contains(name), "{pairs:?} {switch:?}: {}", errors(&config));
        }
    }
    assert!(!errors(&with_file("[api_keys]\nfile = ['a']\n", &[off])).is_empty());
    assert!(!errors(&with_file("[api_keys]\nfiles = 'a'\n", &[off])).is_empty());
    let hint = errors(&load(&[("M4_API_KEY_FILE", "/k")])).hint().unwrap();
    assert_eq!(hint, "did you mean M4_API_KEYS_FILE?");
}

#[test]
fn settings_for_tokens_without_the_switch_are_pointed_out_and_admit_no_token() {
    let config = load(&[FILE, COMPLETE[1], COMPLETE[2]]);
    let warnings: Vec<String> = config.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "M4_OAUTH2_ISSUER_URL, M4_OAUTH2_AUDIENCE are set, but M4_OAUTH2_ENABLED is not true: only API keys are let \
          in, and no access token"
        ]
    );
    assert!(!enabled(config).admits_tokens());
}

#[test]
fn an_enabled_oauth2_still_needs_its_issuer_beside_keys() {
    assert!(!errors(&load(&[FILE, ("M4_OAUTH2_ENABLED", "true")])).is_empty());
}

#[test]
fn what_a_new_key_is_given_is_known_without_a_gate() {
    let scopes = |pairs: &[(&str, &str)]| load(pairs).api_keys.new_key_scopes.to_string();
    assert_eq!(scopes(&[]), "read:mimic-data");
    assert_eq!(scopes(&[("M4_OAUTH2_REQUIRED_SCOPES", "a b"), ("M4_OAUTH2_ENABLED", "treu")]), "a, b");
    let env = environment(&[("M4_HOME", "/m")]);
    assert_eq!(default_file(&env), Some("/m/api-keys.json".into()));
    assert_eq!(default_file(&environment(&[])), Some("/h/none/m4/api-keys.json".into()));
}
