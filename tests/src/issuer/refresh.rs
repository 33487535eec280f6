//! Refresh tokens that work once: each use gives the next one, and a second use ends the whole family (RFC 9700 §4.14.2).

use std::collections::{BTreeMap, BTreeSet};

use super::token::random_id;

/// How refresh tokens were used since the issuer started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refreshes {
    /// Tokens that were exchanged for new ones.
    pub rotated: u64,
    /// Tokens that came a second time.
    pub reused: u64,
}

/// Every refresh token there ever was, by family: all that come from one login.
#[derive(Default)]
pub(super) struct RefreshTokens {
    current: BTreeMap<String, u64>,
    spent: BTreeMap<String, u64>,
    ended: BTreeSet<u64>,
    families: u64,
    refreshes: Refreshes,
}

impl RefreshTokens {
    /// The first token of a new family.
    pub(super) fn begin(&mut self) -> String {
        self.families += 1;
        self.issue(self.families)
    }

    /// The next token, or none for one that is unknown, spent or of a family that ended.
    pub(super) fn spend(&mut self, token: &str) -> Option<String> {
        if let Some(family) = self.spent.get(token) {
            self.refreshes.reused += 1;
            self.ended.insert(*family);
            return None;
        }
        let family = self.current.remove(token)?;
        self.spent.insert(token.to_owned(), family);
        if self.ended.contains(&family) {
            return None;
        }
        self.refreshes.rotated += 1;
        Some(self.issue(family))
    }

    /// Ends the family of a token; nothing where there is none.
    pub(super) fn revoke(&mut self, token: &str) {
        let family = self.current.get(token).or_else(|| self.spent.get(token));
        self.ended.extend(family.copied());
    }

    pub(super) const fn refreshes(&self) -> Refreshes {
        self.refreshes
    }

    fn issue(&mut self, family: u64) -> String {
        let token = random_id();
        self.current.insert(token.clone(), family);
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_was_given_back_ends_its_family_and_no_other() {
        let mut tokens = RefreshTokens::default();
        let (first, other) = (tokens.begin(), tokens.begin());
        let second = tokens.spend(&first).unwrap();
        tokens.revoke("unknown");
        tokens.revoke(&second);
        assert_eq!(tokens.spend(&second), None);
        assert!(tokens.spend(&other).is_some());
    }

    #[test]
    fn a_second_use_ends_the_family_and_no_other() {
        let mut tokens = RefreshTokens::default();
        let (first, other) = (tokens.begin(), tokens.begin());
        let second = tokens.spend(&first).unwrap();
        let third = tokens.spend(&second).unwrap();
        assert_eq!(tokens.spend(&first), None);
        assert_eq!(tokens.spend(&third), None, "the newest goes with it");
        assert!(tokens.spend(&other).is_some());
        assert_eq!(tokens.spend("unknown"), None);
        assert_eq!(tokens.refreshes(), Refreshes { rotated: 3, reused: 1 });
    }
}
