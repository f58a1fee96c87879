"""Decodes what was received, puts it into the store, and counts it."""

from __future__ import annotations

import time

from makespan_collector.access.tokens import Grant
from makespan_collector.operation.metrics import Metrics
from makespan_collector.receiving.combining import Combiner
from makespan_collector.receiving.signals import (
    COLUMNS_FROM_SPANS,
    TRACES,
    Contents,
    NothingKeptError,
    Signal,
    decode_together,
    parse_traces,
)
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
        self._traces = Combiner(decode_together, self._keep)

    def take(self, signal: Signal, grant: Grant, data: bytes, *, as_json: bool = False) -> Contents:
        """Return when the contents of a request are durable.

        Raises:
            DecodeError: It is no request.
            JsonRequestError: Nor is it one in JSON.
            NothingKeptError: None of its spans can be kept.
            UnavailableError: The store could not keep them.
        """
        size_bytes = len(data)
        if as_json:
            data = signal.from_json(data)
        try:
            contents, accepted = self._kept(signal, grant, data)
        except NothingKeptError as error:
            self._metrics.count_items(signal.name, 0, error.count, size_bytes)
            raise
        self._metrics.count_items(signal.name, accepted, contents.rejected, size_bytes)
        return contents

    def _kept(self, signal: Signal, grant: Grant, data: bytes) -> tuple[Contents, int]:
        """The contents of a request, durable by now, and how many items were kept."""
        if signal is not TRACES:
            contents = signal.decode_for(grant, data)
        else:
            traces = parse_traces(data)
            # What a grant does not cover has to be told from what other requests bring.
            if traces.spans >= COLUMNS_FROM_SPANS and not grant.projects:
                together = self._traces.take(data)
                if together is None:
                    return Contents(), traces.spans
                return together, len(together.spans)
            contents = traces.decode()
            if grant.projects:
                contents = contents.covered_by(grant)
        self._keep(contents)
        return contents, len(contents.spans) + len(contents.samples)

    def _keep(self, contents: Contents) -> None:
        started_s = time.perf_counter()
        try:
            contents.keep(self._store)
        except UnavailableError:
            self._metrics.count_failed_commit()
            raise
        if len(contents.spans) + len(contents.samples):
            self._metrics.count_commit(time.perf_counter() - started_s)
