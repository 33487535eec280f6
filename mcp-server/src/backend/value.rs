//! One value of a result, exact, and its two renderings: JSON and text.

use std::fmt::{self, Write as _};

use serde_json::{Number, Value as Json};

/// A value as the database holds it. Null is not the empty string, and no number is rounded.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// An integer of any width up to 128 bits.
    Integer(i128),
    /// A binary floating-point number, NaN and infinities included.
    Float(f64),
    /// A decimal number, or an integer too wide for [`Value::Integer`], written out.
    Decimal(String),
    /// Text; also everything that is written as text: dates and times (ISO 8601), intervals, UUIDs, bit strings, enums.
    Text(String),
    /// Bytes: the first [`MAX_BLOB_BYTES`] in hexadecimal, and how many there are.
    Blob {
        /// The bytes kept, in hexadecimal.
        hex: String,
        /// How many bytes the value has.
        length: usize,
    },
    /// A list or array.
    List(Vec<Value>),
    /// A struct; field names in order.
    Struct(Vec<(String, Value)>),
    /// A map; keys in order.
    Map(Vec<(Value, Value)>),
}

impl Value {
    /// This value in JSON.
    ///
    /// A number that a reader with 64-bit floats would round (an integer beyond 2^53, a decimal of more than 15 digits) is a
    /// string. NaN and infinities, for which JSON has no number, are the strings `NaN`, `Infinity` and `-Infinity`. A map
    /// with text keys is an object, any other map a list of `{"key", "value"}`.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Boolean(value) => Json::Bool(*value),
            Self::Integer(value) => {
                exact_integer(*value).map_or_else(|| Json::String(value.to_string()), Json::Number)
            }
            Self::Float(value) => {
                Number::from_f64(*value).map_or_else(|| Json::String(self.to_string()), Json::Number)
            }
            Self::Decimal(digits) => {
                exact_decimal(digits).map_or_else(|| Json::String(digits.clone()), Json::Number)
            }
            Self::Text(text) => Json::String(text.clone()),
            Self::Blob { .. } => Json::String(self.to_string()),
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Struct(fields) => {
                Json::Object(fields.iter().map(|(name, value)| (name.clone(), value.to_json())).collect())
            }
            Self::Map(entries) => map_to_json(entries),
        }
    }

    /// Makes a blob of `bytes`, keeping at most [`MAX_BLOB_BYTES`] of them.
    pub(crate) fn blob(bytes: &[u8]) -> Self {
        let mut hex = String::new();
        for byte in bytes.iter().take(MAX_BLOB_BYTES) {
            let _ = write!(hex, "{byte:02x}");
        }
        Self::Blob { hex, length: bytes.len() }
    }
}

/// The text of a value, as a table shows it: null is the empty string, lists, structs and maps are JSON.
impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Boolean(value) => write!(out, "{value}"),
            Self::Integer(value) => write!(out, "{value}"),
            Self::Float(value) if value.is_nan() => out.write_str("NaN"),
            Self::Float(value) if value.is_infinite() => {
                out.write_str(if *value > 0.0 { "Infinity" } else { "-Infinity" })
            }
            Self::Float(value) if *value != 0.0 && !(1e-5..1e17).contains(&value.abs()) => {
                write!(out, "{value:e}")
            }
            Self::Float(value) => write!(out, "{value}"),
            Self::Decimal(text) | Self::Text(text) => out.write_str(text),
            Self::Blob { hex, length } if *length > hex.len() / 2 => write!(out, "0x{hex}… ({length} bytes)"),
            Self::Blob { hex, .. } => write!(out, "0x{hex}"),
            Self::List(_) | Self::Struct(_) | Self::Map(_) => write!(out, "{}", self.to_json()),
        }
    }
}

/// Bytes of a blob that are returned.
pub const MAX_BLOB_BYTES: usize = 256;

fn exact_integer(value: i128) -> Option<Number> {
    let value = i64::try_from(value).ok()?;
    (value.unsigned_abs() <= 1 << 53).then(|| Number::from(value))
}

fn exact_decimal(digits: &str) -> Option<Number> {
    let significant = digits.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
    if significant > 15 {
        return None;
    }
    if !digits.contains('.') {
        return digits.parse::<i64>().ok().map(Number::from);
    }
    digits.parse().ok().and_then(Number::from_f64)
}

fn map_to_json(entries: &[(Value, Value)]) -> Json {
    let named = entries.iter().map(|(key, value)| match key {
        Value::Text(key) => Some((key.clone(), value.to_json())),
        _ => None,
    });
    named.collect::<Option<serde_json::Map<_, _>>>().map_or_else(
        || {
            let entry = |(key, value): &(Value, Value)| serde_json::json!({ "key": key.to_json(), "value": value.to_json() });
            Json::Array(entries.iter().map(entry).collect())
        },
        Json::Object,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn no_number_is_rounded_in_json() {
        assert_eq!(Value::Integer(1 << 53).to_json(), json!(9_007_199_254_740_992_i64));
        assert_eq!(Value::Integer((1 << 53) + 1).to_json(), json!("9007199254740993"));
        assert_eq!(Value::Integer(i128::MIN).to_json(), json!("-170141183460469231731687303715884105728"));
        assert_eq!(Value::Decimal("2.50".into()).to_json(), json!(2.5));
        assert_eq!(Value::Decimal("0.10000000000000001".into()).to_json(), json!("0.10000000000000001"));
    }

    #[test]
    fn null_empty_and_numbers_that_json_lacks_stay_apart() {
        assert_eq!(Value::Null.to_json(), json!(null));
        assert_eq!(Value::Text(String::new()).to_json(), json!(""));
        assert_eq!(Value::Float(f64::NAN).to_json(), json!("NaN"));
        assert_eq!(Value::Float(f64::NEG_INFINITY).to_json(), json!("-Infinity"));
    }

    #[test]
    fn a_long_blob_says_how_long_it_is() {
        let text = Value::blob(&[0xab; 1000]).to_string();
        assert!(text.starts_with("0xabab") && text.ends_with("… (1000 bytes)"), "{text}");
        assert_eq!(Value::blob(&[1, 255]).to_json(), json!("0x01ff"));
    }

    #[test]
    fn a_map_is_an_object_only_when_its_keys_are_text() {
        let text = Value::Map(vec![(Value::Text("a".into()), Value::Integer(1))]);
        assert_eq!(text.to_json(), json!({ "a": 1 }));
        let other = Value::Map(vec![(Value::Integer(1), Value::Null)]);
        assert_eq!(other.to_json(), json!([{ "key": 1, "value": null }]));
    }

    proptest! {
        #[test]
        fn every_float_comes_back_from_its_text(value in any::<f64>()) {
            let back: f64 = Value::Float(value).to_string().parse().unwrap();
            prop_assert!(back.total_cmp(&value).is_eq() || back.is_nan() && value.is_nan());
        }
    }
}
