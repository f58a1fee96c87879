"""Emptying a spool: read, send in batches, delete what arrived, set aside what never can."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from makespan_agent.exporting.sending import Delivery, Outcome, Sender
from makespan_agent.exporting.step_record import StepRecord, decode_record
from makespan_agent.spooling.recovery import recover
from makespan_agent.spooling.spool_queue import SpoolQueue
from makespan_model.errors import InputError, UnavailableError

_BATCH = 64
"""Records read and settled at a time: their spans take one request of about 0.1 MB, what hangs below takes more."""

DEFAULT_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class FlushReport:
    """What a flush did.

    Attributes:
        endpoint: Where it sent to.
        sent: Steps delivered.
        left: Steps still in the spool, because of the network or because another process is sending.
        rejected: Records set aside: damaged, or refused for good by the receiver.
        reason: Why something was left, rejected, or arrived without its samples; empty otherwise.
        samples_refused: Steps that arrived without their samples, which the receiver does not take.
        retryable: Whether what was left may well be taken in a moment.
        retry_after_s: When the receiver asked to be tried again; None when it did not say.
    """

    endpoint: str
    sent: int = 0
    left: int = 0
    rejected: int = 0
    reason: str = ""
    samples_refused: int = 0
    retryable: bool = False
    retry_after_s: float | None = None


def flush(spool: Path, endpoint: str | None = None, timeout_s: float = DEFAULT_TIMEOUT_S) -> FlushReport:
    """Send everything that waits in `spool`, after any exporter that is at it.

    Args:
        spool: The directory; a missing one holds nothing.
        endpoint: Base URL of an OTLP receiver; None takes the environment's.
        timeout_s: Limit for the whole flush. Beyond it, what is not sent stays.

    Raises:
        UnavailableError: The spool exists and cannot be read or locked.
    """
    deadline_s = time.monotonic() + timeout_s
    queue = SpoolQueue(spool)
    sender = Sender(endpoint, _request_timeout_s(timeout_s))
    try:
        if not spool.is_dir():
            return FlushReport(sender.endpoint)
        with queue.sender_within(timeout_s) as is_sender:
            if not is_sender:
                left = len(queue.names())
                return FlushReport(sender.endpoint, left=left, reason="another process is still sending")
            recover(spool)
            return drain(queue, sender, deadline_s)
    except OSError as error:
        raise UnavailableError(f"spool {spool}: {error.strerror or error}; set MAKESPAN_SPOOL or --spool") from error
    finally:
        sender.close()


def drain(queue: SpoolQueue, sender: Sender, deadline_s: float | None = None) -> FlushReport:
    """Send until the spool is empty or a batch cannot be sent; the caller is the only sender.

    Args:
        queue: The spool.
        sender: Where to.
        deadline_s: By `time.monotonic`; no batch starts after it.
    """
    report = FlushReport(sender.endpoint)
    queue.remove_abandoned(time.time())
    while names := queue.names()[:_BATCH]:
        if deadline_s is not None and time.monotonic() >= deadline_s:
            report = replace(report, reason="the time was up")
            break
        records, report = _readable(queue, names, report)
        if not records:
            continue
        delivery = sender.send(list(records.values()))
        if delivery.outcome is Outcome.KEPT:
            queue.note_failure(sender.endpoint, delivery.reason)
            report = replace(
                report,
                reason=delivery.reason,
                retryable=delivery.retryable,
                retry_after_s=delivery.retry_after_s,
            )
            break
        report = _settle(queue, sender, records, delivery, report)
        queue.clear_failure()
    return replace(report, left=len(queue.names()))


def _readable(queue: SpoolQueue, names: list[str], report: FlushReport) -> tuple[dict[str, StepRecord], FlushReport]:
    records = {}
    for name in names:
        line = queue.read(name)
        if line is None:
            continue
        try:
            records[name] = decode_record(line, str(queue.directory / name))
        except InputError as error:
            queue.reject(name, str(error))
            report = replace(report, rejected=report.rejected + 1, reason=str(error))
    return records, report


def _settle(
    queue: SpoolQueue, sender: Sender, records: dict[str, StepRecord], delivery: Delivery, report: FlushReport
) -> FlushReport:
    """Delete what was sent; find the records a refused batch was refused for by sending them one by one."""
    if delivery.outcome is Outcome.SENT:
        rejected = min(delivery.rejected_spans, len(records))
        for name in records:
            if rejected:
                # OTLP 1.5: after a partial success the request must not be sent again, and nobody says which.
                queue.reject(name, f"{sender.endpoint}, of {len(records)} steps sent together: {delivery.reason}")
            else:
                queue.delete(name)
        refused = sum(bool(record.samples) for record in records.values()) if delivery.samples_refused else 0
        return replace(
            report,
            sent=report.sent + len(records) - rejected,
            rejected=report.rejected + rejected,
            samples_refused=report.samples_refused + refused,
            reason=delivery.reason or report.reason,
        )
    if len(records) == 1:
        name = next(iter(records))
        queue.reject(name, f"{sender.endpoint} refused it: {delivery.reason}")
        return replace(report, rejected=report.rejected + 1, reason=f"refused: {delivery.reason}")
    for name, record in records.items():
        single = sender.send([record])
        if single.outcome is Outcome.KEPT:
            break  # The next round meets it again.
        report = _settle(queue, sender, {name: record}, single, report)
    return report


def _request_timeout_s(timeout_s: float) -> float | None:
    """A person waits for a flush: give up on a dead receiver after 5 s unless OTEL_EXPORTER_OTLP_TIMEOUT says else."""
    return None if os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT") else min(timeout_s, 5.0)
