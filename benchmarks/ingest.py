"""What the collector takes in: spans and samples a second over HTTP on one core, beside what decoding alone costs.

    python benchmarks/ingest.py [--seconds S] [--clients N] [--rounds N] [--json]

`makespan serve` runs as a process of its own, bound to one core; the clients that send to it are bound to another.
Every request is answered only when its data is on the disk. The floors are measured on the server's core before each
round, on the same requests: protobuf's parse; parse and reading each span's fixed fields; parse and all attributes
into dictionaries. Each request sent is of another run, so that no span comes twice. Figures are medians of
interleaved rounds; trust the ratios, not the absolutes. The script always ends with 0, for a shared machine is no
judge.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from makespan_collector.otlp.attributes import decode_attributes
from makespan_collector.receiving.signals import METRICS, TRACES
from makespan_model import vocabulary as names
from makespan_model.identity import RunIdentity

SDK_BATCH, COLLECTOR_BATCH = 512, 8192
"""Spans a request: the default of the SDKs' batch processor, and of the Collector's."""
POST_BYTES = 50_000
DIFFERENT = 16
"""Requests of a kind that are sent in turn, each time under another trace id."""
EPOCH_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
STEPS_A_RUN, SAMPLES_A_STEP, RUNS = 20, 60, 500
SENDINGS = itertools.count()
TARGET_RATIO, TARGET_REQUESTS_PER_S, TARGET_DECODED_PER_S = 0.4, 3_000, 300_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `target` is empty where there is none."""

    name: str
    value: float
    unit: str
    target: str = ""


def spans_request(count: int, number: int) -> bytes:
    """Steps of one run with six attributes each, as PERFORMANCE asks."""
    request = ExportTraceServiceRequest()
    identity = RunIdentity("github", "octo/app", str(number))
    resource_spans = request.resource_spans.add()
    add_texts(resource_spans.resource, run_attributes(identity))
    spans = resource_spans.scope_spans.add().spans
    for index in range(count):
        span = spans.add(
            trace_id=bytes.fromhex(identity.trace_id),
            span_id=(number * COLLECTOR_BATCH + index + 1).to_bytes(8, "big"),
            parent_span_id=b"\2" * 8,
            name=f"step {index}",
            start_time_unix_nano=EPOCH_NS + index,
            end_time_unix_nano=EPOCH_NS + index + 5 * SECOND_NS,
        )
        add_texts(span, {names.SPAN_TYPE: "step", names.STEP_PATH: f"#{index % 40}", names.TASK_RUN_RESULT: "success"})
        span.attributes.add(key=names.CPU_USER_S).value.double_value = 1.5
        span.attributes.add(key=names.MEMORY_PEAK_BYTES).value.int_value = 10**8 + index
        span.attributes.add(key=names.STEP_INDEX).value.int_value = index
    data: bytes = request.SerializeToString()
    return data


def run_attributes(identity: RunIdentity) -> dict[str, str]:
    return {
        names.PROVIDER: identity.provider,
        names.REPOSITORY: identity.repository,
        names.PIPELINE_NAME: "ci",
        names.PIPELINE_RUN_ID: identity.run_id,
        names.JOB_NAME: "test (3.12)",
        names.JOB_ID: "test",
    }


def add_texts(target: object, attributes: dict[str, str]) -> None:
    for key, value in attributes.items():
        target.attributes.add(key=key).value.string_value = value  # type: ignore[attr-defined]


def samples_request(steps: int, instants: int, number: int) -> bytes:
    """Readings of steps as the agent sends them: a point in each of its metrics an instant."""
    request = ExportMetricsServiceRequest()
    resource_metrics = request.resource_metrics.add()
    identity = RunIdentity("github", "octo/app", str(number))
    add_texts(resource_metrics.resource, run_attributes(identity))
    metrics = resource_metrics.scope_metrics.add().metrics
    for place, metric in enumerate(names.SAMPLE_METRICS.values()):
        points = metrics.add(name=metric).gauge.data_points
        for step in range(steps):
            shared = {names.TRACE_ID: identity.trace_id, names.SPAN_ID: f"{number * 1000 + step + 1:016x}"}
            for instant in range(instants):
                point = points.add(time_unix_nano=EPOCH_NS + instant * SECOND_NS, as_double=float(place + instant % 7))
                add_texts(point, shared)
    data: bytes = request.SerializeToString()
    return data


def large_span(size: int, number: int) -> bytes:
    """One span of about `size` bytes: what a request costs besides its spans."""
    request = ExportTraceServiceRequest.FromString(spans_request(1, number))
    add_texts(request.resource_spans[0].scope_spans[0].spans[0], {"output": "x" * size})
    data: bytes = request.SerializeToString()
    return data


def parse_fields(data: bytes) -> None:
    for resource_spans in ExportTraceServiceRequest.FromString(data).resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                _ = (span.trace_id, span.span_id, span.parent_span_id, span.name)
                _ = (span.start_time_unix_nano, span.end_time_unix_nano)


def parse_attributes(data: bytes) -> None:
    for resource_spans in ExportTraceServiceRequest.FromString(data).resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                decode_attributes(span.attributes)


def a_second(work: Callable[[bytes], object], requests: Sequence[bytes], items: int, seconds: float) -> float:
    """Items a second of calling `work` on the requests in turn."""
    start = time.perf_counter()
    for done, data in enumerate(cycle(requests), start=1):
        work(data)
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return done * items / elapsed
    raise AssertionError("there are requests")


class Server:
    """`makespan serve` in a process of its own, bound to one core."""

    def __init__(self, store: Path, core: int | None) -> None:
        command = [sys.executable, "-m", "makespan_cli.main", "serve", "--port", "0", "--json", "--store", str(store)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if core is not None:
            os.sched_setaffinity(self._process.pid, {core})
        assert self._process.stdout is not None
        self.address = urlsplit(json.loads(self._process.stdout.readline())["url"]).netloc

    def stop(self) -> None:
        """Let it answer what is under way and compact."""
        self._process.terminate()
        self._process.wait()


def of_another_run(data: bytes, number: int, sending: int) -> bytes:
    """The request of this number under another trace id, which is bytes in spans and hexadecimal in samples."""
    trace_id = RunIdentity("github", "octo/app", str(number)).trace_id
    other = hashlib.sha256(b"%d" % sending).hexdigest()[:32]
    renamed = data.replace(bytes.fromhex(trace_id), bytes.fromhex(other))
    return renamed if renamed != data else data.replace(trace_id.encode(), other.encode())


def sent_a_second(address: str, path: str, requests: Sequence[bytes], clients: int, seconds: float) -> float:
    """Requests a second that were answered 200, by several clients that keep their connections."""
    until = time.perf_counter() + seconds
    counts = [0] * clients
    refused: list[str] = []

    def send(client: int) -> None:
        connection = HTTPConnection(address, timeout=60)
        headers = {"Content-Type": "application/x-protobuf"}
        for number in range(client, sys.maxsize):
            if time.perf_counter() >= until:
                break
            place = number % len(requests)
            connection.request("POST", path, of_another_run(requests[place], place + 1, next(SENDINGS)), headers)
            response = connection.getresponse()
            body = response.read()
            if response.status != 200 or body:
                refused.append(f"{path}: {response.status} {body[:200]!r}")
                break
            counts[client] += 1
        connection.close()

    start = time.perf_counter()
    threads = [threading.Thread(target=send, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if refused:
        raise SystemExit(refused[0])
    return sum(counts) / (time.perf_counter() - start)


def disk_bytes_a_step(core: int | None) -> dict[str, float]:
    """What a step of history takes on the disk once compacted, without and with its samples."""
    found: dict[str, float] = {}
    steps = RUNS * STEPS_A_RUN
    with tempfile.TemporaryDirectory() as directory:
        store = Path(directory, "store")
        for name in ("step", "step_with_samples"):
            server = Server(store, core)
            for number in range(RUNS):
                if name == "step":
                    sent_once(server.address, TRACES.path, spans_request(STEPS_A_RUN, number))
                else:
                    sent_once(server.address, METRICS.path, samples_request(STEPS_A_RUN, SAMPLES_A_STEP, number))
            server.stop()
            found[name] = sum(file.stat().st_size for file in store.rglob("*") if file.is_file()) / steps
    return found


def sent_once(address: str, path: str, data: bytes) -> None:
    connection = HTTPConnection(address, timeout=60)
    connection.request("POST", path, data, {"Content-Type": "application/x-protobuf"})
    response = connection.getresponse()
    body = response.read()
    if response.status != 200 or body:
        raise SystemExit(f"{path}: {response.status} {body[:200]!r}")
    connection.close()


def one_round(seconds: float, clients: int, server_core: int | None, client_core: int | None) -> dict[str, float]:
    """Every figure once."""
    found: dict[str, float] = {}
    posts = round(POST_BYTES / len(spans_request(SDK_BATCH, 0)) * SDK_BATCH)
    traces = {
        count: [spans_request(count, number) for number in range(1, DIFFERENT + 1)]
        for count in (SDK_BATCH, COLLECTOR_BATCH, posts)
    }
    samples = [samples_request(10, 60, number) for number in range(1, DIFFERENT + 1)]
    large = [large_span(POST_BYTES, number) for number in range(1, DIFFERENT + 1)]
    on_core(server_core)
    for count in (SDK_BATCH, COLLECTOR_BATCH):
        batch = traces[count]
        found[f"floor_parse_{count}"] = a_second(ExportTraceServiceRequest.FromString, batch, count, seconds)
        found[f"floor_fields_{count}"] = a_second(parse_fields, batch, count, seconds)
        found[f"floor_attributes_{count}"] = a_second(parse_attributes, batch, count, seconds)
        found[f"decoded_{count}"] = a_second(TRACES.decode, batch, count, seconds)
    found["floor_parse_samples"] = a_second(ExportMetricsServiceRequest.FromString, samples, 600, seconds)
    found["decoded_samples"] = a_second(METRICS.decode, samples, 600, seconds)
    on_core(client_core)
    with tempfile.TemporaryDirectory() as directory:
        server = Server(Path(directory, "store"), server_core)
        for count in (SDK_BATCH, COLLECTOR_BATCH):
            requests_per_s = sent_a_second(server.address, TRACES.path, traces[count], clients, seconds)
            found[f"http_spans_{count}"] = requests_per_s * count
        found["http_samples"] = 600 * sent_a_second(server.address, METRICS.path, samples, clients, seconds)
        found["http_requests_spans"] = sent_a_second(server.address, TRACES.path, traces[posts], clients, seconds)
        found["http_requests_one_span"] = sent_a_second(server.address, TRACES.path, large, clients, seconds)
        server.stop()
    found["spans_a_post"] = posts
    return found


def on_core(core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})


def figures(found: dict[str, float], disk: dict[str, float]) -> list[Figure]:
    """What is reported."""
    shown: list[Figure] = []
    for count in (SDK_BATCH, COLLECTOR_BATCH):
        floor = found[f"floor_fields_{count}"]
        of = f"{count} spans a request"
        shown += [
            Figure(f"floor: parse, {of}", found[f"floor_parse_{count}"], "spans/s"),
            Figure(f"floor: parse and fields, {of}", floor, "spans/s"),
            Figure(f"floor: parse, attributes into dicts, {of}", found[f"floor_attributes_{count}"], "spans/s"),
            Figure(f"decoded, {of}", found[f"decoded_{count}"], "spans/s", f">= {TARGET_DECODED_PER_S:,}"),
            Figure(f"over HTTP, {of}", found[f"http_spans_{count}"], "spans/s"),
            Figure(
                f"over HTTP to parse and fields, {of}", found[f"http_spans_{count}"] / floor, "", f">= {TARGET_RATIO}"
            ),
        ]
    samples_floor = found["floor_parse_samples"]
    posts = round(found["spans_a_post"])
    return [
        *shown,
        Figure("floor: parse, 600 samples a request", samples_floor, "samples/s"),
        Figure("decoded, 600 samples a request", found["decoded_samples"], "samples/s"),
        Figure("over HTTP, 600 samples a request", found["http_samples"], "samples/s"),
        Figure("over HTTP to parse, samples", found["http_samples"] / samples_floor, ""),
        Figure(f"50 kB of {posts} spans", found["http_requests_spans"], "requests/s"),
        Figure("50 kB of one span", found["http_requests_one_span"], "requests/s", f">= {TARGET_REQUESTS_PER_S:,}"),
        Figure("disk, a step run", disk["step"], "bytes"),
        Figure(f"disk, a step run with {SAMPLES_A_STEP} samples", disk["step_with_samples"], "bytes"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement (default: 3)")
    parser.add_argument("--clients", type=int, default=16, help="that send at once (default: 16)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    server_core, client_core = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    if server_core is None:
        print("one core only: server and clients share it", file=sys.stderr)
    rounds = [
        one_round(arguments.seconds, arguments.clients, server_core, client_core) for _ in range(arguments.rounds)
    ]
    shown = figures({key: median(one[key] for one in rounds) for key in rounds[0]}, disk_bytes_a_step(server_core))
    if arguments.json:
        print(json.dumps([asdict(figure) for figure in shown], indent=2))
        return
    for figure in shown:
        digits = 2 if figure.value < 10 else 0
        print(f"{figure.name:<64}{figure.value:>14,.{digits}f} {figure.unit:<10} {figure.target}")


if __name__ == "__main__":
    main()
