"""Virtual speed-ups: what each step is worth, in seconds of makespan.

The question of causal profiling (Curtsinger and Berger, Coz, SOSP 2015, section 2): what would the whole gain if
this part took 10 % less? Coz slows everything else down while the program runs; here the finished run is played
again through its graph with the part shortened, which gives the answer for every run of the history.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from makespan_analytics.what_if.contended_replay import ContendedReplay
from makespan_analytics.what_if.replay import Floats, replayed_makespans_s, stacked_times_s
from makespan_analytics.what_if.task_graph import Shape, Subject, TaskGraph, step_names, subjects, task_graph
from makespan_model.records import PipelineRun

SPEEDUPS = (0.1, 0.25, 0.5, 1.0)
"""Parts of a step's time that are taken away; 1 is a step that costs nothing."""
_RESAMPLES = 1_000  # Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3
_SEED = 20_150_410
_INTERVAL = (0.05, 0.95)

Scenario = Mapping[Subject, float]
"""For each subject the part of its time, 0 to 1, that is taken away."""


@dataclass(frozen=True, slots=True)
class Gain:
    """What one scenario saves.

    Attributes:
        saved_s: Mean over the runs of the fall of the makespan.
        low_s, high_s: 90 % bootstrap interval of that mean; equal to it for a single run.
        saved_ratio: `saved_s` over the mean makespan of the runs.
    """

    saved_s: float
    low_s: float
    high_s: float
    saved_ratio: float


@dataclass(frozen=True, slots=True)
class VirtualSpeedup:
    """One subject made faster by several parts of its time.

    Attributes:
        name: What a person reads for a step; None for overhead and queueing.
        runs: In how many of the runs it occurs.
        gains: One for each of the parts asked for, in that order.
    """

    subject: Subject
    name: str | None
    runs: int
    gains: tuple[Gain, ...]


def virtual_speedups(
    runs: Sequence[PipelineRun],
    *,
    speedups: Sequence[float] = SPEEDUPS,
    runners: int | None = None,
    cores: float | None = None,
) -> tuple[VirtualSpeedup, ...]:
    """What every step, every job's overhead and queueing is worth, the most first (by the largest speed-up).

    Args:
        runs: Of one pipeline; a run in which nothing ran is left out.
        speedups: Parts of the time, 0 to 1, that are taken away.
        runners: Jobs that can run at once. None keeps the waiting before each job as it was measured.
        cores: CPUs that all runners share. None when each has its own.

    Raises:
        ValueError: A speed-up outside of 0 to 1, no runner or no CPU.
        InputError: The recorded `needs` of a run form a circle.
    """
    return History(runs, runners=runners, cores=cores).speedups(speedups)


class History:
    """Runs taken apart once, to be asked many questions.

    Args:
        runs, runners, cores: See `virtual_speedups`.

    Raises:
        ValueError: No runner or no CPU.
        InputError: The recorded `needs` of a run form a circle.
    """

    def __init__(self, runs: Sequence[PipelineRun], *, runners: int | None = None, cores: float | None = None) -> None:
        if runners is not None and runners < 1:
            raise ValueError(f"a replay needs at least one runner, not {runners}")
        if cores is not None and cores <= 0:
            raise ValueError(f"a replay needs more than {cores} cores")
        self._limits = (runners, cores)
        by_shape: dict[Shape, list[TaskGraph]] = defaultdict(list)
        for run in runs:
            graph = task_graph(run)
            if graph is not None:
                by_shape[graph.shape].append(graph)
        self._names = step_names(runs)
        self._groups = [_Group(shape, graphs) for shape, graphs in by_shape.items()]
        self.occurrences: dict[Subject, int] = {}
        for group in self._groups:
            for subject in group.places:
                self.occurrences[subject] = self.occurrences.get(subject, 0) + len(group.graphs)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Everything that could get faster, and took any time at all in some run."""
        timed: dict[Subject, None] = {}
        for group in self._groups:
            longest_s = group.times_s.max(axis=0)
            timed |= {subject: None for subject, places in group.places.items() if longest_s[places].max() > 0}
        return tuple(timed)

    def speedups(self, parts: Sequence[float] = SPEEDUPS) -> tuple[VirtualSpeedup, ...]:
        """See `virtual_speedups`.

        Raises:
            ValueError: A speed-up outside of 0 to 1.
        """
        chosen = self.subjects
        gains = self.gains([{subject: part} for subject in chosen for part in parts])
        found = [
            VirtualSpeedup(
                subject,
                self._names.get(subject),
                self.occurrences[subject],
                tuple(gains[number * len(parts) : (number + 1) * len(parts)]),
            )
            for number, subject in enumerate(chosen)
        ]
        return tuple(sorted(found, key=lambda one: -max((gain.saved_s for gain in one.gains), default=0.0)))

    def gains(self, scenarios: Sequence[Scenario]) -> list[Gain]:
        """What each scenario saves over all runs; where several subjects change, they change together.

        Raises:
            ValueError: A speed-up outside of 0 to 1.
        """
        for speedup in (value for scenario in scenarios for value in scenario.values()):
            if not 0.0 <= speedup <= 1.0:
                raise ValueError(f"a speed-up is the part of a time that is taken away, 0 to 1, not {speedup}")
        if not self._groups or not scenarios:
            return [Gain(0.0, 0.0, 0.0, 0.0) for _ in scenarios]
        saved_s = np.concatenate([self._saved_s(group, scenarios) for group in self._groups], axis=1)
        makespan_s = float(np.mean([graph.makespan_ns / 1e9 for group in self._groups for graph in group.graphs]))
        means_s = saved_s.mean(axis=1)
        low_s, high_s = _bootstrap_interval_s(saved_s)
        return [
            Gain(float(mean_s), float(low), float(high), float(mean_s) / makespan_s if makespan_s > 0 else 0.0)
            for mean_s, low, high in zip(means_s, low_s, high_s, strict=True)
        ]

    def _saved_s(self, group: _Group, scenarios: Sequence[Scenario]) -> Floats:
        """(scenarios, runs): the replay without the change minus the one with it, so that both err alike."""
        kept = np.ones((len(scenarios), group.times_s.shape[1]))
        for number, scenario in enumerate(scenarios):
            for subject, speedup in scenario.items():
                kept[number, group.places.get(subject, [])] -= speedup
        runners, cores = self._limits
        if runners is None and cores is None:
            unchanged = np.ones((1, kept.shape[1]))
            saved: Floats = replayed_makespans_s(group.shape, group.times_s, unchanged) - replayed_makespans_s(
                group.shape, group.times_s, kept
            )
            return saved
        return np.array([_contended_saved_s(replay, kept) for replay in group.replays(runners, cores)]).T


class _Group:
    """Runs of one shape."""

    def __init__(self, shape: Shape, graphs: list[TaskGraph]) -> None:
        self.shape = shape
        self.graphs = graphs
        self.places = subjects(shape)
        self.times_s = stacked_times_s(graphs)
        self._replays: list[ContendedReplay] | None = None

    def replays(self, runners: int | None, cores: float | None) -> list[ContendedReplay]:
        """The runs, ready to be run again; made once, as taking contention out of the measured times is the work."""
        if self._replays is None:
            self._replays = [ContendedReplay(graph, runners=runners, cores=cores) for graph in self.graphs]
        return self._replays


def _contended_saved_s(replay: ContendedReplay, kept: Floats) -> list[float]:
    base_s = replay.makespan_s()
    return [base_s - replay.makespan_s(row.tolist()) for row in kept]


def _bootstrap_interval_s(saved_s: Floats) -> tuple[Floats, Floats]:
    """Percentile bootstrap over the runs of the mean of each row (Efron and Tibshirani 1993, section 13.3)."""
    low, high = np.quantile(saved_s @ _resamples(saved_s.shape[1]), _INTERVAL, axis=1)
    return low, high


@lru_cache(maxsize=4)
def _resamples(runs: int) -> Floats:
    """(runs, resamples): the part that each run has in each of them; always the same, and dear to draw."""
    random = np.random.default_rng(_SEED)
    weights: Floats = random.multinomial(runs, np.full(runs, 1 / runs), size=_RESAMPLES).T / runs
    return weights
