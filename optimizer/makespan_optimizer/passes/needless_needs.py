"""A `needs` that hands nothing over and guards nothing: it only makes one job wait for another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from makespan_model.units import format_duration
from makespan_optimizer.claims import AddedNeed, DroppedNeed
from makespan_optimizer.graph.gates import acts_on_the_world, is_release_workflow, only_waits
from makespan_optimizer.graph.jobs import Edge, JobGraph, build_graph, job_references, looks_at_results
from makespan_optimizer.passes.evidence import Evidence
from makespan_optimizer.passes.findings import EvidenceLevel, Finding, PassInfo
from makespan_optimizer.passes.needs_edits import add_need, drop_need
from makespan_optimizer.workflow.model import Job, Workflow
from makespan_optimizer.yaml.edits import Edit

PASS: Final = PassInfo(
    name="needless_needs",
    ceiling="measured",
    summary="a needs edge that carries neither data nor a deploy gate",
    docs="passes/needless_needs.md",
)

# Fewer runs say nothing about how often a job fails: with two, one failure would look like every second run.
MINIMUM_RUNS: Final = 3
# Jeffreys' prior for a rate, Beta(1/2, 1/2) (Berger, Statistical Decision Theory, section 3.3.3).
_PRIOR: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Target:
    """Jobs that must keep waiting for `need` although they got it through `dependent`."""

    need: str
    heirs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Stake:
    """What dropping an edge wins and risks in a run."""

    failure_ratio: float
    saved_s: float
    wasted_s: float
    runs: int
    failures: int


def find(workflow: Workflow, evidence: Evidence) -> list[Finding]:
    """Edges that only order, one finding each, in the order of the file."""
    if is_release_workflow(workflow):
        return []
    graph = build_graph(workflow)
    return [
        finding
        for edge in graph.edges
        if edge.kind == "declared"
        for finding in _of_edge(workflow, graph, edge, evidence)
    ]


def rewrite(workflow: Workflow, finding: Finding) -> list[Edit]:
    """Drop the edge; every gate that had the needed job among its ancestors gets it as a need of its own."""
    target = finding.target
    assert isinstance(target, _Target)
    job = workflow.job(finding.job_id)
    assert job is not None
    heirs = [heir for name in target.heirs if (heir := workflow.job(name)) is not None]
    return [drop_need(workflow, job, target.need), *(add_need(workflow, heir, target.need) for heir in heirs)]


def _of_edge(workflow: Workflow, graph: JobGraph, edge: Edge, evidence: Evidence) -> Iterator[Finding]:
    job, needed = workflow.job(edge.dependent), workflow.job(edge.needed)
    if job is None or needed is None or job.shared:
        return
    heirs = _heirs(workflow, graph, edge)
    # To a job that reads `needs.*`, one need more is one result more.
    if any(heir.shared or "*" in job_references(heir).members("needs") for heir in heirs):
        return
    stake = _stake(edge, evidence)
    level, why = _level(job, needed, stake)
    if _is_explained(workflow, job):
        level, why = "assumed", "A comment above it gives a reason; read it."
    kept = f" {', '.join(heir.job_id for heir in heirs)} will wait for it directly." if heirs else ""
    place = next(
        span for need, span in zip(job.needs, job.needs_spans, strict=True) if need.lower() == edge.needed.lower()
    )
    yield Finding(
        pass_name=PASS.name,
        job_id=job.job_id,
        place=place,
        what=f"job {job.job_id!r} waits for {needed.job_id!r} but takes nothing from it",
        why=f"No output, artifact or cache passes and no deploy is guarded; only the early stop is lost. {why}{kept}",
        evidence=level,
        claims=(
            DroppedNeed(job.job_id, needed.job_id),
            *(AddedNeed(heir.job_id, needed.job_id) for heir in heirs),
        ),
        saving_s=None if stake is None else stake.saved_s,
        target=_Target(needed.job_id, tuple(heir.job_id for heir in heirs)),
    )


def _is_explained(workflow: Workflow, job: Job) -> bool:
    """Whether somebody wrote a comment right above `needs`."""
    entry = job.node.entry("needs")
    if entry is None:
        return False
    line, _ = workflow.document.place(entry.key.start)
    starts = workflow.document.line_starts
    return line > 1 and workflow.text[starts[line - 2] : starts[line - 1]].lstrip().startswith("#")


def _heirs(workflow: Workflow, graph: JobGraph, edge: Edge) -> list[Job]:
    """Gates below the dependent that would lose the needed job; a gate below another heir inherits it."""
    without = JobGraph(workflow, tuple(other for other in graph.edges if other != edge))
    below = graph.descendants(edge.dependent)
    losing = [
        job
        for job in workflow.jobs
        if job.job_id in below
        and (acts_on_the_world(job, workflow) or looks_at_results(job) or only_waits(job))
        and edge.needed not in without.ancestors(job.job_id)
    ]
    names = {job.job_id for job in losing}
    return [job for job in losing if not without.ancestors(job.job_id) & names]


def _stake(edge: Edge, evidence: Evidence) -> _Stake | None:
    """Failure probability by the posterior mean (F + 1/2) / (N + 1), and what it puts at stake."""
    needed = evidence.profile.job(edge.needed) if evidence.profile else None
    dependent = evidence.profile.job(edge.dependent) if evidence.profile else None
    if needed is None or dependent is None:
        return None
    ratio = (needed.failures + _PRIOR) / (needed.runs + 2 * _PRIOR)
    return _Stake(
        failure_ratio=ratio,
        saved_s=(1 - ratio) * min(needed.duration_s, dependent.duration_s),
        wasted_s=ratio * dependent.duration_s,
        runs=needed.runs,
        failures=needed.failures,
    )


def _level(job: Job, needed: Job, stake: _Stake | None) -> tuple[EvidenceLevel, str]:
    if "self-hosted" in f"{job.runs_on} {needed.runs_on}":
        return "assumed", "Self-hosted runners may share files between jobs."
    if stake is None:
        return "assumed", f"No run tells how often {needed.job_id!r} fails."
    seen = f"{needed.job_id!r} failed in {stake.failures} of {stake.runs} runs"
    if stake.runs < MINIMUM_RUNS:
        return "assumed", f"{seen}, too few to judge."
    text = (
        f"{seen}: on average {format_duration(stake.wasted_s)} of {job.job_id!r} would be wasted a run, "
        f"up to {format_duration(stake.saved_s)} saved."
    )
    return ("measured" if stake.wasted_s < stake.saved_s else "assumed"), text
