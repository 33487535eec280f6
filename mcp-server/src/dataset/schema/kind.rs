//! What a column can hold: a closed list, written as SQL types.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Explain;

/// What a column holds. `Display` writes the SQL type, `FromStr` reads it in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Kind {
    /// Yes or no.
    Boolean,
    /// Flags, versions and other small numbers.
    SmallInt,
    /// Identifiers and counts.
    Integer,
    /// Whole numbers beyond two thousand million.
    BigInt,
    /// Measurements.
    Double,
    /// Numbers with a fixed count of decimal places.
    Decimal {
        /// How many digits in all, at most 38.
        precision: u8,
        /// How many of them behind the point.
        scale: u8,
    },
    /// Text, and codes that look like numbers but are not (ICD, NDC).
    Text,
    /// A day.
    Date,
    /// A point in time, without a zone. MIMIC shifts them per patient into 2100–2200.
    Timestamp,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "BOOLEAN",
            Self::SmallInt => "SMALLINT",
            Self::Integer => "INTEGER",
            Self::BigInt => "BIGINT",
            Self::Double => "DOUBLE",
            Self::Decimal { precision, scale } => return write!(f, "DECIMAL({precision},{scale})"),
            Self::Text => "VARCHAR",
            Self::Date => "DATE",
            Self::Timestamp => "TIMESTAMP",
        })
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let plain: String =
            text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
        Ok(match plain.as_str() {
            "BOOLEAN" => Self::Boolean,
            "SMALLINT" => Self::SmallInt,
            "INTEGER" => Self::Integer,
            "BIGINT" => Self::BigInt,
            "DOUBLE" => Self::Double,
            "VARCHAR" => Self::Text,
            "DATE" => Self::Date,
            "TIMESTAMP" => Self::Timestamp,
            other => decimal(other)
                .ok_or_else(|| UnknownKind { text: text.chars().take(LONGEST_ECHO).collect() })?,
        })
    }
}

impl TryFrom<String> for Kind {
    type Error = UnknownKind;

    fn try_from(text: String) -> Result<Self, UnknownKind> {
        text.parse()
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.to_string()
    }
}

/// A type that no column can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a column type; there are {ALL}")]
pub struct UnknownKind {
    /// What was given, cut short.
    pub text: String,
}

impl Explain for UnknownKind {
    fn hint(&self) -> Option<String> {
        Some(format!("use one of {ALL}"))
    }
}

fn decimal(text: &str) -> Option<Kind> {
    let (precision, scale) = text.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(',')?;
    let digits =
        |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<u8>().ok()).flatten();
    let (precision, scale) = (digits(precision)?, digits(scale)?);
    ((1..=38).contains(&precision) && scale <= precision).then_some(Kind::Decimal { precision, scale })
}

const ALL: &str =
    "BOOLEAN, SMALLINT, INTEGER, BIGINT, DOUBLE, DECIMAL(precision,scale), VARCHAR, DATE and TIMESTAMP";
const LONGEST_ECHO: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        use Kind::{BigInt, Boolean, Date, Decimal, Double, Integer, SmallInt, Text, Timestamp};
        let some = Decimal { precision: 38, scale: 38 };
        for kind in [Boolean, SmallInt, Integer, BigInt, Double, some, Text, Date, Timestamp] {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(kind.to_string().to_lowercase().parse(), Ok(kind));
        }
        assert_eq!("decimal( 10, 2 )".parse(), Ok(Decimal { precision: 10, scale: 2 }));
    }

    #[test]
    fn sql_that_is_no_type_on_the_list_is_refused() {
        for bad in [
            "",
            "TEXT",
            "INT",
            "VARCHAR)",
            "INTEGER DEFAULT 1",
            "INTEGER; DROP TABLE x",
            "DECIMAL",
            "DECIMAL(39,0)",
            "DECIMAL(4,5)",
            "DECIMAL(0,0)",
            "DECIMAL(+4,1)",
            "DECIMAL(4)",
            "BLOB",
            "STRUCT(a INTEGER)",
            "INTEGER[]",
        ] {
            assert!(bad.parse::<Kind>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_as_plain_sql(text in "[A-Za-z0-9(), ;]{0,24}") {
            if let Ok(kind) = text.parse::<Kind>() {
                prop_assert!(kind.to_string().bytes().all(|b| b.is_ascii_alphanumeric() || b"(,)".contains(&b)));
            }
        }
    }
}
