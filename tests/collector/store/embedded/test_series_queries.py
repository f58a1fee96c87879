from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan_collector.store import series
from makespan_collector.store.contract import Store
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model.records import CacheOutcome, Result, RunState
from support.span_rows import EPOCH, SECOND, run_rows

JOBS = {"lint": [("ruff", 0, 2)], "test": [("install", 2, 3), ("pytest@1700000000000000000", 3, 9)]}


def assert_like_assembled(store: Store) -> None:
    """Every series says what the trees say."""
    runs = store.runs()
    for found, expected in (
        (store.run_series(), series.run_series_of(runs)),
        (store.job_series(), series.job_series_of(runs)),
        (store.step_series(), series.step_series_of(runs)),
    ):
        assert found.schema.equals(expected.schema)
        assert found.to_pylist() == expected.to_pylist()


def foreign(rows: Sequence[SpanRow], trace_id: str) -> list[SpanRow]:
    """The same run told by a sender that draws ids of its own and measures nothing."""
    return [
        replace(row, trace_id=trace_id, span_id=f"{number:016x}", cpu_user_s=None, source="otlp")
        for number, row in enumerate(rows)
    ]


@pytest.mark.parametrize("compacted", [False, True])
def test_series_are_the_columns_of_the_assembled_runs(store: Store, compacted: bool) -> None:
    for number in range(3):
        rows = run_rows(str(number), JOBS, start_ns=EPOCH + number * SECOND, needs={"test": ("lint",)})
        store.append(spans=[replace(row, ref="main", worker="w1", runner_labels=("ubuntu", "x64")) for row in rows])
    if compacted:
        store.compact()

    assert_like_assembled(store)
    steps = store.step_series().to_pylist()
    assert [step["step"] for step in steps[:3]] == ["ruff", "install", "pytest"]
    assert (steps[2]["step_path"], steps[2]["duration_s"], steps[2]["cpu_s"]) == ("pytest@1700000000000000000", 6, 6)


def test_nothing_kept_is_a_table_without_rows(store: Store) -> None:
    assert_like_assembled(store)
    assert store.step_series().schema.equals(series.STEP_SERIES)


def test_runs_and_jobs_that_nobody_summed_up_are_what_their_parts_say(store: Store) -> None:
    rows = [replace(row, result=Result.TIMEOUT) for row in run_rows("1", JOBS) if row.kind is SpanKind.STEP]
    store.append(spans=rows)
    store.append(spans=[row for row in run_rows("2", JOBS) if row.kind is SpanKind.JOB])

    assert_like_assembled(store)
    assert store.run_series()["result"].to_pylist() == ["timeout", "success"]


def test_a_run_without_an_end_is_executing_until_it_is_too_old(store: Store) -> None:
    recent = time.time_ns() - 60 * SECOND
    store.append(spans=[row for row in run_rows("1", JOBS, start_ns=recent) if row.kind is not SpanKind.RUN])
    store.append(spans=[row for row in run_rows("2", JOBS) if row.kind is not SpanKind.RUN])

    assert store.run_series()["state"].to_pylist() == [None, "executing"]


def test_two_senders_of_one_run_are_one_run_with_the_steps_of_the_better_measured(store: Store) -> None:
    rows = run_rows("1", JOBS)
    store.append(spans=foreign(rows, "f" * 32))
    store.append(spans=rows)

    assert_like_assembled(store)
    assert store.step_series()["cpu_s"].to_pylist() == [2.0, 1.0, 6.0]


def test_a_job_that_the_provider_names_differently_is_one_job(store: Store) -> None:
    rows = [replace(row, worker="w1", source="otlp") for row in run_rows("1", {"unit": JOBS["test"]})]
    told = [
        replace(row, source="github-api", worker="w1", job_name="Unit tests", job_id="Unit tests", span_id="c" * 16)
        for row in rows
        if row.kind is SpanKind.JOB
    ]
    store.append(spans=[row for row in rows if row.kind is SpanKind.STEP])
    store.append(spans=told)

    assert_like_assembled(store)
    assert set(store.step_series()["job_name"].to_pylist()) == {"unit"}
    assert store.job_series().num_rows == 1


def test_filters_are_those_of_runs(store: Store) -> None:
    for number in (1, 2, 3):
        store.append(spans=run_rows(str(number), JOBS, start_ns=EPOCH + number * SECOND))
    store.append(spans=run_rows("4", JOBS, pipeline="release"))
    store.append(spans=run_rows("5", JOBS, repository="octo/other"))

    for filters in (
        {"pipeline": "ci", "repository": "octo/app"},
        {"repository": "octo/other"},
        {"since_ns": EPOCH + 2 * SECOND},
        {"until_ns": EPOCH + 2 * SECOND, "pipeline": "ci"},
        {"since_ns": EPOCH + 2 * SECOND, "until_ns": EPOCH + 3 * SECOND},
        {"pipeline": "it's"},
    ):
        ids = [run.identity.run_id for run in store.runs(**filters)]
        assert store.run_series(**filters)["run_id"].to_pylist() == ids
        assert set(store.step_series(**filters)["run_id"].to_pylist()) == set(ids)
        assert set(store.job_series(**filters)["run_id"].to_pylist()) == set(ids)


def test_a_run_that_began_earlier_is_left_out_whole(store: Store) -> None:
    store.append(spans=run_rows("1", JOBS))

    assert store.step_series(since_ns=EPOCH + SECOND).num_rows == 0


_TOLD = st.sampled_from(["otlp", "github-api", "github-webhook", None])


@st.composite
def _tellings(draw: st.DrawFn) -> list[SpanRow]:
    rows: list[SpanRow] = []
    for run_id in ("1", "2"):
        for row in run_rows(run_id, JOBS):
            rows.extend(
                replace(
                    row,
                    source=draw(_TOLD),
                    state=draw(st.sampled_from([None, None, RunState.EXECUTING]))
                    if row.kind is not SpanKind.STEP
                    else None,
                    result=draw(st.sampled_from(Result)),
                    end_ns=row.end_ns + draw(st.integers(0, 2)) * SECOND,
                    queued_ns=draw(st.sampled_from([None, row.start_ns - SECOND, row.start_ns + SECOND])),
                    cpu_user_s=draw(st.sampled_from([None, 1.0])),
                    exit_code=draw(st.sampled_from([None, 0, 1])),
                    cache_outcome=draw(st.sampled_from([None, CacheOutcome.HIT])),
                    worker=draw(st.sampled_from([None, "w1"])),
                    event=draw(st.sampled_from([None, "push"])),
                )
                for _ in range(draw(st.integers(0, 2)))
            )
    return draw(st.permutations(rows))


@settings(max_examples=12, deadline=None)
@given(_tellings(), st.booleans())
def test_whatever_was_told_of_a_run_the_series_agree_with_its_tree(rows: list[SpanRow], compacted: bool) -> None:
    with TemporaryDirectory() as folder, open_store(Path(folder, "store")) as store:
        store.append(spans=rows[::2])
        store.append(spans=rows[1::2])
        if compacted:
            store.compact()
        assert_like_assembled(store)


def test_series_hold_what_their_schemas_say() -> None:
    for schema in (series.RUN_SERIES, series.JOB_SERIES, series.STEP_SERIES):
        assert len(set(schema.names)) == len(schema.names)
        assert pa.types.is_float64(schema.field("duration_s").type)


def test_steps_of_a_worker_whose_clock_is_off_lie_in_the_job_the_provider_saw(store: Store) -> None:
    rows = run_rows("1", JOBS)
    ahead = [
        replace(row, start_ns=row.start_ns + 60 * SECOND, end_ns=row.end_ns + 60 * SECOND)
        for row in rows
        if row.kind is SpanKind.STEP
    ]
    store.append(spans=[*ahead, *(replace(row, source="github-api") for row in rows if row.kind is SpanKind.JOB)])

    assert_like_assembled(store)
    assert min(store.step_series()["start_ns"].to_pylist()) == EPOCH
