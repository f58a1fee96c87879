"""What a module about an emitter consists of, and lenient reads of what emitters send.

Attributes of others are read leniently: a run id may be a number, a word may be in capitals, anything may be
missing. Only wrong ids and times reject a span.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from makespan_collector.otlp.attributes import Attributes
from makespan_collector.store.rows import SpanKind
from makespan_model.records import Result

RESULTS: Final[Mapping[str, Result]] = {
    # OpenTelemetry semantic conventions 1.43, cicd.pipeline.result
    **{result.value: result for result in Result},
    # GitHub REST, conclusions of runs, jobs and steps
    "cancelled": Result.CANCELLATION,
    "skipped": Result.SKIP,
    "timed_out": Result.TIMEOUT,
    "neutral": Result.SUCCESS,
    "action_required": Result.FAILURE,
    "stale": Result.FAILURE,
    "startup_failure": Result.ERROR,
    # GitLab REST, status of pipelines and jobs
    "failed": Result.FAILURE,
    "canceled": Result.CANCELLATION,
    # Jenkins: hudson.model.Result and pipelinegraphanalysis.GenericStatus
    "unstable": Result.FAILURE,
    "aborted": Result.CANCELLATION,
    "not_built": Result.SKIP,
    "not_executed": Result.SKIP,
}

_GITHUB_URL = re.compile(r"https?://[^/\s]+/([^/\s]+/[^/\s]+)/actions/runs/([0-9]+)(?:/attempts/([0-9]+))?")


@dataclass(frozen=True, slots=True)
class Told:
    """What a span says by itself.

    Attributes:
        kind: Run, job or step, even where the rest of the trace has to complete it; else detail.
        columns: Values of `SpanRow`. Those it shares with the span above may be missing. A detail with
            `queued_ns` is the time a job waited: from then to the span's end.
    """

    kind: SpanKind
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Emitter:
    """One emitter.

    Attributes:
        name: Kept as `SpanRow.source`.
        recognises: Whether a span is its own, by attributes of resource, name of scope, and the span's own attributes.
        read: What the span says; the attributes are those of resource and span.
        nested_jobs: What a job within a job is: `STEP` where tasks within a task are its steps, `JOB` where the outer
            one only groups.
        default_job: Name of the job of steps that are in none.
    """

    name: str
    recognises: Callable[[Attributes, str, Attributes], bool]
    read: Callable[[Span, Attributes], Told]
    nested_jobs: SpanKind = SpanKind.STEP
    default_job: str | None = None


def said(attributes: Attributes, *keys: str) -> str | None:
    """The first that is there and not empty, as text."""
    for key in keys:
        value = attributes.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def listed(attributes: Attributes, key: str) -> tuple[str, ...] | None:
    """An array of strings, or a string of words with commas between them."""
    value = attributes.get(key)
    if isinstance(value, str):
        value = tuple(word.strip() for word in value.split(",") if word.strip())
    return value if isinstance(value, tuple) and value else None


def counted(attributes: Attributes, *keys: str) -> int | None:
    """A whole number of 1 or more that fits 31 bits."""
    text = said(attributes, *keys)
    return number if text and text.isdecimal() and len(text) < 11 and 0 < (number := int(text)) < 2**31 else None


def result_of(span: Span, attributes: Attributes, *keys: str) -> Result:
    """The first of the words that is known, else what the span's status says."""
    for key in keys:
        found = RESULTS.get((said(attributes, key) or "").lower())
        if found is not None:
            return found
    return Result.FAILURE if span.status.code == Status.STATUS_CODE_ERROR else Result.SUCCESS


def instant_of(attributes: Attributes, key: str) -> int | None:
    """A time in ISO 8601 as Unix nanoseconds."""
    try:
        moment = datetime.fromisoformat(said(attributes, key) or "")
        seconds = moment.timestamp()
    except (ValueError, OverflowError):
        return None
    return round(seconds * 1_000_000_000) if moment.tzinfo is not None and 0 < seconds < 2**33 else None


def github_run(url: str | None) -> dict[str, Any]:
    """Repository, run id and, where it is named, attempt out of a page of a run or job on GitHub."""
    match = _GITHUB_URL.match(url or "")
    if match is None:
        return {}
    repository, run_id, attempt = match.groups()
    found: dict[str, Any] = {"repository": repository, "run_id": run_id}
    number = counted({"attempt": attempt}, "attempt")
    return found if number is None else {**found, "attempt": number}


def path_of(url: str | None) -> str | None:
    """`group/project` out of the address of a repository."""
    try:
        path = urlsplit(url or "").path
    except ValueError:
        return None
    return path.strip("/").removesuffix(".git") or None
