//! Key-bound tokens at the gate: only with a proof of their key, at every use.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::tests::{QUERY, World, at, claims, header};
use super::*;
use crate::dpop::{DpopBound, DpopRejection, DpopRequest, DpopSettings, DpopVerifier, TargetUri};
use crate::testing::Signer;
use crate::token::TokenDigest;

const URL: &str = "https://m4.example/mcp";

/// A client with a key of its own.
pub(super) struct Client {
    key: Signer,
    verifier: DpopVerifier,
}

impl Client {
    pub(super) fn new() -> Self {
        Self { key: Signer::p256("client"), verifier: DpopVerifier::new(DpopSettings::default()) }
    }

    fn jwk(&self) -> Value {
        let jwk = self.key.jwk();
        json!({ "kty": jwk["kty"], "crv": jwk["crv"], "x": jwk["x"], "y": jwk["y"] })
    }

    /// A token of `issuer` bound to this client's key.
    fn token(&self, issuer: &Signer) -> String {
        let thumbprint = self.prove("any", "probe").thumbprint().as_str().to_owned();
        let mut claims = claims();
        claims["cnf"] = json!({ "jkt": thumbprint });
        issuer.token_with(&header(issuer), &claims)
    }

    pub(super) fn prove(&self, token: &str, jti: &str) -> DpopBound {
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() });
        let ath = URL_SAFE_NO_PAD.encode(TokenDigest::of(token).as_bytes());
        let claims = json!({ "jti": jti, "htm": "POST", "htu": URL, "iat": at(0).wall.0, "ath": ath });
        let proof = self.key.token_with(&header, &claims);
        let url = TargetUri::parse(URL).unwrap();
        let request = DpopRequest { proof: &proof, method: "POST", url: &url, access_token: token };
        self.verifier.verify(&request, at(0).wall).unwrap()
    }
}

fn decide(world: &World, token: &str, proof: &DpopBound) -> Result<Granted, Rejection> {
    world.decide_with(Credential::Dpop { token, proof }, &QUERY, at(0))
}

#[test]
fn a_bound_token_is_admitted_with_a_proof_of_its_key_and_refused_as_plain_bearer() {
    let issuer = Signer::p256("e");
    let world = World::new(&[&issuer]);
    let client = Client::new();
    let token = client.token(&issuer);
    assert!(matches!(world.reject(&token), Rejection::SenderConstrained));
    decide(&world, &token, &client.prove(&token, "one")).unwrap();
    assert!(matches!(world.reject(&token), Rejection::SenderConstrained), "also once it is cached");
}

#[test]
fn a_proof_is_good_once_and_asked_for_also_where_the_token_is_cached() {
    let issuer = Signer::p256("e");
    let world = World::new(&[&issuer]);
    let client = Client::new();
    let token = client.token(&issuer);
    decide(&world, &token, &client.prove(&token, "one")).unwrap();
    let again = decide(&world, &token, &client.prove(&token, "one")).unwrap_err();
    assert!(matches!(again, Rejection::Dpop(DpopRejection::Replayed)), "{again:?}");
    decide(&world, &token, &client.prove(&token, "two")).unwrap();
}

#[test]
fn another_key_or_an_unbound_token_is_refused_with_a_proof() {
    let issuer = Signer::p256("e");
    let world = World::new(&[&issuer]);
    let (client, thief) = (Client::new(), Client::new());
    let token = client.token(&issuer);
    assert!(matches!(decide(&world, &token, &thief.prove(&token, "one")), Err(Rejection::Dpop(_))));
    let unbound = issuer.token(&claims());
    assert!(matches!(decide(&world, &unbound, &client.prove(&unbound, "one")), Err(Rejection::Dpop(_))));
}
