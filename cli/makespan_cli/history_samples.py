"""The readings of a history's newest steps, as the sizes of jobs want them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from makespan_analytics.sizing.observations import SamplesOf
    from makespan_collector.store.contract import Store
    from makespan_model.records import JobRun, PipelineRun, Sample, StepRun

_SAMPLED_RUNS = 20
"""Newest runs whose samples are read: cores follow the last runs."""


def newest_samples(store: Store, runs: Sequence[PipelineRun]) -> SamplesOf:
    """The readings of the newest runs; each step is asked for once, though its job wants them as well."""
    from makespan_collector.store.contract import ReadsManySamples
    from makespan_model.identity import step_span_id

    sampled = {run.identity.trace_id for run in runs[-_SAMPLED_RUNS:]}
    known: dict[tuple[str, str], list[Sample]] = {}
    is_complete = isinstance(store, ReadsManySamples)
    if isinstance(store, ReadsManySamples):
        known = store.samples_of(sampled)

    def samples(run: PipelineRun, job: JobRun, step: StepRun) -> Sequence[Sample]:
        trace_id = run.identity.trace_id
        if trace_id not in sampled:
            return ()
        span_id = step_span_id(trace_id, job.name, step.path)
        if (trace_id, span_id) not in known and not is_complete:
            known[trace_id, span_id] = store.samples(trace_id, span_id)
        return known.get((trace_id, span_id), ())

    return samples
