"""The sizes of every step and job of a pipeline, with what speaks for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from makespan_analytics.cost.price_tables import price_table
from makespan_analytics.sizing.cpu_demand import CpuSize, cpu_size
from makespan_analytics.sizing.memory_size import FEWEST_RUNS, HIGHEST_RISK, MemorySize, memory_size
from makespan_analytics.sizing.observations import (
    Observation,
    SamplesOf,
    observations,
)
from makespan_analytics.sizing.pressure_evidence import PressureEvidence, pressure_evidence
from makespan_analytics.sizing.resource_flags import ResourceFlags, resource_flags
from makespan_analytics.sizing.runner_choice import RunnerChoice, choose_runner
from makespan_model.records import PipelineRun, Result, StepRun, pooled_path

_MUCH_TOO_LARGE = 2.0
"""From twice what is advised on, less is worth the change."""


class Verdict(StrEnum):
    """How what a step or job has compares with what it needs."""

    GROW = "grow"
    """It has less memory than advised, or is held back by its CPU quota in most runs."""
    SHRINK = "shrink"
    """It has more than twice the memory and twice the cores advised."""
    KEEP = "keep"
    UNKNOWN = "unknown"
    """Too few runs, or nobody recorded what it has."""


@dataclass(frozen=True, slots=True)
class Size:
    """The advice for one step or job.

    Attributes:
        job_id: The job's key in the workflow file; matrix legs are pooled.
        step_path: The step's pooled path; None for the job as a whole.
        name: What a person reads.
        runs: Runs that count; of failed ones only those killed for lack of memory.
        memory: None with fewer than `memory_size.FEWEST_RUNS` measured runs.
        cpu: None with as few, or where CPU was not measured.
        offered_memory_bytes, offered_cores: What the newest run could use (of a job the tightest of its steps); None
            when unknown.
        flags: The sizes as flags of tools; None unless both are known.
        uses_jvm: Whether a process called `java` was seen in it.
        runner: For a job, the hosted runner classes; None where none can be chosen.
        verdict: What it has against what it needs.
    """

    job_id: str
    step_path: str | None
    name: str
    runs: int
    memory: MemorySize | None
    cpu: CpuSize | None
    offered_memory_bytes: int | None
    offered_cores: float | None
    evidence: PressureEvidence
    flags: ResourceFlags | None
    uses_jvm: bool
    runner: RunnerChoice | None
    verdict: Verdict

    @property
    def is_enough(self) -> bool:
        """Whether there are runs enough for any advice."""
        return self.memory is not None or self.cpu is not None


@dataclass(frozen=True, slots=True)
class PipelineSizes:
    """The sizes of one pipeline.

    Attributes:
        runs: Runs looked at.
        highest_risk: The accepted probability of running out of memory.
        jobs: One for each job, in order of first appearance.
        steps: One for each step, in order of job and first appearance.
    """

    pipeline: str
    repository: str
    runs: int
    highest_risk: float
    jobs: tuple[Size, ...]
    steps: tuple[Size, ...]


def size_pipeline(
    runs: Sequence[PipelineRun], samples_of: SamplesOf | None = None, *, highest_risk: float = HIGHEST_RISK
) -> PipelineSizes:
    """Sizes of all jobs and steps.

    Args:
        runs: Of one pipeline, oldest first.
        samples_of: The readings of a step; without it CPU rests on totals alone.
        highest_risk: The probability of a run out of memory that is accepted.

    Raises:
        ValueError: No run was given, or a risk that cannot be asked for.
    """
    if not runs:
        raise ValueError("sizes need at least one run")
    looked_at = _step_runs(runs)
    found_of = observations(runs, samples_of)
    steps = [
        _size(job_id, path, found[-1][1].name, found_of.of_steps.get((job_id, path), []), found, None, highest_risk)
        for (job_id, path), found in looked_at.items()
    ]
    of_job: dict[str, list[tuple[str, StepRun]]] = defaultdict(list)
    for (job_id, _), found in looked_at.items():
        of_job[job_id] += found
    jobs = [
        _size(job_id, None, job_id, found_of.of_jobs.get(job_id, []), found, _machine(runs, job_id), highest_risk)
        for job_id, found in of_job.items()
    ]
    return PipelineSizes(
        runs[-1].pipeline, runs[-1].identity.repository, len(runs), highest_risk, tuple(jobs), tuple(steps)
    )


def _step_runs(runs: Sequence[PipelineRun]) -> dict[tuple[str, str], list[tuple[str, StepRun]]]:
    found: dict[tuple[str, str], list[tuple[str, StepRun]]] = defaultdict(list)
    paths: dict[str, str] = {}
    for run in runs:
        run_id = run.identity.run_id
        for job in run.jobs:
            for step in job.steps:
                if step.result is not Result.SKIP:
                    path = paths.get(step.path)
                    if path is None:
                        path = paths[step.path] = pooled_path(step.path)
                    found[job.job_id, path].append((run_id, step))
    return dict(found)


@dataclass(frozen=True, slots=True)
class _Machine:
    """What kind of runner a job asks for."""

    provider: str
    os: str
    arch: str


def _machine(runs: Sequence[PipelineRun], job_id: str) -> _Machine | None:
    """Of the newest run; None where the provider's classes are not known. Labels nobody knows count as Linux on x64."""
    for run in reversed(runs):
        table = price_table(run.identity.provider)
        labels = next((job.runner_labels for job in run.jobs if job.job_id == job_id and job.runner_labels), None)
        if table is not None:
            known = table.class_of(labels) if labels else None
            return _Machine(table.provider, known.os if known else "linux", known.arch if known else "x64")
    return None


def _size(
    job_id: str,
    step_path: str | None,
    name: str,
    observed: Sequence[Observation],
    step_runs: Sequence[tuple[str, StepRun]],
    machine: _Machine | None,
    highest_risk: float,
) -> Size:
    measured = [one for one in observed if one.peak_bytes is not None]
    peaks = np.array([one.peak_bytes for one in measured], dtype=np.float64)
    durations_s = np.array([one.duration_s for one in measured], dtype=np.float64)
    demands = [one.demand for one in observed if one.demand is not None]
    newest = observed[-1].steps if observed else tuple(step for _, step in step_runs[-1:])
    offered_cores = min((cores for step in newest if (cores := step.usage.offered_cores) is not None), default=None)
    offered_memory = min(
        (size for step in newest if (size := step.usage.offered_memory_bytes) is not None), default=None
    )
    memory = memory_size(peaks, durations_s, highest_risk=highest_risk)
    cpu = cpu_size(demands, offered_cores=offered_cores) if len(demands) >= FEWEST_RUNS else None
    evidence = pressure_evidence(step_runs)
    table = price_table(machine.provider) if machine else None
    return Size(
        job_id=job_id,
        step_path=step_path,
        name=name,
        runs=len(observed),
        memory=memory,
        cpu=cpu,
        offered_memory_bytes=offered_memory,
        offered_cores=offered_cores,
        evidence=evidence,
        flags=resource_flags(memory.size_bytes, cpu.cores) if memory and cpu else None,
        uses_jvm=any(one.name == "java" for step in newest for one in step.usage.executables),
        runner=choose_runner(
            table,
            demands=demands,
            peaks=peaks,
            durations_s=durations_s,
            is_saturated=cpu.saturated,
            os=machine.os,
            arch=machine.arch,
            highest_risk=highest_risk,
        )
        if table is not None and machine is not None and cpu is not None and memory is not None
        else None,
        verdict=_verdict(memory, cpu, offered_memory, offered_cores, evidence),
    )


def _verdict(
    memory: MemorySize | None,
    cpu: CpuSize | None,
    offered_memory: int | None,
    offered_cores: float | None,
    evidence: PressureEvidence,
) -> Verdict:
    if evidence.throttled_runs > evidence.runs / 2 or (evidence.oom_runs and offered_memory is None):
        return Verdict.GROW
    if memory is None or offered_memory is None:
        return Verdict.GROW if evidence.oom_runs else Verdict.UNKNOWN
    if memory.size_bytes > offered_memory:
        return Verdict.GROW
    has_much_memory = offered_memory > _MUCH_TOO_LARGE * memory.size_bytes
    if (
        has_much_memory
        and cpu is not None
        and offered_cores is not None
        and offered_cores > _MUCH_TOO_LARGE * cpu.cores
    ):
        return Verdict.SHRINK
    return Verdict.KEEP
