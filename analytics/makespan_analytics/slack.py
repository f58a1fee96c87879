"""How much longer a job could take before the run takes longer."""

from __future__ import annotations

from makespan_analytics.precedence import executed_jobs, predecessors, topological_order
from makespan_model.records import PipelineRun


def total_slack_s(run: PipelineRun) -> dict[str, float]:
    """Total slack of every job that ran, in seconds, by job name.

    The critical path method: earliest times in a forward pass over the job graph, latest times in a
    backward pass from the earliest end of all, slack their difference (Kelley and Walker, Critical-Path
    Planning and Scheduling, 1959). Durations are measured; runners are taken to be always free, so that
    waiting for one neither adds to nor hides slack.

    Raises:
        InputError: The recorded `needs` form a circle.
    """
    before = predecessors(run)
    order = topological_order(before)
    duration_ns = {job.name: job.end_ns - job.start_ns for job in executed_jobs(run)}
    earliest_end_ns: dict[str, int] = {}
    for name in order:
        start_ns = max((earliest_end_ns[job.name] for job in before[name]), default=0)
        earliest_end_ns[name] = start_ns + duration_ns[name]
    end_ns = max(earliest_end_ns.values(), default=0)
    latest_end_ns = dict.fromkeys(order, end_ns)
    for name in reversed(order):
        latest_start_ns = latest_end_ns[name] - duration_ns[name]
        for job in before[name]:
            latest_end_ns[job.name] = min(latest_end_ns[job.name], latest_start_ns)
    return {name: (latest_end_ns[name] - earliest_end_ns[name]) / 1e9 for name in order}
