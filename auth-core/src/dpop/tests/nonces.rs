//! Nonces asked for, used, and worn out.

use super::*;

fn verifier() -> DpopVerifier {
    let nonces = Some(NonceIssuer::new(&[3; 32], Duration::from_secs(100)));
    DpopVerifier::new(DpopSettings { nonces, ..DpopSettings::default() })
}

#[test]
fn a_proof_without_nonce_is_told_which_one_to_use_and_then_passes() {
    let (verifier, signer) = (verifier(), Signer::p256("k"));
    let rejection = judge(&verifier, &proof(&signer, &claims()), at(0)).unwrap_err();
    let nonce = verifier.nonce(at(0)).unwrap();
    assert_eq!(rejection, DpopRejection::NonceRequired { nonce: nonce.clone() });
    assert_eq!(rejection.nonce(), Some(nonce.as_str()));
    assert_eq!((rejection.oauth_error(), rejection.http_status()), (Some("use_dpop_nonce"), 401));
    judge(&verifier, &proof(&signer, &with("nonce", json!(nonce))), at(0)).unwrap();
}

#[test]
fn a_nonce_of_two_steps_ago_or_of_somebody_else_is_answered_with_a_new_one() {
    let (verifier, signer) = (verifier(), Signer::p256("k"));
    let older = verifier.nonce(at(-200)).unwrap();
    let previous = verifier.nonce(at(-100)).unwrap();
    judge(&verifier, &proof(&signer, &with("nonce", json!(previous))), at(0)).unwrap();
    for nonce in [older.as_str(), "", "made-up"] {
        let rejection = judge(&verifier, &proof(&signer, &with("nonce", json!(nonce))), at(0)).unwrap_err();
        assert_eq!(rejection, DpopRejection::NonceStale { nonce: verifier.nonce(at(0)).unwrap() });
    }
}

#[test]
fn a_nonce_is_only_handed_to_proofs_that_are_otherwise_sound() {
    let text = proof(&Signer::p256("k"), &with("htm", json!("GET")));
    let rejection = judge(&verifier(), &text, at(0)).unwrap_err();
    assert_eq!((rejection.oauth_error(), rejection.nonce()), (Some("invalid_dpop_proof"), None));
}

#[test]
fn without_an_issuer_a_nonce_is_neither_asked_for_nor_looked_at() {
    let verifier = super::verifier();
    judge(&verifier, &proof(&Signer::p256("k"), &with("nonce", json!("any"))), at(0)).unwrap();
    assert_eq!(verifier.nonce(at(0)), None);
}

#[test]
fn a_nonce_is_accepted_when_it_is_issued_at_any_time_there_is() {
    let issuer = NonceIssuer::new(&[7; 32], Duration::from_secs(1));
    for wall in [i64::MIN, -1, 0, T, i64::MAX].map(UnixTime) {
        assert!(issuer.accepts(&issuer.issue(wall), wall), "{wall}");
    }
}
