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
