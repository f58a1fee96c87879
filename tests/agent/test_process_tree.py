from __future__ import annotations

import os
import subprocess
import sys

from makespan_agent.process_tree import ProcessTree


def test_a_reading_sums_the_descendants_and_leaves_the_root_out() -> None:
    holder = "import sys; data = bytearray(50_000_000); print('ready', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        ["sh", "-c", f'"{sys.executable}" -c "{holder}"; :'], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"

    reading = ProcessTree(process.pid).read()
    whole = ProcessTree(os.getpid()).read()

    process.communicate()
    assert reading.processes == 1
    assert 50_000_000 < reading.memory_bytes < 150_000_000
    assert reading.cpu_user_s + reading.cpu_system_s > 0
    assert whole.processes >= 2
    assert whole.memory_bytes > reading.memory_bytes
