"""Small jobs that repeat the same set-up, which costs more than their own work: one job can do them all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from makespan_model.units import format_duration
from makespan_optimizer.claims import AddedStepId, MergedJobs
from makespan_optimizer.expressions.conditions import bare_expression
from makespan_optimizer.expressions.functions import STATUS_FUNCTIONS
from makespan_optimizer.expressions.references import references
from makespan_optimizer.graph.gates import acts_on_the_world
from makespan_optimizer.graph.jobs import JobGraph, build_graph, job_references, scalar_texts
from makespan_optimizer.passes.evidence import Evidence
from makespan_optimizer.passes.findings import Finding, PassInfo
from makespan_optimizer.passes.merged_steps import ALWAYS_RUNS, free_id, merge_edits
from makespan_optimizer.workflow.model import Job, Step, Workflow
from makespan_optimizer.yaml.edits import Edit

PASS: Final = PassInfo(
    name="merged_small_jobs",
    ceiling="assumed",
    summary="small jobs whose repeated set-up outweighs their work",
    docs="passes/merged_small_jobs.md",
)

# The longest path may not grow by more than what two runs of the same workflow differ by.
_TOLERANCE_RATIO: Final = 0.01


@dataclass(frozen=True, slots=True)
class _Target:
    absorbed: tuple[str, ...]
    shared_steps: int
    setup_id: str


@dataclass(frozen=True, slots=True)
class _Cost:
    """Seconds of a job outside and inside the shared set-up, with empty and with filled caches."""

    setup_cold_s: float
    setup_warm_s: float
    work_s: float
    overhead_s: float


def find(workflow: Workflow, evidence: Evidence) -> list[Finding]:
    """Groups of jobs worth merging; nothing without measurements."""
    if evidence.profile is None:
        return []
    graph = build_graph(workflow)
    groups: dict[tuple[object, ...], list[Job]] = defaultdict(list)
    for job in workflow.jobs:
        if _is_simple(workflow, job):
            groups[_frame(graph, job)].append(job)
    return [finding for jobs in groups.values() for finding in _in_group(workflow, graph, jobs, evidence)]


def rewrite(workflow: Workflow, finding: Finding) -> list[Edit]:
    """Move the absorbed jobs' own steps behind the kept job's, each under a condition that keeps jobs independent."""
    target = finding.target
    assert isinstance(target, _Target)
    kept = workflow.job(finding.job_id)
    absorbed = [job for name in target.absorbed if (job := workflow.job(name)) is not None]
    assert kept is not None
    return merge_edits(workflow, kept, absorbed, target.shared_steps, target.setup_id)


def _is_simple(workflow: Workflow, job: Job) -> bool:
    """Whether a job holds nothing that belongs to it alone."""
    alone = (job.strategy, job.environment, job.concurrency, job.timeout, job.continue_on_error, job.uses)
    if any(part is not None for part in alone) or job.outputs or job.shared or job.steps_node is None:
        return False
    if job.steps_node.flow or any(step.control or step.background for step in job.steps):
        return False
    return acts_on_the_world(job, workflow) is None and all(_can_move(step) for step in job.steps)


def _can_move(step: Step) -> bool:
    """Whether the step means the same in another job: it does not look at its job, and its condition can be kept."""
    conditions = [step.condition] if step.condition is not None else []
    found = references(scalar_texts(step.node), conditions)
    own_job = "job" in {path[0] for path in found.paths} or ("github", "job") in found.paths
    if not found.exact or (own_job and "cache" not in (step.action or "")):
        return False
    if step.condition is None or step.condition.replace(" ", "") in ALWAYS_RUNS:
        return True
    bare = bare_expression(step.condition)
    return bare is not None and not found.functions & STATUS_FUNCTIONS


def _frame(graph: JobGraph, job: Job) -> tuple[object, ...]:
    """What must be equal: where and when the jobs run, and who waits for them."""
    dependents = tuple(sorted(graph.dependents(job.job_id)))
    where = (job.runs_on, job.container, job.services, job.permissions, tuple(sorted(job.env)), job.defaults)
    return (*where, job.condition, tuple(sorted(need.lower() for need in job.needs)), dependents)


def _in_group(workflow: Workflow, graph: JobGraph, jobs: list[Job], evidence: Evidence) -> Iterator[Finding]:
    jobs = [job for job in jobs if not _is_read(workflow, graph, job)]
    by_setup: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        if job.steps:
            by_setup[job.steps[0].content_key].append(job)
    for alike in by_setup.values():
        found = _best(workflow, alike, evidence) if len(alike) > 1 else None
        if found is not None:
            yield _finding(*found, evidence)


def _is_read(workflow: Workflow, graph: JobGraph, job: Job) -> bool:
    dependents = [workflow.job(name) for name in graph.dependents(job.job_id)]
    return any(
        other is not None and job_references(other).members("needs") & {job.job_id.lower(), "*"} for other in dependents
    )


def _best(workflow: Workflow, jobs: list[Job], evidence: Evidence) -> tuple[list[Job], int] | None:
    """The largest set, smallest work first, that does not lengthen the longest path."""
    known = _durations(workflow, evidence, {})
    if known is None:
        return None
    limits = [_longest_path(workflow, durations, {}) for durations in known]
    best: tuple[list[Job], int] | None = None
    chosen: list[Job] = []
    for job in sorted(jobs, key=lambda job: known[1].get(job.job_id, 0.0)):
        trial = sorted([*chosen, job], key=lambda job: job.span.start)
        shared = _shared_steps(trial)
        if len(trial) > 1 and not _is_worth_it(workflow, trial, shared, limits, evidence):
            continue
        chosen.append(job)
        if len(trial) > 1:
            best = trial, shared
    return best


def _shared_steps(jobs: list[Job]) -> int:
    """Length of the equal beginning that leaves every job a step of its own."""
    count = 0
    for steps in zip(*(job.steps[:-1] for job in jobs), strict=False):
        first = steps[0]
        plain = all(step.condition is None and step.continue_on_error is None for step in steps)
        alike = all((step.content_key, step.timeout) == (first.content_key, first.timeout) for step in steps)
        if not plain or not alike:
            break
        count += 1
    return count if _ids_fit(jobs, count) else 0


def _ids_fit(jobs: list[Job], shared: int) -> bool:
    """No id twice in the merged job, and nobody reads a set-up step by an id that goes away."""
    kept = jobs[0]
    own = [step.step_id for job in jobs for step in job.steps[shared:] if step.step_id is not None]
    setup = {step.step_id.lower() for step in kept.steps[:shared] if step.step_id is not None}
    names = [name.lower() for name in own]
    if len(set(names)) < len(names) or setup & set(names):
        return False
    for job in jobs[1:]:
        gone = {step.step_id.lower() for step in job.steps[:shared] if step.step_id is not None} - setup
        if gone & job_references(job).members("steps"):
            return False
    return True


def _is_worth_it(workflow: Workflow, jobs: list[Job], shared: int, limits: list[float], evidence: Evidence) -> bool:
    costs = [_cost(job, shared, evidence) for job in jobs]
    if not shared or any(cost is None for cost in costs):
        return False
    small = sorted((cost for cost in costs if cost is not None), key=lambda cost: cost.work_s)
    # The job with the most work may be any size: the others join it.
    if any(cost.setup_cold_s <= cost.work_s for cost in small[:-1]):
        return False
    merged = {job.job_id: jobs[0].job_id for job in jobs}
    work_s = sum(cost.work_s for cost in small)
    overhead_s = max(cost.overhead_s for cost in small)
    totals = (small[0].setup_cold_s + work_s + overhead_s, small[0].setup_warm_s + work_s + overhead_s)
    for total, limit, warm in zip(totals, limits, (False, True), strict=True):
        known = _durations(workflow, evidence, {jobs[0].job_id: total})
        if known is None or _longest_path(workflow, known[warm], merged) > limit * (1 + _TOLERANCE_RATIO):
            return False
    return True


def _cost(job: Job, shared: int, evidence: Evidence) -> _Cost | None:
    cold = [evidence.duration_s(job.job_id, step, warm=False) for step in job.steps]
    warm = [evidence.duration_s(job.job_id, step, warm=True) for step in job.steps]
    known_cold = [value for value in cold if value is not None]
    known_warm = [value for value in warm if value is not None]
    if len(known_cold) < len(cold) or len(known_warm) < len(warm):
        return None
    history = evidence.profile.job(job.job_id) if evidence.profile else None
    overhead_s = history.overhead_s if history else 0.0
    return _Cost(sum(known_cold[:shared]), sum(known_warm[:shared]), sum(known_cold[shared:]), overhead_s)


def _durations(
    workflow: Workflow, evidence: Evidence, replaced: Mapping[str, float]
) -> tuple[dict[str, float], dict[str, float]] | None:
    """Seconds of every job with empty and with filled caches; a job without steps here takes its measured time."""
    cold, warm = dict(replaced), dict(replaced)
    for job in workflow.jobs:
        history = evidence.profile.job(job.job_id) if evidence.profile else None
        cost = _cost(job, len(job.steps), evidence)
        if job.job_id in replaced:
            continue
        if history is None and cost is None:
            return None
        measured_s = history.duration_s if history else 0.0
        overhead_s = history.overhead_s if history else 0.0
        cold[job.job_id] = cost.setup_cold_s + overhead_s if cost else measured_s
        warm[job.job_id] = cost.setup_warm_s + overhead_s if cost else measured_s
    return cold, warm


def _longest_path(workflow: Workflow, durations: Mapping[str, float], merged: Mapping[str, str]) -> float:
    """Makespan with a runner for every job, absorbed jobs standing for the one they are merged into."""
    ends: dict[str, float] = {}

    def end(job: Job) -> float:
        name = merged.get(job.job_id, job.job_id)
        if name not in ends:
            needed = [found for need in job.needs if (found := workflow.job(need)) is not None]
            ends[name] = max((end(other) for other in needed), default=0.0) + durations[name]
        return ends[name]

    return max(end(job) for job in workflow.jobs)


def _finding(jobs: list[Job], shared: int, evidence: Evidence) -> Finding:
    kept, absorbed = jobs[0], jobs[1:]
    costs = [cost for job in absorbed if (cost := _cost(job, shared, evidence)) is not None]
    saving_s = sum(cost.setup_warm_s + cost.overhead_s for cost in costs)
    names = ", ".join(repr(job.job_id) for job in jobs)
    checks = ", ".join(repr(job.display_name) for job in absorbed)
    setup_id = kept.steps[shared - 1].step_id or free_id("setup", jobs)
    claims = [MergedJobs(kept.job_id, tuple(job.job_id for job in absorbed), shared)]
    added = [] if kept.steps[shared - 1].step_id else [AddedStepId(kept.job_id, setup_id)]
    longest = max(cost.setup_cold_s for cost in costs)
    return Finding(
        pass_name=PASS.name,
        job_id=kept.job_id,
        place=kept.span,
        what=f"jobs {names} repeat the same set-up of {format_duration(longest)}, which outweighs their work",
        why=(
            f"One job does the set-up once; a failure of one part does not keep the others from running. The checks "
            f"{checks} disappear (name them nowhere as required), and the parts share a workspace."
        ),
        evidence="assumed",
        claims=(*claims, *added),
        saving_s=saving_s,
        target=_Target(tuple(job.job_id for job in absorbed), shared, setup_id),
    )
