//! Nonces the server hands out (RFC 9449 §8, §9): stateless, recomputed and not remembered.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use crate::time::UnixTime;

/// Makes nonces and recognises them: an HMAC over the number of the current time step.
///
/// A nonce is accepted during the step it was made in and the one after, so it lives between one and two steps. All
/// clients of a step share it; what it proves is that the proof was made lately and not ahead of time. Servers that
/// share a key accept each other's nonces; a key made fresh at each start also ends every proof of before the start.
pub struct NonceIssuer {
    key: hmac::Key,
    step: i64,
}

impl NonceIssuer {
    /// Uses `key`, which must be secret and random. A `step` under a second counts as one second.
    pub fn new(key: &[u8; 32], step: Duration) -> Self {
        let step = i64::try_from(step.as_secs()).unwrap_or(i64::MAX).max(1);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), step }
    }

    /// The nonce to hand out at `wall`.
    pub fn issue(&self, wall: UnixTime) -> String {
        self.of_step(self.step_at(wall))
    }

    /// Whether `nonce` was handed out in the step of `wall` or the one before. Takes the same time for every text of a
    /// nonce's length.
    pub fn accepts(&self, nonce: &str, wall: UnixTime) -> bool {
        let step = self.step_at(wall);
        let is_of = |step| self.of_step(step).as_bytes().ct_eq(nonce.as_bytes());
        (is_of(step) | is_of(step.saturating_sub(1))).into()
    }

    fn step_at(&self, wall: UnixTime) -> i64 {
        wall.0.div_euclid(self.step)
    }

    fn of_step(&self, step: i64) -> String {
        let mut message = PURPOSE.to_vec();
        message.extend_from_slice(&step.to_be_bytes());
        let tag = hmac::sign(&self.key, &message);
        URL_SAFE_NO_PAD.encode(&tag.as_ref()[..NONCE_BYTES])
    }
}

impl fmt::Debug for NonceIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonceIssuer").field("step", &self.step).finish_non_exhaustive()
    }
}

/// Keeps the tags apart from anything else the operator might sign with the same key.
const PURPOSE: &[u8] = b"dpop-nonce\0";
/// 128 bits: nobody guesses that within two steps.
const NONCE_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const T: i64 = 1_800_000_000;

    fn issuer() -> NonceIssuer {
        NonceIssuer::new(&[7; 32], Duration::from_secs(300))
    }

    #[test]
    fn a_nonce_lives_through_its_step_and_the_next() {
        let issuer = issuer();
        let nonce = issuer.issue(UnixTime(T));
        for (offset, accepted) in
            [(0, true), (299, true), (300, true), (599, true), (600, false), (-1, false)]
        {
            assert_eq!(issuer.accepts(&nonce, UnixTime(T + offset)), accepted, "{offset}");
        }
    }

    #[test]
    fn a_nonce_of_another_key_or_a_changed_one_is_refused() {
        let other = NonceIssuer::new(&[8; 32], Duration::from_secs(300)).issue(UnixTime(T));
        let own = issuer().issue(UnixTime(T));
        assert_ne!(own, other);
        for nonce in [&other, "", &own[1..], &format!("{own}A"), &own.to_lowercase(), &format!("{own}=")] {
            assert!(!issuer().accepts(nonce, UnixTime(T)), "{nonce}");
        }
    }

    #[test]
    fn servers_with_one_key_accept_each_others_nonces() {
        assert!(issuer().accepts(&issuer().issue(UnixTime(T)), UnixTime(T + 10)));
    }

    #[test]
    fn absurd_times_and_steps_do_not_panic() {
        for step in [Duration::ZERO, Duration::from_millis(1), Duration::MAX] {
            let issuer = NonceIssuer::new(&[7; 32], step);
            for time in [i64::MIN, -1, 0, i64::MAX] {
                assert!(issuer.accepts(&issuer.issue(UnixTime(time)), UnixTime(time)));
            }
        }
    }

    #[test]
    fn debug_output_does_not_hold_the_key() {
        assert_eq!(format!("{:?}", issuer()), "NonceIssuer { step: 300, .. }");
    }
}
