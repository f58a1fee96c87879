"""OTLP/gRPC over grpcio, whose status codes OpenTelemetry's own exporter would keep to itself."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

# Its C core logs failed handshakes to stderr, where at most one line is ours; read when it is loaded.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from makespan_agent.exporting.otlp_settings import Compression, Signal, SignalSettings
from makespan_agent.exporting.transport import RESPONSES, Answer, ExportRequest, Verdict, taken
from makespan_model.errors import UsageError

_METHODS = {
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
_COMPRESSION = {
    Compression.NONE: grpc.Compression.NoCompression,
    Compression.GZIP: grpc.Compression.Gzip,
    Compression.DEFLATE: grpc.Compression.Deflate,
}
_PASSING = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""The retryable codes of OTLP 1.5, "OTLP/gRPC", "Failures"; RESOURCE_EXHAUSTED is one only with RetryInfo."""
_REFUSED = frozenset(
    {
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.ALREADY_EXISTS,
    }
)
"""Not retryable, and nothing that the payload could do about it."""
_TOO_LARGE = ("larger than max", "exceeds maximum size")
"""How the gRPC libraries (C, Go; Java) word a request beyond the receiver's limit; its code is RESOURCE_EXHAUSTED."""


class GrpcTransport:
    """Calls Export of one signal's service over one channel.

    Raises:
        UsageError: A certificate file cannot be read, or the endpoint is none.
    """

    def __init__(self, settings: SignalSettings) -> None:
        self._settings = settings
        options = [
            ("grpc.primary_user_agent", f"makespan-agent/{version('makespan')}"),
            # Otherwise a new channel inherits how long an older one has still to wait before it connects.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        compression = _COMPRESSION[settings.compression]
        target = _target(settings.url)
        if settings.is_insecure:
            self._channel = grpc.insecure_channel(target, options, compression)
        else:
            self._channel = grpc.secure_channel(target, _credentials(settings), options, compression)
        self._export = self._channel.unary_unary(
            _METHODS[settings.signal],
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=RESPONSES[settings.signal].FromString,
        )

    def post(self, request: ExportRequest, timeout_s: float) -> Answer:
        """Send once; what the network does to it is an answer too."""
        try:
            return taken(self._export(request, timeout=timeout_s, metadata=tuple(self._settings.headers.items())))
        except grpc.RpcError as error:
            return _judge(error)
        except (TypeError, ValueError) as error:  # Headers that gRPC does not allow.
            return Answer(Verdict.BROKEN, f"the headers cannot be sent over gRPC: {error}")

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


def _judge(error: Any) -> Answer:
    code, details = error.code(), " ".join((error.details() or "").split())
    after_s = _retry_delay_s(error.trailing_metadata() or ())
    reason = _reason(code, details)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        if after_s is not None:
            return Answer(Verdict.PASSING, reason, retry_after_s=after_s)
        is_too_large = any(words in details for words in _TOO_LARGE)
        return Answer(Verdict.BAD_DATA if is_too_large else Verdict.BROKEN, reason)
    if code in _PASSING:
        return Answer(Verdict.PASSING, reason, retry_after_s=after_s)
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return Answer(Verdict.BAD_DATA, reason)
    return Answer(Verdict.REFUSED if code in _REFUSED else Verdict.BROKEN, reason)


def _reason(code: grpc.StatusCode, details: str) -> str:
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return "no answer in time"
    if code is grpc.StatusCode.UNAVAILABLE and "onnection refused" in details:
        return "connection refused"
    if "CERTIFICATE_VERIFY_FAILED" in details:
        return f"TLS: {details.rpartition('CERTIFICATE_VERIFY_FAILED: ')[2] or 'certificate verify failed'}"
    return f"gRPC {code.name}: {details}" if details else f"gRPC {code.name}"


def _retry_delay_s(metadata: Any) -> float | None:
    """The delay of a RetryInfo, from the standard status details or from the key OpenTelemetry's exporters read."""
    for key, value in metadata:
        info = RetryInfo()
        try:
            if key == "grpc-status-details-bin":
                details = Status.FromString(value).details
                if not any(detail.Unpack(info) for detail in details):
                    continue
            elif key == "google.rpc.retryinfo-bin":
                info.ParseFromString(value)
            else:
                continue
        except DecodeError:
            continue
        return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return None


def _target(url: str) -> str:
    """`host:port` of an http or https URL; anything else (`host:port`, `unix:/path`) is gRPC's own to resolve."""
    if url.partition("://")[0].lower() not in ("http", "https"):
        return url
    target = urlsplit(url).netloc
    if not target:
        raise UsageError(f"the endpoint {url!r} names no host")
    return target


def _credentials(settings: SignalSettings) -> grpc.ChannelCredentials:
    client = settings.client_certificate
    return grpc.ssl_channel_credentials(
        root_certificates=_content(settings.certificate),
        private_key=_content(settings.client_key or client),
        certificate_chain=_content(client),
    )


def _content(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"the TLS file {path} cannot be read: {error.strerror or error}") from error
