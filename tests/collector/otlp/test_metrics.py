from __future__ import annotations

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from makespan_collector.otlp.metrics import decode_metrics
from makespan_model import vocabulary as names
from support.span_rows import EPOCH, SECOND, key_value

TRACE, SPAN = "a1" * 16, "b2" * 8


def request_with(metric: str, value: float, *, time_ns: int = EPOCH, trace: str = TRACE) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    add_point(request, metric, value, time_ns=time_ns, trace=trace)
    return request


def add_point(
    request: ExportMetricsServiceRequest, metric: str, value: float, *, time_ns: int = EPOCH, trace: str = TRACE
) -> None:
    added = request.resource_metrics.add().scope_metrics.add().metrics.add(name=metric)
    point = added.gauge.data_points.add(time_unix_nano=time_ns)
    if isinstance(value, int):
        point.as_int = value
    else:
        point.as_double = value
    point.attributes.extend([key_value(names.TRACE_ID, trace), key_value(names.SPAN_ID, SPAN)])


def test_points_of_one_instant_become_one_row() -> None:
    request = request_with(names.METRIC_CPU_CORES, 1.5)
    add_point(request, names.METRIC_MEMORY_BYTES, 1000)
    add_point(request, names.METRIC_PROCESSES, 3)
    add_point(request, names.METRIC_IO_READ, 10.0)
    add_point(request, names.METRIC_IO_WRITE, 20.0)
    (row,) = decode_metrics(request).rows
    assert (row.trace_id, row.span_id, row.time_ns) == (TRACE, SPAN, EPOCH)
    assert (row.cpu_cores, row.memory_bytes, row.processes) == (1.5, 1000, 3)
    assert (row.io_read_bytes_per_s, row.io_write_bytes_per_s) == (10.0, 20.0)


def test_points_of_two_instants_stay_apart() -> None:
    request = request_with(names.METRIC_CPU_CORES, 1.0)
    add_point(request, names.METRIC_CPU_CORES, 2.0, time_ns=EPOCH + SECOND)
    assert [row.cpu_cores for row in decode_metrics(request).rows] == [1.0, 2.0]


def test_a_metric_that_is_not_ours_is_counted_as_rejected() -> None:
    request = request_with("http.server.duration", 1.0)
    add_point(request, names.METRIC_CPU_CORES, 1.0)
    decoded = decode_metrics(request)
    assert (len(decoded.rows), decoded.rejected) == (1, 1)
    assert "'http.server.duration'" in decoded.reason


def test_a_sum_under_the_name_of_a_gauge_is_rejected_with_all_its_points() -> None:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name=names.METRIC_CPU_CORES)
    for _ in range(2):
        metric.sum.data_points.add(time_unix_nano=EPOCH, as_double=1.0)
    assert decode_metrics(request).rejected == 2


def test_a_point_that_names_no_step_is_rejected() -> None:
    decoded = decode_metrics(request_with(names.METRIC_CPU_CORES, 1.0, trace="XYZ"))
    assert (decoded.rows, decoded.rejected) == ((), 1)
    assert names.TRACE_ID in decoded.reason


def test_values_that_are_no_measurement_are_rejected() -> None:
    for value in (float("nan"), float("inf"), -1.0):
        assert decode_metrics(request_with(names.METRIC_CPU_CORES, value)).rejected == 1
    assert decode_metrics(request_with(names.METRIC_PROCESSES, 2.0**40)).rejected == 1
