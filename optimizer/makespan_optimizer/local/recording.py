"""A local run with its history: run the workflow, then send what the agents spooled and the run's own spans."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from makespan_agent.exporting.flushing import flush
from makespan_model.errors import UnavailableError, UsageError
from makespan_model.identity import RunIdentity
from makespan_optimizer.local.execution import LocalOptions, LocalRun, Progress, run_workflow
from makespan_optimizer.local.telemetry import send_run
from makespan_optimizer.workflow.model import Workflow

# act presents itself as GitHub to the jobs, and so to the agents in them.
_PROVIDER = "github"
_FLUSH_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Checkout:
    """A git work tree that jobs check out.

    Attributes:
        root: Its top folder.
        name: `owner/name` of its origin, else the folder's name.
    """

    root: Path
    name: str


def find_checkout(path: Path) -> Checkout:
    """The work tree that holds `path`.

    Raises:
        UsageError: There is none.
        UnavailableError: git is not installed.
    """
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        raise UsageError(f"{folder} does not exist")
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None or _git(folder, "rev-parse", "--verify", "HEAD") is None:
        raise UsageError(f"{path} is not in a git repository with a commit, which a local run checks out")
    origin = _git(folder, "remote", "get-url", "origin") or ""
    parts = origin.removesuffix(".git").replace(":", "/").rstrip("/").split("/")
    name = "/".join(parts[-2:]) if len(parts) >= 2 else Path(top).name
    return Checkout(Path(top), name)


def pipeline_name(workflow: Workflow, checkout: Checkout) -> str:
    """The workflow's name, or its path in the repository where it has none, as GitHub shows it."""
    if workflow.name:
        return workflow.name
    file = Path(workflow.file).resolve()
    return file.relative_to(checkout.root).as_posix() if file.is_relative_to(checkout.root) else file.name


def run_and_record(
    workflow: Workflow,
    checkout: Checkout,
    progress: Progress,
    *,
    endpoint: str,
    runners: int,
    state: Path,
    cache_folder: Path,
    host: Mapping[str, str],
) -> LocalRun:
    """Run a workflow once and send its spans and samples.

    Args:
        workflow: What to run.
        checkout: The repository its jobs check out.
        progress: Called as the run goes on.
        endpoint: Base URL of the collector.
        runners: Jobs that run at once.
        state: Folder for what outlives the run: artifacts, and the spool if sending fails.
        cache_folder: Entries of `actions/cache`.
        host: Environment of this process.

    Raises:
        MakespanError: act could not run a job; nothing was sent.
        KeyboardInterrupt: After everything it had started was stopped; nothing was sent.
        UnavailableError: act is missing, or the collector did not take the run; the spool then keeps the steps.
    """
    run_id = f"local-{time.time_ns()}"
    spool = Path(tempfile.mkdtemp(prefix="makespan-spool-"))
    options = LocalOptions(
        repository=checkout.root,
        identity=RunIdentity(_PROVIDER, checkout.name, run_id),
        pipeline=pipeline_name(workflow, checkout),
        runners=runners,
        cache_folder=cache_folder,
        artifact_folder=state / "artifacts" / run_id,
        tool_folder=state / "tools",
        spool=spool,
        host=host,
    )
    try:
        run = run_workflow(workflow, options, progress)
    except BaseException:
        # Half a run is no history: nothing of it is sent.
        shutil.rmtree(spool, ignore_errors=True)
        raise
    report = flush(spool, endpoint, _FLUSH_TIMEOUT_S)
    if report.left or report.rejected:
        raise UnavailableError(
            f"the run ended, but {report.left + report.rejected} of its steps could not be sent to {endpoint}: "
            f"{report.reason}; they are kept in {spool}, send them with: makespan flush --spool {spool}"
        )
    send_run(run, endpoint)
    shutil.rmtree(spool)
    return run


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        finished = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            # In a hook, git's own variables name the repository that is being committed to.
            env={name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        )
    except FileNotFoundError as error:
        raise UnavailableError("git is not installed; a local run needs it") from error
    return finished.stdout.strip() if finished.returncode == 0 else None
