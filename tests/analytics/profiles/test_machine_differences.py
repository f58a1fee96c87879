from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from makespan_analytics.profiles.machine_differences import FEWEST_JOBS, machine_differences
from makespan_model.records import PipelineRun, Result
from support.pipeline_runs import SECOND, job, run


def _runs(
    speeds: Mapping[str, float],
    count: int = 150,
    *,
    growth: float = 0.0,
    labels: tuple[str, ...] | None = ("linux",),
    seed: int = 1,
    newest_only: Sequence[str] = (),
) -> list[PipelineRun]:
    """Two jobs a run, of ten and a hundred seconds, on machines drawn at random; all grow with every run."""
    randomness, found = random.Random(seed), []
    for number in range(count):
        jobs = []
        for name, usual_s in (("lint", 10.0), ("test", 100.0)):
            machines = [one for one in speeds if one not in newest_only or number > count / 2]
            worker = randomness.choice(machines)
            seconds = usual_s * speeds[worker] * (1 + growth * number) * randomness.lognormvariate(0, 0.05)
            jobs.append(replace(job(name, 0, seconds, needs=[]), worker=worker, runner_labels=labels))
        shift_ns = number * 3_600 * SECOND
        moved = (replace(one, start_ns=one.start_ns + shift_ns, end_ns=one.end_ns + shift_ns) for one in jobs)
        found.append(replace(run(run_id=str(number)), jobs=tuple(moved)))
    return found


@pytest.mark.parametrize("growth", [0.0, 0.02])
def test_the_slow_machine_is_named_with_what_it_costs_however_jobs_grow(growth: float) -> None:
    runs = _runs({"a": 1.0, "b": 1.0, "slow": 1.3, "c": 1.0}, growth=growth)
    (found,) = machine_differences(runs)
    assert (found.worker, found.labels, found.machines) == ("slow", ("linux",), 4)
    assert found.low <= 1.3 <= found.high
    assert found.ratio == pytest.approx(1.3, rel=0.03)
    took_s = sum(one.duration_s for each in runs for one in each.jobs if one.worker == "slow")
    assert found.extra_s == pytest.approx(took_s * 0.3 / 1.3, rel=0.1)


def test_of_two_machines_the_slower_one_is_named() -> None:
    (found,) = machine_differences(_runs({"fast": 1.0, "slow": 1.2}))
    assert found.worker == "slow"


def test_several_that_differ_are_named_each() -> None:
    speeds = {"a": 1.0, "b": 1.0, "c": 1.0, "slow": 1.5, "fast": 0.7}
    found = machine_differences(_runs(speeds, 300))
    assert [one.worker for one in found] == ["slow", "fast"]
    assert found[1].extra_s < 0


def test_a_machine_that_came_when_jobs_had_grown_is_not_to_blame() -> None:
    runs = _runs({"a": 1.0, "b": 1.0, "new": 1.0}, growth=0.02, newest_only=["new"])
    assert machine_differences(runs) == ()


def test_equal_machines_seldom_differ() -> None:
    speeds = {f"m{number}": 1.0 for number in range(6)}
    assert sum(len(machine_differences(_runs(speeds, 100, seed=seed))) for seed in range(40)) <= 2


def test_machines_of_other_labels_are_no_comparison() -> None:
    runs = [*_runs({"a": 1.0}, labels=("small",)), *_runs({"b": 2.0}, labels=("large",))]
    assert machine_differences(runs) == ()


def test_failed_jobs_and_machines_with_few_jobs_say_nothing() -> None:
    runs = _runs({"a": 1.0, "slow": 2.0})
    assert len(machine_differences(runs)) == 1
    failed = [
        replace(
            each,
            jobs=tuple(replace(one, result=Result.FAILURE) if one.worker == "slow" else one for one in each.jobs),
        )
        for each in runs
    ]
    assert machine_differences(failed) == ()

    left, few = FEWEST_JOBS - 1, []
    for each in runs:
        kept = [one for one in each.jobs if one.worker != "slow"]
        if len(kept) < len(each.jobs) and left >= len(each.jobs) - len(kept):
            left -= len(each.jobs) - len(kept)
            kept = list(each.jobs)
        few.append(replace(each, jobs=tuple(kept)))
    assert left == 0
    assert machine_differences(few) == ()


def test_machines_that_live_for_one_job_are_not_compared() -> None:
    runs = [
        replace(each, jobs=tuple(replace(item, worker=f"vm-{number}-{item.name}") for item in each.jobs))
        for number, each in enumerate(_runs({"a": 1.0, "b": 2.0}))
    ]
    assert machine_differences(runs) == ()
    assert machine_differences([]) == ()
