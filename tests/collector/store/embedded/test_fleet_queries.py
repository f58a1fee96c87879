from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan_collector.store.contract import ReadsManyPipelines, Store
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SpanKind, SpanRow
from makespan_model.executable_usage import render_executables
from makespan_model.records import CacheOutcome, ExecutableUsage, MemoryPeakSource, Result, RunState
from support.span_rows import EPOCH, SECOND, run_rows

JOBS = {"lint": [("ruff", 0, 2)], "test": [("install", 2, 3), ("pytest@1700000000000000000", 3, 9)]}
CI, RELEASE, OTHER = ("octo/app", "ci"), ("octo/app", "release"), ("octo/other", "ci")


def assert_as_one_by_one(store: Store, *, limit: int | None = None) -> None:
    """The runs of all pipelines together are those of each."""
    assert isinstance(store, ReadsManyPipelines)
    keys = [(one.repository, one.pipeline) for one in store.pipelines()]
    expected = {key: store.runs(repository=key[0], pipeline=key[1], limit=limit) for key in keys}
    assert store.runs_of(keys, limit=limit) == expected


def three_pipelines(store: Store) -> None:
    for number in range(4):
        start_ns = EPOCH + number * SECOND
        for repository, pipeline in (CI, RELEASE, OTHER):
            rows = run_rows(
                f"{repository}-{pipeline}-{number}",
                JOBS,
                repository=repository,
                pipeline=pipeline,
                start_ns=start_ns,
                needs={"test": ("lint",)},
            )
            store.append(spans=[replace(row, ref="main", worker="w1", runner_labels=("ubuntu", "x64")) for row in rows])


@pytest.mark.parametrize("limit", [None, 1, 3])
@pytest.mark.parametrize("compacted", [False, True])
def test_runs_of_many_pipelines_are_those_of_each(store: Store, compacted: bool, limit: int | None) -> None:
    three_pipelines(store)
    if compacted:
        store.compact()

    assert_as_one_by_one(store, limit=limit)


def test_only_the_pipelines_asked_for_are_answered_and_an_unknown_one_has_no_runs(store: Store) -> None:
    three_pipelines(store)
    assert isinstance(store, ReadsManyPipelines)

    found = store.runs_of([OTHER, ("octo/app", "it's")])

    assert {key: len(runs) for key, runs in found.items()} == {("octo/app", "it's"): 0, OTHER: 4}
    assert store.runs_of([]) == {}


def test_everything_measured_of_a_step_is_in_its_record(store: Store) -> None:
    executables = render_executables([ExecutableUsage("cc", 1.5, 2048, 3)])
    rows = [
        replace(
            row,
            executables=executables,
            memory_peak_bytes=5,
            memory_peak_source=MemoryPeakSource.PSS,
            cpu_limit_cores=1.5,
            oom_kills=1,
            cache_outcome=CacheOutcome.PARTIAL,
            exit_code=None if number else 3,
        )
        for number, row in enumerate(run_rows("1", JOBS))
        if row.kind is SpanKind.STEP
    ]
    store.append(spans=[*rows, *(row for row in run_rows("1", JOBS) if row.kind is not SpanKind.STEP)])

    assert_as_one_by_one(store)
    assert isinstance(store, ReadsManyPipelines)
    step = store.runs_of([CI])[CI][0].jobs[0].steps[0]
    assert (step.exit_code, step.usage.memory_peak_source, step.usage.oom_kills) == (3, MemoryPeakSource.PSS, 1)
    assert step.usage.executables == (ExecutableUsage("cc", 1.5, 2048, 3),)


def test_a_mark_changes_with_every_row_however_old_and_with_nothing_else(store: Store) -> None:
    three_pipelines(store)
    assert isinstance(store, ReadsManyPipelines)
    before = store.pipeline_marks()

    store.compact()
    assert store.pipeline_marks() == before
    store.append(spans=run_rows("late", JOBS, start_ns=EPOCH + SECOND, pipeline="release"))
    after = store.pipeline_marks()

    assert list(before) == [CI, RELEASE, OTHER]
    assert [key for key in after if after[key] != before[key]] == [RELEASE]


_TOLD = st.sampled_from(["otlp", "otlp", "github-api", None])


@st.composite
def _tellings(draw: st.DrawFn) -> list[SpanRow]:
    """Rows of some runs, most of them told once and whole."""
    rows: list[SpanRow] = []
    for number in range(draw(st.integers(1, 4))):
        told = run_rows(str(number), JOBS, pipeline=draw(st.sampled_from(["ci", "release"])))
        is_plain = draw(st.booleans())
        source = draw(_TOLD)
        # Senders agree: which of several words counts is not said.
        ref = draw(st.sampled_from(["", "main"]))
        for row in told:
            times = 1 if is_plain else draw(st.integers(0, 2))
            shift_ns = draw(st.sampled_from([0, 0, 7])) * SECOND
            rows.extend(
                replace(
                    row,
                    source=source if is_plain else draw(_TOLD),
                    state=RunState.EXECUTING
                    if row.kind is not SpanKind.STEP and draw(st.integers(0, 4)) == 0
                    else None,
                    result=draw(st.sampled_from(Result)),
                    start_ns=row.start_ns + shift_ns,
                    end_ns=row.end_ns + shift_ns + draw(st.integers(0, 2)) * SECOND,
                    step_index=draw(st.sampled_from([None, row.step_index])),
                    cpu_user_s=draw(st.sampled_from([None, 1.0])),
                    cpu_limit_cores=draw(st.sampled_from([None, 2.0])),
                    memory_peak_bytes=draw(st.sampled_from([None, 4096])),
                    worker=draw(st.sampled_from([None, "w1"])),
                    ref=None if row.kind is SpanKind.STEP else draw(st.sampled_from([None, ref])),
                )
                for _ in range(times)
            )
    return draw(st.permutations(rows))


@settings(max_examples=15, deadline=None)
@given(_tellings(), st.booleans())
def test_whatever_was_told_runs_from_columns_are_those_put_together_row_by_row(
    rows: list[SpanRow], compacted: bool
) -> None:
    with TemporaryDirectory() as folder, open_store(Path(folder, "store")) as store:
        store.append(spans=rows[::2])
        store.append(spans=rows[1::2])
        if compacted:
            store.compact()
        assert_as_one_by_one(store)
