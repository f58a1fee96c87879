"""What is particular to a store on a server: its series, its failures, its versions."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from makespan_collector.store.influx.points import quoted
from makespan_collector.store.influx.provisioning import provide, samples_kept_ns
from makespan_collector.store.influx.server import HISTORY, SAMPLES, Server
from makespan_collector.store.influx.server_store import InfluxStore
from makespan_collector.store.influx.target import Patience, Target
from makespan_collector.store.rows import SampleRow, SpanRow
from makespan_model.errors import InputError, UnavailableError
from support.influxd import Influxd, free_port, running_influxd, running_victoria_metrics
from support.span_rows import EPOCH, SECOND, run_rows

PASSWORD = "it's \\ a secret"
JOBS = {"lint": [("ruff", 0, 2)], "test": [("install", 2, 3), ("pytest", 3, 9)]}
pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with running_influxd(tmp_path_factory.mktemp("influxd")) as server:
        yield server


def _store(url: str, database: str = "makespan") -> InfluxStore:
    server = Server(Target(url, database=database))
    provide(server, samples_days=36_500)
    return InfluxStore(server)


def _cardinality(store: InfluxStore, policy: str = HISTORY) -> int:
    return len(list(store.server.ask(f'SHOW SERIES ON "{store.server.target.database}"', policy)))


def _runs(first: int, count: int) -> list[SpanRow]:
    rows: list[SpanRow] = []
    for number in range(first, first + count):
        commit, actor = f"{number:040x}", f"user {number}"
        rows += [
            replace(row, commit=commit, actor=actor, worker=f"runner {number}", job_run_id=str(number))
            for row in run_rows(str(number), JOBS, start_ns=EPOCH + number * SECOND)
        ]
    return rows


@pytest.mark.parametrize(
    ("few", "many"), [(20, 1_000), pytest.param(1_000, 100_000, marks=pytest.mark.slow)], ids=["small", "whole"]
)
def test_many_runs_leave_the_number_of_series_where_a_few_left_it(influxd: Influxd, few: int, many: int) -> None:
    store = _store(influxd.url, f"cardinality_{many}")
    store.append(spans=_runs(0, few))
    before = _cardinality(store)

    for first in range(few, many, 1_000):
        store.append(spans=_runs(first, min(1_000, many - first)))

    assert _cardinality(store) == before == 6  # A run, two jobs, three steps.


def test_samples_and_details_of_any_number_of_steps_are_at_most_256_series_each(influxd: Influxd) -> None:
    store = _store(influxd.url, "sample_series")
    store.append(
        samples=[
            SampleRow(trace_id=f"{number * 7919:032x}"[::-1], span_id=f"{number:016x}", time_ns=EPOCH, cpu_cores=1)
            for number in range(3_000)
        ]
    )

    assert 1 < _cardinality(store, SAMPLES) <= 256


def test_a_server_killed_under_load_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    stop = threading.Event()
    with running_influxd(tmp_path / "influxd") as influxd:
        store = _store(influxd.url)

        def write() -> None:
            number = 0
            while not stop.is_set():
                try:
                    store.append(spans=run_rows(f"{number:04}", JOBS, start_ns=EPOCH + number * SECOND))
                except UnavailableError:
                    continue  # Sent again, as a collector's clients do.
                acknowledged.append(f"{number:04}")
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(3):
            wanted = len(acknowledged) + 10
            deadline = time.monotonic() + 60
            while len(acknowledged) < wanted:
                assert time.monotonic() < deadline
                time.sleep(0.002)
            influxd.kill()
            influxd.start()
        stop.set()
        writer.join(60)
        found = {run.identity.run_id: sum(len(job.steps) for job in run.jobs) for run in store.runs()}

    assert set(acknowledged) <= found.keys()
    assert {found[run_id] for run_id in acknowledged} == {3}


def test_a_server_that_is_not_there_is_worth_another_try(tmp_path: Path) -> None:
    store = InfluxStore(Server(Target(f"http://127.0.0.1:{free_port()}")))

    with pytest.raises(UnavailableError, match="does not answer"):
        store.append(spans=run_rows("1", JOBS))
    with pytest.raises(UnavailableError, match="does not answer"):
        store.runs()


def test_a_database_that_is_not_there_names_the_command_that_makes_it(influxd: Influxd) -> None:
    store = InfluxStore(Server(Target(influxd.url, database="nowhere")))

    with pytest.raises(UnavailableError, match="makespan store init"):
        store.append(spans=run_rows("1", JOBS))


@contextmanager
def _answering(status: int, body: bytes, *, missing: int = 0) -> Iterator[str]:
    """A server that says it is InfluxDB 2.7 and answers everything else so."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.send_header("X-Influxdb-Version", "v2.7.1")
            self.end_headers()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body) + missing))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *message: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, UnavailableError), (429, UnavailableError), (401, UnavailableError), (400, InputError), (413, InputError)],
)
def test_what_may_work_later_is_told_from_what_never_will(status: int, kind: type[Exception]) -> None:
    with _answering(status, b'{"message": "no"}') as url:
        store = InfluxStore(Server(Target(url, secret="a secret token")))
        with pytest.raises(kind) as refused:
            store.append(spans=run_rows("1", JOBS))

    assert str(status) in str(refused.value)
    assert "a secret token" not in str(refused.value)


@pytest.mark.parametrize("body", [b"<html>", b'{"results": [{"series"', b'{"results": [{"error": "bad query"}]}'])
def test_an_answer_that_is_none_is_an_error_and_no_empty_history(body: bytes) -> None:
    with _answering(200, body) as url, pytest.raises((UnavailableError, InputError)):
        InfluxStore(Server(Target(url))).runs()


def test_a_server_that_breaks_off_is_an_error_and_no_shorter_history() -> None:
    whole = b'{"results":[{"series":[{"columns":["time","seq"],"values":[[1,1]]}],"partial":true}]}\n'
    with _answering(200, whole, missing=100) as url, pytest.raises(UnavailableError):
        InfluxStore(Server(Target(url), Patience(0.5, 0.5))).runs()


def test_a_server_that_takes_too_long_is_worth_another_try() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        store = InfluxStore(Server(Target(url), Patience(0.2, 0.2)))
        with pytest.raises(UnavailableError, match="does not answer"):
            store.append(spans=run_rows("1", JOBS))


def test_a_field_that_somebody_else_gave_another_type_is_no_fault_of_the_sender(influxd: Influxd) -> None:
    store = _store(influxd.url, "mixed")
    store.server.write([f"span cpu_user_s=1i {EPOCH}"], HISTORY)

    with pytest.raises(UnavailableError, match="database of its own"):
        store.append(spans=run_rows("1", JOBS))


def test_samples_older_than_they_are_kept_are_taken_and_gone_and_their_quantiles_are_kept(influxd: Influxd) -> None:
    server = Server(Target(influxd.url, database="short"))
    provide(server, samples_days=7)
    store = InfluxStore(server)
    rows = run_rows("1", {"test": [("pytest", 0, 9)]})
    (step,) = (row for row in rows if row.step_path)
    old = SampleRow(trace_id=step.trace_id, span_id=step.span_id, time_ns=EPOCH, cpu_cores=2, memory_bytes=1)
    new = replace(old, time_ns=time.time_ns(), processes=1)
    store.append(spans=rows, samples=[old, new])

    assert [sample.time_ns for sample in store.samples(step.trace_id, step.span_id)] == [new.time_ns]
    assert samples_kept_ns(server) == 7 * 86_400 * SECOND
    store.append(samples=[old])
    assert store.sample_quantiles()["samples"].to_pylist() == [1]


def test_a_server_that_asks_who_it_is_gets_user_and_password(tmp_path: Path) -> None:
    with running_influxd(tmp_path / "influxd", auth=True) as influxd:
        made = f"CREATE USER ann WITH PASSWORD {quoted(PASSWORD)} WITH ALL PRIVILEGES"
        Server(Target(influxd.url)).command(made)
        server = Server(Target(influxd.url, username="ann", secret=PASSWORD))
        provide(server, samples_days=30)
        InfluxStore(server).append(spans=run_rows("1", JOBS))
        assert len(InfluxStore(server).runs()) == 1

        for target in (Target(influxd.url), Target(influxd.url, username="ann", secret="guessed")):
            stranger = InfluxStore(Server(target))
            with pytest.raises(UnavailableError, match="401"):
                stranger.append(spans=run_rows("2", JOBS))
            with pytest.raises(UnavailableError, match="401") as refused:
                stranger.runs()
            assert "guessed" not in str(refused.value)


def test_values_no_server_can_hold_are_left_out(influxd: Influxd) -> None:
    store = _store(influxd.url, "numbers")
    rows = run_rows("1", {"test": [("pytest", 0, 9)]})
    store.append(spans=[replace(row, cpu_user_s=float("nan"), cpu_pressure_s=float("inf")) for row in rows])

    (step,) = store.runs()[0].jobs[0].steps

    assert (step.usage.cpu_user_s, step.usage.cpu_pressure_s) == (None, None)


@pytest.mark.parametrize(
    ("target", "message"),
    [({"url": "influx:8086"}, "http://HOST:PORT"), ({"url": "http://h", "database": 'a"; DROP'}, "letters, digits")],
)
def test_a_target_that_is_none_is_refused(target: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Target(**target)


def test_the_write_path_works_unmodified_against_victoria_metrics(tmp_path: Path) -> None:
    """It keeps numbers alone, so what is compared is those."""
    start_ns = time.time_ns() - 3600 * SECOND
    with running_victoria_metrics(tmp_path / "vm") as url:
        store = InfluxStore(Server(Target(url)))
        store.append(spans=run_rows("1", {"test": [("pytest", 1, 5)]}, start_ns=start_ns))
        deadline = time.monotonic() + 60
        lines: list[bytes] = []
        while not lines:
            assert time.monotonic() < deadline, "nothing came back"
            with urllib.request.urlopen(f"{url}/api/v1/export?match[]=span_cpu_user_s", timeout=30) as answer:
                lines = answer.read().splitlines()

    (point,) = map(json.loads, lines)
    assert point["values"] == [4]
    assert (point["metric"]["pipeline"], point["metric"]["step"]) == ("ci", "pytest")
