"""Run a GitHub workflow on this machine, every step under the agent.

Jobs run through act without containers, each as soon as its own needs are done and a runner is free.
The workflow file is not changed. What cannot run here (actions other than the checkout, cache,
setup-python and artifact ones, reusable workflows, other operating systems) is left out and listed.
The run lands in the store, ready for `makespan analyze` and `makespan optimize`.

Exit codes: 0 every job that the workflow does not tolerate succeeded, 1 a job failed, 2 usage or no git
repository, 3 broken workflow file, 4 act, git or the collector is not there, 130 interrupted (by Ctrl-C or
SIGTERM: everything that was started is stopped, nothing is recorded).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from rich.console import Console

from makespan_cli.rendering.run_display import RunDisplay
from makespan_cli.state import state_folder
from makespan_cli.workflow_files import read_github_workflow
from makespan_collector.server import BackgroundCollector
from makespan_model.errors import ExitCode, UnavailableError, UsageError
from makespan_model.records import Result
from makespan_model.settings import load_settings
from makespan_model.units import format_duration
from makespan_optimizer.local.environment import cpu_count
from makespan_optimizer.local.execution import LocalRun
from makespan_optimizer.local.recording import find_checkout, run_and_record


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="workflow file, in a git repository")
    parser.add_argument("--store", metavar="DIR", help="embedded store to keep the run in (default: .makespan/store)")
    parser.add_argument("--endpoint", metavar="URL", help="send the run to this collector instead of a store")
    parser.add_argument("--runners", type=int, metavar="N", help="jobs that run at once (default: as many as CPUs)")
    parser.add_argument(
        "--cache-folder", type=Path, metavar="DIR", help="entries of actions/cache (default: .makespan/actions-cache)"
    )
    parser.add_argument("--verbose", action="store_true", help="print what the steps print")
    parser.add_argument("--json", action="store_true", help="print the result as JSON on standard output")


def execute(arguments: argparse.Namespace) -> int:
    """Run the workflow once."""
    if arguments.endpoint is not None and arguments.store is not None:
        raise UsageError("--endpoint and --store exclude each other: the run goes to a collector or into a store")
    settings = load_settings(Path.cwd(), flags={"store": arguments.store, "runners": arguments.runners})
    workflow = read_github_workflow(arguments.file)
    checkout = find_checkout(arguments.file)
    try:
        state = state_folder(Path.cwd())
    except OSError as error:
        raise UnavailableError(f"{error.filename}: {error.strerror}; run it where .makespan can be written") from error
    _survive_narrow_encodings()
    console = Console(stderr=arguments.json)
    signal.signal(signal.SIGTERM, _interrupt)
    with ExitStack() as stack:
        endpoint = arguments.endpoint
        if endpoint is None:
            endpoint = stack.enter_context(BackgroundCollector(Path(settings.store))).endpoint
        display = stack.enter_context(RunDisplay(console, verbose=arguments.verbose))
        run = run_and_record(
            workflow,
            checkout,
            display.progress,
            endpoint=endpoint,
            runners=settings.runners or cpu_count(),
            state=state,
            cache_folder=(arguments.cache_folder or state / "actions-cache").absolute(),
            host=os.environ,
        )
    _report(console, run)
    if arguments.json:
        print(json.dumps(_as_json(run), indent=2))
    return int(ExitCode.SUCCESS if run.result is Result.SUCCESS else ExitCode.FAILURE)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _survive_narrow_encodings() -> None:
    """A sign or name that the terminal's encoding lacks must not end the run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _report(console: Console, run: LocalRun) -> None:
    for job in run.jobs:
        if job.failed_output and job.result is not Result.SUCCESS:
            console.print(f"\n{job.job_id} failed; the last lines of its step:", style="bold red")
            for line in job.failed_output:
                console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    for note in run.notes:
        console.print(f"note: {note}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    style = "bold green" if run.result is Result.SUCCESS else "bold red"
    console.print(f"{run.result.value}: {format_duration(run.makespan_s)}", style=style, highlight=False)


def _as_json(run: LocalRun) -> dict[str, object]:
    return {
        "pipeline": run.options.pipeline,
        "run_id": run.options.identity.run_id,
        "result": run.result.value,
        "makespan_s": run.makespan_s,
        "jobs": [
            {
                "job": job.job_id,
                "result": job.result.value,
                "legs": [
                    {"name": leg.label, "result": leg.result.value, "duration_s": (leg.end_ns - leg.start_ns) / 1e9}
                    for leg in job.legs
                ],
            }
            for job in run.jobs
        ],
        "notes": list(run.notes),
    }
