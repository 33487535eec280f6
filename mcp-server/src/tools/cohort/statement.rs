//! The SQL of a cohort. Values are bound; nothing of a caller's becomes text of the statement.

use super::criteria::Cohort;
use crate::backend::Statement;

/// Rows `(measure, label, patients, admissions)`: one `all`, one `icu` where stays are asked for (counted in the last
/// column), one per group of `age` and of `gender`.
pub(super) fn counts(cohort: &Cohort) -> Statement {
    let mut sql = Statement::new(
        "WITH cohort AS (\n  SELECT p.subject_id, p.gender, p.anchor_age, a.hadm_id\n  \
         FROM mimiciv_hosp.patients p JOIN mimiciv_hosp.admissions a ON a.subject_id = p.subject_id",
    );
    conditions(cohort, &mut sql);
    sql.text(
        "\n)\nSELECT 'all' AS measure, NULL AS label, count(DISTINCT subject_id) AS patients, \
         count(DISTINCT hadm_id) AS admissions FROM cohort",
    );
    if cohort.has_icu_stay == Some(true) {
        sql.text(
            "\nUNION ALL SELECT 'icu', NULL, NULL, count(DISTINCT i.stay_id) FROM mimiciv_icu.icustays i \
             WHERE i.hadm_id IN (SELECT hadm_id FROM cohort)",
        );
    }
    sql.text(
        "\nUNION ALL SELECT 'age', CASE WHEN anchor_age < 20 THEN '0-19' WHEN anchor_age >= 90 THEN '90+' \
         ELSE (anchor_age // 10 * 10) || '-' || (anchor_age // 10 * 10 + 9) END AS age, \
         count(DISTINCT subject_id), count(DISTINCT hadm_id) FROM cohort WHERE anchor_age IS NOT NULL GROUP BY age\
         \nUNION ALL SELECT 'gender', gender, count(DISTINCT subject_id), count(DISTINCT hadm_id) FROM cohort \
         WHERE gender IS NOT NULL GROUP BY gender",
    );
    sql
}

/// Rows `(code, admissions with ICD-9, admissions with ICD-10)`, in the order of the codes.
pub(super) fn icd_matches(cohort: &Cohort) -> Option<Statement> {
    let codes = cohort.icd_codes.as_ref()?;
    let mut sql = Statement::new(
        "SELECT c.code, count(DISTINCT d.hadm_id) FILTER (WHERE d.icd_version = 9), \
         count(DISTINCT d.hadm_id) FILTER (WHERE d.icd_version = 10) FROM (VALUES ",
    );
    for (place, code) in (0_i64..).zip(codes) {
        sql.text(if place == 0 { "(" } else { ", (" }).value(place).text("::BIGINT, ");
        sql.value(code.as_str()).text(")");
    }
    sql.text(
        ") c(place, code) LEFT JOIN mimiciv_hosp.diagnoses_icd d ON starts_with(d.icd_code, c.code) \
         GROUP BY c.place, c.code ORDER BY c.place",
    );
    Some(sql)
}

fn conditions(cohort: &Cohort, sql: &mut Statement) {
    let mut between = "\n  WHERE ";
    let mut next = |sql: &mut Statement| {
        sql.text(between);
        between = "\n    AND ";
    };
    if let Some(age) = cohort.age_min {
        next(sql);
        sql.text("p.anchor_age >= ").value(age);
    }
    if let Some(age) = cohort.age_max {
        next(sql);
        sql.text("p.anchor_age <= ").value(age);
    }
    if let Some(gender) = cohort.gender {
        next(sql);
        sql.text("p.gender = ").value(gender);
    }
    let codes = cohort.icd_codes.as_deref().unwrap_or_default();
    let groups: Vec<&[String]> = if cohort.icd_match_all == Some(true) {
        codes.chunks(1).collect()
    } else {
        [codes].into_iter().filter(|codes| !codes.is_empty()).collect()
    };
    for group in groups {
        next(sql);
        sql.text("EXISTS (SELECT 1 FROM mimiciv_hosp.diagnoses_icd d WHERE d.hadm_id = a.hadm_id AND (");
        for (index, code) in group.iter().enumerate() {
            sql.text(if index == 0 { "starts_with(d.icd_code, " } else { " OR starts_with(d.icd_code, " });
            sql.value(code.as_str()).text(")");
        }
        sql.text("))");
    }
    if let Some(has) = cohort.has_icu_stay {
        next(sql);
        sql.text(if has { "EXISTS" } else { "NOT EXISTS" });
        sql.text(" (SELECT 1 FROM mimiciv_icu.icustays i WHERE i.hadm_id = a.hadm_id)");
    }
    if let Some(died) = cohort.in_hospital_mortality {
        next(sql);
        sql.text("a.hospital_expire_flag = ").value(i64::from(died));
    }
}
