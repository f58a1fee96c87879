"""CI runners on this machine, and what a store knows of a run they made."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from makespan_collector.store.opening import open_store
from makespan_model.records import PipelineRun, StepRun

# Read here: tests see none of the MAKESPAN_* variables.
_GITLAB_CI_LOCAL = os.environ.get("MAKESPAN_GITLAB_CI_LOCAL")
_NODE_OTEL = os.environ.get("MAKESPAN_NODE_OTEL")
_IS_REQUIRED = os.environ.get("MAKESPAN_REQUIRE_SERVICES") == "1"
INTEGRATIONS = Path(__file__).parents[2] / "agent" / "integrations"


def require(what: str, found: str | None) -> str:
    """The tool's path or command; skips the test where it is not installed, fails it where services are required."""
    if found:
        return found
    if _IS_REQUIRED:
        pytest.fail(f"{what} required (MAKESPAN_REQUIRE_SERVICES=1) and not installed")
    pytest.skip(f"{what} not installed")


def act() -> str:
    """Path of act: of this environment, else from PATH."""
    beside = Path(sys.executable).with_name("act")
    return require("act", str(beside) if beside.is_file() else shutil.which("act"))


def gitlab_ci_local() -> list[str]:
    """Command of gitlab-ci-local (which needs Node 22): MAKESPAN_GITLAB_CI_LOCAL, else from PATH."""
    require("rsync", shutil.which("rsync"))
    command = _GITLAB_CI_LOCAL or shutil.which("gitlab-ci-local")
    return shlex.split(require("gitlab-ci-local", command))


def node_with_otel() -> Path:
    """Folder whose node_modules hold OpenTelemetry's Node SDK: MAKESPAN_NODE_OTEL."""
    require("node", shutil.which("node"))
    return Path(require("OpenTelemetry's Node SDK (MAKESPAN_NODE_OTEL)", _NODE_OTEL))


def commit_all(repository: Path, files: Mapping[str, str]) -> None:
    """Make the folder a git repository with a remote whose only commit holds all that is in it."""
    for name, text in files.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    remote = ["remote", "add", "origin", "git@git.example.com:octo/app.git"]
    for words in (["init", "-q", "-b", "main"], remote, ["add", "-A"], [*identity, "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=repository, check=True, capture_output=True)


def only_run(store: Path) -> PipelineRun:
    """The one run the store holds."""
    with open_store(store, read_only=True) as opened:
        (run,) = opened.runs()
    return run


def tree(run: PipelineRun) -> dict[str, list[tuple[str, str]]]:
    """Steps as (name, result) in the order of their starts, by the label of their job."""

    def start(step: StepRun) -> int:
        return step.start_ns

    return {
        job.name: [(step.name, step.result.value) for step in sorted(job.steps, key=start)]
        for job in sorted(run.jobs, key=lambda job: job.name)
    }
