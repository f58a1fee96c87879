from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from makespan_collector.store.contract import PipelineSummary, Store
from makespan_collector.store.embedded import background_compaction, table_log
from makespan_collector.store.opening import FORMAT, open_store
from makespan_collector.store.rows import SampleRow, SpanKind, SpanRow
from makespan_collector.store.schema import SAMPLES, SPANS, unnumbered_batch
from makespan_model.errors import InputError, UnavailableError
from makespan_model.records import Result, Sample
from support.span_rows import EPOCH, SECOND, run_rows

TRACE, SPAN = "a1" * 16, "b2" * 8
ONE_JOB = {"test": [("pytest", 1, 5)]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> Iterator[Store]:
    with open_store(root) as opened:
        yield opened


def run_ids(store: Store, **filters: object) -> list[str]:
    return [run.identity.run_id for run in store.runs(**filters)]  # type: ignore[arg-type]


def join_compactions() -> None:
    for thread in threading.enumerate():
        if thread.name == "makespan-compaction":
            thread.join()


def test_a_run_comes_back_as_the_tree_that_was_written(store: Store) -> None:
    store.append(spans=run_rows("1", {"lint": [("ruff", 0, 2)], "test": [("install", 2, 3), ("pytest", 3, 9)]}))
    (run,) = store.runs()
    assert (run.pipeline, run.makespan_s, run.result) == ("ci", 9.0, Result.SUCCESS)
    assert [(job.name, [step.name for step in job.steps]) for job in run.jobs] == [
        ("lint", ["ruff"]),
        ("test", ["install", "pytest"]),
    ]
    assert run.jobs[1].steps[1].usage.cpu_s == 6.0


def test_columns_and_rows_are_one_history(store: Store) -> None:
    columns = unnumbered_batch(SPANS, run_rows("1", ONE_JOB))
    readings = [
        SampleRow(trace_id=TRACE, span_id=SPAN, time_ns=n, cpu_cores=1.0, memory_bytes=1, processes=1) for n in (1, 2)
    ]

    store.append(spans=columns, samples=unnumbered_batch(SAMPLES, readings[:1]))
    store.append(spans=run_rows("2", ONE_JOB, start_ns=EPOCH + SECOND), samples=readings[1:])
    store.append(spans=columns.slice(0, 0))

    assert run_ids(store) == ["1", "2"]
    assert [sample.time_ns for sample in store.samples(TRACE, SPAN)] == [1, 2]


def test_columns_of_another_table_are_refused_and_nothing_is_kept(store: Store) -> None:
    with pytest.raises(ValueError, match="a batch of spans has the columns"):
        store.append(spans=unnumbered_batch(SAMPLES, [SampleRow(trace_id=TRACE, span_id=SPAN, time_ns=1)]))

    assert store.runs() == []


def test_a_span_sent_twice_is_one_span_and_the_last_one_wins(store: Store) -> None:
    rows = run_rows("1", ONE_JOB)
    store.append(spans=rows)
    store.append(spans=[replace(row, result=Result.FAILURE) for row in rows])
    (run,) = store.runs()
    assert run.result is Result.FAILURE
    assert [step.result for step in run.jobs[0].steps] == [Result.FAILURE]


def test_the_last_one_also_wins_across_compactions_and_restarts(root: Path) -> None:
    rows = run_rows("1", ONE_JOB)
    for result in (Result.FAILURE, Result.TIMEOUT, Result.SUCCESS):
        with open_store(root) as store:
            store.append(spans=[replace(row, result=result) for row in rows])
            store.compact()
            assert [run.result for run in store.runs()] == [result]


def test_spans_of_one_request_with_the_same_id_merge_too(store: Store) -> None:
    rows = run_rows("1", ONE_JOB)
    store.append(spans=[*rows, *(replace(row, result=Result.ERROR) for row in rows)])
    assert [run.result for run in store.runs()] == [Result.ERROR]


@pytest.mark.parametrize("compacted", [False, True])
def test_filters_and_the_limit_choose_runs_oldest_first(store: Store, compacted: bool) -> None:
    for number in (3, 1, 2):
        store.append(spans=run_rows(str(number), ONE_JOB, start_ns=EPOCH + number * 100 * SECOND))
    store.append(spans=run_rows("4", ONE_JOB, pipeline="release"))
    store.append(spans=run_rows("5", ONE_JOB, repository="octo/other"))
    if compacted:
        store.compact()
    assert run_ids(store, pipeline="ci", repository="octo/app") == ["1", "2", "3"]
    assert run_ids(store, pipeline="ci", repository="octo/app", limit=2) == ["2", "3"]
    assert run_ids(store, run_ids=["5", "1", "nowhere"]) == ["5", "1"]
    assert run_ids(store, run_ids=[]) == []
    assert run_ids(store, limit=0) == []
    assert run_ids(store, pipeline="it's") == []


def test_pipelines_are_counted_by_repository_and_name(store: Store) -> None:
    store.append(spans=run_rows("1", ONE_JOB))
    store.append(spans=run_rows("2", ONE_JOB, start_ns=EPOCH + SECOND))
    store.append(spans=run_rows("3", ONE_JOB, pipeline="release"))
    assert store.pipelines() == [
        PipelineSummary("octo/app", "ci", 2, EPOCH, EPOCH + SECOND),
        PipelineSummary("octo/app", "release", 1, EPOCH, EPOCH),
    ]


def test_details_of_other_emitters_are_no_runs(store: Store) -> None:
    store.append(
        spans=[
            SpanRow(trace_id=TRACE, span_id=SPAN, kind=SpanKind.DETAIL, name="GET /", start_ns=1, end_ns=2, raw=b"x")
        ]
    )
    assert store.runs() == []
    assert store.pipelines() == []


@pytest.mark.parametrize("compacted", [False, True])
def test_parts_of_a_reading_complete_each_other(store: Store, compacted: bool) -> None:
    key = {"trace_id": TRACE, "span_id": SPAN}
    store.append(samples=[SampleRow(**key, time_ns=20, cpu_cores=1.0), SampleRow(**key, time_ns=10, cpu_cores=9.0)])  # type: ignore[arg-type]
    if compacted:
        store.compact()
    store.append(samples=[SampleRow(**key, time_ns=20, memory_bytes=5, processes=1)])  # type: ignore[arg-type]
    store.append(samples=[SampleRow(**key, time_ns=20, cpu_cores=2.0)])  # type: ignore[arg-type]
    if compacted:
        store.compact()
    assert store.samples(TRACE, SPAN) == [Sample(time_ns=20, cpu_cores=2.0, memory_bytes=5, processes=1)]
    assert store.samples(TRACE, "c3" * 8) == []


def test_a_reader_sees_what_a_writer_of_the_same_store_acknowledged(root: Path, store: Store) -> None:
    with open_store(root, read_only=True) as reader:
        assert reader.runs() == []
        store.append(spans=run_rows("1", ONE_JOB))
        assert run_ids(reader) == ["1"]
        store.compact()
        assert run_ids(reader) == ["1"]


def test_readers_see_every_acknowledged_run_while_a_writer_appends_and_compacts(root: Path, store: Store) -> None:
    acknowledged: list[str] = []
    done = threading.Event()

    def write() -> None:
        try:
            for number in range(60):
                store.append(spans=run_rows(f"{number:03}", ONE_JOB, start_ns=EPOCH + number * SECOND))
                acknowledged.append(f"{number:03}")
                if number % 5 == 4:
                    store.compact()
        finally:
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    reader = open_store(root, read_only=True)
    while not done.is_set():
        before = list(acknowledged)
        seen = run_ids(reader)
        assert seen == sorted(set(seen))
        assert set(before) <= set(seen)
    writer.join()
    assert len(run_ids(reader)) == 60


def test_a_second_writer_is_refused_and_told_who_the_first_is(root: Path, store: Store) -> None:
    with pytest.raises(UnavailableError, match=f"already being written by process {os.getpid()}"):
        open_store(root)


def test_a_writer_that_was_killed_leaves_its_rows_and_no_lock(root: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from support.span_rows import run_rows\n"
        "from makespan_collector.store.opening import open_store\n"
        "open_store(Path(sys.argv[1])).append(spans=run_rows('1', {'test': [('pytest', 0, 1)]}))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    tests = Path(__file__).parents[3]
    child = subprocess.run([sys.executable, "-c", code, str(root)], env={**os.environ, "PYTHONPATH": str(tests)})
    assert child.returncode == -9
    with open_store(root) as store:
        assert run_ids(store) == ["1"]


def test_a_torn_end_is_cut_off_when_the_store_is_opened_and_writing_goes_on(root: Path) -> None:
    with open_store(root) as store:
        store.append(spans=run_rows("1", ONE_JOB))
        store.append(spans=run_rows("2", ONE_JOB))
    (log,) = (root / "spans").glob("*.log")
    log.write_bytes(log.read_bytes()[:-7])
    assert run_ids(open_store(root, read_only=True)) == ["1"]
    with open_store(root) as store:
        store.append(spans=run_rows("3", ONE_JOB, start_ns=EPOCH + SECOND))
        assert run_ids(store) == ["1", "3"]


def test_a_failed_write_is_not_acknowledged_and_the_next_one_works(
    root: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append(spans=run_rows("1", ONE_JOB))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fdatasync", full)
    with pytest.raises(UnavailableError, match="No space left on device"):
        store.append(spans=run_rows("2", ONE_JOB))
    monkeypatch.undo()
    assert run_ids(store) == ["1"]
    store.append(spans=run_rows("3", ONE_JOB, start_ns=EPOCH + SECOND))
    assert run_ids(store) == ["1", "3"]


@pytest.mark.parametrize("limit_bytes", [1, 20_000])
def test_full_logs_are_compacted_beside_the_appends(
    root: Path, monkeypatch: pytest.MonkeyPatch, limit_bytes: int
) -> None:
    monkeypatch.setattr(table_log, "LOG_LIMIT_BYTES", limit_bytes)
    monkeypatch.setattr(background_compaction, "MOST_WAITING_BYTES", 1)
    numbers = [f"{number:03}" for number in range(100)]
    with open_store(root) as store, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda run_id: store.append(spans=run_rows(run_id, ONE_JOB)), numbers))
    assert list((root / "spans").glob("*.parquet"))
    assert len(list((root / "spans").glob("*.log"))) < 100
    assert sorted(run_ids(open_store(root, read_only=True))) == numbers


def test_the_log_that_is_being_written_is_not_compacted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_compaction, "MOST_WAITING_BYTES", 1)
    monkeypatch.setattr(background_compaction, "QUIET_S", 0.0)
    with open_store(root) as store:
        store.append(spans=run_rows("1", ONE_JOB))
    with open_store(root) as store:
        for run_id in ("2", "3"):
            store.append(spans=run_rows(run_id, ONE_JOB))
            join_compactions()
        assert [path.name for path in (root / "spans").iterdir() if path.suffix == ".parquet"]
        assert sorted(run_ids(store)) == ["1", "2", "3"]


def test_a_compaction_that_fails_beside_the_appends_loses_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(root: Path, table: object, *, below: int) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(table_log, "LOG_LIMIT_BYTES", 1)
    monkeypatch.setattr(background_compaction, "MOST_WAITING_BYTES", 1)
    monkeypatch.setattr(table_log, "compact_logs", full)
    with open_store(root) as store:
        for number in range(5):
            store.append(spans=run_rows(str(number), ONE_JOB))
        join_compactions()
    assert "nothing is lost" in caplog.text
    assert sorted(run_ids(open_store(root, read_only=True))) == [str(number) for number in range(5)]


def test_a_closed_store_refuses_to_write(root: Path) -> None:
    store = open_store(root)
    store.close()
    store.close()
    with pytest.raises(UnavailableError, match="closed"):
        store.append(spans=run_rows("1", ONE_JOB))


def test_a_reader_refuses_to_write(root: Path, store: Store) -> None:
    reader = open_store(root, read_only=True)
    with pytest.raises(UnavailableError, match="reading only"):
        reader.append(spans=run_rows("1", ONE_JOB))
    with pytest.raises(UnavailableError, match="reading only"):
        reader.compact()


def test_reading_where_there_is_nothing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"no history at .*nothing; run `makespan exec FILE`"):
        open_store(tmp_path / "nothing", read_only=True)


def test_a_directory_with_other_files_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not touch")
    with pytest.raises(InputError, match=r"not a store and not empty \(it holds 'thesis.txt'\)"):
        open_store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_format_is_refused(root: Path, read_only: bool) -> None:
    open_store(root).close()
    (root / "format").write_text(f"{FORMAT + 1}\n")
    with pytest.raises(InputError, match=f"says .{FORMAT + 1}.; this version of makespan reads formats up to {FORMAT}"):
        open_store(root, read_only=read_only)


def test_a_path_that_cannot_be_a_directory_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="cannot make a store at"):
        open_store(tmp_path / "file" / "store")
