"""How exact the totals are: against an outer wait4, and against files whose size is known."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.agent_process import Agent

_SPAWN = """
import os, sys
for _ in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        n = 0
        while n < 20_000:
            n += 1
        os._exit(0)
    os.waitpid(pid, 0)
"""
_DAEMON = """
import os, sys, time
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        end = time.process_time() + 0.8
        while time.process_time() < end: pass
        os.write(writer, b'x')
        os._exit(0)
    os._exit(0)
os.wait()
os.read(reader, 1)
"""
_ARBITER = """
import json, os, resource, sys
libc = __import__('ctypes').CDLL(None)
libc.prctl(36, 1, 0, 0, 0)
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
total = 0.0
while True:
    try:
        _, _, usage = os.wait4(-1, 0)
    except ChildProcessError:
        break
    total += usage.ru_utime + usage.ru_stime
print(json.dumps(total))
"""


def _cpu_s_by_an_outer_wait4(agent: Agent, *command: str) -> float:
    """CPU seconds of everything below an arbiter that waits for every process, orphans included."""
    finished = subprocess.run(
        [sys.executable, "-c", _ARBITER, *command],
        env=agent.full_environment(),
        cwd=agent.directory,
        capture_output=True,
        check=True,
        timeout=300,
    )
    return float(finished.stdout)


def _compare(agent: Agent, program: str, *arguments: str) -> tuple[float, float]:
    """What the agent says of the command, and what is left of an outer wait4 without the agent's own share."""
    command = agent.command("run", "--", sys.executable, "-c", program, *arguments)
    outer_s = _cpu_s_by_an_outer_wait4(agent, *command)
    (record,) = agent.records()
    usage = record["usage"]
    return usage["cpu_user_s"] + usage["cpu_system_s"], outer_s - record["overhead"]["cpu_s"]


def test_cpu_seconds_of_many_short_lived_processes_agree_with_an_outer_wait4(agent: Agent) -> None:
    measured_s, outer_s = _compare(agent, _SPAWN, "2000")

    assert measured_s > 1.5
    # What the agent uses after its record (its own exit) is in the outer figure: 20 ms at most.
    assert outer_s - 0.02 - 0.005 * outer_s <= measured_s <= outer_s * 1.005


def test_cpu_seconds_of_a_child_that_became_a_daemon_agree_with_an_outer_wait4(agent: Agent) -> None:
    measured_s, outer_s = _compare(agent, _DAEMON)

    assert measured_s > 0.8
    assert outer_s - 0.02 - 0.005 * outer_s <= measured_s <= outer_s * 1.005


@pytest.fixture
def storage(agent: Agent) -> Path:
    """A directory on a disk, not in memory."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", agent.directory], capture_output=True, text=True, check=True)
    if kind.stdout.strip() == "tmpfs":
        pytest.skip("the temporary directory is in memory: nothing is written to storage")
    return agent.directory


def test_bytes_written_by_a_whole_tree_are_those_of_its_files(agent: Agent, storage: Path) -> None:
    size = 8 << 20
    write = agent.directory / "write"
    write.write_text(f"dd if=/dev/zero of=out$1 bs=1M count={size >> 20} conv=fsync status=none\n")
    agent.run(
        "run", "--", "sh", "-c", "mkfifo done; sh write 1; (sh write 2; echo > done) & sh write 3; read -r _ < done"
    )

    written = agent.records()[0]["usage"]["io_write_bytes"]
    assert 3 * size <= written <= 3 * size * 1.01


def test_bytes_read_from_storage_are_those_of_its_files(agent: Agent, storage: Path) -> None:
    size = 16 << 20
    file = storage / "data"
    with file.open("wb") as data:
        data.write(os.urandom(size))
        data.flush()
        os.fsync(data.fileno())
        # Out of the page cache, so that it has to come from the disk.
        os.posix_fadvise(data.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    agent.run("run", "--", "sh", "-c", "cat data > /dev/null; :")

    usage = agent.records()[0]["usage"]
    read = usage["io_read_bytes"]
    if read == 0:
        pytest.skip("this file system keeps its pages whatever it is advised")
    assert size <= read <= size * 1.01


def test_faults_and_switches_of_the_tree_are_counted_orphans_included(agent: Agent) -> None:
    touch = agent.directory / "touch.py"
    touch.write_text("data = bytearray(b'x') * (40 << 20)\n")
    agent.run("run", "--", "sh", "-c", f"{sys.executable} touch.py; :")
    orphan = f"mkfifo done; (sh -c '{sys.executable} touch.py; echo > done' &); read -r _ < done"
    agent.run("run", "--", "sh", "-c", orphan)

    for record in agent.records():
        usage = record["usage"]
        assert usage["minor_faults"] > (40 << 20) / os.sysconf("SC_PAGE_SIZE") / 600
        assert usage["major_faults"] >= 0
        assert usage["voluntary_switches"] > 0
        assert usage["involuntary_switches"] >= 0


def test_the_breakdown_adds_up_to_the_exact_total_and_names_who_used_it(agent: Agent) -> None:
    burn = "import time\nend = time.process_time() + 0.6\nwhile time.process_time() < end: pass"
    agent.run("run", "--", "sh", "-c", f'"{sys.executable}" -c "{burn}"; sleep 0.1')

    (record,) = agent.records()
    usage = record["usage"]
    shares = {name: cpu_s for name, cpu_s, _, _ in usage["executables"]}
    total_s = usage["cpu_user_s"] + usage["cpu_system_s"]
    assert sum(shares.values()) == pytest.approx(total_s)
    assert max(shares, key=lambda name: shares[name]).startswith("python")
    assert "sh" in shares


def test_what_the_machine_offered_is_recorded(agent: Agent) -> None:
    agent.run("run", "--", "true")

    usage = agent.records()[0]["usage"]
    assert usage["host_cpus"] == len(os.sched_getaffinity(0))
    assert usage["host_memory_bytes"] == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
