//! `m4 logout`, `m4 whoami`, `m4 auth status` and `m4 token`, with logins as `m4 login` stores them.

use std::time::Duration;

use m4_tests::cli::{Output, m4};
use m4_tests::issuer::{MockIssuer, Options, Refreshes, TokenSpec};
use m4_tests::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::setup::{empty, issuer, protected};
use crate::stored_logins::{LONG_AGO, lasting, login, store, stored};

/// OAuth2 on, no token configured, and one login.
fn logged_in(issuer: &MockIssuer) -> Sandbox {
    let sandbox = without_login(issuer);
    store(&sandbox, &[("default", login(issuer))]);
    sandbox
}

fn without_login(issuer: &MockIssuer) -> Sandbox {
    protected(empty(), issuer).without("M4_OAUTH2_TOKEN_FILE")
}

fn run(sandbox: &Sandbox, line: &str) -> Output {
    m4(sandbox, line.split(' ')).unwrap()
}

fn json_of(output: &Output) -> Value {
    output.data()
}

/// What of a login is secret.
fn secrets(login: &Value) -> impl Iterator<Item = &str> {
    ["access_token", "refresh_token", "client_secret"].into_iter().filter_map(|name| login[name].as_str())
}

#[track_caller]
fn assert_no_secret(output: &Output, login: &Value) {
    for secret in secrets(login) {
        assert!(!output.stdout.contains(secret) && !output.stderr.contains(secret), "{output:?}");
    }
}

#[test]
fn whoami_shows_what_the_gate_sees_and_where_the_token_comes_from() {
    let issuer = issuer();
    let sandbox = without_login(&issuer);
    let mut ada = login(&issuer);
    let token = lasting().subject("ada").claim("email", "ada@example.org");
    ada["access_token"] = json!(issuer.mint(token));
    store(&sandbox, &[("default", ada.clone())]);
    let sandbox = sandbox.with("M4_LOG", "trace");
    let seen = run(&sandbox, "whoami --json");
    let report = json_of(&seen);
    assert_eq!(
        (&report["subject"], &report["email"], &report["issuer"], &report["client_id"]),
        (&json!("ada"), &json!("ada@example.org"), &json!(issuer.url()), &json!("m4-client"))
    );
    assert_eq!(report["scopes"], json!(["read:mimic-data"]));
    assert!(report["expires_at"].as_str().unwrap().ends_with('Z'), "{report}");
    assert_eq!((&report["profile"], &report["token"]["from"]), (&json!("default"), &json!("login")));
    assert_no_secret(&seen, &ada);
    let seen = run(&sandbox, "whoami");
    for text in
        ["subject: ada\n", "email: ada@example.org\n", "token: the login at ", ", expires in 3 hours\n"]
    {
        assert!(seen.stdout.contains(text), "{text:?}: {}", seen.stdout);
    }
    assert_no_secret(&seen, &ada);
}

#[test]
fn whoami_refuses_what_the_gate_refuses_and_says_how_to_log_in() {
    let issuer = issuer();
    let sandbox = without_login(&issuer);
    let nobody = run(&sandbox, "whoami");
    assert_eq!((nobody.code, nobody.stdout.as_str()), (Some(1), ""));
    assert!(nobody.stderr.contains("nobody is logged in") && nobody.stderr.contains("hint: run `m4 login`"));
    let mut foreign = login(&issuer);
    foreign["access_token"] = json!(issuer.mint(TokenSpec::new().audience("other-api")));
    store(&sandbox, &[("default", foreign.clone())]);
    let refused = run(&sandbox, "whoami");
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("Invalid token audience"), "{}", refused.stderr);
    assert_no_secret(&refused, &foreign);
    let off = run(&sandbox.with("M4_OAUTH2_ENABLED", "false"), "whoami");
    assert_eq!(off.code, Some(1));
    assert!(off.stderr.contains("OAuth2 is disabled"), "{}", off.stderr);
}

#[test]
fn a_token_in_the_settings_counts_before_a_file_and_a_file_before_a_login() {
    let issuer = issuer();
    let sandbox = logged_in(&issuer);
    let subject_of = |name: &str| issuer.mint(TokenSpec::new().subject(name));
    let file = sandbox.root().join("token");
    std::fs::write(&file, subject_of("from-file")).unwrap();
    let with_file = sandbox.clone().with("M4_OAUTH2_TOKEN_FILE", &file);
    let with_token = with_file.clone().with("M4_OAUTH2_TOKEN", subject_of("from-env"));
    for (sandbox, subject, from) in [
        (
            &with_token,
            "from-env",
            json!({ "from": "setting", "key": "oauth2.token", "set_by": "M4_OAUTH2_TOKEN" }),
        ),
        (
            &with_file,
            "from-file",
            json!({ "from": "setting", "key": "oauth2.token_file", "set_by": "M4_OAUTH2_TOKEN_FILE" }),
        ),
        (
            &sandbox,
            m4_tests::issuer::DEFAULT_SUBJECT,
            json!({ "from": "login", "issuer": issuer.url(), "resource": null, "profile": "default" }),
        ),
    ] {
        let report = json_of(&run(sandbox, "whoami --json"));
        assert_eq!((&report["subject"], &report["token"]), (&json!(subject), &from));
        let status = json_of(&run(sandbox, "auth status --json"));
        for (name, value) in from.as_object().unwrap() {
            assert_eq!(&status["token"][name], value, "{status}");
        }
        assert_eq!(status["logins"][0]["in_effect"], json!(from["from"] == "login"));
        let token = run(sandbox, "token").stdout;
        let payload = token.split('.').nth(1).unwrap();
        let claims = base64_decoded(payload);
        assert!(claims.contains(subject), "{claims}");
    }
}

fn base64_decoded(text: &str) -> String {
    use base64::Engine as _;
    String::from_utf8(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

#[test]
fn auth_status_lists_every_login_and_fails_where_there_is_no_usable_token() {
    let issuer = issuer();
    let sandbox = without_login(&issuer);
    let none = run(&sandbox, "auth status --json");
    assert_eq!((none.code, &json_of(&none)["token"]["usable"]), (Some(1), &json!(false)));
    assert_eq!(json_of(&none)["logins"], json!([]));

    let (mut due, mut over, fresh) = (login(&issuer), login(&issuer), login(&issuer));
    due["expires_at"] = json!(LONG_AGO);
    over["expires_at"] = json!(LONG_AGO);
    over.as_object_mut().unwrap().remove("refresh_token");
    for (of_default, state, usable, code) in
        [(&fresh, "active", true, 0), (&due, "due", true, 0), (&over, "expired", false, 1)]
    {
        let mut elsewhere = fresh.clone();
        elsewhere["resource"] = json!("https://other.example/mcp");
        store(&sandbox, &[("default", of_default.clone()), ("work", elsewhere)]);
        let seen = run(&sandbox, "auth status --json");
        let status = json_of(&seen);
        assert_eq!((seen.code, &status["token"]["usable"]), (Some(code), &json!(usable)), "{status}");
        assert_eq!((&status["gate"], &status["profile"]), (&json!("on"), &json!("default")));
        let logins = status["logins"].as_array().unwrap();
        assert_eq!((logins.len(), &logins[0]["state"]), (2, &json!(state)));
        assert_eq!(logins[1]["in_effect"], json!(false), "of another profile");
        assert_no_secret(&seen, of_default);
        let text = run(&sandbox, "auth status");
        assert_eq!(text.code, Some(code));
        assert!(text.stdout.contains("https://other.example/mcp") && text.stdout.contains("in 3 hours"));
        assert_no_secret(&text, of_default);
    }
    assert_eq!((issuer.counters().token, issuer.counters().jwks), (0, 0), "nobody was asked");
    assert_eq!(run(&sandbox, "auth status --profile work --json").code, Some(1), "not for this audience");
    let off = sandbox.clone().with("M4_OAUTH2_ENABLED", "false");
    let status = run(&off, "auth status --profile work --json");
    assert_eq!((status.code, &json_of(&status)["gate"]), (Some(0), &json!("off")));
}

#[test]
fn auth_status_says_what_offline_checks_find_and_what_is_wrong_with_the_store() {
    let issuer = issuer();
    let sandbox = without_login(&issuer);
    let mut foreign = login(&issuer);
    foreign["access_token"] = json!(issuer.mint(TokenSpec::new().audience("other-api")));
    store(&sandbox, &[("default", foreign)]);
    let seen = run(&sandbox, "auth status");
    assert_eq!(seen.code, Some(1));
    assert!(seen.stdout.contains("Invalid token audience"), "{}", seen.stdout);
    let path = sandbox.config_dir().join("tokens.json");
    std::fs::write(&path, "{").unwrap();
    let seen = run(&sandbox, "auth status");
    assert_eq!(seen.code, Some(1));
    assert!(seen.stdout.contains("damaged") && seen.stdout.contains("m4 login"), "{}", seen.stdout);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{", "who only looks changes nothing");
}

#[test]
fn token_prints_the_token_and_one_newline_and_renews_it_when_it_is_due() {
    let issuer = issuer();
    let sandbox = logged_in(&issuer);
    let token = stored(&sandbox, "default")["access_token"].as_str().unwrap().to_owned();
    let printed = run(&sandbox, "token");
    assert_eq!((printed.code, printed.stdout), (Some(0), format!("{token}\n")));
    assert_eq!(printed.stderr, "");
    let mut due = login(&issuer);
    due["expires_at"] = json!(LONG_AGO);
    store(&sandbox, &[("default", due)]);
    let renewed = run(&sandbox, "token").stdout;
    assert_eq!(renewed.trim_end(), stored(&sandbox, "default")["access_token"]);
    assert_ne!(renewed.trim_end(), token);
    assert_eq!(issuer.refreshes(), Refreshes { rotated: 1, reused: 0 });
    let typed = sandbox.with("M4_OAUTH2_TOKEN", "Bearer t.o.k");
    assert_eq!(run(&typed, "token").stdout, "t.o.k\n", "without the scheme");
}

#[test]
fn token_finds_the_login_for_a_resource_and_asks_where_several_could_be_meant() {
    let issuer = issuer();
    let sandbox = empty();
    let resource = "https://m4.example/mcp";
    let mut for_mcp = login(&issuer);
    for_mcp["resource"] = json!(resource);
    for_mcp["access_token"] = json!("for-mcp");
    store(&sandbox, &[("default", login(&issuer)), ("default", for_mcp)]);
    assert_eq!(run(&sandbox, &format!("token --resource {resource}")).stdout, "for-mcp\n");
    assert_eq!(run(&sandbox, "token --mcp https://M4.example:443/mcp").stdout, "for-mcp\n");
    for line in ["token", &format!("token --issuer {}", issuer.url())] {
        let asked = run(&sandbox, line);
        assert_eq!((asked.code, asked.stdout.as_str()), (Some(1), ""), "{}", asked.stderr);
        assert!(asked.stderr.contains("more than one login") && asked.stderr.contains(resource));
    }
    let unknown = run(&sandbox, "token --issuer https://other.example");
    assert!(unknown.code == Some(1) && unknown.stderr.contains("there is no such login"));
    let other = run(&sandbox, "token --profile work");
    assert!(other.code == Some(1) && other.stderr.contains("nobody is logged in"), "{}", other.stderr);
}

#[test]
fn profiles_keep_the_logins_of_several_people_apart() {
    let issuer = issuer();
    let sandbox = without_login(&issuer);
    let of = |name: &str| {
        let mut login = login(&issuer);
        login["access_token"] = json!(issuer.mint(TokenSpec::new().subject(name)));
        login
    };
    store(&sandbox, &[("default", of("ann")), ("work", of("bob"))]);
    let subject = |sandbox: &Sandbox, line: &str| json_of(&run(sandbox, line))["subject"].clone();
    assert_eq!(subject(&sandbox, "whoami --json"), "ann");
    assert_eq!(subject(&sandbox, "whoami --json --profile work"), "bob");
    let work = sandbox.clone().with("M4_LOGIN_PROFILE", "work");
    assert_eq!(subject(&work, "whoami --json"), "bob");
    assert_eq!(
        subject(&work, "whoami --json --profile default"),
        "ann",
        "a flag counts before the environment"
    );

    for command in ["whoami", "auth status", "token", "logout"] {
        let misspelt = run(&sandbox.clone().with("M4_LOGIN_PROFILE", "wo rk"), command);
        assert_eq!((misspelt.code, misspelt.stdout.as_str()), (Some(1), ""), "{command}");
        assert!(misspelt.stderr.contains("M4_LOGIN_PROFILE"), "{}", misspelt.stderr);
        let misspelt = m4(&sandbox, command.split(' ').chain(["--profile", "wo rk"])).unwrap();
        assert_eq!(misspelt.code, Some(2), "{command}");
    }
    assert!(stored(&sandbox, "default").is_object() && stored(&sandbox, "work").is_object());
    assert_eq!(run(&sandbox, "logout --profile work").code, Some(0));
    assert!(stored(&sandbox, "default").is_object() && stored(&sandbox, "work").is_null());
}

#[test]
fn a_reader_of_the_token_that_goes_away_is_no_error() {
    let issuer = MockIssuer::start(Options::default());
    let sandbox = logged_in(&issuer);
    let m4 = m4_tests::binaries::find("m4").unwrap();
    let line = format!("'{}' token | true; echo ${{PIPESTATUS[0]}}", m4.display());
    let output = m4_tests::cli::run("bash", &sandbox, ["-c", &line]).unwrap();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("0\n", ""));
    assert!(output.elapsed < Duration::from_secs(20));
}
