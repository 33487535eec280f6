//! Every refusal: its name for audit records, its status and error code, its words and its next step.

use super::*;

const WAIT: Duration = Duration::from_secs(3);

/// Name, HTTP status, error code, first words and a word of the hint.
type Told = (&'static str, u16, Option<&'static str>, &'static str, &'static str);

#[expect(clippy::too_many_lines, reason = "one table, read line by line")]
fn every_refusal() -> Vec<(DpopRejection, Told)> {
    const PROOF: Option<&str> = Some("invalid_dpop_proof");
    let url = |text| TargetUri::parse(text).unwrap();
    let nonce = || "n".to_owned();
    vec![
        (
            DpopRejection::MissingProof,
            ("dpop_missing_proof", 401, PROOF, "Invalid DPoP proof: the request has none", "Send one"),
        ),
        (
            DpopRejection::SeveralProofs,
            ("dpop_malformed", 401, PROOF, "Invalid DPoP proof: the request has more than one", "Send one"),
        ),
        (
            DpopRejection::TooLarge { bytes: 9000 },
            ("dpop_malformed", 401, PROOF, "Invalid DPoP proof: 9000 bytes, at most 8192 are", "Send one"),
        ),
        (
            DpopRejection::NotThreeParts,
            ("dpop_malformed", 401, PROOF, "Invalid DPoP proof: it is not one JWT of 3 parts", "Send one"),
        ),
        (
            DpopRejection::NotBase64 { part: "header" },
            ("dpop_malformed", 401, PROOF, "Invalid DPoP proof: the header is not base64url", "Send one"),
        ),
        (
            DpopRejection::NotJson { part: "claims" },
            ("dpop_malformed", 401, PROOF, "Invalid DPoP proof: the claims is not the JSON", "Send one"),
        ),
        (
            DpopRejection::WrongType { typ: None },
            ("dpop_wrong_type", 401, PROOF, "Invalid DPoP proof: it has no type, expected", "Send one"),
        ),
        (
            DpopRejection::WrongType { typ: Some("JWT".into()) },
            ("dpop_wrong_type", 401, PROOF, "Invalid DPoP proof: its type is `JWT`, expected", "Send one"),
        ),
        (
            DpopRejection::CriticalHeader,
            ("dpop_critical_header", 401, PROOF, "Invalid DPoP proof: it demands header", "Send one"),
        ),
        (
            DpopRejection::AlgorithmNotAllowed {
                algorithm: "none".into(),
                allowed: vec![Algorithm::ES256, Algorithm::PS256],
            },
            (
                "dpop_algorithm_not_allowed",
                401,
                PROOF,
                "Invalid DPoP proof: algorithm `none` is not allowed (allowed: ES256, PS256)",
                "`algs`",
            ),
        ),
        (
            DpopRejection::UnusableKey(UnusableKey::Private),
            (
                "dpop_unusable_key",
                401,
                PROOF,
                "Invalid DPoP proof: its `jwk` cannot be used: it holds a",
                "stop",
            ),
        ),
        (
            DpopRejection::UnusableKey(UnusableKey::NotForSignatures),
            (
                "dpop_unusable_key",
                401,
                PROOF,
                "Invalid DPoP proof: its `jwk` cannot be used: not for",
                "Embed",
            ),
        ),
        (
            DpopRejection::BadSignature,
            ("dpop_bad_signature", 401, PROOF, "Invalid DPoP proof: its signature does not", "private key"),
        ),
        (
            DpopRejection::MissingClaim("jti"),
            ("dpop_bad_claim", 401, PROOF, "Invalid DPoP proof: the required claim `jti` is", "Send one"),
        ),
        (
            DpopRejection::JtiTooLong { bytes: 300 },
            (
                "dpop_bad_claim",
                401,
                PROOF,
                "Invalid DPoP proof: its `jti` has 300 bytes, at most 256",
                "Send one",
            ),
        ),
        (
            DpopRejection::WrongMethod { expected: "POST".into(), found: "GET".into() },
            (
                "dpop_wrong_method",
                401,
                PROOF,
                "Invalid DPoP proof: `htm` is `GET`, the request's method is `POST`",
                "`htm`",
            ),
        ),
        (
            DpopRejection::InvalidUrl { reason: TargetUri::parse("x").unwrap_err() },
            ("dpop_wrong_url", 401, PROOF, "Invalid DPoP proof: `htu` is no URL of a request: ", "`htu`"),
        ),
        (
            DpopRejection::WrongUrl { expected: url("https://a/b"), found: url("https://a/c") },
            (
                "dpop_wrong_url",
                401,
                PROOF,
                "Invalid DPoP proof: `htu` is `https://a/c`, the request's is `https://a/b`",
                "`htu`",
            ),
        ),
        (
            DpopRejection::Stale { issued_at: at(-90), now: at(0) },
            (
                "dpop_stale",
                401,
                PROOF,
                "Invalid DPoP proof: it is too old: made at 2027-01-15T07:58:30Z, 90 seconds ago",
                "clock",
            ),
        ),
        (
            DpopRejection::FromFuture { valid_from: at(90), now: at(0) },
            (
                "dpop_from_future",
                401,
                PROOF,
                "Invalid DPoP proof: it is from the future: 2027-01-15T08:01:30Z, 90 seconds ahead",
                "clock",
            ),
        ),
        (
            DpopRejection::WrongAccessToken,
            ("dpop_wrong_access_token", 401, PROOF, "Invalid DPoP proof: `ath` is not the hash", "SHA-256"),
        ),
        (
            DpopRejection::NonceRequired { nonce: nonce() },
            (
                "dpop_nonce_required",
                401,
                Some("use_dpop_nonce"),
                "DPoP nonce required: the proof has none",
                "`DPoP-Nonce`",
            ),
        ),
        (
            DpopRejection::NonceStale { nonce: nonce() },
            (
                "dpop_nonce_stale",
                401,
                Some("use_dpop_nonce"),
                "DPoP nonce required: the proof's is not one that was handed out lately",
                "`DPoP-Nonce`",
            ),
        ),
        (
            DpopRejection::Replayed,
            ("dpop_replayed", 401, PROOF, "Invalid DPoP proof: it was used before", "new `jti`"),
        ),
        (
            DpopRejection::TokenNotBound,
            (
                "dpop_token_not_bound",
                401,
                Some("invalid_token"),
                "Invalid token: it is not bound to a DPoP key (cnf.jkt)",
                "DPoP-bound",
            ),
        ),
        (
            DpopRejection::WrongKey,
            (
                "dpop_wrong_key",
                401,
                Some("invalid_token"),
                "Invalid token: it is bound to another key than the DPoP proof's",
                "requested with",
            ),
        ),
        (
            DpopRejection::ReplayStoreFull { retry_after: WAIT },
            ("dpop_replay_store_full", 503, None, "Too many DPoP proofs: try again in 3 seconds", "Wait"),
        ),
        (
            DpopRejection::TooManyProofs { retry_after: WAIT },
            ("dpop_too_many_proofs", 429, None, "Too many DPoP proofs: try again in 3 seconds", "Wait"),
        ),
    ]
}

#[test]
fn every_refusal_says_what_happened_and_what_to_do() {
    for (rejection, (code, status, error, begins, hint)) in every_refusal() {
        assert_eq!(
            (rejection.code(), rejection.http_status(), rejection.oauth_error()),
            (code, status, error)
        );
        assert!(rejection.message().starts_with(begins), "{begins}\n{}", rejection.message());
        assert!(rejection.hint().contains(hint), "{code}: {}", rejection.hint());
    }
}

#[test]
fn only_what_waiting_mends_says_how_long_and_only_a_missing_nonce_brings_one() {
    for (rejection, (code, ..)) in every_refusal() {
        let waits = matches!(code, "dpop_replay_store_full" | "dpop_too_many_proofs");
        assert_eq!(rejection.retry_after(), waits.then_some(WAIT), "{code}");
        let nonce = matches!(code, "dpop_nonce_required" | "dpop_nonce_stale");
        assert_eq!(rejection.nonce(), nonce.then_some("n"), "{code}");
    }
}
