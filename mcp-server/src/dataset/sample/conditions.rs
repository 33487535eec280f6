//! Why people are admitted: a dozen common reasons with their real codes, typical findings and treatment.
//!
//! Codes and titles are facts of ICD-9-CM, ICD-10-CM/PCS and the DRG systems. Laboratory values are given at
//! admission, in the last place the laboratory reports (see `labs`): creatinine 24 is 2.4 mg/dL.

mod common;
mod rarer;

use common::COMMON;
use rarer::RARER;

/// A diagnosis or procedure in both editions: (code, title) in ICD-10 and in ICD-9.
#[derive(Debug)]
pub(super) struct Coded {
    pub(super) icd10: (&'static str, &'static str),
    pub(super) icd9: (&'static str, &'static str),
}

/// A reason for admission.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) name: &'static str,
    /// How often it is met, against the others.
    pub(super) weight: usize,
    pub(super) diagnosis: Coded,
    pub(super) also: &'static [Coded],
    pub(super) procedure: Option<Coded>,
    /// (HCFA code, title, APR code, title).
    pub(super) drg: (&'static str, &'static str, &'static str, &'static str),
    pub(super) service: &'static str,
    pub(super) ward: &'static str,
    pub(super) icu: &'static str,
    /// Chances in percent.
    pub(super) icu_chance: i64,
    pub(super) death_chance: i64,
    pub(super) days: (i64, i64),
    /// Youngest and oldest it happens to here.
    pub(super) ages: (i64, i64),
    /// Chronic illness that is the same thing, and not coded again.
    pub(super) replaces: &'static [&'static str],
    /// Values at admission that differ from the usual: (itemid, value).
    pub(super) labs: &'static [(i64, i64)],
    pub(super) drugs: &'static [&'static str],
    pub(super) vitals: Vitals,
    /// Which culture grows something, if one does.
    pub(super) culture: Option<Culture>,
    pub(super) complaint: &'static str,
    pub(super) course: &'static str,
    pub(super) imaging: (&'static str, &'static str, &'static str),
}

/// Vital signs at their worst.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vitals {
    pub(super) heart_rate: i64,
    pub(super) systolic: i64,
    pub(super) respirations: i64,
    pub(super) saturation: i64,
    /// Tenths of a degree Fahrenheit.
    pub(super) temperature: i64,
}

/// Vital signs of someone well.
pub(super) const WELL: Vitals = vitals(78, 122, 16, 97, 982);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Culture {
    Urine,
    Blood,
    Sputum,
}

const fn coded(icd10: (&'static str, &'static str), icd9: (&'static str, &'static str)) -> Coded {
    Coded { icd10, icd9 }
}

const fn vitals(
    heart_rate: i64,
    systolic: i64,
    respirations: i64,
    saturation: i64,
    temperature: i64,
) -> Vitals {
    Vitals { heart_rate, systolic, respirations, saturation, temperature }
}

/// Every reason, in a fixed order: the sample depends on it.
pub(super) fn all() -> impl Iterator<Item = &'static Condition> {
    COMMON.iter().chain(&RARER)
}

const MEDICINE: &str = "Medicine";
const MICU: &str = "Medical Intensive Care Unit (MICU)";
const CCU: &str = "Coronary Care Unit (CCU)";
const NEURO_ICU: &str = "Neuro Surgical Intensive Care Unit (Neuro SICU)";
const TSICU: &str = "Trauma SICU (TSICU)";

/// Long-standing illness that people bring with them, with its chance in percent.
pub(super) static CHRONIC: [(i64, &str, Coded); 9] = [
    (
        55,
        "hypertension",
        coded(("I10", "Essential (primary) hypertension"), ("4019", "Unspecified essential hypertension")),
    ),
    (
        40,
        "hyperlipidemia",
        coded(("E785", "Hyperlipidemia, unspecified"), ("2724", "Other and unspecified hyperlipidemia")),
    ),
    (
        28,
        "type 2 diabetes",
        coded(
            ("E119", "Type 2 diabetes mellitus without complications"),
            (
                "25000",
                "Diabetes mellitus without mention of complication, type II or unspecified type, not stated as uncontrolled",
            ),
        ),
    ),
    (
        22,
        "atrial fibrillation",
        coded(("I4891", "Unspecified atrial fibrillation"), ("42731", "Atrial fibrillation")),
    ),
    (
        18,
        "chronic kidney disease",
        coded(
            ("N189", "Chronic kidney disease, unspecified"),
            ("5859", "Chronic kidney disease, unspecified"),
        ),
    ),
    (
        14,
        "COPD",
        coded(
            ("J449", "Chronic obstructive pulmonary disease, unspecified"),
            ("496", "Chronic airway obstruction, not elsewhere classified"),
        ),
    ),
    (
        24,
        "reflux",
        coded(
            ("K219", "Gastro-esophageal reflux disease without esophagitis"),
            ("53081", "Esophageal reflux"),
        ),
    ),
    (
        20,
        "depression",
        coded(
            ("F329", "Major depressive disorder, single episode, unspecified"),
            ("311", "Depressive disorder, not elsewhere classified"),
        ),
    ),
    (15, "anemia", coded(("D649", "Anemia, unspecified"), ("2859", "Anemia, unspecified"))),
];
