from __future__ import annotations

import os
import select
import socket
import subprocess
import threading
import time
from pathlib import Path

from makespan_agent.exporting.exporter import export
from makespan_agent.spooling.spool_queue import SpoolQueue
from support.agent_process import Agent
from support.otlp_receiver import Receiver, receiving


def test_a_step_is_sent_by_itself_without_the_step_waiting_for_it(agent: Agent, receiver: Receiver) -> None:
    agent.environment = {"MAKESPAN_EXPORT": "detached", "MAKESPAN_ENDPOINT": receiver.url}

    finished = agent.run("run", "--step", "alone", "--", "true")

    assert (finished.returncode, finished.stderr) == (0, b"")
    (span,) = receiver.wait_for_spans(1)
    assert span.name == "alone"


def test_the_exporter_holds_no_pipe_of_the_step(agent: Agent) -> None:
    with socket.socket() as black_hole:
        black_hole.bind(("127.0.0.1", 0))
        black_hole.listen()
        url = f"http://127.0.0.1:{black_hole.getsockname()[1]}"
        agent.environment = {
            "MAKESPAN_EXPORT": "detached",
            "MAKESPAN_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "15",
        }
        read_end, write_end = os.pipe()
        process = agent.start("run", "--", "true", pass_fds=(write_end,), stderr=subprocess.PIPE)
        os.close(write_end)
        process.communicate(timeout=30)
        black_hole.settimeout(30)
        connection, _ = black_hole.accept()
        with connection, os.fdopen(read_end, "rb") as reader:
            assert reader.read() == b""
            # The pipe has ended while the exporter still waits for its answer.
            assert connection.recv(65536)
            assert not select.select([connection], [], [], 0.1)[0] or connection.recv(65536)


def test_with_no_collector_a_later_step_says_so_in_one_line_and_flush_delivers_both(agent: Agent) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    agent.environment = {
        "MAKESPAN_EXPORT": "detached",
        "MAKESPAN_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "0.5",
    }
    first = agent.run("run", "--step", "first", "--", "sh", "-c", "exit 5")
    with SpoolQueue(agent.spool).sender_within(30) as is_sender:  # The exporter has tried by then, or tries later.
        assert is_sender
    deadline_s = time.monotonic() + 30
    while not (agent.spool / "last-failure").exists():
        assert time.monotonic() < deadline_s, "the exporter never said that it failed"
        time.sleep(0.02)

    second = agent.run("run", "--step", "second", "--", "sh", "-c", "echo out; exit 6", MAKESPAN_EXPORT="flush-only")

    assert (first.returncode, first.stderr) == (5, b"")
    assert (second.returncode, second.stdout) == (6, b"out\n")
    assert second.stderr.decode() == (
        f"makespan: collector at http://127.0.0.1:{port} not reachable (connection refused), "
        "2 steps spooled; `makespan flush` sends them\n"
    )
    with receiving(port) as receiver:
        assert agent.run("flush").returncode == 0
        assert [span.name for span in receiver.spans()] == ["first", "second"]


def test_a_run_inside_a_run_leaves_sending_to_the_outer_one(agent: Agent, receiver: Receiver) -> None:
    agent.environment = {"MAKESPAN_EXPORT": "detached", "MAKESPAN_ENDPOINT": receiver.url}
    inner = " ".join(agent.command("run", "--step", "inner", "--", "true"))

    # The exporter of the inner step would be a child of the outer agent and be charged to its step.
    finished = agent.run("run", "--step", "outer", "--", "sh", "-c", f"{inner}; ls {agent.spool}")

    assert b".sender-lock" not in finished.stdout
    assert {span.name for span in receiver.wait_for_spans(2)} == {"inner", "outer"}


def test_of_many_exporters_one_sends_one_waits_and_the_rest_leave_at_once(tmp_path: Path) -> None:
    queue, sending, may_end = SpoolQueue(tmp_path), threading.Event(), threading.Event()

    outcomes: list[tuple[str, bool]] = []

    def first() -> None:
        with queue.sole_sender() as is_sender:
            outcomes.append(("first", is_sender))
            sending.set()
            assert may_end.wait(30)

    def second() -> None:
        with queue.sole_sender() as is_sender:
            outcomes.append(("second", is_sender))

    threads = [threading.Thread(target=first)]
    threads[0].start()
    assert sending.wait(30)
    threads.append(threading.Thread(target=second))
    threads[1].start()
    deadline_s = time.monotonic() + 30
    while not _waiter_is_there(queue):
        assert time.monotonic() < deadline_s, "nobody waits for the sender"
    with queue.sole_sender() as third:
        outcomes.append(("third", third))
    may_end.set()
    for thread in threads:
        thread.join(30)

    assert outcomes == [("first", True), ("third", False), ("second", True)]


def test_an_exporter_with_nothing_to_send_ends_at_once(tmp_path: Path) -> None:
    assert export(tmp_path, patience_s=60) == 0


def _waiter_is_there(queue: SpoolQueue) -> bool:
    """Whether somebody is blocked on the sender's lock, as the kernel lists it: probing the lock would disturb it."""
    inode = f":{(queue.directory / '.sender-lock').stat().st_ino} "
    return any("-> FLOCK" in line and inode in line for line in Path("/proc/locks").read_text().splitlines())
