"""How long runners take to pick a job up, from recorded queue times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from makespan_analytics.queueing.starvation import pool_standings
from makespan_model.records import PipelineRun


def startup_s(runs: Sequence[PipelineRun], labels: Iterable[str]) -> dict[str, float]:
    """Start-up of the runners of each label: the median queue time while its pool was not full.

    A label with too few recorded queue times (`queueing.starvation.FEWEST_JOBS`) is left out: nothing is told of it.
    """
    standings = pool_standings(runs)
    found: dict[str, float] = {}
    for label in labels:
        standing = next((one for one in standings if label in one.labels), None)
        if standing is not None:
            found[label] = standing.pickup_s
    return found
