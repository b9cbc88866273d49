"""DuckDB's per-minute rollup of an NDJSON file into one Parquet file: what hourglass rebuild computes.

usage: duckdb_rollup.py FILE OUTPUT THREADS   prints the seconds of the query alone (start-up left out) and the
peak memory of the process in kB.
"""

import sys
import time

import duckdb

path, output, threads = sys.argv[1:4]
connection = duckdb.connect()
connection.execute(f"SET threads={int(threads)}")
capacity = "STRUCT(Total DOUBLE, Free DOUBLE)"
columns = f"{{serviceName:'VARCHAR', Timestamp:'BIGINT', CPU:'DOUBLE', RAM:'{capacity}', Disk:'{capacity}'}}"
query = f"""
COPY (
  WITH message AS (
    SELECT serviceName AS service, Timestamp AS ts, CPU AS cpu,
           (RAM.Total - RAM.Free) / RAM.Total AS ram, (Disk.Total - Disk.Free) / Disk.Total AS disk
    FROM read_json('{path}', format='newline_delimited', columns={columns}))
  SELECT service, time_bucket(INTERVAL '1 minute', make_timestamp_ms(ts)) AS time_stamp,
         sum(cpu) AS cpu, sum(ram) AS ram, sum(disk) AS disk,
         arg_max(ts, cpu) AS max_cpu_time, max(cpu) AS max_cpu,
         arg_max(ts, ram) AS max_ram_time, max(ram) AS max_ram,
         arg_max(ts, disk) AS max_disk_time, max(disk) AS max_disk, count(*) AS msg_num
  FROM message GROUP BY ALL ORDER BY ALL
) TO '{output}' (FORMAT parquet)
"""
begun = time.perf_counter()
connection.execute(query)
seconds = time.perf_counter() - begun
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(seconds, peak)
