//! Tokens bound to a key over HTTP (RFC 9449): proofs, nonces, and what happens without them.

use m4_tests::dpop::ProofKey;
use m4_tests::http::{Answer, Asking};
use m4_tests::issuer::TokenSpec;
use m4_tests::sandbox::Sandbox;
use serde_json::json;

use crate::http_setup::{Web, challenge, counted};

struct Bound {
    web: Web,
    key: ProofKey,
    token: String,
}

impl Bound {
    fn start(adjust: impl FnOnce(Sandbox) -> Sandbox) -> Self {
        let web = Web::with(adjust);
        let key = ProofKey::generate();
        let token = web.issuer.mint(TokenSpec::new().claim("cnf", json!({ "jkt": key.thumbprint() })));
        Self { web, key, token }
    }

    fn with_proof(&self, proof: &str) -> Answer {
        self.asking().field("dpop", proof).send().unwrap()
    }

    fn asking(&self) -> Asking {
        self.web.count(&self.token).field("authorization", &format!("DPoP {}", self.token))
    }

    fn proof(&self, nonce: Option<&str>) -> String {
        self.key.proof("POST", self.web.server.url(), &self.token, nonce)
    }

    /// The nonce that the server hands out.
    fn nonce(&self) -> String {
        self.with_proof(&self.proof(None)).field("dpop-nonce").unwrap().to_owned()
    }
}

fn error(answer: &Answer) -> Option<String> {
    let parameters = challenge(answer, "DPoP");
    parameters.into_iter().find(|(name, _)| name == "error").map(|(_, value)| value)
}

#[test]
fn a_bound_token_is_good_with_a_proof_that_holds_the_servers_nonce() {
    let bound = Bound::start(|sandbox| sandbox);
    let answer = bound.with_proof(&bound.proof(None));
    assert_eq!((answer.status, error(&answer).as_deref()), (401, Some("use_dpop_nonce")), "{}", answer.body);
    let nonce = answer.field("dpop-nonce").unwrap();
    let answer = bound.with_proof(&bound.proof(Some(nonce)));
    assert_eq!(counted(&answer), 100);
    assert!(answer.field("dpop-nonce").is_some(), "the next proof needs one too");
}

#[test]
fn a_bound_token_is_no_bearer_token() {
    let bound = Bound::start(|sandbox| sandbox);
    let answer = bound.web.count(&bound.token).send().unwrap();
    assert_eq!(answer.status, 401, "{}", answer.body);
    assert!(!challenge(&answer, "DPoP").is_empty(), "the client has to learn which scheme to use");
    // A proof beside the wrong scheme does not help.
    let nonce = bound.nonce();
    let answer = bound.web.count(&bound.token).field("dpop", &bound.proof(Some(&nonce))).send().unwrap();
    assert_eq!(answer.status, 401, "{}", answer.body);
}

#[test]
fn a_captured_proof_is_good_once_and_for_its_request_only() {
    let bound = Bound::start(|sandbox| sandbox);
    let nonce = bound.nonce();
    let proof = bound.proof(Some(&nonce));
    counted(&bound.with_proof(&proof));
    let again = bound.with_proof(&proof);
    assert_eq!((again.status, error(&again).as_deref()), (401, Some("invalid_dpop_proof")), "{}", again.body);

    let (key, token, url) = (&bound.key, &bound.token, bound.web.server.url());
    let wrong = [
        key.proof("GET", url, token, Some(&nonce)),
        key.proof("POST", "https://evil.example/mcp", token, Some(&nonce)),
        key.proof("POST", &format!("{url}/other"), token, Some(&nonce)),
        key.proof("POST", url, "another token", Some(&nonce)),
        key.proof("POST", url, token, Some("made up")),
        ProofKey::generate().proof("POST", url, token, Some(&nonce)),
        "nonsense".to_owned(),
    ];
    for proof in wrong {
        let answer = bound.with_proof(&proof);
        assert_eq!(answer.status, 401, "{}", answer.body);
    }
    let two = bound
        .asking()
        .field("dpop", &bound.proof(Some(&nonce)))
        .and_field("dpop", &bound.proof(Some(&nonce)));
    assert_eq!(two.send().unwrap().status, 401);
    assert_eq!(bound.asking().send().unwrap().status, 401, "no proof at all");
}

#[test]
fn a_restart_ends_every_proof_made_before_it() {
    let bound = Bound::start(|sandbox| sandbox);
    let nonce = bound.nonce();
    let restarted = m4_tests::http::HttpServer::spawn(&bound.web.sandbox).unwrap();
    let proof = bound.key.proof("POST", restarted.url(), &bound.token, Some(&nonce));
    let answer = bound.asking().at(restarted.url()).field("dpop", &proof).send().unwrap();
    assert_eq!((answer.status, error(&answer).as_deref()), (401, Some("use_dpop_nonce")), "{}", answer.body);
}

#[test]
fn where_binding_is_required_plain_tokens_are_refused_and_the_metadata_says_so() {
    let bound = Bound::start(|sandbox| sandbox.with("M4_HTTP_DPOP", "required"));
    let plain = bound.web.count(&bound.web.token()).send().unwrap();
    assert_eq!((plain.status, error(&plain).as_deref()), (401, Some("invalid_token")), "{}", plain.body);
    assert!(plain.all("www-authenticate").iter().all(|text| text.starts_with("DPoP ")));
    let nonce = plain.field("dpop-nonce").unwrap();
    assert_eq!(counted(&bound.with_proof(&bound.proof(Some(nonce)))), 100);
    let metadata = Asking::to("GET", &bound.web.server.at("/.well-known/oauth-protected-resource/mcp"));
    let metadata = metadata.send().unwrap().json();
    assert_eq!(metadata["dpop_bound_access_tokens_required"], true);
    assert!(metadata["dpop_signing_alg_values_supported"].as_array().unwrap().contains(&json!("ES256")));
}

#[test]
fn switched_off_the_scheme_is_unknown_and_bound_tokens_are_refused() {
    let bound = Bound::start(|sandbox| sandbox.with("M4_HTTP_DPOP", "off"));
    let answer = bound.with_proof(&bound.proof(None));
    assert_eq!(answer.status, 401, "{}", answer.body);
    assert!(answer.all("www-authenticate").iter().all(|text| text.starts_with("Bearer")));
    assert_eq!(bound.web.count(&bound.token).send().unwrap().status, 401);
    assert_eq!(counted(&bound.web.count(&bound.web.token()).send().unwrap()), 100);
}

#[test]
fn without_nonces_a_fresh_proof_suffices_at_once() {
    let bound = Bound::start(|sandbox| sandbox.with("M4_HTTP_DPOP_NONCE", "off"));
    let answer = bound.with_proof(&bound.proof(None));
    assert_eq!(counted(&answer), 100);
    assert_eq!(answer.field("dpop-nonce"), None);
}
