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
