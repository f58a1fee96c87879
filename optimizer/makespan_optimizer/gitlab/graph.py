"""The job graph of a GitLab pipeline: what waits for what, and what each edge carries.

A job without `needs` waits for every job of all earlier stages; a job with `needs` only for those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from makespan_optimizer.gitlab.expansion import resolved_needs
from makespan_optimizer.gitlab.handover import (
    acts_on_the_world,
    downloads,
    only_waits,
    shared_cache,
    stores_outside,
)
from makespan_optimizer.gitlab.jobs import Job, JobInstance, JobNeed
from makespan_optimizer.gitlab.pipeline import Pipeline
from makespan_optimizer.graph.jobs import EdgeKind
from makespan_optimizer.graph.reachability import reached

Origin = Literal["needs", "stage"]
_LOOKS_AT_RESULTS = ("on_failure", "always")


@dataclass(frozen=True, slots=True)
class Edge:
    """`needed` must end before `dependent` starts; both are full names.

    Attributes:
        reason: What the edge carries, as a clause; empty for `declared`.
        origin: Whether `needs` makes it or the order of the stages.
    """

    needed: str
    dependent: str
    kind: EdgeKind
    reason: str
    origin: Origin


@dataclass(frozen=True)
class JobGraph:
    """All edges of a pipeline, legs apart.

    Attributes:
        unplaced: Jobs whose stage or needs lie in a file that was not read: they may wait for anything.
    """

    pipeline: Pipeline = field(repr=False)
    edges: tuple[Edge, ...]
    unplaced: tuple[str, ...]

    @cached_property
    def _to(self) -> dict[str, tuple[Edge, ...]]:
        return _grouped(self.edges, lambda edge: edge.dependent)

    @cached_property
    def _from(self) -> dict[str, tuple[Edge, ...]]:
        return _grouped(self.edges, lambda edge: edge.needed)

    def edges_to(self, name: str) -> tuple[Edge, ...]:
        """What a job waits for."""
        return self._to.get(name, ())

    def dependents(self, name: str) -> tuple[str, ...]:
        """Jobs that wait for a job directly."""
        return tuple(edge.dependent for edge in self._from.get(name, ()))

    def ancestors(self, name: str) -> frozenset[str]:
        """All jobs that end before a job starts."""
        return reached(name, lambda job: (edge.needed for edge in self._to.get(job, ())))

    def descendants(self, name: str) -> frozenset[str]:
        """All jobs that start after a job ends."""
        return reached(name, self.dependents)

    def feeds(self, name: str) -> frozenset[str]:
        """All jobs that a job hands something to, directly or through others."""
        return reached(name, lambda job: (e.dependent for e in self._from.get(job, ()) if e.kind == "data"))


def build_graph(pipeline: Pipeline) -> JobGraph:
    """Type every edge of a pipeline, as if all its jobs were there (`pipeline.appears` says which are)."""
    order = {stage: index for index, stage in enumerate(pipeline.stages)}
    by_name = {instance.name: instance for instance in pipeline.instances}
    earlier = _earlier(pipeline, order)
    facts = {job.name: _Facts.of(job) for job in pipeline.jobs}
    edges: list[Edge] = []
    unplaced: list[str] = []
    for instance in pipeline.instances:
        job = instance.job
        before = earlier.get(order.get(job.stage or "", -1), ())
        if instance.needs is None and (job.missing_bases or job.stage not in order):
            unplaced.append(instance.name)
            continue
        taken = downloads(instance, before) | _offered_by_rules(pipeline, instance)
        for name, origin in _waited_for(pipeline, instance, before).items():
            other = by_name[name]
            kind, reason = _carried(facts[other.job.name], facts[job.name], other, artifacts=name in taken)
            edges.append(Edge(name, instance.name, kind, reason, origin))
    return JobGraph(pipeline, tuple(edges), tuple(unplaced))


def _waited_for(pipeline: Pipeline, instance: JobInstance, before: tuple[str, ...]) -> dict[str, Origin]:
    """What a job waits for, whichever of its rules matches: a rule may bring needs of its own."""
    found: dict[str, Origin] = {}
    for needs in (instance.needs, *(_needs_of_rules(pipeline, instance))):
        if needs is None:
            found.update(dict.fromkeys(before, "stage"))
        else:
            found.update({need.name: "needs" for need in needs if need.exists})
    return found


def _offered_by_rules(pipeline: Pipeline, instance: JobInstance) -> frozenset[str]:
    return frozenset(
        need.name for needs in _needs_of_rules(pipeline, instance) for need in needs if need.artifacts and need.exists
    )


def _needs_of_rules(pipeline: Pipeline, instance: JobInstance) -> list[tuple[JobNeed, ...]]:
    rules = instance.job.rules or ()
    return [resolved_needs(instance, rule.needs, pipeline.instances) for rule in rules if rule.needs is not None]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is asked of a job once for all its edges."""

    job: Job
    act: str | None
    waits: bool
    outside: bool

    @classmethod
    def of(cls, job: Job) -> _Facts:
        return cls(job, acts_on_the_world(job), only_waits(job), stores_outside(job))


def _earlier(pipeline: Pipeline, order: dict[str, int]) -> dict[int, tuple[str, ...]]:
    """The jobs of all stages before each stage."""
    members: list[list[str]] = [[] for _ in order]
    for instance in pipeline.instances:
        if instance.job.stage in order:
            members[order[instance.job.stage]].append(instance.name)
    found: dict[int, tuple[str, ...]] = {}
    before: tuple[str, ...] = ()
    for index, names in enumerate(members):
        found[index] = before
        before = (*before, *names)
    return found


def _carried(left: _Facts, taken: _Facts, needed: JobInstance, *, artifacts: bool) -> tuple[EdgeKind, str]:
    name, dependent = needed.name, taken.job.name
    for facts in (left, taken):
        if not facts.job.is_complete:
            return "data", f"not all of {facts.job.name!r} is known"
    if artifacts and left.job.hands_over:
        return "data", f"{dependent!r} downloads the artifacts of {name!r}"
    if taken.job.trigger is not None and any(each.job == left.job.name for each in taken.job.trigger.includes):
        return "data", f"{name!r} makes the pipeline that {dependent!r} starts"
    key = shared_cache(left.job, taken.job)
    if key is not None:
        return "data", f"both use the cache {key!r}"
    if left.outside and taken.outside:
        return "data", "both talk to a registry or a storage"
    if left.job.trigger is not None and left.job.trigger.waits:
        return "data", f"what the pipeline that {name!r} starts hands over is not in this file"
    return _gate(left, taken, name)


def _gate(left: _Facts, taken: _Facts, name: str) -> tuple[EdgeKind, str]:
    dependent = taken.job.name
    if taken.job.when in _LOOKS_AT_RESULTS or any(rule.when in _LOOKS_AT_RESULTS for rule in taken.job.rules or ()):
        return "gate", f"{dependent!r} looks at the results of those before it"
    if taken.waits:
        return "gate", f"{dependent!r} stands for the jobs it waits for"
    if taken.act:
        return "gate", f"{dependent!r} must wait: {taken.act}"
    if _is_manual(left.job):
        return "gate", f"{name!r} waits for a person"
    if left.act:
        return "gate", f"{name!r} acts on the world, and {dependent!r} may see it"
    return "declared", ""


def _is_manual(job: Job) -> bool:
    return job.when == "manual" or any(rule.when == "manual" for rule in job.rules or ())


def _grouped(edges: tuple[Edge, ...], key: Callable[[Edge], str]) -> dict[str, tuple[Edge, ...]]:
    found: dict[str, list[Edge]] = {}
    for edge in edges:
        found.setdefault(key(edge), []).append(edge)
    return {name: tuple(group) for name, group in found.items()}
