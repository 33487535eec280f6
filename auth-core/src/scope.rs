//! Scopes: what a token grants and what a call needs (RFC 6749 §3.3).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// A set of scopes, kept sorted so that every message and challenge lists them in the same order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeSet(BTreeSet<Arc<str>>);

impl ScopeSet {
    /// Splits configured text at commas and white space: `read:a,query:b` and `read:a query:b` are the same.
    ///
    /// Fails on a character RFC 6749 §3.3 does not allow in a scope.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        text.split(|c: char| c == ',' || c.is_ascii_whitespace())
            .filter(|scope| !scope.is_empty())
            .map(|scope| {
                if scope.bytes().all(is_scope_byte) {
                    Ok(Arc::from(scope))
                } else {
                    Err(InvalidScope(scope.escape_debug().to_string()))
                }
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether the set holds `scope`.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many scopes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The scopes in sorted order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Adds one scope as a token carries it; unlike [`ScopeSet::parse`] nothing is rejected, because an
    /// odd scope in a token can only fail to match.
    pub(crate) fn insert(&mut self, scope: &str) {
        self.0.insert(Arc::from(scope));
    }

    /// Adds every scope of `other`.
    pub fn extend(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }
}

impl<'a> FromIterator<&'a str> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = &'a str>>(scopes: I) -> Self {
        Self(scopes.into_iter().map(Arc::from).collect())
    }
}

impl fmt::Display for ScopeSet {
    /// `a, b`, as messages show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

/// Configured scope text holds a character that no scope may hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope: only printable ASCII without spaces, quotes and backslashes (RFC 6749 §3.3)")]
pub struct InvalidScope(String);

/// Which scopes a call needs: those every call needs, those of its tool, those of its dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeRequirements {
    /// Needed by every call.
    pub base: ScopeSet,
    /// Needed on top by calls of the named tool.
    pub tools: BTreeMap<String, ScopeSet>,
    /// Needed on top by calls that touch the named dataset.
    pub datasets: BTreeMap<String, ScopeSet>,
}

impl ScopeRequirements {
    /// The complete set a call needs, for a challenge that asks for everything at once.
    pub fn for_call(&self, access: &Access<'_>) -> ScopeSet {
        let mut needed = self.base.clone();
        for set in self.additional(access) {
            needed.extend(set);
        }
        needed
    }

    /// What `granted` lacks for a call; empty means the call may go on.
    pub fn missing(&self, granted: &ScopeSet, access: &Access<'_>) -> ScopeSet {
        let sets = std::iter::once(&self.base).chain(self.additional(access));
        ScopeSet(sets.flat_map(|set| set.0.difference(&granted.0)).cloned().collect())
    }

    fn additional<'a>(&'a self, access: &Access<'_>) -> impl Iterator<Item = &'a ScopeSet> {
        let dataset = access.dataset.and_then(|name| self.datasets.get(name));
        self.tools.get(access.tool).into_iter().chain(dataset)
    }
}

/// What a call is about to touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access<'a> {
    /// The tool's name, as clients call it.
    pub tool: &'a str,
    /// The dataset the call reads, when it reads one.
    pub dataset: Option<&'a str>,
}

/// `NQCHAR` of RFC 6749 appendix A.
const fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> ScopeSet {
        ScopeSet::parse(text).unwrap()
    }

    #[test]
    fn commas_and_spaces_separate_scopes_alike() {
        assert_eq!(set("read:a,query:b"), set("query:b  read:a"));
        assert_eq!(set(" , ").len(), 0);
        assert_eq!(set("b a,c").to_string(), "a, b, c");
    }

    #[test]
    fn text_that_cannot_be_a_scope_is_refused() {
        for text in ["a\"b", "a\\b", "é", "a\u{7f}"] {
            assert!(ScopeSet::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tool_and_dataset_scopes_come_on_top_of_the_base() {
        let requirements = ScopeRequirements {
            base: set("read:mimic-data"),
            tools: BTreeMap::from([("execute_query".into(), set("query:database"))]),
            datasets: BTreeMap::from([("mimic-iv-note".into(), set("read:notes"))]),
        };
        let access = Access { tool: "execute_query", dataset: Some("mimic-iv-note") };
        assert_eq!(requirements.for_call(&access), set("read:mimic-data query:database read:notes"));
        assert_eq!(requirements.missing(&set("read:mimic-data read:notes"), &access), set("query:database"));
        let plain = Access { tool: "list_datasets", dataset: None };
        assert!(requirements.missing(&set("read:mimic-data"), &plain).is_empty());
    }
}
