"""What a pass expects of a step that no run has measured yet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StepEstimate:
    """Expected cost of one step of the rewritten workflow, with an empty and with a filled cache.

    Attributes:
        job_id: The job in the rewritten workflow.
        content_key: The step's `Step.content_key` in the rewritten workflow.
        cold_s: Wall time when no cache entry exists yet.
        warm_s: Wall time when the cache has the entry.
        cold_cpu_s: CPU seconds of `cold_s`; never more is known than that it is near the wall time.
        warm_cpu_s: CPU seconds of `warm_s`.
        basis: How the figures came about, one sentence for the reader.
    """

    job_id: str
    content_key: str
    cold_s: float
    warm_s: float
    cold_cpu_s: float
    warm_cpu_s: float
    basis: str

    def __post_init__(self) -> None:
        if min(self.cold_s, self.warm_s, self.cold_cpu_s, self.warm_cpu_s) < 0:
            raise ValueError(f"negative estimate for {self.job_id!r}: {self}")
