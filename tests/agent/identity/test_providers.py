"""Golden environments, from the providers' documented variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from makespan_agent.identity.registry import PROVIDERS, identify
from makespan_model.identity import RunIdentity

_GITHUB = {
    "GITHUB_ACTIONS": "true",
    "CI": "true",
    "GITHUB_ACTION": "__run_2",
    "GITHUB_HEAD_REF": "",
    "GITHUB_JOB": "test",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REF_NAME": "main",
    "GITHUB_REPOSITORY": "octocat/Hello-World",
    "GITHUB_RUN_ATTEMPT": "3",
    "GITHUB_RUN_ID": "1658821493",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_SHA": "ffac537e6cbbf934b08745a378932722df287a53",
    "GITHUB_WORKFLOW": "My test workflow",
    "RUNNER_NAME": "Hosted Agent",
}

_GITLAB = {
    "GITLAB_CI": "true",
    "CI": "true",
    "CI_PROJECT_PATH": "group/project",
    "CI_PROJECT_URL": "https://gitlab.com/group/project",
    "CI_PIPELINE_ID": "4711",
    "CI_PIPELINE_NAME": "nightly",
    "CI_PIPELINE_URL": "https://gitlab.com/group/project/-/pipelines/4711",
    "CI_JOB_NAME": "unit",
    "CI_JOB_URL": "https://gitlab.com/group/project/-/jobs/9",
    "CI_COMMIT_REF_NAME": "main",
    "CI_COMMIT_SHA": "1ecfd275763eff1d6b4844ea3168962458c9f27a",
    "CI_RUNNER_DESCRIPTION": "my runner",
}


def test_a_github_run_is_read_from_its_documented_variables() -> None:
    notices: list[str] = []
    job = identify(_GITHUB, notices)

    assert job.trace_id == RunIdentity("github", "octocat/Hello-World", "1658821493", 3).trace_id
    assert job.facts() == {
        "provider": "github",
        "repository": "octocat/Hello-World",
        "run_id": "1658821493",
        "attempt": 3,
        "pipeline": "My test workflow",
        "job_id": "test",
        "label": "test",
        "step_key": "__run_2",
        "ref": "main",
        "commit": "ffac537e6cbbf934b08745a378932722df287a53",
        "worker": "Hosted Agent",
        "run_url": "https://github.com/octocat/Hello-World/actions/runs/1658821493/attempts/3",
        "repository_url": "https://github.com/octocat/Hello-World",
    }
    assert notices == []


def test_a_pull_requests_branch_is_its_head_not_its_merge_ref() -> None:
    pull_request = _GITHUB | {"GITHUB_HEAD_REF": "feature", "GITHUB_REF_NAME": "12/merge"}

    assert identify(pull_request, []).ref == "feature"


def test_a_matrix_leg_is_labelled_as_github_shows_it() -> None:
    job = identify(_GITHUB | {"MAKESPAN_MATRIX": '{"python": "3.12", "os": "linux"}'}, [])

    assert (job.job_id, job.label) == ("test", "test (3.12, linux)")


def test_a_job_without_a_matrix_has_its_plain_label() -> None:
    assert identify(_GITHUB | {"MAKESPAN_MATRIX": "null"}, []).label == "test"


def test_a_gitlab_pipeline_is_read_from_its_documented_variables() -> None:
    assert identify(_GITLAB, []).facts() == {
        "provider": "gitlab",
        "repository": "group/project",
        "run_id": "4711",
        "attempt": 1,
        "pipeline": "nightly",
        "job_id": "unit",
        "label": "unit",
        "step_key": "",
        "ref": "main",
        "commit": "1ecfd275763eff1d6b4844ea3168962458c9f27a",
        "worker": "my runner",
        "run_url": "https://gitlab.com/group/project/-/pipelines/4711",
        "job_url": "https://gitlab.com/group/project/-/jobs/9",
        "repository_url": "https://gitlab.com/group/project",
    }


def test_a_gitlab_pipeline_without_a_name_is_called_after_its_project() -> None:
    assert identify(_GITLAB | {"CI_PIPELINE_NAME": ""}, []).pipeline == "group/project"


@pytest.mark.parametrize(
    ("name", "total", "job_id"),
    [
        ("test 2/5", "5", "test"),
        ("test: [3.12, linux]", "2", "test"),
        ("deploy 1/2", "", "deploy 1/2"),
        ("unit test", "3", "unit test"),
    ],
)
def test_parallel_gitlab_legs_share_their_jobs_key(name: str, total: str, job_id: str) -> None:
    job = identify(_GITLAB | {"CI_JOB_NAME": name, "CI_NODE_TOTAL": total}, [])

    assert (job.job_id, job.label) == (job_id, name)


def test_a_plain_run_belongs_to_the_git_work_tree_around_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project" / ".git").mkdir(parents=True)
    (tmp_path / "project" / "src" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project" / "src" / "deep")

    job = identify({}, [])

    assert (job.provider, job.repository, job.job_id) == ("plain", "project", "local")


def test_outside_git_a_run_belongs_to_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    assert identify({}, []).repository == "here"


def test_plain_runs_are_fresh_unless_one_is_inherited() -> None:
    assert identify({}, []).run_id != identify({}, []).run_id
    assert identify({"MAKESPAN_RUN_ID": "shared"}, []).run_id == "shared"


@pytest.mark.parametrize("environment", [{}, _GITHUB, _GITLAB])
def test_the_users_variables_override_every_provider(environment: dict[str, str]) -> None:
    chosen = {
        "MAKESPAN_RUN_ID": "run",
        "MAKESPAN_RUN_ATTEMPT": "4",
        "MAKESPAN_REPOSITORY": "o/r",
        "MAKESPAN_PIPELINE": "release",
        "MAKESPAN_JOB": "build",
        "MAKESPAN_MATRIX": '{"a": 1}',
    }

    job = identify(environment | chosen, [])

    found = (job.run_id, job.attempt, job.repository, job.pipeline, job.job_id, job.label)
    assert found == ("run", 4, "o/r", "release", "build", "build (1)")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MAKESPAN_MATRIX", "{"),
        ("MAKESPAN_MATRIX", "[1]"),
        ("MAKESPAN_RUN_ATTEMPT", "0"),
        ("MAKESPAN_RUN_ATTEMPT", "x"),
    ],
)
def test_a_variable_that_makes_no_sense_is_named_and_left_out(variable: str, value: str) -> None:
    notices: list[str] = []
    job = identify(_GITHUB | {variable: value}, notices)

    assert (job.attempt, job.label) == (3, "test")
    assert len(notices) == 1
    assert variable in notices[0]


def test_the_plain_provider_is_asked_last() -> None:
    assert [provider.is_here({}) for provider in PROVIDERS] == [False] * (len(PROVIDERS) - 1) + [True]
