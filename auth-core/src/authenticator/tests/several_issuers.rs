//! Several issuers at one gate: each is judged by its own rules and vouched for by its own keys.

use super::*;

const OTHER: &str = "https://other.example";

/// Two issuers, each with its keys.
struct Pair {
    gate: Authenticator,
    issuers: [World; 2],
}

impl Pair {
    fn new(first: &Signer, second: &Signer) -> Self {
        let other = Policy { issuer: OTHER.into(), ..policy() };
        Self::with(policy(), other, first, second)
    }

    fn with(first: Policy, second: Policy, first_key: &Signer, second_key: &Signer) -> Self {
        let gate = Authenticator::protected(vec![first, second], None);
        Self { gate, issuers: [World::new(&[first_key]), World::new(&[second_key])] }
    }

    fn decide(&self, token: &str) -> Decision {
        let keys = |issuer: usize| Arc::new(self.issuers[issuer].lifecycle.snapshot());
        self.gate.decide(Credential::Bearer(token), &QUERY, keys, at(40))
    }

    fn reject(&self, token: &str) -> Rejection {
        match self.decide(token) {
            Decision::Reject(refused) => refused.rejection,
            other => panic!("{other:?}"),
        }
    }
}

fn of_other() -> Value {
    with("iss", json!(OTHER))
}

#[test]
fn the_key_of_one_issuer_never_vouches_for_another() {
    // Both call their key the same.
    let (first, second) = (Signer::p256("1"), Signer::p256("1"));
    let pair = Pair::new(&first, &second);
    for (signer, claims) in [(&first, claims()), (&second, of_other())] {
        let token = signer.token(&claims);
        let fingerprint = UnverifiedToken::parse(&token).unwrap().digest().fingerprint();
        // The second decision comes from the cache.
        for _ in 0..2 {
            let Decision::Admit(granted) = pair.decide(&token) else { panic!("{claims}") };
            assert_eq!(**granted.principal().unwrap().issuer(), *claims["iss"].as_str().unwrap());
            assert_eq!(granted.fingerprint(), Some(fingerprint));
        }
    }
    for (signer, claims) in [(&first, of_other()), (&second, claims())] {
        assert_eq!(pair.reject(&signer.token(&claims)), Rejection::BadSignature);
    }
}

#[test]
fn keys_are_asked_of_the_issuer_the_token_names() {
    let (first, second) = (Signer::p256("a"), Signer::p256("b"));
    let pair = Pair::new(&first, &second);
    // The key is known, but at the other issuer only.
    for (token, issuer) in [(second.token(&claims()), 0), (first.token(&of_other()), 1)] {
        let without_keys = pair.gate.decide(Credential::Bearer(&token), &QUERY, no_keys, at(40));
        for decision in [pair.decide(&token), without_keys] {
            let Decision::NeedsKeys(needs) = decision else { panic!("{decision:?}") };
            assert_eq!(needs.issuer, issuer);
        }
    }
}

/// The cache of verified tokens must look at the keys of the issuer it had the token from.
#[test]
fn a_cached_token_dies_with_the_key_of_its_own_issuer() {
    let (first, second) = (Signer::p256("1"), Signer::p256("1"));
    let token = second.token(&of_other());
    let mut pair = Pair::new(&first, &second);
    assert!(matches!(pair.decide(&token), Decision::Admit(_)));
    pair.issuers[1].publish(&[&first], at(31));
    assert_eq!(pair.reject(&token), Rejection::BadSignature);

    let mut pair = Pair::new(&first, &second);
    assert!(matches!(pair.decide(&token), Decision::Admit(_)));
    pair.issuers[0].publish(&[&Signer::p256("1")], at(31));
    assert!(matches!(pair.decide(&token), Decision::Admit(_)), "the other issuer's keys do not matter");
}

#[test]
fn the_audience_of_one_issuer_is_not_that_of_another() {
    let (first, second) = (Signer::p256("1"), Signer::p256("2"));
    let other = Policy { issuer: OTHER.into(), audiences: vec!["other-api".into()], ..policy() };
    let pair = Pair::with(policy(), other, &first, &second);
    for (signer, issuer, audience, foreign) in
        [(&first, ISSUER, "m4-api", "other-api"), (&second, OTHER, "other-api", "m4-api")]
    {
        let token = |audience: &str| {
            let mut claims = with("iss", json!(issuer));
            claims["aud"] = json!(audience);
            signer.token(&claims)
        };
        assert!(matches!(pair.decide(&token(audience)), Decision::Admit(_)), "{issuer}");
        assert!(matches!(pair.reject(&token(foreign)), Rejection::WrongAudience { .. }), "{issuer}");
    }
}

#[test]
fn each_issuer_is_judged_by_its_own_rules() {
    let (first, second) = (Signer::p256("e"), Signer::rsa(2048, "r"));
    let scopes = ScopeRequirements { base: ScopeSet::parse("data.read").unwrap(), ..Default::default() };
    let other = Policy {
        audiences: vec!["other-api".into()],
        scopes: Arc::new(scopes),
        algorithms: vec![Algorithm::RS256],
        ..Policy::new(OTHER, "")
    };
    let mut mine = policy();
    mine.algorithms = vec![Algorithm::ES256];
    let pair = Pair::with(mine, other, &first, &second);
    let mut good = of_other();
    good["aud"] = json!("other-api");
    good["scope"] = json!("data.read");
    assert!(matches!(pair.decide(&second.token(&good)), Decision::Admit(_)));
    assert!(matches!(pair.decide(&first.token(&claims())), Decision::Admit(_)));

    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        pair.reject(&second.token(&claims))
    };
    assert!(matches!(changed("scope", json!("read:mimic-data")), Rejection::MissingScopes { .. }));
    assert!(matches!(pair.reject(&second.token(&claims())), Rejection::AlgorithmNotAllowed { .. }));
    assert!(matches!(pair.reject(&first.token(&good)), Rejection::AlgorithmNotAllowed { .. }));
}

#[test]
fn a_token_of_no_configured_issuer_asks_for_no_keys() {
    let key = Signer::p256("e");
    let pair = Pair::new(&key, &key);
    let reject = |claims: &Value| {
        let token = key.token(claims);
        let no_keys = |_| -> Arc<KeySnapshot> { panic!("no issuer, no keys") };
        match pair.gate.decide(Credential::Bearer(&token), &QUERY, no_keys, at(40)) {
            Decision::Reject(refused) => refused.rejection,
            other => panic!("{other:?}"),
        }
    };
    let unknown = reject(&with("iss", json!("https://issuer.example/realm/")));
    assert_eq!(
        unknown.message(),
        "Invalid token issuer: expected one of `https://issuer.example/realm`, `https://other.example`, \
         found `https://issuer.example/realm/`"
    );
    assert!(unknown.hint().contains("trailing slash"));
    assert!(!reject(&with("iss", json!("https://three.example"))).hint().contains("trailing slash"));
    assert_eq!(reject(&without("iss")), Rejection::missing("iss"));
}

#[test]
fn without_any_issuer_nobody_is_admitted() {
    let gate = Authenticator::protected(Vec::new(), None);
    let token = Signer::p256("e").token(&claims());
    let decision = gate.decide(Credential::Bearer(&token), &QUERY, no_keys, at(0));
    let Decision::Reject(refused) = decision else { panic!("{decision:?}") };
    assert!(matches!(refused.rejection, Rejection::Misconfigured { .. }));
}

#[test]
fn a_gate_lists_the_rules_of_its_issuers_in_their_order() {
    let key = Signer::p256("e");
    let pair = Pair::new(&key, &key);
    assert!(pair.gate.policies().map(|policy| &*policy.issuer).eq([ISSUER, OTHER]));
    assert_eq!(Authenticator::open().policies().count(), 0);
}
