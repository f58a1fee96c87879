"""Decodes what was received, puts it into the store, and counts it."""

from __future__ import annotations

import time

from makespan_collector.access.tokens import Grant
from makespan_collector.operation.metrics import Metrics
from makespan_collector.receiving.signals import Contents, NothingKeptError, Signal
from makespan_collector.store.contract import Store
from makespan_model.errors import UnavailableError


class Intake:
    """The way into one store.

    Args:
        store: Open for writing.
        metrics: Counts items, bytes and commits.
    """

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics

    def take(self, signal: Signal, grant: Grant, data: bytes, *, as_json: bool = False) -> Contents:
        """Return when the contents of a request are durable.

        Raises:
            DecodeError: It is no request.
            JsonRequestError: Nor is it one in JSON.
            NothingKeptError: None of its spans can be kept.
            UnavailableError: The store could not keep them.
        """
        try:
            contents = signal.decode_for(grant, data, as_json=as_json)
        except NothingKeptError as error:
            self._metrics.count_items(signal.name, 0, error.count, len(data))
            raise
        accepted = len(contents.spans) + len(contents.samples)
        started_s = time.perf_counter()
        try:
            contents.keep(self._store)
        except UnavailableError:
            self._metrics.count_failed_commit()
            raise
        if accepted:
            self._metrics.count_commit(time.perf_counter() - started_s)
        self._metrics.count_items(signal.name, accepted, contents.rejected, len(data))
        return contents
