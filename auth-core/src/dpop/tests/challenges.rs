//! What a refused client is told, and what can never get into a header field.

use super::*;
use crate::oauth::challenge::Challenge;
use crate::rejection::Rejection;
use crate::scope::ScopeSet;

/// The challenge of a refusal for clients with proofs, which are signed by one of these algorithms.
fn challenge(rejection: impl Into<Rejection>, algorithms: &[Algorithm]) -> String {
    Challenge::new(&rejection.into(), &ScopeSet::default(), None).dpop(algorithms)
}

#[test]
fn a_request_without_credentials_is_told_the_algorithms_only() {
    let field = challenge(Rejection::MissingToken, &verifier().settings().algorithms);
    assert_eq!(field, r#"DPoP algs="ES256 ES384 EdDSA RS256 PS256""#);
}

#[test]
fn a_refusal_is_named_and_described() {
    let text = |rejection: DpopRejection| challenge(rejection, &[Algorithm::ES256]);
    assert_eq!(
        text(DpopRejection::Replayed),
        r#"DPoP algs="ES256", error="invalid_dpop_proof", error_description="Invalid DPoP proof: it was used before""#
    );
    assert_eq!(
        text(DpopRejection::WrongKey),
        r#"DPoP algs="ES256", error="invalid_token", error_description="Invalid token: it is bound to another key than the DPoP proof's""#
    );
}

#[test]
fn nothing_a_proof_holds_breaks_out_of_the_header_field() {
    let signer = Signer::p256("k");
    for text in ["a\", realm=\"x", "a\r\nSet-Cookie: b", "\\\"", "ü\u{202e}"] {
        for rejection in [
            refusal(&with_header(&signer, "alg", json!(text))),
            refusal(&with_header(&signer, "typ", json!(text))),
            refusal(&proof(&signer, &with("htm", json!(text)))),
        ] {
            let field = challenge(rejection, &verifier().settings().algorithms);
            assert!(field.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{field}");
            assert_eq!(field.matches('"').count(), 6, "{field}");
            assert!(!field.contains('\\'), "{field}");
        }
    }
}

#[test]
fn no_refusal_quotes_the_access_token() {
    let signer = Signer::p256("k");
    let rejection = refusal(&proof(&signer, &with("ath", json!(TOKEN))));
    let shown = format!("{rejection} {rejection:?} {}", rejection.hint());
    assert!(!shown.contains(TOKEN) && !shown.contains(ATH), "{shown}");
    let bound = judge(&verifier(), &proof(&signer, &claims()), at(0)).unwrap();
    assert!(!format!("{bound:?}").contains(TOKEN));
}

#[test]
fn the_gates_rejection_says_what_the_proofs_does() {
    for rejection in [
        DpopRejection::Replayed,
        DpopRejection::WrongKey,
        DpopRejection::NonceRequired { nonce: "n".into() },
        DpopRejection::TooManyProofs { retry_after: Duration::from_secs(3) },
        DpopRejection::ReplayStoreFull { retry_after: Duration::from_secs(1) },
    ] {
        let gate = Rejection::from(rejection.clone());
        assert_eq!(gate.message(), rejection.message());
        assert_eq!(gate.hint(), rejection.hint());
        assert_eq!(gate.code(), rejection.code());
        assert_eq!(gate.oauth_error(), rejection.oauth_error());
        assert_eq!(gate.http_status(), rejection.http_status());
        assert_eq!(gate.retry_after(), rejection.retry_after());
    }
}
