"""A merged job runs what its parts ran, whatever fails; one failure masks no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from makespan_optimizer.claims import MergedJobs
from makespan_optimizer.verification.allowances import Allowed, is_same, label, mentions_step
from makespan_optimizer.verification.conditions import PlainStep, UnreadableConditionError, run_steps, unknowns
from makespan_optimizer.verification.facts import JobFacts, StepFacts, WorkflowFacts
from makespan_optimizer.verification.ordering import guards_the_world

_SETTINGS_OF_ONE_JOB = (
    "strategy", "environment", "concurrency", "outputs", "timeout-minutes", "continue-on-error", "uses",
)  # fmt: skip
# 2^4 truth values of unknown parts times all pairs of failing steps stay within milliseconds.
_MAX_UNKNOWNS = 4


def check_merge(
    before: WorkflowFacts, job: JobFacts, found: JobFacts, merge: MergedJobs, allowed: Allowed
) -> Iterator[str]:
    """Problems with a merged job, one sentence each."""
    parts = [before.jobs[name.lower()] for name in merge.absorbed if name.lower() in before.jobs]
    if len(parts) < len(merge.absorbed):
        yield f"a job merged into {job.job_id!r} does not exist"
        return
    for part in [job, *parts]:
        yield from _check_frame(before, job, part)
    shared = merge.shared_steps
    expected = [*job.steps, *(step for part in parts for step in part.steps[shared:])]
    for part in parts:
        yield from _check_shared(job, part, shared)
    if len(found.steps) != len(expected):
        yield f"the merged job {job.job_id!r} has {len(found.steps)} steps instead of {len(expected)}"
        return
    for position, (step, moved) in enumerate(zip(expected, found.steps, strict=True)):
        kept = position < len(job.steps)
        same = is_same(step, moved, job, allowed) if kept else step.without("id", "if") == moved.without("id", "if")
        if not same or (not kept and "id" in step.values and step.values["id"] != moved.values.get("id")):
            yield f"the merged job {job.job_id!r} changed the step {label(step)}"
            return
    ids = [(step.text("id") or "").lower() for step in found.steps if "id" in step.values]
    if len(set(ids)) < len(ids):
        yield f"the merged job {job.job_id!r} has one step id twice"
    yield from _check_runs(job, parts, found, shared)


def _check_frame(before: WorkflowFacts, kept: JobFacts, part: JobFacts) -> Iterator[str]:
    own = {key: value for key, value in part.values.items() if key != "name"}
    if own != {key: value for key, value in kept.values.items() if key != "name"}:
        yield f"jobs {kept.job_id!r} and {part.job_id!r} differ in where or how they run"
    for key in _SETTINGS_OF_ONE_JOB:
        if key in part.values:
            yield f"job {part.job_id!r} has {key!r}, which does not survive a merge"
    if guards_the_world(before, part):
        yield f"job {part.job_id!r} acts on the world and was merged"


def _check_shared(kept: JobFacts, part: JobFacts, shared: int) -> Iterator[str]:
    for step, other in zip(kept.steps[:shared], part.steps[:shared], strict=False):
        if (
            step.without("name", "id") != other.without("name", "id")
            or {"if", "continue-on-error"} & step.values.keys()
        ):
            yield f"jobs {kept.job_id!r} and {part.job_id!r} do not share the set-up step {label(step)}"
        own_id = other.text("id")
        if own_id is not None and step.text("id") != own_id and mentions_step(part, own_id):
            yield f"job {part.job_id!r} reads the set-up step {own_id!r}, which is gone"
    if min(len(kept.steps), len(part.steps)) <= shared:
        yield f"job {part.job_id!r} or {kept.job_id!r} has no step after the shared set-up"


def _check_runs(kept: JobFacts, parts: Sequence[JobFacts], found: JobFacts, shared: int) -> Iterator[str]:
    """Whatever fails, the same steps run as before, and the merged job fails when one of the jobs would have."""
    jobs = [_plain(job, shared) for job in [kept, *parts]]
    names = [*(step.name for step in jobs[0]), *(step.name for job in jobs[1:] for step in job[shared:])]
    merged = [
        PlainStep(name, step.text("id"), step.text("if"), _is_forgiving(step))
        for name, step in zip(names, found.steps, strict=True)
    ]
    try:
        symbols = sorted(unknowns(step.condition for job in [*jobs, merged] for step in job))
        if len(symbols) > _MAX_UNKNOWNS:
            yield f"the merged job {kept.job_id!r} has too many conditions to check"
            return
        problem = _first_difference(jobs, merged, names, symbols)
    except UnreadableConditionError as error:
        problem = f"the condition {str(error)!r} cannot be checked"
    if problem is not None:
        yield f"the merged job {kept.job_id!r}: {problem}"


@dataclass(frozen=True, slots=True)
class _Truths:
    """Truth values of unknown parts by their text."""

    values: dict[str, bool]

    def __call__(self, text: str) -> bool:
        return self.values.get(text, True)


def _first_difference(
    jobs: list[list[PlainStep]], merged: list[PlainStep], names: list[str], symbols: list[str]
) -> str | None:
    scenarios = [(), *((name,) for name in names), *combinations(names, 2)]
    for truth in product((True, False), repeat=len(symbols)):
        # A text that is evaluated only while something fails is taken as true on both sides.
        unknown = _Truths(dict(zip(symbols, truth, strict=True)))
        for cancelled, failing in product((False, True), scenarios):
            results = [run_steps(job, failing, cancelled=cancelled, unknown=unknown) for job in jobs]
            ran, failed = run_steps(merged, failing, cancelled=cancelled, unknown=unknown)
            expected = frozenset().union(*(result[0] for result in results))
            if ran != expected:
                step = sorted(ran ^ expected)[0]
                state = "runs" if step in ran else "does not run"
                return f"when {' and '.join(failing) or 'nothing'} fails, {step} {state}, other than before"
            if failed != any(result[1] for result in results):
                return f"when {' and '.join(failing)} fails, the job's result differs"
    return None


def _plain(job: JobFacts, shared: int) -> list[PlainStep]:
    """Shared steps have one name in all jobs: they fail together."""
    return [
        PlainStep(
            f"set-up step {index + 1}" if index < shared else f"step {index + 1} of {job.job_id!r}",
            step.text("id"),
            step.text("if"),
            _is_forgiving(step),
        )
        for index, step in enumerate(job.steps)
    ]


def _is_forgiving(step: StepFacts) -> bool:
    return (step.text("continue-on-error") or "false") != "false"
