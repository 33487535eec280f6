//! The claims of an access token, in the shapes real issuers send them.

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
    /// The scopes of `scope` and `scp` together, each a space-separated string or an array.
    pub(crate) fn scopes(&self) -> ScopeSet {
        let mut scopes = ScopeSet::default();
        let texts = self.scope.0.iter().chain(&self.scp.0);
        for scope in texts.flat_map(|text| text.split_ascii_whitespace()) {
            scopes.insert(scope);
        }
        scopes
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
            assert_eq!(claims(json).scopes().to_string(), "a, b", "{json}");
        }
        assert!(claims(r#"{"scope":null}"#).scopes().is_empty());
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
