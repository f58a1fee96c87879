"""The OTEL_EXPORTER_OTLP_* variables: where and how each signal is sent.

Names and defaults are those of the OpenTelemetry specification, "OpenTelemetry Protocol Exporter"; a signal's own
variable wins over the general one. Timeouts are seconds, as OpenTelemetry's Python exporters read them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from opentelemetry.util.re import parse_env_headers

from makespan_model.errors import UsageError

DEFAULT_TIMEOUT_S = 10.0
_DEFAULT_PORTS = {"grpc": 4317, "http/protobuf": 4318, "http/json": 4318}
_Choice = TypeVar("_Choice", bound=StrEnum)


class Signal(StrEnum):
    """What is sent; the values end the URL of an OTLP/HTTP request."""

    TRACES = "traces"
    METRICS = "metrics"


class Protocol(StrEnum):
    """How it is sent."""

    GRPC = "grpc"
    HTTP_PROTOBUF = "http/protobuf"
    HTTP_JSON = "http/json"


class Compression(StrEnum):
    """How a request's body is packed; `deflate` is the zlib format, as HTTP means it."""

    NONE = "none"
    GZIP = "gzip"
    DEFLATE = "deflate"


@dataclass(frozen=True, slots=True)
class SignalSettings:
    """How one signal is sent.

    Attributes:
        url: What an HTTP request is posted to; for gRPC the base URL, or a name as gRPC resolves it.
        base: What a person is told of the place: the URL without the signal's path where we added one.
        headers: Lower-case names; they are gRPC's metadata, too.
        timeout_s: Of one request, its retries included.
        is_insecure: Whether gRPC goes without TLS; over HTTP the URL's scheme alone decides.
        certificate: PEM file of the authorities to trust; None for the machine's.
        client_certificate: PEM file we show; None to show none.
        client_key: PEM file of its key; None when the certificate's file holds it.
    """

    signal: Signal
    protocol: Protocol
    url: str
    base: str
    headers: Mapping[str, str]
    timeout_s: float
    compression: Compression
    is_insecure: bool
    certificate: str | None
    client_certificate: str | None
    client_key: str | None


def signal_settings(
    signal: Signal,
    variables: Mapping[str, str],
    endpoint: str | None = None,
    timeout_s: float | None = None,
) -> SignalSettings:
    """Merge the variables of one signal.

    Args:
        signal: Whose variables.
        variables: The environment.
        endpoint: Base URL that wins over all variables; None takes OTEL_EXPORTER_OTLP_*, MAKESPAN_ENDPOINT or
            the protocol's usual port of this machine, in this order.
        timeout_s: Wins over the variables.

    Raises:
        UsageError: A variable's value cannot be understood; the message names both.
    """
    given = _Variables(signal, variables)
    protocol = given.choice("PROTOCOL", Protocol, Protocol.HTTP_PROTOBUF)
    base, url = place(signal, protocol, variables, endpoint)
    client_certificate, client_key = given.text("CLIENT_CERTIFICATE"), given.text("CLIENT_KEY")
    if client_key and not client_certificate:
        name = given.name("CLIENT_KEY")
        raise UsageError(f"{name} is set without {name.replace('KEY', 'CERTIFICATE')}")
    return SignalSettings(
        signal=signal,
        protocol=protocol,
        url=url,
        base=base,
        headers=parse_env_headers(given.text("HEADERS") or "", liberal=True),
        timeout_s=given.timeout_s() if timeout_s is None else timeout_s,
        compression=given.choice("COMPRESSION", Compression, Compression.NONE),
        is_insecure=_is_insecure(url, given.text("INSECURE")),
        certificate=given.text("CERTIFICATE"),
        client_certificate=client_certificate,
        client_key=client_key,
    )


class _Variables:
    """The variables of one signal; an empty one counts as unset (specification, "Environment Variables")."""

    def __init__(self, signal: Signal, variables: Mapping[str, str]) -> None:
        self._signal = signal
        self._variables = variables

    def name(self, option: str) -> str:
        """The variable that decides."""
        own = f"OTEL_EXPORTER_OTLP_{self._signal.upper()}_{option}"
        return own if self._variables.get(own, "").strip() else f"OTEL_EXPORTER_OTLP_{option}"

    def text(self, option: str) -> str | None:
        return self._variables.get(self.name(option), "").strip() or None

    def choice(self, option: str, kind: type[_Choice], default: _Choice) -> _Choice:
        text = self.text(option)
        if text is None:
            return default
        try:
            return kind(text.lower())
        except ValueError:
            raise UsageError(f"{self.name(option)} must be one of {', '.join(kind)}, not {text!r}") from None

    def timeout_s(self) -> float:
        text = self.text("TIMEOUT")
        if text is None:
            return DEFAULT_TIMEOUT_S
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if 0.0 < seconds < math.inf:
            return seconds
        raise UsageError(f"{self.name('TIMEOUT')} must be a number of seconds above 0, not {text!r}")


def place(signal: Signal, protocol: Protocol, variables: Mapping[str, str], endpoint: str | None) -> tuple[str, str]:
    """The base URL, and what requests go to; a signal's own endpoint is both, as it is.

    Args:
        signal: Whose requests.
        protocol: Decides the usual port, and whether a path follows.
        variables: The environment.
        endpoint: As in `signal_settings`.
    """
    own = variables.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT", "").strip()
    if endpoint is None and own:
        return own, own
    base = (
        endpoint
        or variables.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
        or variables.get("MAKESPAN_ENDPOINT", "").strip()
        or f"http://127.0.0.1:{_DEFAULT_PORTS[protocol]}"
    )
    return base, base if protocol is Protocol.GRPC else f"{base.rstrip('/')}/v1/{signal}"


def _is_insecure(url: str, insecure: str | None) -> bool:
    """By the scheme; the variable speaks only where there is none (specification, "Insecure")."""
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme in ("http", "https"):
        return scheme == "http"
    return (insecure or "").lower() == "true"
