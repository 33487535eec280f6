//! Scopes: what a token grants and what a call needs (RFC 6749 §3.3).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::verify::Principal;

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

    /// The scopes that `other` does not hold.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// The scopes as a request, a challenge and a token carry them: one space between two (RFC 6749 §3.3).
    pub fn joined(&self) -> String {
        self.iter().collect::<Vec<_>>().join(" ")
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

/// Decides which scopes a call needs.
///
/// [`ScopeRequirements`] is what configuration makes. An embedding program may bring its own logic:
///
/// ```
/// use auth_core::scope::{Access, ScopePolicy, ScopeSet};
/// use auth_core::verify::Principal;
///
/// /// Researchers may query; nurses may look at the schema only.
/// #[derive(Debug)]
/// struct ByRole;
///
/// impl ScopePolicy for ByRole {
///     fn required(&self, access: &Access<'_>) -> ScopeSet {
///         let role = if access.tool == "execute_query" { "researcher" } else { "nurse" };
///         [role].into_iter().collect()
///     }
///
///     fn missing(&self, principal: &Principal, access: &Access<'_>) -> ScopeSet {
///         if principal.scopes().contains("researcher") {
///             return ScopeSet::default();
///         }
///         self.required(access).without(principal.scopes())
///     }
/// }
/// ```
pub trait ScopePolicy: fmt::Debug + Send + Sync {
    /// Everything a call needs, for one complete challenge (RFC 6750 §3).
    fn required(&self, access: &Access<'_>) -> ScopeSet;

    /// What the caller lacks for a call. Empty lets the call go on.
    fn missing(&self, principal: &Principal, access: &Access<'_>) -> ScopeSet {
        self.required(access).without(principal.scopes())
    }
}

/// Which scopes a call needs: those every call needs, those of its tool, those of its dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeRequirements {
    /// Needed by every call.
    pub base: ScopeSet,
    /// Needed on top by calls of the named tool.
    pub tools: BTreeMap<String, ScopeSet>,
    /// Needed on top by calls that touch the named dataset.
    pub datasets: BTreeMap<String, ScopeSet>,
    /// Scopes that include others.
    pub implies: ScopeHierarchy,
}

impl ScopeRequirements {
    fn needed<'a>(&'a self, access: &Access<'_>) -> impl Iterator<Item = &'a ScopeSet> {
        let dataset = access.dataset.and_then(|name| self.datasets.get(name));
        std::iter::once(&self.base).chain(self.tools.get(access.tool)).chain(dataset)
    }
}

impl ScopePolicy for ScopeRequirements {
    /// The smallest set that suffices: a scope that another needed one implies is left out.
    fn required(&self, access: &Access<'_>) -> ScopeSet {
        let mut needed = ScopeSet::default();
        for set in self.needed(access) {
            needed.extend(set);
        }
        self.implies.minimal(needed)
    }

    fn missing(&self, principal: &Principal, access: &Access<'_>) -> ScopeSet {
        let granted = principal.scopes();
        // The usual token names what is needed; the hierarchy is walked only for one that does not.
        if self.needed(access).all(|set| set.0.is_subset(&granted.0)) {
            return ScopeSet::default();
        }
        self.required(access).without(&self.implies.expand(granted))
    }
}

/// Which scopes include which others: `admin` implies `read:mimic-data`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeHierarchy(BTreeMap<Arc<str>, ScopeSet>);

impl ScopeHierarchy {
    /// Takes `scope → implied scopes` pairs; implications chain.
    pub fn new(pairs: impl IntoIterator<Item = (String, ScopeSet)>) -> Self {
        Self(pairs.into_iter().map(|(scope, implied)| (Arc::from(scope), implied)).collect())
    }

    /// `scopes` with everything they imply, directly or through others. Cycles are harmless.
    pub fn expand(&self, scopes: &ScopeSet) -> ScopeSet {
        let mut all = scopes.clone();
        let mut open: Vec<Arc<str>> = scopes.0.iter().cloned().collect();
        while let Some(scope) = open.pop() {
            let implied = self.0.get(&scope).into_iter().flat_map(|set| &set.0);
            open.extend(implied.filter(|scope| all.0.insert(Arc::clone(scope))).cloned());
        }
        all
    }

    /// `scopes` without those that the rest of them implies.
    fn minimal(&self, scopes: ScopeSet) -> ScopeSet {
        if self.0.is_empty() {
            return scopes;
        }
        let mut kept = scopes.clone();
        for scope in &scopes.0 {
            let mut others = kept.clone();
            others.0.remove(scope);
            if self.expand(&others).0.contains(scope) {
                kept = others;
            }
        }
        kept
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
pub(crate) const fn is_scope_byte(byte: u8) -> bool {
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
        assert!(set("b a,c").contains("a") && !set("b a,c").contains("b a"));
        assert!(["a", "b"].into_iter().collect::<ScopeSet>() == set("a,b"));
    }

    #[test]
    fn a_policy_of_ones_own_misses_what_it_requires_and_is_not_granted() {
        #[derive(Debug)]
        struct Own;
        impl ScopePolicy for Own {
            fn required(&self, access: &Access<'_>) -> ScopeSet {
                [access.tool, "own"].into_iter().collect()
            }
        }
        let missing = |granted: &str| Own.missing(&Principal::with_scopes(set(granted)), &LIST).to_string();
        assert_eq!(missing("own"), "list_datasets");
        assert_eq!(missing("own list_datasets more"), "");
    }

    #[test]
    fn text_that_cannot_be_a_scope_is_refused() {
        for text in ["a\"b", "a\\b", "é", "a\u{7f}"] {
            assert!(ScopeSet::parse(text).is_err(), "{text}");
        }
    }

    fn requirements() -> ScopeRequirements {
        ScopeRequirements {
            base: set("read:mimic-data"),
            tools: BTreeMap::from([("execute_query".into(), set("query:database"))]),
            datasets: BTreeMap::from([("mimic-iv-note".into(), set("read:notes"))]),
            implies: ScopeHierarchy::default(),
        }
    }

    fn missing(requirements: &ScopeRequirements, granted: &str, access: &Access<'_>) -> String {
        requirements.missing(&Principal::with_scopes(set(granted)), access).to_string()
    }

    const NOTES: Access<'static> = Access { tool: "execute_query", dataset: Some("mimic-iv-note") };
    const LIST: Access<'static> = Access { tool: "list_datasets", dataset: None };

    #[test]
    fn tool_and_dataset_scopes_come_on_top_of_the_base() {
        let requirements = requirements();
        assert_eq!(requirements.required(&NOTES), set("read:mimic-data query:database read:notes"));
        assert_eq!(missing(&requirements, "read:mimic-data read:notes", &NOTES), "query:database");
        assert_eq!(missing(&requirements, "read:mimic-data", &LIST), "");
    }

    #[test]
    fn a_scope_grants_what_it_implies_through_any_number_of_steps() {
        let implies = ScopeHierarchy::new([
            ("admin".to_owned(), set("query:database")),
            ("query:database".to_owned(), set("read:mimic-data read:notes")),
        ]);
        let requirements = ScopeRequirements { implies, ..requirements() };
        assert_eq!(missing(&requirements, "admin", &NOTES), "");
        assert_eq!(missing(&requirements, "read:notes", &NOTES), "query:database");
        assert_eq!(
            requirements.required(&NOTES),
            set("query:database"),
            "a challenge asks for no more than suffices"
        );
    }

    #[test]
    fn scopes_that_imply_each_other_neither_loop_nor_vanish() {
        let implies = ScopeHierarchy::new([("a".to_owned(), set("b")), ("b".to_owned(), set("a"))]);
        assert_eq!(implies.expand(&set("a")), set("a b"));
        let requirements = ScopeRequirements { base: set("a b"), implies, ..ScopeRequirements::default() };
        assert_eq!(requirements.required(&LIST).len(), 1);
        assert_eq!(missing(&requirements, "a", &LIST), "");
        assert_eq!(missing(&requirements, "c", &LIST).len(), 1);
    }
}
