"""Reads hourglass's Parquet views with DuckDB, Polars and pandas/pyarrow and holds them against `hourglass query`.

usage: interop_views.py EXPECTED.csv FILE.parquet...   exits 0 only if every engine reads the same rows: the Double
columns are the nearest to the exact values, the Decimal columns are the exact values, times and counts agree, and
what is calculated from the Double columns agrees with the rows' own sums.
"""

import csv
import datetime
import decimal
import math
import sys

import duckdb
import pandas
import polars
import pyarrow.parquet

TOTALS = ["cpu", "ram", "disk"]
PEAKS = ["max_cpu", "max_ram", "max_disk"]
PEAK_TIMES = ["max_cpu_time", "max_ram_time", "max_disk_time"]
COLUMNS = ["service", "time_stamp", "msg_num", *TOTALS, *PEAKS, *PEAK_TIMES]
EXACT = [f"{name}_exact" for name in TOTALS + PEAKS]


def expected_rows(path):
    """The rows of `query --format csv --every 1m`, by service and minute."""
    rows = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            rows[row["service"], instant(row["time_stamp"])] = row
    return rows


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def utc(value):
    """Any engine's timestamp as an aware datetime in UTC."""
    value = value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
    return value.astimezone(datetime.timezone.utc) if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)


def duckdb_rows(files):
    connection = duckdb.connect()
    connection.execute("SET TimeZone='UTC'")
    columns = ", ".join(COLUMNS + EXACT)
    return connection.execute(f"SELECT {columns} FROM read_parquet(?, hive_partitioning=false)", [files]).fetchall()


def polars_rows(files):
    return polars.concat(polars.read_parquet(file, hive_partitioning=False) for file in files).select(COLUMNS + EXACT).rows()


def pandas_rows(files):
    frames = [pyarrow.parquet.ParquetFile(file).read().to_pandas() for file in files]
    return list(pandas.concat(frames)[COLUMNS + EXACT].itertuples(index=False, name=None))


def check(engine, rows, expected):
    """Holds an engine's rows against the expected ones; the number of differences."""
    differences = 0
    seen = set()
    for values in rows:
        row = dict(zip(COLUMNS + EXACT, values))
        key = row["service"], utc(row["time_stamp"])
        want = expected.get(key)
        if want is None or key in seen:
            print(f"{engine}: row {key} is {'repeated' if key in seen else 'not in the query answer'}")
            differences += 1
            continue
        seen.add(key)
        found = [int(row["msg_num"]) == int(want["msg_num"])]
        found += [row[name] == float(want[name]) for name in TOTALS + PEAKS]
        found += [decimal.Decimal(row[f"{name}_exact"]) == decimal.Decimal(want[name]) for name in TOTALS + PEAKS]
        found += [utc(row[name]) == instant(want[name]) for name in PEAK_TIMES]
        if not all(found):
            print(f"{engine}: {row} differs from {want}")
            differences += 1
    missing = expected.keys() - seen
    if missing:
        print(f"{engine}: {len(missing)} rows are missing, one is {min(missing)}")
    return differences + len(missing)


def check_calculation(files, expected):
    """A mean a service, calculated from the Double columns as a notebook would."""
    query = "SELECT service, sum(cpu) / sum(msg_num), max(max_cpu) FROM read_parquet(?, hive_partitioning=false) GROUP BY 1"
    differences = 0
    for service, mean, peak in duckdb.execute(query, [files]).fetchall():
        rows = [row for (name, _), row in expected.items() if name == service]
        exact = sum(decimal.Decimal(row["cpu"]) for row in rows) / sum(int(row["msg_num"]) for row in rows)
        if not math.isclose(mean, float(exact), rel_tol=1e-9) or peak != max(float(row["max_cpu"]) for row in rows):
            print(f"calculated: {service} has mean {mean} and peak {peak}, expected a mean of {exact}")
            differences += 1
    return differences


def main():
    expected, files = expected_rows(sys.argv[1]), sys.argv[2:]
    engines = {"duckdb": duckdb_rows, "polars": polars_rows, "pandas": pandas_rows}
    differences = sum(check(engine, read(files), expected) for engine, read in engines.items())
    differences += check_calculation(files, expected)
    print(f"{len(expected)} rows, {len(files)} files, {differences} differences")
    return 1 if differences or not expected else 0


if __name__ == "__main__":
    sys.exit(main())
