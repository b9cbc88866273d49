"""Spark's per-minute rollup of NDJSON files in HDFS into Parquet there: what hourglass rebuild computes.

usage: spark_rollup.py INPUT WARM_UP OUTPUT THREADS RUNS   rolls up WARM_UP and, once, INPUT uncounted; then prints the
seconds of each counted run, of the query alone (the session's start-up left out).
"""

import sys
import time

from pyspark.sql import SparkSession, functions as F

source, warm_up, output, threads, runs = sys.argv[1:6]
spark = (
    SparkSession.builder.master(f"local[{threads}]")
    .config("spark.driver.memory", "4g")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.shuffle.partitions", threads)
    .config("spark.sql.session.timeZone", "UTC")
    .getOrCreate()
)
CAPACITY = "STRUCT<Total: DOUBLE, Free: DOUBLE>"
SCHEMA = f"serviceName STRING, Timestamp BIGINT, CPU DOUBLE, RAM {CAPACITY}, Disk {CAPACITY}"


def rollup(source):
    """The seconds it took."""
    begun = time.perf_counter()
    lines = spark.read.schema(SCHEMA).json(source)
    messages = lines.select(
        F.col("serviceName").alias("service"),
        F.timestamp_millis("Timestamp").alias("time"),
        F.col("CPU").alias("cpu"),
        ((F.col("RAM.Total") - F.col("RAM.Free")) / F.col("RAM.Total")).alias("ram"),
        ((F.col("Disk.Total") - F.col("Disk.Free")) / F.col("Disk.Total")).alias("disk"),
    )
    metrics = ["cpu", "ram", "disk"]
    rows = messages.groupBy("service", F.date_trunc("minute", "time").alias("time_stamp")).agg(
        F.count("*").alias("msg_num"),
        *(F.sum(metric).alias(metric) for metric in metrics),
        *(F.max(metric).alias(f"max_{metric}") for metric in metrics),
        *(F.max_by("time", metric).alias(f"max_{metric}_time") for metric in metrics),
    )
    rows.write.mode("overwrite").parquet(output)
    return time.perf_counter() - begun


rollup(warm_up)
rollup(source)
print(*(rollup(source) for _ in range(int(runs))))
spark.stop()
