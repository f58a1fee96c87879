"""Trace and span ids that every part of makespan derives instead of drawing.

Two machines that see parts of one run compute the same parents without talking to each other, and
a span that is sent twice is the same span.
"""

from __future__ import annotations

from dataclasses import dataclass

from makespan_model.span_ids import job_label, job_span_id, run_span_id, run_trace_id, step_span_id

__all__ = ["RunIdentity", "job_label", "job_span_id", "run_span_id", "step_span_id"]


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """One attempt at one run of one pipeline.

    Attributes:
        provider: `github`, `gitlab`, `jenkins`, …; `plain` outside CI.
        repository: `owner/name`; the job's full name on Jenkins, a directory's name outside CI.
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
        return run_trace_id(self.provider, self.repository, self.run_id, self.attempt)
