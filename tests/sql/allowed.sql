-- Statements that the policy lets through and that run on schema.sql, one a line. `\n` stands for a line break.
SELECT 1
SELECT 1 WHERE 1=1
SELECT 1;
SELECT 1; -- done
/* lead */ SELECT 1 /* nested /* comment */ too */
SELECT 'a;b' AS "semi;colon"
SELECT $$it's; DROP TABLE x$$
SELECT e'it\'s; fine'
SELECT 'DROP TABLE patients; PRAGMA database_list' AS text
SELECT hash FROM mimiciv_hosp.admissions
SELECT hash, md5(hash), hash(hash) FROM mimiciv_hosp.admissions WHERE hash <> ''
SELECT * FROM mimiciv_hosp.patients
select * from MIMICIV_HOSP.Patients
FROM mimiciv_hosp.patients
FROM mimiciv_hosp.patients SELECT gender, count(*) GROUP BY gender
TABLE mimiciv_hosp.patients
VALUES (1, 'a'), (2, 'b')
SELECT * EXCLUDE (hash) FROM mimiciv_hosp.admissions
SELECT * REPLACE (upper(gender) AS gender) FROM mimiciv_hosp.patients
SELECT * RENAME (gender AS sex) FROM mimiciv_hosp.patients
SELECT COLUMNS('.*_id') FROM mimiciv_hosp.admissions
SELECT min(COLUMNS(*)) FROM mimiciv_hosp.patients
SELECT gender, count(*) FROM mimiciv_hosp.patients GROUP BY ALL ORDER BY ALL
SELECT subject_id, hadm_id FROM mimiciv_hosp.admissions QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY admittime) = 1
SELECT [x + 1 FOR x IN [1, 2, 3] IF x > 1]
SELECT list_transform([1, 2, 3], lambda x: x * 2)
SELECT list_filter([1, 2, 3], x -> x > 1)
SELECT {'a': 1, 'b': 'x'}.a, MAP {'k': 1}['k'], [1, 2, 3][2:]
SELECT json_extract('{"a": [1, 2]}', '$.a[0]'), '{"a": 1}'::JSON ->> 'a'
SELECT unnest([1, 2, 3]), generate_series(1, 3)
SELECT * FROM range(5)
SELECT * FROM generate_series(DATE '2180-01-01', DATE '2180-01-05', INTERVAL 1 DAY)
SELECT * FROM unnest([1, 2, 3]) AS t(x)
SELECT * FROM repeat('x', 3), repeat_row(1, 2, num_rows = 2)
SELECT key, value FROM json_each('{"a": 1}')
SUMMARIZE mimiciv_hosp.patients
SUMMARIZE SELECT anchor_age FROM mimiciv_hosp.patients
DESCRIBE mimiciv_hosp.patients
DESCRIBE SELECT 1 AS a
DESC mimiciv_hosp.patients
SHOW TABLES
SHOW ALL TABLES
SHOW TABLES FROM mimiciv_hosp
SHOW mimiciv_hosp.patients
SHOW SCHEMAS
SHOW DATABASES
SELECT name FROM (SHOW ALL TABLES)
SELECT column_name FROM (DESCRIBE mimiciv_hosp.patients)
EXPLAIN SELECT * FROM mimiciv_hosp.patients
EXPLAIN ANALYZE SELECT count(*) FROM mimiciv_hosp.patients
EXPLAIN (ANALYZE, FORMAT json) SELECT 1
EXPLAIN (FORMAT text) SELECT 1
explain /* why */ (SELECT 1)
EXPLAIN FROM mimiciv_hosp.patients;
EXPLAIN VALUES (1)
PIVOT mimiciv_hosp.patients ON gender USING avg(anchor_age)
PIVOT mimiciv_hosp.patients ON gender
PIVOT mimiciv_hosp.admissions ON admission_type USING count(*) GROUP BY subject_id ORDER BY subject_id LIMIT 5
PIVOT mimiciv_hosp.admissions ON admission_type, year(admittime) USING count(*) AS n
PIVOT mimiciv_hosp.patients ON gender IN ('F', 'M') USING avg(anchor_age)
PIVOT (SELECT subject_id, itemid, valuenum FROM mimiciv_hosp.labevents WHERE itemid IN (50900, 50901)) ON itemid USING avg(valuenum)
PIVOT (SELECT gender, subject_id FROM mimiciv_hosp.patients) p JOIN (SELECT stay_id FROM mimiciv_icu.icustays) a ON p.subject_id = a.stay_id ON gender USING count(*)
SELECT * FROM (PIVOT mimiciv_hosp.patients ON gender USING count(*)) AS p
WITH p AS (PIVOT mimiciv_hosp.patients ON gender USING count(*)) SELECT * FROM p
SELECT * FROM mimiciv_hosp.patients PIVOT (avg(anchor_age) FOR gender IN ('F', 'M'))
UNPIVOT (SELECT subject_id, anchor_age FROM mimiciv_hosp.patients) ON anchor_age INTO NAME what VALUE v
SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2
SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'patients'
SELECT * FROM information_schema.schemata
SELECT * FROM duckdb_tables()
SELECT * FROM duckdb_columns() WHERE table_name = 'patients'
SELECT relname FROM pg_catalog.pg_class
SELECT tablename FROM pg_tables
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r
WITH a AS (SELECT * FROM mimiciv_hosp.patients), b AS MATERIALIZED (SELECT * FROM a) SELECT count(*) FROM b
SELECT (SELECT max(anchor_age) FROM mimiciv_hosp.patients), EXISTS (SELECT 1), 2 IN (SELECT 1)
SELECT p.subject_id, a.n FROM mimiciv_hosp.patients p, LATERAL (SELECT count(*) AS n FROM mimiciv_hosp.admissions a WHERE a.subject_id = p.subject_id) a
SELECT l.valuenum, i.stay_id FROM mimiciv_hosp.labevents l ASOF JOIN mimiciv_icu.icustays i ON l.subject_id = i.subject_id AND l.charttime >= i.intime
SELECT * FROM mimiciv_hosp.patients POSITIONAL JOIN mimiciv_hosp.admissions
SELECT * FROM mimiciv_hosp.patients SEMI JOIN mimiciv_hosp.admissions USING (subject_id)
SELECT * FROM mimiciv_hosp.labevents TABLESAMPLE 10%
SELECT * FROM mimiciv_hosp.labevents USING SAMPLE 5 ROWS
SELECT subject_id, avg(valuenum) OVER w, lag(valuenum, 1) OVER w, quantile_cont(valuenum, 0.5) OVER w FROM mimiciv_hosp.labevents WINDOW w AS (PARTITION BY subject_id ORDER BY charttime ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)
SELECT count(*) FILTER (WHERE gender = 'F'), string_agg(gender, ',' ORDER BY subject_id) FROM mimiciv_hosp.patients
SELECT gender, anchor_age, count(*), grouping(gender) FROM mimiciv_hosp.patients GROUP BY GROUPING SETS ((gender), (anchor_age), ())
SELECT gender, count(*) FROM mimiciv_hosp.patients GROUP BY ROLLUP (gender) HAVING count(*) > 0
SELECT CASE WHEN anchor_age > 60 THEN 'old' ELSE 'young' END, coalesce(dod, DATE '2200-01-01'), nullif(gender, 'F') FROM mimiciv_hosp.patients
SELECT extract(year FROM admittime), date_trunc('month', admittime), date_diff('day', admittime, TIMESTAMP '2181-01-01'), age(admittime) FROM mimiciv_hosp.admissions
SELECT strftime(admittime, '%Y-%m'), admittime + INTERVAL 3 DAY, admittime AT TIME ZONE 'UTC' FROM mimiciv_hosp.admissions
SELECT CAST('1' AS INTEGER), TRY_CAST('x' AS INTEGER), '2.50'::DECIMAL(10, 2), NULL::INTEGER[]
SELECT gender LIKE 'F%', gender ILIKE 'f', gender SIMILAR TO '[FM]', regexp_matches(gender, 'F|M'), gender COLLATE NOCASE FROM mimiciv_hosp.patients
SELECT subject_id FROM mimiciv_hosp.patients UNION SELECT subject_id FROM mimiciv_hosp.admissions EXCEPT SELECT 3 INTERSECT SELECT 1
SELECT subject_id FROM mimiciv_hosp.patients UNION ALL BY NAME SELECT subject_id FROM mimiciv_hosp.admissions
SELECT DISTINCT ON (subject_id) * FROM mimiciv_hosp.admissions ORDER BY subject_id, admittime DESC NULLS LAST LIMIT 10 OFFSET 0
SELECT * FROM mimiciv_hosp.labevents LIMIT 10%
SELECT subject_id AS n, n + 1 AS m FROM mimiciv_hosp.patients WHERE n > 1
SELECT current_date, current_timestamp, now(), version(), current_schema()
SELECT upper(gender), gender.lower(), trim(' a '), substring('abc', 2), position('b' IN 'abc'), 'a' || 'b' FROM mimiciv_hosp.patients
SELECT corr(anchor_age, subject_id), stddev(anchor_age), median(anchor_age), histogram(gender), approx_quantile(anchor_age, 0.9), mode(gender), arg_max(gender, anchor_age) FROM mimiciv_hosp.patients
SELECT 7 // 2, 7 % 2, 2 ** 3, 5 & 3, 1 << 2, -(1), +1, NOT true, 1 BETWEEN 0 AND 2, 1 IS DISTINCT FROM NULL
SELECT "subject_id" FROM "mimiciv_hosp"."patients"
SELECT set_bit('101'::BIT, 0, 1), 'copy' AS copy_it, 1 AS "load", 2 AS pragma_x
SELECT 1 -- INSTALL httpfs;\n, 2
(SELECT 1)
SELECT p.gender, count(DISTINCT a.hadm_id) AS admissions, round(avg(p.anchor_age), 1) AS age FROM mimiciv_hosp.patients p LEFT JOIN mimiciv_hosp.admissions a USING (subject_id) GROUP BY p.gender HAVING count(*) > 0 ORDER BY admissions DESC, 1
SELECT d.icd_code, t.long_title, count(*) AS n FROM mimiciv_hosp.diagnoses_icd d JOIN mimiciv_hosp.d_icd_diagnoses t USING (icd_code, icd_version) GROUP BY ALL ORDER BY n DESC LIMIT 20
SELECT subject_id, hadm_id, admittime, lag(admittime) OVER w AS before, date_diff('day', lag(admittime) OVER w, admittime) <= 30 AS readmitted FROM mimiciv_hosp.admissions WINDOW w AS (PARTITION BY subject_id ORDER BY admittime)
WITH first_stay AS (SELECT *, row_number() OVER (PARTITION BY subject_id ORDER BY intime) AS n FROM mimiciv_icu.icustays) SELECT stay_id, los FROM first_stay WHERE n = 1
WITH day1 AS (SELECT i.stay_id, l.itemid, l.valuenum FROM mimiciv_icu.icustays i JOIN mimiciv_hosp.labevents l ON l.subject_id = i.subject_id AND l.charttime BETWEEN i.intime AND i.intime + INTERVAL 1 DAY) PIVOT day1 ON itemid IN (50900, 50901, 50902) USING min(valuenum) AS lowest, max(valuenum) AS highest GROUP BY stay_id
SELECT c.stay_id, c.charttime, c.valuenum AS heart_rate, l.valuenum AS lactate FROM mimiciv_icu.chartevents c ASOF LEFT JOIN mimiciv_hosp.labevents l ON c.subject_id = l.subject_id AND c.charttime >= l.charttime WHERE c.itemid = 220045
SELECT stay_id, time_bucket(INTERVAL 6 HOUR, charttime) AS bucket, avg(valuenum), count(*) FROM mimiciv_icu.chartevents GROUP BY 1, 2 ORDER BY 1, 2
SELECT stay_id, charttime, avg(valuenum) OVER (PARTITION BY stay_id, itemid ORDER BY charttime RANGE BETWEEN INTERVAL 2 HOUR PRECEDING AND CURRENT ROW) AS moving FROM mimiciv_icu.chartevents
SELECT stay_id, charttime, valuenum, valuenum - first_value(valuenum) OVER w AS change, ntile(4) OVER w, percent_rank() OVER w, last_value(valuenum IGNORE NULLS) OVER w FROM mimiciv_icu.chartevents WINDOW w AS (PARTITION BY stay_id ORDER BY charttime ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
SELECT stay_id, max_by(valuenum, charttime) AS latest, min_by(valuenum, charttime) AS earliest, arg_max(charttime, valuenum, 3) FROM mimiciv_icu.chartevents GROUP BY stay_id
SELECT quantile_cont(valuenum, [0.25, 0.5, 0.75]) AS quartiles, mad(valuenum), skewness(valuenum), kurtosis(valuenum), entropy(itemid) FROM mimiciv_icu.chartevents
SELECT regr_slope(valuenum, epoch(charttime)), regr_r2(valuenum, epoch(charttime)), corr(valuenum, itemid), covar_pop(valuenum, itemid) FROM mimiciv_icu.chartevents
SELECT width, count(*) FROM (SELECT floor(valuenum / 10) * 10 AS width FROM mimiciv_icu.chartevents) GROUP BY width ORDER BY width
SELECT histogram(valuenum, [60, 70, 80, 90]) FROM mimiciv_icu.chartevents
SELECT equi_width_bins(min(valuenum), max(valuenum), 5, true) FROM mimiciv_icu.chartevents
SELECT list(icd_code ORDER BY seq_num) AS codes, list_distinct(list(left(icd_code, 3))), array_to_string(list(icd_code), ', ') FROM mimiciv_hosp.diagnoses_icd GROUP BY hadm_id
SELECT hadm_id FROM mimiciv_hosp.diagnoses_icd GROUP BY hadm_id HAVING list_has_all(list(icd_code), ['I10', 'E119'])
SELECT hadm_id, bool_or(icd_code LIKE 'I50%') AS heart_failure, count(*) FILTER (icd_version = 9) AS old_codes FROM mimiciv_hosp.diagnoses_icd GROUP BY hadm_id
SELECT hadm_id, sum(CASE WHEN icd_code SIMILAR TO '(I1[0-6]|40[1-5]).*' THEN 1 ELSE 0 END) AS hypertension FROM mimiciv_hosp.diagnoses_icd GROUP BY hadm_id
SELECT icd_version, gender, count(*) FROM mimiciv_hosp.diagnoses_icd JOIN mimiciv_hosp.patients USING (subject_id) GROUP BY CUBE (icd_version, gender) ORDER BY ALL
SELECT regexp_extract(text, 'Allergies:\s*(.*)', 1) AS allergies, regexp_extract_all(text, '[A-Z]\w+'), text ILIKE '%hypertension%', length(text) FROM mimiciv_note.discharge
SELECT note_id, unnest(string_split(text, chr(10))) AS line, generate_subscripts(string_split(text, chr(10)), 1) AS n FROM mimiciv_note.discharge
SELECT note_id, list_filter(string_split(lower(text), ' '), lambda w: length(w) > 4) AS words FROM mimiciv_note.discharge
SELECT note_id, jaro_winkler_similarity(text, 'hypertension'), levenshtein(left(text, 10), 'Sex: M'), strip_accents('Größe') FROM mimiciv_note.discharge
SELECT to_json({'id': subject_id, 'codes': list(icd_code)}) AS patient FROM mimiciv_hosp.diagnoses_icd GROUP BY subject_id
SELECT json_group_object(icd_code, seq_num), json_object('a', 1, 'b', [1, 2]), json_array_length('[1, 2]'), '{"a": {"b": [5]}}'::JSON -> '$.a.b[0]' FROM mimiciv_hosp.diagnoses_icd
SELECT j.key, j.value FROM (SELECT '{"hr": 80, "bp": [120, 80]}'::JSON AS v) t, json_each(t.v) j
SELECT "größe in cm", "体重" AS gewicht, bmi("体重", "größe in cm") AS "Körper-Index", "🫀" FROM "größe_und_gewicht"
SELECT max("🫀") AS "❤️ ‘höchster’ Puls" FROM main."größe_und_gewicht" WHERE "体重" > 60.5
SELECT * FROM mimiciv_hosp.adults a JOIN stays_of(1) s USING (subject_id)
SELECT subject_id, (SELECT list(stay_id) FROM stays_of(a.subject_id)) FROM mimiciv_hosp.adults a
SELECT a.* EXCLUDE (hash), i.los FROM mimiciv_hosp.admissions a LEFT JOIN mimiciv_icu.icustays i ON a.hadm_id = i.hadm_id AND i.los > 1
SELECT p.subject_id FROM mimiciv_hosp.patients p ANTI JOIN mimiciv_icu.icustays i USING (subject_id)
SELECT p.subject_id, s.* FROM mimiciv_hosp.patients p LEFT JOIN LATERAL (SELECT stay_id, los FROM mimiciv_icu.icustays i WHERE i.subject_id = p.subject_id ORDER BY intime LIMIT 1) s ON true
SELECT p.subject_id FROM mimiciv_hosp.patients p WHERE NOT EXISTS (SELECT 1 FROM mimiciv_hosp.admissions a WHERE a.subject_id = p.subject_id AND a.admission_type IN ('URGENT', 'EW EMER.'))
SELECT * FROM mimiciv_hosp.patients NATURAL JOIN mimiciv_hosp.admissions
SELECT a.subject_id, b.subject_id FROM mimiciv_hosp.patients a CROSS JOIN mimiciv_hosp.patients b WHERE a.anchor_age > ALL (SELECT anchor_age FROM mimiciv_hosp.patients WHERE gender = 'M') AND b.gender = ANY (['F'])
WITH RECURSIVE hours(h) AS (SELECT 0 UNION ALL SELECT h + 1 FROM hours WHERE h < 23), seen AS (SELECT hour(charttime) AS h, count(*) AS n FROM mimiciv_icu.chartevents GROUP BY 1) SELECT h, coalesce(n, 0) FROM hours LEFT JOIN seen USING (h)
WITH RECURSIVE walk(id, path) AS (SELECT 1, [1] UNION ALL SELECT id * 2, list_append(path, id * 2) FROM walk WHERE id < 50) SELECT * FROM walk ORDER BY len(path) DESC LIMIT 1
WITH RECURSIVE tbl(a, b) USING KEY (a) AS (SELECT 1, 3 UNION SELECT a, b - 1 FROM tbl WHERE b > 0) SELECT * FROM tbl
WITH x AS NOT MATERIALIZED (SELECT 1 AS a), y(b) AS (SELECT a + 1 FROM x) SELECT * FROM x, y
SELECT * FROM mimiciv_icu.chartevents USING SAMPLE reservoir(5 ROWS) REPEATABLE (42)
SELECT * FROM mimiciv_icu.chartevents TABLESAMPLE bernoulli(20%) REPEATABLE (7)
SELECT * FROM mimiciv_icu.chartevents USING SAMPLE 10 PERCENT (system)
SELECT stay_id, charttime FROM mimiciv_icu.chartevents QUALIFY dense_rank() OVER (PARTITION BY stay_id ORDER BY valuenum DESC) <= 2 ORDER BY 1, 2
SELECT stay_id, charttime, sum(gap) OVER (PARTITION BY stay_id ORDER BY charttime) AS episode FROM (SELECT stay_id, charttime, CASE WHEN charttime - lag(charttime) OVER (PARTITION BY stay_id ORDER BY charttime) > INTERVAL 90 MINUTE THEN 1 ELSE 0 END AS gap FROM mimiciv_icu.chartevents)
SELECT t.d, count(i.stay_id) AS occupied FROM generate_series(TIMESTAMP '2180-01-01', TIMESTAMP '2180-01-08', INTERVAL 1 DAY) t(d) LEFT JOIN mimiciv_icu.icustays i ON t.d BETWEEN i.intime AND i.intime + to_days(los::INTEGER) GROUP BY 1 ORDER BY 1
UNPIVOT (SELECT subject_id, count(*) FILTER (itemid = 50900) AS a, count(*) FILTER (itemid = 50901) AS b FROM mimiciv_hosp.labevents GROUP BY 1) ON a, b INTO NAME item VALUE n
FROM mimiciv_hosp.labevents UNPIVOT (v FOR what IN (itemid, valuenum)) SELECT what, avg(v) GROUP BY what
PIVOT mimiciv_hosp.diagnoses_icd ON icd_version USING count(*) AS n, first(icd_code) AS example GROUP BY subject_id
FROM (FROM mimiciv_hosp.patients SELECT gender, anchor_age) SELECT gender, median(anchor_age) GROUP BY gender ORDER BY ALL DESC
SELECT unnest({'a': 1, 'b': {'c': 2}}, recursive := true), struct_pack(x := 1, y := 'z').y, {'a': [1, 2]}.a[1]
SELECT map_keys(m), m['a'], map_entries(m), element_at(m, 'b') FROM (SELECT MAP {'a': 1, 'b': 2} AS m)
SELECT list_reduce([1, 2, 3], lambda x, y: x + y), list_zip([1, 2], ['a', 'b']), list_sort([3, 1, 2], 'DESC'), flatten([[1], [2, 3]]), [1, 2, 3][-1], range(3)
SELECT union_value(n := 5)::VARCHAR, 'x'::ENUM ('x', 'y'), '{"a": 1}'::JSON, 1::HUGEINT, '\xAB'::BLOB, '101'::BIT, uuid() IS NOT NULL
SELECT extract(epoch FROM charttime), strftime(charttime, '%d.%m.%Y'), strptime('01.02.2180', '%d.%m.%Y'), try_strptime('x', '%Y'), last_day(charttime::DATE), make_date(2180, 1, 1), isodow(charttime), charttime::DATE - 30 FROM mimiciv_icu.chartevents LIMIT 2
SELECT bar(n, 0, 100, 20), format('{:>8}', n), printf('%05.1f', n::DOUBLE), lpad(n::VARCHAR, 4, '0'), translate('abc', 'ab', 'xy') FROM range(3) t(n)
SELECT COLUMNS(c -> c LIKE '%_id') FROM mimiciv_icu.icustays
SELECT coalesce(*COLUMNS(['subject_id', 'hadm_id'])) FROM mimiciv_icu.icustays
SELECT * LIKE '%id' FROM mimiciv_icu.icustays
SELECT count(*) AS n, any_value(gender), first(anchor_age ORDER BY subject_id), product(anchor_age), bit_xor(subject_id), approx_count_distinct(gender) FROM mimiciv_hosp.patients
SELECT 'a' < 'b' COLLATE NOCASE, 'straße' COLLATE DE = 'strasse', 'Ä' ILIKE 'ä', 'x' GLOB '*', 'abc' ^@ 'ab', 'a' !~~ 'b'
SELECT 1e3, 1_000_000, 0xff, 0b101, .5, 'NaN'::DOUBLE, 'infinity'::DATE, INTERVAL '1 year 2 months', DATE '2180-02-29' + 1, 5 / 0
SELECT current_database(), typeof(1.5), pg_typeof('x'), try_cast('12a' AS INTEGER), TRY(1 / 0), cardinality(MAP {'a': 1})
DESCRIBE SELECT * FROM mimiciv_hosp.patients JOIN mimiciv_icu.icustays USING (subject_id)
SUMMARIZE SELECT valuenum, charttime FROM mimiciv_icu.chartevents WHERE itemid = 220045
EXPLAIN (FORMAT json) WITH x AS (SELECT * FROM mimiciv_hosp.adults) SELECT count(*) FROM x
SELECT * FROM (VALUES (1, 'mild'), (2, 'severe')) AS grade(level, name) JOIN (SELECT 1 + subject_id % 2 AS level FROM mimiciv_hosp.patients) USING (level)
SELECT subject_id FROM mimiciv_hosp.patients WHERE (gender, anchor_age) IN (('F', 71), ('M', 34)) AND subject_id NOT IN (SELECT 9) AND dod IS NOT DISTINCT FROM NULL ORDER BY subject_id LIMIT 10 OFFSET 1
SELECT * FROM (SELECT * FROM mimiciv_hosp.labevents ORDER BY charttime) WHERE row(charttime, itemid) > row('2180-01-01T12:00:00'::TIMESTAMP, 50901) ORDER BY charttime, itemid LIMIT 5
