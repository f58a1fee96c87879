"""The analytics' standard queries over a long history, in every store there is, beside DuckDB over one Parquet file.

    python benchmarks/store_queries.py [--steps N] [--samples N] [--rounds N] [--store NAME] [--json]

Ten pipelines, runs of two jobs with five steps each, as many samples a step as asked for. The peer is the limit of
what the embedded store could do: one Parquet file that holds no other column than the query needs, no run it has to be
found in, nothing sent twice. Figures are the median of interleaved rounds in milliseconds; trust their ratios.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from makespan_collector.store.contract import Store
from makespan_collector.store.influx.provisioning import provide
from makespan_collector.store.influx.server import Server
from makespan_collector.store.influx.server_store import InfluxStore
from makespan_collector.store.influx.target import Target
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SpanKind
from makespan_collector.store.schema import SAMPLES, SPANS, TableSchema
from makespan_model.identity import RunIdentity, job_span_id, run_span_id, step_span_id
from makespan_model.records import Result, StepKind

# The test-suite's server: on a free port, with a folder of its own.
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.influxd import running_influxd

PIPELINES, JOBS, STEPS_A_JOB = 10, 2, 5
STEP_S, RUN_EVERY_S = 100, 600
SECOND = 1_000_000_000
EPOCH = 1_700_000_000 * SECOND
SAMPLES_A_BATCH = 20_000
QUANTILES = (0.5, 0.95, 0.99)
ONE: dict[str, Any] = {"repository": "octo/app", "pipeline": "pipeline 3"}


class Backend(Protocol):
    """One store to measure."""

    def open(self) -> Store:
        """Open it for reading and writing."""

    def size_bytes(self) -> int | None:
        """Bytes on the disk; None when they cannot be told."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A store directory."""

    root: Path

    def open(self) -> Store:
        """See `Backend.open`."""
        return open_store(self.root)

    def size_bytes(self) -> int:
        """See `Backend.size_bytes`."""
        return sum(file.stat().st_size for file in self.root.rglob("*") if file.is_file())


@contextmanager
def embedded(folder: Path) -> Iterator[Backend]:
    yield Embedded(folder / "store")


@dataclass(frozen=True, slots=True)
class OnServer:
    """A database of an InfluxDB server."""

    url: str
    folder: Path

    def open(self) -> Store:
        """See `Backend.open`."""
        server = Server(Target(self.url))
        provide(server, samples_days=36_500)
        return InfluxStore(server)

    def size_bytes(self) -> int:
        """See `Backend.size_bytes`: what the server has not compacted yet included."""
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())


@contextmanager
def influxdb(folder: Path) -> Iterator[Backend | None]:
    """An InfluxDB 1.x of its own; None where it is not installed."""
    if shutil.which("influxd") is None:
        yield None
        return
    with running_influxd(folder / "influxd") as server:
        yield OnServer(server.url, folder / "influxd")


# A store that is not there (a server that is not installed) is left out: its maker yields None.
BACKENDS: dict[str, Callable[[Path], AbstractContextManager[Backend | None]]] = {
    "embedded": embedded,
    "influxdb": influxdb,
}


@dataclass(frozen=True, slots=True)
class StepRunKey:
    """Whose samples are made: `step` is the number of the step among those of all jobs."""

    trace_id: str
    span_id: str
    start_ns: int
    step: int


def span_batches(steps: int) -> Iterator[tuple[pa.RecordBatch, list[StepRunKey]]]:
    """Spans of whole runs, about 5,000 at a time, and their step runs."""
    columns = SPANS.columns.names[1:]
    values: dict[str, list[Any]] = {name: [] for name in columns}
    keys: list[StepRunKey] = []

    def add(**row: object) -> None:
        for name, column in values.items():
            column.append(row.get(name))

    def batch() -> pa.RecordBatch:
        return _batch(
            SPANS, {name: pa.array(column, SPANS.columns.field(name).type) for name, column in values.items()}
        )

    for number in range(steps // (JOBS * STEPS_A_JOB)):
        trace_id = RunIdentity("github", "octo/app", str(number)).trace_id
        start_ns = EPOCH + number * RUN_EVERY_S * SECOND
        end_ns = start_ns + STEPS_A_JOB * STEP_S * SECOND
        run: dict[str, object] = {
            "trace_id": trace_id,
            "provider": "github",
            "repository": "octo/app",
            "run_id": str(number),
            "attempt": 1,
            "pipeline": f"pipeline {number % PIPELINES}",
            "result": Result.SUCCESS,
            "commit": f"{number:040x}",
            "ref": "main",
            "source": "otlp",
        }
        for job in range(JOBS):
            name = f"job {job}"
            named = {**run, "job_id": name, "job_name": name}
            job_span = job_span_id(trace_id, name)
            for step in range(STEPS_A_JOB):
                key = StepRunKey(
                    trace_id,
                    step_span_id(trace_id, name, str(step)),
                    start_ns + step * STEP_S * SECOND,
                    job * STEPS_A_JOB + step,
                )
                keys.append(key)
                add(
                    **named,
                    span_id=key.span_id,
                    parent_span_id=job_span,
                    kind=SpanKind.STEP,
                    name=f"step {step}",
                    start_ns=key.start_ns,
                    end_ns=key.start_ns + STEP_S * SECOND,
                    step_path=str(step),
                    step_index=step,
                    step_kind=StepKind.RUN,
                    exit_code=0,
                    cpu_user_s=number % 90 + 0.5,
                    cpu_system_s=1.0,
                    memory_peak_bytes=number * 4096,
                )
            times = {"start_ns": start_ns, "end_ns": end_ns, "queued_ns": start_ns - (number % 60) * SECOND}
            add(**named, **times, span_id=job_span, kind=SpanKind.JOB, name=name)
        times = {"start_ns": start_ns, "end_ns": end_ns}
        add(**run, **times, span_id=run_span_id(trace_id), kind=SpanKind.RUN, name="ci", event="push")
        if len(values["kind"]) > 5_000:
            yield batch(), keys
            keys = []
            for column in values.values():
                column.clear()
    if values["kind"]:
        yield batch(), keys


def sample_batches(keys: Sequence[StepRunKey], samples_a_step: int) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Samples of these step runs, and the same as the peer's columns."""
    generator = np.random.default_rng(len(keys))
    for first in range(0, len(keys), max(1, SAMPLES_A_BATCH // samples_a_step)):
        part = keys[first : first + max(1, SAMPLES_A_BATCH // samples_a_step)]
        owner = np.repeat(np.arange(len(part)), samples_a_step)
        count = len(owner)
        every_ns = STEP_S * SECOND // samples_a_step
        offsets = np.tile(np.arange(samples_a_step) * every_ns, len(part))
        cores = np.round(generator.random(count) * 4, 2)
        found = {
            "trace_id": pa.array([key.trace_id for key in part]).take(pa.array(owner)),
            "span_id": pa.array([key.span_id for key in part]).take(pa.array(owner)),
            "time_ns": pa.array(np.array([key.start_ns for key in part])[owner] + offsets),
            "cpu_cores": pa.array(cores),
            "memory_bytes": pa.array(generator.integers(0, 2**18, count) * 4096),
            "processes": pa.array(generator.integers(1, 20, count), pa.int32()),
            "io_read_bytes_per_s": pa.array(np.round(generator.random(count) * 1e6)),
            "io_write_bytes_per_s": pa.array(np.round(generator.random(count) * 1e6)),
        }
        step = pa.array(np.array([key.step for key in part], dtype=np.int32)[owner])
        yield _batch(SAMPLES, found), pa.record_batch({"step": step, "cpu_cores": found["cpu_cores"]})


def _batch(table: TableSchema, columns: dict[str, pa.Array]) -> pa.RecordBatch:
    schema = pa.schema(list(table.columns)[1:])
    rows = len(next(iter(columns.values())))
    arrays = [columns[field.name] if field.name in columns else pa.nulls(rows, field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def fill(store: Store, steps: int, samples_a_step: int, peer: Path | None) -> dict[str, float]:
    """Write the history batch by batch, each durable; rows a second."""
    writing_s = {"spans": 0.0, "samples": 0.0}
    rows = {"spans": 0, "samples": 0}
    columns = pa.schema([("step", pa.int32()), ("cpu_cores", pa.float64())])
    writer = None if peer is None else pq.ParquetWriter(peer, columns, compression="zstd")
    try:
        for spans, keys in span_batches(steps):
            writing_s["spans"] += timed(lambda spans=spans: store.append(spans=spans))[0]  # type: ignore[misc]
            rows["spans"] += len(spans)
            for samples, plain in sample_batches(keys, samples_a_step):
                writing_s["samples"] += timed(lambda samples=samples: store.append(samples=samples))[0]  # type: ignore[misc]
                rows["samples"] += len(samples)
                if writer is not None:
                    writer.write_batch(plain)
    finally:
        if writer is not None:
            writer.close()
    return {f"{name}_per_s": rows[name] / writing_s[name] for name in rows if rows[name]}


def queries(store: Store) -> dict[str, Callable[[], object]]:
    """What the analytics ask, by name."""
    identity = RunIdentity("github", "octo/app", "3")
    span_id = step_span_id(identity.trace_id, "job 0", "0")
    since_ns = EPOCH + 30 * 86_400 * SECOND
    return {
        "pipelines": store.pipelines,
        "newest 20 runs as trees": lambda: store.runs(**ONE, limit=20),
        "run series of one pipeline": lambda: store.run_series(**ONE),
        "job series of one pipeline": lambda: store.job_series(**ONE),
        "step series of one pipeline": lambda: store.step_series(**ONE),
        "step series of one pipeline, after 30 days": lambda: store.step_series(**ONE, since_ns=since_ns),
        "step series of all pipelines": store.step_series,
        "samples of one step run": lambda: store.samples(identity.trace_id, span_id),
        "3 quantiles a step, one pipeline": lambda: store.sample_quantiles(**ONE, metrics=["cpu_cores"]),
        "3 quantiles a step, all samples": lambda: store.sample_quantiles(metrics=["cpu_cores"]),
    }


def peer_quantiles(file: Path) -> None:
    with duckdb.connect(":memory:") as connection:
        connection.read_parquet(str(file)).aggregate(f"step, quantile_cont(cpu_cores, {list(QUANTILES)})").fetchall()


def timed(ask: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    answer = ask()
    return time.perf_counter() - start, answer


def measure(arguments: argparse.Namespace, name: str, folder: Path) -> dict[str, float] | None:
    """Fill one store and ask it; None where it is not there."""
    peer = folder / "peer.parquet"
    with BACKENDS[name](folder) as backend:
        if backend is None:
            return None
        with backend.open() as store:
            found = fill(store, arguments.steps, max(1, arguments.samples // arguments.steps), peer)
            found["compacting_rest_s"] = timed(store.compact)[0]
            asked = {**queries(store), "DuckDB over one Parquet file": lambda: peer_quantiles(peer)}
            seconds: dict[str, list[float]] = {query: [] for query in asked}
            for _ in range(arguments.rounds):
                for query, ask in asked.items():
                    seconds[query].append(timed(ask)[0])
        found |= {f"{query}, ms": median(values) * 1_000 for query, values in seconds.items()}
        size_bytes = backend.size_bytes()
        if size_bytes is not None:
            found["bytes_on_disk_per_step_run"] = size_bytes / arguments.steps
    limit_ms = found["DuckDB over one Parquet file, ms"]
    found["quantiles_ratio_to_duckdb"] = found["3 quantiles a step, all samples, ms"] / limit_ms
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000, help="step runs (default: 100,000)")
    parser.add_argument("--samples", type=int, default=10_000_000, help="samples of them in all (default: 10,000,000)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--store", choices=sorted(BACKENDS), action="append", help="this store alone; may be repeated")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.steps < JOBS * STEPS_A_JOB:
        parser.error(f"--steps: one run has {JOBS * STEPS_A_JOB}")
    result: dict[str, dict[str, float]] = {}
    for name in arguments.store or BACKENDS:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(arguments, name, Path(folder))
        if found is None:
            print(f"{name}: not there, left out")
        else:
            result[name] = found
    if arguments.json:
        print(json.dumps({"steps": arguments.steps, "samples": arguments.samples, "stores": result}, indent=2))
        return
    for name, found in result.items():
        print(f"{name}: {arguments.steps:,} step runs, {arguments.samples:,} samples")
        for key, value in found.items():
            print(f"  {key:<48}{value:>14,.1f}")


if __name__ == "__main__":
    main()
