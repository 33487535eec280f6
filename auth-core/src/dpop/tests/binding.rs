//! The tie between a proof and the access token it came with.

use super::*;

fn bound() -> DpopBound {
    judge(&verifier(), &proof(&Signer::p256("k"), &claims()), at(0)).unwrap()
}

#[test]
fn only_a_confirmation_by_this_key_and_nothing_else_matches() {
    let bound = bound();
    let jkt = bound.thumbprint().as_str();
    assert!(matches(Some(&json!({ "jkt": jkt })), &bound));
    let token = TokenDigest::of(TOKEN);
    for (cnf, rejection) in [
        (None, DpopRejection::TokenNotBound),
        (Some(Value::Null), DpopRejection::TokenNotBound),
        (Some(json!(jkt)), DpopRejection::TokenNotBound),
        (Some(json!({})), DpopRejection::TokenNotBound),
        (Some(json!({ "jkt": null })), DpopRejection::TokenNotBound),
        (Some(json!({ "jkt": [jkt] })), DpopRejection::TokenNotBound),
        (Some(json!({ "x5t#S256": jkt })), DpopRejection::TokenNotBound),
        (Some(json!({ "jkt": jkt, "x5t#S256": "AAAA" })), DpopRejection::TokenNotBound),
        (Some(json!({ "jkt": "" })), DpopRejection::WrongKey),
        (Some(json!({ "jkt": format!("{jkt}=") })), DpopRejection::WrongKey),
        (Some(json!({ "jkt": &jkt[1..] })), DpopRejection::WrongKey),
        (Some(json!({ "jkt": self::bound().thumbprint().as_str() })), DpopRejection::WrongKey),
    ] {
        assert!(!matches(cnf.as_ref(), &bound), "{cnf:?}");
        assert_eq!(bound.redeem(cnf.as_ref(), &token, at(0)), Err(rejection), "{cnf:?}");
    }
    redeem(&bound, at(0)).expect("no refusal above used the proof up");
}

#[test]
fn a_proof_for_one_token_redeems_no_other_of_the_same_key() {
    let bound = bound();
    let other = bound.redeem(Some(&cnf(&bound)), &TokenDigest::of("another"), at(0));
    assert_eq!(other, Err(DpopRejection::WrongAccessToken));
}

#[test]
fn a_bound_kept_longer_than_its_window_is_worth_nothing() {
    let bound = bound();
    redeem(&bound, at(60)).unwrap();
    assert_eq!(redeem(&bound, at(61)), Err(DpopRejection::Stale { issued_at: at(0), now: at(61) }));
}
