//! Tokens verified before: what ends their stay.

use super::*;

#[test]
fn a_cached_token_still_expires() {
    let key = Signer::p256("e");
    let world = World::new(&[&key]);
    let token = key.token(&claims());
    world.admit(&token);
    assert!(matches!(world.reject_at(&token, at(360)), Rejection::Expired { .. }));
}

#[test]
fn a_cached_token_dies_with_its_key() {
    let (old, new) = (Signer::p256("old"), Signer::p256("new"));
    let mut world = World::new(&[&old, &new]);
    let token = old.token(&claims());
    world.admit(&token);
    world.publish(&[&new], at(31));
    assert!(matches!(world.decide(&token, &QUERY, at(31)), Decision::NeedsKeys(_)));
}

#[test]
fn a_cached_token_survives_a_refresh_that_keeps_its_key() {
    let key = Signer::p256("e");
    let mut world = World::new(&[&key]);
    let token = key.token(&claims());
    world.admit(&token);
    world.publish(&[&Signer::p256("other"), &key], at(31));
    assert!(matches!(world.decide(&token, &QUERY, at(31)), Decision::Admit(_)));
}

#[test]
fn a_cached_token_is_not_admitted_on_keys_past_their_time() {
    let key = Signer::p256("e");
    let world = World::new(&[&key]);
    let token = key.token(&with("exp", json!(START + 100_000)));
    world.admit(&token);
    assert!(matches!(world.decide(&token, &QUERY, at(3600)), Decision::NeedsKeys(_)));
}
