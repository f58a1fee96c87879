"""A git repository in a temporary folder whose workflows run through the real act."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from makespan_agent.exporting.flushing import flush
from makespan_model.identity import RunIdentity
from makespan_model.records import Result
from makespan_optimizer.local.execution import LocalJob, LocalOptions, LocalRun, Progress, run_workflow
from makespan_optimizer.workflow.reading import read_workflow
from support.otlp_receiver import receiving, values


def require_act() -> None:
    """Skip the test where act or git is not installed; fail it where services are required."""
    beside = Path(sys.executable).with_name("act")
    missing = [name for name in ("act", "git") if not (shutil.which(name) or (name == "act" and beside.is_file()))]
    if missing and os.environ.get("MAKESPAN_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{' and '.join(missing)} required (MAKESPAN_REQUIRE_SERVICES=1) and not installed")
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed")


@dataclass(frozen=True)
class Finished:
    """A local run and what was told while it ran."""

    run: LocalRun
    lines: Mapping[str, list[str]]
    """Output by job label."""
    steps: list[tuple[str, str, Result]]
    """(job label, step name, result) in the order they ended."""

    def job(self, job_id: str) -> LocalJob:
        return next(job for job in self.run.jobs if job.job_id == job_id)

    def results(self) -> dict[str, str]:
        return {job.job_id: job.result.value for job in self.run.jobs}

    def recorded(self) -> list[dict[str, Any]]:
        """What the agents measured: attributes of the spans they would send, by their start; a second call has none."""
        with receiving() as receiver:
            report = flush(self.run.options.spool, receiver.url)
        assert (report.left, report.rejected) == (0, 0), report
        found = [
            (span.start_time_unix_nano, values(list(resource.resource.attributes)) | values(list(span.attributes)))
            for request in receiver.traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        return [attributes for _, attributes in sorted(found, key=lambda each: each[0])]

    def text(self, label: str) -> str:
        """The output of a job as one text."""
        return "\n".join(self.lines.get(label, ()))


@dataclass
class LocalProject:
    """A repository with one commit, and the folders that runs of it share."""

    root: Path
    state: Path
    host: dict[str, str] = field(default_factory=dict)
    runs: int = 0

    def commit(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
        for words in (["add", "-A"], [*identity, "commit", "-qm", "x"]):
            self.git(*words)

    def git(self, *words: str) -> str:
        finished = subprocess.run(["git", *words], cwd=self.root, check=True, capture_output=True, text=True)
        return finished.stdout

    def options(self, *, runners: int = 4) -> LocalOptions:
        self.runs += 1
        return LocalOptions(
            repository=self.root,
            identity=RunIdentity("github", "octo/app", f"local-{self.runs}"),
            pipeline="CI",
            runners=runners,
            cache_folder=self.state / "cache",
            artifact_folder=self.state / f"artifacts-{self.runs}",
            tool_folder=self.state / "tools",
            spool=self.state / f"spool-{self.runs}",
            host={**os.environ, **self.host},
        )

    def run(self, text: str, *, runners: int = 4) -> Finished:
        """Run a workflow of which `jobs:` (or a whole file) is given."""
        text = dedent(text)
        if not text.lstrip().startswith("on:") and "\non:" not in text:
            text = f"on: push\n{text}"
        workflow = read_workflow(text, file="ci.yml")
        lines: dict[str, list[str]] = defaultdict(list)
        steps: list[tuple[str, str, Result]] = []

        def on_step(label: str, name: str, result: Result | None, _seconds: float) -> None:
            if result is not None:
                steps.append((label, name, result))

        progress = Progress(
            on_step=on_step,
            on_job=lambda _job, _result, _seconds: None,
            on_output=lambda label, line: lines[label].append(line.rstrip("\r")),
        )
        options = self.options(runners=runners)
        run = run_workflow(workflow, options, progress)
        return Finished(run, lines, steps)


def new_project(folder: Path) -> LocalProject:
    """A repository with a file `README` in `folder`."""
    root = folder / "repository"
    root.mkdir()
    project = LocalProject(root, folder / "state")
    project.state.mkdir()
    project.git("init", "-q", "-b", "main")
    project.commit({"README": "hello\n"})
    return project
