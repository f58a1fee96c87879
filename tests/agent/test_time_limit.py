from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from makespan_agent.exporting.step_record import decode_record
from makespan_agent.time_limit import GRACE_S, TimeLimit, descendants
from makespan_model.records import Result
from support.agent_process import Agent


def _result(agent: Agent) -> tuple[Result, str | None]:
    (path,) = agent.spool.glob("*.step")
    record = decode_record(path.read_bytes(), "file")
    return record.step.result, record.error_type


def test_a_command_whose_time_is_up_ends_with_124_and_is_a_timeout(agent: Agent) -> None:
    finished = agent.run("run", "--timeout", "0.2", "--", "sh", "-c", "sleep 60; echo never")

    assert (finished.returncode, finished.stdout, finished.stderr) == (124, b"", b"")
    assert _result(agent) == (Result.TIMEOUT, "timeout")


def test_what_a_shell_started_is_ended_too(agent: Agent) -> None:
    # A pipe that the grandchild held would keep the reader of our output waiting for a minute.
    started_s = time.monotonic()

    agent.run("run", "--timeout=0.2", "--", "sh", "-c", "sh -c 'sleep 60 & wait' & wait")

    assert time.monotonic() - started_s < 30


def test_a_time_limit_holds_when_nothing_is_recorded(agent: Agent) -> None:
    assert agent.run("run", "--timeout", "0.2", "--", "sleep", "60", MAKESPAN_EXPORT="off").returncode == 124


def test_a_command_within_its_time_is_not_touched(agent: Agent) -> None:
    assert agent.run("run", "--timeout", "60", "--", "sh", "-c", "exit 5").returncode == 5
    assert _result(agent) == (Result.FAILURE, "exit_5")


def test_what_ignores_sigterm_is_killed_after_the_grace_period(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    times_s = iter([100.0, 100.0, 105.0, 105.0, 105.0 + GRACE_S, 200.0])
    # No process has this id: pid_max is at most 2 ** 22.
    limit = TimeLimit(5.0, 2**22 + 1, 2**22 + 2, lambda: next(times_s))

    assert [limit.check(), limit.check()] == [5.0, GRACE_S]
    assert min(limit.check(), limit.check()) > GRACE_S
    assert [number for _, number in sent] == [15, 18, 9]
    assert limit.is_over


def test_the_end_of_gnu_timeout_is_a_timeout_and_another_124_is_not(agent: Agent) -> None:
    agent.run("run", "--", "timeout", "0.1", "sleep", "60")
    assert _result(agent) == (Result.TIMEOUT, "timeout")
    for path in agent.spool.glob("*.step"):
        path.unlink()

    agent.run("run", "--", "sh", "-c", "exit 124")
    assert _result(agent) == (Result.FAILURE, "exit_124")


@pytest.mark.parametrize("value", ["0", "-1", "soon", "inf", "nan"])
def test_a_time_that_is_none_is_refused(agent: Agent, value: str) -> None:
    finished = agent.run("run", f"--timeout={value}", "--", "true")

    assert finished.returncode == 2
    assert b"--timeout" in finished.stderr


def test_descendants_are_found_through_every_generation(agent: Agent) -> None:
    process = agent.start("run", "--", "sh", "-c", "sh -c 'sleep 60 & echo $!; wait'; :")
    assert process.stdout is not None
    sleeper = int(process.stdout.readline())

    found = descendants(process.pid)
    process.terminate()
    _eventually(lambda: process.poll() is not None)
    process.stdout.close()
    os.kill(sleeper, 15)

    assert sleeper in found


def _eventually(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
