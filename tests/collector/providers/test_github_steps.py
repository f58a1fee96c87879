from __future__ import annotations

from pathlib import Path

import pytest

from makespan_agent.identity.job_identity import JobIdentity
from makespan_agent.identity.step_identity import identify_step
from makespan_collector.providers.github_rows import job_facts, job_key, job_rows
from makespan_collector.providers.github_steps import place_steps
from makespan_collector.providers.payload import payload_of
from makespan_model.identity import job_label
from support.github_history import REPOSITORY, steps, workflow_job

CASES = [
    # A plain job.
    (["Set up job", "Run actions/checkout@v4", "pytest", "Post Run actions/checkout@v4", "Complete job"], [1, 2]),
    # Containers and services, an action with a `pre` part, an image that has to be built.
    (
        [
            "Set up job",
            "Build owner/action@v1",
            "Initialize containers",
            "Pre Run owner/action@v1",
            "Run owner/action@v1",
            "make",
            "Post Run owner/action@v1",
            "Stop containers",
            "Complete job",
        ],
        [4, 5],
    ),
    # People's own names that only look like the runner's.
    (["Set up job", "Post results", "Pre flight", "Complete job"], [1, 2]),
    (["Set up job", "Build image", "make", "Complete job"], [1, 2]),
    (["Set up job", "Build docs/site", "Complete job"], [1]),
    # A job that was cancelled before it had any steps, and one without the runner's own.
    ([], []),
    (["make"], [0]),
]


@pytest.mark.parametrize(("names", "of_file"), CASES)
def test_the_steps_of_the_file_are_counted_from_0_and_the_runners_own_are_not(
    names: list[str], of_file: list[int]
) -> None:
    placed = place_steps(names)
    assert [number for number, step in enumerate(placed) if step.index is not None] == of_file
    assert [placed[number].path for number in of_file] == [f"#{index}" for index in range(len(of_file))]
    assert len({step.path for step in placed}) == len(names), "paths are unique in the job"


def test_a_step_is_the_same_span_for_the_api_and_for_the_agent_that_knows_the_workflow(tmp_path: Path) -> None:
    names = ["Set up job", "Run actions/checkout@v4", "pytest", "Complete job"]
    job = payload_of(workflow_job(70, 7, steps=steps(names, 7)), "job")
    rows = job_rows(job, job_facts(job, REPOSITORY, "github-api"), heard_ns=0)
    agents_job = JobIdentity(
        provider="github",
        repository=REPOSITORY,
        run_id="7",
        pipeline="CI",
        job_id="test",
        matrix={"python": "3.12", "os": "linux"},
        step_key="__run",
    )
    step_file = tmp_path / "steps.json"
    step_file.write_text('{"test": {"__run": {"name": "pytest", "index": 1, "kind": "run"}}}')
    step = identify_step(
        agents_job,
        {"MAKESPAN_STEPS_FILE": str(step_file)},
        is_shell=True,
        given_name=None,
        executable="bash",
        start_ns=1,
        notices=[],
    )
    by_name = {row.name: row for row in rows}
    assert (by_name["pytest"].trace_id, by_name["pytest"].span_id) == (step.trace_id, step.span_id)
    assert by_name["pytest"].parent_span_id == step.parent_span_id == by_name["test (3.12, linux)"].span_id


@pytest.mark.parametrize(
    ("label", "key"),
    [
        (job_label("test", {"python": "3.12", "os": "linux"}), "test"),
        ("lint", "lint"),
        ("release / publish (pypi)", "publish"),
        ("Test (fast) and lint", "Test (fast) and lint"),
        ("(odd)", "(odd)"),
    ],
)
def test_a_jobs_key_is_read_off_its_label(label: str, key: str) -> None:
    assert job_key(label) == key
