//! `query_cohort`, against SQL written out.

use m4_tests::server::RawServer;
use serde_json::{Value, json};

use crate::setup::{Reply, call, sql, start, with_patients_alone, with_sample};

fn cohort(server: &mut RawServer, criteria: Value) -> Reply {
    call(server, "query_cohort", criteria)
}

#[test]
fn counts_are_those_of_sql_written_by_hand() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let from = "FROM mimiciv_hosp.patients p JOIN mimiciv_hosp.admissions a USING (subject_id)";
    let diagnosed = |code: &str| {
        format!("a.hadm_id IN (SELECT hadm_id FROM mimiciv_hosp.diagnoses_icd WHERE icd_code LIKE '{code}%')")
    };
    let stays = "(SELECT hadm_id FROM mimiciv_icu.icustays)";
    for (criteria, condition) in [
        (json!({}), "true".to_owned()),
        (json!({ "age_min": 60 }), "p.anchor_age >= 60".into()),
        (
            json!({ "age_min": 40, "age_max": 60, "gender": "F" }),
            "p.anchor_age BETWEEN 40 AND 60 AND p.gender = 'F'".into(),
        ),
        (json!({ "icd_codes": ["i.1", "4"] }), format!("({} OR {})", diagnosed("I1"), diagnosed("4"))),
        (
            json!({ "icd_codes": ["I", "E"], "icd_match_all": true }),
            format!("{} AND {}", diagnosed("I"), diagnosed("E")),
        ),
        (json!({ "has_icu_stay": true }), format!("a.hadm_id IN {stays}")),
        (
            json!({ "has_icu_stay": false, "gender": "m" }),
            format!("a.hadm_id NOT IN {stays} AND p.gender = 'M'"),
        ),
        (json!({ "in_hospital_mortality": true }), "a.hospital_expire_flag = 1".into()),
        (json!({ "in_hospital_mortality": false }), "a.hospital_expire_flag = 0".into()),
        (json!({ "age_min": 130 }), "false".into()),
    ] {
        let reply = cohort(&mut server, criteria.clone());
        assert!(!reply.is_error, "{criteria}: {}", reply.text);
        let expected = sql(
            &mut server,
            &format!(
                "SELECT count(DISTINCT p.subject_id), count(DISTINCT a.hadm_id) {from} WHERE {condition}"
            ),
        );
        let found = [&reply.structured["patient_count"], &reply.structured["admission_count"]];
        assert_eq!(json!(found), expected.rows()[0], "{criteria}");
        for groups in ["age", "gender"] {
            let sum: i64 = reply.structured["demographics"][groups]
                .as_object()
                .unwrap()
                .values()
                .map(|count| count.as_i64().unwrap())
                .sum();
            assert_eq!(json!(sum), reply.structured["patient_count"], "{criteria} {groups}");
        }
    }
    let stays = cohort(&mut server, json!({ "has_icu_stay": true }));
    let counted = sql(&mut server, "SELECT count(*) FROM mimiciv_icu.icustays");
    assert_eq!(stays.structured["icu_stay_count"], counted.rows()[0][0]);
    assert!(cohort(&mut server, json!({})).structured.get("icu_stay_count").is_none());
}

#[test]
fn values_are_bound_and_the_sql_is_shown() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let criteria =
        json!({ "age_min": 61, "gender": "F", "icd_codes": ["E11.9", "4019"], "has_icu_stay": true });
    let reply = cohort(&mut server, criteria);
    let sql = reply.structured["sql"].as_str().unwrap();
    assert_eq!(reply.structured["parameters"], json!([61, "F", "E119", "4019"]));
    assert_eq!(sql.matches('?').count(), 4);
    for value in ["61", "'F'", "E119", "4019"] {
        assert!(!sql.contains(value), "{value} is in {sql}");
    }
    assert!(reply.text.contains(sql), "{}", reply.text);
    let matches = reply.structured["icd_matches"].as_array().unwrap();
    let codes: Vec<&Value> = matches.iter().map(|entry| &entry["code"]).collect();
    assert_eq!(codes, [&json!("E119"), &json!("4019")]);
    assert_eq!((&matches[0]["icd9_admissions"], &matches[1]["icd10_admissions"]), (&json!(0), &json!(0)));
}

#[test]
fn criteria_that_make_no_sense_are_refused_with_what_would() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    for (criteria, words) in [
        (json!({ "age_min": 70, "age_max": 60 }), "age_min, 70, is greater than age_max, 60"),
        (json!({ "age_max": 1000 }), "age_max is a number from 0 to 130"),
        (json!({ "gender": "x' OR 1=1 --" }), "gender is M or F"),
        (json!({ "icd_codes": ["E11%' OR '1'='1"] }), "icd_codes are letters and digits"),
        (json!({ "icd_codes": "E11" }), "invalid type"),
        (json!({ "has_icu_stay": "yes" }), "invalid type"),
        (json!({ "agemin": 1 }), "unknown field `agemin`, expected one of `age_min`"),
    ] {
        let reply = cohort(&mut server, criteria);
        assert!(reply.refusal().contains(words), "{words}: {}", reply.text);
    }
}

#[test]
fn a_dataset_without_the_tables_says_which_are_missing() {
    let sandbox = with_patients_alone();
    let mut server = start(&sandbox);
    let reply = cohort(&mut server, json!({ "icd_codes": ["I10"] }));
    assert_eq!(
        reply.refusal().lines().next().unwrap(),
        "Error: query_cohort cannot be used on dataset mimic-iv-demo, which has no mimiciv_hosp.admissions, mimiciv_hosp.diagnoses_icd"
    );
    assert!(reply.text.contains("Hint: ") && reply.text.contains("execute_query"), "{}", reply.text);
}
