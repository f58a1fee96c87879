"""`parallel` multiplied out, and needs on whole jobs turned into needs on their legs.

Source: GitLab's Gitlab::Ci::Config::Normalizer.
"""

from __future__ import annotations

import re

from makespan_optimizer.gitlab.jobs import Job, JobInstance, JobNeed
from makespan_optimizer.gitlab.needs import Need
from makespan_optimizer.gitlab.parallel import Leg, leg_names, legs

_MATRIX_VALUE = re.compile(r"\$\[\[\s*matrix\.([A-Za-z0-9_-]+)\s*\]\]")


def expanded(jobs: tuple[Job, ...]) -> tuple[JobInstance, ...]:
    """The jobs of the pipeline, in order.

    Raises:
        WorkflowError: A need that names a matrix variable the job does not have.
    """
    multiplied = {job.name: legs(job.name, job.parallel) for job in jobs if job.parallel is not None}
    names = {leg.name for several in multiplied.values() for leg in several}
    names |= {job.name for job in jobs if job.name not in multiplied}
    return tuple(
        JobInstance(
            name=job.name if leg is None else leg.name,
            job=job,
            leg=leg,
            needs=None if job.needs is None else _needs(job, leg, job.needs, multiplied, names),
            dependencies=None if job.dependencies is None else _dependencies(job.dependencies, multiplied),
        )
        for job in jobs
        for leg in multiplied.get(job.name, (None,))
    )


def resolved_needs(
    instance: JobInstance, needs: tuple[Need, ...], instances: tuple[JobInstance, ...]
) -> tuple[JobNeed, ...]:
    """Other needs of a job of the pipeline (those a rule brings), legs spelled out."""
    multiplied: dict[str, tuple[Leg, ...]] = {}
    for other in instances:
        if other.leg is not None:
            multiplied[other.job.name] = (*multiplied.get(other.job.name, ()), other.leg)
    return _needs(instance.job, instance.leg, needs, multiplied, {other.name for other in instances})


def _needs(
    job: Job, leg: Leg | None, needs: tuple[Need, ...], multiplied: dict[str, tuple[Leg, ...]], names: set[str]
) -> tuple[JobNeed, ...]:
    found = []
    for need in needs:
        if need.job is None or not need.is_local:
            continue
        name = _with_matrix(need.job, job, leg, need)
        several = tuple(each.name for each in multiplied.get(name, ()))
        if need.matrix and several:
            several = tuple(_with_matrix(each, job, leg, need) for each in leg_names(name, need.matrix))
        found += [JobNeed(each, need.artifacts, need.optional, each in names) for each in several or (name,)]
    return tuple(found)


def _with_matrix(text: str, job: Job, leg: Leg | None, need: Need) -> str:
    values = {} if leg is None else dict(leg.variables)

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise need.place.error(f"a need of job {job.name!r} names {found[1]!r}, which its matrix does not have")
        return values[found[1]]

    return _MATRIX_VALUE.sub(value, text) if "$[[" in text else text


def _dependencies(names: tuple[str, ...], multiplied: dict[str, tuple[Leg, ...]]) -> tuple[str, ...]:
    return tuple(full for name in names for full in (tuple(leg.name for leg in multiplied.get(name, ())) or (name,)))
