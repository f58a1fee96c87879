from __future__ import annotations

from hypothesis import given

from makespan_analytics.precedence import predecessors, topological_order
from makespan_model.records import PipelineRun
from support.pipeline_runs import graph_runs, job, messy_runs, run


def names(real_run: PipelineRun) -> dict[str, list[str]]:
    return {name: [item.name for item in before] for name, before in predecessors(real_run).items()}


def test_needs_mean_every_leg_of_the_needed_job() -> None:
    real_run = run(
        job("t (1)", 0, 1, job_id="t", needs=()), job("t (2)", 0, 2, job_id="t", needs=()), job("p", 2, 3, needs=("t",))
    )
    assert names(real_run)["p"] == ["t (1)", "t (2)"]


def test_a_need_that_was_not_recorded_is_no_predecessor() -> None:
    assert names(run(job("a", 0, 1, needs=("gone",)))) == {"a": []}


def test_without_needs_only_the_last_job_to_end_before_counts() -> None:
    assert names(run(job("a", 0, 1), job("b", 0, 2), job("c", 2, 3), job("d", 1, 4))) == {
        "a": [],
        "b": [],
        "c": ["b"],
        "d": ["a"],
    }


@given(messy_runs())
def test_a_job_without_recorded_needs_never_waits_for_a_later_one(any_run: PipelineRun) -> None:
    before = predecessors(any_run)
    for item in any_run.jobs:
        if item.needs is None and item.name in before:
            assert all(other.end_ns <= item.start_ns for other in before[item.name])


@given(graph_runs())
def test_every_job_comes_after_its_predecessors(real_run: PipelineRun) -> None:
    before = predecessors(real_run)
    order = topological_order(before)
    assert sorted(order) == sorted(before)
    position = {name: index for index, name in enumerate(order)}
    assert all(position[other.name] < position[name] for name in before for other in before[name])


def test_a_chain_longer_than_the_recursion_limit_is_ordered() -> None:
    jobs = [job(f"j{n}", n, n + 1, needs=(f"j{n - 1}",) if n else ()) for n in range(3000)]
    assert topological_order(predecessors(run(*jobs)))[-1] == "j2999"
