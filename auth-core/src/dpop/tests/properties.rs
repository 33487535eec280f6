//! What holds for every text, claim and changed byte.

use proptest::prelude::*;

use super::*;
use crate::testing::signing_input;

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in any::<String>()) {
        prop_assert!(judge(&verifier(), &text, at(0)).is_err());
    }

    #[test]
    fn no_header_or_claims_panic(header in any::<Vec<u8>>(), claims in any::<Vec<u8>>(), signature in any::<Vec<u8>>()) {
        let [header, claims, signature] = [header, claims, signature].map(|part| URL_SAFE_NO_PAD.encode(part));
        let text = [header, claims, signature].join(".");
        prop_assert!(judge(&verifier(), &text, at(0)).is_err());
    }

    #[test]
    fn no_json_claim_panics(name in "jti|htm|htu|iat|ath|nonce|exp|nbf", value in json_value()) {
        let text = proof(&Signer::p256("k"), &with(&name, value));
        let _ = judge(&verifier(), &text, at(0));
    }

    #[test]
    fn what_is_signed_verifies_and_keeps_its_key(jti in "[!-~]{1,64}", age in 0_i64..=60) {
        let signer = Signer::p256("k");
        let mut claims = with("iat", json!(T - age));
        claims["jti"] = json!(jti);
        let bound = judge(&verifier(), &proof(&signer, &claims), at(0)).unwrap();
        let jwk = serde_json::from_value(signer.jwk()).unwrap();
        let key = crate::key::VerifyingKey::from_jwk(&jwk, &[Algorithm::ES256]).unwrap();
        prop_assert_eq!(bound.thumbprint(), key.thumbprint());
        prop_assert_eq!(bound.expires(), at(60 - age));
        redeem(&bound, at(0)).unwrap();
    }

    #[test]
    fn any_changed_byte_refuses(position in any::<prop::sample::Index>(), replacement in any::<u8>()) {
        let text = proof(&Signer::p256("k"), &claims());
        let mut bytes = text.clone().into_bytes();
        let index = position.index(bytes.len());
        prop_assume!(bytes[index] != replacement);
        bytes[index] = replacement;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(judge(&verifier(), &changed, at(0)).is_err(), "{index}: {changed}");
        }
    }

    #[test]
    fn claims_changed_after_signing_refuse(name in "jti|nonce|extra", value in "[a-z]{1,8}") {
        let signer = Signer::p256("k");
        let signature = proof(&signer, &claims()).rsplit_once('.').unwrap().1.to_owned();
        prop_assume!(claims()[&name] != json!(value));
        let changed = signing_input(&header(&signer), &with(&name, json!(value)));
        prop_assert_eq!(refusal(&format!("{changed}.{signature}")), DpopRejection::BadSignature);
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(|float| json!(float)),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::collection::vec(any::<i32>(), 0..3).prop_map(|list| json!(list)),
    ]
}
