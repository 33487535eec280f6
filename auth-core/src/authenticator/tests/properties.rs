//! What holds for any text and any token.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn arbitrary_text_is_refused_without_a_panic(text in ".{0,200}") {
        let gate = Authenticator::protected(vec![policy()], None);
        let decision = gate.decide(Credential::Bearer(&text), &QUERY, no_keys, at(0));
        prop_assert!(!matches!(decision, Decision::Admit(_)));
    }

    #[test]
    fn arbitrary_parts_are_refused_without_a_panic(parts in proptest::array::uniform3(proptest::collection::vec(any::<u8>(), 0..60))) {
        let text = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let gate = Authenticator::protected(vec![policy()], None);
        let decision = gate.decide(Credential::Bearer(&text), &QUERY, no_keys, at(0));
        prop_assert!(!matches!(decision, Decision::Admit(_)));
    }

    #[test]
    fn changing_any_byte_of_a_token_refuses_it(index in any::<prop::sample::Index>(), byte in any::<u8>()) {
        use std::sync::LazyLock;
        static WORLD: LazyLock<(World, String)> = LazyLock::new(|| {
            let key = Signer::p256("e");
            (World::new(&[&key]), key.token(&claims()))
        });
        let (world, token) = &*WORLD;
        let mut bytes = token.clone().into_bytes();
        let index = index.index(bytes.len());
        prop_assume!(bytes[index] != byte && byte.is_ascii_graphic());
        bytes[index] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        // The last character of a part carries unused bits; base64 decoding must not ignore them.
        prop_assert!(!matches!(world.decide(&changed, &QUERY, at(0)), Decision::Admit(_)));
    }

    #[test]
    fn what_an_issuer_signs_comes_out_as_the_principal(subject in "[a-zA-Z0-9|@.-]{1,40}", scopes in proptest::collection::btree_set("[a-z:]{1,12}", 0..5)) {
        use std::sync::LazyLock;
        static KEY: LazyLock<Signer> = LazyLock::new(|| Signer::p256("e"));
        let world = World::new(&[&KEY]);
        let mut all = scopes.clone();
        all.insert("read:mimic-data".into());
        let text = all.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let mut claims = with("sub", json!(subject));
        claims["scope"] = json!(text);
        let granted = world.admit(&KEY.token(&claims));
        let principal = granted.principal().unwrap();
        prop_assert_eq!(&**principal.subject(), subject.as_str());
        prop_assert!(principal.scopes().iter().eq(all.iter().map(String::as_str)));
    }
}
