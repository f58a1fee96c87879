from __future__ import annotations

import pytest

from makespan_model.errors import WorkflowError
from makespan_optimizer.dialects import DIALECTS, GITHUB, GITLAB, dialect_of
from makespan_optimizer.gitlab.pipeline import Pipeline
from makespan_optimizer.workflow.model import Workflow
from support.gitlab_project import repository


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (".github/workflows/ci.yml", "github"),
        ("/abs/.github/workflows/ci.yaml", "github"),
        (".gitlab-ci.yml", "gitlab"),
        ("/abs/project/.gitlab-ci.yml", "gitlab"),
        ("templates/Build.gitlab-ci.yml", "gitlab"),
        (".gitlab/jobs/test.yml", "gitlab"),
        (".gitlab-ci.txt", None),
        ("docker-compose.yml", None),
        ("README.md", None),
    ],
)
def test_a_dialect_is_known_by_the_path(path: str, name: str | None) -> None:
    found = dialect_of(path)
    assert (None if found is None else found.name) == name


def test_every_dialect_has_its_own_name() -> None:
    assert [dialect.name for dialect in DIALECTS] == ["github", "gitlab"]


def test_each_dialect_reads_its_model() -> None:
    workflow = GITHUB.read("on: push\njobs:\n  j:\n    runs-on: x\n    steps: [{run: y}]\n", file="ci.yml")
    pipeline = GITLAB.read(
        "include: a.yml\n", file=".gitlab-ci.yml", repository=repository({"a.yml": "j: {script: x}"})
    )
    assert isinstance(workflow, Workflow)
    assert isinstance(pipeline, Pipeline)
    assert [job.name for job in pipeline.jobs] == ["j"]


def test_a_part_of_a_configuration_may_name_what_lies_elsewhere() -> None:
    text = "j: {extends: .base, stage: lint, needs: [k]}\n"
    assert not GITLAB.read(text, file=".gitlab/jobs.yml").is_complete
    with pytest.raises(WorkflowError, match=r"extends '\.base', which does not exist"):
        GITLAB.read(text, file=".gitlab-ci.yml")
