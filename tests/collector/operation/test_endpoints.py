from __future__ import annotations

import logging
import re

import grpc
import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from makespan_collector.access.guard import Guard
from makespan_collector.access.tokens import Scope, new_token
from makespan_collector.app import create_app
from makespan_collector.operation.grpc_observation import GrpcObserver
from makespan_collector.operation.logs import RefusalLog
from makespan_collector.operation.metrics import Metrics
from makespan_collector.receiving.admission import Admission
from makespan_collector.receiving.grpc_server import GrpcReceivers
from makespan_collector.receiving.limits import Limits
from makespan_collector.store.contract import Store
from support.span_rows import step_request

PROTOBUF = "application/x-protobuf"
FAR = {"REMOTE_ADDR": "203.0.113.7"}
READ_TEXT, READ = new_token("eyes", [Scope.READ], [], now_ns=0, expires_ns=None)
SEND_TEXT, SEND = new_token("ci", [Scope.INGEST], [], now_ns=0, expires_ns=None)
GUARD = Guard(lambda: {token.token_id: token for token in (READ, SEND)})


@pytest.fixture
def client(store: Store) -> FlaskClient:
    return create_app(store, guard=GUARD).test_client()


def _numbers(client: FlaskClient) -> dict[str, float]:
    """Every sample as `name{label="value"}`."""
    return _samples(client.get("/metrics").text)


def _samples(text: str) -> dict[str, float]:
    return {
        sample.name + "".join(f"{{{key}={value}}}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _send(client: FlaskClient, data: bytes) -> int:
    return client.post("/v1/traces", data=data, content_type=PROTOBUF).status_code


@pytest.mark.parametrize("path", ["/health", "/healthz"])
def test_a_living_collector_says_so_to_everybody(client: FlaskClient, path: str) -> None:
    assert client.get(path, environ_overrides=FAR).json == {"status": "ok"}


def test_a_ready_collector_says_so_to_everybody(client: FlaskClient) -> None:
    assert client.get("/readyz", environ_overrides=FAR).json == {"status": "ready"}


def test_a_collector_that_cannot_store_says_why(client: FlaskClient, store: Store) -> None:
    store.close()

    answer = client.get("/readyz")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json == {"status": "not ready", "problems": {"store": "the store is closed"}}


def test_metrics_are_for_those_who_may_read(client: FlaskClient) -> None:
    def status(text: str | None) -> int:
        headers = {} if text is None else {"Authorization": f"Bearer {text}"}
        return client.get("/metrics", environ_overrides=FAR, headers=headers).status_code

    assert [status(text) for text in (None, "mksp_nonsense", SEND_TEXT, READ_TEXT)] == [401, 401, 403, 200]
    assert client.get("/metrics").status_code == 200
    assert "WWW-Authenticate" in client.get("/metrics", environ_overrides=FAR).headers


def test_requests_items_bytes_and_commits_are_counted(client: FlaskClient, store: Store) -> None:
    data = step_request().SerializeToString()
    assert [_send(client, data), _send(client, data), _send(client, b"garbage")] == [200, 200, 400]
    store.close()
    assert _send(client, data) == 503

    numbers = _numbers(client)

    assert numbers["makespan_requests_total{endpoint=/v1/traces}{status=200}"] == 2
    assert numbers["makespan_requests_total{endpoint=/v1/traces}{status=400}"] == 1
    assert numbers["makespan_requests_total{endpoint=/v1/traces}{status=503}"] == 1
    assert numbers["makespan_request_duration_seconds_count{endpoint=/v1/traces}"] == 4
    assert numbers["makespan_items_total{outcome=accepted}{signal=traces}"] == 2
    assert numbers["makespan_received_bytes_total{signal=traces}"] == 2 * len(data)
    assert numbers["makespan_store_commit_duration_seconds_count"] == 2
    assert numbers["makespan_store_commit_failures_total"] == 1
    assert numbers["makespan_in_flight_bytes"] == 0


def test_rejected_spans_are_counted_whether_some_are_kept_or_none(client: FlaskClient) -> None:
    some, none = step_request(), step_request()
    spans = some.resource_spans[0].scope_spans[0].spans
    spans.add().CopyFrom(spans[0])
    spans[1].span_id = b"short"
    none.resource_spans[0].scope_spans[0].spans[0].span_id = b"short"

    assert [_send(client, request.SerializeToString()) for request in (some, none)] == [200, 400]

    numbers = _numbers(client)
    assert numbers["makespan_items_total{outcome=accepted}{signal=traces}"] == 1
    assert numbers["makespan_items_total{outcome=rejected}{signal=traces}"] == 2


def test_the_store_the_process_and_the_build_are_described(client: FlaskClient, store: Store) -> None:
    _send(client, step_request().SerializeToString())
    before = _numbers(client)
    store.compact()
    after = _numbers(client)

    assert before["makespan_store_files{kind=log}{table=spans}"] == 1
    assert after["makespan_store_files{kind=log}{table=spans}"] == 0
    assert after["makespan_store_files{kind=segment}{table=spans}"] == 1
    assert after["makespan_store_bytes{table=spans}"] > 0
    assert after["makespan_store_compactions_total"] == 1
    assert after["makespan_store_lag_logs"] == 0
    assert after["process_resident_memory_bytes"] > 1e6
    assert after["process_open_fds"] > 1
    assert [number for name, number in after.items() if re.match(r"makespan_build_info\{python=3", name)] == [1]


def test_no_sender_makes_series(client: FlaskClient) -> None:
    for number in range(50):
        client.get(f"/nowhere/{number}")
        client.post(f"/v1/traces/{number}")

    names = [name for name in _numbers(client) if name.startswith("makespan_requests_total")]
    assert names == ["makespan_requests_total{endpoint=other}{status=404}"]


def test_openmetrics_is_given_to_who_asks_for_it(client: FlaskClient) -> None:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.content_type.startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_a_refused_request_is_logged_without_anything_it_said(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client.post(
        f"/v1/traces?token={SEND_TEXT}",
        data=b"the body",
        content_type=PROTOBUF,
        headers={"Authorization": f"Bearer {READ_TEXT}", "X-Secret": "s3cret"},
        environ_overrides=FAR,
    )
    client.get(f"/{SEND_TEXT}", environ_overrides=FAR)

    said = [record.__dict__["fields"] for record in caplog.records]
    assert said == [
        {"endpoint": "/v1/traces", "status": "403", "client": "203.0.113.7", "token_id": READ.token_id},
        {"endpoint": "other", "status": "404", "client": "203.0.113.7"},
    ]
    assert {record.getMessage() for record in caplog.records} == {"request refused"}


def test_a_mistake_of_ours_is_counted_as_one(store: Store) -> None:
    app = create_app(store)

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError

    client = app.test_client()
    assert client.get("/broken").status_code == 500
    assert _numbers(client)["makespan_requests_total{endpoint=other}{status=500}"] == 1


def test_grpc_calls_are_counted_and_refused_ones_logged(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    observer = GrpcObserver(metrics, RefusalLog())
    guard = Guard(GUARD.tokens, anonymous_on_loopback=False)
    receivers = GrpcReceivers(
        store, Limits(), Admission(10**6, 0), "127.0.0.1:0", guard, metrics=metrics, interceptors=[observer]
    )
    receivers.start()
    method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    with grpc.insecure_channel(f"127.0.0.1:{receivers.port}") as channel:
        export = channel.unary_unary(method)
        export(step_request().SerializeToString(), timeout=30, metadata=[("authorization", f"Bearer {SEND_TEXT}")])
        for metadata in ((), (("authorization", f"Bearer {READ_TEXT}"),)):
            with pytest.raises(grpc.RpcError):
                export(b"", timeout=30, metadata=metadata)
    receivers.stop()

    numbers = _samples(metrics.exposition("")[0].decode())
    assert numbers[f"makespan_requests_total{{endpoint={method}}}{{status=OK}}"] == 1
    assert numbers[f"makespan_requests_total{{endpoint={method}}}{{status=UNAUTHENTICATED}}"] == 1
    assert numbers["makespan_items_total{outcome=accepted}{signal=traces}"] == 1
    said = {"endpoint": method, "client": "127.0.0.1"}
    assert [record.__dict__["fields"] for record in caplog.records] == [
        {**said, "status": "UNAUTHENTICATED"},
        {**said, "status": "PERMISSION_DENIED", "token_id": READ.token_id},
    ]
