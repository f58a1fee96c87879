from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pytest

from makespan_analytics.branches import default_branch, default_branch_of, of_runs, runs_of_branch
from makespan_collector.store.series import job_series_of, run_series_of
from makespan_model.records import PipelineRun
from support.pipeline_runs import job, run


def _runs(*told: tuple[str | None, str | None]) -> list[PipelineRun]:
    return [
        replace(run(job("a", 0, 5), run_id=str(number)), ref=ref, event=event)
        for number, (ref, event) in enumerate(told)
    ]


def _table(told: Sequence[tuple[str | None, str | None]]) -> pa.Table:
    return run_series_of(_runs(*told))


@pytest.mark.parametrize(
    ("told", "name", "reason"),
    [
        ([("main", "push"), ("release", "schedule"), ("main", "push")], "release", "1 scheduled run"),
        ([("feature", "push"), ("feature", "push"), ("master", "push")], "master", "its name"),
        ([("9.x", "push"), ("9.x", None), ("8.x", "push")], "9.x", "most runs, 2"),
    ],
)
def test_the_default_branch_is_told_by_schedules_then_names_then_numbers(
    told: list[tuple[str | None, str | None]], name: str, reason: str
) -> None:
    found = default_branch(_table(told))
    assert found == default_branch_of(_runs(*told))
    assert found is not None
    assert (found.name, found.reason) == (name, reason)


def test_a_forks_main_is_no_default_branch() -> None:
    assert default_branch(_table([("main", "pull_request"), (None, "push")])) is None


def test_runs_and_jobs_of_a_branch_are_those_of_its_ref_reviews_only_where_asked_for() -> None:
    runs = _runs(("main", "push"), ("main", "pull_request_target"), ("x", "push"), (None, None))
    table, jobs = run_series_of(runs), job_series_of(runs)
    pushed = runs_of_branch(table, "refs/heads/main", reviews=False)
    assert pushed["run_id"].to_pylist() == ["0"]
    assert of_runs(jobs, pushed)["run_id"].to_pylist() == ["0"]
    assert runs_of_branch(table, "main")["run_id"].to_pylist() == ["0", "1"]
