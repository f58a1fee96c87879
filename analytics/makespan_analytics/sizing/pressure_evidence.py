"""What says that a step or a job had too little: kills, limits hit, CPU held back, waiting for memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from makespan_analytics.sizing.observations import KILLED_EXIT_CODE, was_killed_for_memory
from makespan_model.records import StepRun

_FELT_RATIO = 0.05
"""From a twentieth of its time on a step's waiting is felt."""


@dataclass(frozen=True, slots=True)
class PressureEvidence:
    """Counts of runs, and the shares of time that were lost.

    Attributes:
        runs: Step runs looked at, failed ones included.
        oom_runs: Killed for lack of memory, as the kernel counted.
        killed_runs: Ended with code 137 and no count from the kernel: killed, perhaps for lack of memory.
        at_limit_runs: Came to the limit of their container (`memory.max`) without being killed.
        throttled_runs: Held back by the CPU quota for more than a twentieth of their time.
        throttled_ratio: CPU time held back over CPU time asked for, of all runs; None when nobody counted.
        memory_pressure_runs: Waited for memory (PSI) for more than a twentieth of their time.
        run_ids: Runs with a kill, the newest last.
    """

    runs: int
    oom_runs: int
    killed_runs: int
    at_limit_runs: int
    throttled_runs: int
    throttled_ratio: float | None
    memory_pressure_runs: int
    run_ids: tuple[str, ...] = ()


def pressure_evidence(steps: Iterable[tuple[str, StepRun]]) -> PressureEvidence:
    """The evidence of step runs, each with the id of its pipeline run."""
    found = list(steps)
    oom = [was_killed_for_memory(step) for _, step in found]
    killed = [step.exit_code == KILLED_EXIT_CODE and not step.usage.oom_kills for _, step in found]
    counted = [step for _, step in found if step.usage.throttled_s is not None]
    held_back_s = sum(step.usage.throttled_s or 0.0 for step in counted)
    used_s = sum(step.usage.cpu_s or 0.0 for step in counted)
    return PressureEvidence(
        runs=len(found),
        oom_runs=sum(oom),
        killed_runs=sum(killed),
        at_limit_runs=sum(
            bool(step.usage.memory_max_events) and not was for (_, step), was in zip(found, oom, strict=True)
        ),
        throttled_runs=sum(_is_felt(step.usage.throttled_s, step) for step in counted),
        throttled_ratio=held_back_s / (held_back_s + used_s)
        if held_back_s + used_s > 0
        else (0.0 if counted else None),
        memory_pressure_runs=sum(_is_felt(step.usage.memory_pressure_s, step) for _, step in found),
        run_ids=tuple(run_id for (run_id, _), one, two in zip(found, oom, killed, strict=True) if one or two),
    )


def _is_felt(seconds: float | None, step: StepRun) -> bool:
    return seconds is not None and seconds > _FELT_RATIO * step.duration_s
