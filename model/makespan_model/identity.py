"""Trace and span ids that every part of makespan derives instead of drawing.

Two machines that see parts of one run compute the same parents without talking to each other, and
a span that is sent twice is the same span.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

# Environment variables cannot hold a NUL, so no two different tuples join to the same text.
_SEPARATOR = "\0"


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """One attempt at one run of one pipeline.

    Attributes:
        provider: `github`, `gitlab` or `plain`.
        repository: `owner/name`, or a directory name outside CI.
        run_id: The provider's run or pipeline id.
        attempt: 1 for the first try, counted by the provider.
    """

    provider: str
    repository: str
    run_id: str
    attempt: int = 1

    def __post_init__(self) -> None:
        if not self.provider or not self.run_id:
            raise ValueError("a run needs a provider and a run id")
        if self.attempt < 1:
            raise ValueError(f"attempt must be 1 or more, not {self.attempt}")

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits: the first 16 bytes of SHA-256 over the four parts."""
        return _digest(self.provider, self.repository, self.run_id, str(self.attempt))[:32]


def run_span_id(trace_id: str) -> str:
    """The id (16 hexadecimal digits) of the run's root span."""
    return _digest(trace_id)[:16]


def job_span_id(trace_id: str, job: str) -> str:
    """The id of a job's span; `job` is the label from `job_label`."""
    return _digest(trace_id, job)[:16]


def step_span_id(trace_id: str, job: str, step_path: str) -> str:
    """The id of a step's span; `step_path` is unique within the job."""
    return _digest(trace_id, job, step_path)[:16]


def job_label(job: str, matrix: dict[str, object] | None) -> str:
    """A job's name with its matrix values in the order given, as GitHub shows it: `test (3.12, linux)`."""
    if not matrix:
        return job
    return f"{job} ({', '.join(str(value) for value in matrix.values())})"


def _digest(*parts: str) -> str:
    return hashlib.sha256(_SEPARATOR.join(parts).encode("utf-8", "surrogateescape")).hexdigest()
