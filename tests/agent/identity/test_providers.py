"""Each provider against a golden environment made of its documented variables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from makespan_agent.identity import registry
from makespan_agent.identity.registry import PROVIDERS, identify, provider_module, provider_name
from makespan_model.identity import RunIdentity

_GOLDEN = Path(__file__).with_name("golden")
_NAMES = [name for name, _ in PROVIDERS]


def golden(provider: str) -> dict[str, str]:
    """The environment of `golden/<provider>.env`."""
    lines = (_GOLDEN / f"{provider}.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


@pytest.mark.parametrize("provider", _NAMES)
def test_a_provider_is_recognised_and_read_from_its_documented_variables(provider: str) -> None:
    notices: list[str] = []
    job = identify(golden(provider), notices)

    assert job.facts() == json.loads((_GOLDEN / f"{provider}.json").read_text())
    assert job.trace_id == RunIdentity(job.provider, job.repository, job.run_id, job.attempt).trace_id
    assert notices == []


@pytest.mark.parametrize("provider", _NAMES)
def test_a_provider_has_its_file_its_golden_pair_and_its_line_in_the_documentation(provider: str) -> None:
    documentation = Path(__file__).parents[3] / "docs" / "integrations.md"

    assert provider == provider_module(provider).PROVIDER
    assert (_GOLDEN / f"{provider}.env").is_file()
    assert f"| `{provider}` |" in documentation.read_text()


def test_every_file_of_a_provider_is_in_the_registry() -> None:
    folder = Path(registry.__file__).parent
    files = {path.stem for path in folder.glob("*.py") if "\nPROVIDER = " in path.read_text()}

    assert files == set(_NAMES)


@pytest.mark.parametrize("provider", [name for name in _NAMES if name != "plain"])
def test_a_provider_whose_variables_are_missing_still_gives_a_job(provider: str) -> None:
    job = identify({"MAKESPAN_PROVIDER": provider}, [])

    assert (job.provider, job.run_id, job.attempt) == (provider, "unknown", 1)
    assert job.label


@pytest.mark.parametrize("provider", _NAMES)
def test_a_provider_can_be_named_against_the_evidence(provider: str) -> None:
    assert provider_name(golden("github") | {"MAKESPAN_PROVIDER": provider}, []) == provider


def test_a_provider_nobody_knows_is_named_and_left_out() -> None:
    notices: list[str] = []

    assert provider_name(golden("drone") | {"MAKESPAN_PROVIDER": "teamcity"}, notices) == "drone"
    assert len(notices) == 1
    assert "MAKESPAN_PROVIDER must be one of github, gitlab" in notices[0]


def test_the_url_of_a_jenkins_server_alone_makes_no_jenkins_build() -> None:
    assert provider_name({"JENKINS_URL": "https://jenkins.example.com/"}, []) == "plain"


@pytest.mark.parametrize(
    ("provider", "changes", "label"),
    [
        # The first and another copy of a parallel job, a matrix leg, and a retried one, never share a label.
        ("gitlab", {"CI_JOB_NAME": "unit 1/5", "CI_NODE_INDEX": "1"}, "unit 1/5"),
        ("gitlab", {"CI_JOB_NAME": "unit: [3.12, linux]"}, "unit: [3.12, linux]"),
        ("circleci", {"CIRCLE_NODE_INDEX": "0"}, "test-3.12 1/4"),
        ("circleci", {"CIRCLE_NODE_TOTAL": "1", "CIRCLE_NODE_INDEX": "0"}, "test-3.12"),
        ("buildkite", {"BUILDKITE_PARALLEL_JOB": "4"}, ":hammer: Tests 5/5 (retry 1)"),
        ("buildkite", {"BUILDKITE_RETRY_COUNT": "0"}, ":hammer: Tests 1/5"),
        ("buildkite", {"MAKESPAN_MATRIX": '{"py": 3.12}', "BUILDKITE_RETRY_COUNT": "0"}, "tests (3.12) 1/5"),
        ("azure", {"SYSTEM_JOBATTEMPT": "1"}, "Test.unit (linux)"),
        ("azure", {"SYSTEM_JOBATTEMPT": "1", "SYSTEM_JOBNAME": "__default"}, "Test.unit 1/2"),
        ("azure", {"SYSTEM_JOBATTEMPT": "3", "SYSTEM_STAGENAME": "__default"}, "unit (linux) (retry 2)"),
        ("bitbucket", {"BITBUCKET_STEP_RUN_NUMBER": "1"}, "step c9f0e4a2 3/3"),
        ("bitbucket", {"MAKESPAN_JOB": "lint"}, "lint 3/3 (retry 1)"),
        ("tekton", {"MAKESPAN_JOB_RETRY": "0"}, "unit"),
    ],
)
def test_parallel_and_retried_jobs_have_labels_of_their_own(provider: str, changes: dict[str, str], label: str) -> None:
    assert identify(golden(provider) | changes, []).label == label


@pytest.mark.parametrize("provider", ["buildkite", "azure", "bitbucket", "tekton"])
def test_a_retried_job_stays_in_its_run(provider: str) -> None:
    environment = golden(provider)
    counters = ("BUILDKITE_RETRY_COUNT", "SYSTEM_JOBATTEMPT", "BITBUCKET_STEP_RUN_NUMBER", "MAKESPAN_JOB_RETRY")
    first = {name: value for name, value in environment.items() if name not in counters}

    assert identify(environment, []).trace_id == identify(first, []).trace_id
    assert identify(environment, []).label == f"{identify(first, []).label} (retry 1)"


def test_a_retried_gitlab_job_hangs_under_the_same_job_and_names_its_try() -> None:
    first = identify(golden("gitlab"), [])
    second = identify(golden("gitlab") | {"CI_JOB_ID": "51"}, [])

    assert (first.trace_id, first.label) == (second.trace_id, second.label)
    assert (first.job_run, second.job_run) == ("50", "51")


def test_a_github_pull_requests_branch_is_its_head_not_its_merge_ref() -> None:
    pull_request = golden("github") | {"GITHUB_HEAD_REF": "feature", "GITHUB_REF_NAME": "12/merge"}

    assert identify(pull_request, []).ref == "feature"


def test_a_matrix_leg_is_labelled_as_github_shows_it() -> None:
    job = identify(golden("github") | {"MAKESPAN_MATRIX": '{"python": "3.12", "os": "linux"}'}, [])

    assert (job.job_id, job.label) == ("test", "test (3.12, linux)")


def test_a_job_without_a_matrix_has_its_plain_label() -> None:
    assert identify(golden("github") | {"MAKESPAN_MATRIX": "null"}, []).label == "test"


def test_a_gitlab_pipeline_without_a_name_is_called_after_its_project() -> None:
    assert identify(golden("gitlab") | {"CI_PIPELINE_NAME": ""}, []).pipeline == "group/project"


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
    job = identify(golden("gitlab") | {"CI_JOB_NAME": name, "CI_NODE_TOTAL": total}, [])

    assert (job.job_id, job.label) == (job_id, name)


def test_a_gitlab_matrix_passed_on_replaces_the_values_in_the_name() -> None:
    leg = {"CI_JOB_NAME": "unit: [3.12]", "CI_NODE_TOTAL": "2", "MAKESPAN_MATRIX": '{"PY": "3.12"}'}

    assert identify(golden("gitlab") | leg, []).label == "unit (3.12)"


@pytest.mark.parametrize(
    ("changes", "pipeline", "ref"),
    [
        ({}, "folder/app", "feature/login"),
        ({"CHANGE_BRANCH": "topic", "BRANCH_NAME": "PR-7", "JOB_NAME": "folder/app/PR-7"}, "folder/app", "topic"),
        ({"BRANCH_NAME": "", "JOB_NAME": "nightly", "GIT_BRANCH": "origin/main"}, "nightly", "main"),
        # A parameter somebody called BRANCH_NAME.
        ({"BRANCH_NAME": "main", "JOB_NAME": "folder/deploy"}, "folder/deploy", "main"),
    ],
)
def test_the_branches_of_a_jenkins_multibranch_project_are_one_pipeline(
    changes: dict[str, str], pipeline: str, ref: str
) -> None:
    job = identify(golden("jenkins") | changes, [])

    assert (job.pipeline, job.ref) == (pipeline, ref)


def test_a_jenkins_build_is_the_same_run_before_and_after_its_checkout() -> None:
    after = golden("jenkins")
    before = {name: value for name, value in after.items() if not name.startswith("GIT_")}

    assert identify(before, []).trace_id == identify(after, []).trace_id


@pytest.mark.parametrize("provider", ["jenkins", "circleci", "buildkite", "azure", "bitbucket", "woodpecker", "drone"])
def test_credentials_of_a_clone_url_are_never_kept(provider: str) -> None:
    secret = "https://robot:hunter2@git.example.com/team/app.git"
    environment = {name: secret if "://" in value else value for name, value in golden(provider).items()}
    job = identify(environment, [])

    assert job.repository_url is None or "hunter2" not in job.repository_url
    assert "hunter2" not in job.repository


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


@pytest.mark.parametrize("provider", _NAMES)
def test_the_users_variables_override_every_provider(provider: str) -> None:
    chosen = {
        "MAKESPAN_RUN_ID": "run",
        "MAKESPAN_RUN_ATTEMPT": "4",
        "MAKESPAN_REPOSITORY": "o/r",
        "MAKESPAN_PIPELINE": "release",
        "MAKESPAN_JOB": "build",
        "MAKESPAN_MATRIX": '{"a": 1}',
    }

    job = identify(golden(provider) | chosen, [])

    found = (job.run_id, job.attempt, job.repository, job.pipeline, job.job_id)
    assert found == ("run", 4, "o/r", "release", "build")
    assert job.label.startswith("build (1)")


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
    job = identify(golden("github") | {variable: value}, notices)

    assert (job.attempt, job.label) == (3, "test")
    assert len(notices) == 1
    assert variable in notices[0]


@pytest.mark.parametrize(
    ("ref", "change"),
    [("refs/pull/12/merge", "12"), ("refs/heads/pull/12/merge", None), ("refs/pull/x/merge", None), ("", None)],
)
def test_a_pull_requests_number_is_in_its_ref(ref: str, change: str | None) -> None:
    assert identify(golden("github") | {"GITHUB_REF": ref}, []).change == change


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('["a", "b"]', ["a", "b"]),
        ("a, b", ["a", "b"]),
        ("[]", None),
        ("", None),
        ("[broken", None),
        ('{"a": 1}', ['{"a": 1}']),
    ],
)
def test_gitlabs_runner_tags_are_read_in_both_forms(text: str, labels: list[str] | None) -> None:
    assert identify(golden("gitlab") | {"CI_RUNNER_TAGS": text}, []).runner_labels == labels
