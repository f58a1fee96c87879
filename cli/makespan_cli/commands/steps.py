"""Name the steps of a GitHub workflow for the agent.

A step on a runner knows only its key: its id, or `__run_2`. This prints, as JSON, the name, the position and the kind
of each step by job and key, for the file that MAKESPAN_STEPS_FILE names. Steps without an id are listed
under act's key, too (their position).

Exit codes: 0 printed, 2 usage, 3 not a workflow file, 4 PyYAML missing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from makespan_agent.identity.github_steps import step_keys
from makespan_cli.workflow_files import read_github_workflow
from makespan_model.records import StepKind
from makespan_optimizer.workflow.model import Job


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="workflow file")


def execute(arguments: argparse.Namespace) -> int:
    """Print the names.

    Raises:
        InputError: The file cannot be read, or is no workflow; with its place.
    """
    workflow = read_github_workflow(arguments.file)
    print(json.dumps({job.job_id: _named_steps(job) for job in workflow.jobs if job.steps}, indent=2))
    return 0


def _named_steps(job: Job) -> dict[str, dict[str, object]]:
    # How the service numbers what follows in-job parallel steps is not published: their own ids are all that is known.
    is_numbered = not any(step.control or step.background for step in job.steps)
    named: dict[str, dict[str, object]] = {}
    for step, key in zip(job.steps, step_keys((step.step_id, step.uses) for step in job.steps), strict=True):
        kind = StepKind.RUN if step.uses is None else StepKind.USES
        label = {"name": step.display_name, "index": step.index, "kind": kind.value}
        if step.step_id or is_numbered:
            named[key] = label
        if not step.step_id:
            named[str(step.index)] = label
    return named
