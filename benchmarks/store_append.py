"""Durable writes and standard queries: the embedded store beside SQLite, on the same rows.

    python benchmarks/store_append.py [--samples N] [--runs N] [--json]

Writes are made in batches of 5,000 rows, each flushed to the disk (SQLite: WAL, synchronous=FULL, one
transaction a batch). Figures are the median of three interleaved rounds; trust their ratios.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path
from statistics import median

import duckdb

from makespan_collector.store.embedded.log_segment import LogWriter
from makespan_collector.store.embedded.queries import query
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SampleRow, SpanKind, SpanRow
from makespan_collector.store.schema import SAMPLES, sample_batch
from makespan_model.identity import RunIdentity, step_span_id
from makespan_model.records import Result, StepKind

BATCH = 5_000
ROUNDS = 3
STEPS_PER_RUN = 10
EPOCH = 1_700_000_000 * 10**9
SAMPLE_COLUMNS = SAMPLES.columns.names[1:]


def make_samples(count: int) -> list[SampleRow]:
    spans = [(f"{number:032x}", f"{number:016x}") for number in range(1, 101)]
    return [
        SampleRow(
            trace_id=spans[n % 100][0],
            span_id=spans[n % 100][1],
            time_ns=EPOCH + n * 10**7,
            cpu_cores=(n * 7919 % 400) / 100,
            memory_bytes=n * 7919 % 10**9,
            processes=n % 17,
            io_read_bytes_per_s=float(n % 1000),
            io_write_bytes_per_s=float(n % 500),
        )
        for n in range(count)
    ]


def make_spans(runs: int) -> list[SpanRow]:
    rows = []
    for number in range(runs):
        trace_id = RunIdentity("github", "octo/app", str(number)).trace_id
        for step in range(STEPS_PER_RUN):
            start_ns = EPOCH + (number * STEPS_PER_RUN + step) * 10**9
            rows.append(
                SpanRow(
                    trace_id=trace_id,
                    span_id=step_span_id(trace_id, "test", str(step)),
                    kind=SpanKind.STEP,
                    name=f"step {step}",
                    start_ns=start_ns,
                    end_ns=start_ns + (number * 31 + step) % 60 * 10**9,
                    provider="github",
                    repository="octo/app",
                    run_id=str(number),
                    attempt=1,
                    pipeline=f"pipeline {number % 20}",
                    job_id="test",
                    job_name="test",
                    step_path=str(step),
                    step_index=step,
                    step_kind=StepKind.RUN,
                    result=Result.SUCCESS,
                    cpu_user_s=1.0,
                )
            )
    return rows


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def batches(rows: Sequence[SampleRow]) -> list[Sequence[SampleRow]]:
    return [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]


def sqlite_write(path: Path, rows: Sequence[SampleRow]) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"CREATE TABLE rows ({', '.join(SAMPLE_COLUMNS)})")
    values = attrgetter(*SAMPLE_COLUMNS)
    statement = f"INSERT INTO rows VALUES ({', '.join('?' * len(SAMPLE_COLUMNS))})"
    for batch in batches(rows):
        with connection:
            connection.executemany(statement, map(values, batch))
    connection.close()


def sqlite_quantiles(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(
        """
        SELECT span_id, max(CASE WHEN r <= 0.50 THEN cpu_cores END), max(CASE WHEN r <= 0.95 THEN cpu_cores END),
               max(CASE WHEN r <= 0.99 THEN cpu_cores END)
        FROM (SELECT span_id, cpu_cores, percent_rank() OVER (PARTITION BY span_id ORDER BY cpu_cores) AS r FROM rows)
        GROUP BY span_id
        """
    ).fetchall()
    connection.close()


def store_write_s(root: Path, rows: Sequence[SampleRow]) -> float:
    """Seconds until the last row was acknowledged; a compaction may then still be under way."""
    with open_store(root) as store:
        start = time.perf_counter()
        for batch in batches(rows):
            store.append(samples=batch)
        return time.perf_counter() - start


def log_write_s(path: Path, rows: Sequence[SampleRow]) -> float:
    """The part of it that is not Python objects: the same rows as ready Arrow batches, framed and flushed."""
    ready = [sample_batch(batch, 0) for batch in batches(rows)]
    writer = LogWriter(path, SAMPLES.columns)
    start = time.perf_counter()
    for batch in ready:
        writer.append(batch)
    seconds = time.perf_counter() - start
    writer.close()
    return seconds


def store_quantiles(root: Path) -> None:
    def ask(connection: duckdb.DuckDBPyConnection) -> object:
        return connection.execute(
            "SELECT span_id, quantile_cont(cpu_cores, [0.5, 0.95, 0.99]) FROM rows GROUP BY span_id"
        ).fetchall()

    query(root, SAMPLES, ask)


def size_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def measure(samples: Sequence[SampleRow], spans: Sequence[SpanRow]) -> dict[str, float]:
    """One round; seconds, bytes and rows per second."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as directory:
        root, database, runs_root = Path(directory, "store"), Path(directory, "rows.sqlite"), Path(directory, "runs")
        found["embedded_rows_per_s"] = len(samples) / store_write_s(root, samples)
        found["embedded_arrow_rows_per_s"] = len(samples) / log_write_s(Path(directory, "arrow.log"), samples)
        found["sqlite_rows_per_s"] = len(samples) / timed(lambda: sqlite_write(database, samples))
        with open_store(root) as store:
            found["compact_rest_s"] = timed(store.compact)
        found["embedded_quantiles_s"] = timed(lambda: store_quantiles(root))
        found["sqlite_quantiles_s"] = timed(lambda: sqlite_quantiles(database))
        found["embedded_bytes_per_sample"] = size_bytes(root) / len(samples)
        found["sqlite_bytes_per_sample"] = database.stat().st_size / len(samples)
        with open_store(runs_root) as store:
            writing_s = sum(
                timed(lambda start=start: store.append(spans=spans[start : start + BATCH]))  # type: ignore[misc]
                for start in range(0, len(spans), BATCH)
            )
            found["spans_per_s"] = len(spans) / writing_s
            store.compact()
            found["twenty_runs_s"] = timed(lambda: store.runs(pipeline="pipeline 7", limit=20))
            found["pipelines_s"] = timed(store.pipelines)
        found["bytes_per_step_run"] = size_bytes(runs_root) / len(spans)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    samples, spans = make_samples(arguments.samples), make_spans(arguments.runs)
    rounds = [measure(samples, spans) for _ in range(ROUNDS)]
    result = {key: median(found[key] for found in rounds) for key in rounds[0]}
    if arguments.json:
        print(json.dumps({"samples": len(samples), "spans": len(spans), **result}, indent=2))
    else:
        print(f"{len(samples):,} samples, {len(spans):,} step spans")
        for key, value in result.items():
            print(f"{key:<28}{value:>14,.4f}" if value < 100 else f"{key:<28}{value:>14,.0f}")


if __name__ == "__main__":
    main()
