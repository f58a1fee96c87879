"""Old data taken out of a store while it serves."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from makespan_collector.operation.logs import fields
from makespan_collector.store.contract import Store
from makespan_model.errors import MakespanError

EVERY_S = 6 * 3_600.0
"""Ages are told in days, so a quarter of one late is on time."""
_DAY_NS = 86_400 * 1_000_000_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long data is kept, in days; 0 keeps it."""

    samples_days: int = 0
    runs_days: int = 0


class PrunedRows(Protocol):
    """What a prune took out."""

    @property
    def samples(self) -> int:
        """Rows of samples."""

    @property
    def spans(self) -> int:
        """Rows of runs."""


@runtime_checkable
class Prunable(Protocol):
    """A store that takes old data out when told, beside appends."""

    def prune(self, *, samples_before_ns: int | None = None, runs_before_ns: int | None = None) -> PrunedRows:
        """Take out samples of steps, and whole runs, that ended before."""


@contextmanager
def pruning(
    store: Store,
    retention: Retention,
    *,
    every_s: float = EVERY_S,
    clock_ns: Callable[[], int] = time.time_ns,
) -> Iterator[None]:
    """Prune at once and then every six hours, until the block ends; a prune under way is waited for."""
    if not retention.samples_days and not retention.runs_days:
        yield
        return
    if not isinstance(store, Prunable):
        _log.warning("retention is up to the server of this store; `makespan store init` sets it there")
        yield
        return
    ended = threading.Event()

    def prune_again_and_again() -> None:
        while True:
            _prune(store, retention, clock_ns())
            if ended.wait(every_s):
                return

    thread = threading.Thread(target=prune_again_and_again, name="makespan-retention")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _prune(store: Prunable, retention: Retention, now_ns: int) -> None:
    try:
        pruned = store.prune(
            samples_before_ns=_before(retention.samples_days, now_ns),
            runs_before_ns=_before(retention.runs_days, now_ns),
        )
    except (OSError, MakespanError) as error:
        _log.warning("old data stays for now: %s", error)
        return
    if pruned.samples or pruned.spans:
        _log.info("old data taken out", extra=fields(samples=pruned.samples, spans=pruned.spans))


def _before(days: int, now_ns: int) -> int | None:
    return now_ns - days * _DAY_NS if days else None
