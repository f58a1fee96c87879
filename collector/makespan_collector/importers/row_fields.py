"""The fields a line of CSV or JSON may have, and how a value of each is read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from makespan_collector.providers.payload import clean_text, instant_ns
from makespan_model.records import CacheOutcome, MemoryPeakSource, Result, StepKind
from makespan_model.vocabulary import USAGE_AMOUNTS, USAGE_COUNTS

_INT64_MAX = 2**63 - 1
_INT32_MAX = 2**31 - 1
_NS = MappingProxyType({"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1})
_MOST_ITEMS = 1_000

_RESULT_WORDS: Mapping[str, Result] = MappingProxyType(
    {result.value: result for result in Result}
    | dict.fromkeys(("passed", "pass", "ok", "succeeded", "neutral"), Result.SUCCESS)
    | dict.fromkeys(("failed", "fail"), Result.FAILURE)
    | dict.fromkeys(("errored", "startup_failure", "broken"), Result.ERROR)
    | dict.fromkeys(("timed_out", "timedout", "stale"), Result.TIMEOUT)
    | dict.fromkeys(("cancelled", "canceled", "aborted"), Result.CANCELLATION)
    | dict.fromkeys(("skipped", "action_required", "not_run"), Result.SKIP)
)
"""How providers call the six results, in lower case."""


class FieldError(ValueError):
    """A value that its field cannot have; the message begins with the field's name."""


def _text(value: object) -> str:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return clean_text(str(value))
    raise ValueError("a text")


def _whole(most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = _number(value)
        if not 0 <= number <= most or number != int(number):
            raise ValueError(f"a whole number from 0 to {most}")
        return int(number)

    return read


def _number(value: object) -> int | float:
    """A finite number; whole ones keep all their digits, which nanoseconds need."""
    try:
        number = _parsed(value) if isinstance(value, str) else value
        if isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number):
            return number
    except (ValueError, OverflowError):
        pass
    raise ValueError("a number")


def _parsed(text: str) -> int | float:
    text = text.strip()
    return int(text) if re.fullmatch(r"[+-]?\d{1,30}", text) else float(text)


def _amount(value: object) -> float:
    number = _number(value)
    if number < 0:
        raise ValueError("a number of 0 or more")
    return float(number)


def _moment(unit: str) -> Callable[[object], int]:
    factor = _NS[unit]

    def read(value: object) -> int:
        # Before rounding: no integer is infinite. Whole numbers stay whole, so that no nanosecond is lost.
        time_ns = _number(value) * factor
        if not 0 < time_ns < _INT64_MAX:
            raise ValueError(f"a Unix time in {unit} between 1970 and 2262")
        return round(time_ns)

    return read


def _iso(value: object) -> int:
    try:
        time_ns = instant_ns(value.strip()) if isinstance(value, str) else None
    except ValueError:
        time_ns = None
    if time_ns is None:
        raise ValueError("a time such as 2026-01-31T12:00:00Z")
    return time_ns


def _duration(unit: str) -> Callable[[object], int]:
    factor = _NS[unit]

    def read(value: object) -> int:
        duration_ns = _amount(value) * factor
        if duration_ns >= _INT64_MAX:
            raise ValueError("a duration under 292 years")
        return round(duration_ns)

    return read


def _texts(value: object) -> tuple[str, ...]:
    items = re.split(r"[,;\s]+", value.strip()) if isinstance(value, str) else value
    if not isinstance(items, list) or len(items) > _MOST_ITEMS or not all(isinstance(item, str) for item in items):
        raise ValueError("a list of texts (in CSV with spaces, commas or semicolons between them)")
    return tuple(clean_text(item) for item in items if item)


def _url(value: object) -> str:
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        raise ValueError("an http or https URL")
    return clean_text(value)


def _word(words: Mapping[str, Any]) -> Callable[[object], Any]:
    def read(value: object) -> Any:
        known = words.get(value.strip().lower().replace(" ", "_")) if isinstance(value, str) else None
        if known is None:
            raise ValueError(f"one of {', '.join(words)}")
        return known

    return read


_OF_IDENTITY = ("provider", "repository", "pipeline", "run_id", "job", "job_id", "job_run_id", "step", "step_path")
_TEXT_FIELDS = (*_OF_IDENTITY, "worker", "ref", "commit", "event", "actor", "change")

FIELDS: Mapping[str, Callable[[object], Any]] = MappingProxyType(
    dict.fromkeys(_TEXT_FIELDS, _text)
    | {"attempt": _whole(1_000_000), "step_index": _whole(_INT32_MAX), "exit_code": _whole(255)}
    | {"result": _word(_RESULT_WORDS), "step_kind": _word({kind.value: kind for kind in StepKind})}
    | {"cache_outcome": _word({outcome.value: outcome for outcome in CacheOutcome})}
    | {"memory_peak_source": _word({source.value: source for source in MemoryPeakSource})}
    | {"runner_labels": _texts, "needs": _texts, "url": _url}
    | {f"{moment}_at": _iso for moment in ("queued", "started", "ended")}
    | {f"{moment}_unix_{unit}": _moment(unit) for moment in ("queued", "started", "ended") for unit in _NS}
    | {f"{length}_{unit}": _duration(unit) for length in ("queue", "duration") for unit in _NS}
    | dict.fromkeys(USAGE_AMOUNTS, _amount)
    | dict.fromkeys(USAGE_COUNTS, _whole(_INT64_MAX))
)
"""Every field with the function that reads it; times and durations have their unit in the name."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "workflow": "pipeline",
        "workflow_name": "pipeline",
        "repo": "repository",
        "project": "repository",
        "run": "run_id",
        "build_id": "run_id",
        "pipeline_id": "run_id",
        "run_attempt": "attempt",
        "job_name": "job",
        "step_name": "step",
        "conclusion": "result",
        "status": "result",
        "outcome": "result",
        "runner": "worker",
        "runner_name": "worker",
        "labels": "runner_labels",
        "tags": "runner_labels",
        "branch": "ref",
        "head_branch": "ref",
        "sha": "commit",
        "head_sha": "commit",
        "html_url": "url",
        "web_url": "url",
        "created_at": "queued_at",
        "start_time": "started_at",
        "run_started_at": "started_at",
        "completed_at": "ended_at",
        "finished_at": "ended_at",
        "end_time": "ended_at",
        "start_ns": "started_unix_ns",
        "end_ns": "ended_unix_ns",
        "queued_ns": "queued_unix_ns",
    }
)
"""Other names of fields. None for `duration` or `start`: which unit they have is for a person to say (`--map`)."""


def read_field(name: str, value: object) -> Any:
    """A value of a field; None for null and for an empty text.

    Raises:
        FieldError: It cannot be one.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        return FIELDS[name](value)
    except ValueError as error:
        shown = repr(value)
        raise FieldError(f"{name} must be {error}, not {shown if len(shown) <= 80 else f'{shown[:77]}...'}") from None
