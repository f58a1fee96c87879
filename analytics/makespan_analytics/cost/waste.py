"""What was paid for and did not help, by kind.

The kinds do not overlap, so that they can be added: a job belongs to the first of superseded, cancelled, re-run and
failed that it is, with its whole cost; set-up that was repeated and cores that were idle are looked for in the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from makespan_analytics.branches import REVIEW_EVENTS
from makespan_analytics.cost.job_costs import JobCost
from makespan_analytics.cost.pipeline_costs import RunCost, step_parts
from makespan_analytics.setup_steps import is_setup
from makespan_model.records import JobRun, PipelineRun, Result


class WasteKind(StrEnum):
    """Why money was lost."""

    SUPERSEDED = "superseded"
    """What a run of a pull or merge request still did after a run for a newer commit of it had started."""
    CANCELLED = "cancelled"
    """Jobs somebody cancelled, up to then."""
    RERUN = "re-run"
    """Jobs of a second or later attempt: the first should have been enough."""
    FAILED = "failed"
    """Jobs that failed, timed out or broke down. Some of it is what CI is for: it found a fault."""
    REPEATED_SETUP = "repeated set-up"
    """The same set-up step in several jobs of a run, but for the dearest of them."""
    IDLE_CPU = "idle CPU"
    """Cores that were paid for and not used by any measured step."""


_FAILED = (Result.FAILURE, Result.ERROR, Result.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Waste:
    """One kind of waste over some history.

    Attributes:
        usd: What it cost.
        share_ratio: Of the whole cost.
        jobs: In how many jobs it was found.
        run_ids: Of the five runs with most of it.
    """

    kind: WasteKind
    usd: float
    share_ratio: float
    jobs: int
    run_ids: tuple[str, ...]


def find_waste(costs: Sequence[RunCost]) -> list[Waste]:
    """Every kind of waste found in priced jobs, the dearest first.

    Idle cores need jobs whose steps were measured on a machine of known size; other jobs count as fully used.
    """
    total = sum(cost.usd for cost in costs)
    by_run: dict[WasteKind, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    jobs: dict[WasteKind, int] = defaultdict(int)
    superseded_from = _superseded_from([cost.run for cost in costs])
    for cost, newer_ns in zip(costs, superseded_from, strict=True):
        for kind, usd in _run_waste(cost, newer_ns):
            if usd > 0:
                by_run[kind][cost.run.identity.run_id] += usd
                jobs[kind] += 1
    found = [
        Waste(
            kind=kind,
            usd=sum(runs.values()),
            share_ratio=sum(runs.values()) / total,
            jobs=jobs[kind],
            run_ids=tuple(sorted(runs, key=lambda run_id: -runs[run_id])[:5]),
        )
        for kind, runs in by_run.items()
    ]
    return sorted(found, key=lambda waste: -waste.usd)


def _run_waste(cost: RunCost, newer_ns: int | None) -> Iterable[tuple[WasteKind, float]]:
    useful: list[tuple[JobRun, JobCost]] = []
    for job, priced in zip(cost.run.jobs, cost.jobs, strict=True):
        if not priced.usd:
            continue
        late_ratio = _late_ratio(job, newer_ns)
        yield WasteKind.SUPERSEDED, late_ratio * priced.usd
        rest = (1 - late_ratio) * priced.usd
        if job.result is Result.CANCELLATION:
            yield WasteKind.CANCELLED, rest
        elif cost.run.identity.attempt > 1:
            yield WasteKind.RERUN, rest
        elif job.result in _FAILED:
            yield WasteKind.FAILED, rest
        elif late_ratio == 0:
            useful.append((job, priced))
    repeated = _repeated_setup(useful)
    for job, priced in useful:
        yield WasteKind.REPEATED_SETUP, repeated.get(job.name, 0.0)
        yield WasteKind.IDLE_CPU, _idle_usd(job, priced, repeated.get(job.name, 0.0))


def _superseded_from(runs: Sequence[PipelineRun]) -> list[int | None]:
    """When the next run of the same pull or merge request started for another commit; None where there is none.

    Pushes to a branch are left out: on many branches every commit is meant to be checked.
    """
    lines: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for index, run in enumerate(runs):
        line = run.change or (run.ref if (run.event or "").startswith(REVIEW_EVENTS) else None)
        if line is not None:
            lines[run.identity.repository, run.pipeline, line].append(index)
    newer: list[int | None] = [None] * len(runs)
    for members in lines.values():
        members.sort(key=lambda index: runs[index].start_ns)
        for position, index in enumerate(members):
            same = runs[index]
            newer[index] = next(
                (
                    runs[later].start_ns
                    for later in members[position + 1 :]
                    if runs[later].identity.run_id != same.identity.run_id and runs[later].commit != same.commit
                ),
                None,
            )
    return newer


def _late_ratio(job: JobRun, newer_ns: int | None) -> float:
    if newer_ns is None or newer_ns >= job.end_ns:
        return 0.0
    if job.end_ns == job.start_ns:
        return 1.0
    return (job.end_ns - max(newer_ns, job.start_ns)) / (job.end_ns - job.start_ns)


def _repeated_setup(jobs: Sequence[tuple[JobRun, JobCost]]) -> dict[str, float]:
    """USD by job label: what its set-up cost that another job of the run paid for as well."""
    seen: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for job, priced in jobs:
        for step, part in step_parts(job, priced):
            if is_setup(step.kind, step.path, step.name):
                # The same name is the same set-up in another job; positions in paths differ.
                seen[step.name].append((part * (priced.usd or 0.0), job.name))
    repeated: dict[str, float] = defaultdict(float)
    for found in seen.values():
        for usd, job_name in sorted(found)[:-1]:
            repeated[job_name] += usd
    return dict(repeated)


def _idle_usd(job: JobRun, cost: JobCost, already_usd: float) -> float:
    used_s = [step.usage.cpu_s for step in job.steps]
    cores = max(
        (offered for step in job.steps if (offered := step.usage.offered_cores) is not None),
        default=None if cost.runner is None else float(cost.runner.cores),
    )
    measured = [seconds for seconds in used_s if seconds is not None]
    if not cores or not measured or cost.duration_s <= 0 or cost.usd is None:
        return 0.0
    # Unmeasured steps count as fully used: what they did is not known.
    unmeasured_s = sum(step.duration_s for step in job.steps if step.usage.cpu_s is None)
    busy = min(1.0, (sum(measured) / cores + unmeasured_s) / cost.duration_s)
    return (1 - busy) * (cost.usd - already_usd)
