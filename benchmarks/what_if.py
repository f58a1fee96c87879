"""Predicted against measured: steps made faster on paper, then in the workflow, on pipelines that run here.

    python benchmarks/what_if.py [--runs N] [--json]

Each pipeline is run with `makespan exec` (act, in a git repository under a temporary directory), a step of it is
halved and removed by replaying those runs, then the workflow file is changed so and run again. Waiting steps sleep,
computing ones use one core. Needs act and git, and a quiet machine: the measured runs share its CPUs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from makespan_analytics.critical_path import SegmentKind
from makespan_analytics.what_if.speedups import History
from makespan_analytics.what_if.task_graph import Subject
from makespan_collector.store.opening import open_store
from makespan_model.records import PipelineRun

_COMPUTE = "import time; end = {seconds}\nwhile time.process_time() < end: pass"


@dataclass(frozen=True)
class Step:
    """`seconds` of sleep, or of one core's time."""

    name: str
    seconds: float
    computes: bool = False

    def run(self, kept: float) -> str:
        """The command, with this part of its time left."""
        seconds = self.seconds * kept
        if kept == 0:
            return "true"
        if not self.computes:
            return f"sleep {seconds}"
        code = _COMPUTE.format(seconds=seconds).replace("\n", "\\n")
        return f"printf '{code}' | python3 -"


@dataclass(frozen=True)
class Job:
    """A job; `legs` more than one make a matrix."""

    job_id: str
    steps: Sequence[Step]
    needs: Sequence[str] = ()
    legs: int = 1


@dataclass(frozen=True)
class Pipeline:
    """A pipeline, how many of its jobs run at once, and the steps that are sped up, one after the other."""

    name: str
    jobs: Sequence[Job]
    runners: int
    targets: Sequence[tuple[str, str]]

    def workflow(self, target: tuple[str, str] | None = None, kept: float = 1.0) -> str:
        """The workflow file, in which the target has this part of its time left."""
        lines = [f"name: {self.name}", "on: push", "jobs:"]
        for job in self.jobs:
            lines += [f"  {job.job_id}:", "    runs-on: ubuntu-latest"]
            if job.needs:
                lines.append(f"    needs: [{', '.join(job.needs)}]")
            if job.legs > 1:
                lines += ["    strategy:", "      matrix:", f"        leg: {list(range(job.legs))}"]
            lines.append("    steps:")
            for step in job.steps:
                part = kept if target == (job.job_id, step.name) else 1.0
                lines += [f"      - name: {step.name}", f"        run: {json.dumps(step.run(part))}"]
        return "\n".join(lines) + "\n"


PIPELINES = (
    Pipeline(
        "waiting",
        (
            Job("build", [Step("fetch", 1.5), Step("compile", 3)]),
            Job("test", [Step("install", 1), Step("pytest", 5)], ["build"]),
            Job("lint", [Step("ruff", 2)], ["build"]),
            Job("deploy", [Step("upload", 1)], ["test", "lint"]),
        ),
        4,
        (("test", "pytest"), ("build", "compile"), ("lint", "ruff")),
    ),
    Pipeline(
        "contended",
        (
            Job("test", [Step("pytest", 4, computes=True)]),
            Job("types", [Step("mypy", 4, computes=True)]),
            Job("docs", [Step("sphinx", 4, computes=True)]),
            Job("wait", [Step("poll", 3)]),
        ),
        4,
        (("test", "pytest"), ("wait", "poll")),
    ),
    Pipeline(
        "few-runners",
        (
            Job("unit", [Step("pytest", 3)], legs=3),
            Job("lint", [Step("ruff", 2)]),
            Job("report", [Step("upload", 1)], ["unit"]),
        ),
        2,
        (("unit", "pytest"), ("lint", "ruff")),
    ),
)


def run_pipeline(folder: Path, workflow: str, runners: int, runs: int, name: str) -> list[PipelineRun]:
    """Run a workflow so often in a repository of its own; the runs as they were measured."""
    repository, store = folder / "repository", folder / "store"
    file = repository / ".github" / "workflows" / "ci.yml"
    file.parent.mkdir(parents=True)
    file.write_text(workflow)
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", name]):
        subprocess.run([*git, *arguments], cwd=repository, check=True)
    command = [sys.executable, "-P", "-m", "makespan_cli.main", "exec", str(file), "--store", str(store)]
    for _ in range(runs):
        subprocess.run(
            [*command, "--runners", str(runners), "--json"],
            cwd=repository,
            check=True,
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
    with open_store(store, read_only=True) as opened:
        return opened.runs()


@dataclass(frozen=True)
class Comparison:
    """One change: what was there, what the replay said, what came of it."""

    pipeline: str
    step: str
    kept: float
    before_s: float
    predicted_s: float
    measured_s: float

    @property
    def error_ratio(self) -> float:
        """By how much the prediction missed."""
        return abs(self.predicted_s / self.measured_s - 1)


def compare(pipeline: Pipeline, runs: int) -> list[Comparison]:
    found = []
    with tempfile.TemporaryDirectory() as directory:
        before = run_pipeline(Path(directory, "before"), pipeline.workflow(), pipeline.runners, runs, "before")
        history = History(before, runners=pipeline.runners, cores=len(os.sched_getaffinity(0)))
        before_s = mean(run.makespan_s for run in before)
        paths = {(job.job_id, step.name): step.path for run in before for job in run.jobs for step in job.steps}
        for number, (job_id, step) in enumerate(pipeline.targets):
            subject = Subject(SegmentKind.STEP, job_id, paths[job_id, step])
            for kept in (0.5, 0.0):
                (gain,) = history.gains([{subject: 1 - kept}])
                workflow = pipeline.workflow((job_id, step), kept)
                after = run_pipeline(
                    Path(directory, f"{number}-{kept}"), workflow, pipeline.runners, runs, f"{step} {kept}"
                )
                measured_s = mean(run.makespan_s for run in after)
                found.append(
                    Comparison(pipeline.name, f"{job_id}: {step}", kept, before_s, before_s - gain.saved_s, measured_s)
                )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="of every pipeline and change (default: %(default)s)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = [comparison for pipeline in PIPELINES for comparison in compare(pipeline, arguments.runs)]
    worst, middle = max(one.error_ratio for one in found), median(one.error_ratio for one in found)
    if arguments.json:
        rows = [{**vars(one), "error_ratio": one.error_ratio} for one in found]
        print(json.dumps({"comparisons": rows, "median_error_ratio": middle, "worst_error_ratio": worst}, indent=2))
        return
    print(
        f"{'pipeline':<12} {'step':<16} {'kept':>5} {'before s':>9} {'predicted s':>12} {'measured s':>11} {'error':>7}"
    )
    for one in found:
        print(
            f"{one.pipeline:<12} {one.step:<16} {one.kept:>5.0%} {one.before_s:>9.2f} {one.predicted_s:>12.2f} "
            f"{one.measured_s:>11.2f} {one.error_ratio:>7.1%}"
        )
    print(f"median error {middle:.1%}, worst {worst:.1%}")


if __name__ == "__main__":
    main()
