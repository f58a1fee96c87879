from __future__ import annotations

import pytest

from makespan_model.errors import WorkflowError
from makespan_optimizer.gitlab.graph import build_graph
from makespan_optimizer.gitlab.pipeline import Pipeline
from makespan_optimizer.gitlab.reading import read_child
from support.gitlab_project import job, read, repository, script

CHILD = "include: deep.yml\nstages: [one, two]\na: {extends: .deep, stage: one}\nb: {stage: two, script: b}\n"


def child(trigger: str, files: dict[str, str]) -> Pipeline | None:
    text = f"make: {{stage: build, script: x, artifacts: {{paths: [c.yml]}}}}\nj: {{trigger: {trigger}}}\n"
    return read_child(job(read(text, files), "j"), repository=repository(files))


def test_the_configuration_of_a_child_pipeline_is_read_from_the_repository() -> None:
    found = child("{include: child.yml}", {"child.yml": CHILD, "deep.yml": ".deep: {script: deep}\n"})
    assert found is not None
    assert found.stages == (".pre", "one", "two", ".post")
    assert script(found, "a") == ["deep"]
    assert build_graph(found).ancestors("b") == {"a"}
    assert str(job(found, "a").key) == "child.yml:3:1"


def test_several_files_of_a_child_pipeline_are_merged_in_order() -> None:
    files = {"a.yml": "j: {script: a}\n", "b.yml": "j: {script: b}\nk: {script: k}\n"}
    found = child("{include: [{local: a.yml}, {local: b.yml}]}", files)
    assert found is not None
    assert [(each.name, script(found, each.name)) for each in found.jobs] == [("j", ["b"]), ("k", ["k"])]


@pytest.mark.parametrize(
    "trigger", ["group/project", "{include: [{artifact: c.yml, job: make}]}", "{include: [{template: X.yml}]}"]
)
def test_what_another_job_makes_or_lies_elsewhere_is_no_child_that_can_be_read(trigger: str) -> None:
    assert child(trigger, {}) is None


def test_a_child_that_is_missing_is_refused_at_the_trigger() -> None:
    with pytest.raises(WorkflowError, match=r"\.gitlab-ci\.yml:2:.* the included file 'no\.yml' does not exist"):
        child("{include: no.yml}", {})


def test_a_job_that_makes_the_child_pipeline_hands_it_over() -> None:
    pipeline = read(
        "make: {stage: build, script: x, artifacts: {paths: [c.yml]}}\n"
        "j: {trigger: {include: [{artifact: c.yml, job: make}]}}\n"
    )
    (edge,) = build_graph(pipeline).edges
    assert (edge.needed, edge.dependent, edge.kind) == ("make", "j", "data")
