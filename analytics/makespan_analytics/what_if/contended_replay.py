"""One run run again on a given number of runners, or on runners that share the CPUs of one machine.

An event simulation of the run's tasks: jobs wait for those before them, then for a runner (first come, first
served; among those that wait, the one that started first when it was measured), and the steps that run at one
instant share the CPUs as `processor_sharing` says. What each step would take alone is found by turning that model
around: the durations are corrected until the simulation ends every step after the time that was measured.

Times alone cannot tell a step that shared a core from one that waited half of its time. A step is taken to have one
thread that never waits, unless it used more cores than one, or fewer without having to share any.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from makespan_analytics.processor_sharing import stretches
from makespan_analytics.what_if.task_graph import JOB_START, JobShape, TaskGraph

_PICKUP_S = 60.0
"""A job that starts later than this after a runner fell free did not wait for that runner: hosted and
self-hosted runners alike poll and boot within it."""
_CORRECTIONS = 30
_CLOSE_RATIO = 1e-3
_EPSILON_S = 1e-12


@dataclass(slots=True)
class _Job:
    """One job's tasks, in seconds; durations are those of steps that run alone."""

    shape: JobShape
    gap_s: float
    pickup_s: float
    gaps_s: list[float]
    durations_s: list[float]
    cpu_s: list[float]
    tail_s: float
    priority: float = 0.0


@dataclass(slots=True)
class _Running:
    left_s: float
    demand_cores: float
    ended: Callable[[float], None]


@dataclass(slots=True)
class _Measured:
    """When each job ran, by the measured times alone."""

    ready_s: list[float] = field(default_factory=list)
    start_s: list[float] = field(default_factory=list)
    end_s: list[float] = field(default_factory=list)


class ContendedReplay:
    """A measured run, ready to be run again.

    Args:
        graph: The run.
        runners: Jobs that run at once; raised to what was seen at once. None for no limit.
        cores: CPUs that the runners share; None when each has its own.
    """

    def __init__(self, graph: TaskGraph, *, runners: int | None, cores: float | None) -> None:
        self._cores = cores
        self._jobs = _jobs(graph)
        self._tail_s = graph.times_ns[-1] / 1e9
        measured = _measured(self._jobs)
        self._runners = None if runners is None else max(runners, _most_at_once(measured))
        for number, job in enumerate(self._jobs):
            job.priority = measured.start_s[number]
            if self._runners is not None:
                _blame_runners(job, number, measured, self._runners)
        if cores is not None:
            self._uncontend()

    def makespan_s(self, kept: Sequence[float] | None = None) -> float:
        """When the run would have ended, counted from its start.

        Args:
            kept: The part of each time that is left, by its place in `TaskGraph.times_ns`; None to change nothing.
        """
        simulation = _Simulation(self._jobs if kept is None else self._changed(kept), self._runners, self._cores)
        return simulation.run() + self._tail_s

    def _changed(self, kept: Sequence[float]) -> list[_Job]:
        changed: list[_Job] = []
        place = 0
        for job in self._jobs:
            # Queueing for a runner follows from the replay; what is left of a gap is all that could be saved.
            queue_kept = kept[place + 1]
            place += 2
            steps = len(job.durations_s)
            gap_kept, step_kept = kept[place : place + 2 * steps : 2], kept[place + 1 : place + 2 * steps : 2]
            place += 2 * steps
            changed.append(
                _Job(
                    job.shape,
                    _less(job.gap_s, queue_kept),
                    _less(job.pickup_s, queue_kept),
                    [_less(gap_s, ratio) for gap_s, ratio in zip(job.gaps_s, gap_kept, strict=True)],
                    [duration_s * ratio for duration_s, ratio in zip(job.durations_s, step_kept, strict=True)],
                    [cpu_s * ratio for cpu_s, ratio in zip(job.cpu_s, step_kept, strict=True)],
                    _less(job.tail_s, kept[place]),
                    job.priority,
                )
            )
            place += 1
        return changed

    def _uncontend(self) -> None:
        wanted_s = [list(job.durations_s) for job in self._jobs]
        for job in self._jobs:
            job.durations_s = [
                min(duration_s, cpu_s) if cpu_s > 0 else duration_s
                for duration_s, cpu_s in zip(job.durations_s, job.cpu_s, strict=True)
            ]
        for _ in range(_CORRECTIONS):
            simulation = _Simulation(self._jobs, self._runners, self._cores)
            simulation.run()
            worst = 0.0
            for job, wanted, taken in zip(self._jobs, wanted_s, simulation.taken_s, strict=True):
                for number, (wanted_one_s, taken_one_s) in enumerate(zip(wanted, taken, strict=True)):
                    if wanted_one_s > _EPSILON_S and taken_one_s > _EPSILON_S:
                        ratio = wanted_one_s / taken_one_s
                        # No step computes on more CPUs than there are, however little time it is given.
                        least_s = job.cpu_s[number] / self._cores if self._cores else 0.0
                        job.durations_s[number] = min(wanted_one_s, max(job.durations_s[number] * ratio, least_s))
                        worst = max(worst, abs(ratio - 1.0))
            if worst < _CLOSE_RATIO:
                return


class _Simulation:
    def __init__(self, jobs: Sequence[_Job], runners: int | None, cores: float | None) -> None:
        self._jobs = jobs
        self._cores = cores
        self._free = len(jobs) if runners is None else runners
        self._now_s = 0.0
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._timer_count = 0
        self._running: list[_Running] = []
        self._queue: list[tuple[float, int]] = []
        self._waits_for = [len(job.shape.after) for job in jobs]
        self._before: list[list[int]] = [[] for _ in jobs]
        self._steps_left = [len(job.durations_s) for job in jobs]
        self._last_end_s = 0.0
        self.taken_s = [[0.0] * len(job.durations_s) for job in jobs]
        for number, job in enumerate(jobs):
            for other in job.shape.after:
                self._before[other].append(number)

    def run(self) -> float:
        """The end of the last job."""
        for number, waits_for in enumerate(self._waits_for):
            if not waits_for:
                self._after(self._jobs[number].gap_s, self._enqueues(number))
        while self._timers or self._running:
            slowdowns = stretches([step.demand_cores for step in self._running], self._cores)
            next_end_s = min(
                (step.left_s * slow for step, slow in zip(self._running, slowdowns, strict=True)), default=float("inf")
            )
            next_timer_s = self._timers[0][0] - self._now_s if self._timers else float("inf")
            elapsed_s = min(next_end_s, next_timer_s)
            if elapsed_s > 0:
                for step, slow in zip(self._running, slowdowns, strict=True):
                    step.left_s -= elapsed_s / slow
                self._now_s += elapsed_s
            if next_timer_s <= next_end_s:
                heapq.heappop(self._timers)[2](self._now_s)
            for step in [step for step in self._running if step.left_s <= _EPSILON_S]:
                self._running.remove(step)
                step.ended(self._now_s)
        return self._last_end_s

    def _after(self, delay_s: float, action: Callable[[float], None]) -> None:
        """Act after a delay; one that clocks made negative is over at once."""
        self._timer_count += 1
        heapq.heappush(self._timers, (self._now_s + max(0.0, delay_s), self._timer_count, action))

    def _enqueues(self, number: int) -> Callable[[float], None]:
        def enqueue(now_s: float) -> None:  # noqa: ARG001
            heapq.heappush(self._queue, (self._jobs[number].priority, number))
            self._dispatch()

        return enqueue

    def _dispatch(self) -> None:
        while self._queue and self._free > 0:
            _, number = heapq.heappop(self._queue)
            self._free -= 1
            self._after(self._jobs[number].pickup_s, self._starts(number))

    def _starts(self, number: int) -> Callable[[float], None]:
        def start(now_s: float) -> None:  # noqa: ARG001
            self._release_steps(number, JOB_START)
            if not self._steps_left[number]:
                self._after(self._jobs[number].tail_s, self._ends(number))

        return start

    def _release_steps(self, number: int, before: int) -> None:
        job = self._jobs[number]
        for step, after in enumerate(job.shape.step_after):
            if after == before:
                self._after(job.gaps_s[step], self._steps(number, step))

    def _steps(self, number: int, step: int) -> Callable[[float], None]:
        job = self._jobs[number]

        def begin(begun_s: float) -> None:
            duration_s = job.durations_s[step]

            def end(now_s: float) -> None:
                self.taken_s[number][step] = now_s - begun_s
                self._steps_left[number] -= 1
                self._release_steps(number, step)
                if not self._steps_left[number]:
                    self._after(job.tail_s, self._ends(number))

            demand = job.cpu_s[step] / duration_s if duration_s > _EPSILON_S else 0.0
            self._running.append(_Running(duration_s, demand, end))

        return begin

    def _ends(self, number: int) -> Callable[[float], None]:
        def end(now_s: float) -> None:
            self._last_end_s = max(self._last_end_s, now_s)
            self._free += 1
            for other in self._before[number]:
                self._waits_for[other] -= 1
                if not self._waits_for[other]:
                    self._after(self._jobs[other].gap_s, self._enqueues(other))
            self._dispatch()

        return end


def _jobs(graph: TaskGraph) -> list[_Job]:
    times_s = [time_ns / 1e9 for time_ns in graph.times_ns]
    jobs: list[_Job] = []
    place = step = 0
    for shape in graph.shape:
        steps = len(shape.step_paths)
        first = place + 2
        end = first + 2 * steps
        jobs.append(
            _Job(
                shape,
                times_s[place] + times_s[place + 1],
                0.0,
                times_s[first:end:2],
                times_s[first + 1 : end : 2],
                list(graph.cpu_s[step : step + steps]),
                times_s[end],
            )
        )
        place, step = end + 1, step + steps
    return jobs


def _measured(jobs: Sequence[_Job]) -> _Measured:
    found = _Measured()
    for job in jobs:
        ready_s = max((found.end_s[number] for number in job.shape.after), default=0.0)
        start_s = ready_s + job.gap_s
        ends_s: list[float] = []
        for step, after in enumerate(job.shape.step_after):
            before_s = start_s if after == JOB_START else ends_s[after]
            ends_s.append(before_s + job.gaps_s[step] + job.durations_s[step])
        found.ready_s.append(ready_s)
        found.start_s.append(start_s)
        found.end_s.append(max([start_s, *ends_s]) + job.tail_s)
    return found


def _most_at_once(measured: _Measured) -> int:
    # An end before a start at the same instant: the runner is handed on.
    events = sorted([(start_s, 1) for start_s in measured.start_s] + [(end_s, -1) for end_s in measured.end_s])
    running = most = 0
    for _, change in events:
        running += change
        most = max(most, running)
    return max(1, most)


def _blame_runners(job: _Job, number: int, measured: _Measured, runners: int) -> None:
    """Where all runners were busy until shortly before a job started, its gap was the wait for one of them."""
    ready_s, start_s = measured.ready_s[number], measured.start_s[number]
    for end_s in sorted((end_s for end_s in measured.end_s if ready_s <= end_s <= start_s), reverse=True):
        if start_s - end_s > _PICKUP_S:
            return
        busy = sum(
            1
            for other_start_s, other_end_s in zip(measured.start_s, measured.end_s, strict=True)
            if other_start_s < end_s <= other_end_s
        )
        if busy >= runners:
            job.gap_s, job.pickup_s = 0.0, start_s - end_s
            return


def _less(time_s: float, kept: float) -> float:
    return time_s * kept if time_s > 0 else time_s
