//! `query_cohort`: how many patients meet some criteria, and who they are by age and gender.

mod criteria;
mod statement;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

pub(super) use self::criteria::{Cohort, CohortArgs};
use super::note::{number, words};
use super::{CallError, DataSource, Output, Toolbox};
use crate::backend::{Parameter, QueryLimits};
use crate::gate::Granted;

pub(super) const NAME: &str = "query_cohort";

/// What `query_cohort` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CohortOutput {
    dataset: String,
    /// Patients with at least one admission that meets the criteria.
    patient_count: i64,
    /// Admissions that meet them.
    admission_count: i64,
    /// ICU stays of these admissions; only where `has_icu_stay` is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    icu_stay_count: Option<i64>,
    demographics: Demographics,
    criteria: Cohort,
    /// Per ICD code, how many admissions of the whole dataset have a diagnosis that begins with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    icd_matches: Vec<IcdMatch>,
    /// The SQL that was run, a `?` per parameter.
    sql: String,
    /// The values for the `?`, in their order.
    #[schemars(with = "Vec<serde_json::Value>")]
    parameters: Vec<Parameter>,
}

/// Patients by group.
#[derive(Debug, Serialize, JsonSchema)]
struct Demographics {
    /// By `anchor_age`, in tens; MIMIC gives everybody over 89 the age 91.
    age: BTreeMap<String, i64>,
    gender: BTreeMap<String, i64>,
}

/// What an ICD code stands for in this dataset.
#[derive(Debug, Serialize, JsonSchema)]
struct IcdMatch {
    /// The code as it is compared: no dots, capital letters.
    code: String,
    /// Admissions with a diagnosis of ICD-9 that begins with it.
    icd9_admissions: i64,
    /// Admissions with a diagnosis of ICD-10 that begins with it.
    icd10_admissions: i64,
}

/// Counts the cohort.
pub(super) async fn run(
    toolbox: &Toolbox,
    _proof: &Granted,
    source: DataSource<'_>,
    cohort: &Cohort,
) -> Result<Output, CallError> {
    let DataSource { backend, dataset } = source;
    dataset.reach.check(&cohort.schemas())?;
    let there = backend.schema(&dataset, &toolbox.limits).await?;
    let missing = |table: &&&str| !there.iter().any(|known| known.name == ***table);
    let needed = cohort.tables();
    let missing: Vec<&str> = needed.iter().filter(missing).copied().collect();
    if !missing.is_empty() {
        return Err(CallError::Lacks {
            tool: NAME,
            dataset: dataset.name,
            what: missing.join(", "),
            hint: "query_cohort reads MIMIC-IV's hosp and icu tables; for another dataset write the SQL for execute_query",
        });
    }
    // A few groups, whatever limit on rows is set.
    let limits = QueryLimits { max_rows: 1_000, ..toolbox.limits };
    let statement = statement::counts(cohort);
    let counted = backend.prepared(&dataset, &statement, &limits).await?;
    let mut output = CohortOutput {
        dataset: dataset.name.clone(),
        patient_count: 0,
        admission_count: 0,
        icu_stay_count: None,
        demographics: Demographics { age: BTreeMap::new(), gender: BTreeMap::new() },
        criteria: cohort.clone(),
        icd_matches: Vec::new(),
        sql: statement.sql().to_owned(),
        parameters: statement.parameters().to_vec(),
    };
    for row in &counted.rows {
        let [measure, label, patients, admissions] = row.as_slice() else { continue };
        let (label, patients) = (words(label), number(patients).unwrap_or(0));
        match (words(measure).as_deref(), label) {
            (Some("all"), _) => {
                (output.patient_count, output.admission_count) = (patients, number(admissions).unwrap_or(0));
            }
            (Some("icu"), _) => output.icu_stay_count = Some(number(admissions).unwrap_or(0)),
            (Some("age"), Some(label)) => _ = output.demographics.age.insert(label, patients),
            (Some("gender"), Some(label)) => _ = output.demographics.gender.insert(label, patients),
            _ => {}
        }
    }
    if let Some(statement) = statement::icd_matches(cohort) {
        let matches = backend.prepared(&dataset, &statement, &limits).await?;
        output.icd_matches = matches
            .rows
            .iter()
            .filter_map(|row| match row.as_slice() {
                [code, nine, ten] => Some(IcdMatch {
                    code: words(code)?,
                    icd9_admissions: number(nine)?,
                    icd10_admissions: number(ten)?,
                }),
                _ => None,
            })
            .collect();
    }
    Ok(Output { text: output.text(), structured: super::to_json(&output), rows: Some(counted.rows.len()) })
}

impl CohortOutput {
    fn text(&self) -> String {
        let mut text = format!("{} patients, {} admissions", self.patient_count, self.admission_count);
        // Writing to a string cannot fail.
        if let Some(stays) = self.icu_stay_count {
            let _ = write!(text, ", {stays} ICU stays");
        }
        text.push('\n');
        let groups = |groups: &BTreeMap<String, i64>| {
            groups.iter().map(|(label, count)| format!("{label}: {count}")).collect::<Vec<_>>().join(", ")
        };
        let Demographics { age, gender } = &self.demographics;
        if self.patient_count > 0 {
            let _ =
                writeln!(text, "patients by age: {}\npatients by gender: {}", groups(age), groups(gender));
        }
        for IcdMatch { code, icd9_admissions, icd10_admissions } in &self.icd_matches {
            let _ = writeln!(
                text,
                "{code}: {icd9_admissions} admissions with ICD-9, {icd10_admissions} with ICD-10 in the whole dataset"
            );
        }
        let parameters = serde_json::to_string(&self.parameters).unwrap_or_default();
        let _ = writeln!(text, "SQL: {}\nparameters: {parameters}", self.sql);
        text
    }
}
