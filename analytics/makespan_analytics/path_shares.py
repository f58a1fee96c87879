"""Who holds a pipeline back: critical seconds of each step over many runs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from makespan_analytics.critical_path import CriticalPath, SegmentKind
from makespan_model.records import pooled_path

_Subject = tuple[SegmentKind, str | None, str | None]


@dataclass(frozen=True, slots=True)
class PathShare:
    """What one step, the overhead of one job, or the waiting before one job adds to the makespan.

    Attributes:
        job_id: The job's key in the workflow file; matrix legs are pooled. None for a wait after the last job.
        name: The step's name in the latest run that had it on the path; None for what is not a step.
        runs: How many runs were looked at.
        runs_on_path: In how many it was on the critical path.
        critical_s: Median of its seconds on the path, over the runs that had it there.
        mean_critical_s: Its seconds on the path per run, over all runs: what removing it saves at the most.
        share_ratio: Its part of all the makespan of all the runs, 0 to 1.
    """

    kind: SegmentKind
    job_id: str | None
    step_path: str | None
    name: str | None
    runs: int
    runs_on_path: int
    critical_s: float
    mean_critical_s: float
    share_ratio: float


def path_shares(paths: Sequence[CriticalPath]) -> tuple[PathShare, ...]:
    """Pool the critical paths of several runs (in run order), the greatest share first."""
    seconds: dict[_Subject, list[float]] = defaultdict(list)
    names: dict[_Subject, str | None] = {}
    for path in paths:
        in_run: Counter[_Subject] = Counter()
        for segment in path.segments:
            step_path = None if segment.step_path is None else pooled_path(segment.step_path)
            subject = (segment.kind, segment.job_id, step_path)
            in_run[subject] += segment.duration_ns
            names[subject] = segment.step
        for subject, duration_ns in in_run.items():
            seconds[subject].append(duration_ns / 1e9)
    total_s = sum(path.makespan_s for path in paths)
    shares = [
        PathShare(
            kind=subject[0],
            job_id=subject[1],
            step_path=subject[2],
            name=names[subject],
            runs=len(paths),
            runs_on_path=len(values),
            critical_s=median(values),
            mean_critical_s=sum(values) / len(paths),
            share_ratio=sum(values) / total_s,
        )
        for subject, values in seconds.items()
    ]
    return tuple(sorted(shares, key=lambda share: (-share.share_ratio, str(share.job_id), str(share.step_path))))
