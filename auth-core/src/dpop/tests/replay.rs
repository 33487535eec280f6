//! Each proof once, whatever the clock does.

use super::*;

/// Another proof, made at `iat`.
fn second(iat: i64) -> Value {
    let mut claims = with("iat", json!(iat));
    claims["jti"] = json!("two");
    claims
}

#[test]
fn a_proof_admits_one_request_and_that_request_as_often_as_it_asks() {
    let (verifier, text) = (verifier(), proof(&Signer::p256("k"), &claims()));
    let first = judge(&verifier, &text, at(0)).unwrap();
    redeem(&first, at(0)).unwrap();
    redeem(&first, at(1)).unwrap();
    for seconds in [0, 1, 60] {
        let again = judge(&verifier, &text, at(seconds)).unwrap();
        assert_eq!(redeem(&again, at(seconds)), Err(DpopRejection::Replayed), "{seconds}");
        assert_eq!(redeem(&again, at(seconds)), Err(DpopRejection::Replayed), "asking twice changes nothing");
    }
    assert!(judge(&verifier, &text, at(61)).is_err());
}

#[test]
fn of_racing_requests_with_one_proof_one_is_admitted() {
    let (verifier, signer) = (verifier(), Signer::p256("k"));
    for round in 0..20 {
        let text = proof(&signer, &with("jti", json!(round.to_string())));
        let racers = [(); 8].map(|()| judge(&verifier, &text, at(0)).unwrap());
        let start = std::sync::Barrier::new(racers.len());
        let admitted = std::thread::scope(|scope| {
            let handles = racers.each_ref().map(|bound| {
                scope.spawn(|| {
                    start.wait();
                    redeem(bound, at(0)).is_ok()
                })
            });
            handles.into_iter().map(|handle| usize::from(handle.join().unwrap())).sum::<usize>()
        });
        assert_eq!(admitted, 1, "round {round}");
    }
}

#[test]
fn a_clock_set_back_reopens_nothing() {
    let (verifier, signer) = (verifier(), Signer::p256("k"));
    let text = proof(&signer, &claims());
    redeem(&judge(&verifier, &text, at(0)).unwrap(), at(0)).unwrap();
    let later = proof(&signer, &second(T + 1000));
    redeem(&judge(&verifier, &later, at(1000)).unwrap(), at(1000)).unwrap();
    let again = judge(&verifier, &text, at(0)).unwrap();
    assert_eq!(redeem(&again, at(0)), Err(DpopRejection::Replayed));
}

#[test]
fn a_proof_judged_in_time_but_redeemed_after_others_were_forgotten_is_refused() {
    let (verifier, signer) = (verifier(), Signer::p256("k"));
    let text = proof(&signer, &claims());
    redeem(&judge(&verifier, &text, at(0)).unwrap(), at(0)).unwrap();
    let slow = judge(&verifier, &text, at(60)).unwrap();
    let other = proof(&signer, &second(T + 30));
    redeem(&judge(&verifier, &other, at(61)).unwrap(), at(61)).unwrap();
    assert_eq!(redeem(&slow, at(60)), Err(DpopRejection::Replayed));
}

#[test]
fn a_jti_counts_per_key_and_url_and_not_per_iat() {
    let (verifier, signer) = (verifier(), Signer::p256("k"));
    redeem(&judge(&verifier, &proof(&signer, &claims()), at(0)).unwrap(), at(0)).unwrap();
    let newer = judge(&verifier, &proof(&signer, &with("iat", json!(T + 5))), at(5)).unwrap();
    assert_eq!(redeem(&newer, at(5)), Err(DpopRejection::Replayed));
    let other_key = judge(&verifier, &proof(&Signer::p256("k"), &claims()), at(0)).unwrap();
    redeem(&other_key, at(0)).unwrap();
    let url = TargetUri::parse("https://m4.example/other").unwrap();
    let text = proof(&signer, &with("htu", json!(url.as_str())));
    let request = DpopRequest { proof: &text, method: "POST", url: &url, access_token: TOKEN };
    redeem(&verifier.verify(&request, at(0)).unwrap(), at(0)).unwrap();
}

#[test]
fn proofs_whose_token_was_never_verified_take_no_room() {
    let settings = DpopSettings { replay_capacity: 1, ..DpopSettings::default() };
    let (verifier, signer) = (DpopVerifier::new(settings), Signer::p256("k"));
    for number in 0..50 {
        judge(&verifier, &proof(&signer, &with("jti", json!(number.to_string()))), at(0)).unwrap();
    }
    redeem(&judge(&verifier, &proof(&signer, &claims()), at(0)).unwrap(), at(0)).unwrap();
    let next = judge(&verifier, &proof(&signer, &with("jti", json!("next"))), at(0)).unwrap();
    let full = redeem(&next, at(0)).unwrap_err();
    assert_eq!(full, DpopRejection::ReplayStoreFull { retry_after: Duration::from_secs(61) });
    assert_eq!((full.http_status(), full.oauth_error()), (503, None));
}
