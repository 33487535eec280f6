//! How often a peer may fail to authenticate, counted before anybody knows who it is.

use std::net::{IpAddr, Ipv4Addr};

use super::RateLimit;
use super::meter::Meter;
use super::store::Store;
use crate::rejection::Rejection;
use crate::time::Instant;

/// Whose failures are counted together: an IPv4 address, or the /64 of an IPv6 address.
///
/// A /64 is the least that a network hands out (RFC 6177 §2); whoever has one can send from any of its 2^64 addresses.
/// An IPv4 address in IPv6 form (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2) is the IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerKey(Network);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Network {
    V4(Ipv4Addr),
    /// The address's first 64 bits.
    V6([u16; 4]),
}

impl From<IpAddr> for PeerKey {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(Network::V4(address)),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(Network::V6([a, b, c, d]))
            }
        }
    }
}

/// Counts failed authentications per peer, so that nobody can try tokens at leisure.
///
/// [`check`](Self::check) before judging a token, [`record_failure`](Self::record_failure) when it was refused. A peer
/// that only succeeds is neither charged nor remembered. Calls that are in flight together all pass the check before
/// the first of them fails, so the server's limit on concurrent requests bounds what a burst can add.
#[derive(Debug)]
pub struct FailedAuthLimiter {
    store: Store,
}

impl FailedAuthLimiter {
    /// A limiter that remembers about `capacity` peers, preferring those that failed lately.
    pub fn new(limit: RateLimit, capacity: usize) -> Self {
        Self { store: Store::new([Meter::new(limit)].into(), capacity) }
    }

    /// Whether `peer` may try at `now`; if not, when the next attempt would pass. Charges nothing.
    pub fn check(&self, peer: PeerKey, now: Instant) -> Result<(), Rejection> {
        self.store.probe(&peer, now)
    }

    /// Charges one failure to `peer`.
    ///
    /// A peer that has used up its failures is charged no more: what it owes stays within one window.
    pub fn record_failure(&self, peer: PeerKey, now: Instant) {
        let _ = self.store.charge(&peer, None, now);
    }

    /// How many peers are remembered.
    pub fn remembered(&self) -> usize {
        self.store.len()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    fn limiter(failures: u32, window: u64, capacity: usize) -> FailedAuthLimiter {
        let requests = NonZeroU32::new(failures).unwrap();
        FailedAuthLimiter::new(RateLimit { requests, window: Duration::from_secs(window) }, capacity)
    }

    fn peer(address: &str) -> PeerKey {
        address.parse::<IpAddr>().unwrap().into()
    }

    fn at(secs: u64) -> Instant {
        Instant::from_start(Duration::from_secs(secs))
    }

    #[test]
    fn failures_block_a_peer_until_one_is_regained() {
        let limiter = limiter(3, 60, 10);
        for _ in 0..3 {
            limiter.check(peer("192.0.2.1"), at(0)).unwrap();
            limiter.record_failure(peer("192.0.2.1"), at(0));
        }
        let refused = limiter.check(peer("192.0.2.1"), at(5)).unwrap_err();
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(15)));
        limiter.check(peer("192.0.2.2"), at(5)).unwrap();
        limiter.check(peer("192.0.2.1"), at(20)).unwrap();
        limiter.record_failure(peer("192.0.2.1"), at(20));
        assert!(limiter.check(peer("192.0.2.1"), at(20)).is_err());
    }

    #[test]
    fn successes_cost_nothing_and_are_not_remembered() {
        let limiter = limiter(1, 60, 10);
        for host in 0..=u8::MAX {
            for _ in 0..3 {
                limiter.check(IpAddr::from([192, 0, 2, host]).into(), at(0)).unwrap();
            }
        }
        assert_eq!(limiter.remembered(), 0);
        limiter.record_failure(peer("192.0.2.1"), at(0));
        assert_eq!(limiter.remembered(), 1);
    }

    #[test]
    fn failures_beyond_the_limit_do_not_lock_a_peer_out_for_longer() {
        let limiter = limiter(2, 60, 10);
        for _ in 0..1000 {
            limiter.record_failure(peer("192.0.2.1"), at(0));
        }
        let refused = limiter.check(peer("192.0.2.1"), at(0)).unwrap_err();
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_peer_is_an_ipv4_address_or_an_ipv6_network() {
        assert_eq!(peer("2001:db8:1:2::1"), peer("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(peer("2001:db8:1:2::1"), peer("2001:db8:1:3::1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("::ffff:192.0.2.1"), peer("::ffff:192.0.2.2"));
    }

    #[test]
    fn many_peers_do_not_fill_the_memory() {
        let limiter = limiter(1, 3600, 100);
        for n in 0..1000_u32 {
            limiter.record_failure(IpAddr::from(n.to_be_bytes()).into(), at(0));
        }
        assert_eq!(limiter.remembered(), 100);
    }
}
