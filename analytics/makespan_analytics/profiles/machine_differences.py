"""Machines on which the same jobs take longer than on others of their kind, or shorter."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import exp, log

from makespan_analytics.neighbours import PairedDifference, neighbour_gaps, paired_difference
from makespan_model.records import JobRun, PipelineRun, Result

FEWEST_JOBS = 10
"""Jobs of a machine beside others from which it is compared."""
SIGNIFICANCE = 0.01
"""Chance of calling any machine of a pool different where all are alike."""
MIN_EFFECT = 0.05
"""Relative difference under which nobody would look for a reason."""
_LEAST_S = 1.0
"""Shorter jobs say more of the clock's rounding than of the machine."""

Labels = tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class MachineDifference:
    """One machine that differs from the others with its labels.

    Attributes:
        labels: What jobs on it asked for; None where nobody recorded it.
        machines: How many machines of these labels were compared, this one too, without any set aside before it.
        ratio: Time of a job on it over its time on the others; `low` and `high` enclose it in 90 of 100 cases.
        chance: Of so clear a difference in any machine of the pool where all are alike.
        jobs: Jobs it is told from.
        extra_s: What all of those took longer (or shorter) for it.
    """

    worker: str
    labels: Labels
    machines: int
    ratio: float
    low: float
    high: float
    chance: float
    jobs: int
    extra_s: float


def machine_differences(runs: Sequence[PipelineRun]) -> tuple[MachineDifference, ...]:
    """Compare machines, the one that costs most time first.

    Each job is compared with the same job on other machines next to it in time, so that neither what the pipeline
    became nor which jobs a machine got is taken for the machine. Machines that live for one job (hosted runners) have
    too few of them.

    Args:
        runs: Of any pipelines that share machines, oldest first; only successful jobs count.
    """
    pools: dict[Labels, dict[tuple[str, str, str], list[JobRun]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        for job in run.jobs:
            if job.worker and job.result is Result.SUCCESS and job.state is None and job.duration_s >= _LEAST_S:
                kind = run.identity.repository, run.pipeline, job.name
                pools[job.runner_labels and tuple(sorted(job.runner_labels))][kind].append(job)
    found = [one for labels, kinds in pools.items() for one in _of_pool(labels, kinds.values())]
    return tuple(sorted(found, key=lambda one: (-one.extra_s, one.worker)))


def _of_pool(labels: Labels, given: Iterable[Sequence[JobRun]]) -> list[MachineDifference]:
    kinds = [sorted(jobs, key=lambda job: job.start_ns) for jobs in given]
    counts = Counter(job.worker for jobs in kinds for job in jobs)
    workers = {worker for worker, count in counts.items() if worker is not None and count >= FEWEST_JOBS}
    found: list[MachineDifference] = []
    # The one that differs most is set aside before the next is looked for: beside it all others differ, too.
    while len(workers) > 1:
        compared = {worker: one for worker in workers if (one := _compared(worker, workers, kinds)) is not None}
        different = {worker: one for worker, one in compared.items() if _differs(one, len(compared))}
        if not different:
            break
        # Of two, each differs from the other: the slower one is named.
        worker = max(different, key=lambda name: (abs(different[name].value), different[name].value))
        if len(workers) == 2:
            worker = max(different, key=lambda name: different[name].value)
        took_s = sum(job.duration_s for jobs in kinds for job in jobs if job.worker == worker)
        found.append(_told(worker, labels, len(compared), different[worker], took_s))
        workers.discard(worker)
    return found


def _compared(worker: str, workers: Collection[str], kinds: Sequence[Sequence[JobRun]]) -> PairedDifference | None:
    gaps = []
    for jobs in kinds:
        is_own = [job.worker == worker for job in jobs]
        if any(is_own):
            is_other = [job.worker != worker and job.worker in workers for job in jobs]
            gaps += neighbour_gaps([log(job.duration_s) for job in jobs], is_own, is_other)
    return paired_difference(gaps, FEWEST_JOBS)


def _differs(difference: PairedDifference, machines: int) -> bool:
    return difference.chance * machines < SIGNIFICANCE and abs(exp(difference.value) - 1.0) >= MIN_EFFECT


def _told(worker: str, labels: Labels, machines: int, difference: PairedDifference, took_s: float) -> MachineDifference:
    ratio = exp(difference.value)
    return MachineDifference(
        worker=worker,
        labels=labels,
        machines=machines,
        ratio=ratio,
        low=exp(difference.low),
        high=exp(difference.high),
        chance=min(1.0, difference.chance * machines),
        jobs=difference.pairs,
        extra_s=took_s * (1.0 - 1.0 / ratio),
    )
