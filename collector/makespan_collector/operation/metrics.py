"""What a collector counts about itself, for Prometheus.

Names follow Prometheus's naming rules (https://prometheus.io/docs/practices/naming/). A label has only values that
we chose: no sender can make series.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from makespan_collector.store.contract import ReportsStatus, Store, StoreStatus

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Bounds of histogram buckets: a flush takes 1 to 50 ms, and a sender gives up after 10 s."""


class Metrics:
    """Counts; safe to use from many threads.

    Labelled series are looked up in a dict of our own, which takes a third of the library's time.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "makespan_requests", "Requests answered.", ("endpoint", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "makespan_request_duration_seconds",
            "From a request's whole body to its answer.",
            ("endpoint",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._items = Counter(
            "makespan_items",
            "Spans, readings and log records, by whether they were kept.",
            ("signal", "outcome"),
            registry=self._registry,
        )
        self._bytes = Counter(
            "makespan_received_bytes", "Decompressed bytes of decoded requests.", ("signal",), registry=self._registry
        )
        self._commits = Histogram(
            "makespan_store_commit_duration_seconds",
            "How long a request waited until its data was durable.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._failed_commits = Counter(
            "makespan_store_commit_failures", "Requests whose data the store could not keep.", registry=self._registry
        )
        build = Gauge("makespan_build_info", "Always 1.", ("version", "python"), registry=self._registry)
        build.labels(_version(), platform.python_version()).set(1)
        ProcessCollector(registry=self._registry)
        self._by_request: dict[tuple[str, str], Counter] = {}
        self._by_endpoint: dict[str, Histogram] = {}
        self._by_signal: dict[str, tuple[Counter, Counter, Counter]] = {}

    def watch(self, store: Store, in_flight_bytes: Callable[[], int]) -> None:
        """Report also how a store does, and how many bytes of requests are under way."""
        gauge = Gauge("makespan_in_flight_bytes", "Bytes of requests under way.", registry=self._registry)
        gauge.set_function(in_flight_bytes)
        if isinstance(store, ReportsStatus):
            self._registry.register(_StoreCollector(store.status))

    def count_request(self, endpoint: str, status: str, seconds: float) -> None:
        """Count a request that was answered.

        Args:
            endpoint: A path or gRPC method that we serve.
            status: Of HTTP, or gRPC's name of it.
            seconds: How long it took.
        """
        counter = self._by_request.get((endpoint, status))
        if counter is None:
            counter = self._by_request[endpoint, status] = self._requests.labels(endpoint, status)
        counter.inc()
        histogram = self._by_endpoint.get(endpoint)
        if histogram is None:
            histogram = self._by_endpoint[endpoint] = self._seconds.labels(endpoint)
        histogram.observe(seconds)

    def count_items(self, signal: str, accepted: int, rejected: int, size_bytes: int) -> None:
        """Count what a request held: items kept and items rejected, and its decompressed size."""
        series = self._by_signal.get(signal)
        if series is None:
            labels = self._items.labels
            series = (labels(signal, "accepted"), labels(signal, "rejected"), self._bytes.labels(signal))
            self._by_signal[signal] = series
        for counter, count in zip(series, (accepted, rejected, size_bytes), strict=True):
            if count:
                counter.inc(count)

    def count_commit(self, seconds: float) -> None:
        """Count data made durable."""
        self._commits.observe(seconds)

    def count_failed_commit(self) -> None:
        """Count data that could not be made durable."""
        self._failed_commits.inc()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Everything in the format an `Accept` header asks for, and that format's content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _StoreCollector(Collector):
    """Asks the store when somebody asks us."""

    def __init__(self, status: Callable[[], StoreStatus]) -> None:
        self._status = status

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering does not ask the store."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """One family a number."""
        status = self._status()
        files = GaugeMetricFamily("makespan_store_files", "Files of a table.", labels=("table", "kind"))
        sizes = GaugeMetricFamily("makespan_store_bytes", "Their size.", labels=("table",))
        for table in status.tables:
            files.add_metric((table.name, "log"), table.logs)
            files.add_metric((table.name, "segment"), table.segments)
            sizes.add_metric((table.name,), table.size_bytes)
        yield files
        yield sizes
        yield GaugeMetricFamily("makespan_store_lag_logs", "Logs that wait to be compacted.", status.closed_logs)
        yield CounterMetricFamily("makespan_store_compactions", "Compactions ended.", status.compactions)
        yield CounterMetricFamily("makespan_store_compaction_seconds", "Time they took.", status.compaction_s)


def _version() -> str:
    try:
        return version("makespan")
    except PackageNotFoundError:  # run from a checkout
        return "unknown"
