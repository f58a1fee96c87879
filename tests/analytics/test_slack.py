from __future__ import annotations

import pytest
from hypothesis import given

from makespan_analytics.precedence import predecessors
from makespan_analytics.slack import total_slack_s
from makespan_model.errors import InputError
from makespan_model.records import PipelineRun, Result
from support.pipeline_runs import graph_runs, job, run


def test_a_branch_may_take_as_much_longer_as_the_longest_branch_is_longer() -> None:
    slack_s = total_slack_s(
        run(
            job("a", 0, 2, needs=()),
            job("long", 2, 8, needs=("a",)),
            job("short", 2, 3, needs=("a",)),
            job("end", 8, 9, needs=("long", "short")),
        )
    )
    assert slack_s == {"a": 0.0, "long": 0.0, "short": 5.0, "end": 0.0}


def test_waiting_for_a_runner_is_not_slack() -> None:
    assert total_slack_s(run(job("a", 5, 6, needs=()), job("b", 9, 10, needs=("a",)))) == {"a": 0.0, "b": 0.0}


def test_skipped_jobs_have_no_slack_and_pass_their_needs_on() -> None:
    slack_s = total_slack_s(
        run(
            job("a", 0, 3, needs=()),
            job("skipped", 3, 3, needs=("a",), result=Result.SKIP),
            job("b", 3, 4, needs=("skipped",)),
            job("alone", 0, 1, needs=()),
        )
    )
    assert slack_s == {"a": 0.0, "b": 0.0, "alone": 3.0}


def test_without_a_graph_jobs_one_after_the_other_have_no_slack() -> None:
    assert total_slack_s(run(job("a", 0, 2), job("b", 2, 5))) == {"a": 0.0, "b": 0.0}


def test_needs_in_a_circle_are_an_error_that_names_a_job() -> None:
    with pytest.raises(InputError, match=r"circle through job 'a'|circle through job 'b'"):
        total_slack_s(run(job("a", 0, 1, needs=("b",)), job("b", 1, 2, needs=("a",))))


def test_a_run_without_jobs_has_no_slack_to_tell() -> None:
    assert total_slack_s(run(end_s=1)) == {}


@given(graph_runs())
def test_slack_is_the_longest_delay_that_leaves_the_end_where_it_is(real_run: PipelineRun) -> None:
    end_ns = longest_path_ns(real_run)
    for name, slack_s in total_slack_s(real_run).items():
        slack_ns = round(slack_s * 1e9)
        assert longest_path_ns(real_run, {name: slack_ns}) == end_ns
        assert longest_path_ns(real_run, {name: slack_ns + 1}) == end_ns + 1


def longest_path_ns(real_run: PipelineRun, delay_ns: dict[str, int] | None = None) -> int:
    """The longest chain of jobs, by plain recursion."""
    before = predecessors(real_run)
    jobs = {item.name: item for item in real_run.jobs}

    def end_ns(name: str) -> int:
        start_ns = max((end_ns(item.name) for item in before[name]), default=0)
        return start_ns + jobs[name].end_ns - jobs[name].start_ns + (delay_ns or {}).get(name, 0)

    return max(map(end_ns, before), default=0)
