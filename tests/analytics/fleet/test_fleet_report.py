from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan_analytics.fleet import saved_results
from makespan_analytics.fleet.chunk_analysis import FleetOptions
from makespan_analytics.fleet.fleet_report import FleetReport, Progress, analyze_fleet
from makespan_analytics.fleet.process_pool import LocalProcesses
from makespan_analytics.pipeline_report import analyze_one
from makespan_collector.store.contract import Store
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SpanKind
from makespan_model.records import RunState
from support.fleet_work import InLine, append_runs
from support.span_rows import EPOCH, run_rows

OPTIONS = FleetOptions(recent_runs=30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of three pipelines."""
    with open_store(tmp_path / "store") as store:
        append_runs(store, "ci", range(24))
        append_runs(store, "release", range(3))
        append_runs(store, "ci", range(12), repository="octo/other")
    return tmp_path / "store"


def analysed(folder: Path, options: FleetOptions = OPTIONS, repository: str | None = None) -> FleetReport:
    return analyze_fleet(
        partial(open_store, folder, read_only=True),
        InLine(),
        options,
        saved_at=folder / "results",
        repository=repository,
    )


def assert_as_one_by_one(folder: Path, report: FleetReport, options: FleetOptions = OPTIONS) -> None:
    with open_store(folder, read_only=True) as store:
        keys = [(one.repository, one.pipeline) for one in store.pipelines()]
        assert [outcome.key for outcome in report.outcomes] == keys
        for repository, pipeline in keys:
            runs = store.runs(repository=repository, pipeline=pipeline, limit=options.runs)
            assert report.report((repository, pipeline)) == analyze_one(runs, recent_runs=options.recent_runs)


def test_processes_find_what_one_pipeline_at_a_time_finds(folder: Path) -> None:
    told: list[Progress] = []
    report = analyze_fleet(
        partial(open_store, folder, read_only=True), LocalProcesses(2), OPTIONS, progress=told.append
    )

    assert_as_one_by_one(folder, report)
    assert (report.analysed, report.lost, report.failed, report.warnings) == (3, (), (), ())
    assert told[0] == Progress(0, 3, 0)
    assert told[-1] == Progress(3, 3, 0)
    assert not (folder / saved_results.FILE_NAME).exists()


_HISTORIES = st.dictionaries(
    st.sampled_from(["ci", "release", "nightly"]),
    st.lists(st.integers(0, 40), min_size=1, max_size=15, unique=True),
    min_size=1,
)


@settings(max_examples=8, deadline=None)
@given(_HISTORIES, _HISTORIES, st.sampled_from([None, 5]))
def test_a_fleet_looked_at_again_is_as_if_looked_at_anew(
    first: dict[str, list[int]], then: dict[str, list[int]], limit: int | None
) -> None:
    options = FleetOptions(runs=limit, recent_runs=7)
    with TemporaryDirectory() as name:
        folder = Path(name, "store")
        for histories in (first, then):
            with open_store(folder) as store:
                for pipeline, numbers in histories.items():
                    append_runs(store, pipeline, numbers)
            report = analysed(folder, options)
            assert_as_one_by_one(folder, report, options)
        assert report.analysed == len(then)


def test_what_did_not_change_is_not_done_again(folder: Path) -> None:
    first = analysed(folder)
    with open_store(folder) as store:
        store.compact()
    again = analysed(folder)

    assert (first.analysed, again.analysed) == (3, 0)
    assert again.outcomes == first.outcomes


@pytest.mark.parametrize("number", [24, -5])
def test_only_a_pipeline_with_a_new_run_is_done_again_however_old_the_run(folder: Path, number: int) -> None:
    first = analysed(folder)
    with open_store(folder) as store:
        append_runs(store, "ci", [number])
    again = analysed(folder)

    assert again.analysed == 1
    assert_as_one_by_one(folder, again)
    assert [a == b for a, b in zip(again.outcomes, first.outcomes, strict=True)] == [False, True, True]


def test_a_run_that_still_goes_on_is_looked_at_again(folder: Path) -> None:
    with open_store(folder) as store:
        rows = run_rows("going", {"build": [("compile", 0, 3)]}, pipeline="release", start_ns=EPOCH)
        store.append(spans=[replace(row, state=RunState.EXECUTING) for row in rows if row.kind is not SpanKind.STEP])
    analysed(folder)

    assert analysed(folder).analysed == 1


def test_other_options_and_another_release_do_everything_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    analysed(folder)
    assert analysed(folder, FleetOptions(recent_runs=5)).analysed == 3
    assert analysed(folder, FleetOptions(recent_runs=5)).analysed == 0
    monkeypatch.setattr(saved_results, "code_digest", lambda: "another release")
    assert analysed(folder, FleetOptions(recent_runs=5)).analysed == 3


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _changed(content: bytes) -> bytes:
    return content.replace(b'"findings":', b'"findings": ', 1)


def _forged(content: bytes) -> bytes:
    head, _, body = content.partition(b"\n")
    body = body.replace(b'"last_row":', b'"last_row":"x","y":', 1)
    told = json.loads(head)
    told["sha256"] = hashlib.sha256(body).hexdigest()
    return json.dumps(told).encode() + b"\n" + body


@pytest.mark.parametrize("damage", [_cut, _changed, _forged, lambda _: b"\x80\x04.", lambda _: b"[" * 100_000])
def test_a_damaged_file_of_results_is_said_and_everything_is_done_anew(
    folder: Path, damage: Callable[[bytes], bytes]
) -> None:
    analysed(folder)
    path = folder / "results"
    path.write_bytes(damage(path.read_bytes()))

    report = analysed(folder)

    assert report.analysed == 3
    assert len(report.warnings) == 1
    assert str(path) in report.warnings[0]
    assert_as_one_by_one(folder, report)
    assert analysed(folder).warnings == ()


class _TellsNothingNew:
    """A store that has runs and pipelines alone, as one on a server has."""

    def __init__(self, folder: Path) -> None:
        self._store = open_store(folder, read_only=True)
        self.runs, self.pipelines = self._store.runs, self._store.pipelines

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()


def test_a_store_that_does_not_tell_what_is_new_is_analysed_whole_each_time(folder: Path) -> None:
    for _ in range(2):
        report = analyze_fleet(
            lambda: cast("Store", _TellsNothingNew(folder)), InLine(), OPTIONS, saved_at=folder / "results"
        )

        assert_as_one_by_one(folder, report)
        assert (report.analysed, report.unchanged) == (3, 0)
        assert report.warnings == ("this store does not tell what is new in it: every pipeline is analysed anew",)
    assert not (folder / "results").exists()


def test_one_repository_is_looked_at_and_the_results_of_the_others_stay(folder: Path) -> None:
    analysed(folder)
    with open_store(folder) as store:
        append_runs(store, "ci", [50], repository="octo/other")

    report = analysed(folder, repository="octo/other")

    assert [outcome.key for outcome in report.outcomes] == [("octo/other", "ci")]
    assert (report.analysed, analysed(folder).analysed) == (1, 0)


def test_a_pipeline_that_cannot_be_analysed_is_named_and_the_others_are_done(folder: Path) -> None:
    with open_store(folder) as store:
        rows = run_rows(
            "x", {"a": [("s", 0, 3)], "b": [("s", 3, 5)]}, pipeline="round", needs={"a": ("b",), "b": ("a",)}
        )
        store.append(spans=rows)

    report = analysed(folder)

    assert [key for key, _ in report.failed] == [("octo/app", "round")]
    assert "circle" in report.failed[0][1]
    assert len(report.rows) == 3


def test_rows_come_in_order_of_what_repairing_would_give(folder: Path) -> None:
    rows = analysed(folder).rows

    assert [row.worth_usd_per_month for row in rows] == sorted((row.worth_usd_per_month for row in rows), reverse=True)
    assert {(row.repository, row.pipeline): row.runs for row in rows} == {
        ("octo/app", "ci"): 24,
        ("octo/app", "release"): 3,
        ("octo/other", "ci"): 12,
    }


def test_results_that_cannot_be_saved_are_told_all_the_same(folder: Path) -> None:
    report = analyze_fleet(
        partial(open_store, folder, read_only=True), InLine(), OPTIONS, saved_at=folder / "nowhere" / "results"
    )

    assert_as_one_by_one(folder, report)
    assert len(report.warnings) == 1
    assert "cannot write" in report.warnings[0]
