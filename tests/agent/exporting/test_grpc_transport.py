"""OTLP over gRPC, against a grpcio server with OpenTelemetry's own services."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from makespan_agent.exporting.exporter import export
from makespan_agent.exporting.flushing import FlushReport, flush
from makespan_agent.exporting.sending import Outcome, Sender
from makespan_agent.exporting.step_record import decode_record
from makespan_model.records import Sample
from support.agent_process import Agent
from support.certificates import make_certificates
from support.otlp_grpc_receiver import GrpcReceiver, receiving_grpc
from support.otlp_receiver import Receiver, receiving, values


@pytest.fixture(autouse=True)
def _grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")


@pytest.fixture
def grpc_receiver() -> Iterator[GrpcReceiver]:
    with receiving_grpc() as running:
        yield running


def _flush(agent: Agent, receiver: GrpcReceiver, timeout_s: float = 30) -> FlushReport:
    return flush(agent.spool, f"http://127.0.0.1:{receiver.port}", timeout_s)


def test_spans_and_samples_arrive_with_headers_and_compression(
    agent: Agent, grpc_receiver: GrpcReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--step", "over grpc", "--", "sh", "-c", "sleep 0.2; exit 3")
    (record,) = agent.records()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20x,team=a")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")

    report = _flush(agent, grpc_receiver)

    assert (report.sent, report.left, report.reason) == (1, 0, "")
    (span,) = grpc_receiver.spans()
    assert (span.name, span.span_id.hex()) == ("over grpc", record["step"]["span_id"])
    assert values(list(span.attributes))["process.exit.code"] == 3
    assert grpc_receiver.metrics[0].resource_metrics[0].scope_metrics[0].metrics
    for metadata in grpc_receiver.metadata:
        assert (metadata["authorization"], metadata["team"]) == ("Bearer x", "a")
        assert metadata["user-agent"].startswith("makespan-agent/")


def test_the_variables_alone_send_a_step_by_itself(agent: Agent, grpc_receiver: GrpcReceiver) -> None:
    finished = agent.run(
        "run",
        "--step",
        "alone",
        "--",
        "true",
        MAKESPAN_EXPORT="wait",
        MAKESPAN_SEND_DEADLINE_S="30",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{grpc_receiver.port}",
    )

    assert (finished.returncode, finished.stderr) == (0, b"")
    assert [span.name for span in grpc_receiver.spans()] == ["alone"]


def test_each_signal_may_have_a_protocol_of_its_own(
    agent: Agent, grpc_receiver: GrpcReceiver, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--", "sleep", "0.2")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"http://127.0.0.1:{grpc_receiver.port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{receiver.url}/v1/metrics")

    report = flush(agent.spool)

    assert (report.sent, report.reason) == (1, "")
    assert (len(grpc_receiver.traces), len(grpc_receiver.metrics)) == (1, 0)
    assert (len(receiver.traces), len(receiver.metrics)) == (0, 1)


def test_an_endpoint_without_a_scheme_needs_the_variable_to_go_without_tls(
    agent: Agent, grpc_receiver: GrpcReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"127.0.0.1:{grpc_receiver.port}")
    with_tls = flush(agent.spool, timeout_s=1)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
    without = flush(agent.spool)

    assert (with_tls.sent, with_tls.left) == (0, 1)
    assert (without.sent, without.left) == (1, 0)


def test_spans_go_over_tls_with_our_certificate_and_to_nobody_else(
    agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = make_certificates(tmp_path)
    agent.run("run", "--step", "secret", "--", "true")
    with receiving_grpc(certificates, asks_for_client=True) as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"https://127.0.0.1:{receiver.port}")
        unknown = flush(agent.spool, timeout_s=1)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificates.authority))
        nameless = flush(agent.spool, timeout_s=1)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", str(certificates.client))
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", str(certificates.client_key))
        known = flush(agent.spool)

    assert [report.sent for report in (unknown, nameless, known)] == [0, 0, 1]
    assert unknown.reason.startswith("TLS: ")
    assert [span.name for span in receiver.spans()] == ["secret"]


def test_a_certificate_file_that_is_not_there_is_named(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.run("run", "--", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file.pem")

    report = flush(agent.spool, "https://127.0.0.1:1", 1)

    assert (report.left, report.retryable) == (1, False)
    assert report.reason == "the TLS file /no/such/file.pem cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("code", "details", "retry_after_s", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, "later", None, (1, 0, True, None)),
        (grpc.StatusCode.UNAVAILABLE, "later", 40, (1, 0, True, 40.0)),
        (grpc.StatusCode.ABORTED, "", None, (1, 0, True, None)),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "quota", 40, (1, 0, True, 40.0)),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "quota", None, (1, 0, False, None)),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "grpc: received message larger than max", None, (0, 1, False, None)),
        (grpc.StatusCode.INVALID_ARGUMENT, "no", None, (0, 1, False, None)),
        (grpc.StatusCode.UNAUTHENTICATED, "who?", None, (1, 0, False, None)),
        (grpc.StatusCode.INTERNAL, "oops", None, (1, 0, False, None)),
    ],
)
def test_the_status_decides_between_trying_again_keeping_and_setting_aside(
    agent: Agent,
    grpc_receiver: GrpcReceiver,
    code: grpc.StatusCode,
    details: str,
    retry_after_s: int | None,
    expected: tuple[int, int, bool, float | None],
) -> None:
    agent.run("run", "--", "true")
    grpc_receiver.status["traces"], grpc_receiver.retry_after_s = (code, details), retry_after_s

    report = _flush(agent, grpc_receiver, 0.5)

    assert (report.left, report.rejected, report.retryable, report.retry_after_s) == expected
    assert f"gRPC {code.name}" in report.reason
    assert details in report.reason


def test_a_receiver_that_is_away_for_a_moment_gets_the_request_again(agent: Agent, grpc_receiver: GrpcReceiver) -> None:
    agent.run("run", "--", "true")
    grpc_receiver.refusals = [(grpc.StatusCode.UNAVAILABLE, "restarting")]
    grpc_receiver.retry_after_s, grpc_receiver.retry_key = 0, "google.rpc.retryinfo-bin"

    report = _flush(agent, grpc_receiver)

    assert (report.sent, report.reason) == (1, "")
    assert len(grpc_receiver.spans()) == 1


def test_one_bad_record_does_not_hold_the_others_back(agent: Agent, grpc_receiver: GrpcReceiver) -> None:
    for name in ("first", "poison", "third"):
        agent.run("run", "--step", name, "--", "true")
    grpc_receiver.refuses_spans_named = "poison"

    report = _flush(agent, grpc_receiver)

    assert (report.sent, report.rejected, report.left) == (2, 1, 0)
    assert {span.name for span in grpc_receiver.spans()} == {"first", "third"}
    assert report.reason == "refused: gRPC INVALID_ARGUMENT: a name it does not like"


def test_a_request_beyond_the_receivers_limit_is_sent_in_parts(agent: Agent) -> None:
    for _ in range(3):
        agent.run("run", "--", "true")
    with receiving_grpc(max_bytes=2500) as receiver:
        report = _flush(agent, receiver)

    assert (report.sent, report.left, len(receiver.spans())) == (3, 0, 3)
    assert len(receiver.traces) == 3


def test_the_samples_of_many_long_steps_fit_the_receivers_usual_limit(
    agent: Agent, grpc_receiver: GrpcReceiver, tmp_path: Path
) -> None:
    agent.run("run", "--", "true")
    (path,) = agent.spool.glob("*.step")
    record = decode_record(path.read_bytes(), str(path))
    host: dict[str, Any] = {"host_memory_available_bytes": 2**34, "host_load": 0.7, "host_disk_used_bytes": 2**40}
    rates: dict[str, Any] = {
        f"{kind}_bytes_per_s": 1234.5 for kind in ("io_read", "io_write", "host_disk_read", "host_disk_write")
    }
    fields: dict[str, Any] = {"cpu_cores": 1.3, "memory_bytes": 2**30, "processes": 9, "host_cpu_cores": 2.0}
    sample = Sample(time_ns=record.step.start_ns, **fields, **host, **rates)
    full = replace(record, samples=(sample,) * 240)
    sender = Sender(f"http://127.0.0.1:{grpc_receiver.port}", 30)

    delivery = sender.send([full] * 64)
    sender.close()

    assert (delivery.outcome, delivery.reason) == (Outcome.SENT, "")
    points = [
        len(metric.gauge.data_points)
        for request in grpc_receiver.metrics
        for metric in request.resource_metrics[0].scope_metrics[0].metrics
    ]
    assert sum(points) == 64 * 240 * 11
    assert max(request.ByteSize() for request in grpc_receiver.metrics) < 3_000_000


def test_a_partial_success_sets_aside_what_was_rejected(agent: Agent, grpc_receiver: GrpcReceiver) -> None:
    agent.run("run", "--", "true")
    grpc_receiver.rejected_spans = 1

    report = _flush(agent, grpc_receiver)

    assert (report.sent, report.rejected, report.reason) == (0, 1, "rejected 1 by partial success: too old")


def test_a_receiver_without_metrics_gets_its_spans_and_the_loss_is_told(
    agent: Agent, grpc_receiver: GrpcReceiver
) -> None:
    agent.run("run", "--", "sleep", "0.2")
    grpc_receiver.status["metrics"] = (grpc.StatusCode.UNIMPLEMENTED, "unknown service")

    report = _flush(agent, grpc_receiver)

    assert (report.sent, report.left, report.samples_refused) == (1, 0, 1)
    assert report.reason == "samples refused: gRPC UNIMPLEMENTED: unknown service"


def test_nobody_there_is_told_as_such(agent: Agent) -> None:
    agent.run("run", "--", "true")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        report = flush(agent.spool, f"http://127.0.0.1:{unused.getsockname()[1]}", 0.5)

    assert (report.left, report.retryable, report.reason) == (1, True, "connection refused")


def test_a_server_that_never_answers_is_left_when_the_time_is_up(agent: Agent) -> None:
    agent.run("run", "--", "true")
    with socket.socket() as black_hole:
        black_hole.bind(("127.0.0.1", 0))
        black_hole.listen()
        report = flush(agent.spool, f"http://127.0.0.1:{black_hole.getsockname()[1]}", 0.5)

    assert (report.left, report.retryable, report.reason) == (1, True, "no answer in time")


def test_headers_that_grpc_does_not_allow_are_told(
    agent: Agent, grpc_receiver: GrpcReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "token-bin=text")

    report = _flush(agent, grpc_receiver)

    assert (report.left, report.retryable) == (1, False)
    assert report.reason.startswith("the headers cannot be sent over gRPC")


def test_without_the_package_one_line_says_what_to_install_and_the_records_wait(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--", "true")
    monkeypatch.delitem(sys.modules, "makespan_agent.exporting.grpc_transport", raising=False)
    monkeypatch.setitem(sys.modules, "grpc", None)
    with receiving() as receiver:
        monkeypatch.setenv("MAKESPAN_ENDPOINT", receiver.url)
        assert export(agent.spool, 60) == 1

    told = agent.run("run", "--", "true")

    assert (len(agent.records()), receiver.headers) == (2, [])
    assert told.stderr.count(b"\n") == 1
    assert b"pip install 'makespan[grpc]'" in told.stderr
