"""Every original command still runs: same text, shell, environment, directory, permissions and condition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from makespan_optimizer.claims import Claim
from makespan_optimizer.verification.allowances import Allowed, is_same, label, mentions_step
from makespan_optimizer.verification.facts import JobFacts, StepFacts, WorkflowFacts
from makespan_optimizer.verification.limits import check_job_keys, check_workflow_keys
from makespan_optimizer.verification.merging import check_merge
from makespan_optimizer.verification.ordering import feeds_the_world, guards_the_world

_PINNED_CACHE = re.compile(r"actions/cache@[0-9a-f]{40}")
# What may be done once instead of twice: commands that only bring an environment into a state.
_SETS_UP = re.compile(r"\b(?:pip3?|venv|virtualenv|uv|npm|yarn|pnpm|poetry|pipenv|bundle)\b")
_SETS_UP_ACTION = re.compile(r"actions/checkout@|setup|install|toolchain")


def check_commands(before: WorkflowFacts, after: WorkflowFacts, claims: Sequence[Claim]) -> Iterator[str]:
    """Problems with what is executed, one sentence each."""
    allowed = Allowed.of(claims)
    yield from check_workflow_keys(before, after, claims)
    yield from (f"job {name!r} is new" for name in after.jobs if name not in before.jobs)
    merges = {merge.kept.lower(): merge for merge in allowed.merges}
    for name, job in before.jobs.items():
        if name in allowed.absorbed:
            continue
        found = after.jobs.get(name)
        if found is None:
            yield f"job {name!r} is lost"
            continue
        yield from check_job_keys(before, job, found, claims)
        if name in merges:
            yield from check_merge(before, job, found, merges[name], allowed)
        else:
            yield from _check_steps(before, job, found, allowed)


def _check_steps(before: WorkflowFacts, job: JobFacts, found: JobFacts, allowed: Allowed) -> Iterator[str]:
    name = job.job_id.lower()
    dropped = {index for dropped_job, index in allowed.dropped if dropped_job == name}
    for index in sorted(dropped):
        yield from _check_duplicate(job, index)
    expected = [step for index, step in enumerate(job.steps) if index not in dropped]
    caches = 1 if name in allowed.caches else 0
    position = 0
    for step in found.steps:
        if position < len(expected) and is_same(expected[position], step, job, allowed):
            position += 1
        elif caches and _PINNED_CACHE.fullmatch(step.text("uses") or ""):
            caches -= 1
            yield from _check_cache(before, job, step)
        else:
            yield f"job {job.job_id!r} runs something at a place where it did not: {label(step)}"
            return
    if position < len(expected):
        yield f"job {job.job_id!r} lost the step {label(expected[position])}"


def _check_duplicate(job: JobFacts, index: int) -> Iterator[str]:
    if index >= len(job.steps):
        yield f"job {job.job_id!r} has no step {index + 1} to drop"
        return
    step = job.steps[index]
    content = step.without("name", "id")
    if {"if", "continue-on-error"} & step.values.keys():
        yield f"the dropped step {label(step)} has a condition of its own"
    if not any(earlier.without("name", "id") == content for earlier in job.steps[:index]):
        yield f"the dropped step {label(step)} repeats no earlier step of job {job.job_id!r}"
    run, uses = step.text("run"), step.text("uses")
    if not (_SETS_UP.search(run or "") or _SETS_UP_ACTION.search(uses or "")):
        yield f"the dropped step {label(step)} is no set-up"
    own_id = step.text("id")
    if own_id is not None and mentions_step(job, own_id):
        yield f"the dropped step {label(step)} is read by its id"


def _check_cache(before: WorkflowFacts, job: JobFacts, step: StepFacts) -> Iterator[str]:
    if guards_the_world(before, job) or feeds_the_world(before, job):
        yield f"a cache was added to job {job.job_id!r}, which acts on the world or feeds what does (cache poisoning)"
    if step.values.keys() - {"name", "uses", "with"}:
        yield f"the added cache of job {job.job_id!r} has more keys than name, uses and with"
    inputs = step.values.get("with", ("nothing",))
    pairs = inputs[-1] if inputs[0] == "mapping" else ()
    names = sorted(str(pair[0]) for pair in pairs) if isinstance(pairs, tuple) else []
    if names != ["key", "path"]:
        yield f"the added cache of job {job.job_id!r} must have exactly a key and a path"
