//! Issuers that answer a login wrongly: a clear error, and no code or token on any screen or in any log.

use m4_tests::issuer::{Advertised, Endpoint, Fault};

use crate::login_browser::{assert_nobody_is_logged_in, issuer, parameter, started};

#[test]
fn c18_whatever_the_token_endpoint_does_no_code_gets_out_and_nothing_is_stored() {
    let cases = [
        (Fault::Redirect, "redirect"),
        (Fault::ErrorWith200, "refused: `invalid_grant` (`<b>no</b>`)"),
        (Fault::Oversize, "larger than"),
        (Fault::Garbage, "holds no tokens"),
        (Fault::Status(500), "status 500"),
        (Fault::Hang, "did not answer"),
    ];
    std::thread::scope(|scope| {
        for (fault, told) in cases {
            scope.spawn(move || {
                let issuer = issuer();
                issuer.fail(Endpoint::Token, fault);
                let (sandbox, mut run) = started(&issuer, &[]);
                let back = run.redirect().unwrap();
                let (code, state) = (parameter(&back, "code"), parameter(&back, "state"));
                let page = run.go(&back).unwrap();
                assert_eq!(page.status, 400, "{fault:?}");
                assert!(page.body.contains("<h1>You are not logged in</h1>"), "{}", page.body);
                assert!(!page.body.contains("<b>"), "{}", page.body);
                let exit = run.wait().unwrap();
                assert_eq!(exit.code, Some(1), "{fault:?}: {}", exit.stderr);
                let error = exit.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
                assert!(error.contains(told), "{fault:?}: {error}");
                assert!(exit.stderr.lines().last().unwrap().starts_with("hint: "), "{}", exit.stderr);
                for shown in [&exit.stderr, &String::from_utf8(exit.stdout).unwrap(), &page.body] {
                    assert!(!shown.contains(&code), "{fault:?}: the code got out");
                }
                assert!(!page.body.contains(&state));
                assert_nobody_is_logged_in(&sandbox);
                let counted = issuer.counters();
                assert_eq!((counted.token, counted.redirected), (1, 0), "{fault:?}");
            });
        }
    });
}

#[test]
fn an_error_full_of_html_is_text_in_the_browser_and_on_the_terminal() {
    let issuer = issuer();
    let (sandbox, mut run) = started(&issuer, &[]);
    let back = run.redirect().unwrap();
    let (code, _) = (parameter(&back, "code"), parameter(&back, "state"));
    let refusal = back.replace(
        &format!("code={code}"),
        "error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E%1B%5B2J%0Aerror:%20forged",
    );
    let page = run.go(&refusal).unwrap();
    assert_eq!(page.status, 400);
    assert!(page.body.contains("&lt;script&gt;") && !page.body.contains("<script"), "{}", page.body);
    assert!(
        page.field("content-security-policy").unwrap().starts_with("default-src 'none'; style-src 'sha256-")
    );
    assert_eq!(page.field("cache-control"), Some("no-store"));
    let exit = run.wait().unwrap();
    assert_eq!(exit.code, Some(1));
    assert!(
        exit.stderr.contains("error: the authorization server refused the login: `access_denied`"),
        "{}",
        exit.stderr
    );
    assert!(!exit.stderr.contains('\u{1b}') && !exit.stderr.contains("\nerror: forged"), "{}", exit.stderr);
    assert_nobody_is_logged_in(&sandbox);
}

#[test]
fn c05_no_browser_is_opened_for_an_issuer_without_pkce_unless_somebody_vouches_for_it() {
    let issuer = issuer();
    issuer.advertise(Advertised { pkce: false, ..Advertised::default() });
    let (sandbox, run) = started(&issuer, &["--client-id", "m4-public"]);
    let exit = run.wait().unwrap();
    assert_eq!(exit.code, Some(1));
    assert!(exit.stderr.contains("does not advertise PKCE"), "{}", exit.stderr);
    assert!(issuer.authorizations().is_empty() && !exit.stderr.contains("/authorize?"));

    let sandbox = sandbox.with("M4_LOGIN_PKCE_VOUCHED", "true");
    let mut run = m4_tests::login::LoginRun::start(&sandbox, &["--client-id", "m4-public"]).unwrap();
    let back = run.redirect().unwrap();
    assert_eq!(run.go(&back).unwrap().status, 200);
    assert_eq!(run.wait().unwrap().code, Some(0));
}

#[test]
fn c03_c04_an_issuer_that_is_silent_or_somebody_else_is_said_to_be_so() {
    let issuer = issuer();
    issuer.fail(Endpoint::Discovery, Fault::Status(404));
    let (sandbox, run) = started(&issuer, &[]);
    let exit = run.wait().unwrap();
    assert!(exit.code == Some(1) && exit.stderr.contains("publishes no metadata"), "{}", exit.stderr);
    assert_eq!(issuer.counters().discovery, 2, "without a path there are two places");
    issuer.fail(Endpoint::Discovery, None);
    let other = issuer.url().replace("127.0.0.1", "localhost");
    let run = m4_tests::login::LoginRun::start(&sandbox, &["--issuer", &other]).unwrap();
    let exit = run.wait().unwrap();
    assert!(exit.code == Some(1) && exit.stderr.contains("another issuer"), "{}", exit.stderr);
    assert!(issuer.authorizations().is_empty());
}
