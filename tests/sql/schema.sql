-- A little hospital for tests of SQL. Every person and value in it is invented.
CREATE SCHEMA mimiciv_hosp;
CREATE SCHEMA mimiciv_icu;
CREATE TABLE mimiciv_hosp.patients (subject_id INTEGER NOT NULL, gender VARCHAR, anchor_age INTEGER, dod DATE);
INSERT INTO mimiciv_hosp.patients VALUES (1, 'F', 71, NULL), (2, 'M', 34, DATE '2180-05-06'), (3, 'F', 55, NULL);
CREATE TABLE mimiciv_hosp.admissions (subject_id INTEGER, hadm_id INTEGER, admittime TIMESTAMP, admission_type VARCHAR, hash VARCHAR);
INSERT INTO mimiciv_hosp.admissions VALUES
  (1, 10, TIMESTAMP '2180-01-01 08:00:00', 'URGENT', 'a1'), (1, 11, TIMESTAMP '2180-03-01 09:30:00', 'ELECTIVE', 'b2'),
  (2, 20, TIMESTAMP '2180-02-02 10:00:00', 'URGENT', '');
CREATE TABLE mimiciv_hosp.labevents (subject_id INTEGER, itemid INTEGER, charttime TIMESTAMP, valuenum DOUBLE);
INSERT INTO mimiciv_hosp.labevents
  SELECT 1 + i % 3, 50900 + i % 4, TIMESTAMP '2180-01-01' + to_hours(i), i * 0.5 FROM range(60) t(i);
CREATE TABLE mimiciv_icu.icustays (subject_id INTEGER, hadm_id INTEGER, stay_id INTEGER, intime TIMESTAMP, los DOUBLE);
INSERT INTO mimiciv_icu.icustays VALUES (1, 10, 100, TIMESTAMP '2180-01-01 12:00:00', 2.5), (2, 20, 200, TIMESTAMP '2180-02-02 11:00:00', 0.7);
CREATE SCHEMA mimiciv_note;
CREATE TABLE mimiciv_hosp.diagnoses_icd (subject_id INTEGER, hadm_id INTEGER, seq_num INTEGER, icd_code VARCHAR, icd_version INTEGER);
INSERT INTO mimiciv_hosp.diagnoses_icd VALUES (1, 10, 1, 'I10', 10), (1, 10, 2, 'E119', 10), (1, 11, 1, '4019', 9), (2, 20, 1, 'I509', 10);
CREATE TABLE mimiciv_hosp.d_icd_diagnoses (icd_code VARCHAR, icd_version INTEGER, long_title VARCHAR);
INSERT INTO mimiciv_hosp.d_icd_diagnoses VALUES
  ('I10', 10, 'Essential (primary) hypertension'), ('E119', 10, 'Type 2 diabetes mellitus without complications'),
  ('4019', 9, 'Unspecified essential hypertension'), ('I509', 10, 'Heart failure, unspecified');
CREATE TABLE mimiciv_icu.chartevents (subject_id INTEGER, stay_id INTEGER, charttime TIMESTAMP, itemid INTEGER, valuenum DOUBLE, valueuom VARCHAR);
INSERT INTO mimiciv_icu.chartevents
  SELECT 1 + i % 2, 100 * (1 + i % 2), TIMESTAMP '2180-01-01 12:00:00' + to_minutes(i * 30), 220045 + i % 3, 60 + i % 40, 'bpm' FROM range(80) t(i);
CREATE TABLE mimiciv_note.discharge (note_id VARCHAR, subject_id INTEGER, hadm_id INTEGER, charttime TIMESTAMP, text VARCHAR);
INSERT INTO mimiciv_note.discharge VALUES ('1-DS-1', 1, 10, TIMESTAMP '2180-01-05 10:00:00', 'Sex: F' || chr(10) || 'Allergies: penicillin' || chr(10) || 'Discharge diagnosis: hypertension');
CREATE TABLE "größe_und_gewicht" ("größe in cm" DOUBLE, "体重" DOUBLE, "🫀" INTEGER);
INSERT INTO "größe_und_gewicht" VALUES (172.5, 68, 71), (181, 90.2, 64);
CREATE VIEW mimiciv_hosp.adults AS SELECT * FROM mimiciv_hosp.patients WHERE anchor_age >= 18;
CREATE MACRO bmi(kg, cm) AS kg / (cm / 100) ** 2;
CREATE MACRO stays_of(id) AS TABLE SELECT * FROM mimiciv_icu.icustays WHERE subject_id = id;
