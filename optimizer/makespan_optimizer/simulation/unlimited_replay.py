"""Plays runs in which no job waits for another but for its needs: all runs at once, job by job, in arrays.

`shared_replay` gives the same for such pipelines, run by run, and plays all others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from makespan_optimizer.simulation.draws import Draws, Flags, Floats, JobState, Replays, States
from makespan_optimizer.simulation.shape import JobShape, PipelineShape, StartsWhen


def can_play(shape: PipelineShape) -> bool:
    """Whether no two jobs of a run wait for each other beyond their needs.

    Nor are there jobs that are both retried and cancelled with their matrix: no CI system has them.
    """
    return all(
        job.group is None and job.max_parallel is None and not (job.fail_fast and job.retries) for job in shape.jobs
    )


def play_unlimited(shape: PipelineShape, draws: Draws) -> Replays:
    """Play every run with a runner for each job.

    Raises:
        ValueError: Jobs of the pipeline wait for each other (`can_play`), or the draws are of another pipeline.
    """
    if not can_play(shape):
        raise ValueError("jobs that wait for each other must be played one by one")
    if draws.runs.shape[1] != len(shape.jobs):
        raise ValueError(f"draws of {draws.runs.shape[1]} jobs for a pipeline of {len(shape.jobs)}")
    play = _Play(shape, draws)
    for number, job in enumerate(shape.jobs):
        legs = shape.legs[job.job_id] if job.fail_fast else (number,)
        if number == legs[0]:
            play.play_legs(legs)
    return play.replays()


class _Play:
    def __init__(self, shape: PipelineShape, draws: Draws) -> None:
        self._shape = shape
        self._draws = draws
        size = draws.runs.shape
        self._state: States = np.full(size, JobState.SKIPPED, dtype=np.int8)
        self._ready_s, self._start_s, self._end_s = np.zeros(size), np.zeros(size), np.zeros(size)
        self._attempt_s = np.zeros(draws.duration_s.shape)
        # Whether a job and, where conditions see ancestors, all before it went well; whether one of them failed.
        self._good: Flags = np.ones(size, dtype=np.bool_)
        self._bad: Flags = np.zeros(size, dtype=np.bool_)
        self._seen: dict[tuple[int, ...], tuple[Floats, Flags, Flags]] = {}

    def play_legs(self, legs: Sequence[int]) -> None:
        """Play a job, or all legs of one that cancel each other; they need the same jobs."""
        shape, draws = self._shape, self._draws
        ready_s, good, bad = self._ended(shape.before(legs[0]))
        for leg in legs:
            job = shape.jobs[leg]
            runs: Flags = draws.runs[:, leg] & _is_let(job, good, bad)
            self._ready_s[:, leg] = ready_s
            self._run(leg, ready_s, runs)
        if shape.jobs[legs[0]].fail_fast and len(legs) > 1:
            self._cancel_others(list(legs))
        for leg in legs:
            self._judge(leg, good, bad)

    def _ended(self, before: tuple[int, ...]) -> tuple[Floats, Flags, Flags]:
        """When jobs have ended, whether all went well, whether one failed; a whole stage asks for the same ones."""
        if before not in self._seen:
            columns = list(before)
            ready_s: Floats = self._end_s[:, columns].max(axis=1, initial=0.0)
            good: Flags = np.logical_and.reduce(self._good[:, columns], axis=1)
            self._seen[before] = (ready_s, good, np.logical_or.reduce(self._bad[:, columns], axis=1))
        return self._seen[before]

    def _run(self, leg: int, ready_s: Floats, runs: Flags) -> None:
        draws, attempts = self._draws, self._shape.jobs[leg].retries + 1
        attempts = min(attempts, draws.duration_s.shape[0])
        start_s = np.where(runs, ready_s + draws.delay_s[:, leg], ready_s)
        end_s, trying = start_s.copy(), runs.copy()
        failed: Flags = np.zeros(draws.count, dtype=np.bool_)
        for attempt in range(attempts):
            # A retry waits for a runner as the first attempt did.
            again_s = draws.delay_s[:, leg] if attempt else 0.0
            taken_s = draws.duration_s[attempt, :, leg]
            end_s = np.where(trying, end_s + again_s + taken_s, end_s)
            self._attempt_s[attempt, :, leg] = np.where(trying, taken_s, 0.0)
            failed = np.where(trying, draws.fails[attempt, :, leg], failed)
            trying &= failed
        self._start_s[:, leg], self._end_s[:, leg] = start_s, end_s
        ended = np.where(failed, JobState.FAILURE, JobState.SUCCESS)
        self._state[:, leg] = np.where(runs, ended, JobState.SKIPPED)

    def _cancel_others(self, legs: list[int]) -> None:
        state, end_s = self._state[:, legs], self._end_s[:, legs]
        tolerated = np.array([self._shape.jobs[leg].failure_tolerated for leg in legs])
        first_s = np.where((state == JobState.FAILURE) & ~tolerated, end_s, np.inf).min(axis=1, keepdims=True)
        cut = (state != JobState.SKIPPED) & (end_s > first_s)
        self._end_s[:, legs] = np.where(cut, first_s, end_s)
        # What had not started by then never does.
        self._start_s[:, legs] = np.minimum(self._start_s[:, legs], self._end_s[:, legs])
        ran_s = self._end_s[:, legs] - self._start_s[:, legs]
        self._attempt_s[0][:, legs] = np.where(cut, ran_s, self._attempt_s[0][:, legs])
        self._state[:, legs] = np.where(cut, JobState.CANCELLED, state)

    def _judge(self, leg: int, good_before: Flags, bad_before: Flags) -> None:
        state = self._state[:, leg]
        failed = state == JobState.FAILURE
        if self._shape.jobs[leg].failure_tolerated:
            failed = np.zeros_like(failed)
        good = (state != JobState.SKIPPED) & (state != JobState.CANCELLED) & ~failed
        if self._shape.absent_passes:
            good |= (state == JobState.SKIPPED) & ~self._draws.runs[:, leg]
        if self._shape.sees_ancestors:
            good, failed = good & good_before, failed | bad_before
        self._good[:, leg], self._bad[:, leg] = good, failed

    def replays(self) -> Replays:
        last_s: Floats = self._end_s.max(axis=1, initial=0.0)
        ran_s = self._attempt_s.sum(axis=0)
        return Replays(
            state=self._state,
            ready_s=self._ready_s,
            start_s=self._start_s,
            end_s=self._end_s,
            wait_s=np.zeros_like(self._end_s),
            attempt_s=self._attempt_s,
            held_s=ran_s,
            makespan_s=last_s + self._draws.tail_s,
            arrival_s=np.zeros(self._draws.count),
            discarded=np.zeros(self._draws.count, dtype=np.bool_),
        )


def _is_let(job: JobShape, good: Flags, bad: Flags) -> Flags:
    """Whether the jobs before let it start."""
    if job.starts_when is StartsWhen.SUCCESS:
        return good
    return bad if job.starts_when is StartsWhen.FAILURE else np.ones_like(good)
