//! Proofs of real keys against the verifier, in virtual time: the RFC's examples, every refusal, replay and nonces.
