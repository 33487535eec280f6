//! Device logins in virtual time.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::oauth::client::redirect::ProviderError;
use crate::oauth::client::token_response::TokenType;
use crate::testing::padded;
use crate::time::{Instant, UnixTime};

fn times() -> AssertionTimes<'static> {
    AssertionTimes { jti: "j", issued_at: UnixTime(1_800_000_000), expires_at: UnixTime(1_800_000_060) }
}

fn sent() -> AuthenticatedForm {
    let auth = ClientAuth::Public { client_id: "m4".into() };
    authorization_form(&ScopeSet::parse("a b").unwrap(), Some("https://m.example"), &auth, &times()).unwrap()
}

fn parse(changes: Value) -> Result<DeviceAuthorization, DeviceError> {
    let mut body = json!({
        "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS", "user_code": "WDJB-MJHT",
        "verification_uri": "https://as.example/device", "expires_in": 1800,
    });
    let Value::Object(changes) = changes else { panic!() };
    body.as_object_mut().unwrap().extend(changes);
    let issuer = Issuer::parse("https://as.example").unwrap();
    DeviceAuthorization::parse(200, body.to_string().as_bytes(), &sent(), &issuer)
}

fn at(seconds: u64) -> Now {
    Now {
        wall: UnixTime(1_800_000_000 + i64::try_from(seconds).unwrap()),
        mono: Instant::from_start(Duration::from_secs(seconds)),
    }
}

fn refused(error: &str) -> Result<TokenResponse, TokenError> {
    Err(TokenError::Refused(ProviderError { error: error.into(), description: None }))
}

fn wait(seconds: u64) -> DeviceStep {
    DeviceStep::Wait(Duration::from_secs(seconds))
}

fn tokens() -> TokenResponse {
    TokenResponse {
        access_token: Secret::new("a"),
        token_type: TokenType::Bearer,
        expires_in: None,
        refresh_token: None,
        scope: None,
    }
}

#[test]
fn the_request_names_the_client_once_however_it_authenticates() {
    assert_eq!(sent().body.expose(), "scope=a+b&resource=https%3A%2F%2Fm.example&client_id=m4");
    let auth = ClientAuth::Basic { client_id: "m4".into(), secret: Secret::new("s") };
    let form = authorization_form(&ScopeSet::default(), None, &auth, &times()).unwrap();
    assert_eq!(form.body.expose(), "client_id=m4");
}

#[test]
fn the_answer_is_read_with_the_defaults_of_the_rfc() {
    let read =
        parse(json!({ "verification_uri_complete": "https://as.example/device?c=WDJB-MJHT" })).unwrap();
    assert_eq!((read.user_code.as_str(), read.interval.as_secs()), ("WDJB-MJHT", 5));
    assert_eq!(read.expires_in.as_secs(), 1800);
    assert!(read.verification_uri_complete.is_some() && !format!("{read:?}").contains("GmRh"));
    let complete = parse(json!({ "verification_uri_complete": "javascript:x" })).unwrap();
    assert!(complete.verification_uri_complete.is_none());
}

#[test]
fn c18_a_person_is_sent_to_encrypted_places_only() {
    for (uri, problem) in [
        ("http://as.example/device", InvalidUrl::Insecure),
        ("file:///etc", InvalidUrl::NotHttp),
        ("http://localhost/", InvalidUrl::Loopback),
    ] {
        let error = parse(json!({ "verification_uri": uri })).unwrap_err();
        assert_eq!(error, DeviceError::VerificationUri(problem));
    }
}

#[test]
fn an_answer_that_cannot_be_shown_is_refused() {
    for code in ["", "\u{1b}[2J", "é", &"x".repeat(65)] {
        assert_eq!(parse(json!({ "user_code": code })).unwrap_err(), DeviceError::NotAnAnswer);
    }
    assert_eq!(parse(json!({ "device_code": "" })).unwrap_err(), DeviceError::NotAnAnswer);
    let error = parse(json!({ "error": "unauthorized_client" })).unwrap_err();
    assert!(matches!(error, DeviceError::Endpoint(TokenError::Refused(_))));
}

#[test]
fn an_answer_without_end_is_refused_and_a_time_without_end_is_cut() {
    let issuer = Issuer::parse("https://as.example").unwrap();
    let sound =
        r#"{"device_code":"d","user_code":"u","verification_uri":"https://as.example/","expires_in":1}"#;
    let parse_of = |length| DeviceAuthorization::parse(200, &padded(sound, length), &sent(), &issuer);
    assert!(parse_of(128 * 1024).is_ok());
    assert_eq!(parse_of(128 * 1024 + 1).unwrap_err(), TokenError::TooLarge.into());
    let forever = parse(json!({ "expires_in": u64::MAX, "interval": u64::MAX })).unwrap();
    assert_eq!((forever.expires_in.as_secs(), forever.interval.as_secs()), (86_400, 300));
}

#[test]
fn it_asks_at_the_servers_pace_until_the_person_confirms() {
    let mut poll = DevicePoll::new(&parse(json!({})).unwrap(), at(0));
    assert_eq!(poll.poll(at(0)), wait(5));
    assert_eq!(poll.poll(at(4)), wait(1));
    assert_eq!(poll.poll(at(5)), DeviceStep::Ask);
    assert_eq!(poll.poll(at(6)), wait(1794), "one question at a time");
    assert!(poll.handle(refused("authorization_pending"), at(7)).is_none());
    assert_eq!(poll.poll(at(11)), wait(1));
    assert_eq!(poll.poll(at(12)), DeviceStep::Ask);
    assert!(poll.handle(Ok(tokens()), at(13)).is_some());
    assert_eq!(poll.poll(at(14)), DeviceStep::Ended(DeviceEnd::Confirmed));
}

#[test]
fn slow_down_adds_five_seconds_for_good() {
    let mut poll = DevicePoll::new(&parse(json!({ "interval": 1 })).unwrap(), at(0));
    for (now, next) in [(1, 7), (7, 18)] {
        assert_eq!(poll.poll(at(now)), DeviceStep::Ask);
        poll.handle(refused("slow_down"), at(now));
        assert_ne!(poll.poll(at(next - 1)), DeviceStep::Ask);
    }
    assert_eq!(poll.poll(at(18)), DeviceStep::Ask);
    poll.handle(refused("authorization_pending"), at(18));
    assert_eq!(poll.poll(at(18)), wait(11));
}

#[test]
fn a_server_in_trouble_is_asked_less_and_less() {
    let mut poll = DevicePoll::new(&parse(json!({ "interval": 1 })).unwrap(), at(0));
    for seconds in [2, 4, 8] {
        poll.handle(Err(TokenError::Unreachable), at(0));
        assert_eq!(poll.poll(at(0)), wait(seconds));
    }
    (0..20).for_each(|_| drop(poll.handle(Err(TokenError::Status { status: 503 }), at(0))));
    assert_eq!(poll.poll(at(0)), wait(300));
}

#[test]
fn a_no_an_expiry_and_any_other_refusal_end_it() {
    let begin = || DevicePoll::new(&parse(json!({ "expires_in": 10 })).unwrap(), at(0));
    for (answer, end) in [
        (refused("access_denied"), DeviceEnd::Denied),
        (refused("expired_token"), DeviceEnd::Expired),
        (Err(TokenError::NotTokens), DeviceEnd::Failed(TokenError::NotTokens)),
    ] {
        let mut poll = begin();
        assert!(poll.handle(answer, at(5)).is_none());
        assert_eq!(poll.poll(at(5)), DeviceStep::Ended(end));
    }
    let mut poll = begin();
    assert_eq!(poll.poll(at(5)), DeviceStep::Ask);
    assert_eq!(poll.poll(at(10)), DeviceStep::Ended(DeviceEnd::Expired));
    assert!(poll.handle(Ok(tokens()), at(11)).is_some(), "tokens that came late are tokens");
}

proptest! {
    #[test]
    fn it_never_asks_faster_than_told_and_always_ends(
        interval in 0..20_u64, answers in proptest::collection::vec(0..4_usize, 0..40),
    ) {
        let authorization = parse(json!({ "interval": interval, "expires_in": 600 })).unwrap();
        let mut poll = DevicePoll::new(&authorization, at(0));
        let (mut now, mut last, mut answers) = (0, 0, answers.into_iter());
        while now <= 601 {
            match poll.poll(at(now)) {
                DeviceStep::Wait(wait) => now += wait.as_secs().max(1),
                DeviceStep::Ask => {
                    prop_assert!(now - last >= interval.max(1));
                    last = now;
                    let error = ["authorization_pending", "slow_down", "server_error", "authorization_pending"];
                    poll.handle(refused(error[answers.next().unwrap_or(0)]), at(now));
                }
                DeviceStep::Ended(end) => {
                    prop_assert_eq!(end, DeviceEnd::Expired);
                    return Ok(());
                }
            }
        }
        prop_assert!(false, "did not end");
    }
}
