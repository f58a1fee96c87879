"""Jobs that are killed for lack of memory or held back by a CPU quota."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from makespan_analytics.critical_path import SegmentKind
from makespan_analytics.findings.evidence import Evidence
from makespan_analytics.findings.finding import (
    MOST_RUN_IDS,
    Confidence,
    Effect,
    Finding,
    FindingKind,
    FindingSubject,
    Measurement,
)
from makespan_analytics.sizing.pipeline_sizes import Size
from makespan_analytics.sizing.pressure_evidence import PressureEvidence, pressure_evidence
from makespan_analytics.what_if.task_graph import Subject
from makespan_model.records import PipelineRun, Result, StepRun
from makespan_model.units import format_bytes

_SURE_OOM_RUNS = 2
_SAME_MEMORY_RATIO = 0.1
"""Machines of one class differ by less: firmware and kernel take their part."""


def find(evidence: Evidence) -> Iterable[Finding]:
    """Findings for each job that has too little memory, and for each that has too little CPU."""
    for size in evidence.sizes.jobs:
        runs = _of_this_size(evidence.lately, size)
        pressure = pressure_evidence(_step_runs(runs, size.job_id))
        if pressure.oom_runs or _is_memory_short(size):
            yield _memory_finding(evidence, size, pressure, runs)
        held_back = pressure_evidence(_step_runs(evidence.recent, size.job_id))
        if held_back.throttled_runs > held_back.runs / 2:
            yield _throttling_finding(evidence, size, held_back)


def _of_this_size(runs: Sequence[PipelineRun], size: Size) -> Sequence[PipelineRun]:
    """The newest runs in which the job had about the memory it has now: what killed it before is mended."""
    offered = size.offered_memory_bytes
    first = len(runs)
    for run in reversed(runs):
        had = [step.usage.offered_memory_bytes for _, step in _step_runs([run], size.job_id)]
        known = [one for one in had if one is not None]
        if offered is not None and known and abs(min(known) - offered) > _SAME_MEMORY_RATIO * offered:
            break
        first -= 1
    return runs[first:]


def _step_runs(runs: Sequence[PipelineRun], job_id: str) -> list[tuple[str, StepRun]]:
    return [
        (run.identity.run_id, step)
        for run in runs
        for job in run.jobs
        if job.job_id == job_id
        for step in job.steps
        if step.result is not Result.SKIP
    ]


def _is_memory_short(size: Size) -> bool:
    return (
        size.memory is not None
        and size.offered_memory_bytes is not None
        and size.memory.size_bytes > size.offered_memory_bytes
    )


def _memory_finding(evidence: Evidence, size: Size, pressure: PressureEvidence, runs: Sequence[PipelineRun]) -> Finding:
    numbers = [
        Measurement("runs killed for lack of memory", pressure.oom_runs, "runs", pressure.run_ids[-MOST_RUN_IDS:]),
        Measurement("runs that came to the limit", pressure.at_limit_runs, "runs"),
        Measurement("runs looked at", pressure.runs, "runs"),
    ]
    if size.offered_memory_bytes is not None:
        numbers.append(Measurement("memory it has", size.offered_memory_bytes, "bytes"))
    if size.memory is not None:
        numbers.append(Measurement("memory advised", size.memory.size_bytes, "bytes"))
        numbers.append(Measurement("largest peak", size.memory.largest_bytes, "bytes"))
    killed_ratio = len(set(pressure.run_ids)) / max(1, len(runs))
    how_much = f"{format_bytes(size.memory.size_bytes)} of memory" if size.memory else "more memory"
    has = f" (it has {format_bytes(size.offered_memory_bytes)})" if size.offered_memory_bytes is not None else ""
    why = f"{pressure.oom_runs} step runs were killed" if pressure.oom_runs else "the next runs may be killed"
    return evidence.finding(
        FindingKind.TOO_SMALL,
        FindingSubject(size.job_id, None, "memory", f"memory of {size.job_id}"),
        numbers=numbers,
        seen=(runs[0], runs[-1]) if runs else None,
        effect=Effect(
            makespan_s=killed_ratio * evidence.analysis.makespan_s if pressure.oom_runs else None,
            usd_per_month=None,
            how="another run of median length for each run that was killed",
        ),
        confidence=Confidence.HIGH if pressure.oom_runs >= _SURE_OOM_RUNS else Confidence.MEDIUM,
        advice=f"Give {size.job_id} {how_much}{has}: {why}.",
    )


def _throttling_finding(evidence: Evidence, size: Size, pressure: PressureEvidence) -> Finding:
    ratio = pressure.throttled_ratio or 0.0
    steps = [one for one in evidence.sizes.steps if one.job_id == size.job_id and one.step_path is not None]
    scenario = {
        Subject(SegmentKind.STEP, one.job_id, one.step_path): one.evidence.throttled_ratio or 0.0 for one in steps
    }
    gain = evidence.what_if.gains([scenario])[0]
    numbers = [
        Measurement("step runs held back by the CPU quota", pressure.throttled_runs, "runs"),
        Measurement("step runs looked at", pressure.runs, "runs"),
        Measurement("CPU time held back", ratio, "ratio"),
    ]
    if size.offered_cores is not None:
        numbers.append(Measurement("cores it has", size.offered_cores, "cores"))
    has = f" above {size.offered_cores:g} cores" if size.offered_cores is not None else ""
    return evidence.finding(
        FindingKind.TOO_SMALL,
        FindingSubject(size.job_id, None, "cpu", f"CPU of {size.job_id}"),
        numbers=numbers,
        seen=(evidence.recent[0], evidence.recent[-1]),
        effect=Effect(
            makespan_s=gain.saved_s,
            low_s=gain.low_s,
            high_s=gain.high_s,
            usd_per_month=None,
            how="each step shorter by the part of its CPU time that was held back, replayed",
        ),
        confidence=Confidence.MEDIUM,
        advice=f"Raise the CPU quota of {size.job_id}{has}: "
        f"it was held back for {ratio:.0%} of the CPU time it asked for.",
    )
