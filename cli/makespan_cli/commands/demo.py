"""The whole loop on a real project, on this machine.

Fetches the source distribution of networkx from the package index, lays a workflow over it that grew
the way workflows do, runs it under the agent, names what holds it back, rewrites the workflow, checks
the rewrite, runs that, and compares: same commands, same tests, how much faster, and how much faster
it was predicted to be. Takes about eight minutes on two cores.

Exit codes: 0 done, 1 a step of the project failed, 2 usage, 4 the package index, act or git is not
there, 5 the rewrite lost a command or a test and was refused.
"""

from __future__ import annotations

import argparse
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console

from makespan_analytics.profiles import profile_pipeline
from makespan_cli.demo import presentation
from makespan_cli.demo.experiment import Arm, ArmRun, Bench, comparison_order, history_count
from makespan_cli.demo.fetching import Project, fetch_project, prefetch_packages
from makespan_cli.demo.outcome import Outcome
from makespan_cli.demo.page import write_page
from makespan_cli.rendering.consoles import result_console
from makespan_cli.rendering.run_display import RunDisplay
from makespan_collector.server import BackgroundCollector
from makespan_collector.store.opening import open_store
from makespan_model.errors import ExitCode, RefusedError, UsageError
from makespan_optimizer.local.act import find_act
from makespan_optimizer.local.environment import cpu_count
from makespan_optimizer.local.recording import find_checkout
from makespan_optimizer.passes.evidence import evidence_for
from makespan_optimizer.plan import optimize
from makespan_optimizer.prediction.cache_speed import LOCAL
from makespan_optimizer.prediction.replay import Prediction, predict
from makespan_optimizer.workflow.model import Workflow
from makespan_optimizer.workflow.reading import read_workflow

_FILE = ".github/workflows/ci.yml"
_MARKER = ".makespan-demo"
# The person who would be asked is the reader: the demo stands in for their consent and says so.
_EVIDENCE: Final = "assumed"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--output", type=Path, default=Path("demo-result"), metavar="DIR", help="folder for the results (%(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.add_argument(
        "--runs", type=int, default=3, metavar="N", help="runs of each side, 1 or more (default: %(default)s)"
    )
    parser.add_argument("--verbose", action="store_true", help="print what the steps print")


def execute(arguments: argparse.Namespace) -> int:
    """Run the demo."""
    if arguments.runs < 1:
        raise UsageError(f"--runs must be 1 or more, not {arguments.runs}")
    find_act()  # better to say at once that it is missing than after the download
    console = result_console()
    output = _prepare(arguments.output.absolute())
    presentation.print_heading(console, "Fetching a real project from the package index …")
    project = fetch_project(output / "project")
    prefetch_packages(project)
    console.print(f"{project.name}, with its workflow {_FILE}: lint, type check, unit tests, package")
    store = output / "store"
    with BackgroundCollector(store) as collector:
        bench = Bench(
            checkout=find_checkout(project.root),
            endpoint=collector.endpoint,
            open_store=partial(open_store, store, read_only=True),
            folder=output,
            runners=cpu_count(),
        )
        outcome = _compare(console, bench, project, arguments)
    bench.forget_caches()
    _write_results(console, outcome, output, arguments.json)
    return int(ExitCode.SUCCESS)


def _compare(console: Console, bench: Bench, project: Project, arguments: argparse.Namespace) -> Outcome:
    before = read_workflow(project.workflow.read_text("utf-8"), file=_FILE)
    history = history_count(arguments.runs)
    runs: list[ArmRun] = []
    total = 3 * arguments.runs

    def run(arm: Arm, workflow: Workflow, cache: str) -> None:
        presentation.print_heading(console, f"Run {len(runs) + 1} of {total}: {arm.value}")
        with RunDisplay(console, verbose=arguments.verbose) as display:
            runs.append(bench.run(arm, workflow, display.progress, cache=cache))
        console.print(f"  makespan {runs[-1].recorded.makespan_s:.1f} s")
        refuse_difference(runs[0], runs[-1])

    for _ in range(history):
        run(Arm.BEFORE, before, "before")
    profile = profile_pipeline([entry.recorded for entry in runs])
    presentation.print_where_time_went(console, runs[-1].recorded, profile)
    plan = optimize(before, evidence_for(before, profile, project.read, LOCAL), level=_EVIDENCE)
    if not plan.applied:
        raise RefusedError("no rewrite passed verification, so there is nothing to compare")
    presentation.print_heading(console, "What the optimizer changes (the demo agrees in your place to all of it):")
    presentation.print_findings(console, plan.applied, _FILE)
    presentation.print_diff(console, plan.diff())
    predictions: dict[Arm, Prediction] = {}
    for arm, workflow, cache in (
        (Arm.BEFORE, before, "cold"),
        (Arm.COLD, plan.after, "cold"),
        (Arm.WARM, plan.after, "warm"),
    ):
        predictions[arm] = predict(
            workflow,
            measured_on=before,
            profile=profile,
            runners=bench.runners,
            cores=float(bench.runners),
            estimates=plan.estimates,
            cache=cache,  # type: ignore[arg-type]
        )
    for arm, cache in comparison_order(arguments.runs):
        run(arm, before if arm is Arm.BEFORE else plan.after, cache)
    return Outcome(project.name, runs, predictions, history, plan)


def refuse_difference(first: ArmRun, latest: ArmRun) -> None:
    """Stop the demo when a run did not check what the first one did.

    Raises:
        RefusedError: With every difference.
    """
    differences = first.verdict.differences(latest.verdict)
    if differences:
        said = "\n".join(f"  {difference}" for difference in differences)
        raise RefusedError(
            f"the run {latest.arm.value!r} did not check what the first one did, so no figure counts:\n{said}"
        )


def _prepare(output: Path) -> Path:
    """An empty result folder; one of an earlier demo is emptied, any other is left alone."""
    if output.exists():
        if not output.is_dir() or (any(output.iterdir()) and not (output / _MARKER).is_file()):
            raise UsageError(f"{output} exists and is not the result of a demo; choose another --output")
        shutil.rmtree(output)
    output.mkdir(parents=True)
    (output / _MARKER).write_text("Made by `makespan demo`, which empties this folder when it runs again.\n", "utf-8")
    return output


def _write_results(console: Console, outcome: Outcome, output: Path, json_file: Path | None) -> None:
    (output / "ci.optimized.yml").write_text(outcome.plan.after.text, "utf-8")
    (output / "ci.diff").write_text(outcome.plan.diff(), "utf-8")
    page = write_page(outcome, output)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(outcome.as_json(), indent=2) + "\n", "utf-8")
    presentation.print_comparison(console, outcome)
    presentation.print_heading(console, f"The page with both timelines: {page}")
    console.print(f"The history: makespan analyze --store {output / 'store'}", soft_wrap=True)
