"""OTLP/HTTP, with a body of protobuf or JSON (OTLP specification 1.5, "OTLP/HTTP")."""

from __future__ import annotations

import gzip
import os
import time
import zlib
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from importlib.metadata import version

import requests
from google.protobuf.message import DecodeError

from makespan_agent.exporting.json_encoding import decode_json_answer, encode_json
from makespan_agent.exporting.otlp_settings import Compression, Protocol, SignalSettings
from makespan_agent.exporting.transport import RESPONSES, Answer, ExportRequest, Verdict, taken

_BAD_DATA = frozenset({400, 413, 422})
"""Answers that blame the payload ("Failures"). Others of the 4xx (401, 404) blame the configuration."""
_PASSING = frozenset({429, 502, 503, 504})
"""Answers after which the same request may well succeed ("Retryable Response Codes")."""
_PACK: dict[Compression, Callable[[bytes], bytes]] = {
    Compression.NONE: bytes,
    Compression.GZIP: gzip.compress,
    Compression.DEFLATE: zlib.compress,
}


class HttpTransport:
    """Posts the requests of one signal over connections that are kept open."""

    def __init__(self, settings: SignalSettings) -> None:
        self._settings = settings
        self._is_json = settings.protocol is Protocol.HTTP_JSON
        self._headers = {
            "content-type": "application/json" if self._is_json else "application/x-protobuf",
            "user-agent": f"makespan-agent/{version('makespan')}",
            **settings.headers,
        }
        if settings.compression is not Compression.NONE:
            self._headers["content-encoding"] = settings.compression
        self._session = requests.Session()

    def post(self, request: ExportRequest, timeout_s: float) -> Answer:
        """Send once; what the network does to it is an answer too."""
        body = encode_json(request) if self._is_json else request.SerializeToString()
        settings = self._settings
        try:
            response = self._session.post(
                settings.url,
                data=_PACK[settings.compression](body),
                headers=self._headers,
                timeout=timeout_s,
                # A POST that is sent elsewhere arrives there as a GET: the records would seem to have arrived.
                allow_redirects=False,
                # Given with the request, it wins over REQUESTS_CA_BUNDLE.
                verify=settings.certificate or True,
                cert=_client_certificate(settings),
            )
        except (OSError, ValueError) as error:  # Of requests, or of a certificate file that is not there.
            is_network = isinstance(error, requests.RequestException) and not isinstance(error, ValueError)
            return Answer(Verdict.PASSING if is_network else Verdict.BROKEN, _network_reason(error))
        return self._judge(response)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _judge(self, response: requests.Response) -> Answer:
        status = response.status_code
        reason = f"HTTP {status}"
        if 200 <= status < 300:
            return self._read(response)
        if status in _BAD_DATA:
            return Answer(Verdict.BAD_DATA, reason)
        if status in _PASSING:
            after_s = retry_after_s(response.headers.get("Retry-After", ""), time.time())
            return Answer(Verdict.PASSING, reason, retry_after_s=after_s)
        if 300 <= status < 400:
            return Answer(Verdict.BROKEN, f"{reason}, moved to {response.headers.get('Location', 'nowhere')}")
        return Answer(Verdict.REFUSED if status < 500 else Verdict.BROKEN, reason)

    def _read(self, response: requests.Response) -> Answer:
        """A receiver answers in the request's encoding; one that does not says so in its Content-Type."""
        message = RESPONSES[self._settings.signal]()
        kind = response.headers.get("Content-Type", "")
        try:
            if "json" in kind or (self._is_json and "protobuf" not in kind):
                decode_json_answer(response.content, message)
            else:
                message.ParseFromString(response.content)
        except (DecodeError, ValueError):
            return Answer(Verdict.TAKEN)  # A proxy's page, or nothing: the status code has said enough.
        return taken(message)


def retry_after_s(text: str, now_s: float) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, section 10.2.3); None when it says nothing usable.

    Args:
        text: The header's value: seconds or an HTTP date.
        now_s: Unix time.
    """
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_s)
    except ValueError:
        return None


def _client_certificate(settings: SignalSettings) -> str | tuple[str, str] | None:
    if settings.client_certificate and settings.client_key:
        return settings.client_certificate, settings.client_key
    return settings.client_certificate


def _network_reason(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return f"TLS: {_innermost(error)}"
    if not isinstance(error, requests.RequestException) or isinstance(error, ValueError):
        return str(error)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            return (cause.strerror or os.strerror(cause.errno)).lower()
        reason = getattr(cause.args[0], "reason", None) if cause.args else None
        cause = reason if isinstance(reason, BaseException) else cause.__cause__ or cause.__context__
    return type(error).__name__


def _innermost(error: BaseException) -> str:
    """The last cause's own words: `certificate verify failed: unable to get local issuer certificate`."""
    cause = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    message = str(getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or cause)
    return message.lower().replace("_", " ")
