"""Jobs and steps that the provider and the agent know by different names, found to be the same.

A job with a `name:` of its own is called by it in GitHub's API, and by its key in the job's environment; a step is a
number there and a key here; GitLab's agent cannot tell how often its job was tried. None of it can be known where the
rows are written, so it is found out when they are read, whichever came first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from typing import Any

from makespan_collector.store.rows import PROVIDER_SOURCES, SpanKind

Row = Mapping[str, Any]

_TOLERATED_NS = 2_000_000_000
"""Providers tell whole seconds, rounded down at either end (as in `clock_skew`)."""
_MOST_BEFORE_NS = 3_000_000_000
"""By so much a step may be shorter than the provider says: the runner prepares it, and seconds are rounded."""


def under_one_name(spans: Sequence[Row]) -> Sequence[Row]:
    """The jobs and steps of a run, those that are the same under one name.

    A job is the same where its id at the provider is (`job_run_id`), or where one runner, which runs one job at a time,
    did the step within the job's time. The agent's name is kept, for that is the workflow file's.

    Args:
        spans: Of one run; its own span is not among them.
    """
    # Rows come in no particular order, and what is found must not depend on it.
    spans = sorted(spans, key=_place)
    jobs = [span for span in spans if span["kind"] == SpanKind.JOB and span["source"] in PROVIDER_SOURCES]
    measured: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
    for span in spans:
        if span["kind"] == SpanKind.STEP and span["source"] not in PROVIDER_SOURCES:
            measured[span["job_name"], span["job_run_id"]].append(span)
    if not jobs or not measured:
        return spans
    names = {span["job_name"] for span in spans if span["source"] in PROVIDER_SOURCES}
    renamed, moved = _renamings(jobs, names, measured)
    named = [_named(span, renamed, moved) for span in spans] if renamed or moved else spans
    return _each_step_once(named)


def _place(span: Row) -> tuple[int, int, str, str]:
    return span["start_ns"], -span["end_ns"], span["trace_id"], span["span_id"]


def _renamings(
    jobs: Sequence[Row], names: Set[str], measured: Mapping[tuple[str, str | None], Sequence[Row]]
) -> tuple[dict[str, Row], dict[tuple[str, str | None], Row]]:
    """The provider's jobs by their name with a step that has the agent's; the agent's jobs with the provider's one."""
    known = {name for name, _ in measured}
    renamed: dict[str, Row] = {}
    moved: dict[tuple[str, str | None], Row] = {}
    for (name, run_id), steps in measured.items():
        # What both call alike is settled already, and no other job can be it.
        job = _job_of_id(run_id, jobs)
        if job is None and name not in names:
            job = _job_of_runner(steps, [one for one in jobs if one["job_name"] not in known])
        if job is None or job["job_name"] == name:
            continue
        if name in names:
            moved[name, run_id] = job  # A later try: the name is that of the first.
        else:
            renamed.setdefault(job["job_name"], steps[0])
    return renamed, moved


def _job_of_id(run_id: str | None, jobs: Sequence[Row]) -> Row | None:
    return None if run_id is None else next((job for job in jobs if job["job_run_id"] == run_id), None)


def _job_of_runner(steps: Sequence[Row], jobs: Sequence[Row]) -> Row | None:
    worker = steps[0]["worker"]
    if worker is None:
        return None
    start_ns, end_ns = min(step["start_ns"] for step in steps), max(step["end_ns"] for step in steps)
    found = [
        job
        for job in jobs
        if job["worker"] == worker
        and job["start_ns"] - _TOLERATED_NS <= start_ns
        and (job["state"] is not None or end_ns <= job["end_ns"] + _TOLERATED_NS)
    ]
    return found[0] if len(found) == 1 else None


def _named(span: Row, renamed: Mapping[str, Row], moved: Mapping[tuple[str, str | None], Row]) -> Row:
    if span["source"] in PROVIDER_SOURCES:
        known = renamed.get(span["job_name"])
    else:
        known = moved.get((span["job_name"], span["job_run_id"]))
    return span if known is None else {**span, "job_name": known["job_name"], "job_id": known["job_id"]}


def _each_step_once(spans: Sequence[Row]) -> Sequence[Row]:
    """Without the provider's steps that the agent measured under another path; these get their index."""
    steps: dict[str, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for span in spans:
        if span["kind"] == SpanKind.STEP:
            steps[span["job_name"]][span["source"] in PROVIDER_SOURCES].append(span)
    indices: dict[tuple[str, str], int] = {}
    dropped: set[tuple[str, str]] = set()
    for measured, told in steps.values():
        for step in told:
            same = next((own for own in measured if _key(own) not in indices and _is_same(step, own)), None)
            if same is not None and step["step_index"] is not None:
                indices[_key(same)] = step["step_index"]
                dropped.add(_key(step))
    return [
        {**span, "step_index": indices[_key(span)]} if _key(span) in indices else span
        for span in spans
        if _key(span) not in dropped
    ]


def _key(span: Row) -> tuple[str, str]:
    return span["trace_id"], span["span_id"]


def _is_same(told: Row, measured: Row) -> bool:
    """Whether a measured step fills a step of the provider's."""
    if measured["step_index"] is not None:
        return False  # It has the provider's own path, or is another step.
    is_within = (
        told["start_ns"] - _TOLERATED_NS <= measured["start_ns"]
        and measured["end_ns"] <= told["end_ns"] + _TOLERATED_NS
    )
    told_ns, measured_ns = told["end_ns"] - told["start_ns"], measured["end_ns"] - measured["start_ns"]
    return bool(is_within and measured_ns >= told_ns - _MOST_BEFORE_NS)
