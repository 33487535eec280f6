//! Keys that nobody knows yet: an issuer that rotates, and whoever makes key ids up.

use super::*;

#[test]
fn a_thousand_unknown_kids_inside_the_cooldown_cause_one_more_fetch() {
    let key = Signer::p256("a");
    let mut world = World::warm(&[&key]);
    for n in 0..1000 {
        if world.lookup(&format!("unknown-{n}")) == KeyLookup::NeedsFetch {
            world.succeed(&[&key]);
        }
        world.seconds = n * 29 / 1000;
    }
    assert_eq!(world.fetches, 2);
    assert_eq!(world.lookup("u"), KeyLookup::Unknown { retry_after: Duration::from_secs(2) });
    world.seconds = 30;
    assert_eq!(world.lookup("u"), KeyLookup::NeedsFetch);
}

#[test]
fn a_rotated_key_is_found_at_its_first_use() {
    let (old, new) = (Signer::p256("a"), Signer::p256("b"));
    let mut world = World::warm(&[&old]);
    assert_eq!(world.lookup("b"), KeyLookup::NeedsFetch);
    world.succeed(&[&new]);
    assert_eq!(world.lookup("b"), KeyLookup::Ready);
    assert_eq!(world.lookup("a"), KeyLookup::NeedsFetch);
    world.succeed(&[&new]);
    assert!(matches!(world.lookup("a"), KeyLookup::Unknown { .. }), "a withdrawn key is gone");
}

#[test]
fn an_issuer_that_rotates_again_at_once_is_asked_again_at_once() {
    let kids = ["a", "b", "c", "d"];
    let keys = kids.map(Signer::p256);
    let mut world = World::warm(&[&keys[0]]);
    for new in 1..kids.len() {
        assert_eq!(world.lookup(kids[new]), KeyLookup::NeedsFetch, "{}", kids[new]);
        world.succeed(&[&keys[new], &keys[new - 1]]);
        assert_eq!(world.lookup(kids[new]), KeyLookup::Ready);
    }
}

#[test]
fn a_fetch_that_failed_is_none_that_was_in_vain() {
    let (old, new) = (Signer::p256("a"), Signer::p256("b"));
    let mut world = World::warm(&[&old]);
    assert_eq!(world.lookup("b"), KeyLookup::NeedsFetch);
    world.fail();
    assert!(matches!(world.lookup("b"), KeyLookup::Unavailable { .. }));
    world.seconds = 1;
    assert_eq!(world.lookup("b"), KeyLookup::NeedsFetch, "the cooldown is for issuers that answered");
    world.succeed(&[&new, &old]);
    assert_eq!(world.lookup("b"), KeyLookup::Ready);
}

#[test]
fn an_issuer_that_is_back_is_asked_for_its_new_key_within_a_second() {
    let (old, new) = (Signer::p256("a"), Signer::p256("b"));
    let mut world = World::warm(&[&old]);
    for _ in 0..6 {
        assert_eq!(world.lookup("b"), KeyLookup::NeedsFetch);
        world.fail();
        // The backoff doubles; who has other keys does not wait for it.
        world.seconds += 1;
    }
    assert_eq!(world.lookup("a"), KeyLookup::Ready);
    assert_eq!(world.lookup("b"), KeyLookup::NeedsFetch);
    world.succeed(&[&new, &old]);
    assert_eq!(world.lookup("b"), KeyLookup::Ready);
}

#[test]
fn a_refresh_under_way_is_waited_for_even_inside_the_cooldown() {
    let key = Signer::p256("a");
    let settings = LifecycleSettings { ttl: Duration::from_secs(20), ..LifecycleSettings::default() };
    let mut world = World { lifecycle: KeyLifecycle::new(settings), ..World::warm(&[&key]) };
    assert_eq!(world.lookup("b"), KeyLookup::NeedsFetch);
    world.succeed(&[&key]);
    assert!(matches!(world.lookup("b"), KeyLookup::NeedsFetch), "there was no set to look into");
    world.succeed(&[&key]);
    assert!(matches!(world.lookup("b"), KeyLookup::Unknown { .. }));
    assert_eq!(world.lookup("a"), KeyLookup::Ready);
    world.await_timer();
    assert!(world.seconds < 30);
    world.start();
    assert_eq!(world.lookup("b"), KeyLookup::NeedsFetch);
}

#[test]
fn an_unknown_key_id_asks_for_the_whole_set() {
    let key = Signer::p256("a");
    let mut world = World::new();
    let _ = world.lookup("a");
    world.answer(&[&key], None);
    assert_eq!(world.lookup("b"), KeyLookup::NeedsFetch);
    assert_eq!(world.lifecycle.poll_fetch(world.now()).unwrap().validators, None);
}
