"""Gauge points of an OTLP metrics export request as samples.

One reading of a step arrives as one point in each of several metrics; points of the same step and instant
become one row. Metrics that are not ours are rejected and counted: nothing here could ask for them yet.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint

from makespan_collector.otlp.attributes import (
    Attributes,
    RejectedError,
    check_number,
    decode_attributes,
    instant_ns,
    text,
)
from makespan_collector.store.rows import SampleRow
from makespan_model import vocabulary as names

COLUMN_OF: Mapping[str, str] = {metric: column for column, metric in names.SAMPLE_METRICS.items()}
"""Columns of `SampleRow` by the name of their metric."""
_INT64_MAX = 2**63 - 1
_WHOLE = {
    "memory_bytes": _INT64_MAX,
    "processes": 2**31 - 1,
    "host_memory_available_bytes": _INT64_MAX,
    "host_disk_used_bytes": _INT64_MAX,
}

_Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class DecodedSamples:
    """What a request held: rows, the number of rejected points, and the first reason."""

    rows: tuple[SampleRow, ...]
    rejected: int = 0
    reason: str = ""


def decode_metrics(request: ExportMetricsServiceRequest) -> DecodedSamples:
    """Turn every point into part of a row or count it as rejected."""
    readings: dict[_Key, dict[str, Any]] = defaultdict(dict)
    rejected, reason = 0, ""
    for metric, resource in _metrics(request):
        column = COLUMN_OF.get(metric.name)
        if column is None or metric.WhichOneof("data") != "gauge":
            rejected += number_of_points(metric)
            reason = reason or f"metric {metric.name!r} is not one of the gauges kept here: {', '.join(COLUMN_OF)}"
            continue
        for point in metric.gauge.data_points:
            try:
                said = {column: _number(point, column), "repository": text(resource, names.REPOSITORY)}
                readings[_key(point, resource)] |= said
            except RejectedError as error:
                rejected += 1
                reason = reason or f"metric {metric.name!r}: {error}"
    return DecodedSamples(tuple(_row(key, values) for key, values in readings.items()), rejected, reason)


def _metrics(request: ExportMetricsServiceRequest) -> Iterator[tuple[Metric, Attributes]]:
    for resource_metrics in request.resource_metrics:
        resource = decode_attributes(resource_metrics.resource.attributes)
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                yield metric, resource


def number_of_points(metric: Metric) -> int:
    """Points of a metric of whatever kind."""
    kind = metric.WhichOneof("data")
    return 0 if kind is None else len(getattr(metric, kind).data_points)


def _key(point: NumberDataPoint, resource: Attributes) -> _Key:
    check_number(point.attributes)
    attributes = {**resource, **decode_attributes(point.attributes)}
    trace_id = step_id(attributes, names.TRACE_ID, 32)
    span_id = step_id(attributes, names.SPAN_ID, 16)
    return trace_id, span_id, instant_ns(point.time_unix_nano, "the time")


def step_id(attributes: Attributes, key: str, digits: int) -> str:
    """A trace or span id that a point names its step with.

    Raises:
        RejectedError: It is missing, or not that many hexadecimal digits.
    """
    value = text(attributes, key) or ""
    if len(value) != digits or not set(value) <= set("0123456789abcdef"):
        raise RejectedError(f"{key} must be {digits} lower-case hexadecimal digits, not {value!r}")
    return value


def _number(point: NumberDataPoint, column: str) -> float | int:
    kind = point.WhichOneof("value")
    value = 0.0 if kind is None else getattr(point, kind)
    if kind is None or not math.isfinite(value) or not 0 <= value <= _WHOLE.get(column, math.inf):
        raise RejectedError(f"the value must be a finite number of 0 or more, not {value!r}")
    return round(value) if column in _WHOLE else float(value)


def _row(key: _Key, values: Mapping[str, Any]) -> SampleRow:
    trace_id, span_id, time_ns = key
    return SampleRow(trace_id=trace_id, span_id=span_id, time_ns=time_ns, **values)
