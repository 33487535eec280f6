//! What makes a cohort, checked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tools::arguments::bounded;

/// What `query_cohort` takes. All criteria have to be met; without any, everybody with an admission is counted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CohortArgs {
    /// Least age: MIMIC's `anchor_age`, which is the age in the patient's `anchor_year` and not at each admission.
    #[serde(default)]
    #[schemars(range(min = 0, max = 130))]
    pub age_min: Option<i64>,
    /// Greatest age, inclusive; everybody over 89 has 91.
    #[serde(default)]
    #[schemars(range(min = 0, max = 130))]
    pub age_max: Option<i64>,
    /// M or F.
    #[serde(default)]
    pub gender: Option<String>,
    /// Beginnings of ICD-9 or ICD-10 diagnosis codes, with or without the dot: `E11`, `I21.4`, `410`.
    #[serde(default)]
    pub icd_codes: Option<Vec<String>>,
    /// Whether an admission needs a diagnosis for every code; one is enough otherwise.
    #[serde(default)]
    pub icd_match_all: Option<bool>,
    /// true: only admissions with an ICU stay. false: only those without.
    #[serde(default)]
    pub has_icu_stay: Option<bool>,
    /// true: only admissions that ended with death in hospital. false: only the others.
    #[serde(default)]
    pub in_hospital_mortality: Option<bool>,
    /// The dataset; may be left out when only one is set up.
    #[serde(default)]
    pub dataset: Option<String>,
}

/// Criteria that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Cohort {
    pub(super) age_min: Option<i64>,
    pub(super) age_max: Option<i64>,
    pub(super) gender: Option<&'static str>,
    /// As they are compared: no dots, capital letters.
    pub(super) icd_codes: Option<Vec<String>>,
    pub(super) icd_match_all: Option<bool>,
    pub(super) has_icu_stay: Option<bool>,
    pub(super) in_hospital_mortality: Option<bool>,
    #[serde(skip)]
    pub(in crate::tools) dataset: Option<String>,
}

impl TryFrom<CohortArgs> for Cohort {
    type Error = String;

    fn try_from(args: CohortArgs) -> Result<Self, String> {
        let age = |name, given: Option<i64>| given.map(|age| bounded(name, Some(age), 0, 0, 130)).transpose();
        let (age_min, age_max) = (age("age_min", args.age_min)?, age("age_max", args.age_max)?);
        if let (Some(least), Some(most)) = (age_min, age_max)
            && least > most
        {
            return Err(format!("age_min, {least}, is greater than age_max, {most}"));
        }
        let gender = args.gender.map(|given| gender(&given)).transpose()?;
        let mut icd_codes = Vec::new();
        for code in args.icd_codes.unwrap_or_default() {
            let code = icd_code(&code)?;
            if !icd_codes.contains(&code) {
                icd_codes.push(code);
            }
        }
        if icd_codes.len() > MOST_CODES {
            return Err(format!("icd_codes has {} codes, more than {MOST_CODES}", icd_codes.len()));
        }
        Ok(Self {
            age_min,
            age_max,
            gender,
            icd_codes: (!icd_codes.is_empty()).then_some(icd_codes),
            icd_match_all: args.icd_match_all,
            has_icu_stay: args.has_icu_stay,
            in_hospital_mortality: args.in_hospital_mortality,
            dataset: args.dataset,
        })
    }
}

impl Cohort {
    /// The tables it reads.
    pub(super) fn tables(&self) -> Vec<&'static str> {
        let mut tables = vec!["mimiciv_hosp.patients", "mimiciv_hosp.admissions"];
        tables.extend(self.icd_codes.is_some().then_some("mimiciv_hosp.diagnoses_icd"));
        tables.extend(self.has_icu_stay.is_some().then_some("mimiciv_icu.icustays"));
        tables
    }

    /// Their schemas.
    pub(in crate::tools) fn schemas(&self) -> Vec<String> {
        let schema = |table: &&str| table.split('.').next().unwrap_or_default().to_owned();
        let mut schemas: Vec<String> = self.tables().iter().map(schema).collect();
        schemas.dedup();
        schemas
    }
}

fn gender(given: &str) -> Result<&'static str, String> {
    match given.trim() {
        "M" | "m" => Ok("M"),
        "F" | "f" => Ok("F"),
        other => Err(format!("gender is M or F, not {:?}", brief(other))),
    }
}

/// A code as MIMIC stores it: without the dot, in capitals.
fn icd_code(given: &str) -> Result<String, String> {
    let code: String = given.trim().chars().filter(|letter| *letter != '.').collect();
    let fits = !code.is_empty()
        && code.len() <= LONGEST_CODE
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits {
        return Ok(code.to_ascii_uppercase());
    }
    Err(format!(
        "icd_codes are letters and digits with or without a dot, such as E11.9 or 4019, at most {LONGEST_CODE} of them, \
         not {:?}",
        brief(given)
    ))
}

fn brief(text: &str) -> String {
    text.chars().take(40).collect()
}

const MOST_CODES: usize = 50;
/// The longest codes have 7 characters.
const LONGEST_CODE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn parsed(arguments: Value) -> Result<Cohort, String> {
        Cohort::try_from(serde_json::from_value::<CohortArgs>(arguments).unwrap())
    }

    #[test]
    fn codes_are_compared_as_mimic_stores_them() {
        let cohort = parsed(json!({ "icd_codes": ["e11.9", "E119", " 401.9 "], "gender": "f" })).unwrap();
        assert_eq!(cohort.icd_codes.unwrap(), ["E119", "4019"]);
        assert_eq!(cohort.gender, Some("F"));
        assert_eq!(parsed(json!({ "icd_codes": [] })).unwrap().icd_codes, None);
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused_with_what_can() {
        for (arguments, words) in [
            (json!({ "age_min": -1 }), "age_min is a number from 0 to 130, not -1"),
            (json!({ "age_max": 131 }), "age_max is a number from 0 to 130"),
            (json!({ "age_min": 60, "age_max": 50 }), "age_min, 60, is greater than age_max, 50"),
            (json!({ "gender": "female" }), "gender is M or F, not \"female\""),
            (json!({ "gender": "M' OR 1=1" }), "gender is M or F"),
            (json!({ "icd_codes": ["E11%"] }), "not \"E11%\""),
            (json!({ "icd_codes": ["E1' OR '1'='1"] }), "letters and digits"),
            (json!({ "icd_codes": [""] }), "letters and digits"),
            (json!({ "icd_codes": ["."] }), "letters and digits"),
            (json!({ "icd_codes": ["É11"] }), "letters and digits"),
            (json!({ "icd_codes": (0..51).map(|n| n.to_string()).collect::<Vec<_>>() }), "51 codes"),
        ] {
            let error = parsed(arguments.clone()).unwrap_err();
            assert!(error.contains(words), "{arguments}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_becomes_a_code_that_is_not_one(code in any::<String>(), gender in any::<String>()) {
            if let Ok(cohort) = parsed(json!({ "icd_codes": [code] })) {
                let codes = cohort.icd_codes.unwrap_or_default();
                prop_assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_alphanumeric())));
            }
            if let Ok(cohort) = parsed(json!({ "gender": gender })) {
                prop_assert!(matches!(cohort.gender, Some("M" | "F")));
            }
        }
    }
}
