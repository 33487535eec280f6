//! Arguments that several tools take, and how a wrong one is refused.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::notes::Kind;

/// Which notes are meant: `discharge` (summaries), `radiology` (reports) or `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum NoteType {
    /// Discharge summaries.
    Discharge,
    /// Radiology reports.
    Radiology,
    /// Every note.
    #[default]
    All,
}

impl NoteType {
    pub(super) fn kinds(self) -> Vec<Kind> {
        match self {
            Self::Discharge => vec![Kind::Discharge],
            Self::Radiology => vec![Kind::Radiology],
            Self::All => Kind::ALL.to_vec(),
        }
    }
}

impl<'de> Deserialize<'de> for NoteType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.trim().to_lowercase().as_str() {
            "discharge" => Ok(Self::Discharge),
            "radiology" => Ok(Self::Radiology),
            "all" => Ok(Self::All),
            _ => {
                let shown: String = text.chars().take(40).collect();
                let words = format!("note_type is discharge, radiology or all, not {shown:?}");
                Err(serde::de::Error::custom(words))
            }
        }
    }
}

/// The number given, or its default; what is out of bounds is said with the bounds.
pub(super) fn bounded(
    name: &str,
    given: Option<i64>,
    default: i64,
    least: i64,
    most: i64,
) -> Result<i64, String> {
    let number = given.unwrap_or(default);
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(format!("{name} is a number from {least} to {most}, not {number}"))
}

/// A number that was checked to be small and positive.
pub(super) fn size(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
