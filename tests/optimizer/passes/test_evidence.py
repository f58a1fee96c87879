from __future__ import annotations

from dataclasses import replace

from makespan_analytics.profiles import JobProfile
from makespan_optimizer.passes.evidence import match_steps
from support.measured_workflows import history, workflow

TEXT = """\
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: one
      - name: Two
        run: two
      - run: one
"""


def profile() -> JobProfile:
    return history(workflow(TEXT), {}).jobs[0]


def names(job: JobProfile) -> list[str | None]:
    return [None if found is None else found.path for found in match_steps(workflow(TEXT).jobs[0], job)]


def test_steps_are_matched_by_position() -> None:
    assert names(profile()) == ["0", "1", "2"]


def test_without_positions_equal_names_are_matched_in_order() -> None:
    job = profile()
    steps = tuple(replace(step, index=None, name=step.name.removeprefix("Run ")) for step in job.steps)
    assert names(replace(job, steps=steps)) == ["0", "1", "2"]


def test_a_step_that_was_never_measured_stays_without_a_profile() -> None:
    job = profile()
    assert names(replace(job, steps=job.steps[:1])) == ["0", None, None]


def test_a_step_at_the_position_of_another_is_not_taken_for_it() -> None:
    job = profile()
    moved = (replace(job.steps[0], name="other"), *job.steps[1:])
    assert names(replace(job, steps=moved)) == [None, "1", "2"]
