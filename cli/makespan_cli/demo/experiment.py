"""The runs of the demo, in an order that lets no drift of the machine favour one side."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from makespan_cli.demo.verdicts import Verdict, verdict_of
from makespan_collector.store.contract import Store
from makespan_model.errors import MakespanError
from makespan_model.records import PipelineRun, Result
from makespan_optimizer.local.execution import LocalRun, Progress
from makespan_optimizer.local.recording import Checkout, run_and_record
from makespan_optimizer.workflow.model import Workflow


class Arm(StrEnum):
    """A side of the comparison."""

    BEFORE = "before"
    """The workflow as it is."""
    COLD = "after, cold cache"
    """The rewritten one with no cache entry: like for like with `BEFORE`."""
    WARM = "after, warm cache"
    """The rewritten one with the entry its cold run left."""


@dataclass(frozen=True, slots=True)
class ArmRun:
    """One run of one side: as it was driven, as the store has it, and what it checked."""

    arm: Arm
    local: LocalRun
    recorded: PipelineRun
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Bench:
    """What every run of the demo shares.

    Attributes:
        endpoint: The collector.
        open_store: Opens the collector's store for reading.
        folder: For caches and artifacts.
    """

    checkout: Checkout
    endpoint: str
    open_store: Callable[[], Store]
    folder: Path
    runners: int

    def run(self, arm: Arm, workflow: Workflow, progress: Progress, *, cache: str) -> ArmRun:
        """Run `workflow` once with the cache folder named `cache`.

        Raises:
            MakespanError: A job failed; the message names the step and quotes its output.
        """
        local = run_and_record(
            workflow,
            self.checkout,
            progress,
            endpoint=self.endpoint,
            runners=self.runners,
            state=self.folder,
            cache_folder=self.folder / "caches" / cache,
            host=os.environ,
        )
        if local.result is not Result.SUCCESS:
            raise MakespanError(_failure(local))
        with self.open_store() as store:
            recorded = store.runs(run_ids=[local.options.identity.run_id])
        if not recorded:
            raise MakespanError(f"the store does not have run {local.options.identity.run_id}, which just ended")
        return ArmRun(arm, local, recorded[0], verdict_of(local))

    def forget_caches(self) -> None:
        """Remove cache entries: they are of no use after the demo and some hundred megabytes."""
        shutil.rmtree(self.folder / "caches", ignore_errors=True)


def history_count(runs: int) -> int:
    """How many runs of the workflow as it is come before the rewrite; the last one comes among the rewritten ones."""
    return max(1, runs - 1)


def comparison_order(runs: int) -> Iterator[tuple[Arm, str]]:
    """Side and cache folder of each run after the history: cold and warm in turn, the last `BEFORE` in between."""
    for number in range(runs):
        yield Arm.COLD, f"pair-{number}"
        yield Arm.WARM, f"pair-{number}"
        if number == 0 and runs > history_count(runs):
            yield Arm.BEFORE, "before"


def _failure(run: LocalRun) -> str:
    for job in run.jobs:
        if job.result in (Result.SUCCESS, Result.SKIP):
            continue
        failed = [step for leg in job.legs for step in leg.steps if step.result is not Result.SUCCESS]
        name = job.labels[failed[0].key].name if failed and failed[0].key in job.labels else "a step"
        output = "\n".join(f"  {line}" for line in job.failed_output)
        return f"job {job.job_id} failed at {name!r}; the last lines it printed:\n{output}"
    return "the run failed"
