"""One statement about a pipeline that a person, or the optimizer, may act on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

MOST_RUN_IDS = 5
"""Runs named beside a number: enough to look at, not a list of the history."""


class FindingKind(StrEnum):
    """What is wrong."""

    BOTTLENECK = "bottleneck"
    """The pipeline waits for a step, or for the overhead of its jobs."""
    REGRESSION = "regression"
    """Something takes more than it used to, since a known run."""
    DRIFT = "drift"
    """Something takes a little more every week."""
    SLOW_MACHINE = "slow machine"
    """Jobs take longer on one machine than on the others like it."""
    QUEUEING = "queueing"
    """Jobs wait for runners."""
    FLAKINESS = "flakiness"
    """Equal inputs had different outcomes."""
    TOO_SMALL = "too small"
    """Killed for lack of memory, or held back by a CPU quota."""
    TOO_LARGE = "too large"
    """A cheaper runner would do."""
    WASTE = "waste"
    """Paid for and of no use."""
    CACHING = "caching"
    """A cache that misses more than it has to."""


class Confidence(StrEnum):
    """How sure a finding is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class FindingSubject:
    """What a finding is about; without a job it is the whole pipeline.

    Attributes:
        job_id: The job's key in the workflow file; None for the pipeline, or for several jobs.
        step_path: The step's pooled path; None for a whole job, or for a step of several jobs.
        key: Tells findings of one kind about the same place apart: a runner label, a kind of waste, a measure.
        name: What a person reads.
    """

    job_id: str | None
    step_path: str | None
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number that a finding rests on.

    Attributes:
        name: What was measured.
        unit: `s`, `bytes`, `usd`, `ratio`, `cores`; a plain word (`runs`) for a count.
        run_ids: Runs that it can be looked up in, at most `MOST_RUN_IDS`; empty when it is of all of them.
    """

    name: str
    value: float
    unit: str
    run_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What would be gained.

    Attributes:
        makespan_s: Seconds of makespan a run, in the mean over all runs; None when not known.
        low_s, high_s: Its 90 % interval; None when there is none.
        usd_per_month: At list prices; None when no price is known.
        how: How both were estimated.
    """

    makespan_s: float | None
    usd_per_month: float | None
    how: str
    low_s: float | None = None
    high_s: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        finding_id: The same whenever it is found again.
        advice: One sentence that says what to do.
        first_seen_ns: Start of the first run that it rests on, or of the first that it was ever found in.
        last_seen_ns: Start of the newest run that it rests on.
    """

    finding_id: str
    kind: FindingKind
    repository: str
    pipeline: str
    subject: FindingSubject
    evidence: tuple[Measurement, ...]
    effect: Effect
    confidence: Confidence
    advice: str
    first_seen_ns: int
    last_seen_ns: int


def finding_id(repository: str, pipeline: str, kind: FindingKind, *subject: str) -> str:
    """Ten hexadecimal digits of SHA-256 over what the finding is about: no number that changes from run to run."""
    parts = (repository, pipeline, kind.value, *subject)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:10]
