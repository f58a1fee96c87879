from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from makespan_collector.store.contract import Store
from makespan_collector.store.copying import Copied, copy_store
from makespan_collector.store.influx.provisioning import provide
from makespan_collector.store.influx.server import Server
from makespan_collector.store.influx.server_store import InfluxStore
from makespan_collector.store.influx.target import Target
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SampleRow
from makespan_collector.store.schema import Samples, Spans
from makespan_model.errors import InputError, UnavailableError
from support.influxd import Influxd
from support.span_rows import EPOCH, SECOND, run_rows

DAY_NS = 86_400 * SECOND
TRACE, SPAN = "a1" * 16, "b2" * 8
pytestmark = pytest.mark.service


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    with open_store(root) as store:
        for day in range(4):
            rows = run_rows(str(day), {"test": [("install", 0, 2), ("pytest", 2, 9)]}, start_ns=EPOCH + day * DAY_NS)
            store.append(spans=rows)
            reading = SampleRow(
                trace_id=TRACE, span_id=SPAN, time_ns=EPOCH + day * DAY_NS, cpu_cores=1, memory_bytes=2, processes=3
            )
            store.append(samples=[reading])
        store.append(spans=rows)  # Sent twice: counted once.
    return root


def _same(one: Store, other: Store) -> None:
    assert one.runs() == other.runs()
    assert one.samples(TRACE, SPAN) == other.samples(TRACE, SPAN)


def test_a_history_goes_to_a_server_and_back_and_is_the_same(
    source: Path, influx_server: Server, tmp_path: Path
) -> None:
    days: list[tuple[int, int]] = []
    server = InfluxStore(influx_server)

    to_server = copy_store(
        source, server, influx_server, tmp_path / "c", lambda done, total: days.append((done, total)), window_rows=5
    )
    with open_store(tmp_path / "back") as back:
        to_folder = copy_store(influx_server, back, tmp_path / "back", tmp_path / "c")
        with open_store(source, read_only=True) as original:
            _same(original, server)
            _same(original, back)

    assert to_server == to_folder == Copied(spans=16, samples=4, days=4, days_before=0)
    assert days == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert not (tmp_path / "c").exists()


class FailingStore:
    """A store whose server goes away after some appends."""

    def __init__(self, store: Store, appends: int) -> None:
        self._store = store
        self._left = appends

    def append(self, *, spans: Spans = (), samples: Samples = ()) -> None:
        if not self._left:
            raise UnavailableError("gone")
        self._left -= 1
        self._store.append(spans=spans, samples=samples)


def test_a_copy_that_broke_off_goes_on_where_it_was(source: Path, influx_server: Server, tmp_path: Path) -> None:
    server, cursor = InfluxStore(influx_server), tmp_path / "c"

    with pytest.raises(UnavailableError, match="gone"):
        copy_store(source, FailingStore(server, 5), influx_server, cursor, window_rows=5)  # type: ignore[arg-type]
    assert json.loads(cursor.read_text())["day"] == EPOCH // DAY_NS + 1

    assert copy_store(source, server, influx_server, cursor) == Copied(spans=16, samples=4, days=2, days_before=2)
    with open_store(source, read_only=True) as original:
        _same(original, server)


COPIER = """
import sys
from pathlib import Path
from makespan_collector.store.copying import copy_store
from makespan_collector.store.influx.server import Server
from makespan_collector.store.influx.target import Target
from makespan_collector.store.influx.server_store import InfluxStore

source, url, database, cursor = sys.argv[1:]
server = Server(Target(url, database=database))
print(copy_store(Path(source), InfluxStore(server), server, Path(cursor), window_rows=3))
"""


def test_a_copy_that_is_killed_goes_on_and_ends_as_if_nothing_had_happened(
    influx_server: Server, tmp_path: Path
) -> None:
    source, cursor = tmp_path / "long", tmp_path / "c"
    with open_store(source) as store:
        for day in range(30):
            store.append(spans=run_rows(str(day), {"test": [("pytest", 0, 9)]}, start_ns=EPOCH + day * DAY_NS))
    target = influx_server.target
    command = [sys.executable, "-c", COPIER, str(source), target.url, target.database, str(cursor)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not cursor.exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    server = InfluxStore(influx_server)

    copied = copy_store(source, server, influx_server, cursor, window_rows=20)

    assert (copied.spans, copied.days + copied.days_before) == (90, 30)
    assert copied.days_before > 0
    with open_store(source, read_only=True) as original:
        assert original.runs() == server.runs()


def test_copying_again_doubles_nothing(source: Path, influx_server: Server, tmp_path: Path) -> None:
    server = InfluxStore(influx_server)
    for _ in range(2):
        copy_store(source, server, influx_server, tmp_path / "c")

    with open_store(source, read_only=True) as original:
        _same(original, server)


def test_a_target_that_lost_rows_is_noticed(source: Path, influx_server: Server, tmp_path: Path) -> None:
    class Forgetful(FailingStore):
        def append(self, *, spans: Spans = (), samples: Samples = ()) -> None:
            self._store.append(spans=spans)

    with pytest.raises(UnavailableError, match="holds 0 of 4 samples"):
        copy_store(source, Forgetful(InfluxStore(influx_server), 0), influx_server, tmp_path / "c")  # type: ignore[arg-type]


@pytest.mark.parametrize("content", ["", "{}", '{"copy": "a -> b", "day": 1}'])
def test_a_cursor_of_something_else_is_refused(
    source: Path, influx_server: Server, tmp_path: Path, content: str
) -> None:
    (tmp_path / "c").write_text(content)

    with pytest.raises(InputError, match=r"cursor|another copy"):
        copy_store(source, InfluxStore(influx_server), influx_server, tmp_path / "c")


def test_samples_older_than_the_server_keeps_them_stay_behind_and_are_counted(
    source: Path, influxd: Influxd, tmp_path: Path
) -> None:
    short = Server(Target(influxd.url, database="short_lived"))
    provide(short, samples_days=30)
    now_ns = time.time_ns()
    with open_store(source) as store:
        reading = SampleRow(trace_id=TRACE, span_id=SPAN, time_ns=now_ns, cpu_cores=1, memory_bytes=2, processes=3)
        store.append(samples=[reading])
    server = InfluxStore(short)

    copied = copy_store(source, server, short, tmp_path / "c")

    assert (copied.spans, copied.samples, copied.samples_too_old) == (16, 1, 4)
    assert [sample.time_ns for sample in server.samples(TRACE, SPAN)] == [now_ns]
    with open_store(source, read_only=True) as original:
        assert original.runs() == server.runs()


def test_an_empty_store_is_copied_at_once(influx_server: Server, tmp_path: Path) -> None:
    open_store(tmp_path / "empty").close()

    assert copy_store(tmp_path / "empty", InfluxStore(influx_server), influx_server, tmp_path / "c") == Copied(
        0, 0, 0, 0
    )
