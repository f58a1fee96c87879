"""An OTLP/HTTP receiver in the test's own process: it decodes what a real exporter sends, protobuf or JSON."""

from __future__ import annotations

import base64
import gzip
import json
import re
import ssl
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.json_format import MessageToJson, Parse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Receiver:
    """What arrived. `status` is answered per path; 200 where nothing is set.

    `retry_after` goes with every answer; `rejected_spans` makes the answer to spans a partial success. `json` holds
    the bodies that came as JSON, as they came.
    """

    url: str
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    json: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    status: dict[str, int] = field(default_factory=dict)
    refuses_spans_named: str | None = None
    retry_after: str | None = None
    rejected_spans: int = 0
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Keep a request; returns the status to answer."""
        self.headers.append({name.lower(): value for name, value in headers.items()})
        status = self.status.get(path, 200)
        if status != 200:
            return status
        is_json = self.headers[-1].get("content-type") == "application/json"
        if is_json:
            self.json.append(json.loads(body))
        if path == "/v1/metrics":
            metrics = ExportMetricsServiceRequest()
            self.metrics.append(_read_json(body, metrics) if is_json else metrics.FromString(body))
            return 200
        request = ExportTraceServiceRequest()
        request = _read_json(body, request) if is_json else request.FromString(body)
        names = {s.name for r in request.resource_spans for scope in r.scope_spans for s in scope.spans}
        if self.refuses_spans_named in names:
            return 400
        self.traces.append(request)
        return 200

    def answer(self, path: str) -> bytes:
        """The body that says how many spans were not kept, in the encoding of the last request; empty for none."""
        if path != "/v1/traces" or not self.rejected_spans:
            return b""
        partial = ExportTraceServiceResponse()
        partial.partial_success.rejected_spans = self.rejected_spans
        partial.partial_success.error_message = "too old"
        if self.headers[-1].get("content-type") == "application/json":
            return bytes(MessageToJson(partial), "utf-8")
        return bytes(partial.SerializeToString())

    def spans(self) -> list[Span]:
        return [
            span
            for request in self.traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def wait_for_spans(self, count: int, timeout_s: float = 30.0) -> list[Span]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.spans()) >= count, timeout_s), "the spans never arrived"
        return self.spans()


def _read_json(body: bytes, message: Any) -> Any:
    """OTLP's ids are hexadecimal; protobuf's own reader takes them for base64."""
    as_base64 = re.sub(
        r'("(?:traceId|spanId|parentSpanId)": ?")([0-9a-f]*)"',
        lambda found: f'{found[1]}{base64.b64encode(bytes.fromhex(found[2])).decode()}"',
        body.decode(),
    )
    return Parse(as_base64, message)


def values(attributes: list[KeyValue]) -> dict[str, object]:
    """Attributes as plain values."""
    return {item.key: getattr(item.value, item.value.WhichOneof("value") or "string_value") for item in attributes}


@contextmanager
def receiving(port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on 127.0.0.1, on a free port unless one is asked for."""
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self._body()
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            elif self.headers.get("Content-Encoding") == "deflate":
                body = zlib.decompress(body)
            with receiver.arrived:
                status = receiver.take(self.path, dict(self.headers), body)
                receiver.arrived.notify_all()
            answer = receiver.answer(self.path) if status == 200 else b""
            self.send_response(status)
            if receiver.retry_after:
                self.send_header("Retry-After", receiver.retry_after)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers["Content-Length"]))
            body = b""  # Node's exporter does not know the length (RFC 9112, 7.1).
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    # A client that does not trust us hangs up in the handshake.
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    receiver.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
