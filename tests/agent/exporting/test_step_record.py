from __future__ import annotations

import json
from pathlib import Path

import pytest

from makespan_agent.exporting.step_record import decode_record
from makespan_agent.spooling.spool import seal
from makespan_model.errors import InputError
from makespan_model.records import Result, Sample, Usage
from support.agent_process import Agent


def _line(agent: Agent, *command: str, **environment: str) -> bytes:
    agent.environment = environment
    agent.run("run", "--step", "name", "--", *command)
    (path,) = agent.spool.glob("*.step")
    return path.read_bytes()


def _changed(lines: bytes, **changes: object) -> bytes:
    """The record with one more line, which wins over those before."""
    return lines + seal(json.dumps(changes))


def test_what_the_launcher_writes_is_what_the_exporter_reads(agent: Agent) -> None:
    line = _line(agent, "sh", "-c", "exit 3", MAKESPAN_RUN_ID="7", MAKESPAN_PIPELINE="ci", MAKESPAN_MATRIX='{"a": 1}')

    record = decode_record(line, "file")

    assert (record.identity.provider, record.identity.repository, record.identity.run_id) == ("plain", "work", "7")
    assert (record.pipeline, record.job_id, record.job_label) == ("ci", "local", "local (1)")
    assert record.trace_id == record.identity.trace_id
    assert (record.step.name, record.step.exit_code, record.step.result) == ("name", 3, Result.FAILURE)
    assert record.error_type == "exit_3"
    assert 0 < record.overhead_wall_s < 30
    assert 0 < record.overhead_cpu_s < 30
    assert record.step.usage.cpu_s is not None


@pytest.mark.parametrize(
    ("exit_code", "received", "result"),
    [
        (0, None, Result.SUCCESS),
        (0, 15, Result.SUCCESS),
        (1, None, Result.FAILURE),
        (137, None, Result.FAILURE),
        (143, 15, Result.CANCELLATION),
        (130, 2, Result.CANCELLATION),
        (129, 1, Result.CANCELLATION),
        (131, 3, Result.FAILURE),
    ],
)
def test_a_failure_after_an_interrupt_is_a_cancellation(
    agent: Agent, exit_code: int, received: int | None, result: Result
) -> None:
    line = _changed(_line(agent, "true"), exit_code=exit_code, received_signal=received)

    assert decode_record(line, "file").step.result is result


def test_samples_and_usage_keep_what_was_not_measured_unknown(agent: Agent) -> None:
    line = _changed(
        _line(agent, "true"),
        usage={"cpu_user_s": 1.5, "cpu_system_s": 0.5},
        samples=[[10, 0.5, 2000, 3, None, None], [20, 1.5, 3000, 1, 4.0, 5.0]],
    )

    record = decode_record(line, "file")

    assert record.step.usage == Usage(cpu_user_s=1.5, cpu_system_s=0.5)
    assert record.samples == (Sample(10, 0.5, 2000, 3), Sample(20, 1.5, 3000, 1, 4.0, 5.0))


def test_any_altered_byte_is_noticed(agent: Agent) -> None:
    line = _line(agent, "true")

    for position in range(0, len(line) - 1, 7):
        damaged = line[:position] + bytes([line[position] ^ 1]) + line[position + 1 :]
        with pytest.raises(InputError, match=r"the-file:\d+: the checksum does not match"):
            decode_record(damaged, "the-file")


@pytest.mark.parametrize("length", [0, 10, 66, 300])
def test_a_cut_record_is_noticed(agent: Agent, length: int) -> None:
    with pytest.raises(InputError, match="checksum"):
        decode_record(_line(agent, "true")[:length], "file")


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"job": None},
        {"step": {}},
        {"usage": {"unknown": 1}},
        {"samples": [[1, 2]]},
        {"start_ns": 10, "end_ns": 5},
        {"end_ns": "x"},
    ],
)
def test_a_record_of_another_shape_is_refused_with_its_file(agent: Agent, changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match="the-file: "):
        decode_record(_changed(_line(agent, "true"), **changes), "the-file")


@pytest.mark.parametrize("text", ["null", "[]", '"x"', "1", "{"])
def test_a_sealed_text_that_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="file: "):
        decode_record(seal(text), "file")


def test_names_that_are_no_utf8_become_printable(agent: Agent, tmp_path: Path) -> None:
    tool = tmp_path / "t\udce9l"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    agent.run("run", "--", str(tool))
    (path,) = agent.spool.glob("*.step")

    assert decode_record(path.read_bytes(), "file").step.name == "t�l"
