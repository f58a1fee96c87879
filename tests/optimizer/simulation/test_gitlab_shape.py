from __future__ import annotations

import pytest

from makespan_optimizer.gitlab.reading import read_pipeline
from makespan_optimizer.simulation.draws import JobState
from makespan_optimizer.simulation.gitlab_shape import ChangedJobs, gitlab_shape
from makespan_optimizer.simulation.shape import ConcurrencyGroup, JobShape, PipelineShape, StartsWhen
from makespan_optimizer.simulation.unlimited_replay import play_unlimited
from support.simulated_draws import draws

SUCCESS, FAILURE, CANCELLED, SKIPPED = JobState

STAGED = """\
stages: [build, test, deploy]
compile: {stage: build, script: make}
unit: {stage: test, script: make test, parallel: 2}
lint: {stage: test, script: make lint, needs: []}
ship: {stage: deploy, script: make ship}
"""


def shape_of(text: str) -> PipelineShape:
    return gitlab_shape(read_pipeline(text, file=".gitlab-ci.yml"))


def job_of(body: str) -> JobShape:
    return shape_of(f"a: {{script: x, {body}}}\n").jobs[0]


def needed(shape: PipelineShape) -> dict[str, list[str]]:
    return {job.name: [shape.jobs[other].name for other in shape.before(n)] for n, job in enumerate(shape.jobs)}


def test_stages_wait_for_each_other_and_needs_do_not() -> None:
    assert needed(shape_of(STAGED)) == {
        "compile": [],
        "lint": [],
        "unit 1/2": ["compile"],
        "unit 2/2": ["compile"],
        "ship": ["compile", "unit 1/2", "unit 2/2", "lint"],
    }


def test_a_need_may_be_one_leg_of_a_matrix() -> None:
    shape = shape_of(
        """\
test: {stage: test, script: x, parallel: {matrix: [{OS: [linux, mac]}]}}
ship: {stage: deploy, script: x, needs: [{job: test, parallel: {matrix: [{OS: mac}]}}]}
"""
    )
    assert needed(shape)["ship"] == ["test: [mac]"]


def test_a_failure_ends_the_stages_after_it_and_an_absent_job_does_not() -> None:
    shape = shape_of(STAGED)
    order = [job.name for job in shape.jobs]
    fails = [[name == "lint" for name in order], [False] * 5]
    runs = [[True] * 5, [name != "lint" for name in order]]
    played = play_unlimited(shape, draws([[1.0] * 5] * 2, fails=fails, runs=runs))
    states = [dict(zip(order, row, strict=True)) for row in played.state.tolist()]
    assert states[0]["ship"] == SKIPPED
    assert (states[1]["lint"], states[1]["ship"]) == (SKIPPED, SUCCESS)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("when: on_failure", (StartsWhen.FAILURE, False)),
        ("when: always", (StartsWhen.ALWAYS, False)),
        ("when: manual", (StartsWhen.SUCCESS, True)),
        ("rules: [{if: $X}]", (StartsWhen.SUCCESS, True)),
        ("rules: [{when: always}]", (StartsWhen.ALWAYS, False)),
        ("only: [tags]", (StartsWhen.SUCCESS, True)),
    ],
)
def test_when_and_rules_decide_how_a_job_starts(body: str, expected: tuple[StartsWhen, bool]) -> None:
    job = job_of(body)
    assert (job.starts_when, job.conditional) == expected
    assert not job.never_runs


def test_a_job_that_no_rule_lets_in_never_runs() -> None:
    assert job_of("rules: [{when: never}]").never_runs


def test_limits_retries_labels_and_tolerance() -> None:
    job = job_of("timeout: 1h 30m, retry: 2, tags: [big, linux], allow_failure: true, resource_group: prod")
    assert (job.timeout_s, job.retries, job.labels, job.failure_tolerated) == (5400, 2, ("big", "linux"), True)
    assert job.group == ConcurrencyGroup("prod", keeps_one_pending=False)
    assert job_of("when: manual").failure_tolerated
    assert not job_of("allow_failure: {exit_codes: 3}").failure_tolerated


def test_what_is_left_out_is_said() -> None:
    shape = shape_of("a: {script: x, resource_group: $CI_COMMIT_REF_NAME, allow_failure: {exit_codes: [3]}}\n")
    assert any("resource group of job 'a' differs" in note for note in shape.notes)
    assert any("may fail with some exit codes only" in note for note in shape.notes)


def test_a_job_whose_commands_changed_is_not_what_was_measured() -> None:
    measured = read_pipeline(STAGED, file=".gitlab-ci.yml")
    changed = read_pipeline(STAGED.replace("make lint", "make lint fast"), file="other.gitlab-ci.yml")
    found = ChangedJobs(changed, measured)
    assert [job.name for job in changed.jobs if found.covers(job.name)] == ["lint"]
