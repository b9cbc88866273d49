"""Reads a store in HDFS with Spark, as docs/formats.md says, and holds it against `hourglass query`.

usage: spark_interop.py STORE_URL EXPECTED.csv   exits 0 only if two readings give the rows of the query's answer, each
once and exactly: `master/` as a JSON table partitioned by date, rolled up by Spark itself; and the Parquet files that
the newest manifest names.
"""

import csv
import datetime
import functools
import json
import math
import operator
import sys
from urllib.parse import quote

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession, functions as F

METRICS = ["cpu", "ram", "disk"]
TOTALS = METRICS
PEAKS = [f"max_{metric}" for metric in METRICS]
PEAK_TIMES = [f"max_{metric}_time" for metric in METRICS]
KEY = ["service", "time_stamp"]
EXACT = ["msg_num", *TOTALS, *PEAKS]
CAPACITY = "STRUCT<Total: DECIMAL(18,6), Free: DECIMAL(18,6)>"
LINE = f"serviceName STRING, Timestamp BIGINT, CPU DECIMAL(38,18), RAM {CAPACITY}, Disk {CAPACITY}, date DATE"


def utilisation(capacity):
    """(Total - Free) / Total in millionths, rounded half to even."""
    return F.bround((F.col(f"{capacity}.Total") - F.col(f"{capacity}.Free")) / F.col(f"{capacity}.Total"), 6)


def raw_rows(spark, store):
    """The minute rollup of the dated files, calculated by Spark."""
    lines = spark.read.schema(LINE).json(f"{store}/master")
    values = {"cpu": F.bround("CPU", 6), "ram": utilisation("RAM"), "disk": utilisation("Disk")}
    messages = lines.select(
        F.col("serviceName").alias("service"),
        F.timestamp_millis("Timestamp").alias("time"),
        *(value.cast("decimal(38,6)").alias(metric) for metric, value in values.items()),
    )
    totals = [F.sum(metric).alias(metric) for metric in METRICS]
    # The greatest value, and of equal ones the earliest.
    peaks = [F.max(F.struct(metric, -F.unix_micros("time"))).alias(f"peak_{metric}") for metric in METRICS]
    rows = messages.groupBy("service", F.date_trunc("minute", "time").alias("time_stamp"))
    rows = rows.agg(F.count("*").alias("msg_num"), *totals, *peaks)
    return rows.select(
        "service",
        F.unix_micros("time_stamp").alias("time_stamp"),
        "msg_num",
        *TOTALS,
        *(F.col(f"peak_{metric}.{metric}").alias(f"max_{metric}") for metric in METRICS),
        *((-F.col(f"peak_{metric}.col2")).alias(f"max_{metric}_time") for metric in METRICS),
    )


def batch_files(spark, store):
    """The files of the batch view, as the newest manifest names them."""

    def read(key):
        return spark.read.text(f"{store}/{key}", wholetext=True).first()[0]

    number, manifest = int(read("views/manifest-hint")), None
    while True:
        try:
            manifest = json.loads(read(f"views/manifest/{number:010}.json"))["body"]
        except AnalysisException:
            break
        number += 1
    files = []
    for entry in manifest["pages"]:
        period, base, attempt = entry.split(",")[:3]
        page = json.loads(read(f"views/manifest-pages/{int(base):010}-{attempt}.json"))["body"]
        folder = f"date={period}" if len(period) == len("2026-11-21") else f"month={period}"
        for service, partition in page["partitions"]:
            base, attempt = partition.split(",")[:2]
            service = quote(service, safe="").replace("~", "%7E")
            files.append(f"{store}/views/batch/service={service}/{folder}/{int(base):010}-{attempt}.parquet")
    return files


def view_rows(views):
    """The rows of the views' exact columns."""
    return views.select(
        "service",
        F.unix_micros("time_stamp").alias("time_stamp"),
        "msg_num",
        *(F.col(f"{name}_exact").alias(name) for name in TOTALS + PEAKS),
        *(F.unix_micros(name).alias(name) for name in PEAK_TIMES),
    )


def expected_rows(path):
    """The rows of `query --format csv --every 1m`, as `found_rows` has them."""

    def micros(text):
        since = datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) - datetime.datetime.fromtimestamp(
            0, datetime.timezone.utc
        )
        return since // datetime.timedelta(microseconds=1)

    rows = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            times = [micros(row[name]) for name in PEAK_TIMES]
            exact = [int(row["msg_num"])] + [millionths(row[name]) for name in TOTALS + PEAKS]
            rows[row["service"], micros(row["time_stamp"])] = exact + times
    return rows


def millionths(text):
    """Exact, and an error for more than six decimals."""
    whole, _, decimals = str(text).partition(".")
    assert len(decimals) == 6 and "E" not in decimals, text
    return int(whole + decimals)


def check(what, rows, expected):
    """Holds Spark's rows against the expected ones; the number of differences."""
    rows = [row.asDict() for row in rows.collect()]
    found = {}
    for row in rows:
        exact = [row["msg_num"]] + [millionths(f"{row[name]:.6f}") for name in TOTALS + PEAKS]
        found[row["service"], row["time_stamp"]] = exact + [row[name] for name in PEAK_TIMES]
    wrong = {key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)}
    for key in sorted(wrong)[:5]:
        print(f"{what}: {key} is {found.get(key)}, the query says {expected.get(key)}")
    print(f"{what}: {len(rows)} rows, {len(wrong)} differences")
    return len(wrong) + len(rows) - len(found)


def check_doubles(views, expected):
    """The columns to reckon with are the doubles nearest to the exact values; a mean a service as a notebook has it."""
    nearest = [F.col(name) == F.col(f"{name}_exact").cast("double") for name in TOTALS + PEAKS]
    wrong = views.where(~functools.reduce(operator.and_, nearest)).count()
    for service, mean in views.groupBy("service").agg(F.sum("cpu") / F.sum("msg_num")).collect():
        rows = [row for (name, _), row in expected.items() if name == service]
        exact = sum(row[1] for row in rows) / sum(row[0] for row in rows) / 1e6
        if not math.isclose(mean, exact, rel_tol=1e-9):
            print(f"doubles: {service} has mean {mean}, expected {exact}")
            wrong += 1
    print(f"doubles: {wrong} differences")
    return wrong


def main():
    store, expected = sys.argv[1], expected_rows(sys.argv[2])
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    files = batch_files(spark, store)
    views = spark.read.parquet(*files)
    there = len(spark.read.parquet(f"{store}/views/batch/*/*/*.parquet").inputFiles())
    differences = check("master", raw_rows(spark, store), expected)
    differences += check("batch", view_rows(views), expected)
    differences += check_doubles(views, expected)
    print(f"{len(files)} of {there} view files are in force")
    print(f"{len(expected)} rows, {differences} differences in all")
    spark.stop()
    return 1 if differences or not expected else 0


if __name__ == "__main__":
    sys.exit(main())
