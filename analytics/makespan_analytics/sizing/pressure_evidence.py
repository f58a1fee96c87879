"""What says that a step or a job had too little: kills, limits hit, CPU held back, waiting for memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from makespan_analytics.sizing.observations import KILLED_EXIT_CODE
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
    runs = oom = killed = at_limit = counted = throttled = waiting = 0
    held_back_s = used_s = 0.0
    run_ids: list[str] = []
    # One pass over attributes: there are thousands of step runs, and hardly any of them has something to say.
    for run_id, step in steps:
        runs += 1
        usage = step.usage
        if usage.oom_kills:
            oom += 1
            run_ids.append(run_id)
        else:
            if step.exit_code == KILLED_EXIT_CODE:
                killed += 1
                run_ids.append(run_id)
            if usage.memory_max_events:
                at_limit += 1
        if usage.throttled_s is not None:
            counted += 1
            held_back_s += usage.throttled_s
            used_s += usage.cpu_s or 0.0
            throttled += _is_felt(usage.throttled_s, step)
        if usage.memory_pressure_s is not None:
            waiting += _is_felt(usage.memory_pressure_s, step)
    asked_s = held_back_s + used_s
    return PressureEvidence(
        runs=runs,
        oom_runs=oom,
        killed_runs=killed,
        at_limit_runs=at_limit,
        throttled_runs=throttled,
        throttled_ratio=held_back_s / asked_s if asked_s > 0 else (0.0 if counted else None),
        memory_pressure_runs=waiting,
        run_ids=tuple(run_ids),
    )


def _is_felt(seconds: float, step: StepRun) -> bool:
    return seconds > _FELT_RATIO * step.duration_s
