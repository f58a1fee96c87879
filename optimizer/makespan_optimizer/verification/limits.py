"""Keys of jobs and of the workflow: only the limits that were claimed may be new, and only where they do no harm."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from makespan_optimizer.claims import AddedConcurrency, AddedTimeout, Claim
from makespan_optimizer.verification.facts import JobFacts, WorkflowFacts
from makespan_optimizer.verification.ordering import guards_the_world
from makespan_optimizer.yaml.data import Value

_MOST_MINUTES = 360
_TIMEOUT, _CONCURRENCY = "timeout-minutes", "concurrency"
# Alone in its group is a run that no pull request has, and no two workflow files share a group.
_PER_FILE = "github.workflow_ref"
_PER_PULL_REQUEST = "github.event.pull_request.number||github.run_id"
# The first means the base branch's file, the second the caller's: their runs would share a group.
_SHARES_A_GROUP = ("pull_request_target", "workflow_call")


def check_job_keys(before: WorkflowFacts, job: JobFacts, found: JobFacts, claims: Sequence[Claim]) -> Iterator[str]:
    """Problems with the keys of one job beside `needs` and `steps`."""
    name = job.job_id.lower()
    minutes = [c.minutes for c in claims if isinstance(c, AddedTimeout) and c.job_id.lower() == name]
    if not minutes:
        if found.values != job.values:
            yield f"a key of job {name!r} changed"
        return
    limit = found.values.get(_TIMEOUT)
    if {key: value for key, value in found.values.items() if key != _TIMEOUT} != job.values:
        yield f"a key of job {name!r} changed"
    if limit is None or limit[:2] != ("scalar", str(minutes[0])) or not 1 <= minutes[0] <= _MOST_MINUTES:
        yield f"the time limit of job {name!r} is not the one that was claimed"
    if "uses" in job.values:
        yield f"job {name!r} calls a workflow and cannot have a time limit"
    elif guards_the_world(before, job):
        yield f"job {name!r} acts on the world and must not be stopped on the way"


def check_workflow_keys(before: WorkflowFacts, after: WorkflowFacts, claims: Sequence[Claim]) -> Iterator[str]:
    """Problems with the keys of the workflow beside `jobs`."""
    groups = [claim.group for claim in claims if isinstance(claim, AddedConcurrency)]
    kept = {key: value for key, value in after.values.items() if not groups or key != _CONCURRENCY}
    if kept != before.values:
        yield "a key of the workflow outside 'jobs' changed"
    if groups:
        yield from _check_concurrency(before, after.values.get(_CONCURRENCY), groups[0])


def _check_concurrency(before: WorkflowFacts, value: Value | None, group: str) -> Iterator[str]:
    pairs = value[-1] if value is not None and value[0] == "mapping" else ()
    written = {key: child[1] for key, child in pairs} if isinstance(pairs, tuple) else {}
    if written != {"group": group, "cancel-in-progress": "true"}:
        yield "the concurrency of the workflow is not the one that was claimed"
    terms = [re.sub(r"\s", "", term) for term in re.findall(r"\$\{\{(.*?)\}\}", group)]
    if not {_PER_FILE, _PER_PULL_REQUEST} <= set(terms):
        yield "runs that no newer push replaces would be cancelled"
    triggers = str(before.values.get("on"))
    shared = next((trigger for trigger in _SHARES_A_GROUP if f"'{trigger}'" in triggers), None)
    if shared is not None:
        yield f"with {shared!r} runs that have nothing to do with each other would be in one group"
    for name, job in before.jobs.items():
        if _CONCURRENCY in job.values:
            yield f"job {name!r} has a concurrency of its own"
        if guards_the_world(before, job):
            yield f"a run may be cancelled while job {name!r} acts on the world"
