"""Decodes what was received, puts it into the store, and counts it."""

from __future__ import annotations

import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from makespan_collector.access.tokens import Grant
from makespan_collector.operation.metrics import Metrics
from makespan_collector.receiving.combining import Combiner
from makespan_collector.receiving.signals import COLUMNS_FROM_SPANS, TRACES, Contents, NothingKeptError, Signal
from makespan_collector.store.contract import Store
from makespan_model.errors import UnavailableError

_COUNTED_FROM_BYTES = 2_048
"""A smaller request cannot hold as many spans as make columns worth while: ids and times of one take 46 bytes."""


class Intake:
    """The way into one store.

    Args:
        store: Open for writing.
        metrics: Counts items, bytes and commits.
    """

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics
        self._traces = Combiner(TRACES, self._keep)

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
            count = _span_count(data) if signal is TRACES and size_bytes >= _COUNTED_FROM_BYTES else 0
            # What a grant does not cover has to be told from what other requests bring.
            if count >= COLUMNS_FROM_SPANS and not grant.projects:
                contents = self._traces.take(data)
            else:
                contents = signal.decode_for(grant, data)
                self._keep(contents)
            accepted = count if contents is None else len(contents.spans) + len(contents.samples)
            contents = contents or Contents()
        except NothingKeptError as error:
            self._metrics.count_items(signal.name, 0, error.count, size_bytes)
            raise
        self._metrics.count_items(signal.name, accepted, contents.rejected, size_bytes)
        return contents

    def _keep(self, contents: Contents) -> None:
        started_s = time.perf_counter()
        try:
            contents.keep(self._store)
        except UnavailableError:
            self._metrics.count_failed_commit()
            raise
        if len(contents.spans) + len(contents.samples):
            self._metrics.count_commit(time.perf_counter() - started_s)


def _span_count(data: bytes) -> int:
    request = ExportTraceServiceRequest.FromString(data)
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
