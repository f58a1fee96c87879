"""Which contexts and functions each key of a workflow or an action may use.

As GitHub documents it ("Contexts reference", context availability) and its parser checks it. A key is named by its
path, with `*` for a name that the author chose; what is below a key has what the key has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from makespan_optimizer.expressions.functions import ANY_NUMBER, Arity


# Compared by identity: what was parsed for a key is kept by it.
@dataclass(frozen=True, slots=True, eq=False)
class Availability:
    """Contexts and functions in lower case; the functions of every expression are not repeated here."""

    contexts: frozenset[str]
    functions: Mapping[str, Arity]


_ALWAYS, _HASH = Arity(0, 0), {"hashfiles": Arity(1, 255)}
_JOB_STATUS = {
    "always": _ALWAYS,
    "cancelled": _ALWAYS,
    "failure": Arity(0, ANY_NUMBER),
    "success": Arity(0, ANY_NUMBER),
}
_STEP_STATUS = {"always": _ALWAYS, "cancelled": _ALWAYS, "failure": _ALWAYS, "success": _ALWAYS}


def _available(contexts: str, functions: Mapping[str, Arity] | None = None) -> Availability:
    return Availability(frozenset(contexts.split()), functions or {})


_RUN = "github inputs vars"
_NEEDS = f"{_RUN} needs"
_LEG = f"{_NEEDS} strategy matrix"
_RUNNER = f"{_LEG} steps job runner env"
_STEP = f"{_RUNNER} secrets"
_ACTION_STEP = "github inputs strategy matrix steps job runner env"

WORKFLOW = {
    "run-name": _available(_RUN),
    "on.workflow_call.inputs.*.default": _available(_RUN),
    "on.workflow_call.outputs.*.value": _available(f"{_RUN} jobs"),
    "env": _available(f"{_RUN} secrets"),
    "concurrency": _available(_RUN),
    "jobs.*.name": _available(_LEG),
    "jobs.*.if": _available(_NEEDS, _JOB_STATUS),
    "jobs.*.strategy": _available(_NEEDS),
    "jobs.*.runs-on": _available(_LEG),
    "jobs.*.timeout-minutes": _available(_LEG),
    "jobs.*.cancel-timeout-minutes": _available(_LEG),
    "jobs.*.continue-on-error": _available(_LEG),
    "jobs.*.container": _available(_LEG),
    "jobs.*.container.credentials": _available(f"{_LEG} secrets env"),
    "jobs.*.container.env": _available(_STEP),
    "jobs.*.services": _available(_LEG),
    "jobs.*.services.*.credentials": _available(f"{_LEG} secrets env"),
    "jobs.*.services.*.env": _available(_STEP),
    "jobs.*.env": _available(f"{_LEG} secrets"),
    "jobs.*.environment": _available(_LEG),
    "jobs.*.environment.url": _available(_RUNNER),
    "jobs.*.concurrency": _available(_LEG),
    "jobs.*.outputs": _available(_STEP),
    "jobs.*.defaults.run": _available(f"{_LEG} env"),
    "jobs.*.snapshot.if": _available(_LEG),
    "jobs.*.with": _available(_LEG),
    "jobs.*.secrets.*": _available(f"{_LEG} secrets"),
    "jobs.*.steps.if": _available(_RUNNER, {**_STEP_STATUS, **_HASH}),
    "jobs.*.steps.name": _available(_STEP, _HASH),
    "jobs.*.steps.run": _available(_STEP, _HASH),
    "jobs.*.steps.env": _available(_STEP, _HASH),
    "jobs.*.steps.with": _available(_STEP, _HASH),
    "jobs.*.steps.working-directory": _available(_STEP, _HASH),
    "jobs.*.steps.timeout-minutes": _available(_STEP, _HASH),
    "jobs.*.steps.continue-on-error": _available(_STEP, _HASH),
}
ACTION = {
    "inputs.*.default": _available("github strategy matrix job runner", _HASH),
    "outputs.*.value": _available(_ACTION_STEP),
    "runs.args": _available("inputs"),
    "runs.env": _available("inputs"),
    "runs.pre-if": _available("github inputs strategy matrix job runner env", {**_STEP_STATUS, **_HASH}),
    "runs.post-if": _available("github inputs strategy matrix job runner env", {**_STEP_STATUS, **_HASH}),
    "runs.steps.if": _available(_ACTION_STEP, {**_STEP_STATUS, **_HASH}),
    "runs.steps.name": _available(_ACTION_STEP, _HASH),
    "runs.steps.run": _available(_ACTION_STEP, _HASH),
    "runs.steps.env": _available(_ACTION_STEP, _HASH),
    "runs.steps.with": _available(_ACTION_STEP, _HASH),
    "runs.steps.shell": _available(_ACTION_STEP, _HASH),
    "runs.steps.working-directory": _available(_ACTION_STEP, _HASH),
    "runs.steps.continue-on-error": _available(_ACTION_STEP, _HASH),
}


def availability(path: tuple[str, ...], table: Mapping[str, Availability] = WORKFLOW) -> Availability | None:
    """What the key at `path` may use: of the longest path of the table that it lies at or below.

    Returns:
        None where GitHub takes no expression.
    """
    for length in range(len(path), 0, -1):
        found = table.get(".".join(path[:length]))
        if found is not None:
            return found
    return None
