"""What all OTLP transports share: one request, its answer, and trying again while the time lasts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from makespan_agent.exporting.otlp_settings import Signal

ExportRequest = ExportTraceServiceRequest | ExportMetricsServiceRequest
ExportResponse = ExportTraceServiceResponse | ExportMetricsServiceResponse
RESPONSES: dict[Signal, type[ExportResponse]] = {
    Signal.TRACES: ExportTraceServiceResponse,
    Signal.METRICS: ExportMetricsServiceResponse,
}
_FIRST_DELAY_S = 1.0


class Verdict(Enum):
    """What an answer says of the request it answers."""

    TAKEN = "taken"
    BAD_DATA = "bad data"
    """The payload is to blame: it will never be taken."""
    REFUSED = "refused"
    """The configuration is to blame (credentials, a path): nothing will be taken until it is right."""
    BROKEN = "broken"
    """The receiver is to blame, and does not say that trying again helps."""
    PASSING = "passing"
    """The same request may well be taken in a moment."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request.

    Attributes:
        reason: Why it was not taken, or not all of it; empty when all went well.
        rejected: How many spans or data points a receiver that took the request did not keep.
        retry_after_s: When the receiver asked to be tried again; None when it did not say.
    """

    verdict: Verdict
    reason: str = ""
    rejected: int = 0
    retry_after_s: float | None = None


class Transport(Protocol):
    """A way to one receiver for one signal."""

    def post(self, request: ExportRequest, timeout_s: float) -> Answer:
        """Send once and wait for the answer; network failures are answers too."""

    def close(self) -> None:
        """Close the connections."""


def post_until_taken(
    transport: Transport,
    request: ExportRequest,
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Answer:
    """Send, and send again with doubling delays while that may help and the time lasts.

    Args:
        transport: Where to.
        request: What.
        timeout_s: For all of it.
        clock: Seconds that never run backwards.
        sleep: Waits for so many seconds.

    Returns:
        The last answer.
    """
    deadline_s = clock() + timeout_s
    backoff_s = _FIRST_DELAY_S
    while True:
        answer = transport.post(request, max(deadline_s - clock(), 0.001))
        if answer.verdict is not Verdict.PASSING:
            return answer
        # Jitter, so that the agents of a fleet do not come back together.
        delay_s = backoff_s * random.uniform(0.8, 1.2) if answer.retry_after_s is None else answer.retry_after_s  # noqa: S311
        if delay_s >= deadline_s - clock():
            return answer
        sleep(delay_s)
        backoff_s *= 2


def taken(response: ExportResponse) -> Answer:
    """The answer of a receiver that took the request, all of it or a part (OTLP 1.5, "Partial Success")."""
    partial = response.partial_success
    count = int(getattr(partial, "rejected_spans", 0) or getattr(partial, "rejected_data_points", 0))
    if not count:
        return Answer(Verdict.TAKEN, partial.error_message)
    message = partial.error_message or "no reason given"
    return Answer(Verdict.TAKEN, f"rejected {count} by partial success: {message}", rejected=count)
