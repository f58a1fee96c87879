"""OTLP messages reduced to the fields that become columns, so that decoding skips everything else.

A protobuf message may be read by any description whose field numbers and wire types agree with its own: what the
description lacks is skipped (protobuf encoding, "Updating a message type"). Here a request keeps every span as the
bytes it came in, and a span keeps ids, times, name, status and attributes. Descriptions are built while the module
is loaded, so that no generated code has to be kept in step with the protobuf runtime.
"""

from __future__ import annotations

from typing import Any, Final

import ptars
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_Field = FieldDescriptorProto
_PACKAGE = "makespan.otlp.reduced"

# (message, [(field, number of opentelemetry-proto 1.x, type, repeated, may be absent, message type)])
_MESSAGES: Final[dict[str, list[tuple[str, int, int, bool, bool, str]]]] = {
    "Value": [
        ("string_value", 1, _Field.TYPE_STRING, False, True, ""),
        ("bool_value", 2, _Field.TYPE_BOOL, False, True, ""),
        ("int_value", 3, _Field.TYPE_INT64, False, True, ""),
        ("double_value", 4, _Field.TYPE_DOUBLE, False, True, ""),
        ("array_value", 5, _Field.TYPE_BYTES, False, True, ""),
    ],
    "KeyValue": [
        ("key", 1, _Field.TYPE_STRING, False, False, ""),
        ("value", 2, _Field.TYPE_MESSAGE, False, False, "Value"),
    ],
    "Status": [("code", 3, _Field.TYPE_INT32, False, False, "")],
    "Span": [
        ("trace_id", 1, _Field.TYPE_BYTES, False, False, ""),
        ("span_id", 2, _Field.TYPE_BYTES, False, False, ""),
        ("parent_span_id", 4, _Field.TYPE_BYTES, False, False, ""),
        ("name", 5, _Field.TYPE_STRING, False, False, ""),
        ("start_time_unix_nano", 7, _Field.TYPE_FIXED64, False, False, ""),
        ("end_time_unix_nano", 8, _Field.TYPE_FIXED64, False, False, ""),
        ("attributes", 9, _Field.TYPE_MESSAGE, True, False, "KeyValue"),
        ("status", 15, _Field.TYPE_MESSAGE, False, False, "Status"),
    ],
    "ScopeSpans": [
        ("scope", 1, _Field.TYPE_BYTES, False, False, ""),
        ("spans", 2, _Field.TYPE_BYTES, True, False, ""),
    ],
    "ResourceSpans": [
        ("resource", 1, _Field.TYPE_BYTES, False, False, ""),
        ("scope_spans", 2, _Field.TYPE_MESSAGE, True, False, "ScopeSpans"),
    ],
    "Request": [("resource_spans", 1, _Field.TYPE_MESSAGE, True, False, "ResourceSpans")],
    "Point": [
        ("time_unix_nano", 3, _Field.TYPE_FIXED64, False, False, ""),
        ("as_double", 4, _Field.TYPE_DOUBLE, False, True, ""),
        ("as_int", 6, _Field.TYPE_SFIXED64, False, True, ""),
        ("attributes", 7, _Field.TYPE_BYTES, True, False, ""),
    ],
    "Gauge": [("data_points", 1, _Field.TYPE_BYTES, True, False, "")],
    "Metric": [
        ("name", 1, _Field.TYPE_STRING, False, False, ""),
        ("gauge", 5, _Field.TYPE_MESSAGE, False, True, "Gauge"),
        ("sum", 7, _Field.TYPE_BYTES, False, True, ""),
        ("histogram", 9, _Field.TYPE_BYTES, False, True, ""),
        ("exponential_histogram", 10, _Field.TYPE_BYTES, False, True, ""),
        ("summary", 11, _Field.TYPE_BYTES, False, True, ""),
    ],
    "ScopeMetrics": [("metrics", 2, _Field.TYPE_MESSAGE, True, False, "Metric")],
    "ResourceMetrics": [
        ("resource", 1, _Field.TYPE_BYTES, False, False, ""),
        ("scope_metrics", 2, _Field.TYPE_MESSAGE, True, False, "ScopeMetrics"),
    ],
    "MetricsRequest": [("resource_metrics", 1, _Field.TYPE_MESSAGE, True, False, "ResourceMetrics")],
}


def _file() -> FileDescriptorProto:
    file = FileDescriptorProto(name="makespan/otlp_reduced.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind, repeated, optional, type_name in fields:
            label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=number, type=kind, label=label)
            if type_name:
                field.type_name = f".{_PACKAGE}.{type_name}"
            if optional:
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{field_name}")
    return file


_pool = DescriptorPool()
_pool.Add(_file())
_described = _pool.FindFileByName("makespan/otlp_reduced.proto")

_handlers = ptars.HandlerPool([_described])


def _message(name: str) -> Any:
    return GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def _table(name: str) -> Any:
    return _handlers.get_for_message(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")).array_to_record_batch


ReducedRequest: Final = _message("Request")
"""A trace export request whose resources and spans are bytes."""
span_table: Final = _table("Span")
"""Turns a binary array of serialized spans into a record batch of the fields above, one row a span."""

ReducedMetricsRequest: Final = _message("MetricsRequest")
"""A metrics export request whose resources and points are bytes."""
point_table: Final = _table("Point")
"""The same as `span_table` for points of gauges, whose attributes stay bytes."""
