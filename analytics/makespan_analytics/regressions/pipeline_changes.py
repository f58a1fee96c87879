"""Changes of a pipeline, each with the commits it lies between, and those of one cause together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from makespan_analytics.change_points import ChangePoint, detect_many
from makespan_analytics.regressions.history_series import Measure, Series, Subject

FEWEST_RUNS = 10
"""Successful runs under which a series is not looked at: two levels of five."""
MIN_EFFECT = 0.05
_SMALLEST = {
    Measure.DURATION: 1.0,
    Measure.QUEUE: 5.0,
    Measure.CPU: 1.0,
    Measure.MEMORY_PEAK: 16 * 1024 * 1024,
    Measure.READ: 16 * 1024 * 1024,
    Measure.WRITTEN: 16 * 1024 * 1024,
}
"""Absolute change under which nobody would act, in the measure's own unit."""
_SAME_CAUSE_RUNS = 2
"""Changes that begin this few runs apart are taken to have one cause: points are found to within that."""


@dataclass(frozen=True, slots=True)
class Change:
    """One series changed its level.

    Attributes:
        change_id: The same whenever the change is found again.
        last_good: Id and commit of the last run before it, `first_bad` of the first run after.
        run: Place of that run among all runs of the pipeline.
        is_current: Whether the regime it began is the newest.
    """

    change_id: str
    subject: Subject
    measure: Measure
    point: ChangePoint
    last_good: tuple[str, str | None]
    first_bad: tuple[str, str | None]
    run: int
    is_current: bool

    @property
    def is_regression(self) -> bool:
        """Whether more is taken than before; every measure here is better when it is less."""
        return self.point.after > self.point.before


@dataclass(frozen=True, slots=True)
class Cause:
    """Changes that began together, the one that matters most first."""

    changes: tuple[Change, ...]

    @property
    def headline(self) -> Change:
        """The change to name it by."""
        return self.changes[0]


@dataclass(frozen=True, slots=True)
class PipelineChanges:
    """What was found, the newest cause first; and how much was looked at."""

    causes: tuple[Cause, ...]
    series: int
    too_short: int


def pipeline_changes(
    pipeline: tuple[str, str], series: Iterable[Series], *, min_effect: float = MIN_EFFECT
) -> PipelineChanges:
    """Look for changes in every series of a pipeline.

    Args:
        pipeline: Repository and name; part of every change's id.
        series: As `history_series.pipeline_series` gives them.
        min_effect: Smallest relative change that counts.
    """
    given = list(series)
    long = [one for one in given if len(one.values) >= FEWEST_RUNS]
    found = detect_many(
        [one.values for one in long],
        times=[one.times_ns for one in long],
        groups=[_commits(one) for one in long],
        min_effect=min_effect,
    )
    changes = [
        _change(pipeline, one, point, is_current=point is points[-1])
        for one, points in zip(long, found, strict=True)
        for point in points
        if abs(point.after - point.before) >= _SMALLEST[one.measure]
    ]
    return PipelineChanges(_causes(changes), len(long), len(given) - len(long))


def _commits(series: Series) -> list[str]:
    """The commit of every run; runs of unknown commits stand for themselves."""
    return [commit or run_id for commit, run_id in zip(series.commits, series.run_ids, strict=True)]


def _change(pipeline: tuple[str, str], series: Series, point: ChangePoint, *, is_current: bool) -> Change:
    before, first = point.index - 1, point.index
    subject = series.subject
    parts = (*pipeline, subject.job or "", subject.step or "", series.measure, series.run_ids[first])
    return Change(
        change_id=hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:10],
        subject=subject,
        measure=series.measure,
        point=point,
        last_good=(series.run_ids[before], series.commits[before]),
        first_bad=(series.run_ids[first], series.commits[first]),
        run=series.runs[first],
        is_current=is_current,
    )


def _causes(changes: Sequence[Change]) -> tuple[Cause, ...]:
    groups: list[list[Change]] = []
    for change in sorted(changes, key=lambda change: change.run):
        # Directions apart: what got slower and what got faster at once are two things to look at.
        for group in groups:
            if change.run - group[0].run <= _SAME_CAUSE_RUNS and change.is_regression == group[0].is_regression:
                group.append(change)
                break
        else:
            groups.append([change])
    causes = [Cause(tuple(sorted(group, key=_weight))) for group in groups]
    return tuple(sorted(causes, key=lambda cause: -cause.headline.run))


def _weight(change: Change) -> tuple[int, int, float]:
    """What people wait for before what it costs, the whole before its parts, the larger change before the smaller."""
    breadth = (change.subject.job is not None) + (change.subject.step is not None)
    return list(Measure).index(change.measure), breadth, -abs(change.point.relative_change)
