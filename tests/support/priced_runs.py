"""Runs with runners, branches and people, for tests of cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from makespan_model.identity import RunIdentity
from makespan_model.records import JobRun, PipelineRun
from support.pipeline_runs import SECOND, job, run

OWN_USD_PER_HOUR = {"ours": 3.6}


def on(label: str | None, item: JobRun) -> JobRun:
    """A job that asked for a label; None where nobody recorded it."""
    return replace(item, runner_labels=None if label is None else (label,))


def of_provider(
    *jobs: JobRun, run_id: str = "1", provider: str = "github", attempt: int = 1, after_s: float = 0, **facts: Any
) -> PipelineRun:
    """A run that starts `after_s` seconds later, with all of its jobs and steps."""
    shift = round(after_s * SECOND)
    made = run(*jobs, run_id=run_id)
    moved = tuple(
        replace(
            item,
            start_ns=item.start_ns + shift,
            end_ns=item.end_ns + shift,
            steps=tuple(replace(one, start_ns=one.start_ns + shift, end_ns=one.end_ns + shift) for one in item.steps),
        )
        for item in made.jobs
    )
    return replace(
        made,
        identity=RunIdentity(provider, "octo/app", run_id, attempt),
        jobs=moved,
        start_ns=made.start_ns + shift,
        end_ns=made.end_ns + shift,
        **facts,
    )


def linux(name: str, start_s: float, end_s: float, *steps: Any, **facts: Any) -> JobRun:
    """A job on GitHub's standard Linux runner, at 0.006 USD a minute."""
    return on("ubuntu-latest", job(name, start_s, end_s, *steps, **facts))
