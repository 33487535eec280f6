//! Laboratory tests: what they are called, their units and ranges, and how their values are drawn.

use super::conditions::Condition;
use super::random::Random;

/// A test. Values are in the last place it is reported to: with one place, 14 is 1.4.
#[derive(Debug)]
pub(super) struct Lab {
    pub(super) itemid: i64,
    pub(super) label: &'static str,
    pub(super) category: &'static str,
    pub(super) unit: &'static str,
    pub(super) places: u32,
    pub(super) low: i64,
    pub(super) high: i64,
    /// Someone well has this, give or take `spread`.
    usual: i64,
    spread: i64,
    /// Values outside are not compatible with life, or with the instrument.
    limits: (i64, i64),
    /// Taken from everyone, not only where a condition or the unit asks for it.
    routine: bool,
}

pub(super) const ANION_GAP: i64 = 50868;
pub(super) const HEMATOCRIT: i64 = 51221;

const SODIUM: i64 = 50983;
const CHLORIDE: i64 = 50902;
const BICARBONATE: i64 = 50882;
const HEMOGLOBIN: i64 = 51222;
const LACTATE: i64 = 50813;
const PH: i64 = 50820;

#[rustfmt::skip]
pub(super) static LABS: [Lab; 21] = [
    lab(50983, "Sodium", CHEMISTRY, "mEq/L", 0, (133, 145), (139, 2), (112, 168), true),
    lab(50971, "Potassium", CHEMISTRY, "mEq/L", 1, (33, 51), (41, 3), (22, 74), true),
    lab(50902, "Chloride", CHEMISTRY, "mEq/L", 0, (96, 108), (102, 1), (80, 130), true),
    lab(50882, "Bicarbonate", CHEMISTRY, "mEq/L", 0, (22, 32), (25, 1), (5, 44), true),
    lab(50868, "Anion Gap", CHEMISTRY, "mEq/L", 0, (8, 20), (12, 0), (3, 45), true),
    lab(51006, "Urea Nitrogen", CHEMISTRY, "mg/dL", 0, (6, 20), (15, 4), (4, 180), true),
    lab(50912, "Creatinine", CHEMISTRY, "mg/dL", 1, (5, 12), (9, 2), (3, 140), true),
    lab(50931, "Glucose", CHEMISTRY, "mg/dL", 0, (70, 100), (104, 18), (38, 900), true),
    lab(50893, "Calcium, Total", CHEMISTRY, "mg/dL", 1, (84, 103), (88, 4), (60, 140), true),
    lab(50960, "Magnesium", CHEMISTRY, "mg/dL", 1, (16, 26), (20, 2), (8, 45), true),
    lab(50970, "Phosphate", CHEMISTRY, "mg/dL", 1, (27, 45), (34, 5), (8, 110), true),
    lab(50861, "Alanine Aminotransferase (ALT)", CHEMISTRY, "IU/L", 0, (0, 40), (24, 9), (5, 4000), false),
    lab(50885, "Bilirubin, Total", CHEMISTRY, "mg/dL", 1, (0, 15), (6, 2), (1, 400), false),
    lab(51003, "Troponin T", CHEMISTRY, "ng/mL", 2, (0, 1), (1, 0), (1, 2500), false),
    lab(51222, "Hemoglobin", HEMATOLOGY, "g/dL", 1, (120, 175), (132, 8), (42, 190), true),
    lab(51221, "Hematocrit", HEMATOLOGY, "%", 1, (360, 510), (396, 0), (120, 570), true),
    lab(51301, "White Blood Cells", HEMATOLOGY, "K/uL", 1, (40, 100), (74, 14), (5, 600), true),
    lab(51265, "Platelet Count", HEMATOLOGY, "K/uL", 0, (150, 400), (236, 30), (8, 900), true),
    lab(51237, "INR(PT)", HEMATOLOGY, "", 1, (9, 11), (11, 1), (8, 120), false),
    lab(50813, "Lactate", BLOOD_GAS, "mmol/L", 1, (5, 20), (13, 3), (4, 210), false),
    lab(50820, "pH", BLOOD_GAS, "units", 2, (735, 745), (740, 2), (685, 765), false),
];

/// One set of results taken `progress` percent of the way through an admission.
///
/// Values start at what the condition gives and end near the usual, or go on getting worse where `dying`.
/// Hematocrit and anion gap follow from the values they are calculated from.
pub(super) fn draw(
    condition: &Condition,
    progress: i64,
    dying: bool,
    in_icu: bool,
    random: &mut Random,
) -> Vec<(&'static Lab, i64)> {
    let mut results: Vec<(&Lab, i64)> = Vec::new();
    for lab in &LABS {
        let given = condition.labs.iter().find(|(itemid, _)| *itemid == lab.itemid).map(|(_, value)| *value);
        let gas = in_icu && [LACTATE, PH].contains(&lab.itemid);
        if !lab.routine && given.is_none() && !gas {
            continue;
        }
        let start = given.unwrap_or(lab.usual);
        let away =
            (start - lab.usual) * if dying { 100 + progress / 5 } else { 100 - progress * 9 / 10 } / 100;
        let noise = random.between(-lab.spread, lab.spread);
        results.push((lab, (lab.usual + away + noise).clamp(lab.limits.0, lab.limits.1)));
    }
    let value = |itemid| results.iter().find(|(lab, _)| lab.itemid == itemid).map_or(0, |(_, value)| *value);
    let gap = value(SODIUM) - value(CHLORIDE) - value(BICARBONATE);
    let hematocrit = value(HEMOGLOBIN) * 3;
    for (lab, value) in &mut results {
        match lab.itemid {
            ANION_GAP => *value = gap.max(3),
            HEMATOCRIT => *value = hematocrit,
            _ => {}
        }
    }
    results
}

const CHEMISTRY: &str = "Chemistry";
const HEMATOLOGY: &str = "Hematology";
const BLOOD_GAS: &str = "Blood Gas";

#[expect(clippy::too_many_arguments, reason = "a row of a table, one argument a column")]
const fn lab(
    itemid: i64,
    label: &'static str,
    category: &'static str,
    unit: &'static str,
    places: u32,
    (low, high): (i64, i64),
    (usual, spread): (i64, i64),
    limits: (i64, i64),
    routine: bool,
) -> Lab {
    Lab { itemid, label, category, unit, places, low, high, usual, spread, limits, routine }
}
