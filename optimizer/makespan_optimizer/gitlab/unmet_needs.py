"""Needs on jobs that are not in the pipeline: GitLab then refuses the whole pipeline.

Source: GitLab's Gitlab::Ci::Pipeline::Seed::Build (`needs_errors`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from makespan_optimizer.gitlab.decisions import Decision, Situation
from makespan_optimizer.gitlab.expansion import resolved_needs
from makespan_optimizer.gitlab.jobs import Job, JobInstance, JobNeed
from makespan_optimizer.gitlab.pipeline import Pipeline, appears


@dataclass(frozen=True, slots=True)
class UnmetNeed:
    """One need that is, or may be, on a job that is not there.

    Attributes:
        job: Full name of the job that needs.
        need: Full name of the job it needs.
        certain: Whether the pipeline is refused; otherwise it depends on something unknown.
    """

    job: str
    need: str
    certain: bool


def unmet_needs(pipeline: Pipeline, around: Situation) -> tuple[UnmetNeed, ...]:
    """The needs, other than optional ones, whose jobs may be absent in a situation.

    Two jobs under the very same rules are there together, whatever is unknown.
    """
    presence = {job.name: appears(pipeline, job, around) for job in pipeline.jobs}
    found: dict[UnmetNeed, None] = {}
    for instance in pipeline.instances:
        found.update(dict.fromkeys(_unmet(pipeline, instance, presence)))
    return tuple(found)


def _unmet(pipeline: Pipeline, instance: JobInstance, presence: dict[str, Decision]) -> Iterator[UnmetNeed]:
    decision = presence[instance.job.name]
    ways = [way for way in decision.ways if way.when != "never"]
    for way in ways:
        own = way.rule.needs if way.rule is not None else None
        needs = instance.needs if own is None else resolved_needs(instance, own, pipeline.instances)
        for need in needs or ():
            there = _there(pipeline, instance.job, need, presence)
            if there is not True:
                certain = there is False and decision.runs is True and len(ways) == 1
                yield UnmetNeed(instance.name, need.name, certain)


def _there(pipeline: Pipeline, job: Job, need: JobNeed, presence: dict[str, Decision]) -> bool | None:
    if need.optional:
        return True
    other = pipeline.instance(need.name)
    if other is None:
        return False if pipeline.is_complete else None
    runs = presence[other.job.name].runs
    return True if runs is None and _same_rules(job, other.job) else runs


def _same_rules(one: Job, other: Job) -> bool:
    """Whether two jobs share what decides about them: rules of one place, and the variables those look at."""
    return (one.rules, one.only, one.excluded, one.variables) == (
        other.rules,
        other.only,
        other.excluded,
        other.variables,
    )
