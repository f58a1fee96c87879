"""The step ends as if unwrapped, whatever the network, the disk, /proc and the streams are like."""

from __future__ import annotations

import hashlib
import os
import pty
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.agent_process import Agent

_SCRIPT = "cat; echo err >&2; exit 7"


@contextmanager
def _black_hole() -> Iterator[str]:
    """A socket that listens and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _as_unwrapped(agent: Agent, **environment: str) -> None:
    """Run a step and compare all its caller sees with the bare command, but for one line of ours."""
    bare = subprocess.run(["sh", "-c", _SCRIPT], input=b"data", capture_output=True, check=False)
    finished = agent.run("run", "--", "sh", "-c", _SCRIPT, input=b"data", **environment)
    assert (finished.returncode, finished.stdout) == (bare.returncode, bare.stdout)
    lines = finished.stderr.splitlines(keepends=True)
    assert lines[0] == bare.stderr
    assert len(lines) <= 2
    assert all(line.startswith(b"makespan: ") for line in lines[1:])


def _in_namespace(agent: Agent, set_up: str) -> subprocess.CompletedProcess[bytes]:
    """Run a step after mounts that nobody else sees."""
    words = shlex.join(agent.command("run", "--", "sh", "-c", _SCRIPT))
    finished = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{set_up} || exit 99; exec {words}"],
        input=b"data",
        capture_output=True,
        env=agent.full_environment(),
        cwd=agent.directory,
        check=False,
        timeout=60,
    )
    if finished.returncode in (1, 99):
        assert not os.environ.get("MAKESPAN_REQUIRE_SERVICES") or os.geteuid() != 0, finished.stderr
        pytest.skip(f"no private mounts here: {finished.stderr.decode().strip()}")
    return finished


def test_a_receiver_that_never_answers_holds_no_step_back(agent: Agent) -> None:
    with _black_hole() as url:
        started_s = time.monotonic()
        for _ in range(3):
            _as_unwrapped(agent, MAKESPAN_EXPORT="detached", MAKESPAN_ENDPOINT=url, OTEL_EXPORTER_OTLP_TIMEOUT="20")
        elapsed_s = time.monotonic() - started_s

    # Far below the 20 seconds that the exporter gives the receiver, on however slow a machine.
    assert elapsed_s < 15
    assert len(list(agent.spool.glob("*.step"))) == 3


def test_an_agent_told_to_wait_waits_no_longer_than_its_deadline(agent: Agent) -> None:
    with _black_hole() as url:
        started_s = time.monotonic()
        _as_unwrapped(
            agent,
            MAKESPAN_EXPORT="wait",
            MAKESPAN_ENDPOINT=url,
            OTEL_EXPORTER_OTLP_TIMEOUT="20",
            MAKESPAN_SEND_DEADLINE_S="0.3",
        )
        elapsed_s = time.monotonic() - started_s

    assert 0.3 <= elapsed_s < 15


@pytest.mark.parametrize("url", ["http://no-such-host.invalid:4318", "https://127.0.0.1:1", "nonsense://x"])
def test_an_endpoint_that_cannot_be_used_fails_no_step(agent: Agent, url: str) -> None:
    _as_unwrapped(
        agent, MAKESPAN_EXPORT="wait", MAKESPAN_ENDPOINT=url, MAKESPAN_SEND_DEADLINE_S="10", MAKESPAN_RETRY_S="0"
    )
    assert len(list(agent.spool.glob("*.step"))) == 1


def test_a_spool_on_a_full_disk_costs_one_line(agent: Agent) -> None:
    agent.spool.mkdir()
    fill = f"dd if=/dev/zero of={agent.spool}/ballast bs=4k status=none 2>/dev/null; :"

    finished = _in_namespace(agent, f"mount -t tmpfs -o size=64k none {agent.spool} && {{ {fill}; }}")

    assert (finished.returncode, finished.stdout) == (7, b"data")
    lines = finished.stderr.splitlines()
    assert lines[0] == b"err"
    assert len(lines) == 2
    assert lines[1].startswith(b"makespan: the step is not recorded: ")


def test_a_disk_that_fills_up_during_the_step_keeps_what_matters_of_it(agent: Agent) -> None:
    agent.spool.mkdir()
    # The command itself takes the last block, once its start is on the disk.
    script = (
        f"while ! ls {agent.spool}/*.open >/dev/null 2>&1; do :; done; sleep 0.4; "
        f"dd if=/dev/zero of={agent.spool}/ballast bs=4k status=none 2>/dev/null; exit 6"
    )
    words = shlex.join(agent.command("run", "--step", "x" * 200, "--", "sh", "-c", script))
    show = f"cat {agent.spool}/*.step"
    finished = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size=64k none {agent.spool} || exit 99; {words}; {show}"],
        capture_output=True,
        env=agent.full_environment(MAKESPAN_HEARTBEAT_S="60"),
        check=False,
        timeout=60,
    )
    if finished.returncode == 99:
        pytest.skip(f"no private mounts here: {finished.stderr.decode()}")

    assert b'"exit_code":6' in finished.stdout
    assert b"is full: the step is recorded without its details" in finished.stderr or b'"samples":[[' in finished.stdout


def test_a_spool_on_a_read_only_disk_costs_one_line(agent: Agent) -> None:
    agent.spool.mkdir()

    finished = _in_namespace(agent, f"mount -t tmpfs -o ro none {agent.spool}")

    assert (finished.returncode, finished.stdout) == (7, b"data")
    assert finished.stderr.splitlines()[0] == b"err"
    assert finished.stderr.count(b"\n") == 2
    assert b"Read-only file system" in finished.stderr


@pytest.mark.parametrize("options", ["hidepid=2", "hidepid=4", "subset=pid"])
def test_a_restricted_proc_changes_nothing_for_the_step(agent: Agent, options: str) -> None:
    finished = _in_namespace(agent, f"mount -t proc -o {options} proc /proc")

    assert (finished.returncode, finished.stdout, finished.stderr) == (7, b"data", b"err\n")
    assert agent.records()[0]["exit_code"] == 7


def test_no_proc_at_all_changes_nothing_for_the_step(agent: Agent) -> None:
    finished = _in_namespace(agent, "mount -t tmpfs none /proc")

    assert (finished.returncode, finished.stdout, finished.stderr) == (7, b"data", b"err\n")
    assert agent.records()[0]["exit_code"] == 7


def test_a_hundred_mebibytes_of_output_pass_unchanged(agent: Agent) -> None:
    size = 100 << 20
    writer = "import os\nblock = bytes(range(256)) * 4096\nfor _ in range(100): os.write(1, block)"
    process = agent.start("run", "--", sys.executable, "-c", writer)
    assert process.stdout is not None
    digest, received = hashlib.sha256(), 0
    while block := process.stdout.read(1 << 20):
        digest.update(block)
        received += len(block)
    process.communicate(timeout=60)

    assert (process.returncode, received) == (0, size)
    assert digest.hexdigest() == hashlib.sha256(bytes(range(256)) * 4096 * 100).hexdigest()


def test_on_a_terminal_the_command_has_the_terminal(agent: Agent) -> None:
    script = "test -t 0 && test -t 1 && test -t 2 && stty size && echo tty; exit 9"
    outputs = []
    for words in (["sh", "-c", script], agent.command("run", "--", "sh", "-c", script)):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(_found(words[0]), words, agent.full_environment())
        outputs.append((_read_all(terminal), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
        os.close(terminal)

    assert outputs[0] == outputs[1]
    assert outputs[1] == (b"0 0\r\ntty\r\n", 9)


def _found(name: str) -> str:
    return name if "/" in name else f"/bin/{name}"


def _read_all(descriptor: int) -> bytes:
    data = b""
    while True:
        try:
            block = os.read(descriptor, 65536)
        except OSError:  # EIO: the last process has closed the terminal.
            return data
        if not block:
            return data
        data += block


def test_a_command_the_kernel_kills_for_want_of_memory_is_named(agent: Agent) -> None:
    group = Path("/sys/fs/cgroup/memory") / f"makespan-test-{os.getpid()}"
    limit = "memory.limit_in_bytes"
    if not group.parent.is_dir():
        group, limit = Path("/sys/fs/cgroup") / group.name, "memory.max"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no memory cgroup can be made here: {error}")
    try:
        if not (group / limit).exists():
            pytest.skip("the memory controller is not delegated to here")
        (group / limit).write_text(str(100 << 20))
        eater = f"{shlex.quote(sys.executable)} -c \"data = b'x' * (600 << 20)\""
        words = shlex.join(agent.command("run", "--", "sh", "-c", f"{eater}; exit $?"))
        finished = subprocess.run(
            ["sh", "-c", f"echo $$ > {group}/cgroup.procs; exec {words}"],
            capture_output=True,
            env=agent.full_environment(),
            cwd=agent.directory,
            check=False,
            timeout=120,
        )
    finally:
        _remove(group)

    assert finished.returncode == 137
    assert agent.records()[0]["error_type"] == "oom_killed"


def _remove(group: Path) -> None:
    deadline_s = time.monotonic() + 10
    while group.exists():
        try:
            group.rmdir()
        except OSError:
            assert time.monotonic() < deadline_s, "the cgroup stays busy"
            time.sleep(0.02)
