from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from makespan_agent.exporting.exporter import export
from makespan_agent.exporting.flushing import flush
from makespan_agent.exporting.step_record import decode_record
from makespan_agent.spooling.open_record import OpenRecord
from makespan_agent.spooling.recovery import recover
from makespan_agent.spooling.spool import seal, unfinished, waiting
from makespan_model import vocabulary as names
from makespan_model.records import Result
from support.agent_process import Agent, merged
from support.otlp_receiver import Receiver, values

_BOOT = "boot-1"


def _start(**changes: object) -> str:
    start = {
        "version": 1,
        "job": {
            "provider": "plain",
            "repository": "r",
            "run_id": "7",
            "attempt": 1,
            "pipeline": "ci",
            "job_id": "j",
            "label": "j",
        },
        "step": {
            "path": "p",
            "name": "n",
            "trace_id": "1" * 32,
            "span_id": "2" * 16,
            "parent_span_id": "3" * 16,
        },
        "start_ns": 1_000,
        "agent": {"pid": 1, "boot_id": _BOOT, "heartbeat_s": 15.0, "oom_counter": None},
        "overhead": {"cpu_s": 0.0, "wall_s": 0.0},
        "oom_kills": None,
    }
    return json.dumps(start | changes)


def _abandoned(spool: Path, *lines: str) -> Path:
    """What an agent that was killed leaves behind."""
    path = spool / f"{1_000:020d}-{'2' * 16}.open"
    path.write_bytes(b"".join(map(seal, lines)))
    return path


@contextmanager
def _killed_agent(agent: Agent, *words: str) -> Iterator[None]:
    """An agent that gets SIGKILL once its record holds a sample; its command dies with the block."""
    process = agent.start("run", "--step", "lost", "--", "sh", "-c", 'echo $$; exec "$@"', "sh", *words)
    assert process.stdout is not None
    command = int(process.stdout.readline())
    try:
        deadline_s = time.monotonic() + 30
        while not any(merged(path).get("sample") for path in agent.open_records()):
            assert time.monotonic() < deadline_s, "no heartbeat came"
            time.sleep(0.02)
        process.kill()
        process.wait()
        yield
    finally:
        os.kill(command, signal.SIGKILL)
        process.stdout.close()


def test_a_step_killed_with_its_agent_arrives_once_with_its_last_known_sample(agent: Agent, receiver: Receiver) -> None:
    agent.environment = {"MAKESPAN_HEARTBEAT_S": "0.05"}
    with _killed_agent(agent, "sleep", "60"):
        last = merged(agent.open_records()[0])

        first, second = flush(agent.spool, receiver.url, 30), flush(agent.spool, receiver.url, 30)

    assert (first.sent, first.left, first.rejected, second.sent) == (1, 0, 0, 0)
    (span,) = receiver.spans()
    attributes = values(span.attributes)
    assert (span.name, span.end_time_unix_nano) == ("lost", last["heartbeat_ns"])
    assert attributes[names.TASK_RUN_RESULT] == "error"
    assert attributes[names.ERROR_TYPE] == "agent_killed"
    assert names.PROCESS_EXIT_CODE not in attributes
    assert attributes[names.MEMORY_PEAK_BYTES] == last["usage"]["memory_peak_bytes"]
    points = receiver.metrics[0].resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points
    assert points[-1].time_unix_nano == last["sample"][0]


def test_the_exporter_of_another_step_finds_the_killed_one(agent: Agent, receiver: Receiver) -> None:
    agent.environment = {"MAKESPAN_HEARTBEAT_S": "0.05"}
    with _killed_agent(agent, "sleep", "60"):
        agent.run("run", "--step", "next", "--", "true", MAKESPAN_EXPORT="detached", MAKESPAN_ENDPOINT=receiver.url)
        spans = receiver.wait_for_spans(2)

    assert {span.name for span in spans} == {"lost", "next"}


def test_a_step_that_still_runs_is_left_alone(agent: Agent, receiver: Receiver) -> None:
    process = agent.start("run", "--", "sh", "-c", "echo up; read -r _", stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    deadline_s = time.monotonic() + 30
    while not agent.open_records():
        assert time.monotonic() < deadline_s, "the start was never recorded"
        time.sleep(0.01)

    assert flush(agent.spool, receiver.url, 30).sent == 0
    assert len(agent.open_records()) == 1
    process.communicate(b"end\n", timeout=30)
    assert agent.open_records() == []
    assert flush(agent.spool, receiver.url, 30).sent == 1
    assert values(receiver.spans()[0].attributes)[names.TASK_RUN_RESULT] == "success"


def test_an_agent_killed_after_it_wrote_the_end_loses_nothing_of_it(tmp_path: Path) -> None:
    end = {
        "end_ns": 5_000,
        "exit_code": 3,
        "error_type": "exit_3",
        "received_signal": None,
        "usage": {},
        "samples": [],
    }
    _abandoned(tmp_path, _start(), json.dumps(end))

    assert recover(tmp_path, 10_000, _BOOT) == 1

    (name,) = waiting(str(tmp_path))
    record = decode_record((tmp_path / name).read_bytes(), name)
    assert (record.step.end_ns, record.step.exit_code, record.error_type) == (5_000, 3, "exit_3")


def test_a_line_that_was_cut_by_the_death_is_dropped_and_the_ones_before_count(tmp_path: Path) -> None:
    path = _abandoned(tmp_path, _start(), json.dumps({"heartbeat_ns": 4_000, "usage": {"cpu_user_s": 2.0}}))
    whole = path.read_bytes()
    path.write_bytes(whole + seal(json.dumps({"heartbeat_ns": 9_000, "usage": {}}))[:-20])

    recover(tmp_path, 10_000, _BOOT)

    (name,) = waiting(str(tmp_path))
    record = decode_record((tmp_path / name).read_bytes(), name)
    assert (record.step.end_ns, record.step.usage.cpu_user_s, record.step.result) == (4_000, 2.0, Result.ERROR)


def test_a_record_without_even_its_start_is_removed(tmp_path: Path) -> None:
    _abandoned(tmp_path).write_bytes(b"\0" * 100)

    assert recover(tmp_path, 10_000, _BOOT) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_step_of_another_boot_is_lost_only_after_it_was_silent_for_long(tmp_path: Path) -> None:
    _abandoned(tmp_path, _start())

    assert recover(tmp_path, 1_000 + 119 * 10**9, "boot-2") == 0
    assert recover(tmp_path, 1_000 + 121 * 10**9, "boot-2") == 1
    (name,) = waiting(str(tmp_path))
    assert decode_record((tmp_path / name).read_bytes(), name).error_type == "machine_lost"


def test_the_samples_of_a_long_lost_step_are_bounded(tmp_path: Path) -> None:
    beats = [json.dumps({"heartbeat_ns": 2_000 + n, "sample": [2_000 + n, 1.0, 5, 1, None, None]}) for n in range(1000)]
    _abandoned(tmp_path, _start(), *beats)

    recover(tmp_path, 10_000, _BOOT)

    (name,) = waiting(str(tmp_path))
    assert 150 < len(decode_record((tmp_path / name).read_bytes(), name).samples) <= 240


def test_a_record_that_is_held_is_not_taken_and_is_free_once_its_holder_is_gone(tmp_path: Path) -> None:
    holder = (
        "import sys; from makespan_agent.spooling.open_record import OpenRecord\n"
        "record = OpenRecord(sys.argv[1], sys.argv[2], start_ns=1000, span_id='2' * 16); print('held', flush=True)\n"
        "sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path), _start()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()

    assert recover(tmp_path, 10_000, _BOOT) == 0
    process.kill()
    process.communicate()
    assert recover(tmp_path, 10_000, _BOOT) == 1


def test_a_record_is_never_both_running_and_ended(tmp_path: Path) -> None:
    record = OpenRecord(str(tmp_path), "{}", start_ns=1, span_id="a" * 16)
    assert (len(unfinished(str(tmp_path))), waiting(str(tmp_path))) == (1, [])

    record.finish("{}", end_ns=2, max_bytes=1_000_000)
    assert (unfinished(str(tmp_path)), len(waiting(str(tmp_path)))) == ([], 1)


def test_an_exporter_closes_records_even_when_there_is_nothing_else(tmp_path: Path) -> None:
    _abandoned(tmp_path, _start(agent={"pid": 1, "boot_id": "x", "heartbeat_s": 0.01, "oom_counter": None}))

    # Nobody listens there: the record has been closed and waits.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAKESPAN_ENDPOINT", "http://127.0.0.1:1")
        patch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
        assert export(tmp_path, patience_s=0) == 1

    assert len(waiting(str(tmp_path))) == 1
