"""Many agents at once on one spool, with a collector that comes and goes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from makespan_agent.exporting.flushing import flush
from makespan_collector.store.opening import open_store
from support.agent_process import Agent
from support.serving import serving


def _steps(store_dir: Path) -> list[tuple[str, str]]:
    with open_store(store_dir, read_only=True) as store:
        return sorted((step.name, step.result.value) for run in store.runs() for job in run.jobs for step in job.steps)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _eventually_sent(agent: Agent, below: int) -> None:
    deadline_s = time.monotonic() + 120
    while len(list(agent.spool.glob("*.step"))) > below or not agent.spool.exists():
        assert time.monotonic() < deadline_s, "the exporters send nothing"
        time.sleep(0.05)


def _killed_step(agent: Agent) -> None:
    """A step whose agent gets SIGKILL, and its command after it."""
    process = agent.start("run", "--step", "killed", "--", "sh", "-c", "echo $$; exec sleep 60")
    assert process.stdout is not None
    command = int(process.stdout.readline())
    deadline_s = time.monotonic() + 60
    while not any(b"killed" in path.read_bytes() for path in agent.open_records()):
        assert time.monotonic() < deadline_s, "the start was never recorded"
        time.sleep(0.02)
    process.kill()
    process.wait()
    os.kill(command, signal.SIGKILL)
    process.stdout.close()


def _every_step_arrives_once(agent: Agent, tmp_path: Path, count: int, at_once: int) -> None:
    store, port = tmp_path / "store", str(_free_port())
    agent.environment = {
        "MAKESPAN_EXPORT": "detached",
        "MAKESPAN_ENDPOINT": f"http://127.0.0.1:{port}",
        "MAKESPAN_RUN_ID": "7",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
    }
    command = " ".join(agent.command("run", "--step", "s{}", "--", "sleep", "0.2"))
    with serving(store, "--port", port) as collector:
        agents = subprocess.Popen(
            ["xargs", f"-P{at_once}", "-I{}", "sh", "-c", f"{command} 2>/dev/null"],
            stdin=subprocess.PIPE,
            env=agent.full_environment(),
            cwd=agent.directory,
            text=True,
        )
        assert agents.stdin is not None
        agents.stdin.write("\n".join(map(str, range(count))))
        agents.stdin.close()
        deadline_s = time.monotonic() + 60
        while not _has_spans(store):
            assert time.monotonic() < deadline_s, "nothing ever arrived"
            time.sleep(0.02)
        collector.process.kill()  # In the middle of it: what it has acknowledged is on its disk.
        collector.process.wait()
    _killed_step(agent)
    assert agents.wait(300) == 0
    with serving(store, "--port", port):
        report = flush(agent.spool, f"http://127.0.0.1:{port}", 120)
        _eventually_sent(agent, 0)

    assert (report.left, report.rejected) == (0, 0)
    expected = [(f"s{number}", "success") for number in range(count)] + [("killed", "error")]
    assert _steps(store) == sorted(expected)
    assert list(agent.spool.glob("*.open")) == []
    assert not (agent.spool / "rejected").exists()


def _has_spans(store: Path) -> bool:
    return any(path.stat().st_size > 0 for path in (store / "spans").glob("*.log"))


def test_twenty_agents_a_restarted_collector_and_a_killed_agent_every_step_arrives_once(
    agent: Agent, tmp_path: Path
) -> None:
    _every_step_arrives_once(agent, tmp_path, count=20, at_once=10)


@pytest.mark.slow
def test_two_hundred_agents_at_once_a_restarted_collector_and_a_killed_agent_every_step_arrives_once(
    agent: Agent, tmp_path: Path
) -> None:
    _every_step_arrives_once(agent, tmp_path, count=200, at_once=200)
