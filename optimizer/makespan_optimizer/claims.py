"""What a rewrite says it changed, in words that verification can check without knowing any pass.

Whatever no claim covers must be as it was.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AddedCache:
    """One `actions/cache` step, pinned by commit, was added to a job that neither deploys nor releases."""

    job_id: str


@dataclass(frozen=True, slots=True)
class AddedStepId:
    """A step that had no id got one."""

    job_id: str
    step_id: str


@dataclass(frozen=True, slots=True)
class DroppedNeed:
    """A job no longer waits for another; nothing flows between them and neither guards the world."""

    job_id: str
    need: str


@dataclass(frozen=True, slots=True)
class AddedNeed:
    """A job waits for another directly, as it did through a third one before."""

    job_id: str
    need: str


@dataclass(frozen=True, slots=True)
class DroppedDuplicate:
    """The step at `index` (before the rewrite) repeated an earlier step of its job and is gone."""

    job_id: str
    index: int


@dataclass(frozen=True, slots=True)
class MergedJobs:
    """The steps of `absorbed` run in `kept`; their first `shared_steps` steps, equal in all, run once."""

    kept: str
    absorbed: tuple[str, ...]
    shared_steps: int


@dataclass(frozen=True, slots=True)
class AddedTimeout:
    """A job that had no limit of its own ends as failed after some minutes."""

    job_id: str
    minutes: int


@dataclass(frozen=True, slots=True)
class AddedConcurrency:
    """A newer run of a pull request cancels the older one; no other run is ever cancelled."""

    group: str


Claim = (
    AddedCache | AddedStepId | DroppedNeed | AddedNeed | DroppedDuplicate | MergedJobs | AddedTimeout | AddedConcurrency
)
