"""Writes every MIMIC table of a DuckDB database as FOLDER/<module>/<table>.csv.gz: export.py DATABASE FOLDER"""

import pathlib
import sys

import duckdb

database, folder = sys.argv[1:]
connection = duckdb.connect(database, read_only=True)
tables = connection.execute(
    "SELECT table_schema, table_name FROM information_schema.tables WHERE starts_with(table_schema, 'mimiciv_')"
).fetchall()
for schema, table in tables:
    place = pathlib.Path(folder, schema.removeprefix("mimiciv_"))
    place.mkdir(parents=True, exist_ok=True)
    target = str(place / f"{table}.csv.gz").replace("'", "''")
    connection.execute(f"COPY \"{schema}\".\"{table}\" TO '{target}' (HEADER, COMPRESSION gzip)")
