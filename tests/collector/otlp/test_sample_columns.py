from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint

from makespan_collector.access.tokens import Grant, Scope
from makespan_collector.otlp.metrics import decode_metrics
from makespan_collector.otlp.sample_columns import decode_sample_columns
from makespan_collector.receiving.signals import METRICS
from makespan_collector.store.schema import SAMPLES, unnumbered_batch
from makespan_model import vocabulary as names
from support.span_rows import EPOCH, key_value

GAUGES = list(names.SAMPLE_METRICS.values())
TRACES = ["a1" * 16, "b2" * 16, "A1" * 16, "short", ""]
SPANS = ["01" * 8, "02" * 8, "0g" * 8, ""]


@st.composite
def requests(draw: st.DrawFn, *, odd: bool) -> ExportMetricsServiceRequest:
    """Gauges of the agent; with `odd` now and then something that is none or not sound."""
    request = ExportMetricsServiceRequest()
    rarely = st.integers(0, 12).map(lambda number: odd and number == 0)
    for _ in range(draw(st.integers(1, 2))):
        resource_metrics = request.resource_metrics.add()
        attributes = resource_metrics.resource.attributes
        if draw(st.booleans()):
            attributes.append(key_value(names.REPOSITORY, draw(st.sampled_from(["octo/app", "octo/lib"]))))
        attributes.append(key_value(names.TRACE_ID, TRACES[0]))
        attributes.append(key_value(names.SPAN_ID, SPANS[0]))
        metrics = resource_metrics.scope_metrics.add().metrics
        for _ in range(draw(st.integers(1, 4))):
            metric = metrics.add(name="other" if draw(rarely) else draw(st.sampled_from(GAUGES)))
            kind = metric.sum if draw(rarely) else metric.gauge
            kind.SetInParent()
            for _ in range(draw(st.integers(0, 5))):
                _point(draw, kind.data_points.add(), odd=draw(rarely))
    return request


def _point(draw: st.DrawFn, point: NumberDataPoint, *, odd: bool) -> None:
    point.time_unix_nano = draw(st.sampled_from([0, 2**63, 2**64 - 1])) if odd else EPOCH + draw(st.integers(0, 3))
    if draw(st.booleans()):
        point.as_int = draw(st.integers(-(2**63), 2**63 - 1) if odd else st.integers(0, 2**31 - 1))
    elif not odd or draw(st.booleans()):
        point.as_double = draw(st.floats() if odd else st.floats(0, 2.0**31 - 1))
    for key, ids in ((names.TRACE_ID, TRACES), (names.SPAN_ID, SPANS)):
        for _ in range(draw(st.integers(0, 2))):
            point.attributes.append(key_value(key, draw(st.sampled_from(ids if odd else ids[:2]))))
    if draw(st.booleans()):
        point.attributes.append(key_value("other", 1))


def _same(found: Any, request: ExportMetricsServiceRequest) -> None:
    expected = decode_metrics(request)
    found.batch.validate(full=True)
    assert found.batch.schema.equals(SAMPLES.columns.remove(0))
    assert expected.rejected == 0
    rows = unnumbered_batch(SAMPLES, expected.rows).to_pylist() if expected.rows else []
    assert sorted(map(repr, found.batch.to_pylist())) == sorted(map(repr, rows))


@settings(max_examples=200, deadline=None)
@given(requests(odd=False))
def test_columns_of_sound_requests_hold_what_the_row_decoder_says(request: ExportMetricsServiceRequest) -> None:
    found = decode_sample_columns(request.SerializeToString())

    if found is None:
        assert not decode_metrics(request).rows
    else:
        _same(found, request)


@settings(max_examples=300, deadline=None)
@given(requests(odd=True))
def test_whatever_the_row_decoder_would_reject_is_left_to_it(request: ExportMetricsServiceRequest) -> None:
    found = decode_sample_columns(request.SerializeToString())

    if found is not None:
        _same(found, request)


def _large_request() -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    for repository, span in (("octo/app", SPANS[0]), ("octo/lib", SPANS[1])):
        resource_metrics = request.resource_metrics.add()
        resource_metrics.resource.attributes.append(key_value(names.REPOSITORY, repository))
        for gauge in GAUGES:
            points = resource_metrics.scope_metrics.add().metrics.add(name=gauge).gauge.data_points
            for instant in range(30):
                point = points.add(time_unix_nano=EPOCH + instant, as_int=2**53 + 1 if "memory" in gauge else instant)
                point.attributes.append(key_value(names.TRACE_ID, TRACES[0]))
                point.attributes.append(key_value(names.SPAN_ID, span))
    return request


def test_integers_beyond_the_precision_of_a_double_stay_exact() -> None:
    found = decode_sample_columns(_large_request().SerializeToString())

    assert found is not None
    assert set(found.batch.column("memory_bytes").to_pylist()) == {2**53 + 1}


@pytest.mark.parametrize(("projects", "kept"), [(("octo/app",), 30), (("octo/*",), 60), (("other/x",), 0)])
def test_a_bound_token_keeps_the_samples_of_its_projects_alone(projects: tuple[str, ...], kept: int) -> None:
    grant = Grant(frozenset({Scope.INGEST}), projects, "id")

    contents = METRICS.decode_for(grant, _large_request().SerializeToString())

    assert (len(contents.samples), contents.rejected) == (kept, 60 - kept)
