//! The tools beside `execute_query`: how long they take and how many tokens they cost. Only cohorts can be compared, since
//! each server words the rest in its own way.

use serde_json::{Value, json};

use super::client::{Client, text};
use super::queries::{DEMO, NOTES};
use super::report::Report;
use super::stats::Sample;
use crate::failure::{Outcome, say};

/// A call of a tool with what both sides needed and said.
pub(super) struct Called {
    pub(super) name: String,
    pub(super) ours: Sample,
    pub(super) theirs: Sample,
    pub(super) texts: [String; 2],
}

/// Calls each tool that both have, in turn.
pub(super) fn ask(
    ours: &mut Client,
    theirs: &mut Client,
    rounds: u32,
    notes: bool,
    report: &mut Report,
) -> Outcome<Vec<Called>> {
    let mut called = Vec::new();
    let offered = ours.tools()?;
    for (name, tool, arguments) in calls() {
        if !offered.iter().any(|known| known == tool) {
            say(format_args!("SKIPPED: {name}: M4 has no {tool}"));
            continue;
        }
        if arguments["dataset"] == NOTES && !notes {
            say(format_args!("SKIPPED: {name}: {NOTES} is not set up on both sides"));
            continue;
        }
        let (_, mine) = ours.call(tool, &arguments)?;
        let (_, other) = theirs.call(tool, &arguments)?;
        let texts = [text(&mine), text(&other)];
        if tool == COHORT
            && let Err(difference) = same_cohort(&mine["structuredContent"], &texts[1])
        {
            report.wrong(name, &difference);
        }
        let mut call =
            Called { name: name.into(), ours: Sample::default(), theirs: Sample::default(), texts };
        for _ in 0..rounds {
            call.ours.add(ours.call(tool, &arguments)?.0);
            call.theirs.add(theirs.call(tool, &arguments)?.0);
        }
        called.push(call);
    }
    Ok(called)
}

fn calls() -> Vec<(&'static str, &'static str, Value)> {
    let table = "mimiciv_hosp.admissions";
    let mut calls = vec![
        ("the datasets", "list_datasets", json!({})),
        ("the tables", "get_database_schema", json!({ "dataset": DEMO })),
        ("a table", "get_table_info", json!({ "dataset": DEMO, "table_name": table })),
        ("notes of a patient", "list_patient_notes", json!({ "dataset": NOTES, "subject_id": 10_000_032 })),
        ("search in notes", "search_notes", json!({ "dataset": NOTES, "query": "heart failure" })),
    ];
    let cohorts = [
        ("cohort: everybody", json!({})),
        ("cohort: women from 60 on", json!({ "gender": "F", "age_min": 60 })),
        ("cohort: heart failure", json!({ "icd_codes": ["I50", "428"] })),
        ("cohort: two diagnoses", json!({ "icd_codes": ["I10", "E11"], "icd_match_all": true })),
        ("cohort: died with an ICU stay", json!({ "has_icu_stay": true, "in_hospital_mortality": true })),
        ("cohort: up to 50, no ICU stay", json!({ "has_icu_stay": false, "age_max": 50 })),
    ];
    calls.extend(cohorts.map(|(name, mut criteria)| {
        criteria["dataset"] = json!(DEMO);
        (name, COHORT, criteria)
    }));
    calls
}

/// Compares the counts that both give.
fn same_cohort(ours: &Value, theirs: &str) -> Result<(), String> {
    let Ok(theirs) = serde_json::from_str::<Value>(theirs) else {
        return Err(format!("theirs is no JSON: {theirs}"));
    };
    for count in ["patient_count", "admission_count"] {
        if !ours[count].is_i64() || ours[count] != theirs[count] {
            return Err(format!("{count}: {} against {}", ours[count], theirs[count]));
        }
    }
    for group in ["age", "gender"] {
        let (ours, theirs) = (&ours["demographics"][group], &theirs["demographics"][group]);
        if ours != theirs {
            return Err(format!("{group}: {ours} against {theirs}"));
        }
    }
    Ok(())
}

const COHORT: &str = "query_cohort";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cohorts_are_the_same_when_every_count_is() {
        let counts = |patients: u32, women: u32| {
            json!({
                "patient_count": patients,
                "admission_count": 74,
                "demographics": { "age": { "60-69": 10 }, "gender": { "F": women } },
            })
        };
        let theirs = counts(23, 23).to_string();
        assert_eq!(same_cohort(&counts(23, 23), &theirs), Ok(()));
        assert!(same_cohort(&counts(24, 23), &theirs).is_err());
        assert!(same_cohort(&counts(23, 22), &theirs).is_err());
        assert!(same_cohort(&json!({}), "{}").is_err());
        assert!(same_cohort(&counts(23, 23), "**Error:** no").is_err());
    }
}
