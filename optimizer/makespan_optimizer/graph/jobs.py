"""The job graph: every `needs` with what it carries.

`declared` edges order jobs and nothing more; `data` edges hand something over; `gate` edges guard a job
that acts on the world.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from makespan_optimizer.expressions.functions import STATUS_FUNCTIONS
from makespan_optimizer.expressions.references import References, references
from makespan_optimizer.graph.artifacts import Handover, handover, may_pass
from makespan_optimizer.graph.gates import acts_on_the_world, only_waits
from makespan_optimizer.graph.reachability import reached
from makespan_optimizer.workflow.model import Job, Workflow
from makespan_optimizer.yaml.nodes import AnyNode, Mapping, Scalar, Sequence, resolved

EdgeKind = Literal["declared", "data", "gate"]


@dataclass(frozen=True, slots=True)
class Edge:
    """`needed` must end before `dependent` starts.

    Attributes:
        reason: What the edge carries, as a clause; empty for `declared`.
    """

    needed: str
    dependent: str
    kind: EdgeKind
    reason: str


@dataclass(frozen=True, slots=True)
class JobGraph:
    """All edges of a workflow; job ids are spelled as the jobs' own keys."""

    workflow: Workflow
    edges: tuple[Edge, ...]

    def edges_to(self, job_id: str) -> tuple[Edge, ...]:
        """The needs of a job."""
        return tuple(edge for edge in self.edges if edge.dependent == job_id)

    def dependents(self, job_id: str) -> tuple[str, ...]:
        """Jobs that need a job directly."""
        return tuple(edge.dependent for edge in self.edges if edge.needed == job_id)

    def feeds(self, job_id: str) -> frozenset[str]:
        """All jobs that a job hands something to, directly or through others."""
        return reached(job_id, lambda job: (e.dependent for e in self.edges if e.needed == job and e.kind == "data"))

    def ancestors(self, job_id: str) -> frozenset[str]:
        """All jobs that end before a job starts."""
        return reached(job_id, lambda job: (edge.needed for edge in self.edges_to(job)))

    def descendants(self, job_id: str) -> frozenset[str]:
        """All jobs that start after a job ends."""
        return reached(job_id, self.dependents)


def build_graph(workflow: Workflow) -> JobGraph:
    """Type every `needs` edge of a workflow."""
    handovers = {job.job_id: handover(job) for job in workflow.jobs}
    edges = []
    for job in workflow.jobs:
        found = job_references(job)
        for need in dict.fromkeys(job.needs):
            needed = workflow.job(need)
            if needed is not None:
                edges.append(_edge(workflow, needed, job, found, handovers))
    return JobGraph(workflow, tuple(edges))


def job_references(job: Job) -> References:
    """What the expressions of a job refer to, its condition included."""
    conditions = [job.condition] if job.condition is not None else []
    conditions += [step.condition for step in job.steps if step.condition is not None]
    return references(scalar_texts(job.node), conditions)


def looks_at_results(job: Job) -> bool:
    """Whether a job's condition names a status function: it then looks at the results of all its ancestors."""
    return job.condition is not None and bool(references((), [job.condition]).functions & STATUS_FUNCTIONS)


def scalar_texts(node: AnyNode) -> Iterator[str]:
    """The texts of all scalars of a node; what an alias stands for is visited once."""
    waiting, seen = [node], set[int]()
    while waiting:
        current = waiting.pop()
        target = resolved(current)
        if target is not current:
            if id(target) in seen:
                continue
            seen.add(id(target))
        if isinstance(target, Scalar):
            yield target.value
        elif isinstance(target, Mapping):
            waiting.extend(entry.value for entry in target.entries)
        elif isinstance(target, Sequence):
            waiting.extend(target.items)


def _edge(workflow: Workflow, needed: Job, job: Job, found: References, handovers: dict[str, Handover]) -> Edge:
    def edge(kind: EdgeKind, reason: str) -> Edge:
        return Edge(needed.job_id, job.job_id, kind, reason)

    if found.members("needs") & {needed.job_id.lower(), "*"}:
        return edge("data", f"{job.job_id!r} reads needs.{needed.job_id}")
    if not found.exact:
        return edge("data", f"an expression of {job.job_id!r} could not be read")
    data = _handed_over(handovers[needed.job_id], handovers[job.job_id])
    if data:
        return edge("data", data)
    if looks_at_results(job):
        return edge("gate", f"the condition of {job.job_id!r} looks at the results of what it needs")
    if only_waits(job):
        return edge("gate", f"{job.job_id!r} stands for the jobs it waits for")
    gate = acts_on_the_world(job, workflow)
    if gate:
        return edge("gate", f"{job.job_id!r} must wait: {gate}")
    if needed.environment is not None:
        return edge("gate", f"{needed.job_id!r} waits for its environment's approval")
    if needed.uses is not None:
        return edge("data", f"{needed.job_id!r} calls {needed.uses}: what it hands over is not in this file")
    if acts_on_the_world(needed, workflow):
        return edge("gate", f"{needed.job_id!r} acts on the world, and {job.job_id!r} may see it")
    return edge("declared", "")


def _handed_over(left: Handover, taken: Handover) -> str | None:
    for upload in sorted(left.uploads):
        for download in sorted(taken.downloads):
            if may_pass(upload, download):
                return f"an artifact is handed over ({upload})"
    if taken.downloads and left.opaque:
        return f"an artifact may come from {min(left.opaque)}"
    own = sorted(action for action in left.opaque & taken.opaque if action.startswith("./"))
    if own:
        return f"both use {own[0]}, whose steps are not in this file"
    if left.saved_caches and taken.restored_caches and _cache_passes(left, taken):
        return "a cache is handed over"
    if left.outside and taken.outside:
        return "both talk to the same kind of storage or registry"
    return None


def _cache_passes(left: Handover, taken: Handover) -> bool:
    """Whether a restored key equals or begins a saved one, expressions compared as text."""
    return any(saved.startswith(key) for saved in left.saved_caches for key in taken.restored_caches if key)
