//! Key sets: every entry is used or accounted for, and no key answers to what it is not for.
#![no_main]

use auth_core::algorithm::Algorithm;
use auth_core::jwks::{KeyQuery, KeySet, MAX_KEYS, Selection};
use auth_core_fuzz::{Signers, plant};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(init: plant(&Signers::fixed().jwks_seeds()), |data: &[u8]| {
    let Ok(set) = KeySet::parse(data, &Algorithm::ALL) else { return };
    // Members that nobody reads may hold what strict JSON does not allow: broken UTF-8, numbers past all bounds.
    let Ok(document) = serde_json::from_slice::<Value>(data) else { return };
    let entries = document["keys"].as_array().expect("and has keys");
    assert!(entries.len() <= MAX_KEYS);
    assert_eq!(set.keys().count() + set.skipped().len(), entries.len());
    let public = entries.iter().filter(|entry| entry.get("d").is_none() && entry["kty"] != "oct");
    assert!(set.keys().count() <= public.count(), "a private or symmetric key is in use");
    for key in set.keys() {
        assert!(set.contains(key.thumbprint()));
        assert!(key.algorithms().count() > 0);
        let _ = format!("{key:?}");
    }
    let ids = set.keys().map(|key| key.kid().map(str::to_owned)).chain([None, Some("unknown id".to_owned())]);
    for kid in ids {
        for algorithm in Algorithm::ALL {
            match set.select(&KeyQuery { kid: kid.clone(), algorithm }) {
                Selection::Key(key) => {
                    assert!(key.accepts(algorithm));
                    assert!(kid.is_none() || key.kid() == kid.as_deref());
                    let _ = key.verify(algorithm, b"message", &[7; 64]);
                }
                Selection::WrongAlgorithm(key) => assert!(!key.accepts(algorithm)),
                Selection::Ambiguous => assert!(kid.is_none()),
                Selection::Unknown => {}
            }
        }
    }
});
