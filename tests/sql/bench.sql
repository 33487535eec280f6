-- The queries of `cargo xtask bench data`: what researchers ask of MIMIC-IV, in SQL that both servers take. Each begins
-- with a line that names it. Every one orders its rows completely, and none needs more than 50, the most that m4-infra
-- shows. None is on notes: m4-infra takes no SQL for them.

-- name: patients counted
SELECT count(*) AS patients FROM mimiciv_hosp.patients;

-- name: patients by gender
SELECT gender, count(*) AS patients, round(avg(anchor_age), 1) AS mean_age, min(anchor_age) AS youngest, max(anchor_age) AS oldest
FROM mimiciv_hosp.patients GROUP BY gender ORDER BY gender;

-- name: twenty patients
SELECT * FROM mimiciv_hosp.patients ORDER BY subject_id LIMIT 20;

-- name: admissions and deaths by type
SELECT admission_type, count(*) AS admissions, sum(hospital_expire_flag) AS deaths, avg(hospital_expire_flag) AS mortality
FROM mimiciv_hosp.admissions GROUP BY admission_type ORDER BY admissions DESC, admission_type;

-- name: most frequent diagnoses
SELECT d.icd_code, d.icd_version, dd.long_title, count(DISTINCT d.hadm_id) AS admissions
FROM mimiciv_hosp.diagnoses_icd d
JOIN mimiciv_hosp.d_icd_diagnoses dd USING (icd_code, icd_version)
GROUP BY d.icd_code, d.icd_version, dd.long_title ORDER BY admissions DESC, d.icd_code LIMIT 15;

-- name: diagnoses of an admission
SELECT d.seq_num, d.icd_code, d.icd_version, dd.long_title
FROM mimiciv_hosp.diagnoses_icd d
LEFT JOIN mimiciv_hosp.d_icd_diagnoses dd USING (icd_code, icd_version)
WHERE d.hadm_id = (SELECT hadm_id FROM mimiciv_hosp.diagnoses_icd GROUP BY hadm_id ORDER BY count(*) DESC, hadm_id LIMIT 1)
ORDER BY d.seq_num, d.icd_code LIMIT 40;

-- name: labs of a patient
SELECT l.charttime, l.itemid, i.label, l.valuenum, l.valueuom, l.flag
FROM mimiciv_hosp.labevents l JOIN mimiciv_hosp.d_labitems i USING (itemid)
WHERE l.subject_id = (SELECT subject_id FROM mimiciv_hosp.labevents GROUP BY subject_id ORDER BY count(*) DESC, subject_id LIMIT 1)
ORDER BY l.charttime DESC, l.labevent_id DESC LIMIT 40;

-- name: abnormal labs by test
SELECT i.label, i.fluid, count(*) AS tests, count(*) FILTER (l.flag = 'abnormal') AS abnormal,
       round(100.0 * count(*) FILTER (l.flag = 'abnormal') / count(*), 1) AS percent
FROM mimiciv_hosp.labevents l JOIN mimiciv_hosp.d_labitems i USING (itemid)
GROUP BY i.label, i.fluid HAVING count(*) >= 20 ORDER BY abnormal DESC, i.label, i.fluid LIMIT 20;

-- name: first creatinine of each admission
SELECT l.hadm_id, l.charttime, l.valuenum AS creatinine
FROM mimiciv_hosp.labevents l
WHERE l.itemid = 50912 AND l.hadm_id IS NOT NULL AND l.valuenum IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY l.hadm_id ORDER BY l.charttime, l.labevent_id) = 1
ORDER BY l.hadm_id LIMIT 30;

-- name: ICU stays by unit
SELECT first_careunit, count(*) AS stays, median(los) AS median_days, max(los) AS longest
FROM mimiciv_icu.icustays GROUP BY first_careunit ORDER BY stays DESC, first_careunit;

-- name: ICU stays with admission and patient
SELECT s.stay_id, s.subject_id, p.gender, p.anchor_age, s.first_careunit, s.intime, s.outtime, s.los, a.hospital_expire_flag
FROM mimiciv_icu.icustays s
JOIN mimiciv_hosp.admissions a ON a.hadm_id = s.hadm_id
JOIN mimiciv_hosp.patients p ON p.subject_id = s.subject_id
ORDER BY s.los DESC, s.stay_id LIMIT 25;

-- name: heart rate of the first day in the ICU
SELECT c.stay_id, count(*) AS measurements, min(c.valuenum) AS lowest, avg(c.valuenum) AS mean, max(c.valuenum) AS highest
FROM mimiciv_icu.chartevents c JOIN mimiciv_icu.icustays s USING (stay_id)
WHERE c.itemid = 220045 AND c.charttime < s.intime + INTERVAL 24 HOUR
GROUP BY c.stay_id ORDER BY c.stay_id LIMIT 30;

-- name: vital signs charted most
SELECT i.label, i.category, count(*) AS rows_charted, count(DISTINCT c.stay_id) AS stays
FROM mimiciv_icu.chartevents c JOIN mimiciv_icu.d_items i USING (itemid)
GROUP BY i.label, i.category ORDER BY rows_charted DESC, i.label LIMIT 20;

-- name: medications prescribed most
SELECT drug, count(*) AS orders, count(DISTINCT subject_id) AS patients
FROM mimiciv_hosp.prescriptions GROUP BY drug ORDER BY orders DESC, drug LIMIT 20;

-- name: medications of a patient
SELECT starttime, stoptime, drug, dose_val_rx, dose_unit_rx, route
FROM mimiciv_hosp.prescriptions
WHERE subject_id = (SELECT subject_id FROM mimiciv_hosp.prescriptions GROUP BY subject_id ORDER BY count(*) DESC, subject_id LIMIT 1)
ORDER BY starttime, drug, pharmacy_id, stoptime, dose_val_rx LIMIT 30;

-- name: readmissions within 30 days
WITH ordered AS (
  SELECT subject_id, admittime, dischtime,
         lead(admittime) OVER (PARTITION BY subject_id ORDER BY admittime) AS next_admittime
  FROM mimiciv_hosp.admissions WHERE hospital_expire_flag = 0
)
SELECT count(*) AS discharges,
       count(*) FILTER (next_admittime < dischtime + INTERVAL 30 DAY) AS readmitted,
       round(100.0 * count(*) FILTER (next_admittime < dischtime + INTERVAL 30 DAY) / count(*), 2) AS percent
FROM ordered;

-- name: mortality by age group
SELECT CASE WHEN p.anchor_age < 45 THEN '18-44' WHEN p.anchor_age < 65 THEN '45-64' WHEN p.anchor_age < 80 THEN '65-79' ELSE '80+' END AS age_group,
       count(*) AS admissions, sum(a.hospital_expire_flag) AS deaths,
       avg(date_diff('hour', a.admittime, a.dischtime)) / 24 AS mean_days
FROM mimiciv_hosp.admissions a JOIN mimiciv_hosp.patients p USING (subject_id)
GROUP BY age_group ORDER BY age_group;

-- name: length of stay by insurance
SELECT insurance, count(*) AS admissions,
       quantile_cont(date_diff('hour', admittime, dischtime), 0.25) AS q1_hours,
       quantile_cont(date_diff('hour', admittime, dischtime), 0.5) AS median_hours,
       quantile_cont(date_diff('hour', admittime, dischtime), 0.75) AS q3_hours
FROM mimiciv_hosp.admissions GROUP BY insurance ORDER BY insurance NULLS LAST;

-- name: organisms and their resistance
SELECT org_name, ab_name, count(*) AS tests, count(*) FILTER (interpretation = 'R') AS resistant
FROM mimiciv_hosp.microbiologyevents WHERE org_name IS NOT NULL AND ab_name IS NOT NULL
GROUP BY org_name, ab_name ORDER BY tests DESC, org_name, ab_name LIMIT 20;

-- name: fluids and drugs given in the ICU
SELECT i.label, e.amountuom, count(*) AS doses, round(sum(e.amount), 1) AS amount, count(DISTINCT e.stay_id) AS stays
FROM mimiciv_icu.inputevents e JOIN mimiciv_icu.d_items i USING (itemid)
GROUP BY i.label, e.amountuom ORDER BY doses DESC, i.label, e.amountuom LIMIT 20;
