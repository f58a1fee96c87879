"""A finding as JSON, and back: one shape for the store, for `--json` and for the optimizer."""

from __future__ import annotations

from math import isfinite
from typing import Any

from makespan_analytics.findings.finding import (
    Confidence,
    Effect,
    Finding,
    FindingKind,
    FindingSubject,
    Measurement,
)


def finding_as_json(finding: Finding) -> dict[str, Any]:
    """Plain values under documented names (docs/analytics/findings.md)."""
    subject, effect = finding.subject, finding.effect
    return {
        "id": finding.finding_id,
        "kind": finding.kind.value,
        "repository": finding.repository,
        "pipeline": finding.pipeline,
        "subject": {
            "job_id": subject.job_id,
            "step_path": subject.step_path,
            "key": subject.key,
            "name": subject.name,
        },
        "evidence": [
            {"name": one.name, "value": one.value, "unit": one.unit, "run_ids": list(one.run_ids)}
            for one in finding.evidence
        ],
        "effect": {
            "makespan_s": effect.makespan_s,
            "low_s": effect.low_s,
            "high_s": effect.high_s,
            "usd_per_month": effect.usd_per_month,
            "how": effect.how,
        },
        "confidence": finding.confidence.value,
        "advice": finding.advice,
        "first_seen_ns": finding.first_seen_ns,
        "last_seen_ns": finding.last_seen_ns,
    }


def finding_from_json(told: dict[str, Any]) -> Finding:
    """A finding that `finding_as_json` made.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: It is not one.
    """
    subject, effect = told["subject"], told["effect"]
    return Finding(
        finding_id=_text(told["id"]),
        kind=FindingKind(told["kind"]),
        repository=_text(told["repository"]),
        pipeline=_text(told["pipeline"]),
        subject=FindingSubject(
            _text_or_none(subject["job_id"]),
            _text_or_none(subject["step_path"]),
            _text(subject["key"]),
            _text(subject["name"]),
        ),
        evidence=tuple(
            Measurement(
                _text(one["name"]), _number(one["value"]), _text(one["unit"]), tuple(map(_text, one["run_ids"]))
            )
            for one in told["evidence"]
        ),
        effect=Effect(
            makespan_s=_number_or_none(effect["makespan_s"]),
            usd_per_month=_number_or_none(effect["usd_per_month"]),
            how=_text(effect["how"]),
            low_s=_number_or_none(effect["low_s"]),
            high_s=_number_or_none(effect["high_s"]),
        ),
        confidence=Confidence(told["confidence"]),
        advice=_text(told["advice"]),
        first_seen_ns=time_ns(told["first_seen_ns"]),
        last_seen_ns=time_ns(told["last_seen_ns"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"not a text: {value!r}")
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise TypeError(f"not a number: {value!r}")
    return value


def _number_or_none(value: object) -> float | None:
    return None if value is None else _number(value)


def time_ns(value: object) -> int:
    """A value of JSON that has to be a time in nanoseconds.

    Raises:
        TypeError: It is not one.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise TypeError(f"not a time: {value!r:.40}")
    return value
