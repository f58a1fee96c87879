from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from makespan_agent.measuring.process_tree import ProcessTree
from makespan_agent.measuring.psutil_tree import PsutilTree

HOLDER = "import sys; data = bytearray(50_000_000); print('ready', flush=True); sys.stdin.read()"
TREES = pytest.mark.parametrize("tree", [ProcessTree, PsutilTree])


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command that says when it is ready and ends when its input does."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.communicate()


@TREES
def test_a_reading_sums_the_descendants_and_leaves_the_root_out(tree: type[ProcessTree | PsutilTree]) -> None:
    with running("sh", "-c", f'"{sys.executable}" -c "{HOLDER}"; :') as process:
        reading = tree(process.pid).read()
        whole = tree(os.getpid()).read()

    assert reading.processes == 1
    assert 50_000_000 < reading.memory_bytes < 150_000_000
    assert reading.cpu_user_s + reading.cpu_system_s > 0
    assert whole.processes >= 2
    assert whole.memory_bytes > reading.memory_bytes


def test_both_ways_of_reading_agree() -> None:
    with running("sh", "-c", f'"{sys.executable}" -c "{HOLDER}"; :') as process:
        fast, slow = ProcessTree(process.pid).read(), PsutilTree(process.pid).read()

    assert fast.processes == slow.processes
    assert fast.memory_bytes == pytest.approx(slow.memory_bytes, rel=0.01)
    assert (fast.read_bytes, fast.write_bytes) == (slow.read_bytes, slow.write_bytes)
    assert fast.cpu_user_s + fast.cpu_system_s == pytest.approx(slow.cpu_user_s + slow.cpu_system_s, abs=0.03)


@TREES
def test_a_child_born_later_is_found_and_one_that_ended_is_forgotten(tree: type[ProcessTree | PsutilTree]) -> None:
    script = "echo ready; read -r line; sleep 60 & echo more; read -r line; kill $!; wait; echo less; read -r line"
    process = subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    assert process.stdin is not None
    assert process.stdout is not None
    reader = tree(process.pid)
    counts = []
    for word in (b"ready\n", b"more\n", b"less\n"):
        assert process.stdout.readline() == word
        counts.append(reader.read().processes)
        process.stdin.write(b"\n")
    process.communicate()
    reader.close()

    assert counts == [0, 1, 0]


def test_a_parent_with_threads_has_the_children_of_all_of_them() -> None:
    program = (
        "import subprocess, sys, threading\n"
        "def start(): children.append(subprocess.Popen(['cat'], stdin=subprocess.PIPE))\n"
        "children = []\n"
        "threads = [threading.Thread(target=start) for _ in range(3)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "print('ready', flush=True); sys.stdin.read(); [c.communicate() for c in children]\n"
    )
    with running(sys.executable, "-c", program) as process:
        assert ProcessTree(process.pid).read().processes == 3


def test_names_with_spaces_parentheses_and_more_than_fifteen_letters_are_whole(tmp_path: Path) -> None:
    for name in ("odd) (name", "a-name-of-more-than-fifteen"):
        shutil.copy(shutil.which("cat") or "", tmp_path / name)
        with running("sh", "-c", f'echo ready; "{tmp_path}/{name}"; :') as process:
            tree = ProcessTree(process.pid)
            for _ in range(2000):  # Until the shell's child has become what is looked for.
                tree.read()
                if name in {row[0] for row in tree.shares.breakdown(0.0)}:
                    break
            else:
                pytest.fail(f"{name} was never seen")


def test_a_tree_larger_than_what_is_kept_open_is_read_whole() -> None:
    script = "for i in $(seq 230); do sleep 60 & done; echo ready; read -r line; kill $(jobs -p)"
    with running("bash", "-c", script) as process:
        tree = ProcessTree(process.pid)
        first, second = tree.read(), tree.read()
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        tree.close()

    assert (first.processes, second.processes) == (230, 230)
    assert descriptors < 450
    assert len(list(Path("/proc/self/fd").iterdir())) < 100


def test_the_last_figures_of_a_child_that_ended_are_taken_before_it_is_reaped() -> None:
    burn = (
        "import time, sys; sys.stdin.readline()\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    )
    process = subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE)
    tree = ProcessTree(os.getpid())
    tree.read()
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.close()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    before_s = sum(row[1] for row in tree.shares.breakdown(1e9) if row[0] != "unsampled")
    tree.look_at_the_dead(process.pid)
    after_s = sum(row[1] for row in tree.shares.breakdown(1e9) if row[0] != "unsampled")
    process.wait()
    tree.close()

    assert after_s - before_s >= 0.15


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's process needs root to be started")
def test_proportional_sizes_are_read_when_the_sum_has_grown_and_shared_pages_count_once() -> None:
    program = (
        "import os, sys; data = bytearray(b'x') * 50_000_000\n"
        "reader, writer = os.pipe()\n"
        "child = os.fork()\n"
        "if child == 0: os.close(writer); os.read(reader, 1); os._exit(0)\n"
        "print('ready', flush=True); sys.stdin.read(); os.close(writer); os.wait()\n"
    )
    with running("sh", "-c", f'"{sys.executable}" -c "$0"; :', program) as process:
        tree = ProcessTree(process.pid)
        first, second = tree.read(), tree.read()
        tree.close()

    assert first.memory_bytes > 100_000_000
    assert first.proportional_bytes is not None
    assert 50_000_000 < first.proportional_bytes < 75_000_000
    assert second.proportional_bytes is None
