//! Keys, their names, the file, and the search.

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::testing::padded;

fn key(name: &str, text: &str) -> ApiKey {
    let scopes = ScopeSet::parse("read:mimic-data").unwrap();
    ApiKey::new(KeyName::parse(name).unwrap(), &Secret::new(text), scopes, UnixTime(1), Some(UnixTime(2)))
}

fn keys(entries: &[(&str, &str)]) -> ApiKeys {
    let mut keys = ApiKeys::default();
    for (name, text) in entries {
        keys.insert(key(name, text)).unwrap();
    }
    keys
}

fn found<'a>(keys: &'a ApiKeys, text: &str) -> Option<&'a str> {
    keys.find(&TokenDigest::of(text)).map(|key| key.name().as_str())
}

#[test]
fn a_key_is_the_prefix_and_256_bits() {
    let text = key_text(&Zeroizing::new([0xff; 32]));
    assert_eq!(text.expose(), "m4___________________________________________8");
    assert_eq!(text.expose().len(), 46);
    assert!(
        check_strength(&key_text(&Zeroizing::new(std::array::from_fn(|i| u8::try_from(i * 7).unwrap()))))
            .is_ok()
    );
}

#[test]
fn a_key_is_found_wherever_it_stands_and_only_whole() {
    let keys = keys(&[("a", "one"), ("b", "two"), ("c", "three")]);
    assert_eq!(["one", "two", "three"].map(|text| found(&keys, text)), [Some("a"), Some("b"), Some("c")]);
    for text in ["", "on", "one ", "ONE", "four"] {
        assert_eq!(found(&keys, text), None, "{text:?}");
    }
    assert_eq!(found(&ApiKeys::default(), "one"), None);
}

#[test]
fn a_digest_that_differs_in_one_bit_anywhere_is_not_found() {
    let keys = keys(&[("a", "one"), ("b", "two")]);
    for bit in 0..256 {
        let mut bytes = *TokenDigest::of("one").as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(keys.find(&TokenDigest::from_bytes(bytes)), None, "bit {bit}");
    }
}

#[test]
fn keys_are_counted() {
    let counted = [&[][..], &[("a", "one")], &[("a", "one"), ("b", "two")]].map(|entries| {
        let keys = keys(entries);
        (keys.len(), keys.is_empty())
    });
    assert_eq!(counted, [(0, true), (1, false), (2, false)]);
}

#[test]
fn a_key_is_the_same_as_one_of_its_name_and_text_and_no_other() {
    let same = |(name, text): (&str, &str)| key("a", "one").is_same_as(&key(name, text));
    assert_eq!(
        [("a", "one"), ("a", "two"), ("b", "one"), ("b", "two")].map(same),
        [true, false, false, false]
    );
}

#[test]
fn neither_a_name_nor_a_key_is_there_twice() {
    let mut keys = keys(&[("a", "one")]);
    assert!(matches!(keys.insert(key("a", "two")), Err(ApiKeysError::NameTaken { .. })));
    assert!(matches!(keys.insert(key("b", "one")), Err(ApiKeysError::SameKey { .. })));
    assert_eq!((keys.len(), found(&keys, "one")), (1, Some("a")));
    assert_eq!(keys.remove("b"), None);
    assert_eq!(keys.remove("a").map(|key| key.name().to_string()).as_deref(), Some("a"));
    assert!(keys.is_empty());
}

#[test]
fn a_thousand_keys_are_the_most() {
    let mut keys = ApiKeys::default();
    for number in 0..MAX_KEYS {
        keys.insert(key(&format!("k{number}"), &number.to_string())).unwrap();
    }
    assert_eq!(keys.insert(key("one-more", "x")), Err(ApiKeysError::TooMany));
    assert!(keys.to_json().len() < MAX_FILE_BYTES);
    assert_eq!(ApiKeys::parse(keys.to_json().as_bytes()), Ok(keys));
}

#[test]
fn a_name_is_short_plain_and_does_not_look_like_an_option() {
    for name in ["ci", "laptop-2", "A.b_c", "0"] {
        assert_eq!(KeyName::parse(name).unwrap().as_str(), name);
    }
    for name in ["", "-x", ".x", "a b", "a\n", "é", "a/b", &"a".repeat(65)] {
        assert_eq!(KeyName::parse(name), Err(InvalidKeyName), "{name:?}");
    }
}

#[test]
fn the_shape_of_a_text_tells_keys_from_tokens() {
    for (text, shape) in [
        ("m4_x", Shape::ApiKey),
        (" Bearer m4_a.b.c", Shape::ApiKey),
        ("a.b.c", Shape::Jwt),
        ("..", Shape::Jwt),
        ("opaque", Shape::Opaque),
        ("a.b", Shape::Opaque),
        ("a.b.c.d.e", Shape::Opaque),
        ("M4_x", Shape::Opaque),
    ] {
        assert_eq!(Shape::of(text), Ok(shape), "{text}");
    }
    assert_eq!(Shape::of("Bearer "), Err(Rejection::MissingToken));
    assert!(Shape::of(&"m4_".repeat(20_000)).is_err());
}

const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

#[test]
fn the_file_is_what_sha256sum_says() {
    let text = format!(
        r#"{{"version":1,"keys":[{{"name":"a","sha256":"{DIGEST}","scopes":["b","a"],"created_at":7}}]}}"#
    );
    let keys = ApiKeys::parse(text.as_bytes()).unwrap();
    let key = keys.find(&TokenDigest::of("test")).unwrap();
    assert_eq!(
        (key.scopes().to_string().as_str(), key.created_at(), key.expires_at()),
        ("a, b", UnixTime(7), None)
    );
}

#[test]
fn a_file_that_is_not_understood_is_refused_whole() {
    let entry =
        |more: &str| format!(r#"{{"name":"a","sha256":"{DIGEST}","scopes":["a"],"created_at":1{more}}}"#);
    let file = |keys: &str| format!(r#"{{"version":1,"keys":[{keys}]}}"#);
    let parse = |text: &str| ApiKeys::parse(text.as_bytes());
    assert!(parse(&file(&entry(""))).is_ok() && parse(&file("")).unwrap().is_empty());
    for text in [
        String::new(),
        "[]".into(),
        "null".into(),
        "[1,[]]".into(),
        r#"{"version":1}"#.into(),
        r#"{"version":1,"keys":[],"more":1}"#.into(),
        r#"{"version":1,"version":1,"keys":[]}"#.into(),
        file(&entry(r#","revoked":true"#)),
        file(&entry(r#","name":"b""#)),
        file(&entry(r#","expires_at":"soon""#)),
        format!("{} x", file("")),
    ] {
        assert_eq!(parse(&text), Err(ApiKeysError::NotKeys), "{text}");
    }
    assert_eq!(parse(r#"{"version":2,"keys":[]}"#), Err(ApiKeysError::UnknownVersion { version: 2 }));
    assert!(matches!(parse(&file(&format!("{0},{0}", entry("")))), Err(ApiKeysError::NameTaken { .. })));
    for (from, to) in [
        (r#""a","sha"#, r#""a b","sha"#),
        (DIGEST, &DIGEST[1..]),
        (DIGEST, &DIGEST.to_uppercase()),
        (DIGEST, &DIGEST.replace('9', "g")),
        (r#"["a"]"#, r#"["a b"]"#),
        (r#"["a"]"#, r#"["a "]"#),
        (r#"["a"]"#, r#"[""]"#),
        (r#"["a"]"#, r#"["\""]"#),
    ] {
        let text = file(&entry("")).replacen(from, to, 1);
        let error = parse(&text).unwrap_err();
        assert!(matches!(error, ApiKeysError::BadKey { number: 1, .. }), "{text}: {error}");
        assert!(!error.to_string().contains(&DIGEST[..8]));
    }
    let sound = r#"{"version":1,"keys":[]}"#;
    assert_eq!(ApiKeys::parse(&padded(sound, 1 << 20)), Ok(ApiKeys::default()));
    assert_eq!(ApiKeys::parse(&padded(sound, (1 << 20) + 1)), Err(ApiKeysError::TooLarge));
}

#[test]
fn debug_output_holds_no_whole_digest() {
    let shown = format!("{:?}", keys(&[("a", "test")]));
    assert!(!shown.contains(DIGEST) && !shown.contains(&DIGEST[..16]), "{shown}");
}

fn any_keys() -> impl Strategy<Value = ApiKeys> {
    let entry = (btree_set("[!#-\\[\\]-~&&[^,]]{1,12}", 0..4), any::<i64>(), option::of(any::<i64>()));
    vec(entry, 0..8).prop_map(|entries| {
        let mut keys = ApiKeys::default();
        for (number, (scopes, created_at, expires_at)) in entries.into_iter().enumerate() {
            let name = KeyName::parse(&format!("key-{number}")).unwrap();
            let scopes = scopes.iter().map(String::as_str).collect();
            let text = Secret::new(number.to_string());
            keys.insert(ApiKey::new(name, &text, scopes, UnixTime(created_at), expires_at.map(UnixTime)))
                .unwrap();
        }
        keys
    })
}

proptest! {
    #[test]
    fn what_was_written_reads_back_the_same(keys in any_keys()) {
        prop_assert_eq!(ApiKeys::parse(keys.to_json().as_bytes()), Ok(keys));
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in vec(any::<u8>(), 0..200), text in "\\PC*") {
        prop_assert!(ApiKeys::parse(&bytes).is_err());
        let _ = (ApiKeys::parse(text.as_bytes()), Shape::of(&text), check_strength(&Secret::new(text.clone())));
    }

    #[test]
    fn a_changed_file_never_panics_and_never_lets_a_stranger_in(
        keys in any_keys(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut text = keys.to_json().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        if let Ok(changed) = ApiKeys::parse(&text) {
            prop_assert_eq!(found(&changed, "a stranger"), None);
            prop_assert_eq!(changed.len(), keys.len());
        }
    }
}
