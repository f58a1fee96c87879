"""OTLP/JSON, which is protobuf's JSON mapping with three exceptions (OTLP 1.5, "JSON Protobuf Encoding").

Trace and span ids are hexadecimal, not base64; enum values are numbers, not names; unknown fields of an answer
are to be ignored.
"""

from __future__ import annotations

import base64
import json
from typing import Any, TypeVar

from google.protobuf.json_format import MessageToDict, Parse, ParseError

from makespan_agent.exporting.transport import ExportRequest, ExportResponse

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})
"""The names of every field that holds an id. Attributes cannot have them: their names are values, under `key`."""
_Response = TypeVar("_Response", bound=ExportResponse)


def encode_json(request: ExportRequest) -> bytes:
    """The request as UTF-8 JSON; 64-bit integers are decimal strings, bytes base64, as protobuf maps them."""
    fields = MessageToDict(request, use_integers_for_enums=True)
    _rewrite_ids(fields)
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def decode_json_answer(body: bytes, response: _Response) -> _Response:
    """Fill `response` from its JSON form.

    Raises:
        ValueError: The body is no such answer.
    """
    try:
        Parse(body, response, ignore_unknown_fields=True)
    except ParseError as error:
        raise ValueError(str(error)) from error
    return response


def _rewrite_ids(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _rewrite_ids(item)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in _IDS:
                node[name] = base64.b64decode(value).hex()
            else:
                _rewrite_ids(value)
