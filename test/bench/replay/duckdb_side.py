"""Runs rules.sql over a file of search hits and prints what it finds, a JSON object a line."""
import json
import pathlib
import sys

import duckdb

connection = duckdb.connect()
connection.execute("SET VARIABLE data = " + "'" + sys.argv[1].replace("'", "''") + "'")
connection.execute(pathlib.Path(__file__).with_name("rules.sql").read_text())
rows = connection.execute("SELECT rule, ms, email, host_id FROM found ORDER BY ALL").fetchall()
for rule, ms, email, host in rows:
    print(json.dumps({"rule": rule, "ms": ms, "user": email, "host": host}))
print(json.dumps({"version": duckdb.__version__}))
