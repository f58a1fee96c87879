from __future__ import annotations

import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from makespan_agent.exporting.flushing import flush
from makespan_agent.spooling import spool_queue
from makespan_agent.spooling.spool import FAILURE_NOTE, seal
from makespan_agent.spooling.spool_queue import SpoolQueue
from makespan_model import vocabulary as names
from makespan_model.errors import UnavailableError
from makespan_model.identity import RunIdentity, job_span_id, step_span_id
from support.agent_process import Agent
from support.otlp_receiver import Receiver, receiving, values

_GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "octocat/hello",
    "GITHUB_RUN_ID": "99",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_WORKFLOW": "CI",
    "GITHUB_JOB": "test",
    "GITHUB_ACTION": "__run",
    "GITHUB_REF_NAME": "main",
    "GITHUB_SHA": "ffac537e6cbbf934b08745a378932722df287a53",
    "GITHUB_SERVER_URL": "https://github.com",
    "RUNNER_NAME": "runner-1",
    "MAKESPAN_MATRIX": '{"python": "3.12"}',
}


_USAGE = names.USAGE_AMOUNTS | names.USAGE_COUNTS | names.USAGE_SOURCES


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_a_step_arrives_as_a_span_with_derived_ids_and_standard_names(agent: Agent, receiver: Receiver) -> None:
    script = agent.directory / "script"
    script.write_text("exit 3")
    agent.environment = _GITHUB
    agent.run("shell", "--step", "Unit tests", str(script))
    (record,) = agent.records()

    report = flush(agent.spool, receiver.url, 30)

    assert (report.sent, report.left, report.rejected, report.reason) == (1, 0, 0, "")
    assert agent.records() == []
    (span,) = receiver.spans()
    trace_id = RunIdentity("github", "octocat/hello", "99", 2).trace_id
    assert span.trace_id.hex() == trace_id
    assert span.span_id.hex() == step_span_id(trace_id, "test (3.12)", "__run")
    assert span.parent_span_id.hex() == job_span_id(trace_id, "test (3.12)")
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (record["start_ns"], record["end_ns"])
    assert (span.name, span.kind, span.status.code) == (
        "Unit tests",
        span.SPAN_KIND_INTERNAL,
        span.status.STATUS_CODE_ERROR,
    )
    attributes = values(span.attributes)
    usage, overhead = record["usage"], record["overhead"]
    assert attributes == {
        names.SPAN_TYPE: "step",
        names.TASK_NAME: "Unit tests",
        names.TASK_RUN_ID: "test (3.12)/__run",
        names.TASK_RUN_RESULT: "failure",
        names.TASK_RUN_URL: "https://github.com/octocat/hello/actions/runs/99/attempts/2",
        names.STEP_PATH: "__run",
        names.STEP_KIND: "run",
        names.PROCESS_EXIT_CODE: 3,
        names.ERROR_TYPE: "exit_3",
        **{attribute: usage[field] for field, attribute in _USAGE.items() if field in usage},
        names.AGENT_OVERHEAD_S: overhead["wall_s"],
        names.AGENT_OVERHEAD_CPU_S: overhead["cpu_s"],
    }
    assert values(receiver.traces[0].resource_spans[0].resource.attributes) == {
        "service.name": "makespan-agent",
        names.PROVIDER: "github",
        names.REPOSITORY: "octocat/hello",
        names.RUN_ATTEMPT: 2,
        names.PIPELINE_NAME: "CI",
        names.PIPELINE_RUN_ID: "99",
        names.PIPELINE_RUN_URL: "https://github.com/octocat/hello/actions/runs/99/attempts/2",
        names.PROVIDER_NAME: "github",
        names.OWNER_NAME: "octocat",
        names.REPOSITORY_NAME: "hello",
        names.REPOSITORY_URL: "https://github.com/octocat/hello",
        names.REF_HEAD_NAME: "main",
        names.REF_HEAD_REVISION: "ffac537e6cbbf934b08745a378932722df287a53",
        names.JOB_ID: "test",
        names.JOB_NAME: "test (3.12)",
        names.WORKER_NAME: "runner-1",
    }


def test_a_success_has_neither_an_error_status_nor_an_error_type(agent: Agent, receiver: Receiver) -> None:
    agent.run("run", "--", "true")

    flush(agent.spool, receiver.url, 30)

    (span,) = receiver.spans()
    assert span.status.code == span.status.STATUS_CODE_UNSET
    assert names.ERROR_TYPE not in values(span.attributes)
    assert values(span.attributes)[names.TASK_RUN_RESULT] == "success"


def test_samples_arrive_as_gauges_at_their_own_times_joined_to_their_span(agent: Agent, receiver: Receiver) -> None:
    agent.run("run", "--", "sleep", "0.5")
    (record,) = agent.records()

    flush(agent.spool, receiver.url, 30)

    (request,) = receiver.metrics
    metrics = {metric.name: metric for metric in request.resource_metrics[0].scope_metrics[0].metrics}
    assert {names.METRIC_CPU_CORES, names.METRIC_MEMORY_BYTES, names.METRIC_PROCESSES} <= set(metrics)
    points = metrics[names.METRIC_MEMORY_BYTES].gauge.data_points
    assert [(point.time_unix_nano, point.as_int) for point in points] == [
        (sample[0], sample[2]) for sample in record["samples"]
    ]
    (span,) = receiver.spans()
    for point in points:
        assert values(point.attributes) == {names.TRACE_ID: span.trace_id.hex(), names.SPAN_ID: span.span_id.hex()}


def test_what_a_collector_that_was_down_missed_arrives_later_exactly_once(agent: Agent) -> None:
    port = _free_port()
    for number in range(3):
        agent.run("run", "--step", f"step {number}", "--", "true")

    before = flush(agent.spool, f"http://127.0.0.1:{port}", 1)
    with receiving(port) as receiver:
        after = flush(agent.spool, receiver.url, 30)
        again = flush(agent.spool, receiver.url, 30)

    assert (before.sent, before.left, before.reason) == (0, 3, "connection refused")
    assert (after.sent, after.left) == (3, 0)
    assert (again.sent, again.left) == (0, 0)
    assert [span.name for span in receiver.spans()] == ["step 0", "step 1", "step 2"]


def test_a_receiver_that_never_answers_does_not_hold_a_flush_beyond_its_time(agent: Agent) -> None:
    agent.run("run", "--", "true")
    with socket.socket() as black_hole:
        black_hole.bind(("127.0.0.1", 0))
        black_hole.listen()
        started_s = time.monotonic()
        report = flush(agent.spool, f"http://127.0.0.1:{black_hole.getsockname()[1]}", 0.3)

    assert (report.left, report.reason) == (1, "no answer in time")
    assert time.monotonic() - started_s < 10


def test_a_host_that_does_not_exist_is_said_in_words(agent: Agent) -> None:
    agent.run("run", "--", "true")

    report = flush(agent.spool, "http://no-such-host.invalid:4318", 1)

    assert report.left == 1
    assert "name" in report.reason


def test_concurrent_flushes_send_every_step_once(agent: Agent, receiver: Receiver) -> None:
    for number in range(20):
        agent.run("run", "--step", f"step {number}", "--", "true")

    with ThreadPoolExecutor(6) as pool:
        reports = list(pool.map(lambda _: flush(agent.spool, receiver.url, 30), range(6)))

    assert sum(report.sent for report in reports) == 20
    assert sorted(span.name for span in receiver.spans()) == sorted(f"step {number}" for number in range(20))


def test_a_flush_waits_for_who_is_sending_and_says_so_when_it_gives_up(agent: Agent, receiver: Receiver) -> None:
    agent.run("run", "--", "true")

    with SpoolQueue(agent.spool).sender_within(1) as is_sender:
        assert is_sender
        report = flush(agent.spool, receiver.url, 0.1)

    assert (report.left, report.reason) == (1, "another process is still sending")
    assert flush(agent.spool, receiver.url, 30).sent == 1


def test_a_damaged_record_is_set_aside_with_its_reason_and_the_others_arrive(agent: Agent, receiver: Receiver) -> None:
    agent.run("run", "--step", "good", "--", "true")
    damaged = agent.spool / f"{1:020d}-{1:016x}-20.step"
    damaged.write_bytes(seal("{}")[:-5])

    report = flush(agent.spool, receiver.url, 30)

    assert (report.sent, report.left, report.rejected) == (1, 0, 1)
    assert (agent.spool / "rejected" / damaged.name).is_file()
    assert "checksum" in (agent.spool / "rejected" / f"{damaged.name}.reason").read_text()
    assert [span.name for span in receiver.spans()] == ["good"]


def test_what_was_set_aside_is_bounded_and_the_oldest_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_queue, "MAX_REJECTED", 2)
    queue = SpoolQueue(tmp_path)
    for number in range(4):
        (tmp_path / f"{number}.step").write_text("x")
        queue.reject(f"{number}.step", "why")

    names = sorted(path.name for path in (tmp_path / "rejected").iterdir())
    assert names == ["2.step", "2.step.reason", "3.step", "3.step.reason"]


def test_a_record_the_receiver_refuses_is_set_aside_and_its_batch_arrives(agent: Agent, receiver: Receiver) -> None:
    for name in ("first", "poison", "last"):
        agent.run("run", "--step", name, "--", "true")
    receiver.refuses_spans_named = "poison"

    report = flush(agent.spool, receiver.url, 30)

    assert (report.sent, report.left, report.rejected) == (2, 0, 1)
    assert sorted(span.name for span in receiver.spans()) == ["first", "last"]


@pytest.mark.parametrize("status", [401, 404, 500])
def test_an_answer_that_blames_the_set_up_keeps_the_records(agent: Agent, receiver: Receiver, status: int) -> None:
    agent.run("run", "--", "true")
    receiver.status["/v1/traces"] = status

    report = flush(agent.spool, receiver.url, 1)

    assert (report.left, report.rejected, report.reason) == (1, 0, f"HTTP {status}")


def test_a_receiver_without_metrics_gets_its_spans_and_the_loss_is_told(agent: Agent, receiver: Receiver) -> None:
    agent.run("run", "--", "sleep", "0.3")
    receiver.status["/v1/metrics"] = 404

    report = flush(agent.spool, receiver.url, 30)

    assert (report.sent, report.left, report.samples_refused) == (1, 0, 1)
    assert report.reason == "samples refused: HTTP 404"


def test_metrics_can_be_switched_off_by_the_standard_variable(
    agent: Agent, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--", "sleep", "0.3")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")

    assert flush(agent.spool, receiver.url, 30).sent == 1
    assert receiver.metrics == []


def test_metrics_that_cannot_be_sent_now_keep_the_record(agent: Agent, receiver: Receiver) -> None:
    agent.run("run", "--", "sleep", "0.3")
    receiver.status["/v1/metrics"] = 503

    assert flush(agent.spool, receiver.url, 1).left == 1
    receiver.status.clear()
    assert flush(agent.spool, receiver.url, 30).sent == 1


def test_a_failure_leaves_a_note_and_a_success_takes_it_away(agent: Agent, receiver: Receiver) -> None:
    agent.run("run", "--", "true")
    receiver.status["/v1/traces"] = 503
    flush(agent.spool, receiver.url, 0.5)
    assert (agent.spool / FAILURE_NOTE).read_text() == f"{receiver.url}\tHTTP 503\n"

    receiver.status.clear()
    flush(agent.spool, receiver.url, 30)
    assert not (agent.spool / FAILURE_NOTE).exists()


def test_the_standard_variables_steer_the_exporter(
    agent: Agent, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("MAKESPAN_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")

    report = flush(agent.spool)

    assert (report.sent, report.endpoint) == (1, receiver.url)
    assert receiver.headers[0]["x-key"] == "secret"
    assert receiver.headers[0]["content-encoding"] == "gzip"


def test_our_own_endpoint_variable_is_a_base_url(
    agent: Agent, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.run("run", "--", "true")
    monkeypatch.setenv("MAKESPAN_ENDPOINT", receiver.url + "/")

    assert flush(agent.spool).sent == 1


def test_a_spool_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    report = flush(tmp_path / "none", "http://127.0.0.1:1", 1)

    assert (report.sent, report.left) == (0, 0)


def test_a_spool_that_cannot_be_locked_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / ".sender-lock").mkdir()

    with pytest.raises(UnavailableError, match=str(tmp_path)):
        flush(tmp_path, "http://127.0.0.1:1", 1)


def test_the_command_sends_and_says_so(agent: Agent, receiver: Receiver) -> None:
    agent.run("run", "--", "true")

    finished = agent.run("flush", "--endpoint", receiver.url)
    again = agent.run("flush", "--endpoint", receiver.url, "--json")

    assert (finished.returncode, finished.stdout) == (0, f"sent 1 step to {receiver.url}\n".encode())
    assert again.returncode == 0
    assert b'"sent": 0, "left": 0' in again.stdout


def test_the_command_ends_with_4_when_the_network_kept_something_back(agent: Agent) -> None:
    agent.run("run", "--", "true")

    finished = agent.run("flush", "--endpoint", f"http://127.0.0.1:{_free_port()}", "--timeout", "1")

    assert finished.returncode == 4
    assert finished.stdout.startswith(b"nothing was sent, 1 step left in ")
    assert finished.stdout.endswith(b": connection refused\n")
    assert finished.stderr == b""


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "inf"])
def test_the_command_refuses_a_timeout_that_is_none(agent: Agent, timeout: str) -> None:
    finished = agent.run("flush", f"--timeout={timeout}")

    assert finished.returncode == 2
    assert b"--timeout must be" in finished.stderr


def test_sixty_steps_with_exporters_of_their_own_arrive_exactly_once(agent: Agent, receiver: Receiver) -> None:
    command = " ".join(agent.command("run", "--step", "s{}", "--", "true"))
    subprocess.run(
        ["xargs", "-P8", "-I{}", "sh", "-c", command],
        input="\n".join(map(str, range(60))),
        text=True,
        env=agent.full_environment(MAKESPAN_EXPORT="detached", MAKESPAN_ENDPOINT=receiver.url),
        check=True,
    )

    spans = receiver.wait_for_spans(60)
    flush(agent.spool, receiver.url, 30)
    assert sorted(span.name for span in receiver.spans()) == sorted(f"s{number}" for number in range(60))
    assert len(spans) == 60
