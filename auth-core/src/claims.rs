//! The claims of an access token, in the shapes real issuers send them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Number, Value};

use crate::scope::ScopeSet;
use crate::time::UnixTime;

/// Claims of a token whose signature held (RFC 7519 §4.1, RFC 9068 §2.2).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Claims {
    pub iss: Option<String>,
    pub sub: Option<String>,
    pub aud: OneOrMany,
    pub exp: Option<NumericDate>,
    pub nbf: Option<NumericDate>,
    pub iat: Option<NumericDate>,
    pub scope: OneOrMany,
    /// Okta sends an array here, Entra ID a space-separated string.
    pub scp: OneOrMany,
    pub client_id: Option<String>,
    /// The client's name for issuers that predate RFC 9068.
    pub azp: Option<String>,
    pub email: Option<String>,
    /// Everything else, by name.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Claims {
    /// The scopes of `scope`, `scp` and the claims named in `more` together, each a space-separated string or an array.
    pub(crate) fn scopes(&self, more: &[String]) -> ScopeSet {
        let mut scopes = ScopeSet::default();
        let more = more.iter().flat_map(|name| self.texts(name).into_owned());
        for text in self.scope.0.iter().chain(&self.scp.0).cloned().chain(more) {
            text.split_ascii_whitespace().for_each(|scope| scopes.insert(scope));
        }
        scopes
    }

    /// A claim that holds one text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match name {
            "sub" => self.sub.as_deref(),
            "client_id" => self.client_id.as_deref(),
            "azp" => self.azp.as_deref(),
            "email" => self.email.as_deref(),
            _ => self.other.get(name).and_then(Value::as_str),
        }
    }

    /// A claim that holds one text or several; whatever is no text is left out.
    pub(crate) fn texts(&self, name: &str) -> Cow<'_, [String]> {
        match (name, self.other.get(name)) {
            ("aud", _) => Cow::Borrowed(&self.aud.0),
            (_, Some(Value::Array(items))) => {
                items.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>().into()
            }
            _ => self.text(name).map(str::to_owned).into_iter().collect::<Vec<_>>().into(),
        }
    }
}

/// A claim that is one string or an array of strings, as `aud` is (RFC 7519 §4.1.3).
#[derive(Debug, Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(from = "OneOrManyRepr")]
pub(crate) struct OneOrMany(pub(crate) Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrManyRepr {
    One(String),
    Many(Vec<String>),
    Absent(()),
}

impl From<OneOrManyRepr> for OneOrMany {
    fn from(repr: OneOrManyRepr) -> Self {
        match repr {
            OneOrManyRepr::One(text) => Self(vec![text]),
            OneOrManyRepr::Many(texts) => Self(texts),
            OneOrManyRepr::Absent(()) => Self(Vec::new()),
        }
    }
}

/// A JSON number of seconds, fractions allowed (RFC 7519 §2); the fraction is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "Number")]
pub(crate) struct NumericDate(pub(crate) UnixTime);

impl From<Number> for NumericDate {
    fn from(number: Number) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "`as` saturates, which is what an absurd date should do"
        )]
        let seconds = number
            .as_i64()
            .or_else(|| number.as_u64().map(|_| i64::MAX))
            .or_else(|| number.as_f64().map(|float| float.floor() as i64))
            .unwrap_or(i64::MIN);
        Self(UnixTime(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Claims {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn scopes_come_from_scope_and_scp_as_string_or_array() {
        for json in [
            r#"{"scope":"a b"}"#,
            r#"{"scope":["a","b"]}"#,
            r#"{"scp":"a b"}"#,
            r#"{"scp":["a","b"]}"#,
            r#"{"scope":"a","scp":["b"]}"#,
            r#"{"scope":"","scp":["a b"]}"#,
        ] {
            assert_eq!(claims(json).scopes(&[]).to_string(), "a, b", "{json}");
        }
        assert!(claims(r#"{"scope":null}"#).scopes(&[]).is_empty());
    }

    #[test]
    fn named_claims_grant_scopes_too() {
        let json = r#"{"scope":"a","permissions":["b","c d"],"roles":"e","groups":[7,{"x":1}]}"#;
        let names = ["permissions", "roles", "groups", "absent"].map(str::to_owned);
        assert_eq!(claims(json).scopes(&names).to_string(), "a, b, c, d, e");
    }

    #[test]
    fn a_claim_that_stands_in_for_another_is_found_by_its_name() {
        let claims =
            claims(r#"{"sub":"s","client_id":"c","azp":"a","email":"e@x","oid":"o","aud":["x"],"n":7}"#);
        for (name, text) in [("sub", "s"), ("client_id", "c"), ("azp", "a"), ("email", "e@x"), ("oid", "o")] {
            assert_eq!(claims.text(name), Some(text), "{name}");
            assert_eq!(*claims.texts(name), [text.to_owned()], "{name}");
        }
        assert_eq!((claims.text("n"), claims.text("absent")), (None, None));
        assert_eq!(*claims.texts("aud"), ["x".to_owned()]);
    }

    #[test]
    fn dates_may_carry_fractions_and_absurd_ones_saturate() {
        let date = |json: &str| claims(&format!("{{\"exp\":{json}}}")).exp.unwrap().0.0;
        assert_eq!(date("1700000000"), 1_700_000_000);
        assert_eq!(date("1700000000.9"), 1_700_000_000);
        assert_eq!(date("1e300"), i64::MAX);
        assert_eq!(date("18446744073709551615"), i64::MAX);
        assert_eq!(date("-1e300"), i64::MIN);
    }

    #[test]
    fn a_claim_of_the_wrong_type_or_given_twice_fails_to_parse() {
        for json in [
            r#"{"exp":"1700000000"}"#,
            r#"{"aud":7}"#,
            r#"{"aud":["a",7]}"#,
            r#"{"sub":["a"]}"#,
            r#"{"iss":"a","iss":"b"}"#,
            "[]",
        ] {
            assert!(serde_json::from_str::<Claims>(json).is_err(), "{json}");
        }
    }
}
