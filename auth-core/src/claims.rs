//! The claims of an access token, in the shapes real issuers send them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::scope::ScopeSet;
use crate::time::UnixTime;

/// Claims of a token whose signature held (RFC 7519 §4.1, RFC 9068 §2.2).
#[derive(Debug, Clone, Default)]
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
    pub other: Map<String, Value>,
}

/// By hand, because serde's own `flatten` reads every claim into a copy first, and every new token pays for that.
impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ClaimsVisitor)
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Name {
    Iss,
    Sub,
    Aud,
    Exp,
    Nbf,
    Iat,
    Scope,
    Scp,
    ClientId,
    Azp,
    Email,
    Other(String),
}

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
        let (mut claims, mut seen) = (Claims::default(), Seen::default());
        while let Some(name) = map.next_key()? {
            match name {
                Name::Iss => claims.iss = seen.once(0, "iss", &mut map)?,
                Name::Sub => claims.sub = seen.once(1, "sub", &mut map)?,
                Name::Aud => claims.aud = seen.once(2, "aud", &mut map)?,
                Name::Exp => claims.exp = seen.once(3, "exp", &mut map)?,
                Name::Nbf => claims.nbf = seen.once(4, "nbf", &mut map)?,
                Name::Iat => claims.iat = seen.once(5, "iat", &mut map)?,
                Name::Scope => claims.scope = seen.once(6, "scope", &mut map)?,
                Name::Scp => claims.scp = seen.once(7, "scp", &mut map)?,
                Name::ClientId => claims.client_id = seen.once(8, "client_id", &mut map)?,
                Name::Azp => claims.azp = seen.once(9, "azp", &mut map)?,
                Name::Email => claims.email = seen.once(10, "email", &mut map)?,
                // RFC 7519 §4 lets a reader take the last of several.
                Name::Other(name) => {
                    claims.other.insert(name, map.next_value()?);
                }
            }
        }
        Ok(claims)
    }
}

/// Which names were met so far, a bit for each: a token may have each once (RFC 7519 §4).
#[derive(Default)]
struct Seen(u16);

impl Seen {
    fn once<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
        &mut self,
        bit: u8,
        name: &'static str,
        map: &mut A,
    ) -> Result<T, A::Error> {
        let bit = 1 << bit;
        if self.0 & bit != 0 {
            return Err(de::Error::duplicate_field(name));
        }
        self.0 |= bit;
        map.next_value()
    }
}

impl Claims {
    /// The scopes of `scope`, `scp` and the claims named in `more` together, each a space-separated string or an array.
    pub(crate) fn scopes(&self, more: &[String]) -> ScopeSet {
        let mut scopes = ScopeSet::default();
        let more = more.iter().flat_map(|name| self.texts(name).into_owned());
        let mut add = |text: &str| text.split_ascii_whitespace().for_each(|scope| scopes.insert(scope));
        self.scope.0.iter().chain(&self.scp.0).for_each(|text| add(text));
        more.for_each(|text| add(&text));
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OneOrMany(pub(crate) Vec<String>);

/// By hand, because serde's own `untagged` reads each into a copy first, and every new token pays for that.
impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany(vec![text.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<OneOrMany, A::Error> {
        let mut many = Vec::new();
        while let Some(text) = texts.next_element()? {
            many.push(text);
        }
        Ok(OneOrMany(many))
    }

    /// `null`, as if it were not there.
    fn visit_unit<E: de::Error>(self) -> Result<OneOrMany, E> {
        Ok(OneOrMany::default())
    }
}

/// A JSON number of seconds, fractions allowed (RFC 7519 §2); the fraction is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
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
    fn a_known_claim_given_twice_is_refused() {
        for name in ["iss", "sub", "aud", "scope", "scp", "client_id", "azp", "email"] {
            let json = format!(r#"{{"{name}":"a","{name}":"b"}}"#);
            assert!(serde_json::from_str::<Claims>(&json).is_err(), "{name}");
        }
        for name in ["exp", "nbf", "iat"] {
            assert!(serde_json::from_str::<Claims>(&format!(r#"{{"{name}":1,"{name}":1}}"#)).is_err());
        }
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
