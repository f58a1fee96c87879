"""Runs of one shape run again, all at once, with some of their times changed.

Every number is an array over scenarios and runs, so that the cost of a replay is a few array operations a task,
however many runs there are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from makespan_analytics.what_if.task_graph import JOB_START, Shape, TaskGraph

Floats = npt.NDArray[np.float64]


def stacked_times_s(graphs: Sequence[TaskGraph]) -> Floats:
    """The times of runs of one shape, in seconds: one row a run."""
    return np.array([graph.times_ns for graph in graphs], dtype=np.float64) / 1e9


def replayed_makespans_s(shape: Shape, times_s: Floats, kept: Floats) -> Floats:
    """When each run would have ended, counted from its start, in each scenario.

    Args:
        shape: Of all the runs.
        times_s: (runs, places): as `stacked_times_s`.
        kept: (scenarios, places): the part of each time that is left, 1 for what stays as it was. A negative gap
            (clocks that disagree) is no time that could be saved, and stays.

    Returns:
        (scenarios, runs) seconds.
    """
    gained_s = np.maximum(times_s, 0.0)

    def time_s(place: int) -> Floats:
        column = times_s[:, place] - gained_s[:, place]
        result: Floats = column[None, :] + kept[:, place, None] * gained_s[None, :, place]
        return result

    start = np.zeros((kept.shape[0], times_s.shape[0]))
    ends: list[Floats] = []
    place = 0
    for job in shape:
        ready = _latest([ends[number] for number in job.after]) if job.after else start
        begun = ready + time_s(place) + time_s(place + 1)
        place += 2
        step_ends: list[Floats] = []
        for after in job.step_after:
            before = begun if after == JOB_START else step_ends[after]
            step_ends.append(before + time_s(place) + time_s(place + 1))
            place += 2
        ends.append(_latest([begun, *step_ends]) + time_s(place))
        place += 1
    return _latest(ends) + time_s(place)


def _latest(instants: Sequence[Floats]) -> Floats:
    latest = instants[0]
    for other in instants[1:]:
        latest = np.maximum(latest, other)
    return latest
