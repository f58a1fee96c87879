"""A pipeline as the simulator sees it, whatever CI system its file is written for.

A dialect fills it (`github_shape`); nothing else of the simulation knows a CI system.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from makespan_model.errors import InputError


class StartsWhen(StrEnum):
    """What must have become of the jobs before a job for it to start."""

    SUCCESS = "success"
    """All of them succeeded; otherwise it is skipped."""
    FAILURE = "failure"
    """One of them failed; otherwise it is skipped."""
    ALWAYS = "always"
    """They have ended, however."""


@dataclass(frozen=True, slots=True)
class ConcurrencyGroup:
    """Jobs, or whole runs, of which one runs at a time.

    Attributes:
        cancels: Whether a newcomer cancels the one that runs.
        keeps_one_pending: Whether one waits, and a newer one cancels it (GitHub); else all wait (GitLab).
    """

    name: str
    cancels: bool = False
    keeps_one_pending: bool = True


@dataclass(frozen=True, slots=True)
class JobShape:
    """One job, or one leg of a matrix.

    Attributes:
        name: Unique in the pipeline: its id, with the values of its leg.
        job_id: The key in the file, which the legs of a matrix share.
        needs: What must have ended before it starts: ids of jobs, for all of their legs, or names of legs.
        starts_when: See there.
        conditional: Whether the file has a condition that may keep it from running although its needs are met.
        labels: What it asks of its runner; None when the file does not tell.
        timeout_s: Time after which it is ended as failed; None without a limit.
        failure_tolerated: Whether its failure counts as success for what follows and for the run.
        retries: How often it is tried again after a failure.
        fail_fast: Whether a failure of one leg cancels the other legs of the same job.
        max_parallel: Legs of the job that run at once; None without a limit.
        never_runs: Whether the file says that it never does.
        aliases: Other names under which a run may have recorded it.
        calls: Whether it stands for all jobs of a pipeline it calls, recorded as `NAME / job`.
    """

    name: str
    job_id: str
    needs: tuple[str, ...] = ()
    starts_when: StartsWhen = StartsWhen.SUCCESS
    conditional: bool = False
    never_runs: bool = False
    labels: tuple[str, ...] | None = None
    timeout_s: float | None = None
    failure_tolerated: bool = False
    retries: int = 0
    fail_fast: bool = False
    max_parallel: int | None = None
    group: ConcurrencyGroup | None = None
    aliases: tuple[str, ...] = ()
    calls: bool = False

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise ValueError(f"{self.name!r} cannot be retried {self.retries} times")
        if self.max_parallel is not None and self.max_parallel < 1:
            raise ValueError(f"at least one leg of {self.job_id!r} must run at once, not {self.max_parallel}")
        if self.timeout_s is not None and self.timeout_s <= 0:
            raise ValueError(f"the timeout of {self.name!r} must be above 0 s, not {self.timeout_s}")


@dataclass(frozen=True, slots=True)
class PipelineShape:
    """A pipeline; its jobs in an order in which each comes after those it needs.

    Attributes:
        provider: Whose prices hold: `github`, `gitlab`, ….
        file: As the user gave it, for messages.
        jobs: Every leg of every job.
        sees_ancestors: Whether conditions look at all jobs before a job (GitHub), or only at those it needs (GitLab).
        absent_passes: Whether a job that its own condition keeps from running holds nothing up (GitLab: there is no
            such job), or what needs it is skipped as well (GitHub).
        group: Concurrency group of whole runs; None without one, or where it differs from run to run.
        unexpanded: Ids of matrix jobs whose legs only a run decides.
        notes: What the file says and the simulation leaves out, one sentence each.
    """

    provider: str
    file: str
    jobs: tuple[JobShape, ...]
    sees_ancestors: bool = True
    group: ConcurrencyGroup | None = None
    unexpanded: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    absent_passes: bool = False
    _legs: Mapping[str, tuple[int, ...]] = field(init=False, repr=False, compare=False)
    _before: tuple[tuple[int, ...], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        legs: dict[str, list[int]] = defaultdict(list)
        numbers: dict[str, int] = {}
        before: list[tuple[int, ...]] = []
        for number, job in enumerate(self.jobs):
            if job.name in numbers:
                raise ValueError(f"two jobs are called {job.name!r}")
            found: dict[int, None] = {}
            for need in job.needs:
                if need == job.job_id or (need not in legs and need not in numbers):
                    raise ValueError(f"job {job.name!r} needs {need!r}, which does not come before it")
                found |= dict.fromkeys(legs[need] if need in legs else (numbers[need],))
            before.append(tuple(found))
            if job.fail_fast and job.job_id in legs and before[legs[job.job_id][0]] != before[-1]:
                raise ValueError(f"legs of {job.job_id!r} that cancel each other need the same jobs")
            numbers[job.name] = number
            legs[job.job_id].append(number)
        object.__setattr__(self, "_legs", {job_id: tuple(found) for job_id, found in legs.items()})
        object.__setattr__(self, "_before", tuple(before))

    @property
    def legs(self) -> Mapping[str, tuple[int, ...]]:
        """Numbers of the legs of every job id."""
        return self._legs

    def before(self, number: int) -> tuple[int, ...]:
        """Numbers of all the legs that a job needs."""
        return self._before[number]

    def with_legs(self, job_id: str, names: tuple[str, ...]) -> PipelineShape:
        """The same with other legs of one job."""
        first = self.jobs[self._legs[job_id][0]]
        jobs: list[JobShape] = []
        for job in self.jobs:
            if job.job_id != job_id:
                jobs.append(job)
            elif job is first:
                jobs += [replace(first, name=name, aliases=()) for name in names]
        return replace(self, jobs=tuple(jobs), unexpanded=self.unexpanded - {job_id})


def in_order(jobs: tuple[JobShape, ...], file: str) -> tuple[JobShape, ...]:
    """The jobs in an order in which each comes after those it needs, as near to the given order as that allows.

    Raises:
        InputError: They need each other in a circle, or one that is not there.
    """
    known = {name for job in jobs for name in (job.job_id, job.name)}
    for job in jobs:
        for need in job.needs:
            if need not in known:
                raise InputError(f"{file}: job {job.name!r} needs {need!r}, which does not exist")
    ordered: list[JobShape] = []
    waiting = list(jobs)
    while waiting:
        open_names = {name for job in waiting for name in (job.job_id, job.name)}
        # Of a job that is needed by its id all legs must be done.
        free = [job for job in waiting if open_names.isdisjoint(job.needs)]
        if not free:
            raise InputError(f"{file}: jobs need each other in a circle: {', '.join(sorted(open_names))}")
        ordered += free
        done = {id(job) for job in free}
        waiting = [job for job in waiting if id(job) not in done]
    return tuple(ordered)
