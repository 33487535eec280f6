-- Statements that the policy refuses, one a line, under the words that the refusal must contain; what the engine's locks alone would answer is marked. `\n` stands for a line break.

# Function
FROM mimiciv_hosp.adults, read_csv('/etc/passwd')
SELECT bmi((SELECT count(*) FROM glob('/etc/*')), 180)
FROM stays_of((SELECT size FROM read_text('/etc/passwd')))
WITH "glob" AS (SELECT 1) SELECT * FROM "glob"('/etc/*')
SELECT * FROM (FROM (FROM (FROM read_text('/proc/self/environ'))))
SELECT max(size) OVER (ORDER BY (FROM glob('*'))) FROM range(1) t(size)
FROM mimiciv_hosp.patients QUALIFY row_number() OVER (ORDER BY (SELECT count(*) FROM glob('*'))) = 1
SELECT COLUMNS(c -> getenv('HOME') = c) FROM mimiciv_hosp.patients
SELECT list_filter([1], lambda x: x = (SELECT count(*) FROM glob('*')))
SELECT {'a': getenv('HOME')}
SELECT MAP {getenv('HOME'): 1}
SELECT CAST(getenv('HOME') AS INTEGER)
SELECT getenv('HOME')::VARCHAR[]
SELECT 1 IN (getenv('HOME'))
SELECT TRY(getenv('HOME'))
FROM mimiciv_hosp.patients GROUP BY GROUPING SETS ((current_setting('threads')))
SELECT * FROM unnest([getenv('HOME')])
SELECT * FROM range((SELECT count(*) FROM glob('*')))
UNPIVOT (FROM read_csv('x.csv')) ON a
FROM mimiciv_hosp.patients TABLESAMPLE 10% WHERE nextval('s') > 0
SELECT bmi(1)
SELECT bmi(1, 2, 3)
FROM stays_of()
SELECT json_execute_serialized_sql('{}')
FROM pragma_show('patients')
FROM read_blob(['/etc/passwd', '/etc/hosts'])
FROM read_csv_auto('s3://bucket/x.csv', header = true)
SELECT * FROM read_csv('/etc/passwd')
SELECT * FROM READ_CSV('/etc/passwd')
SELECT * FROM "read_csv"('/etc/passwd')
SELECT * FROM "Read_CSV_Auto"('/etc/passwd')
SELECT * FROM main.read_csv('/etc/passwd')
SELECT * FROM system.main.read_text('/etc/passwd')
SELECT * FROM read_text/* */('/etc/passwd')
SELECT * FROM read_text -- x\n ('/etc/passwd')
SELECT * FROM read_text​('/etc/passwd')
SELECT * FROM ｒead_text('/etc/passwd')
FROM read_blob('/etc/passwd')
FROM read_parquet('x.parquet')
FROM parquet_scan('x.parquet')
FROM parquet_metadata('x.parquet')
FROM parquet_schema('x.parquet')
FROM parquet_file_metadata('x.parquet')
FROM parquet_kv_metadata('x.parquet')
FROM parquet_bloom_probe('x.parquet', 'a', 1)
FROM read_json('x.json')
FROM read_json_auto('https://example.com/x.json')
FROM read_json_objects('x.json')
FROM read_ndjson('x.json')
FROM read_ndjson_objects('x.json')
FROM read_duckdb('x.duckdb')
FROM glob('/etc/*')
FROM sniff_csv('/etc/passwd')
WITH t AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM t
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r, glob('*')) SELECT * FROM r
SELECT (SELECT content FROM read_text('/etc/passwd'))
SELECT 1 WHERE EXISTS (FROM glob('/etc/*'))
SELECT * FROM mimiciv_hosp.patients p, LATERAL (SELECT * FROM read_text(p.gender))
SELECT [(SELECT content FROM read_text(x)) FOR x IN ['/etc/passwd']]
SELECT list_transform(['a'], lambda x: (FROM read_text(x)))
SELECT 1 ORDER BY (FROM glob('*'))
SELECT 1 LIMIT (SELECT count(*) FROM glob('*'))
SELECT count(*) OVER (PARTITION BY (FROM glob('*')))
SELECT sum(1) FILTER (WHERE 1 IN (FROM glob('*')))
SELECT sum(1 ORDER BY (FROM glob('*')))
SELECT * REPLACE ((FROM glob('*')) AS gender) FROM mimiciv_hosp.patients
SELECT CASE WHEN true THEN (FROM glob('*')) END
SELECT * FROM mimiciv_hosp.patients JOIN glob('*') ON true
SELECT 1 UNION ALL SELECT 2 UNION ALL FROM glob('*')
VALUES ((FROM glob('*')))
SUMMARIZE SELECT * FROM read_csv('/etc/passwd')
DESCRIBE SELECT * FROM read_csv('/etc/passwd')
EXPLAIN SELECT * FROM read_csv('/etc/passwd')
EXPLAIN ANALYZE SELECT * FROM read_csv('/etc/passwd')
EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM read_csv('/etc/passwd')
PIVOT (FROM read_csv('/etc/passwd')) ON a USING count(*)
PIVOT (FROM read_csv('/etc/passwd')) ON a IN (1) USING count(*)
FROM query_table('patients')
FROM query_table(['patients'])
FROM json_execute_serialized_sql('{}')
FROM duckdb_extensions()
FROM pragma_database_list()
FROM pragma_table_info('patients')
FROM pragma_storage_info('patients')
FROM histogram('patients', 'gender')
FROM no_such_function()
SELECT getenv('HOME')
SELECT nextval('s')
SELECT currval('s')
SELECT setval('s', 1)
SELECT no_such_function(1)
SELECT no_such_schema.macro_of_the_file(1)
SELECT * FROM mimiciv_hosp.patients WHERE subject_id = nextval('s')
SELECT * FROM mimiciv_hosp.patients GROUP BY getenv('HOME')
SELECT __internal_compress_integral_utinyint(1, 1)

# Function | the engine alone answers
FROM test_all_types()
FROM enable_peg_parser()
FROM force_checkpoint()
SELECT 1 BETWEEN getvariable('a') AND 2
SELECT * FROM mimiciv_hosp.patients ORDER BY current_setting('threads') LIMIT 1
SELECT count(*) FILTER (WHERE current_setting('threads') = '1') FROM range(1)
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))
FROM pragma_metadata_info()
FROM duckdb_log_contexts()
FROM query('SELECT 1')
SELECT json_serialize_plan('SELECT 1')
SELECT json_serialize_sql('SELECT 1')
FROM duckdb_databases()
FROM duckdb_settings()
FROM duckdb_secrets()
FROM duckdb_temporary_files()
FROM duckdb_logs()
FROM duckdb_logs_parsed('HTTP')
FROM duckdb_memory()
FROM duckdb_variables()
FROM duckdb_functions()
FROM duckdb_views()
FROM duckdb_prepared_statements()
FROM duckdb_external_file_cache()
FROM which_secret('s3://x', 's3')
FROM pragma_database_size()
FROM pragma_platform()
FROM pragma_user_agent()
FROM enable_logging()
FROM enable_profiling()
FROM checkpoint()
FROM truncate_duckdb_logs()
SELECT current_setting('temp_directory')
SELECT CURRENT_SETTING('temp_directory')
SELECT "current_setting"('temp_directory')
SELECT main.current_setting('temp_directory')
SELECT getvariable('x')
SELECT write_log('x')
SELECT sleep_ms(1000)
SELECT pg_sleep(10)
SELECT setseed(0.5)
SELECT current_query()
SELECT pg_get_viewdef(1)

# would be read as a file
FROM "http://169.254.169.254/latest/meta-data"
SELECT * FROM '~/.ssh/id_rsa'
SELECT * FROM mimiciv_hosp."../x"
FROM '\\\\server\\share'
SELECT * FROM 'file:///etc/passwd'
FROM "data/*/x.parquet"
FROM 'file.csv'
SELECT * FROM "file.csv"
SELECT * FROM 'dir/file.parquet'
SELECT * FROM '/etc/passwd'
SELECT * FROM 'https://example.com/x.csv'
SELECT * FROM 's3://bucket/x.parquet'
SELECT * FROM '*.csv'
SELECT * FROM main."x.json"
DESCRIBE 'file.csv'
SUMMARIZE 'file.csv'
SELECT * FROM mimiciv_hosp.patients, 'file.csv'
SELECT (SELECT count(*) FROM 'file.csv')
PIVOT 'file.csv' ON a USING count(*)
EXPLAIN FROM 'file.csv'

# would be read as a file | the engine alone answers
WITH "a.csv" AS (SELECT 1) SELECT * FROM "a.csv"

# View
FROM duckdb_thing_of_the_future
FROM information_schema.thing_of_the_future

# View | the engine alone answers
FROM duckdb_logs
FROM duckdb_databases
FROM system.main.duckdb_databases
FROM "DuckDB_Databases"
FROM pragma_database_list
FROM duckdb_views
FROM sqlite_master
FROM pg_settings
FROM pg_catalog.pg_settings
FROM pg_database
FROM pg_views
FROM information_schema.views
DESCRIBE duckdb_databases

# not allowed: only queries
COPY (SELECT 1) TO 'x.parquet' (FORMAT parquet)
COPY FROM DATABASE hospital TO x
ATTACH 'host=db user=x' AS p (TYPE postgres)
CREATE TABLE x AS FROM mimiciv_hosp.patients
CREATE FUNCTION f(a) AS a
ALTER VIEW mimiciv_hosp.adults RENAME TO x
DROP MACRO bmi
INSERT INTO mimiciv_hosp.patients BY NAME SELECT 9 AS subject_id
INSERT OR REPLACE INTO mimiciv_hosp.patients VALUES (9, 'F', 1, NULL)
SET memory_limit = '100GB'
COPY mimiciv_hosp.patients TO '/tmp/x.csv'
COPY (SELECT 1) TO '/tmp/x.csv'
COPY mimiciv_hosp.patients FROM '/tmp/x.csv'
EXPORT DATABASE '/tmp/x'
IMPORT DATABASE '/tmp/x'
ATTACH '/tmp/x.duckdb'
ATTACH ':memory:' AS m
DETACH x
INSTALL httpfs
LOAD httpfs
FORCE INSTALL httpfs
UPDATE EXTENSIONS
PRAGMA table_info('patients')
SET threads = 1
RESET threads
CALL pragma_database_list()
CREATE TABLE x (a INTEGER)
CREATE OR REPLACE VIEW v AS SELECT 1
CREATE MACRO m(a) AS a
CREATE SECRET s (TYPE s3)
CREATE SEQUENCE s
CREATE TYPE e AS ENUM ('a')
CREATE SCHEMA x
ALTER TABLE mimiciv_hosp.patients ADD COLUMN x INTEGER
DROP TABLE mimiciv_hosp.patients
TRUNCATE mimiciv_hosp.patients
COMMENT ON TABLE mimiciv_hosp.patients IS 'x'
INSERT INTO mimiciv_hosp.patients VALUES (9, 'F', 1, NULL)
INSERT INTO mimiciv_hosp.patients SELECT * FROM mimiciv_hosp.patients RETURNING *
UPDATE mimiciv_hosp.patients SET gender = 'x'
DELETE FROM mimiciv_hosp.patients
MERGE INTO mimiciv_hosp.patients p USING mimiciv_hosp.patients q ON p.subject_id = q.subject_id WHEN MATCHED THEN DELETE
COMMIT
ROLLBACK
ABORT
END
EXECUTE p
EXPLAIN CREATE TABLE x (a INTEGER)
EXPLAIN ANALYZE INSERT INTO mimiciv_hosp.patients VALUES (9, 'F', 1, NULL)
EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/x.csv'
WITH x AS (SELECT 1) INSERT INTO mimiciv_hosp.patients SELECT 1, 'F', 1, NULL

# not allowed: only queries | the engine alone answers
PRAGMA enable_profiling
USE mimiciv_hosp
PRAGMA database_list
pragma version
SET VARIABLE x = 1
SET SESSION search_path = 'mimiciv_hosp'
CALL range(3)
CREATE TEMP TABLE x AS SELECT 1
BEGIN
BEGIN TRANSACTION
START TRANSACTION
CHECKPOINT
FORCE CHECKPOINT
VACUUM
ANALYZE
PREPARE p AS SELECT 1
DEALLOCATE p
SHOW VARIABLES
EXPLAIN PIVOT mimiciv_hosp.patients ON gender
PIVOT mimiciv_hosp.patients ON gender IN (SELECT gender FROM mimiciv_hosp.patients)

# one statement at a time
SELECT 1; DROP TABLE mimiciv_hosp.patients
PIVOT mimiciv_hosp.patients ON gender; DROP TABLE mimiciv_hosp.patients
BEGIN; DROP TABLE mimiciv_hosp.patients; COMMIT

# one statement at a time | the engine alone answers
SELECT 1; SELECT 2
SELECT 1;; SELECT 2;
EXPLAIN SELECT 1; SELECT 2
SELECT 1 /* ; */; PRAGMA database_list

# does not parse
SELEC 1
SELECT FROM WHERE
SELECT 'open
SELECT /* open
WITH x AS (DELETE FROM mimiciv_hosp.patients RETURNING *) SELECT * FROM x
SELECT * FROM (EXPLAIN SELECT 1)

# empty
;
-- nothing
/* nothing */ ;

# parameter
SELECT ?
SELECT $1
SELECT $name
SELECT * FROM mimiciv_hosp.patients WHERE subject_id = $id

# nested too deeply | the engine alone answers
SELECT list_transform([1], lambda a: list_transform([1], lambda b: list_transform([1], lambda c: list_transform([1], lambda d: list_transform([1], lambda e: list_transform([1], lambda f: list_transform([1], lambda g: 1)))))))
