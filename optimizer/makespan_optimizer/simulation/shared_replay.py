"""Plays runs event by event: jobs wait for runners, for their concurrency group, and for other legs of their matrix.

A job passes, in this order: its needs, the limit of legs of its matrix, its concurrency group, and the queue of its
pool, first come first served. All chance is in the draws: the same draws give the same replays.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from enum import IntEnum

import numpy as np

from makespan_optimizer.simulation.draws import Draws, Floats, JobState, Replays
from makespan_optimizer.simulation.shape import ConcurrencyGroup, PipelineShape, StartsWhen
from makespan_optimizer.simulation.waiting_lines import ENDED, RUNNING, WAITING, Group, Pool, RunUnderWay, Waiter


class _Event(IntEnum):
    """What happens; at one instant what ends comes before what begins."""

    END = 0
    ARRIVE = 1
    START = 2


def play_shared(
    shape: PipelineShape,
    draws: Draws,
    *,
    runners: Mapping[str, int] | None = None,
    arrivals_s: Floats | None = None,
) -> Replays:
    """Play every run.

    Args:
        shape: The pipeline.
        draws: One row a run.
        runners: Size of the pool of each label; jobs that ask for none of them start after their drawn delay.
        arrivals_s: When each run begins, in ascending order: all runs then share the pools. None to give every run
            the pools for itself.

    Raises:
        ValueError: A pool without a runner, or arrivals of another number or not in order.
    """
    for label, count in (runners or {}).items():
        if count < 1:
            raise ValueError(f"a pool needs at least one runner, not {count} of {label!r}")
    if draws.runs.shape[1] != len(shape.jobs):
        raise ValueError(f"draws of {draws.runs.shape[1]} jobs for a pipeline of {len(shape.jobs)}")
    if arrivals_s is None:
        play = _Play(shape, draws, runners or {}, shares=False)
        for number in range(draws.count):
            play.play([number], [0.0])
    else:
        if len(arrivals_s) != draws.count or np.any(np.diff(arrivals_s) < 0):
            raise ValueError("every run needs its arrival, in ascending order")
        play = _Play(shape, draws, runners or {}, shares=True)
        play.play(range(draws.count), arrivals_s.tolist())
    return play.replays(arrivals_s)


def pool_label(labels: tuple[str, ...] | None, runners: Mapping[str, int]) -> str | None:
    """The label whose pool a job runs on: the first it asks for that has one."""
    return next((label for label in labels or () if label in runners), None)


class _Play:
    """The event loop. Times within are those of the stream; what it writes down counts from each run's start."""

    def __init__(self, shape: PipelineShape, draws: Draws, runners: Mapping[str, int], *, shares: bool) -> None:
        self._shape = shape
        self._runners = runners
        self._shares = shares
        self._pool_of = [pool_label(job.labels, runners) for job in shape.jobs]
        self._before = [shape.before(number) for number in range(len(shape.jobs))]
        self._after: list[list[int]] = [[] for _ in shape.jobs]
        for number, before in enumerate(self._before):
            for other in before:
                self._after[other].append(number)
        # Lists: reading one number of an array costs ten times as much.
        self._lets = draws.runs.tolist()
        self._duration_s, self._fails = draws.duration_s.tolist(), draws.fails.tolist()
        self._delay_s, self._startup_s = draws.delay_s.tolist(), draws.startup_s.tolist()
        self._tail_s = draws.tail_s
        count, jobs = draws.runs.shape
        self._state = [[int(JobState.SKIPPED)] * jobs for _ in range(count)]
        self._ready_s, self._start_s, self._end_s, self._wait_s, self._held_s = (
            [[0.0] * jobs for _ in range(count)] for _ in range(5)
        )
        self._attempt_s = [[[0.0] * jobs for _ in range(count)] for _ in range(draws.duration_s.shape[0])]
        self._discarded = [False] * count
        self._events: list[tuple[float, int, int, RunUnderWay, int, int]] = []
        self._serial = 0
        # Jobs whose needs have just ended: a list, as a chain of skipped jobs may be longer than the stack is deep.
        self._ready: deque[Waiter] = deque()

    def play(self, numbers: Sequence[int], arrivals_s: Sequence[float]) -> None:
        """Play runs that share their pools, which are empty before."""
        self._pools = {label: Pool(count) for label, count in self._runners.items()}
        self._groups: dict[str, Group] = {}
        self._run_group = Group()
        for number, arrival_s in zip(numbers, arrivals_s, strict=True):
            self._schedule(arrival_s, _Event.ARRIVE, RunUnderWay.new(number, arrival_s, self._before), -1)
        while self._events:
            now_s, kind, _, run, job, attempt = heapq.heappop(self._events)
            if kind == _Event.ARRIVE:
                self._arrive(run, now_s)
            # An event of a job that was cancelled meanwhile is of the past.
            elif kind == _Event.START and run.phase[job] == WAITING:
                self._start(run, job, now_s)
            elif kind == _Event.END and run.phase[job] == RUNNING and run.attempt[job] == attempt:
                self._end_attempt(run, job, now_s)
            while self._ready:
                self._become_ready(*self._ready.popleft(), now_s)

    def replays(self, arrivals_s: Floats | None) -> Replays:
        """What was written down."""
        end_s = np.array(self._end_s)
        last_s: Floats = end_s.max(axis=1, initial=0.0)
        return Replays(
            state=np.array(self._state, dtype=np.int8),
            ready_s=np.array(self._ready_s),
            start_s=np.array(self._start_s),
            end_s=end_s,
            wait_s=np.array(self._wait_s),
            attempt_s=np.array(self._attempt_s),
            held_s=np.array(self._held_s),
            makespan_s=last_s + self._tail_s,
            arrival_s=np.zeros(len(end_s)) if arrivals_s is None else arrivals_s,
            discarded=np.array(self._discarded),
        )

    def _schedule(self, time_s: float, kind: _Event, run: RunUnderWay, job: int, attempt: int = 0) -> None:
        self._serial += 1
        heapq.heappush(self._events, (time_s, int(kind), self._serial, run, job, attempt))

    # Whole runs

    def _arrive(self, run: RunUnderWay, now_s: float) -> None:
        if self._shape.group is None or self._enter(self._run_group, (run, -1), self._shape.group, now_s):
            self._begin_run(run)

    def _begin_run(self, run: RunUnderWay) -> None:
        self._ready.extend((run, job) for job, needs in enumerate(run.open_needs) if not needs)

    def _discard_run(self, run: RunUnderWay, now_s: float) -> None:
        self._discarded[run.number] = True
        for job in range(len(self._shape.jobs)):
            if run.phase[job] != ENDED:
                self._cancel(run, job, now_s)

    # Jobs: needs, limit of legs, group, pool

    def _become_ready(self, run: RunUnderWay, job: int, now_s: float) -> None:
        if run.phase[job] == ENDED:
            return  # Cancelled together with the job it waited for.
        shape = self._shape.jobs[job]
        since_s = now_s - run.arrival_s
        self._ready_s[run.number][job] = since_s
        self._start_s[run.number][job] = since_s
        before = self._before[job]
        good, bad = all(run.good[other] for other in before), any(run.bad[other] for other in before)
        is_let = good if shape.starts_when is StartsWhen.SUCCESS else bad
        if not self._lets[run.number][job] or not (is_let or shape.starts_when is StartsWhen.ALWAYS):
            self._finish(run, job, JobState.SKIPPED, now_s)
            return
        if shape.max_parallel is not None:
            running = run.legs_running.get(shape.job_id, 0)
            if running >= shape.max_parallel:
                run.legs_waiting.setdefault(shape.job_id, deque()).append(job)
                return
            run.legs_running[shape.job_id] = running + 1
        self._pass_group(run, job, now_s)

    def _pass_group(self, run: RunUnderWay, job: int, now_s: float) -> None:
        group = self._shape.jobs[job].group
        if group is None or self._enter(self._group(run, group.name), (run, job), group, now_s):
            self._queue(run, job, now_s)

    def _group(self, run: RunUnderWay, name: str) -> Group:
        return (self._groups if self._shares else run.groups).setdefault(name, Group())

    def _enter(self, group: Group, waiter: Waiter, rules: ConcurrencyGroup, now_s: float) -> bool:
        """Whether the group is free for it; otherwise it waits there."""
        if group.holder is None:
            group.holder = waiter
            return True
        if rules.keeps_one_pending and group.pending:
            self._drop(*group.pending.popleft(), now_s)
        group.pending.append(waiter)
        if rules.cancels:
            # Its end lets on what waits.
            self._drop(*group.holder, now_s)
        return False

    def _drop(self, run: RunUnderWay, job: int, now_s: float) -> None:
        if job < 0:
            self._discard_run(run, now_s)
        else:
            self._cancel(run, job, now_s)

    def _leave(self, group: Group, now_s: float) -> None:
        group.holder = group.pending.popleft() if group.pending else None
        if group.holder is not None:
            run, job = group.holder
            if job < 0:
                self._begin_run(run)
            else:
                self._queue(run, job, now_s)

    def _queue(self, run: RunUnderWay, job: int, now_s: float) -> None:
        run.queued_s[job] = now_s
        label = self._pool_of[job]
        if label is None:
            self._schedule(now_s + self._delay_s[run.number][job], _Event.START, run, job)
            return
        pool = self._pools[label]
        pool.queue.append((run, job))
        self._dispatch(pool, now_s)

    def _dispatch(self, pool: Pool, now_s: float) -> None:
        while pool.free and pool.queue:
            run, job = pool.queue.popleft()
            pool.free -= 1
            run.taken_s[job] = now_s
            self._wait_s[run.number][job] += now_s - run.queued_s[job]
            self._schedule(now_s + self._startup_s[run.number][job], _Event.START, run, job)

    def _start(self, run: RunUnderWay, job: int, now_s: float) -> None:
        run.phase[job] = RUNNING
        attempt = run.attempt[job]
        if not attempt:
            self._start_s[run.number][job] = now_s - run.arrival_s
        if self._pool_of[job] is None:
            run.taken_s[job] = now_s
        run.queued_s[job] = now_s
        run.ends_s[job] = now_s + self._duration_s[attempt][run.number][job]
        self._schedule(run.ends_s[job], _Event.END, run, job, attempt)

    # Ends

    def _end_attempt(self, run: RunUnderWay, job: int, now_s: float) -> None:
        shape, attempt = self._shape.jobs[job], run.attempt[job]
        failed = self._fails[attempt][run.number][job]
        self._write_attempt(run, job, now_s)
        if failed and attempt < min(shape.retries, len(self._duration_s) - 1):
            run.attempt[job] = attempt + 1
            run.phase[job] = WAITING
            self._queue(run, job, now_s)
            return
        self._finish(run, job, JobState.FAILURE if failed else JobState.SUCCESS, now_s)
        if failed and shape.fail_fast and not shape.failure_tolerated:
            for other in self._shape.legs[shape.job_id]:
                ends_now = run.phase[other] == RUNNING and run.ends_s[other] <= now_s
                if run.phase[other] != ENDED and not ends_now:
                    self._cancel(run, other, now_s)

    def _write_attempt(self, run: RunUnderWay, job: int, now_s: float) -> None:
        """Give the runner back."""
        if run.phase[job] == RUNNING:
            # `queued_s` is the start of the attempt by now.
            self._attempt_s[run.attempt[job]][run.number][job] = now_s - run.queued_s[job]
        if run.taken_s[job] >= 0:
            self._held_s[run.number][job] += now_s - run.taken_s[job]
            run.taken_s[job] = -1.0
            label = self._pool_of[job]
            if label is not None:
                self._pools[label].free += 1
                self._dispatch(self._pools[label], now_s)

    def _cancel(self, run: RunUnderWay, job: int, now_s: float) -> None:
        label = self._pool_of[job]
        if label is not None and (run, job) in self._pools[label].queue:
            self._pools[label].queue.remove((run, job))
            self._wait_s[run.number][job] += now_s - run.queued_s[job]
        began = run.phase[job] == RUNNING or run.attempt[job] > 0
        self._write_attempt(run, job, now_s)
        if not began:
            self._start_s[run.number][job] = now_s - run.arrival_s
        self._finish(run, job, JobState.CANCELLED, now_s)

    def _finish(self, run: RunUnderWay, job: int, state: JobState, now_s: float) -> None:
        run.phase[job] = ENDED
        run.left -= 1
        self._state[run.number][job] = int(state)
        self._end_s[run.number][job] = now_s - run.arrival_s
        self._judge(run, job, state)
        if state is not JobState.SKIPPED:
            self._release(run, job, now_s)
        for other in self._after[job]:
            run.open_needs[other] -= 1
            if not run.open_needs[other]:
                self._ready.append((run, other))
        if not run.left and self._run_group.holder == (run, -1):
            self._leave(self._run_group, now_s)

    def _judge(self, run: RunUnderWay, job: int, state: JobState) -> None:
        shape, before = self._shape.jobs[job], self._before[job]
        tolerated = state is JobState.FAILURE and shape.failure_tolerated
        is_absent = state is JobState.SKIPPED and not self._lets[run.number][job]
        run.good[job] = tolerated or state is JobState.SUCCESS or (is_absent and self._shape.absent_passes)
        run.bad[job] = state is JobState.FAILURE and not tolerated
        if self._shape.sees_ancestors:
            run.good[job] = run.good[job] and all(run.good[other] for other in before)
            run.bad[job] = run.bad[job] or any(run.bad[other] for other in before)

    def _release(self, run: RunUnderWay, job: int, now_s: float) -> None:
        """Let the next one of its group and of its matrix on."""
        shape = self._shape.jobs[job]
        if shape.group is not None:
            group = self._group(run, shape.group.name)
            if group.holder == (run, job):
                self._leave(group, now_s)
            elif (run, job) in group.pending:
                group.pending.remove((run, job))
        if shape.max_parallel is not None:
            waiting = run.legs_waiting.get(shape.job_id, deque())
            if job in waiting:
                waiting.remove(job)
            elif waiting:
                self._pass_group(run, waiting.popleft(), now_s)
            else:
                run.legs_running[shape.job_id] -= 1
