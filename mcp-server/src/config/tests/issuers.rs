//! Several issuers in the file: what a table inherits, and that no mistake in one of them opens the gate.

use super::*;

const SHARED: &str = "[oauth2]\nenabled = true\naudience = 'm4-api'\nrequired_scopes = 'read:mimic-data'\n\
     algorithms = 'ES256'\nsubject_claims = ['oid', 'sub']\ntool_scopes = 'execute_query=query:database'\n";

fn file(tables: &str) -> Config {
    with_file(&format!("{SHARED}{tables}"), &[])
}

fn issuers(config: Config) -> Vec<IssuerConfig> {
    enabled(config).issuers
}

fn names(issuers: &[IssuerConfig]) -> Vec<&str> {
    issuers.iter().map(|issuer| issuer.issuer.as_str()).collect()
}

#[test]
fn a_table_inherits_what_it_leaves_out_and_nothing_else() {
    let found = issuers(file(
        "scope_hierarchy = 'admin=read:mimic-data'\n\
         [[oauth2.issuers]]\nissuer_url = 'https://a.example'\n\
         [[oauth2.issuers]]\nissuer_url = 'https://b.example'\naudience = ['b', 'c']\naudience_claim = 'client_id'\n\
         required_scopes = 'b:read'\ntool_scopes = 'get_note=b:notes'\nscope_claims = 'permissions'\n\
         subject_claims = 'client_id'\nalgorithms = 'RS256'\njwks_url = 'https://b.example/keys'\nrequire_at_jwt = true\n",
    ));
    let [a, b] = &found[..] else { panic!("{found:?}") };
    assert_eq!(a.audiences, ["m4-api"]);
    assert_eq!(
        (a.audience_claim.as_str(), &a.subject_claims[..]),
        ("aud", &["oid".into(), "sub".into()][..])
    );
    assert_eq!(a.scopes.base.to_string(), "read:mimic-data");
    assert_eq!(a.scopes.tools["execute_query"].to_string(), "query:database");
    assert_eq!(a.algorithms, [auth_core::algorithm::Algorithm::ES256]);
    assert!(a.scope_claims.is_empty() && a.jwks_url.is_none() && !a.require_at_jwt);

    assert_eq!(b.audiences, ["b", "c"]);
    assert_eq!((b.audience_claim.as_str(), &b.subject_claims[..]), ("client_id", &["client_id".into()][..]));
    assert_eq!(b.scopes.base.to_string(), "b:read");
    assert_eq!(b.scopes.tools.keys().collect::<Vec<_>>(), ["get_note"]);
    assert_eq!(b.algorithms, [auth_core::algorithm::Algorithm::RS256]);
    assert_eq!(b.scope_claims, ["permissions"]);
    assert_eq!(b.jwks_url.as_ref().unwrap().as_str(), "https://b.example/keys");
    assert!(b.require_at_jwt);
    for issuer in &found {
        let admin = ["admin"].into_iter().collect();
        assert!(issuer.scopes.implies.expand(&admin).contains("read:mimic-data"), "the hierarchy is shared");
    }
}

#[test]
fn the_environment_is_inherited_too_and_its_issuer_comes_first() {
    let tables = "[[oauth2.issuers]]\nissuer_url = 'https://b.example'\n";
    let pairs = [
        ("M4_OAUTH2_ENABLED", "1"),
        ("M4_OAUTH2_AUDIENCE", "env"),
        ("M4_OAUTH2_JWKS_URL", "https://a.example/keys"),
        ("M4_OAUTH2_ISSUER_URL", "https://a.example"),
    ];
    let found = issuers(with_file(tables, &pairs));
    assert_eq!(names(&found), ["https://a.example", "https://b.example"]);
    assert_eq!(found[1].audiences, ["env"]);
    assert!(found[0].jwks_url.is_some());
    assert!(found[1].jwks_url.is_none(), "one issuer's keys must not prove another's tokens");
    // Without the issuer it belongs to, the address is nobody's.
    let config = with_file(tables, &pairs[..3]);
    assert_eq!(errors(&config).problems()[0].place, "M4_OAUTH2_JWKS_URL");
    assert_eq!(errors(&config).problems().len(), 1);
}

#[test]
fn no_mistake_in_a_table_ends_in_disabled_or_enabled() {
    let sound = "[[oauth2.issuers]]\nissuer_url = 'https://a.example'\n";
    assert_eq!(issuers(file(sound)).len(), 1);
    for (line, place) in [
        ("issuer_url = 'https://a.example'", "issuer_url"),
        ("audience = 'b'", "issuer_url"),
        ("issuer_url = ''", "issuer_url"),
        ("issuer_url = 'http://b.example'", "issuer_url"),
        ("issuer_url = 7", "issuer_url"),
        ("issuer_url = 'https://b.example'\naudience = []", "audience"),
        ("issuer_url = 'https://b.example'\naudience = [1]", "audience"),
        ("issuer_url = 'https://b.example'\naudience_claim = ['a']", "audience_claim"),
        ("issuer_url = 'https://b.example'\nrequired_scopes = ' '", "required_scopes"),
        ("issuer_url = 'https://b.example'\ntool_scopes = 'execute_qeury=a'", "tool_scopes"),
        ("issuer_url = 'https://b.example'\nscope_claims = ','", "scope_claims"),
        ("issuer_url = 'https://b.example'\nsubject_claims = []", "subject_claims"),
        ("issuer_url = 'https://b.example'\nalgorithms = 'none'", "algorithms"),
        ("issuer_url = 'https://b.example'\njwks_url = 'keys'", "jwks_url"),
        ("issuer_url = 'https://b.example'\nrequire_at_jwt = 'perhaps'", "require_at_jwt"),
        ("issuer_url = 'https://b.example'\naccept_id_tokens = 2", "accept_id_tokens"),
        ("issuer_url = 'https://b.example'\naudiense = 'x'", "audiense"),
        ("issuer_url = 'https://b.example'\nleeway = 5", "leeway"),
    ] {
        let config = file(&format!("{sound}[[oauth2.issuers]]\n{line}\n"));
        let problems = errors(&config).problems();
        assert_eq!(problems.len(), 1, "{line}: {problems:?}");
        assert_eq!(problems[0].place, format!("oauth2.issuers[2].{place}"), "{line}");
        assert!(problems[0].file.is_some(), "{line}");
    }
    for whole in
        ["issuers = []", "issuers = 'https://a.example'", "issuers = ['a']", "[oauth2.issuers]\na = 1"]
    {
        let config = file(&format!("{whole}\n"));
        assert_eq!(errors(&config).problems()[0].place, "oauth2.issuers", "{whole}");
    }
}

#[test]
fn an_unknown_key_of_a_table_comes_with_a_way_out() {
    let hint = |line: &str| {
        let config = file(&format!("[[oauth2.issuers]]\nissuer_url = 'https://a.example'\n{line}\n"));
        errors(&config).hint().unwrap()
    };
    assert_eq!(hint("audiense = 'x'"), "did you mean audience?");
    assert!(hint("leeway = 5").starts_with("it holds for every issuer: write it under [oauth2]"));
    assert!(hint("zzz = 5").starts_with("an issuer has issuer_url, audience, "));
    let config = file("[[oauth2.issuer]]\nissuer_url = 'https://a.example'\n");
    assert!(errors(&config).hint().unwrap().starts_with("did you mean oauth2.issuers?"));
}

#[test]
fn an_audience_that_neither_table_nor_top_level_gives_is_missing() {
    let table = "[[oauth2.issuers]]\nissuer_url = 'https://a.example'\n";
    let config = with_file(table, &[("M4_OAUTH2_ENABLED", "true")]);
    let places: Vec<_> = errors(&config).problems().iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places, ["oauth2.issuers[1].audience"]);
}

#[test]
fn a_mistake_that_is_inherited_is_reported_once_where_it_stands() {
    let tables = "[[oauth2.issuers]]\nissuer_url = 'https://a.example'\n[[oauth2.issuers]]\nissuer_url = 'https://b.example'\n";
    let config = with_file(&format!("{SHARED}{tables}"), &[("M4_OAUTH2_ALGORITHMS", "HS256")]);
    let places: Vec<_> = errors(&config).problems().iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places, ["M4_OAUTH2_ALGORITHMS"]);
}

#[test]
fn an_issuer_cannot_both_require_at_jwt_and_accept_id_tokens() {
    let both = [("M4_OAUTH2_REQUIRE_AT_JWT", "on"), ("M4_OAUTH2_ACCEPT_ID_TOKENS", "on")];
    assert!(errors(&complete_and(&both)).to_string().contains("contradicts require_at_jwt"));
    let google = "require_at_jwt = true\n[[oauth2.issuers]]\nissuer_url = 'https://g.example'\naccept_id_tokens = true\n";
    assert_eq!(errors(&file(google)).problems()[0].place, "oauth2.issuers[1].accept_id_tokens");
    assert!(issuers(file(&format!("{google}require_at_jwt = false\n")))[0].accept_id_tokens);
}

#[test]
fn an_issuer_whose_id_tokens_count_is_warned_about_by_name() {
    let config = file(
        "[[oauth2.issuers]]\nissuer_url = 'https://a.example'\n\
         [[oauth2.issuers]]\nissuer_url = 'https://g.example'\naccept_id_tokens = true\n",
    );
    let warnings: Vec<String> = config.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("M4_OAUTH2_ACCEPT_ID_TOKENS is on for https://g.example: "),
        "{warnings:?}"
    );
}

#[test]
fn tables_without_the_switch_are_listed_in_the_warning() {
    let config = with_file("[[oauth2.issuers]]\nissuer_url = 'https://a.example'\n", &[]);
    assert!(matches!(config.auth, AuthSetting::Disabled));
    let [Warning::NotEnabled(names)] = config.warnings() else { panic!("{:?}", config.warnings()) };
    assert_eq!(names, &["oauth2.issuers"]);
}

#[test]
fn what_holds_for_each_issuer_is_shown_with_where_it_comes_from() {
    let tables = "[[oauth2.issuers]]\nissuer_url = 'https://a.example'\n[[oauth2.issuers]]\nissuer_url = 'https://b.example'\n";
    let config = with_file(tables, &[("M4_OAUTH2_ENABLED", "1"), ("M4_OAUTH2_AUDIENCE", "env")]);
    let shown = |key: &str| config.shown().iter().find(|shown| shown.key() == key).unwrap();
    let url = shown("oauth2.issuers[2].issuer_url");
    assert_eq!(url.value.as_deref(), Some("https://b.example"));
    assert!(matches!(url.origin, Origin::File(_)) && url.variable().is_none());
    assert_eq!(shown("oauth2.issuers[2].audience").origin, Origin::Env("M4_OAUTH2_AUDIENCE".into()));
    assert_eq!(shown("oauth2.issuers[1].audience_claim").origin, Origin::Default);
    let per_issuer = config.shown().iter().filter(|shown| shown.place != Place::Top).count();
    assert_eq!(per_issuer, 2 * super::super::issuers::SETTINGS.len());
}

#[test]
fn the_client_is_one_issuers_and_its_secret_is_for_no_other() {
    let (a, b) = (
        "[[oauth2.issuers]]\nissuer_url = 'https://a.example'\n",
        "[[oauth2.issuers]]\nissuer_url = 'https://b.example'\n",
    );
    let introspects = "introspection_url = 'https://b.example/introspect'\n";
    let top = "issuer_url = 'https://top.example'\n";
    for (tables, expected) in [
        (a.to_owned(), Some("https://a.example")),
        (format!("{a}{b}"), None),
        (format!("{a}{b}{introspects}"), Some("https://b.example")),
        (format!("{top}{a}{b}"), Some("https://top.example")),
        (format!("{top}{a}{b}{introspects}"), Some("https://b.example")),
    ] {
        let client = "client_id = 'm4'\nclient_secret = 's'\n";
        let auth = enabled(file(&format!("{client}{tables}")));
        let found = auth.client_issuer.map(|place| auth.issuers[place].issuer.as_str());
        assert_eq!(found, expected, "{tables}");
    }
}
