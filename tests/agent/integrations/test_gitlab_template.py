"""The GitLab template, run by gitlab-ci-local."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from makespan_collector.server import BackgroundCollector
from support.agent_process import Agent
from support.ci_runners import INTEGRATIONS, commit_all, gitlab_ci_local, only_run, tree

_PIPELINE = """
include: [{local: makespan.gitlab-ci.yml}]
stages: [test, report]
unit:
  stage: test
  extends: .makespan
  parallel: {matrix: [{PY: ["3.11", "3.12"]}]}
  script:
    - makespan run --step "unit tests" -- echo "python $PY"
    - makespan run --step package -- sh -c 'makespan run --step inner -- true'
split:
  stage: test
  extends: .makespan
  parallel: 2
  script: [makespan run --step shard -- true]
report:
  stage: report
  extends: .makespan
  before_script: ["!reference [.makespan, before_script]"]
  script: [makespan run --step publish -- sh -c 'exit 3']
"""


def _run_pipeline(directory: Path, environment: dict[str, str], text: str) -> subprocess.CompletedProcess[str]:
    command = gitlab_ci_local()
    shutil.copy(INTEGRATIONS / "gitlab" / "makespan.gitlab-ci.yml", directory)
    commit_all(directory, {".gitlab-ci.yml": text.replace('"!reference', "!reference").replace(']"]', "]]")})
    return subprocess.run(
        [*command, "--force-shell-executor", "--shell-isolation"],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.service
def test_a_pipeline_arrives_as_its_run_its_jobs_with_their_matrix_and_its_steps(
    agent: Agent, ci_environment: dict[str, str], tmp_path: Path
) -> None:
    with BackgroundCollector(tmp_path / "store") as collector:
        environment = ci_environment | {"MAKESPAN_ENDPOINT": collector.endpoint}
        finished = _run_pipeline(agent.directory, environment, _PIPELINE)
        agent.run("flush", "--endpoint", collector.endpoint)

    assert "python 3.12" in finished.stdout, finished.stdout + finished.stderr
    run = only_run(tmp_path / "store")
    assert (run.identity.provider, run.identity.repository) == ("gitlab", "octo/app")
    leg = [("unit tests", "success"), ("package", "success"), ("inner", "success")]
    assert tree(run) == {
        "report": [("publish", "failure")],
        # GitLab itself says `split 1/2`.
        "split: [1/2]": [("shard", "success")],
        "split: [2/2]": [("shard", "success")],
        "unit: [3.11]": leg,
        "unit: [3.12]": leg,
    }
    assert {job.job_id for job in run.jobs} == {"unit", "split", "report"}


@pytest.mark.service
def test_a_job_whose_makespan_cannot_be_installed_runs_unmeasured(agent: Agent, ci_environment: dict[str, str]) -> None:
    ci_environment["PATH"] = os.environ["PATH"].replace(f"{Path(shutil.which('makespan') or '/x').parent}:", "")
    pipeline = """
include: [{local: makespan.gitlab-ci.yml}]
unit:
  extends: .makespan
  variables: {MAKESPAN_PACKAGE: /nowhere/makespan.whl}
  script:
    - makespan run --step "unit tests" -- echo "still $((20 + 22))"
    - makespan run --step=other --job x echo "and on"
"""

    finished = _run_pipeline(agent.directory, ci_environment, pipeline)

    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "still 42" in finished.stdout
    assert "> and on" in finished.stdout
    assert "this job is not measured" in finished.stdout + finished.stderr
    assert agent.records() == []
