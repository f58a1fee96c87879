"""OTLP as other people's backends speak it: TLS, partial success, retries, protocols, resources."""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path

import pytest

from makespan_agent.exporting.exporter import delays_s, export
from makespan_agent.exporting.flushing import flush
from makespan_agent.exporting.http_transport import retry_after_s
from support.agent_process import Agent
from support.certificates import Certificates, make_certificates
from support.otlp_receiver import Receiver, receiving, values


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    folder = tmp_path / "certificates"
    folder.mkdir()
    return make_certificates(folder)


def test_spans_go_over_tls_to_a_server_whose_authority_is_named(
    agent: Agent, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--step", "secret", "--", "true")
    with receiving(tls=certificates.server_context()) as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificates.authority))
        report = flush(agent.spool)

    assert (report.sent, report.left, report.reason) == (1, 0, "")
    assert [span.name for span in receiver.spans()] == ["secret"]


def test_a_server_whose_authority_nobody_named_gets_nothing(
    agent: Agent, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--", "true")
    with receiving(tls=certificates.server_context()) as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        report = flush(agent.spool, timeout_s=2)

    assert (report.sent, report.left) == (0, 1)
    assert report.reason.startswith("TLS: ")
    assert "certificate" in report.reason
    assert receiver.spans() == []


def test_a_server_that_asks_for_a_client_certificate_gets_ours(
    agent: Agent, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--", "true")
    with receiving(tls=certificates.server_context(asks_for_client=True)) as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{receiver.url}/v1/traces")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificates.authority))
        without = flush(agent.spool, timeout_s=1)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", str(certificates.client))
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", str(certificates.client_key))
        with_certificate = flush(agent.spool)

    assert (without.sent, with_certificate.sent) == (0, 1)


def test_a_certificate_file_that_is_not_there_is_named(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.run("run", "--", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file.pem")

    report = flush(agent.spool, "https://127.0.0.1:1", 1)

    assert (report.left, "/no/such/file.pem" in report.reason) == (1, True)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "thrift"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "soon"),
    ],
)
def test_a_setting_that_cannot_be_understood_is_said_and_nothing_is_sent_or_lost(
    agent: Agent, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    agent.run("run", "--", "true")
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("MAKESPAN_ENDPOINT", receiver.url)

    assert export(agent.spool, 60) == 1
    told = agent.run("run", "--", "true")

    assert (len(agent.records()), receiver.headers) == (2, [])
    assert told.stderr.count(b"\n") == 1
    assert f"{variable} must be " in told.stderr.decode()
    assert repr(value) in told.stderr.decode()
    assert receiver.url in told.stderr.decode()


@pytest.mark.parametrize("compression", ["none", "gzip", "deflate"])
def test_json_arrives_as_the_same_spans_and_samples_as_protobuf(
    agent: Agent, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, compression: str
) -> None:
    agent.run("run", "--step", "jsön", "--", "sh", "-c", "sleep 0.2; exit 3")
    (record,) = agent.records()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20x")

    report = flush(agent.spool, receiver.url, 30)

    assert (report.sent, report.reason) == (1, "")
    (span,) = receiver.spans()
    assert (span.name, span.span_id.hex()) == ("jsön", record["step"]["span_id"])
    assert values(list(span.attributes))["process.exit.code"] == 3
    assert receiver.metrics[0].resource_metrics[0].scope_metrics[0].metrics
    assert {headers.get("content-encoding", "none") for headers in receiver.headers} == {compression}
    assert {headers["authorization"] for headers in receiver.headers} == {"Bearer x"}


def test_json_has_hexadecimal_ids_and_times_as_text(
    agent: Agent, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--", "false")
    (record,) = agent.records()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf")

    flush(agent.spool, receiver.url, 30)

    (body,) = receiver.json
    (span,) = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert span["spanId"] == record["step"]["span_id"]
    assert len(bytes.fromhex(span["traceId"])) == 16
    assert span["startTimeUnixNano"] == str(record["start_ns"])
    assert (span["kind"], span["status"]["code"]) == (1, 2)


def test_json_and_its_partial_success_are_understood(
    agent: Agent, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--", "true")
    receiver.rejected_spans = 1
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")

    report = flush(agent.spool, receiver.url, 30)

    assert (report.sent, report.rejected, report.reason) == (0, 1, "rejected 1 by partial success: too old")


def test_a_receiver_that_has_moved_keeps_the_records_and_its_place_is_told(agent: Agent, receiver: Receiver) -> None:
    agent.run("run", "--", "true")
    receiver.status["/v1/traces"] = 302

    report = flush(agent.spool, receiver.url, 30)

    assert (report.sent, report.left, report.reason) == (0, 1, "HTTP 302, moved to nowhere")


def test_spans_that_a_receiver_rejects_in_a_partial_success_are_set_aside_and_not_sent_again(
    agent: Agent, receiver: Receiver
) -> None:
    for name in ("first", "second", "third"):
        agent.run("run", "--step", name, "--", "true")
    receiver.rejected_spans = 1

    report, again = flush(agent.spool, receiver.url, 30), flush(agent.spool, receiver.url, 30)

    assert (report.sent, report.rejected, report.left) == (2, 1, 0)
    assert report.reason == "rejected 1 by partial success: too old"
    assert (again.sent, len(receiver.spans())) == (0, 3)
    reasons = list((agent.spool / "rejected").glob("*.reason"))
    assert len(reasons) == 3
    assert "of 3 steps sent together: rejected 1 by partial success: too old" in reasons[0].read_text()


def test_the_resource_carries_the_standard_variables_and_our_own_names_win(agent: Agent, receiver: Receiver) -> None:
    agent.environment = {
        "OTEL_SERVICE_NAME": "builds",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=no, team=a%2Cb ,makespan.repository=forged",
        "MAKESPAN_RUN_ID": "7",
    }
    agent.run("run", "--", "true")

    flush(agent.spool, receiver.url, 30)

    resource = values(receiver.traces[0].resource_spans[0].resource.attributes)
    assert (resource["service.name"], resource["team"], resource["makespan.repository"]) == ("builds", "a,b", "work")


def test_resource_attributes_that_are_no_list_are_left_out_as_a_whole(agent: Agent, receiver: Receiver) -> None:
    agent.environment = {"OTEL_RESOURCE_ATTRIBUTES": "team=a,broken"}
    agent.run("run", "--", "true")

    flush(agent.spool, receiver.url, 30)

    resource = values(receiver.traces[0].resource_spans[0].resource.attributes)
    assert (resource["service.name"], "team" in resource) == ("makespan-agent", False)


@pytest.mark.parametrize(("value", "records"), [("true", 0), ("TRUE", 0), ("false", 1), ("1", 1)])
def test_the_standard_switch_turns_recording_off(agent: Agent, value: str, records: int) -> None:
    environment = {name: text for name, text in agent.full_environment().items() if name != "MAKESPAN_EXPORT"}
    agent.environment = {"OTEL_SDK_DISABLED": value, "MAKESPAN_ENDPOINT": "http://127.0.0.1:1"}
    assert "MAKESPAN_EXPORT" not in environment

    finished = agent.run("run", "--", "sh", "-c", "exit 4", MAKESPAN_EXPORT="", MAKESPAN_RETRY_S="0")

    assert finished.returncode == 4
    assert len(list(agent.spool.glob("*.step"))) == records


def test_an_exporter_waits_as_long_as_the_receiver_asks_and_then_delivers(
    agent: Agent, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--", "true")
    monkeypatch.setenv("MAKESPAN_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")
    receiver.status["/v1/traces"], receiver.retry_after = 503, "40"
    slept_s: list[float] = []

    def sleep(seconds: float) -> None:
        slept_s.append(seconds)
        receiver.status.clear()

    assert export(agent.spool, 60, clock=lambda: sum(slept_s), sleep=sleep) == 0
    assert slept_s == [40.0]
    assert len(receiver.spans()) == 1


def test_an_exporter_leaves_the_records_to_the_next_when_its_patience_is_over(
    agent: Agent, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--", "true")
    monkeypatch.setenv("MAKESPAN_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    receiver.status["/v1/traces"] = 503
    slept_s: list[float] = []

    assert export(agent.spool, 12, clock=lambda: sum(slept_s), sleep=slept_s.append) == 1
    assert 3 <= len(slept_s) <= 8
    assert sum(slept_s) <= 12
    assert len(agent.records()) == 1


def test_a_refusal_that_time_does_not_heal_is_not_tried_again(
    agent: Agent, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--", "true")
    monkeypatch.setenv("MAKESPAN_ENDPOINT", receiver.url)
    receiver.status["/v1/traces"] = 401
    slept_s: list[float] = []

    assert export(agent.spool, 60, sleep=slept_s.append) == 1
    assert slept_s == []


def test_delays_double_up_to_a_bound_and_are_jittered() -> None:
    delays = list(islice(delays_s(random.Random(1)), 8))

    for delay_s, bound_s in zip(delays, (1, 2, 4, 8, 16, 20, 20, 20), strict=True):
        assert bound_s / 2 <= delay_s <= bound_s
    assert len(set(delays)) == 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("-1", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, expected: float | None) -> None:
    assert retry_after_s(text, now_s=10.0) == expected
